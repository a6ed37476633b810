"""OTLP/JSON for tests: the official example, small requests, and readings by protobuf itself."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from seamwatch.backend.receiver.ingest_protocol import Signal
from seamwatch.backend.receiver.json_encoding import json_to_protobuf

__all__ = [
    "OFFICIAL",
    "SPAN_ID",
    "TRACE_ID",
    "convert",
    "json_truth",
    "span_of",
    "value_of",
    "with_span",
    "with_value",
]

TRACE_ID = "5B8EFFF798038103D269B633813FC60C"
SPAN_ID = "EEE19B7EC3C1B174"
_IDS = ("traceId", "spanId", "parentSpanId")

# The content of examples/trace.json of opentelemetry-proto.
OFFICIAL: dict[str, Any] = {
    "resourceSpans": [
        {
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]
            },
            "scopeSpans": [
                {
                    "scope": {
                        "name": "my.library",
                        "version": "1.0.0",
                        "attributes": [
                            {
                                "key": "my.scope.attribute",
                                "value": {"stringValue": "some scope attribute"},
                            }
                        ],
                    },
                    "spans": [
                        {
                            "traceId": TRACE_ID,
                            "spanId": SPAN_ID,
                            "parentSpanId": "EEE19B7EC3C1B173",
                            "name": "I'm a server span",
                            "startTimeUnixNano": 1544712660000000000,
                            "endTimeUnixNano": 1544712661000000000,
                            "kind": 2,
                            "attributes": [
                                {"key": "my.span.attr", "value": {"stringValue": "some value"}}
                            ],
                        }
                    ],
                }
            ],
        }
    ]
}


def convert(content: object) -> ExportTraceServiceRequest:
    """Our conversion, read by the official message."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return ExportTraceServiceRequest.FromString(json_to_protobuf(Signal.TRACES, body))


def json_truth(content: dict[str, Any]) -> ExportTraceServiceRequest:
    """Protobuf's own reading, after the ids became the base64 that it expects."""

    def fix(node: Any) -> Any:
        if isinstance(node, list):
            return [fix(item) for item in node]
        if isinstance(node, dict):
            return {
                key: base64.b64encode(bytes.fromhex(value)).decode() if key in _IDS else fix(value)
                for key, value in node.items()
            }
        return node

    return json_format.ParseDict(
        fix(content), ExportTraceServiceRequest(), ignore_unknown_fields=True
    )


def with_span(**fields: Any) -> dict[str, Any]:
    span = {"traceId": TRACE_ID, "spanId": SPAN_ID, **fields}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def with_value(value: object) -> dict[str, Any]:
    return with_span(attributes=[{"key": "k", "value": value}])


def span_of(content: object) -> Span:
    return convert(content).resource_spans[0].scope_spans[0].spans[0]


def value_of(value: object) -> Any:
    return span_of(with_value(value)).attributes[0].value
