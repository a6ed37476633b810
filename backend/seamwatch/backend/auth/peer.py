"""The network address behind a transport's peer string."""

from __future__ import annotations

import ipaddress
from urllib.parse import unquote

__all__ = ["FORWARDING_HEADERS", "is_loopback", "lockout_key"]

FORWARDING_HEADERS = frozenset(
    {"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"}
)
"""Headers that proxies add: a request with one of them came from further away than its peer."""


def is_loopback(peer: str) -> bool:
    """Whether the peer is on this machine: a loopback address, or a Unix socket.

    Args:
        peer: ``127.0.0.1``, ``127.0.0.1:5000``, ``[::1]:5000``, gRPC's ``ipv4:127.0.0.1:5000``,
            ``ipv6:%5B::1%5D:5000`` or ``unix:…``. Anything else is not loopback.
    """
    if peer.startswith("unix:"):
        return True
    address = _address(peer)
    return address is not None and address.is_loopback


def lockout_key(peer: str) -> str:
    """What failures of this peer are counted under: the address without its port, of IPv6 the /64.

    One customer commonly owns a whole /64, so a single address of it would be no limit.
    """
    address = _address(peer)
    if address is None:
        return peer[:64]
    if isinstance(address, ipaddress.IPv6Address) and not address.is_loopback:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


def _address(peer: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address of a peer string; an IPv4-mapped one as IPv4."""
    text = unquote(peer)
    for prefix in ("ipv4:", "ipv6:"):
        text = text.removeprefix(prefix)
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if isinstance(mapped, ipaddress.IPv4Address) else address
