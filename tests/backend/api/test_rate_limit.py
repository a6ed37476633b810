"""Requests of one token are limited, and its answers say so."""

from __future__ import annotations

import pytest

from seamwatch.backend.api.problem import ProblemError
from seamwatch.backend.api.rate_limit import RateLimiter


class _Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def time_ns(self) -> int:
        return int(self.now_s * 1e9)

    def monotonic(self) -> float:
        return self.now_s


def test_burst_passes_and_the_next_request_is_refused_with_a_delay() -> None:
    limiter = RateLimiter(requests_per_s=0.5, burst=3, clock=_Clock())
    for _ in range(3):
        limiter.take("token")

    with pytest.raises(ProblemError) as caught:
        limiter.take("token")

    assert caught.value.problem.status == 429
    assert caught.value.headers["Retry-After"] == "2"
    assert caught.value.headers["RateLimit"] == '"token";r=0;t=2'


def test_a_token_does_not_use_up_another_ones_requests() -> None:
    limiter = RateLimiter(requests_per_s=1, burst=1, clock=_Clock())
    limiter.take("a")

    assert limiter.take("b")["RateLimit"] == '"token";r=0;t=1'


def test_requests_come_back_at_the_rate_and_not_beyond_the_burst() -> None:
    clock = _Clock()
    limiter = RateLimiter(requests_per_s=2, burst=4, clock=clock)
    for _ in range(4):
        limiter.take("token")

    clock.now_s += 1.0
    after_one_second = limiter.take("token")["RateLimit"]
    clock.now_s += 1000.0
    after_long = limiter.take("token")["RateLimit"]

    assert (after_one_second, after_long) == ('"token";r=1;t=2', '"token";r=3;t=1')
