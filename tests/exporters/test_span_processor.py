"""The span processor with the real SDK against a far end."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from far_end import Answer, FarEnd, poll_until
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Status, StatusCode, Tracer

from seamwatch.exporters import ExportConfig, OtlpHttpConfig, OtlpHttpSender, SeamwatchSpanProcessor

MakeProcessor = Callable[..., SeamwatchSpanProcessor]


@pytest.fixture
def make_processor(far_end: FarEnd) -> Iterator[MakeProcessor]:
    made: list[SeamwatchSpanProcessor] = []

    def make(*, endpoint: str | None = None, **settings: Any) -> SeamwatchSpanProcessor:
        sender = OtlpHttpSender(
            OtlpHttpConfig(endpoint=endpoint or far_end.url + "/v1/traces", timeout_s=2.0)
        )
        made.append(SeamwatchSpanProcessor(sender, ExportConfig(**settings)))
        return made[-1]

    yield make
    for processor in made:
        processor.shutdown(timeout_millis=100)


def tracer_for(processor: SeamwatchSpanProcessor, **options: Any) -> Tracer:
    provider = TracerProvider(shutdown_on_exit=False, **options)
    provider.add_span_processor(processor)
    return provider.get_tracer("tests")


def end_span(tracer: Tracer, name: str, *, is_error: bool = False) -> None:
    span = tracer.start_span(name)
    if is_error:
        span.set_status(Status(StatusCode.ERROR))
    span.end()


@pytest.fixture
def dead_endpoint() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    return f"http://127.0.0.1:{port}/v1/traces"


def test_error_span_arrives_within_a_second_while_the_others_wait(
    far_end: FarEnd, make_processor: MakeProcessor
) -> None:
    tracer = tracer_for(make_processor())
    end_span(tracer, "fine")
    ended = time.monotonic()
    end_span(tracer, "broken", is_error=True)

    assert poll_until(lambda: bool(far_end.requests))
    assert far_end.requests[0].monotonic_s - ended <= 1.0
    assert far_end.accepted == ["broken"]


def test_spans_wait_in_the_batch_lane_until_shutdown(
    far_end: FarEnd, make_processor: MakeProcessor
) -> None:
    processor = make_processor()
    tracer = tracer_for(processor)
    for number in range(5):
        end_span(tracer, str(number))

    before = len(far_end.requests)
    processor.shutdown()

    assert (before, far_end.accepted) == (0, ["0", "1", "2", "3", "4"])


def test_full_batch_leaves_at_once(far_end: FarEnd, make_processor: MakeProcessor) -> None:
    tracer = tracer_for(make_processor(batch_size=10))
    for number in range(25):
        end_span(tracer, str(number))

    assert poll_until(lambda: len(far_end.accepted) == 20)
    assert [len(request.names) for request in far_end.requests] == [10, 10]


def test_interval_empties_the_batch_lane(far_end: FarEnd, make_processor: MakeProcessor) -> None:
    tracer = tracer_for(make_processor(interval_s=0.3))
    ended = time.monotonic()
    end_span(tracer, "first")
    end_span(tracer, "second")

    assert poll_until(lambda: len(far_end.accepted) == 2)
    assert 0.3 <= far_end.requests[0].monotonic_s - ended <= 1.5
    assert len(far_end.requests) == 1


def test_force_flush_sends_what_waits(far_end: FarEnd, make_processor: MakeProcessor) -> None:
    processor = make_processor()
    end_span(tracer_for(processor), "a")

    assert processor.force_flush(5000)
    assert far_end.accepted == ["a"]


def test_force_flush_gives_up_at_its_timeout(
    make_processor: MakeProcessor, dead_endpoint: str
) -> None:
    processor = make_processor(endpoint=dead_endpoint)
    end_span(tracer_for(processor), "a")
    began = time.monotonic()

    is_flushed = processor.force_flush(300)

    assert (is_flushed, time.monotonic() - began < 1.0) == (False, True)


def test_unsampled_spans_are_ignored(make_processor: MakeProcessor) -> None:
    processor = make_processor()
    end_span(tracer_for(processor, sampler=ALWAYS_OFF), "a")

    assert processor.statistics().queued == 0


def test_ring_stays_bounded_and_counts_what_it_drops(
    make_processor: MakeProcessor, far_end: FarEnd
) -> None:
    far_end.default = Answer(status=503, headers={"retry-after": "60"})
    processor = make_processor(queue_size=100, batch_size=10)
    tracer = tracer_for(processor)
    end_span(tracer, "first", is_error=True)
    assert poll_until(lambda: bool(far_end.requests))
    for number in range(1000):
        end_span(tracer, str(number))

    statistics = processor.statistics()

    assert (statistics.queued, statistics.in_flight) == (100, 1)
    assert statistics.dropped == {"queue_full": 900}
    assert len(far_end.requests) == 1  # nothing is sent before the far end wants it


def test_every_span_ends_in_exactly_one_counter(
    make_processor: MakeProcessor, far_end: FarEnd
) -> None:
    far_end.script = [
        Answer(503, {"retry-after": "0"}),
        far_end.answer_partially(3, "no"),
        Answer(400),
    ]
    processor = make_processor(batch_size=10, queue_size=1000)
    tracer = tracer_for(processor)
    for number in range(35):
        end_span(tracer, str(number))

    processor.shutdown()
    end_span(tracer, "late")

    statistics = processor.statistics()
    assert (statistics.sent, statistics.rejected, statistics.retries) == (22, 3, 1)
    assert statistics.dropped == {"refused": 10, "shutdown": 1}


def test_shutdown_with_a_dead_endpoint_is_bounded_and_counts_the_loss(
    make_processor: MakeProcessor, dead_endpoint: str
) -> None:
    processor = make_processor(endpoint=dead_endpoint, batch_size=10)
    tracer = tracer_for(processor)
    for number in range(95):
        end_span(tracer, str(number))
    began = time.monotonic()

    processor.shutdown()

    assert time.monotonic() - began <= 5.0
    assert sum(processor.statistics().dropped.values()) == 95


def test_shutdown_with_a_far_end_that_never_answers_is_bounded(
    make_processor: MakeProcessor,
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as deaf:
        processor = make_processor(
            endpoint=f"http://127.0.0.1:{deaf.getsockname()[1]}/", shutdown_timeout_s=0.5
        )
        end_span(tracer_for(processor), "a")
        began = time.monotonic()

        processor.shutdown()

        assert time.monotonic() - began <= 1.5


def test_second_shutdown_is_harmless(far_end: FarEnd, make_processor: MakeProcessor) -> None:
    processor = make_processor()
    end_span(tracer_for(processor), "a")

    processor.shutdown()
    processor.shutdown()

    assert far_end.accepted == ["a"]
    assert not processor.force_flush(100)


def test_garbage_never_raises_into_the_host(make_processor: MakeProcessor) -> None:
    processor = make_processor()

    for garbage in (None, 7, object(), "span"):
        processor.on_end(garbage)  # type: ignore[arg-type]

    assert processor.statistics().dropped == {"error": 4}


def test_span_that_cannot_be_encoded_costs_only_itself(
    far_end: FarEnd, make_processor: MakeProcessor
) -> None:
    processor = make_processor()
    tracer = tracer_for(processor)
    for name in ("a", "\ud800", "b"):
        end_span(tracer, name)

    processor.shutdown()

    assert far_end.accepted == ["a", "b"]
    assert processor.statistics().dropped == {"unencodable": 1}


def test_idle_processor_has_no_thread(make_processor: MakeProcessor) -> None:
    before = threading.active_count()

    make_processor()

    assert threading.active_count() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_parent_and_child_deliver_their_own_spans_once(
    far_end: FarEnd, make_processor: MakeProcessor
) -> None:
    processor = make_processor()
    tracer = tracer_for(processor)
    end_span(tracer, "warm-up", is_error=True)  # thread and connection exist before the fork
    assert poll_until(lambda: far_end.accepted == ["warm-up"])
    end_span(tracer, "waiting in the parent")

    child = os.fork()
    if child == 0:  # pragma: no cover
        status = 1
        try:
            end_span(tracer, "in the child")
            end_span(tracer, "error in the child", is_error=True)
            processor.shutdown()
            sent = processor.statistics().sent
            status = 0 if sent == 2 else 2
        finally:
            os._exit(status)
    end_span(tracer, "in the parent")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    processor.shutdown()

    assert far_end.counts() == {
        "warm-up": 1,
        "waiting in the parent": 1,
        "in the child": 1,
        "error in the child": 1,
        "in the parent": 1,
    }
    assert processor.statistics().sent == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_while_the_parent_waits_for_an_answer_leaves_the_child_free(
    far_end: FarEnd, make_processor: MakeProcessor
) -> None:
    far_end.script = [Answer(delay_s=1.0)]
    processor = make_processor()
    tracer = tracer_for(processor)
    end_span(tracer, "slow", is_error=True)
    assert poll_until(lambda: bool(far_end.requests))

    child = os.fork()
    if child == 0:  # pragma: no cover
        status = 1
        try:
            end_span(tracer, "child")
            processor.shutdown()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    processor.shutdown()

    assert far_end.counts() == {"slow": 1, "child": 1}


def test_threads_and_a_moody_far_end_lose_and_double_nothing(
    far_end: FarEnd, make_processor: MakeProcessor
) -> None:
    moods = [
        Answer(503, {"retry-after": "0"}),
        Answer(),
        Answer(429, {"retry-after": "0"}),
        Answer(),
    ]
    far_end.script = moods * 20
    processor = make_processor(batch_size=50, queue_size=10_000, interval_s=0.05)
    tracer = tracer_for(processor)

    def work(thread: int) -> None:
        for number in range(500):
            end_span(tracer, f"{thread}.{number}", is_error=number % 10 == 0)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    processor.shutdown()

    statistics = processor.statistics()
    assert far_end.counts() == {f"{t}.{n}": 1 for t in range(4) for n in range(500)}
    assert (statistics.sent, dict(statistics.dropped), statistics.queued) == (2000, {}, 0)


def test_span_ended_in_a_signal_handler_or_finalizer_never_waits_for_its_own_thread(
    make_processor: MakeProcessor,
) -> None:
    processor = make_processor()
    tracer = tracer_for(processor)

    with processor._ring._lock:  # as if the interruption came in the middle of `append`
        end_span(tracer, "in between")

    assert processor.statistics().queued == 1
