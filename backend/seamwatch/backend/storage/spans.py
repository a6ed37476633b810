"""The `RowKind` of spans."""

from __future__ import annotations

from seamwatch.backend.storage.copy_format import CopyTarget
from seamwatch.backend.storage.row_kind import RowKind
from seamwatch.backend.storage.span_aggregates import RETURNING, SpanAggregates, aggregate_inserted

__all__ = ["SPAN", "SPAN_COLUMNS"]

# Fixed-width columns first: a decoder packs them with one struct.
SPAN_COLUMNS = (
    "tenant_id", "start_time", "start_ns", "duration_ns", "name_key", "kind", "status_code", "flags",
    "trace_id", "span_id", "parent_span_id", "service_name", "resource_id", "scope_id", "name",
    "attributes", "status_message", "trace_state", "events", "links", "dropped_counts",
)  # fmt: skip

SPAN = RowKind(
    name="span",
    signal=1,
    target=CopyTarget("span", SPAN_COLUMNS),
    out_of_range=CopyTarget("span_out_of_range", SPAN_COLUMNS),
    identity=("tenant_id", "trace_id", "span_id"),
    time="start_time",
    returning=RETURNING,
    new_aggregates=SpanAggregates,
    aggregate_inserted=aggregate_inserted,
)
