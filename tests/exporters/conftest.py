"""A far end, a clock that tests advance, and spans of the real SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from far_end import FarEnd, run_far_end
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import Status, StatusCode

MakeSpans = Callable[..., list[ReadableSpan]]


class FakeClock:
    """Stands still until a test advances it."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def time_ns(self) -> int:
        return 1_800_000_000_000_000_000 + int((self.now_s - 1000.0) * 1e9)

    def monotonic(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


class _Collect(SpanProcessor):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with run_far_end() as server:
        yield server


@pytest.fixture
def make_spans() -> MakeSpans:
    """Ended spans with the given names; `is_error` gives them status ERROR."""

    def make(*names: str, is_error: bool = False) -> list[ReadableSpan]:
        collect = _Collect()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(collect)
        tracer = provider.get_tracer("tests")
        for name in names:
            span = tracer.start_span(name)
            if is_error:
                span.set_status(Status(StatusCode.ERROR, "broken"))
            span.end()
        return collect.spans

    return make
