"""Retries, server delays and verdicts, with a far end and a clock that stands still."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from far_end import Answer, FarEnd

from seamwatch.exporters import OtlpHttpConfig, OtlpHttpSender
from seamwatch.exporters.counters import ExportCounters
from seamwatch.exporters.delivery import SpanDelivery
from seamwatch.exporters.stop_signal import StopSignal


class FakeStopSignal(StopSignal):
    """Waiting advances the clock instead of the day."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.clock = clock
        self.waited_s: list[float] = []

    def wait(self, delay_s: float) -> None:
        self.waited_s.append(round(delay_s, 3))
        self.clock.advance(delay_s)


class Bench:
    """A delivery with all that surrounds it."""

    def __init__(self, url: str, clock: Any, retry_limit_s: float = 300.0) -> None:
        self.counters = ExportCounters()
        self.stop = FakeStopSignal(clock)
        self.sender = OtlpHttpSender(OtlpHttpConfig(endpoint=url, timeout_s=2.0), clock=clock)
        self.delivery = SpanDelivery(
            self.sender,
            self.counters,
            self.stop,
            retry_limit_s=retry_limit_s,
            clock=clock,
            backoff=lambda attempt: float(attempt),
        )

    @property
    def counts(self) -> tuple[int, int, int, dict[str, int]]:
        read = self.counters.read(queued=0)
        return read.sent, read.rejected, read.retries, dict(read.dropped)


MakeBench = Callable[..., Bench]


@pytest.fixture
def make_bench(clock: Any) -> Iterator[MakeBench]:
    made: list[Bench] = []

    def make(url: str, **options: float) -> Bench:
        made.append(Bench(url, clock, **options))
        return made[-1]

    yield make
    for bench in made:
        bench.sender.close()


@pytest.fixture
def bench(far_end: FarEnd, make_bench: MakeBench) -> Bench:
    return make_bench(far_end.url + "/v1/traces")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_delay_that_the_far_end_asks_for_is_kept(
    status: int, far_end: FarEnd, bench: Bench, make_spans: Callable[..., Any]
) -> None:
    far_end.script = [
        Answer(status, {"retry-after": "7"}),
        Answer(status, {"retry-after": "Fri, 15 Jan 2027 08:00:10 GMT"}),  # 3 s after the first 7
    ]

    assert bench.delivery.deliver(make_spans("a"))
    assert bench.stop.waited_s == [7.0, 3.0]
    assert bench.counts == (1, 0, 2, {})


def test_backoff_is_ours_where_the_far_end_asks_for_none(
    far_end: FarEnd, bench: Bench, make_spans: Callable[..., Any]
) -> None:
    far_end.script = [Answer(503), Answer(503), Answer(503)]

    assert bench.delivery.deliver(make_spans("a"))
    assert bench.stop.waited_s == [1.0, 2.0, 3.0]


def test_next_batch_waits_as_well_when_the_far_end_asked_for_a_pause(
    far_end: FarEnd, make_bench: MakeBench, make_spans: Callable[..., Any]
) -> None:
    bench = make_bench(far_end.url, retry_limit_s=10.0)
    far_end.script = [Answer(503, {"retry-after": "8"}), Answer(503, {"retry-after": "8"})]

    bench.delivery.deliver(make_spans("a"))
    bench.delivery.deliver(make_spans("b"))

    assert bench.stop.waited_s == [8.0, 8.0]
    assert bench.counts == (1, 0, 1, {"retry_limit": 1})


def test_batch_is_dropped_when_the_retry_limit_is_reached(
    far_end: FarEnd, make_bench: MakeBench, make_spans: Callable[..., Any]
) -> None:
    bench = make_bench(far_end.url, retry_limit_s=5.0)
    far_end.default = Answer(503)

    assert not bench.delivery.deliver(make_spans("a", "b"))
    assert bench.counts == (0, 0, 2, {"retry_limit": 2})


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 500, 501])
def test_other_statuses_are_final(
    status: int, far_end: FarEnd, bench: Bench, make_spans: Callable[..., Any]
) -> None:
    far_end.script = [Answer(status, {"location": far_end.url + "/elsewhere", "retry-after": "1"})]

    assert not bench.delivery.deliver(make_spans("a"))
    assert len(far_end.requests) == 1
    assert bench.counts == (0, 0, 0, {"refused": 1})


def test_partial_success_is_counted_and_logged_once_a_minute(
    far_end: FarEnd,
    bench: Bench,
    clock: Any,
    make_spans: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    far_end.default = far_end.answer_partially(2, "two were too old")

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert bench.delivery.deliver(make_spans("a", "b", "c"))
        clock.advance(61.0)
        bench.delivery.deliver(make_spans("a", "b", "c"))

    assert bench.counts == (4, 8, 0, {})
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert "rejected 2 of 3 spans: two were too old" in lines[0]
    assert lines[1].endswith("(and 2 more like it)")


def test_far_end_cannot_reject_more_spans_than_it_got(
    far_end: FarEnd, bench: Bench, make_spans: Callable[..., Any]
) -> None:
    far_end.script = [far_end.answer_partially(99, "all"), far_end.answer_partially(-5, "none")]

    bench.delivery.deliver(make_spans("a", "b"))
    bench.delivery.deliver(make_spans("c"))

    assert bench.counts == (1, 2, 0, {})


def test_success_stays_a_success_whatever_its_body_holds(
    far_end: FarEnd, bench: Bench, make_spans: Callable[..., Any]
) -> None:
    far_end.script = [Answer(200, body=b"<html>\xff")]

    assert bench.delivery.deliver(make_spans("a"))
    assert bench.counts == (1, 0, 0, {})


def test_batch_too_large_for_the_far_end_is_halved(
    far_end: FarEnd, bench: Bench, make_spans: Callable[..., Any]
) -> None:
    far_end.script = [Answer(413), Answer(200), Answer(413), Answer(413), Answer(200)]

    assert not bench.delivery.deliver(make_spans("a", "b", "c", "d"))
    assert far_end.accepted == ["a", "b", "d"]
    assert bench.counts == (3, 0, 0, {"too_large": 1})


def test_unreachable_far_end_is_tried_again(
    make_bench: MakeBench, make_spans: Callable[..., Any]
) -> None:
    bench = make_bench("http://127.0.0.1:1/v1/traces", retry_limit_s=4.0)

    assert not bench.delivery.deliver(make_spans("a"))
    assert bench.stop.waited_s == [1.0, 2.0]
    assert bench.counts == (0, 0, 2, {"retry_limit": 1})


def test_at_the_end_of_the_process_the_far_ends_delay_is_kept_if_it_fits(
    far_end: FarEnd, bench: Bench, make_spans: Callable[..., Any]
) -> None:
    far_end.script = [Answer(503, {"retry-after": "2"}), Answer(503, {"retry-after": "60"})]
    bench.stop.set(timeout_s=5.0)

    assert bench.delivery.deliver(make_spans("a"))
    assert bench.stop.waited_s == [2.0, 2.5]  # the second is cut, to leave time for one request


def test_at_the_end_of_the_process_an_unreachable_far_end_is_tried_twice(
    make_bench: MakeBench, make_spans: Callable[..., Any]
) -> None:
    bench = make_bench("http://127.0.0.1:1/v1/traces")
    bench.stop.set(timeout_s=5.0)

    bench.delivery.deliver(make_spans("a"))

    assert bench.stop.waited_s == [0.25]
    assert bench.counts == (0, 0, 1, {"shutdown": 1})


def test_failure_in_the_second_half_of_a_batch_counts_the_first_half_once(
    far_end: FarEnd,
    bench: Bench,
    make_spans: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    far_end.script = [Answer(413), Answer(200)]
    compress = bench.sender.compress

    def fail_at_the_end(payload: bytes) -> bytes:
        if len(far_end.requests) == 2:
            raise MemoryError("no room")
        return compress(payload)

    monkeypatch.setattr(bench.sender, "compress", fail_at_the_end)

    assert not bench.delivery.deliver(make_spans("a", "b"))
    assert bench.counts == (1, 0, 0, {"error": 1})
