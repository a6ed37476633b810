"""Takes a batch of spans to the far end: encodes, sends, waits, tries again, counts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import ReadableSpan

from seamwatch.core import Clock, UnavailableError
from seamwatch.exporters.counters import ExportCounters
from seamwatch.exporters.otlp_http import OtlpHttpResponse, OtlpHttpSender
from seamwatch.exporters.rate_limited_log import RateLimitedLog
from seamwatch.exporters.retry import RETRYABLE_STATUSES, backoff_s
from seamwatch.exporters.stop_signal import StopSignal

__all__ = ["SpanDelivery"]

_logger = logging.getLogger(__name__)

# With the end requested and nobody listening, a second try is all that is worth the host's time.
_ATTEMPTS_UNANSWERED_AT_STOP = 2
_LAST_ATTEMPT_S = 0.5  # kept of the time before the end, for one request more
_BACKOFF_AT_STOP_S = 0.25
_REMEDIES = {
    301: "; set the endpoint to the address it redirects to",
    302: "; set the endpoint to the address it redirects to",
    307: "; set the endpoint to the address it redirects to",
    308: "; set the endpoint to the address it redirects to",
    401: "; set OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20<token>",
    403: "; the token needs the role ingest",
    404: "; is it an OTLP/HTTP endpoint?",
}


class SpanDelivery:
    """Delivers batches one after another; `deliver` is for one thread at a time."""

    def __init__(
        self,
        sender: OtlpHttpSender,
        counters: ExportCounters,
        stop: StopSignal,
        *,
        retry_limit_s: float,
        clock: Clock,
        backoff: Callable[[int], float] = backoff_s,
    ) -> None:
        self._sender = sender
        self._counters = counters
        self._stop = stop
        self._retry_limit_s = retry_limit_s
        self._clock = clock
        self._backoff = backoff
        self._log = RateLimitedLog(_logger, clock)
        self._not_before = 0.0
        self._is_asked_to_wait = False

    @property
    def not_before(self) -> float:
        """Monotonic time until which the far end wants no request, whatever it holds."""
        return self._not_before

    def deliver(self, spans: Sequence[ReadableSpan]) -> bool:
        """Send `spans` until they are accepted or lost; each ends in exactly one counter.

        Returns:
            Whether the far end has taken the batch (perhaps without some spans that it named).
        """
        self._counters.set_in_flight(len(spans))
        try:
            return self._deliver(spans)
        finally:
            self._counters.set_in_flight(0)

    def _deliver(self, spans: Sequence[ReadableSpan]) -> bool:
        encodable, payload = self._encode(spans)
        if not encodable:
            return False
        try:
            response = self._send(self._sender.compress(payload), len(encodable))
        except Exception as error:  # here, where it is known which spans are still uncounted
            self._drop("error", len(encodable), f"{type(error).__name__}: {error}")
            return False
        if response is None:
            return False
        if 200 <= response.status < 300:
            self._accept(response, len(encodable))
            return True
        if response.status == 413 and len(encodable) > 1:
            middle = len(encodable) // 2
            first = self._deliver(encodable[:middle])
            return self._deliver(encodable[middle:]) and first
        reason = "too_large" if response.status == 413 else "refused"
        self._drop(
            reason,
            len(encodable),
            f"HTTP {response.status}{_REMEDIES.get(response.status, '')}",
        )
        return False

    def _send(self, body: bytes, spans: int) -> OtlpHttpResponse | None:
        """The first final answer; None when the spans were dropped for want of one."""
        started = self._clock.monotonic()
        if self._not_before - started > self._retry_limit_s:
            self._drop("retry_limit", spans, "the far end asked for a longer pause")
            return None
        failures = unanswered = 0
        while True:
            self._wait_until_welcome()
            try:
                response = self._sender.post(body, timeout_s=self._stop.remaining_s)
            except UnavailableError as error:
                unanswered += 1
                problem, asked_s = str(error), None
            else:
                if response.status not in RETRYABLE_STATUSES:
                    return response
                unanswered = 0
                problem, asked_s = f"HTTP {response.status}", response.retry_after_s
            failures += 1
            now = self._clock.monotonic()
            delay_s = self._backoff(failures) if asked_s is None else asked_s
            self._not_before = now + delay_s
            self._is_asked_to_wait = asked_s is not None
            if self._is_last_attempt(unanswered):
                self._drop("shutdown", spans, problem)
                return None
            if self._not_before - started > self._retry_limit_s:
                self._drop("retry_limit", spans, problem)
                return None
            self._log.warning(
                "retry", "%s: %s; trying again in %.1f s", self._endpoint, problem, delay_s
            )
            self._counters.add_retry()

    def _is_last_attempt(self, unanswered: int) -> bool:
        return self._stop.is_set and (
            unanswered >= _ATTEMPTS_UNANSWERED_AT_STOP or self._stop.remaining_s <= _LAST_ATTEMPT_S
        )

    def _wait_until_welcome(self) -> None:
        """Wait as the far end or the backoff asks; less only if the process would end before."""
        while (pause_s := self._not_before - self._clock.monotonic()) > 0:
            if not self._stop.is_set:
                self._stop.wait(pause_s)  # cut short when the end is requested
                continue
            bound_s = self._stop.remaining_s - _LAST_ATTEMPT_S
            if not self._is_asked_to_wait:
                bound_s = min(bound_s, _BACKOFF_AT_STOP_S)
            if bound_s > 0:
                self._stop.wait(min(pause_s, bound_s))
            return

    def _accept(self, response: OtlpHttpResponse, spans: int) -> None:
        """Count an accepted request, less the spans that its answer names as rejected."""
        rejected, message = 0, ""
        try:
            partial = ExportTraceServiceResponse.FromString(response.body).partial_success
            rejected, message = max(0, min(spans, partial.rejected_spans)), partial.error_message
        except Exception:  # protobuf's DecodeError; a 200 is a success whatever its body holds
            message = "its answer is not an ExportTraceServiceResponse"
        self._counters.add_sent(spans - rejected, rejected=rejected)
        if rejected or message:
            self._log.warning(
                "partial_success",
                "%s rejected %d of %d spans: %s",
                self._endpoint,
                rejected,
                spans,
                message or "no reason given",
            )

    def _encode(self, spans: Sequence[ReadableSpan]) -> tuple[Sequence[ReadableSpan], bytes]:
        """The spans that can be encoded, and their request; the others are dropped."""
        try:
            return spans, encode_spans(spans).SerializeToString()
        except Exception as error:
            if len(spans) == 1:
                self._drop("unencodable", 1, f"{type(error).__name__}: {error}")
                return (), b""
        # One span that the encoder refuses must not cost the others of its batch.
        good = [span for span in spans if self._encode([span])[0]]
        return good, encode_spans(good).SerializeToString() if good else b""

    def _drop(self, reason: str, spans: int, problem: str) -> None:
        self._counters.add_dropped(reason, spans)
        self._log.warning(
            f"drop.{reason}",
            "%s: dropped %d spans (%s): %s",
            self._endpoint,
            spans,
            reason,
            problem,
        )

    @property
    def _endpoint(self) -> str:
        return self._sender.config.endpoint
