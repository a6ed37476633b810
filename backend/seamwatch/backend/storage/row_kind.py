"""What the sink must know of a kind of rows: where they go, what makes them the same, and what they add up to.

A new signal brings one `RowKind` and a decoder; the sink, idempotence, salvage and acknowledgement stay as they are.
See docs/reference/extension-points.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from seamwatch.backend.storage.copy_format import CopyTarget
from seamwatch.backend.storage.name_limit import NameLimit

__all__ = ["Aggregates", "Batch", "DictionaryRow", "RowKind"]


class Aggregates(Protocol):
    """Sums over rows, mergeable in any order; written in the transaction that inserts the rows."""

    def merge(self, other: Any) -> None:
        """Add what `other`, of the same class, has counted."""
        ...

    def copy_rows(self, names: NameLimit) -> Iterable[tuple[CopyTarget, list[bytes]]]:
        """The rows to add, per relation, in binary COPY format; `names` bounds how many keys there are."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RowKind:
    """One kind of rows.

    Attributes:
        name: Table name in schema ``seamwatch`` and label in the backend's own metrics.
        signal: Number stored with a request's digest: 1 traces, 2 logs, 3 metrics.
        target: The partitioned relation and its columns in the order of the rows' fields.
        out_of_range: The twin for rows outside every partition; same columns.
        identity: Columns that should name one item whatever its time; one seen at another time is `conflicting`.
        time: The column that partitions are made by.
        returning: Columns of really inserted rows that `aggregate_inserted` needs.
        new_aggregates: Makes an empty sum.
        aggregate_inserted: Sums rows of the `returning` columns; must equal what the decoder summed for the same rows.
    """

    name: str
    signal: int
    target: CopyTarget
    out_of_range: CopyTarget
    identity: tuple[str, ...]
    time: str
    returning: tuple[str, ...]
    new_aggregates: Callable[[], Aggregates]
    aggregate_inserted: Callable[[Iterable[Sequence[Any]]], Aggregates]


@dataclass(frozen=True, slots=True)
class DictionaryRow:
    """A resource or scope: its digest id and the values of its table's columns after the tenant."""

    row_id: int
    name: str  # service name of a resource, name of a scope
    version: str  # of a scope; empty for a resource
    attributes: str  # canonical JSON text
    dropped_attributes_count: int
    schema_url: str | None


@dataclass(slots=True, kw_only=True)
class Batch:
    """One decoded request, stored whole or not at all.

    Attributes:
        rows: Rows of `kind.target` in binary COPY format, one item each.
        out_of_range_rows: Rows for the twin.
        aggregates: Sums over `rows` alone.
        digest: BLAKE2b-128 of the decompressed request body.
        rejected: Items refused while decoding, by reason.
        rejection_message: What was wrong with the first of them.
    """

    kind: RowKind
    tenant_id: int
    digest: bytes
    size_bytes: int
    aggregates: Aggregates
    rows: list[bytes] = field(default_factory=list)
    out_of_range_rows: list[bytes] = field(default_factory=list)
    resources: dict[int, DictionaryRow] = field(default_factory=dict)
    scopes: dict[int, DictionaryRow] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    rejection_message: str = ""

    def reject(self, reason: str, message: str, count: int = 1) -> None:
        """Count items that are refused for good; the first message is told to the sender."""
        self.rejected[reason] = self.rejected.get(reason, 0) + count
        if not self.rejection_message:
            self.rejection_message = message
