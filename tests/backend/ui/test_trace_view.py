"""Which span a trace page opens with."""

from __future__ import annotations

from tests.support.ui_samples import make_span, make_trace

from seamwatch.backend.ui.trace_view import trace_context

EXCEPTION = [{"time_unix_nano": "1", "name": "exception", "attributes": {"exception.type": "E"}}]


def selected(*spans: object) -> object:
    return trace_context(make_trace(*spans), selected_id="", shown_rows=10)["selected_id"]  # type: ignore[arg-type]


def test_the_deepest_span_with_an_exception_is_shown_first() -> None:
    root = make_span(1, None, "storefront", "POST /buy", status="error", events=EXCEPTION)
    cause = make_span(2, 1, "payments", "charge", status="error", events=EXCEPTION, start_ms=5)
    send = make_span(3, 2, "payments", "POST /charge http send", status="error", start_ms=9)

    assert selected(root, cause, send) == cause.span_id


def test_without_an_exception_the_error_that_nothing_below_explains_is_shown() -> None:
    root = make_span(1, None, "storefront", "POST /buy", status="error")
    cause = make_span(2, 1, "payments", "charge", status="error", start_ms=5)

    assert selected(root, cause) == cause.span_id


def test_without_an_error_the_first_span_is_shown() -> None:
    root = make_span(1, None, "storefront", "POST /buy")

    assert selected(root, make_span(2, 1, "payments", "charge", events=EXCEPTION)) == root.span_id
