"""When a sender should come again: a delay with jitter, and how gRPC carries it.

Jitter keeps the senders that one outage refused from coming back in the same second.
"""

from __future__ import annotations

import random

from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

__all__ = ["GrpcDetails", "retry_after_s", "retry_details", "retry_info"]

_SPREAD_S = 4.0  # a sender's own deadline is 10 s: a longer delay makes it give up at once

GrpcDetails = tuple[tuple[str, bytes], ...]


def retry_after_s(minimum_s: float | None = None) -> int:
    """Whole seconds to wait: at least 1 and `minimum_s`, at most 4 more than that.

    Args:
        minimum_s: What the error asked for; None: nothing.
    """
    base = max(1, -int(-(minimum_s or 1.0) // 1))
    return base + round(random.uniform(0.0, _SPREAD_S))  # noqa: S311 - spreads load, guards nothing


def retry_info(delay_s: float) -> RetryInfo:
    """The message that OTLP/gRPC senders read their delay from."""
    seconds = int(delay_s)
    return RetryInfo(
        retry_delay=Duration(
            seconds=seconds, nanos=round((delay_s - seconds) * 1e9) % 1_000_000_000
        )
    )


def retry_details(grpc_code: int, message: str, delay_s: float) -> GrpcDetails:
    """Trailing metadata of a retryable gRPC refusal.

    The delay stands in ``grpc-status-details-bin``, which the specification names, and in
    ``google.rpc.retryinfo-bin``, the only place where Python's exporter looks.
    """
    info = retry_info(delay_s)
    status = Status(code=grpc_code, message=message)
    status.details.add().Pack(info)
    return (
        ("grpc-status-details-bin", status.SerializeToString()),
        ("google.rpc.retryinfo-bin", info.SerializeToString()),
    )
