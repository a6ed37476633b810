"""Scripts that know nothing of Seamwatch, started with environment variables only."""

from __future__ import annotations

import importlib.util
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from far_end import Answer, FarEnd, poll_until

RunService = Callable[..., "subprocess.CompletedProcess[str]"]
StartService = Callable[..., "subprocess.Popen[str]"]

SPANS = """
    from opentelemetry import trace
    from opentelemetry.trace import Status, StatusCode
    tracer = trace.get_tracer("tiny")
    def end_span(name, error=False):
        with tracer.start_as_current_span(name) as span:
            if error:
                span.set_status(Status(StatusCode.ERROR, "broken"))
"""

ERROR_THEN_WAIT = (
    SPANS
    + """
    import time
    end_span("fine")
    end_span("broken", error=True)
    print(time.time(), flush=True)
    time.sleep(60)
"""
)


def test_each_span_arrives_exactly_once(far_end: FarEnd, run_service: RunService) -> None:
    result = run_service(
        SPANS
        + """
    for number in range(20):
        end_span(f"span {number}", error=number % 5 == 0)
    """
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert far_end.counts() == {f"span {number}": 1 for number in range(20)}
    resource = far_end.requests[0].message.resource_spans[0].resource
    attributes = {item.key: item.value.string_value for item in resource.attributes}
    assert attributes["service.name"] == "tiny"
    assert far_end.requests[0].path == "/v1/traces"


def test_error_span_arrives_within_1500_ms_while_the_others_wait(
    far_end: FarEnd, start_service: StartService
) -> None:
    process = start_service(ERROR_THEN_WAIT)
    assert process.stdout is not None
    ended_unix_s = float(process.stdout.readline())

    assert poll_until(lambda: bool(far_end.requests))
    assert far_end.requests[0].unix_s - ended_unix_s <= 1.5
    assert far_end.accepted == ["broken"]


def test_only_our_processor_is_left_in_the_sdk(run_service: RunService) -> None:
    result = run_service(
        """
        import threading
        from opentelemetry import trace
        names = [type(p).__name__ for p in trace.get_tracer_provider()._active_span_processor._span_processors]
        print(names, [t.name for t in threading.enumerate()])
        """
    )

    assert result.stdout == "['SeamwatchSpanProcessor'] ['MainThread']\n"


def test_service_that_does_not_choose_us_sends_nothing(
    far_end: FarEnd, run_service: RunService
) -> None:
    result = run_service(
        SPANS + "\n    end_span('a')\n    import sys; print('seamwatch.exporters' in sys.modules)",
        OTEL_TRACES_EXPORTER="none",
    )

    assert (result.stdout, result.stderr, far_end.requests) == ("False\n", "", [])


def test_other_exporters_beside_ours_stay(far_end: FarEnd, run_service: RunService) -> None:
    result = run_service(SPANS + "\n    end_span('a')", OTEL_TRACES_EXPORTER="console, seamwatch")

    assert '"name": "a"' in result.stdout
    assert far_end.counts() == {"a": 1}


def test_token_is_sent(far_end: FarEnd, run_service: RunService) -> None:
    run_service(
        SPANS + "\n    end_span('a')",
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20swk_1_secret",
    )

    assert far_end.requests[0].headers["authorization"] == "Bearer swk_1_secret"


def test_disabled_sdk_is_silent(far_end: FarEnd, run_service: RunService) -> None:
    result = run_service(SPANS + "\n    end_span('a')", OTEL_SDK_DISABLED="true")

    assert (result.returncode, result.stderr, far_end.requests) == (0, "", [])


def test_without_a_configured_sdk_one_line_says_what_to_install(
    far_end: FarEnd, run_service: RunService
) -> None:
    result = run_service(
        SPANS + "\n    end_span('a')\n    print('ran')", OTEL_PYTHON_CONFIGURATOR="none_such"
    )

    lines = [line for line in result.stderr.splitlines() if "Seamwatch" in line]
    assert (result.returncode, result.stdout, far_end.requests) == (0, "ran\n", [])
    assert len(lines) == 1
    assert "opentelemetry-distro" in lines[0]
    assert "seamwatch.client.attach" in lines[0]


def test_dead_endpoint_delays_the_end_of_a_service_by_at_most_five_seconds(
    run_service: RunService,
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]

    result = run_service(
        SPANS
        + """
    import atexit, time
    end_span("a", error=True)
    began = time.monotonic()
    import threading
    threading.Event().wait(0.5)
    trace.get_tracer_provider().shutdown()
    print(time.monotonic() - began - 0.5)
    """,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
    )

    assert result.returncode == 0
    assert float(result.stdout) <= 5.0
    assert "Traceback" not in result.stderr


def test_server_delay_is_kept_by_the_clock(far_end: FarEnd, run_service: RunService) -> None:
    far_end.script = [Answer(503, {"retry-after": "1"})]

    run_service(SPANS + "\n    end_span('a')")

    first, second = (request.monotonic_s for request in far_end.requests)
    assert 1.0 <= second - first <= 2.0
    assert far_end.counts() == {"a": 1}


def test_script_that_dies_of_an_exception_still_delivers(
    far_end: FarEnd, run_service: RunService
) -> None:
    result = run_service(SPANS + "\n    end_span('a')\n    raise SystemExit(3)")

    assert (result.returncode, far_end.counts()) == (3, {"a": 1})


def test_sigterm_that_nobody_handles_is_drained_and_still_ends_the_process(
    far_end: FarEnd, start_service: StartService
) -> None:
    process = start_service(ERROR_THEN_WAIT)
    assert process.stdout is not None
    process.stdout.readline()

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=10) == -signal.SIGTERM
    assert far_end.counts() == {"fine": 1, "broken": 1}


def test_sigterm_is_left_to_its_default_where_the_setting_says_so(
    far_end: FarEnd, start_service: StartService
) -> None:
    process = start_service(ERROR_THEN_WAIT, SEAMWATCH_EXPORT_DRAIN_ON_SIGTERM="false")
    assert process.stdout is not None
    process.stdout.readline()
    assert poll_until(lambda: far_end.accepted == ["broken"])

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=10) == -signal.SIGTERM
    assert far_end.accepted == ["broken"]


def test_uvicorn_delivers_after_sigterm(far_end: FarEnd, start_service: StartService) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    process = start_service(
        f"""
        import uvicorn
        from fastapi import FastAPI

        app = FastAPI()

        @app.get("/orders")
        def orders() -> str:
            return "none"

        @app.get("/broken")
        def broken() -> str:
            raise RuntimeError("broken")

        uvicorn.run(app, port={port}, log_level="critical")
        """
    )
    url = f"http://127.0.0.1:{port}"
    assert poll_until(lambda: answers(url + "/orders") == 200, timeout_s=30.0)
    assert answers(url + "/broken") == 500
    assert poll_until(lambda: "GET /broken" in far_end.accepted)
    early = far_end.accepted

    process.send_signal(signal.SIGTERM)
    process.wait(timeout=10)

    assert "GET /orders" not in early
    assert (far_end.counts()["GET /orders"], far_end.counts()["GET /broken"]) == (1, 1)


def answers(url: str) -> int:
    """Status of one request; 0 while nobody listens."""
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return 0


def test_sigterm_that_the_service_handles_ends_in_a_drain(
    far_end: FarEnd, start_service: StartService
) -> None:
    process = start_service(
        SPANS
        + """
    import signal, sys, time
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    end_span("a")
    print("ready", flush=True)
    time.sleep(60)
    """
    )
    assert process.stdout is not None
    process.stdout.readline()

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=10) == 0
    assert far_end.counts() == {"a": 1}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing_children_deliver_at_their_end(
    method: str, far_end: FarEnd, run_service: RunService
) -> None:
    result = run_service(
        f"""
        import multiprocessing
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from seamwatch.client import attach

        trace.set_tracer_provider(TracerProvider())
        attach()

        def work(number):
            with trace.get_tracer("tiny").start_as_current_span(f"child {{number}}"):
                pass

        if __name__ == "__main__":
            with trace.get_tracer("tiny").start_as_current_span("parent"):
                pass
            context = multiprocessing.get_context("{method}")
            children = [context.Process(target=work, args=(number,)) for number in range(2)]
            for child in children:
                child.start()
            for child in children:
                child.join()
        """,
        is_auto=False,
        PYTHONWARNINGS="ignore:This process:DeprecationWarning",
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert far_end.counts() == {"parent": 1, "child 0": 1, "child 1": 1}


def test_prefork_server_with_a_span_before_the_fork_delivers_each_once(
    far_end: FarEnd, run_service: RunService
) -> None:
    """As gunicorn --preload: the application is loaded, and used, before the workers fork."""
    result = run_service(
        SPANS
        + """
    import os, sys, warnings
    warnings.simplefilter("ignore")
    end_span("preload", error=True)
    end_span("preload 2")
    workers = []
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            end_span(f"worker {number}")
            sys.exit(0)
        workers.append(pid)
    for pid in workers:
        os.waitpid(pid, 0)
    """
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert far_end.counts() == {
        "preload": 1,
        "preload 2": 1,
        "worker 0": 1,
        "worker 1": 1,
        "worker 2": 1,
    }


@pytest.mark.skipif(
    importlib.util.find_spec("opentelemetry.configuration") is None,
    reason="needs opentelemetry-configuration",
)
@pytest.mark.parametrize("kind", ["simple", "batch"])
def test_config_file_route_delivers_each_span_once(
    kind: str, far_end: FarEnd, run_service: RunService, tmp_path: Path
) -> None:
    path = tmp_path / "otel.yaml"
    path.write_text(
        f"""
file_format: "1.0"
tracer_provider:
  processors:
    - {kind}:
        exporter:
          seamwatch:
            endpoint: "{far_end.url}"
            headers: "authorization=Bearer%20swk_1_a"
            fast_interval_s: 0.1
"""
    )
    began = time.monotonic()

    result = run_service(
        SPANS
        + """
    for number in range(5):
        end_span(f"span {number}", error=number == 4)
    print([type(p).__name__ for p in trace.get_tracer_provider()._active_span_processor._span_processors])
    """,
        OTEL_CONFIG_FILE=str(path),
        OTEL_TRACES_EXPORTER="",
    )

    assert result.stdout == "['SeamwatchSpanProcessor']\n"
    assert "Seamwatch" not in result.stderr
    assert far_end.counts() == {f"span {number}": 1 for number in range(5)}
    assert far_end.requests[0].headers["authorization"] == "Bearer swk_1_a"
    assert time.monotonic() - began < 30.0


def test_greenlets_go_on_while_the_worker_waits(run_service: RunService, far_end: FarEnd) -> None:
    # gevent is told by the service itself, after the SDK and our processor exist.
    result = run_service(
        """
    from gevent import monkey
    monkey.patch_all()
    import time
    """
        + SPANS
        + """
    end_span("first")
    begun = time.monotonic()
    time.sleep(0.2)
    print(time.monotonic() - begun)
    """,
        SEAMWATCH_EXPORT_INTERVAL_S="10",
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert float(result.stdout) < 2.0
    assert far_end.counts() == {"first": 1}


def test_worker_process_of_billiard_sends_its_spans_before_it_leaves(
    run_service: RunService, far_end: FarEnd
) -> None:
    # billiard is the multiprocessing of celery; like it, it ends children by os._exit.
    result = run_service(
        SPANS
        + """
    import billiard
    child = billiard.get_context("fork").Process(target=end_span, args=("in the child",))
    child.start()
    child.join()
    """
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert far_end.counts() == {"in the child": 1}


def test_endpoint_that_is_no_url_leaves_the_service_alone(run_service: RunService) -> None:
    result = run_service(
        "print('alive')", OTEL_EXPORTER_OTLP_ENDPOINT="http://[::1", PYTHONWARNINGS="error"
    )

    assert (result.returncode, result.stdout) == (0, "alive\n")
    assert "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: must be a URL" in result.stderr
    assert "Traceback" not in result.stderr


def test_first_process_of_a_container_goes_on_watched_after_a_sigterm_that_does_not_end_it(
    run_service: RunService, far_end: FarEnd
) -> None:
    # The kernel keeps the default action of SIGTERM from process 1; here os.getpid plays its part.
    result = run_service(
        SPANS
        + """
    import os, signal
    end_span("before")
    handling = False
    os.getpid = lambda pid=os.getpid(): 1 if handling else pid
    handling = True
    signal.raise_signal(signal.SIGTERM)
    handling = False
    end_span("after")
    print("alive")
    """
    )

    assert (result.returncode, result.stdout) == (0, "alive\n")
    assert far_end.counts() == {"before": 1, "after": 1}
