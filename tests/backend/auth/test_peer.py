"""Addresses in the forms that transports give them."""

from __future__ import annotations

import pytest

from seamwatch.backend.auth.peer import is_loopback, lockout_key


@pytest.mark.parametrize(
    "peer",
    [
        "127.0.0.1",
        "127.0.0.1:5000",
        "127.8.8.8:1",
        "::1",
        "[::1]:5000",
        "::ffff:127.0.0.1",
        "ipv4:127.0.0.1:5000",
        "ipv6:%5B::1%5D:5000",
        "ipv6:[::1]:5000",
        "unix:/run/seamwatch.sock",
        "unix:",
    ],
)
def test_peer_on_this_machine_is_loopback(peer: str) -> None:
    assert is_loopback(peer)


@pytest.mark.parametrize(
    "peer",
    [
        "",
        "unknown",
        "localhost.attacker.example",
        "127.0.0.1.attacker.example",
        "192.0.2.1:5000",
        "0.0.0.0",  # noqa: S104
        "[::]:5000",
        "::ffff:192.0.2.1",
        "ipv4:10.0.0.1:5000",
        "127.1",
        "0x7f000001",
        "2130706433",
    ],
)
def test_any_other_peer_is_not_loopback(peer: str) -> None:
    assert not is_loopback(peer)


@pytest.mark.parametrize(
    ("peer", "key"),
    [
        ("192.0.2.1:5000", "192.0.2.1"),
        ("ipv4:192.0.2.1:6000", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[2001:db8:1:2:3:4:5:6]:443", "2001:db8:1:2::/64"),
        ("ipv6:%5B2001:db8:1:2::9%5D:443", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("[::1]:9", "::1"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_failures_are_counted_by_address_and_by_the_64_of_ipv6(peer: str, key: str) -> None:
    assert lockout_key(peer) == key
