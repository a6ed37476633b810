"""Gives each service of a trace a colour class that people with a colour vision deficiency can tell apart."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["PALETTE_SIZE", "service_classes"]

PALETTE_SIZE = (
    8  # classes s0 to s7 of static/seamwatch.css; the name always stands beside the colour
)


def service_classes(service_names: Iterable[str]) -> dict[str, str]:
    """Colour class by service, in the order in which the services first appear.

    The order and not a hash: two services of one trace share a colour only when there are more than
    `PALETTE_SIZE` of them.
    """
    classes: dict[str, str] = {}
    for name in service_names:
        if name not in classes:
            classes[name] = f"s{len(classes) % PALETTE_SIZE}"
    return classes
