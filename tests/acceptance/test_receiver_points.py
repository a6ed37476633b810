"""Points of the OTLP receiver's specification that need the real server: sockets, both transports, PostgreSQL.

The points that concern HTTP alone are in tests/backend/receiver/test_http_app.py and test_json_encoding.py;
docs/reference/otlp.md lists which test holds which point.
"""

from __future__ import annotations

import concurrent.futures
import gzip
import http.client
import json
import threading
from typing import Any

import grpc
import psycopg
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.support.attack import GrpcAnswer, GrpcClient, HttpClient, length_delimited
from tests.support.backend_process import BackendProcess
from tests.support.database import stored_spans
from tests.support.otlp import simple_request, truth
from tests.support.polling import wait_for
from tests.support.receiver_service import NOW_NS, OK, hash_of, partial_success, request_of, stored

LIMIT = 16 * 1024 * 1024
SERVICE_PREFIX = "/opentelemetry.proto.collector."


def test_point_1_grpc_and_http_listen_on_loopback_by_default() -> None:
    from seamwatch.backend.receiver.config import ReceiverConfig

    config = ReceiverConfig.from_environment({})

    assert (config.grpc_endpoint, config.http_endpoint) == ("127.0.0.1:4317", "127.0.0.1:4318")


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_point_2_grpc_accepts_no_compression_and_gzip(
    compression: grpc.Compression, client: GrpcClient, conninfo: str
) -> None:
    service = f"point-2-{compression.name}"

    answer = client.export(request_of(service).SerializeToString(), compression=compression)

    assert answer.code is OK
    assert len(stored(conninfo, service)) == 1


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_point_3_grpc_refuses_more_than_the_limit_without_a_delay_to_retry_after(
    compression: grpc.Compression, client: GrpcClient
) -> None:
    answer = client.export(bytes(LIMIT + 1), compression=compression)

    assert answer.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "google.rpc.retryinfo-bin" not in answer.trailers


def test_point_3_more_spans_than_the_limit_are_refused_without_a_delay(client: GrpcClient) -> None:
    spans = b"\x12\0" * 70_000

    answer = client.export(length_delimited(1, length_delimited(2, spans)))

    assert answer.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "google.rpc.retryinfo-bin" not in answer.trailers
    assert "65536" in answer.details


def test_point_4_a_rejection_message_of_many_megabytes_is_shortened(client: GrpcClient) -> None:
    request = request_of("point-4")
    request.resource_spans[0].scope_spans[0].spans[0].span_id = b"x" * 5_000_000

    answer = client.export(request.SerializeToString())

    assert partial_success(answer)[0] == 1
    assert len(answer.message) < 4 * 1024 * 1024


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_point_5_an_acknowledged_span_is_already_committed(
    transport: str, client: GrpcClient, http_client: HttpClient, conninfo: str
) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for number in range(20):
            service = f"point-5-{transport}-{number}"
            body = request_of(service).SerializeToString()
            if transport == "grpc":
                assert client.export(body).code is OK
            else:
                assert http_client.post(body)[0] == 200

            found = connection.execute(
                "SELECT count(*) FROM seamwatch.span WHERE service_name = %s", (service,)
            ).fetchone()

            assert found == (1,)


def test_point_6_the_same_body_again_and_its_spans_in_other_batches_are_stored_once(
    client: GrpcClient, http_client: HttpClient, conninfo: str
) -> None:
    request = simple_request(count=6, start_ns=NOW_NS, service="point-6", seed=6)
    halves = [ExportTraceServiceRequest(), ExportTraceServiceRequest()]
    for index, half in enumerate(halves):
        half.CopyFrom(request)
        spans = half.resource_spans[0].scope_spans[0].spans
        del spans[3 * (1 - index) : 6 - 3 * index]

    for body in [request, *halves, request]:
        assert client.export(body.SerializeToString()) == GrpcAnswer(OK)
        assert http_client.post(body.SerializeToString())[:2] == (200, b"")

    assert len(stored(conninfo, "point-6")) == 6


@pytest.mark.parametrize(
    "body",
    [b"", b"\x0a\0", length_delimited(1, b"\x12\0"), length_delimited(1, b"\x0a\0\x12\0\x12\0")],
    ids=["empty", "empty ResourceSpans", "empty ScopeSpans", "several"],
)
def test_point_7_empty_envelopes_succeed_with_an_empty_answer(
    body: bytes, client: GrpcClient, http_client: HttpClient
) -> None:
    assert client.export(body) == GrpcAnswer(OK)
    assert http_client.post(body)[:2] == (200, b"")


def test_point_7_empty_json_succeeds_with_an_empty_object(http_client: HttpClient) -> None:
    for body in (b"{}", b'{"resourceSpans":[]}', b'{"resourceSpans":[{"scopeSpans":[{}]}]}'):
        assert http_client.post(body, content_type="application/json")[:2] == (200, b"{}")


def test_point_8_a_full_success_leaves_partial_success_unset(client: GrpcClient) -> None:
    answer = client.export(request_of("point-8").SerializeToString())

    assert answer.code is OK
    assert not ExportTraceServiceResponse.FromString(answer.message).HasField("partial_success")


def test_point_9_one_bad_span_of_a_thousand_costs_one_span_and_is_reported(
    client: GrpcClient, http_client: HttpClient, conninfo: str
) -> None:
    for transport in ("grpc", "http"):
        service = f"point-9-{transport}"
        request = simple_request(
            count=1000, start_ns=NOW_NS, service=service, seed=hash_of(service)
        )
        body = request.SerializeToString()
        name = request.resource_spans[0].scope_spans[0].spans[500].attributes[0].value.string_value
        assert name == "GET"
        at = body.index(request.resource_spans[0].scope_spans[0].spans[500].trace_id)
        at = body.index(b"GET /orders", at)
        damaged = body[:at] + b"\xff" + body[at + 1 :]  # the name is no UTF-8 any more

        if transport == "grpc":
            rejected, message = partial_success(client.export(damaged))
        else:
            status, content, _ = http_client.post(damaged)
            assert status == 200
            rejected, message = partial_success(GrpcAnswer(OK, content))

        assert rejected == 1
        assert "UTF-8" in message
        assert len(stored(conninfo, service)) == 999


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("short-trace-id", {"trace_id": b"\1" * 15}),
        ("long-trace-id", {"trace_id": b"\1" * 17}),
        ("no-trace-id", {"trace_id": b""}),
        ("zero-trace-id", {"trace_id": bytes(16)}),
        ("short-span-id", {"span_id": b"\1" * 7}),
        ("long-span-id", {"span_id": b"\1" * 9}),
        ("no-span-id", {"span_id": b""}),
        ("zero-span-id", {"span_id": bytes(8)}),
        ("odd-parent", {"parent_span_id": b"\1" * 5}),
        ("kind-beyond-16-bits", {"kind": 40_000}),
        ("duration-beyond-63-bits", {"start_time_unix_nano": 0, "end_time_unix_nano": 2**64 - 1}),
    ],
)
def test_point_10_an_invalid_span_is_rejected_alone(
    name: str, changes: dict[str, Any], client: GrpcClient, conninfo: str
) -> None:
    service = f"point-10-{name}"
    request = simple_request(count=2, start_ns=NOW_NS, service=service, seed=hash_of(name))
    for field, value in changes.items():
        setattr(request.resource_spans[0].scope_spans[0].spans[0], field, value)

    rejected, message = partial_success(client.export(request.SerializeToString()))

    assert rejected == 1
    assert message
    assert len(stored(conninfo, service)) == 1


@pytest.mark.parametrize("parent", [b"", bytes(8)])
def test_point_10_an_empty_or_zero_parent_makes_a_root(
    parent: bytes, client: GrpcClient, conninfo: str
) -> None:
    service = f"point-10-root-{len(parent)}"

    assert client.export(request_of(service, parent_span_id=parent).SerializeToString()).code is OK

    assert [row["parent_span_id"] for row in stored(conninfo, service)] == [None]


def test_point_11_of_equal_keys_the_last_wins_and_reserved_flags_are_cleared(
    client: GrpcClient, conninfo: str
) -> None:
    request = request_of("point-11", flags=0xFFFF_FFFF, kind=77, trace_state="a=1")
    found = request.resource_spans[0].scope_spans[0].spans[0]
    found.status.code = 99
    del found.attributes[:]
    for value in ("first", "last"):
        found.attributes.add(key="twice").value.string_value = value

    assert client.export(request.SerializeToString()) == GrpcAnswer(OK)

    [row] = stored(conninfo, "point-11")
    assert row["attributes"] == {"twice": "last"}
    assert (row["flags"], row["kind"], row["status_code"]) == (0x3FF, 77, 99)
    assert row["trace_state"] == "a=1"


def test_point_12_unknown_fields_at_every_level_are_ignored(
    client: GrpcClient, http_client: HttpClient, conninfo: str
) -> None:
    unknown = length_delimited(99, b"process context") + b"\x98\x06\x2a" + b"\xa1\x06" + bytes(8)
    span = request_of("point-12").resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    resource = request_of("point-12").resource_spans[0].resource.SerializeToString()
    body = (
        length_delimited(
            1,
            length_delimited(1, resource + unknown)
            + length_delimited(2, length_delimited(2, span + unknown) + unknown)
            + unknown,
        )
        + unknown
    )

    assert client.export(body) == GrpcAnswer(OK)
    assert http_client.post(body)[0] == 200

    assert len(stored(conninfo, "point-12")) == 1


@pytest.mark.parametrize(
    "method",
    [
        SERVICE_PREFIX + "metrics.v1.MetricsService/Export",
        SERVICE_PREFIX + "logs.v1.LogsService/Export",
        SERVICE_PREFIX + "profiles.v1development.ProfilesService/Export",
        SERVICE_PREFIX + "trace.v1.TraceService/Import",
        "/grpc.health.v1.Health/Check",
    ],
)
def test_point_12_other_services_and_methods_are_unimplemented(
    method: str, client: GrpcClient
) -> None:
    assert client.export(b"", method=method).code is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"\x0a\x05\x01",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"not protobuf at all",
        b"\x08" + b"\xff" * 11,
    ],
)
def test_point_13_undecodable_bytes_are_invalid_argument_with_a_bad_request(
    body: bytes, client: GrpcClient
) -> None:
    answer = client.export(body)

    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    status = Status.FromString(answer.trailers["grpc-status-details-bin"])
    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    detail = BadRequest()
    assert status.details[0].Unpack(detail)
    assert "google.rpc.retryinfo-bin" not in answer.trailers


def test_point_13_a_call_without_a_message_is_invalid_argument(client: GrpcClient) -> None:
    call = client.channel.stream_unary(SERVICE_PREFIX + "trace.v1.TraceService/Export")

    with pytest.raises(grpc.RpcError) as caught:
        call(iter(()), timeout=10)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_point_17_calls_on_one_channel_proceed_in_parallel(
    client: GrpcClient, conninfo: str
) -> None:
    """Twenty calls wait for one table at the same time, so that each is under way before any is answered."""
    bodies = [request_of(f"point-17-{number}").SerializeToString() for number in range(20)]
    with psycopg.connect(conninfo) as locker:
        locker.execute("LOCK TABLE seamwatch.span IN ACCESS EXCLUSIVE MODE")
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            calls = [pool.submit(client.export, body) for body in bodies]
            wait_for(lambda: writers_blocked(conninfo) >= 1, "a writer waits for the lock")
            assert not any(call.done() for call in calls)
            locker.rollback()
            answers = [call.result(30) for call in calls]

    assert [answer.code for answer in answers] == [OK] * 20
    assert sum(len(stored(conninfo, f"point-17-{n}")) for n in range(20)) == 20


def writers_blocked(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'seamwatch writer' "
            "AND wait_event_type = 'Lock'"
        ).fetchone()
    return int(row[0]) if row else 0


def test_point_18_sigterm_finishes_calls_under_way_and_tells_new_ones_to_come_back(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    process = BackendProcess(tmp_path_factory.mktemp("drain") / "state")
    process.start()
    try:
        with (
            GrpcClient(process.grpc) as client,
            HttpClient(process.http_port) as http_client,
            psycopg.connect(process.conninfo()) as locker,
            concurrent.futures.ThreadPoolExecutor(2) as pool,
        ):
            conninfo = process.conninfo()
            locker.execute("LOCK TABLE seamwatch.span IN ACCESS EXCLUSIVE MODE")
            call = pool.submit(client.export, request_of("drain").SerializeToString())
            posted = pool.submit(http_client.post, request_of("drain-http").SerializeToString())
            wait_for(lambda: writers_blocked(conninfo) >= 1, "a writer waits for the lock")
            assert process.process is not None
            process.process.terminate()
            wait_for(lambda: "stopping" in process.log(), "the drain began")

            with GrpcClient(process.grpc) as late:
                refused = late.export(request_of("late").SerializeToString(), timeout_s=10)
            locker.rollback()

            assert refused.code is grpc.StatusCode.UNAVAILABLE
            assert call.result(30).code is OK
            assert posted.result(30)[0] == 200
        assert process.stop() == 0
    finally:
        process.close()


TRACE_ID = "5B8EFFF798038103D269B633813FC60C"


def json_span(service: str, **changes: Any) -> bytes:
    span = {
        "traceId": TRACE_ID,
        "spanId": f"{hash_of(service) % 2**63 + 1:016x}",
        "name": "json",
        "startTimeUnixNano": str(NOW_NS),
        "endTimeUnixNano": NOW_NS + 5,
        **changes,
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    content = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    return json.dumps(content).encode()


@pytest.mark.parametrize("spelling", [TRACE_ID, TRACE_ID.lower()])
def test_point_24_hex_ids_come_back_as_their_bytes(
    spelling: str, http_client: HttpClient, conninfo: str
) -> None:
    service = f"point-24-{spelling[:4]}"

    status, _, _ = http_client.post(
        json_span(service, traceId=spelling), content_type="application/json; charset=utf-8"
    )

    assert status == 200
    assert [row["trace_id"] for row in stored(conninfo, service)] == [bytes.fromhex(TRACE_ID)]


def test_point_25_an_enum_by_name_is_400_and_a_snake_case_key_is_ignored(
    http_client: HttpClient, conninfo: str
) -> None:
    named = json_span("point-25", kind="SPAN_KIND_SERVER")
    assert http_client.post(named, content_type="application/json")[0] == 400

    snake = json_span("point-25", kind=3, trace_state="ignored", unknownField={"a": [1]})
    assert http_client.post(snake, content_type="application/json")[:2] == (200, b"{}")

    [row] = stored(conninfo, "point-25")
    assert (row["kind"], row["trace_state"], row["duration_ns"]) == (3, None, 5)


def test_point_26_a_lone_surrogate_is_stored_as_the_replacement_character(
    http_client: HttpClient, conninfo: str
) -> None:
    body = json_span("surrogate", name="NAME").replace(b"NAME", rb"a\ud800b")

    assert http_client.post(body, content_type="application/json")[0] == 200

    assert [row["name"] for row in stored(conninfo, "surrogate")] == ["a\ufffdb"]


def test_point_20_metrics_logs_and_profiles_are_404_and_never_a_redirect(
    backend: BackendProcess,
) -> None:
    for path in ("/v1/metrics", "/v1/logs", "/v1development/profiles", "/", "/v1/traces/"):
        connection = http.client.HTTPConnection("127.0.0.1", backend.http_port, timeout=10)
        headers = {"Content-Type": "application/x-protobuf"}
        connection.request("POST", path, b"", headers)

        assert connection.getresponse().status == 404
        connection.close()


def test_point_23_broken_gzip_is_400_and_the_connection_serves_the_next_request(
    http_client: HttpClient, conninfo: str
) -> None:
    body = gzip.compress(request_of("point-23").SerializeToString())
    for broken in (body[:-4], body[:10], b"\x1f\x8b" + body[10:], b"plain"):
        assert http_client.post(broken, content_encoding="gzip")[0] == 400

    assert http_client.post(body, content_encoding="gzip")[0] == 200

    assert len(stored(conninfo, "point-23")) == 1


def test_many_threads_over_both_transports_lose_nothing(
    backend: BackendProcess, conninfo: str
) -> None:
    codes: list[object] = []

    def send(number: int) -> None:
        with GrpcClient(backend.grpc) as grpc_client, HttpClient(backend.http_port) as http_sender:
            for index in range(10):
                body = request_of(f"many-{number}-{index}").SerializeToString()
                codes.append(grpc_client.export(body).code)
                codes.append(http_sender.post(body)[0])

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(codes) == {OK, 200}
    found = [row for row in stored_spans(conninfo) if row["service_name"].startswith("many-")]
    assert len(found) == 80


def test_every_row_of_this_file_reads_as_sent(client: GrpcClient, conninfo: str) -> None:
    request = request_of("as-sent")

    assert client.export(request.SerializeToString()).code is OK

    assert stored(conninfo, "as-sent") == truth(request)
