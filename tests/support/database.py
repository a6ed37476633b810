"""Reads back what was stored, in the shape of `tests.support.otlp.truth`."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

__all__ = ["rollup_totals", "stored_spans"]

_SPANS = (Path(__file__).parent / "spans.sql").read_text()
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_ROLLUPS = """
SELECT tenant_id, minute, service_name, name, kind, is_entry, sum(span_count), sum(error_count), sum(duration_sum_ns),
       max(slowest_duration_ns), max(error_start_ns),
       (SELECT jsonb_object_agg(bucket, total)
          FROM (SELECT h.bucket, sum(h.count) AS total
                  FROM seamwatch.span_rollup inner_rollup,
                       unnest(inner_rollup.histogram_bucket, inner_rollup.histogram_count) AS h (bucket, count)
                 WHERE (inner_rollup.tenant_id, inner_rollup.minute, inner_rollup.service_name, inner_rollup.name,
                        inner_rollup.kind, inner_rollup.is_entry)
                     = (o.tenant_id, o.minute, o.service_name, o.name, o.kind, o.is_entry)
                 GROUP BY h.bucket) AS buckets) AS histogram,
       (array_agg(slowest_trace_id ORDER BY slowest_duration_ns DESC, slowest_trace_id DESC))[1],
       (array_agg(error_trace_id ORDER BY error_start_ns DESC NULLS LAST, error_trace_id DESC NULLS LAST))[1]
  FROM seamwatch.span_rollup o
 GROUP BY tenant_id, minute, service_name, name, kind, is_entry
 ORDER BY tenant_id, minute, service_name, name, kind, is_entry
"""
_ERRORS = """
SELECT tenant_id, minute, service_name, error_type, fingerprint, sum(error_count), max(last_start_ns),
       (array_agg(message ORDER BY last_start_ns DESC, last_trace_id DESC))[1]
  FROM seamwatch.error_rollup
 GROUP BY tenant_id, minute, service_name, error_type, fingerprint
 ORDER BY tenant_id, minute, service_name, error_type, fingerprint
"""


def stored_spans(conninfo: str) -> list[dict[str, Any]]:
    """Every span of every tenant in the partitions, with its resource and scope."""
    with psycopg.connect(conninfo, row_factory=dict_row) as connection:
        rows = connection.execute(_SPANS).fetchall()  # type: ignore[call-overload]
    for row in rows:
        delta = row.pop("start_time") - _EPOCH
        micros = (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
        row["start_unix_ns"] = micros * 1000 + row.pop("start_ns")
    return rows


def rollup_totals(conninfo: str) -> tuple[list[Any], list[Any]]:
    """Rollups of spans and of errors, summed over parts and folded rows."""
    with psycopg.connect(conninfo) as connection:
        return connection.execute(_ROLLUPS).fetchall(), connection.execute(_ERRORS).fetchall()
