"""A token bucket per credential."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

from seamwatch.backend.api.problem import ProblemError
from seamwatch.core import Clock, SystemClock

__all__ = ["RateLimiter"]

_MAX_BUCKETS = 4096


@dataclass(slots=True)
class _Bucket:
    level: float
    filled_at: float


class RateLimiter:
    """Lets `burst` requests pass at once and `requests_per_s` on average. For one event loop.

    The least recently used buckets are forgotten beyond 4096 credentials: a forgotten one starts full.
    """

    def __init__(self, *, requests_per_s: float, burst: int, clock: Clock | None = None) -> None:
        self._rate = requests_per_s
        self._burst = burst
        self._clock = clock or SystemClock()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._policy = f'"token";q={burst};w={math.ceil(burst / requests_per_s)}'

    def take(self, key: str) -> dict[str, str]:
        """Count one request of `key`; returns the RateLimit headers of its answer.

        Raises:
            ProblemError: 429 with Retry-After where the bucket is empty.
        """
        now = self._clock.monotonic()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(float(self._burst), now)
            if len(self._buckets) > _MAX_BUCKETS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
            level = bucket.level + (now - bucket.filled_at) * self._rate
            bucket.level, bucket.filled_at = min(float(self._burst), level), now
        if bucket.level < 1:
            delay_s = max(1, math.ceil((1 - bucket.level) / self._rate))
            raise ProblemError(
                429,
                "Too many requests",
                detail=f"this token may make {self._rate:g} requests a second",
                remedy=f"retry after {delay_s} s, or raise SEAMWATCH_ADMIN_REQUESTS_PER_S",
                headers={"Retry-After": str(delay_s), **self._headers(0, delay_s)},
            )
        bucket.level -= 1
        return self._headers(
            int(bucket.level), math.ceil((self._burst - bucket.level) / self._rate)
        )

    def _headers(self, remaining: int, reset_s: int) -> dict[str, str]:
        """RateLimit fields (IETF draft "RateLimit header fields for HTTP", version 10)."""
        return {"RateLimit-Policy": self._policy, "RateLimit": f'"token";r={remaining};t={reset_s}'}
