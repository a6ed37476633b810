"""Answers of OTLP/HTTP: a response or a Status, in the encoding of the request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import orjson
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from seamwatch.backend.receiver.ingest_protocol import Outcome, Signal
from seamwatch.backend.receiver.retry_delay import retry_after_s
from seamwatch.backend.receiver.status import codes_of, status_message
from seamwatch.core import RejectedError, UnavailableError

__all__ = ["Answer", "Encoding", "error_answer", "refusal", "success"]

_REJECTED_NAME = {
    Signal.TRACES: "rejectedSpans",
    Signal.LOGS: "rejectedLogRecords",
    Signal.METRICS: "rejectedDataPoints",
}
_MAX_MESSAGE_CHARS = 16_384  # point 4: an answer stays far below 4 MiB


class Encoding(Enum):
    """How a request and its answer are written."""

    PROTOBUF = b"application/x-protobuf"
    JSON = b"application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP response."""

    http: int
    content_type: bytes
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


def success(signal: Signal, encoding: Encoding, outcome: Outcome) -> Answer:
    """200: everything stored, or the rest of it (`partial_success` is set only then, or with a warning)."""
    message = outcome.message[:_MAX_MESSAGE_CHARS]
    is_full = not outcome.rejected and not message
    if encoding is Encoding.PROTOBUF:
        response = (
            ExportTraceServiceResponse()
        )  # the responses of all signals are the same on the wire
        if not is_full:
            response.partial_success.rejected_spans = outcome.rejected
            response.partial_success.error_message = message
        return Answer(200, encoding.value, response.SerializeToString())
    partial: dict[str, str] = {}
    if outcome.rejected:
        partial[_REJECTED_NAME[signal]] = str(
            outcome.rejected
        )  # 64-bit numbers are strings in protobuf's JSON
    if message:
        partial["errorMessage"] = message
    return Answer(
        200, encoding.value, b"{}" if is_full else orjson.dumps({"partialSuccess": partial})
    )


def refusal(
    encoding: Encoding,
    http: int,
    grpc: int,
    message: str,
    *,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    field: str | None = None,
) -> Answer:
    """An error that HTTP itself brings up; its body is a Status."""
    status = status_message(grpc, message, field=field)
    return Answer(http, encoding.value, _encode(status, encoding), headers)


def error_answer(encoding: Encoding, error: Exception) -> Answer:
    """The answer to an error of ours; what was not foreseen is told as unavailable, without its text."""
    codes = codes_of(error)
    is_foreseen = isinstance(error, (RejectedError, UnavailableError))
    message = str(error) if is_foreseen else "the request could not be handled, try again"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if codes.is_retryable:
        minimum_s = error.retry_after_s if isinstance(error, UnavailableError) else None
        headers = ((b"retry-after", b"%d" % retry_after_s(minimum_s)),)
    elif codes.http == 401:
        headers = ((b"www-authenticate", b"Bearer"),)
    return refusal(
        encoding,
        codes.http,
        codes.grpc,
        message,
        headers=headers,
        field=getattr(error, "path", None),
    )


def _encode(status: Status, encoding: Encoding) -> bytes:
    if encoding is Encoding.JSON:
        text: str = json_format.MessageToJson(status, indent=None)
        return text.encode()
    body: bytes = status.SerializeToString()
    return body
