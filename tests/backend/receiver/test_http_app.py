"""OTLP/HTTP requests and answers over real sockets; names carry the receiver's points (docs/reference/otlp.md)."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator

import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from otlp_http_server import (
    TOKEN,
    Connection,
    FakeIngest,
    HttpAnswer,
    RunningServer,
    head,
    running,
    until,
)

from seamwatch.backend.auth import ForbiddenError, LockedOutError
from seamwatch.backend.receiver.http_body import BodyPace
from seamwatch.backend.receiver.ingest_protocol import Outcome, Signal, TooLargeError
from seamwatch.core import RejectedError, UnavailableError

MAX_BYTES = 1_000_000
JSON = "application/json"
PROTOBUF = "application/x-protobuf"


@pytest.fixture
def ingest() -> FakeIngest:
    return FakeIngest()


@pytest.fixture
def server(ingest: FakeIngest) -> Iterator[RunningServer]:
    pace = BodyPace(grace_s=0.3, min_bytes_per_s=100_000, total_s=1.0)
    with running(ingest, max_request_bytes=MAX_BYTES, pace=pace) as started:
        yield started


@pytest.fixture
def connection(server: RunningServer) -> Iterator[Connection]:
    with server.connect() as connected:
        yield connected


def one_span(name: str = "GET /orders") -> bytes:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = b"\1" * 16, b"\2" * 8, name
    serialized: bytes = request.SerializeToString()
    return serialized


def status_of(answer: HttpAnswer) -> Status:
    if answer.headers["content-type"] == PROTOBUF:
        return Status.FromString(answer.body)
    content = json.loads(answer.body)
    return Status(code=content["code"], message=content["message"])


def test_point_1_both_encodings_are_served_on_one_port_by_content_type(
    connection: Connection, ingest: FakeIngest
) -> None:
    as_protobuf = connection.post(one_span("a"))
    as_json = connection.post(
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"01010101010101010101010101010101",'
        b'"spanId":"0202020202020202","name":"a"}]}]}]}',
        content_type="application/json; charset=utf-8",
    )

    assert (as_protobuf.status, as_protobuf.headers["content-type"]) == (200, PROTOBUF)
    assert (as_json.status, as_json.headers["content-type"]) == (200, JSON)
    assert ingest.stored == [(Signal.TRACES, one_span("a"))] * 2


def test_point_2_gzip_and_identity_are_accepted(connection: Connection, ingest: FakeIngest) -> None:
    statuses = [
        connection.post(one_span()).status,
        connection.post(one_span(), content_encoding="identity").status,
        connection.post(gzip.compress(one_span()), content_encoding="gzip").status,
    ]

    assert statuses == [200, 200, 200]
    assert [body for _, body in ingest.stored] == [one_span()] * 3


@pytest.mark.parametrize("coding", ["zstd", "deflate", "br", "gzip, gzip"])
def test_point_2_another_content_encoding_is_415(connection: Connection, coding: str) -> None:
    answer = connection.post(one_span(), content_encoding=coding)

    assert answer.status == 415
    assert "gzip" in status_of(answer).message


def test_point_3_an_announced_body_above_the_limit_is_413_before_it_is_sent(
    connection: Connection, server: RunningServer
) -> None:
    connection.send(head(content_length=str(60 * 1024 * 1024)))

    answer = connection.read()

    assert answer.status == 413
    assert status_of(answer).code == 8  # RESOURCE_EXHAUSTED
    assert "retry-after" not in answer.headers
    assert connection.is_closed()


def test_point_3_a_chunked_body_above_the_limit_is_413_while_it_is_being_sent(
    connection: Connection,
) -> None:
    piece = b"%x\r\n%s\r\n" % (50_000, b"a" * 50_000)
    connection.send(head(transfer_encoding="chunked") + piece * 21)

    answer = connection.read()

    assert answer.status == 413
    assert connection.is_closed()


def test_point_3_a_body_above_the_limit_after_decompression_is_413(
    connection: Connection, ingest: FakeIngest
) -> None:
    answer = connection.post(gzip.compress(bytes(MAX_BYTES + 1)), content_encoding="gzip")

    assert answer.status == 413
    assert ingest.stored == []


def test_point_3_a_body_of_exactly_the_limit_is_accepted(
    connection: Connection, ingest: FakeIngest
) -> None:
    answer = connection.post(gzip.compress(bytes(MAX_BYTES)), content_encoding="gzip")

    assert answer.status == 200
    assert len(ingest.stored[0][1]) == MAX_BYTES


def test_point_4_a_long_error_message_is_shortened(
    connection: Connection, ingest: FakeIngest
) -> None:
    ingest.outcome = Outcome(1, "x" * 5_000_000)

    answer = connection.post(one_span())

    assert answer.status == 200
    assert len(answer.body) < 64 * 1024


@pytest.mark.parametrize("body", [b"", b"\n\0", b"\n\2\x12\0"])
def test_point_7_an_empty_request_succeeds_with_an_empty_protobuf_answer(
    connection: Connection, body: bytes
) -> None:
    answer = connection.post(body)

    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("body", [b"{}", b'{"resourceSpans":[]}', b'{"resourceSpans":[{}]}'])
def test_point_7_an_empty_request_succeeds_with_an_empty_json_answer(
    connection: Connection, body: bytes
) -> None:
    answer = connection.post(body, content_type=JSON)

    assert (answer.status, answer.body) == (200, b"{}")


def test_point_8_a_warning_sets_partial_success_without_rejected_items(
    connection: Connection, ingest: FakeIngest
) -> None:
    ingest.outcome = Outcome(0, "old semantic conventions")

    as_protobuf = connection.post(one_span())
    as_json = connection.post(b"{}", content_type=JSON)

    partial = ExportTraceServiceResponse.FromString(as_protobuf.body).partial_success
    assert (partial.rejected_spans, partial.error_message) == (0, "old semantic conventions")
    assert json.loads(as_json.body) == {
        "partialSuccess": {"errorMessage": "old semantic conventions"}
    }


def test_point_9_rejected_items_answer_200_with_their_count(
    connection: Connection, ingest: FakeIngest
) -> None:
    ingest.outcome = Outcome(3, "3 spans have no trace id")

    as_protobuf = connection.post(one_span())
    as_json = connection.post(b"{}", content_type=JSON)

    partial = ExportTraceServiceResponse.FromString(as_protobuf.body).partial_success
    assert (as_protobuf.status, partial.rejected_spans) == (200, 3)
    assert as_json.status == 200
    assert json.loads(as_json.body) == {
        "partialSuccess": {"rejectedSpans": "3", "errorMessage": "3 spans have no trace id"}
    }


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic Zm9v"])
def test_point_16_a_wrong_token_is_refused_before_its_60_mib_are_sent(
    connection: Connection, authorization: str | None
) -> None:
    connection.send(head(authorization=authorization, content_length=str(60 * 1024 * 1024)))

    answer = connection.read()

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert status_of(answer).code == 16  # UNAUTHENTICATED
    assert connection.is_closed()


def test_point_16_a_sender_in_the_middle_of_a_small_body_can_still_read_the_401(
    connection: Connection,
) -> None:
    connection.send(head(authorization="Bearer wrong", content_length="200000") + bytes(100_000))
    connection.send(bytes(100_000))

    assert connection.read().status == 401


def test_point_20_another_method_is_405_with_allow(connection: Connection) -> None:
    answers = [connection.post(b"", method=method) for method in ("GET", "PUT", "DELETE")]

    assert [(answer.status, answer.headers["allow"]) for answer in answers] == [(405, "POST")] * 3


@pytest.mark.parametrize("content_type", ["text/plain", "application/protobuf+json", None])
def test_point_20_another_content_type_is_415(
    connection: Connection, content_type: str | None
) -> None:
    answer = connection.post(one_span(), content_type=content_type)

    assert answer.status == 415
    assert status_of(answer).message


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/traces/", "/v1/profiles", "/v1development/profiles", "/v1/logs", "//"]
)
def test_point_20_an_unknown_path_or_signal_is_404_and_never_a_redirect(
    connection: Connection, path: str
) -> None:
    answer = connection.post(one_span(), path=path)

    assert answer.status == 404
    assert status_of(answer).message


def test_point_20_a_path_prefix_is_configurable(ingest: FakeIngest) -> None:
    with running(ingest, path_prefix="/otlp/") as server, server.connect() as connection:
        statuses = [
            connection.post(one_span(), path="/otlp/v1/traces").status,
            connection.post(b"", path="/v1/traces").status,
        ]

    assert statuses == [200, 404]


def test_point_21_an_undecodable_body_is_400_with_a_bad_request_in_the_requests_encoding(
    connection: Connection, ingest: FakeIngest
) -> None:
    ingest.store_error = RejectedError("malformed protobuf: cut off at offset 3")

    as_protobuf = connection.post(b"\n\xff")
    as_json = connection.post(b"{}", content_type=JSON)

    status = Status.FromString(as_protobuf.body)
    detail = BadRequest()
    assert as_protobuf.status == 400
    assert (status.code, status.message) == (3, "malformed protobuf: cut off at offset 3")
    assert status.details[0].Unpack(detail)
    assert detail.field_violations[0].description == status.message
    content = json.loads(as_json.body)
    assert (as_json.status, content["code"]) == (400, 3)
    assert content["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"


def test_point_21_broken_json_is_400_and_names_the_field(connection: Connection) -> None:
    broken = connection.post(b'{"resourceSpans":[', content_type=JSON)
    wrong = connection.post(
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":3}]}]}]}', content_type=JSON
    )

    assert [broken.status, wrong.status] == [400, 400]
    violation = json.loads(wrong.body)["details"][0]["fieldViolations"][0]
    assert violation["field"] == "resourceSpans[0].scopeSpans[0].spans[0].name"


def test_point_21_a_token_without_the_role_is_403(
    connection: Connection, ingest: FakeIngest
) -> None:
    ingest.authenticate_error = ForbiddenError("this needs a token with the role ingest")

    answer = connection.post(one_span())

    assert (answer.status, status_of(answer).code) == (403, 7)


def test_point_22_a_locked_out_peer_is_429_with_the_delay(
    connection: Connection, ingest: FakeIngest
) -> None:
    ingest.authenticate_error = LockedOutError(20.0)

    answer = connection.post(one_span())

    assert answer.status == 429
    assert 20 <= int(answer.headers["retry-after"]) <= 24


@pytest.mark.parametrize("where", ["authenticate", "admit", "reading", "store"])
def test_point_22_what_may_succeed_later_is_503_with_a_delay(
    connection: Connection, ingest: FakeIngest, where: str
) -> None:
    setattr(ingest, f"{where}_error", UnavailableError("the database is away"))

    answer = connection.post(one_span())

    assert answer.status == 503
    assert 1 <= int(answer.headers["retry-after"]) <= 5
    assert (status_of(answer).code, status_of(answer).message) == (14, "the database is away")


@pytest.mark.parametrize("where", ["authenticate", "admit", "reading", "store"])
def test_point_22_a_fault_of_ours_is_503_without_its_text_and_never_500(
    server: RunningServer,
    connection: Connection,
    ingest: FakeIngest,
    where: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    setattr(ingest, f"{where}_error", ZeroDivisionError("secret"))

    answer = connection.post(one_span())

    assert answer.status == 503
    assert b"secret" not in answer.body
    assert 1 <= int(answer.headers["retry-after"]) <= 5
    assert server.answers == [503]
    assert "unexpectedly" in caplog.text


def test_point_22_a_limit_found_while_decoding_is_413(
    connection: Connection, ingest: FakeIngest
) -> None:
    ingest.store_error = TooLargeError("more than 100000 spans")

    answer = connection.post(one_span())

    assert answer.status == 413


def test_point_23_broken_and_truncated_gzip_are_400(connection: Connection) -> None:
    whole = gzip.compress(one_span())
    damaged = whole[:-8] + b"\0\0\0\0" + whole[-4:]

    answers = [
        connection.post(body, content_encoding="gzip")
        for body in (whole[:-1], whole[:12], b"no gzip", b"", damaged, whole + b"tail")
    ]

    assert [answer.status for answer in answers] == [400] * 6


def test_point_23_large_gzip_is_inflated_in_a_thread(
    connection: Connection, ingest: FakeIngest
) -> None:
    body = one_span("n" * 400) + bytes(range(256)) * 3000
    compressed = gzip.compress(body, compresslevel=0)

    answer = connection.post(compressed, content_encoding="gzip")

    assert len(compressed) > 700_000
    assert answer.status == 200
    assert ingest.stored[0][1] == body


def test_point_23_a_chunked_body_is_accepted(connection: Connection, ingest: FakeIngest) -> None:
    body = one_span()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    connection.send(head(transfer_encoding="chunked") + chunks + b"0\r\n\r\n")

    assert connection.read().status == 200
    assert ingest.stored == [(Signal.TRACES, body)]


def test_point_23_expect_continue_is_answered_only_when_the_body_is_wanted(
    server: RunningServer, ingest: FakeIngest
) -> None:
    body = one_span()
    expecting = {"content_length": str(len(body)), "expect": "100-continue"}
    with server.connect() as connection:
        connection.send(head(**expecting))
        assert connection.read().status == 100
        connection.send(body)
        assert connection.read().status == 200
    with server.connect() as connection:
        connection.send(head(authorization="Bearer wrong", **expecting))
        assert connection.read().status == 401

    assert ingest.stored == [(Signal.TRACES, body)]


def test_point_23_a_connection_is_used_again_also_after_a_rejected_body(
    connection: Connection, ingest: FakeIngest
) -> None:
    first = connection.post(one_span())
    second = connection.post(b"no gzip", content_encoding="gzip")
    third = connection.post(one_span())

    assert [first.status, second.status, third.status] == [200, 400, 200]


def test_point_23_pipelined_requests_are_answered_in_order(
    connection: Connection, ingest: FakeIngest
) -> None:
    bodies = [one_span(f"span {number}") for number in range(5)]
    connection.send(b"".join(head(content_length=str(len(b))) + b for b in bodies))

    statuses = [connection.read().status for _ in bodies]

    assert statuses == [200] * 5
    assert [body for _, body in ingest.stored] == bodies


def test_point_23_a_slow_body_is_408_and_the_connection_closed(connection: Connection) -> None:
    connection.send(head(content_length="1000") + b"only this")

    answer = connection.read()

    assert (answer.status, status_of(answer).code) == (408, 4)
    assert connection.is_closed()


def test_a_sender_that_leaves_within_its_body_is_counted_and_nothing_stored(
    server: RunningServer, ingest: FakeIngest
) -> None:
    with server.connect() as connection:
        connection.send(head(content_length="1000") + b"only this")

    until(lambda: server.answers == [499])
    assert ingest.stored == []


@pytest.mark.parametrize(
    ("header", "is_forwarded"),
    [("x_forwarded_for", True), ("forwarded", True), ("x_real_name", False)],
)
def test_a_forwarding_header_is_told_and_does_not_change_the_peer(
    connection: Connection, ingest: FakeIngest, header: str, is_forwarded: bool
) -> None:
    connection.post(b"", **{header: "10.1.1.1"})

    assert ingest.authenticated == [([TOKEN], "127.0.0.1", is_forwarded)]


def test_several_credentials_are_all_told_so_that_none_can_hide_behind_another(
    connection: Connection, ingest: FakeIngest
) -> None:
    connection.send(head(content_length="0", Authorization="Bearer other"))

    assert connection.read().status == 401
    assert ingest.authenticated == [([TOKEN, "Bearer other"], "127.0.0.1", False)]


def test_an_accepted_credential_in_memory_is_not_looked_up_again(
    connection: Connection, ingest: FakeIngest
) -> None:
    ingest.is_cached = True

    assert connection.post(one_span()).status == 200
    assert ingest.authenticated == []


def test_the_wait_for_a_reader_does_not_count_against_the_sender(ingest: FakeIngest) -> None:
    ingest.hold_readers = threading.Event()
    pace = BodyPace(grace_s=0.2, total_s=0.2)
    with running(ingest, pace=pace) as server, server.connect() as connection:
        connection.send(head(content_length="9") + b"the ")
        until(lambda: ingest.waiting_readers == 1)
        assert not ingest.hold_readers.wait(0.4)  # twice what reading may take
        ingest.hold_readers.set()
        connection.send(b"whole")

        assert connection.read().status == 200
    assert ingest.stored == [(Signal.TRACES, b"the whole")]
