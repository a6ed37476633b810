"""The span processor that owns the ring buffer and the thread that empties it."""

from __future__ import annotations

import logging
import os
import queue
import threading
import weakref

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import StatusCode

from seamwatch.core import Clock, SystemClock
from seamwatch.exporters.child_end import call_at_end_of_child
from seamwatch.exporters.config import ExportConfig
from seamwatch.exporters.counters import ExportCounters, ExportStatistics
from seamwatch.exporters.delivery import SpanDelivery
from seamwatch.exporters.otlp_http import OtlpHttpSender
from seamwatch.exporters.rate_limited_log import RateLimitedLog
from seamwatch.exporters.ring import RingBuffer
from seamwatch.exporters.stop_signal import StopSignal
from seamwatch.exporters.wake_signal import WakeSignal

__all__ = ["SeamwatchSpanProcessor"]

_logger = logging.getLogger(__name__)

_SAMPLED = 0x01


class SeamwatchSpanProcessor(SpanProcessor):
    """Buffers ended spans and sends them from a thread of its own.

    Spans with status ERROR leave within `ExportConfig.fast_interval_s`, the others in batches.
    Nothing here raises into the host or waits for the network, except `force_flush` and
    `shutdown`, which are bounded. Safe from any thread, in signal handlers and across forks: a
    child starts with an empty ring, and with its own thread and connection at its first span.
    """

    _is_shut_down: bool
    _log: RateLimitedLog

    def __init__(
        self,
        sender: OtlpHttpSender,
        config: ExportConfig | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._sender = sender
        self._config = config or ExportConfig()
        self._clock = clock or SystemClock()
        self._ring: RingBuffer[ReadableSpan] = RingBuffer(
            capacity=self._config.queue_size,
            batch_size=self._config.batch_size,
            interval_s=self._config.interval_s,
            fast_interval_s=self._config.fast_interval_s,
            clock=self._clock,
        )
        self._start_afresh()
        if hasattr(os, "register_at_fork"):
            after_fork = weakref.WeakMethod(self._after_fork_in_child)

            def call_if_alive() -> None:
                if method := after_fork():
                    method()

            os.register_at_fork(after_in_child=call_if_alive)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing: spans count when they end."""

    def on_end(self, span: ReadableSpan) -> None:
        """Put a sampled span into the ring; never waits, never raises."""
        try:
            context = span.context
            if context is None or not context.trace_flags & _SAMPLED:
                return
            if self._pid != os.getpid():  # a fork from C code runs no at-fork hooks
                self._after_fork_in_child()
            if self._is_shut_down:
                self._counters.add_dropped("shutdown", 1)
                return
            is_error = span.status.status_code is StatusCode.ERROR
            if self._ring.append(span, is_urgent=is_error):
                self._wake_worker()
        except Exception as error:
            self._counters.add_dropped("error", 1)
            self._log.warning("on_end", "a span was dropped: %s: %s", type(error).__name__, error)

    def force_flush(self, timeout_millis: int | None = 30000) -> bool:
        """Send all that waits now; true if that was done in time, whatever became of the spans."""
        if self._is_shut_down:
            return False
        if self._worker is None and not len(self._ring):
            return True
        flushed = threading.Event()
        self._flush_requests.put(flushed)
        self._wake_worker()
        if not self._is_worker_alive():  # no thread can start once the interpreter is ending
            self._send_what_is_due()
        return flushed.wait((30000 if timeout_millis is None else timeout_millis) / 1000)

    def shutdown(self, timeout_millis: int | None = None) -> None:
        """Send what waits, within `ExportConfig.shutdown_timeout_s`; the rest is dropped, counted.

        Calling it again does nothing.
        """
        if self._is_shut_down:
            return
        self._is_shut_down = True
        try:
            self._shut_down(
                self._config.shutdown_timeout_s if timeout_millis is None else timeout_millis / 1000
            )
        except Exception as error:
            self._log.warning("shutdown", "shutdown failed: %s: %s", type(error).__name__, error)

    def statistics(self) -> ExportStatistics:
        """Read the counters of this process."""
        statistics = self._counters.read(queued=len(self._ring))
        if not self._ring.dropped:
            return statistics
        dropped = {**statistics.dropped, "queue_full": self._ring.dropped}
        return ExportStatistics(
            queued=statistics.queued,
            in_flight=statistics.in_flight,
            sent=statistics.sent,
            rejected=statistics.rejected,
            retries=statistics.retries,
            dropped=dropped,
        )

    @property
    def sender(self) -> OtlpHttpSender:
        """What sends the batches."""
        return self._sender

    @property
    def config(self) -> ExportConfig:
        """Sizes and delays."""
        return self._config

    def _start_afresh(self) -> None:
        """Everything that belongs to one process."""
        self._pid = os.getpid()
        self._is_shut_down = False
        self._counters = ExportCounters()
        self._stop = StopSignal(self._clock)
        self._delivery = SpanDelivery(
            self._sender,
            self._counters,
            self._stop,
            retry_limit_s=self._config.retry_limit_s,
            clock=self._clock,
        )
        self._log = RateLimitedLog(_logger, self._clock)
        self._start_lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._wakeup = WakeSignal()
        self._is_woken = False
        # SimpleQueue.put is reentrant: a signal handler may interrupt it.
        self._flush_requests: queue.SimpleQueue[threading.Event] = queue.SimpleQueue()

    def _after_fork_in_child(self) -> None:
        """The parent sends what it has; the child begins with nothing."""
        if self._pid == os.getpid():
            return
        was_shut_down = self._is_shut_down
        self._ring.reset()
        self._sender.abandon_after_fork()
        self._start_afresh()
        self._is_shut_down = was_shut_down

    def _wake_worker(self) -> None:
        if not self._is_worker_alive():
            self._start_worker()
        if not self._is_woken:
            self._is_woken = True
            self._wakeup.set()

    def _start_worker(self) -> None:
        if not self._start_lock.acquire(blocking=False):
            return  # another thread, or the code that this signal handler interrupted, does it
        try:
            if not self._is_worker_alive():
                self._wakeup, self._is_woken = WakeSignal(), False
                worker = threading.Thread(
                    target=self._run, name="SeamwatchSpanProcessor", daemon=True
                )
                worker.start()
                self._worker = worker
                call_at_end_of_child(self.shutdown)
        except RuntimeError:
            pass  # the interpreter is ending: `shutdown` or `force_flush` sends in its own thread
        finally:
            self._start_lock.release()

    def _is_worker_alive(self) -> bool:
        worker = self._worker
        return worker is not None and worker.is_alive()

    def _run(self) -> None:
        """The thread: sleep until a lane is due, send, until the end is requested."""
        while not self._stop.is_set:
            self._wakeup.wait(self._idle_s())
            # Cleared before the ring is read: what is appended from now on wakes again.
            self._is_woken = False
            try:
                self._send_what_is_due()
            except Exception as error:
                self._log.warning("worker", "export failed: %s: %s", type(error).__name__, error)

    def _idle_s(self) -> float | None:
        """How long nothing can be due; None: until somebody wakes the thread."""
        due = self._ring.next_due()
        if due is None:
            return None
        return max(0.0, max(due, self._delivery.not_before) - self._clock.monotonic())

    def _send_what_is_due(self) -> None:
        flushes, planned = [], 0
        while not self._flush_requests.empty():
            flushes.append(self._flush_requests.get())
            planned = len(self._ring)
        try:
            while True:
                if not self._stop.is_set and not planned and self._is_too_early():
                    return
                spans = self._ring.take(everything=planned > 0 or self._stop.is_set)
                if not spans:
                    return
                planned = max(0, planned - len(spans))
                is_delivered = self._delivery.deliver(spans)
                if self._stop.is_set and not is_delivered:
                    return  # `shutdown` counts what is left
        finally:
            self._warn_of_overflow()
            for flushed in flushes:
                flushed.set()

    def _is_too_early(self) -> bool:
        """Whether the far end asked for a pause; the ring then keeps the newest spans meanwhile."""
        return self._delivery.not_before > self._clock.monotonic()

    def _warn_of_overflow(self) -> None:
        if self._ring.dropped:
            self._log.warning(
                "overflow",
                "%d spans so far did not fit into SEAMWATCH_EXPORT_QUEUE_SIZE (%d)",
                self._ring.dropped,
                self._config.queue_size,
            )

    def _shut_down(self, timeout_s: float) -> None:
        self._stop.set(timeout_s=timeout_s)
        worker = self._worker
        if worker is not None and worker.is_alive():
            self._wakeup.set()
            worker.join(timeout_s)
        # Whatever the thread has not taken: it ended before these came, or none could start.
        if len(self._ring) and not (worker is not None and worker.is_alive()):
            self._send_what_is_due()
        left = self._ring.clear()
        self._counters.add_dropped("shutdown", left)
        if left:
            _logger.warning(
                "%s: %d spans were not sent before the end of the process",
                self._sender.config.endpoint,
                left,
            )
        self._sender.close(timeout_s=0.0)
