"""One request of a service that no other test uses, and what became of it."""

from __future__ import annotations

import time
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.support.attack import GrpcAnswer
from tests.support.database import stored_spans
from tests.support.otlp import simple_request

__all__ = ["NOW_NS", "OK", "hash_of", "partial_success", "request_of", "stored"]

OK = grpc.StatusCode.OK
NOW_NS = time.time_ns()


def request_of(service: str, **changes: Any) -> ExportTraceServiceRequest:
    """One span of a service that no other test uses."""
    request = simple_request(start_ns=NOW_NS, service=service, seed=hash_of(service))
    found = request.resource_spans[0].scope_spans[0].spans[0]
    for name, value in changes.items():
        setattr(found, name, value)
    return request


def hash_of(text: str) -> int:
    return int.from_bytes(text.encode(), "big")


def stored(conninfo: str, service: str) -> list[dict[str, Any]]:
    return [row for row in stored_spans(conninfo) if row["service_name"] == service]


def partial_success(answer: GrpcAnswer) -> tuple[int, str]:
    response = ExportTraceServiceResponse.FromString(answer.message)
    assert response.HasField("partial_success")
    return response.partial_success.rejected_spans, response.partial_success.error_message
