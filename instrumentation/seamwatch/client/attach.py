"""Joins our span processor to a tracer provider of the OpenTelemetry SDK."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING, Any

from seamwatch.client._sdk_processors import processors_of, replace_processor
from seamwatch.client.sigterm import drain_on_sigterm

if TYPE_CHECKING:
    from seamwatch.exporters import SeamwatchSpanProcessor

__all__ = ["attach"]

_logger = logging.getLogger(__name__)

_RETIRE_S = 1.0

# SDKs before 1.45 call a collected processor's at-fork hook and print a TypeError in every child.
_retired: list[Any] = []

_lock = threading.Lock()
_left_alone: weakref.WeakSet[Any] = weakref.WeakSet()
_attached: weakref.WeakKeyDictionary[Any, SeamwatchSpanProcessor] = weakref.WeakKeyDictionary()


def attach(provider: object | None = None) -> SeamwatchSpanProcessor | None:
    """Send the spans of `provider` to Seamwatch through our ring buffer.

    Calling it again for the same provider does nothing more. An SDK processor around our exporter
    is replaced, so that no span leaves twice. Safe from any thread; never raises. From the main
    thread it also sets a handler of SIGTERM where there is none
    (``SEAMWATCH_EXPORT_DRAIN_ON_SIGTERM``).

    Args:
        provider: An SDK `TracerProvider`; the global one if None.

    Returns:
        The processor, whose `statistics()` tell what was sent and dropped; None (and one line in
        the log) if the provider is not one of the SDK, or already sends by our exporter alone.
    """
    from opentelemetry import trace

    if provider is None:
        provider = trace.get_tracer_provider()
    add = getattr(provider, "add_span_processor", None)
    if add is None:
        _logger.warning(
            "Seamwatch sends nothing: the tracer provider is a %s, not one of the OpenTelemetry"
            " SDK. Install opentelemetry-distro and start with opentelemetry-instrument, or call"
            " seamwatch.client.attach(provider) with your own TracerProvider.",
            type(provider).__name__,
        )
        return None
    try:
        with _lock:
            return _attach(provider, add)
    except Exception:
        _logger.exception("Seamwatch could not be attached to the tracer provider")
        return None


def _attach(provider: object, add: Any) -> SeamwatchSpanProcessor | None:
    from seamwatch.exporters import SeamwatchSpanExporter, SeamwatchSpanProcessor

    known = _attached.get(provider)
    if known is not None:
        return known
    processors = processors_of(provider)
    for processor in processors or ():
        if isinstance(processor, SeamwatchSpanProcessor):
            _attached[provider] = processor
            return processor
    exporting = [
        (processor, processor.span_exporter)
        for processor in processors or ()
        if isinstance(getattr(processor, "span_exporter", None), SeamwatchSpanExporter)
    ]
    if not exporting:
        if processors is None and len(SeamwatchSpanExporter.instances):
            _leave_alone(provider)  # it may be in there, where we cannot see it
            return None
        ours = SeamwatchSpanExporter().make_processor()
        add(ours)
    else:
        ours = exporting[0][1].make_processor()
        if not replace_processor(provider, exporting[0][0], ours):
            _leave_alone(provider)
            return None
        _retire(exporting[0][0])
        for duplicate, _ in exporting[1:]:
            if replace_processor(provider, duplicate, None):
                _retire(duplicate)
    _attached[provider] = ours
    if ours.config.drain_on_sigterm:
        drain_on_sigterm(ours)
    return ours


def _leave_alone(provider: object) -> None:
    """Say once per provider that its exporter stays under the SDK's own processor."""
    if provider not in _left_alone:
        _left_alone.add(provider)
        _logger.warning(
            "this version of the OpenTelemetry SDK keeps its processors in another way: spans are"
            " sent by the SDK's own processor, error spans only with their batch"
        )


def _retire(processor: Any) -> None:
    """End the SDK's processor and its thread; what it holds already is still sent by it."""
    # In a thread, as the SDK's shutdown may wait for a far end that does not answer.
    ending = threading.Thread(target=processor.shutdown, name="SeamwatchRetire", daemon=True)
    ending.start()
    ending.join(_RETIRE_S)
    _retired.append(processor)
