"""Small requests that ask for much: refused at once, within bounded memory (the server runs in this very process)."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest
from otlp_http_server import FakeIngest, head, running

MIB = 1024 * 1024
JSON = {"content_type": "application/json"}
GZIP = {"content_encoding": "gzip"}
OPENING = b'{"resourceSpans":[{"scopeSpans":[{'
CLOSING = b"}]}]}"

BOMBS: dict[str, tuple[bytes, dict[str, str], int]] = {
    "gzip of 256 MiB": (gzip.compress(bytes(256 * MIB)), GZIP, 413),
    "gzip of five million empty spans in JSON": (
        gzip.compress(OPENING + b'"spans":[' + b"{}," * 5_000_000 + b"{}]" + CLOSING),
        GZIP | JSON,
        413,
    ),
    "400,000 empty spans in JSON": (
        OPENING + b'"spans":[' + b"{}," * 400_000 + b"{}]" + CLOSING,
        JSON,
        413,
    ),
    "fifteen million opening brackets": (
        gzip.compress(b'{"x":' + b"[" * 15_000_000),
        GZIP | JSON,
        400,
    ),
    "two million lone surrogates": (
        OPENING + b'"spans":[{"name":"' + rb"\ud800" * 2_000_000 + b'"}]' + CLOSING,
        JSON,
        400,
    ),
    "fifteen million bytes that are not UTF-8": (
        OPENING + b'"spans":[{"name":"' + b"\xff" * 15_000_000 + b'"}]' + CLOSING,
        JSON,
        400,
    ),
    "five million empty strings": (
        b'{"resourceSpans":[{"resource":{"entityRefs":[{"idKeys":['
        + b'"",' * 5_000_000
        + b'""]}]}}]}',
        JSON,
        400,
    ),
    "800,000 empty gzip members": (gzip.compress(b"") * 800_000, GZIP, 400),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_soon_and_within_64_mib(name: str) -> None:
    body, headers, status = BOMBS[name]

    with running(FakeIngest(is_cached=True)) as server, server.connect() as connection:
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before_mib = _mib("VmRSS")
        connection.send(head(content_length=str(len(body)), **headers) + body)
        start = time.monotonic()
        answer = connection.read()
        duration_s = time.monotonic() - start

    assert answer.status == status
    assert _mib("VmHWM") - before_mib < 64
    assert duration_s < 0.5  # the budget is 0.1 on an idle machine


def _mib(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith(field))
    return int(line.split()[1]) / 1024
