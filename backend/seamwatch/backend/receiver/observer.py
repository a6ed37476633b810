"""What the receiver tells of its work; the composition root turns it into metrics."""

from __future__ import annotations

__all__ = ["ReceiverObserver"]


class ReceiverObserver:
    """Told of requests and items; every method may be called from any thread. The default does nothing."""

    def accepted(
        self, kind: str, *, requests: int, rows: int, out_of_range: int, size_bytes: int
    ) -> None:
        """A request is decoded: `rows` go to the partitions, `out_of_range` to the twin; not yet committed."""

    def rejected(self, kind: str, reason: str, rows: int) -> None:
        """Items of a request are refused for good."""

    def refused(self, transport: str, reason: str) -> None:
        """A whole request is answered with an error."""
