"""Binds listening sockets before anything starts, without SO_REUSEPORT, so that a taken port is an error and not a share."""

from __future__ import annotations

import errno
import ipaddress
import socket

from seamwatch.core import ConfigurationError

__all__ = ["bind_socket", "is_loopback_host", "split_endpoint"]


def split_endpoint(variable: str, endpoint: str) -> tuple[str, int]:
    """Host and port of ``host:port`` or ``[v6]:port``.

    Raises:
        ConfigurationError: It is none; names the variable.
    """
    host, separator, port = endpoint.rpartition(":")
    host = host.strip("[]")
    if not separator or not host or not port.isdigit() or int(port) > 65_535:
        raise ConfigurationError(f"{variable}: expected host:port, got {endpoint!r}")
    return host, int(port)


def is_loopback_host(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind_socket(variable: str, endpoint: str, *, is_any_port_fine: bool = False) -> socket.socket:
    """A bound, not yet listening TCP socket.

    Args:
        variable: Setting that the endpoint comes from, for the error.
        endpoint: ``host:port``; port 0 asks for a free one.
        is_any_port_fine: Take a free port where the wanted one is taken.

    Raises:
        ConfigurationError: The port is taken, or the address is not this machine's.
    """
    host, port = split_endpoint(variable, endpoint)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        # Two sockets may both bind with SO_REUSEADDR; only one may listen, so ask now.
        sock.listen(1)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            if is_any_port_fine and port:
                return bind_socket(variable, f"[{host}]:0" if ":" in host else f"{host}:0")
            raise ConfigurationError(
                f"{variable}: {endpoint} is taken by another process; choose another or use --auto-ports"
            ) from error
        raise ConfigurationError(
            f"{variable}: cannot listen on {endpoint}: {error.strerror}"
        ) from error
    sock.setblocking(False)
    return sock
