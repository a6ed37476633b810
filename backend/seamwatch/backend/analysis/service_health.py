"""Judges each service from its rollups: healthy, degraded, failing or silent."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field

import psycopg

from seamwatch.backend.analysis.verdict import open_verdicts, set_verdict
from seamwatch.backend.storage.queries import load
from seamwatch.core import Clock, SystemClock

__all__ = ["KIND", "MinuteCount", "ServiceHealth", "ServiceWatch"]

KIND = "service_health"

FAILING_RATIO = 0.5
DEGRADED_RATIO = 0.05
MIN_REQUESTS = 10  # below, one failed request would be a verdict
SILENT_AFTER_GAPS = 3  # a service is silent after this many of its usual recent gaps ...
MIN_SILENCE_S = 6.0
MAX_SILENCE_S = 90.0  # ... which covers clients that send every 30 s
FIRST_SILENCE_S = 60.0  # while fewer than five arrivals were seen
_ARRIVALS_KEPT = 20
_ARRIVALS_NEEDED = 5
_FORGET_AFTER_S = 600.0  # silent services are watched this long
_MINUTES = datetime.timedelta(minutes=2)
_FIRST_MINUTES = datetime.timedelta(minutes=10)


@dataclass(frozen=True)
class MinuteCount:
    """What one service did in one minute so far.

    Attributes:
        minute: Its beginning.
        span_count: All spans.
        request_count: Entry spans: server, consumer or root.
        error_count: Failed ones of them.
    """

    minute: datetime.datetime
    span_count: int
    request_count: int
    error_count: int


@dataclass
class ServiceWatch:
    """What the loop remembers of one service; pure, times are given.

    Attributes:
        last_arrival_s: When new spans were last seen.
        gaps_s: Recent times from one arrival to the next.
        counts: Spans per minute as last seen.
    """

    last_arrival_s: float
    gaps_s: list[float] = field(default_factory=list)
    counts: dict[datetime.datetime, int] = field(default_factory=dict)

    def observe(self, minutes: Iterable[MinuteCount], now_s: float) -> None:
        """Note whether any minute has more spans than before: that is an arrival."""
        counts = {minute.minute: minute.span_count for minute in minutes}
        if any(count > self.counts.get(minute, 0) for minute, count in counts.items()):
            if self.counts:
                self.gaps_s = [*self.gaps_s, now_s - self.last_arrival_s][-_ARRIVALS_KEPT:]
            self.last_arrival_s = now_s
        self.counts = counts

    @property
    def silence_after_s(self) -> float:
        """How long without a span means that the service is gone."""
        if len(self.gaps_s) < _ARRIVALS_NEEDED:
            return FIRST_SILENCE_S
        # The longest but one in ten: a single pause would otherwise hide an end for half a minute.
        usual_s = sorted(self.gaps_s)[-1 - len(self.gaps_s) // 10]
        return min(MAX_SILENCE_S, max(MIN_SILENCE_S, SILENT_AFTER_GAPS * usual_s))

    def judge(self, minutes: Iterable[MinuteCount], now_s: float) -> tuple[str, dict[str, object]]:
        """State and evidence now."""
        recent = list(minutes)
        requests = sum(minute.request_count for minute in recent)
        errors = sum(minute.error_count for minute in recent)
        ratio = errors / requests if requests else 0.0
        quiet_s = now_s - self.last_arrival_s
        evidence: dict[str, object] = {
            "request_count": requests,
            "error_ratio": round(ratio, 4),
            "quiet_s": round(quiet_s, 1),
            "silent_after_s": round(self.silence_after_s, 1),
        }
        if quiet_s > self.silence_after_s:
            return "silent", evidence
        if requests >= MIN_REQUESTS and ratio >= FAILING_RATIO:
            return "failing", evidence
        if requests >= MIN_REQUESTS and ratio >= DEGRADED_RATIO:
            return "degraded", evidence
        return "healthy", evidence


class ServiceHealth:
    """The loop `service_health`: one open verdict per service, judged every second.

    A killed service that used to send each second is silent after six; its callers' errors show
    with the next fold. A service that stays away keeps the verdict `silent`.
    """

    name = KIND

    def __init__(self, *, interval_s: float = 1.0, clock: Clock | None = None) -> None:
        self.interval_s = interval_s
        self._clock = clock or SystemClock()
        self._watches: dict[tuple[int, str], ServiceWatch] = {}
        self._is_first = True

    def run(self, connection: psycopg.Connection) -> None:
        """Judge every service that sent spans in the last ten minutes; write what changed."""
        now_s = self._clock.time_ns() / 1e9
        now = datetime.datetime.fromtimestamp(now_s, datetime.UTC)
        found = self._read(connection, now)
        verdicts = open_verdicts(connection, KIND)
        for key, minutes in found.items():
            self._observe(key, minutes, now_s)
        for key, watch in list(self._watches.items()):
            minutes = [m for m in found.get(key, []) if m.minute > now - _MINUTES]
            state, evidence = watch.judge(minutes, now_s)
            if verdicts.get(key) != state:
                set_verdict(connection, key[0], KIND, key[1], state, evidence, now)
            if now_s - watch.last_arrival_s > _FORGET_AFTER_S:
                del self._watches[key]
        self._is_first = False

    def _read(
        self, connection: psycopg.Connection, now: datetime.datetime
    ) -> dict[tuple[int, str], list[MinuteCount]]:
        """Counts per service; at the first run of ten minutes, to know who was there."""
        since = now - (_FIRST_MINUTES if self._is_first else _MINUTES)
        rows = connection.execute(
            load("service_minute_counts"), {"since": since.replace(second=0, microsecond=0)}
        )
        found: dict[tuple[int, str], list[MinuteCount]] = {}
        for tenant_id, service_name, minute, spans, requests, errors in rows:
            counts = MinuteCount(minute, spans, requests, errors)
            found.setdefault((tenant_id, service_name), []).append(counts)
        return found

    def _observe(self, key: tuple[int, str], minutes: list[MinuteCount], now_s: float) -> None:
        watch = self._watches.get(key)
        if watch is None:
            # The end of its last minute, because nothing tells when in that minute.
            last = max(minute.minute for minute in minutes).timestamp() + 60
            watch = ServiceWatch(last_arrival_s=min(now_s, last))
            watch.counts = {minute.minute: minute.span_count for minute in minutes}
            self._watches[key] = watch
            return
        watch.observe(minutes, now_s)
