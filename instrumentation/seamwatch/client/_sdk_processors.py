"""The only look into the SDK's private parts: the processors of a tracer provider.

Checked with opentelemetry-sdk 1.39 to 1.45. Where the structure differs, nothing is touched.
"""

from __future__ import annotations

from typing import Any

__all__ = ["processors_of", "replace_processor"]


def processors_of(provider: object) -> tuple[Any, ...] | None:
    """The processors in the order of their calls; None if they cannot be told."""
    processors = getattr(_multi_processor(provider), "_span_processors", None)
    return processors if isinstance(processors, tuple) else None


def replace_processor(provider: object, old: object, new: object | None) -> bool:
    """Put `new` in the place of `old` (None: remove it); false if that cannot be done safely."""
    multi = _multi_processor(provider)
    lock = getattr(multi, "_lock", None)
    if lock is None or processors_of(provider) is None:
        return False
    with lock:
        before = multi._span_processors
        if not any(processor is old for processor in before):
            return False
        multi._span_processors = tuple(
            new if processor is old else processor
            for processor in before
            if processor is not old or new is not None
        )
    return True


def _multi_processor(provider: object) -> Any:
    """What the provider's tracers call; they hold the same object, so a change reaches them all."""
    return getattr(provider, "_active_span_processor", None)
