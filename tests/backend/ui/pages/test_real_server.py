"""The pages of a real server: spans come in over OTLP, a browser signs in and sees them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.backend_process import BackendProcess
from tests.support.otlp import rich_request, simple_request
from tests.support.polling import wait_for
from tests.support.senders import send_http


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(tmp_path_factory.mktemp("pages") / "state")
    try:
        process.start()
        yield process
    finally:
        process.close()


@pytest.fixture
def signed_in(backend: BackendProcess, chromium: Any) -> Iterator[Callable[[str], Any]]:
    """Open a path of the real server in a browser that signed in with the first token."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    origin = f"http://127.0.0.1:{backend.admin_port}"
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{origin}/")
    page.get_by_label("Token").fill(backend.admin_token())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{origin}/")

    def open_path(path: str) -> Any:
        page.goto(origin + path)
        return page

    yield open_path
    context.close()
    assert complaints == []


def send(backend: BackendProcess, request: ExportTraceServiceRequest) -> None:
    status, body, _ = send_http(backend.http_port, request.SerializeToString())
    assert (status, body) == (200, b"")


def test_numbers_of_the_overview_grow_while_spans_arrive(
    backend: BackendProcess, signed_in: Callable[[str], Any]
) -> None:
    send(backend, simple_request(count=20, start_ns=time.time_ns(), service="live", seed=11))
    page = signed_in("/?numbers=live")
    page.wait_for_selector("tr[data-key=live]")
    newest = page.locator("#numbers tbody tr").first.locator("td").first

    send(
        backend,
        simple_request(count=30, start_ns=time.time_ns(), service="live", failed=30, seed=12),
    )

    wait_for(lambda: _total(page) == 50, "50 requests of the service are shown")
    assert newest.is_visible()
    assert page.locator("tr[data-key=live] .figure.bad").count() == 1


def test_every_field_of_a_rich_span_is_on_the_trace_page(
    backend: BackendProcess, signed_in: Callable[[str], Any]
) -> None:
    request = rich_request(time.time_ns())
    send(backend, request)
    span = request.resource_spans[0].scope_spans[0].spans[0]

    page = signed_in(f"/traces/{span.trace_id.hex()}?span={span.span_id.hex()}")
    text = page.locator("#details").inner_text()

    assert span.name in text
    for attribute in span.attributes:
        assert attribute.key[:20] in text
    assert page.locator("a.row").count() == len(
        {
            s.span_id
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for s in scope.spans
            if s.trace_id == span.trace_id
        }
    )


def test_trace_is_found_by_the_search_form_and_opened(
    backend: BackendProcess, signed_in: Callable[[str], Any]
) -> None:
    start_ns = time.time_ns()
    send(
        backend,
        simple_request(start_ns=start_ns, service="findme", name="GET /needle", failed=1, seed=13),
    )
    page = signed_in("/traces")

    page.get_by_label("Service").fill("findme")
    page.get_by_label("Status").select_option("error")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="GET /needle").click()

    assert re.search(r"/traces/[0-9a-f]{32}$", page.url)
    assert page.locator("a.row.row-error").count() == 1


def test_older_traces_follow_on_the_next_page_without_a_repeat(
    backend: BackendProcess, signed_in: Callable[[str], Any]
) -> None:
    send(backend, simple_request(count=120, start_ns=time.time_ns(), service="many", seed=14))
    page = signed_in("/traces?service=many")

    seen: list[str] = []
    while True:
        seen += [a.get_attribute("href") for a in page.locator("table.traces th a").all()]
        older = page.get_by_role("link", name="Older traces")
        if not older.count():
            break
        older.click()

    assert len(seen) == len(set(seen)) == 120


def test_failed_spans_are_grouped_on_the_errors_page(
    backend: BackendProcess, signed_in: Callable[[str], Any]
) -> None:
    send(
        backend,
        simple_request(count=3, start_ns=time.time_ns(), service="broken", failed=3, seed=15),
    )

    page = signed_in("/errors?service=broken")

    assert page.locator("table.errors tbody tr").count() == 1
    assert page.locator("[data-label=Count] .figure").inner_text() == "3"


def test_trace_of_ten_thousand_spans_opens_within_a_second(
    backend: BackendProcess, signed_in: Callable[[str], Any]
) -> None:
    request = simple_request(count=10_000, start_ns=time.time_ns(), service="large", seed=16)
    spans = request.resource_spans[0].scope_spans[0].spans
    for span in spans[1:]:
        span.trace_id, span.parent_span_id = spans[0].trace_id, spans[0].span_id
    send(backend, request)
    page = signed_in("/")
    path = f"/traces/{spans[0].trace_id.hex()}"

    took_ms = []
    for _ in range(3):
        with page.expect_response(lambda answer: answer.url.endswith(path)) as answer:
            page.goto(f"http://127.0.0.1:{backend.admin_port}{path}")
        took_ms.append(float(answer.value.headers["server-timing"].rpartition("=")[2]))

    assert min(took_ms) < 1000
    assert page.locator("a.row").count() >= 500


def _total(page: Any) -> int:
    page.wait_for_timeout(50)
    cells = page.locator("#numbers tbody td:nth-child(2)").all_inner_texts()
    return sum(int(text.replace(",", "")) for text in cells)
