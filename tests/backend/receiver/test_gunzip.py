"""Bounded inflation."""

from __future__ import annotations

import gzip
import os
import time
import tracemalloc
import zlib

import pytest

from seamwatch.backend.receiver.gunzip import gunzip
from seamwatch.backend.receiver.ingest_protocol import TooLargeError
from seamwatch.core import RejectedError

MIB = 1024 * 1024


@pytest.mark.parametrize("cut", [1, 7, 1000, 10**9])
def test_a_body_is_inflated_wherever_its_chunks_are_cut(cut: int) -> None:
    content = os.urandom(40_000) + bytes(100_000)
    compressed = gzip.compress(content)
    chunks = [compressed[start : start + cut] for start in range(0, len(compressed), cut)]

    assert gunzip(chunks, 200_000) == content


@pytest.mark.parametrize("size", [0, 1, 262_143, 262_144, 262_145, 524_288, MIB])
def test_output_that_fills_zlibs_buffer_exactly_is_not_taken_for_a_cut(size: int) -> None:
    content = bytes(size)

    assert gunzip([gzip.compress(content)], MIB) == content


def test_several_members_and_zero_padding_are_one_body() -> None:
    members = gzip.compress(b"one") + gzip.compress(b"") + gzip.compress(b"two") + bytes(600)

    assert gunzip([members[:25], members[25:]], 100) == b"onetwo"


def test_the_limit_itself_is_accepted_and_one_byte_more_is_not() -> None:
    assert gunzip([gzip.compress(bytes(MIB))], MIB) == bytes(MIB)
    with pytest.raises(TooLargeError, match="larger than 1048576 bytes"):
        gunzip([gzip.compress(bytes(MIB + 1))], MIB)


def test_point_3_a_bomb_is_refused_within_bounded_memory_and_time() -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([compressor.compress(bytes(MIB)) for _ in range(256)] + [compressor.flush()])

    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(TooLargeError):
        gunzip([bomb], 16 * MIB)
    duration_s = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(bomb) < 0.3 * MIB
    assert peak < 20 * MIB
    assert duration_s < 1.0


def test_a_body_of_very_many_members_is_refused() -> None:
    with pytest.raises(RejectedError, match="1024 members"):
        gunzip([gzip.compress(b"") * 800_000], 16 * MIB)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x1f\x8b",
        gzip.compress(b"x")[:-1],
        gzip.compress(b"x") + b"tail",
        gzip.compress(b"x")[:-8] + bytes(8),
        zlib.compress(b"x"),
    ],
    ids=["empty", "magic only", "cut off", "tail", "wrong checksum", "zlib"],
)
def test_point_23_what_is_no_whole_gzip_is_rejected(body: bytes) -> None:
    with pytest.raises(RejectedError):
        gunzip([body], 1000)
