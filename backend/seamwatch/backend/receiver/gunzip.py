"""Inflates gzip within a bound, however small the bytes that ask for it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from seamwatch.backend.receiver.ingest_protocol import TooLargeError
from seamwatch.core import RejectedError

__all__ = ["gunzip"]

_GZIP = 31  # zlib's window bits for "gzip header and trailer, checksum verified"
_PIECE_BYTES = 65_536  # a member's rest is copied, so a piece bounds what many small members cost
_OUTPUT_BYTES = 262_144
_MAX_MEMBERS = 1024


def gunzip(chunks: Sequence[bytes], max_bytes: int) -> bytes:
    """Inflate gzip of one or more members.

    Holds at most `max_bytes` + 256 KiB of output before it refuses. Safe from any thread; zlib releases the GIL.

    Args:
        chunks: The compressed bytes, cut anywhere.
        max_bytes: Largest result that is accepted.

    Raises:
        TooLargeError: The result is larger than `max_bytes`.
        RejectedError: The bytes are not gzip, or damaged, cut off, or more than 1024 members.
    """
    output: list[bytes] = []
    room = max_bytes
    members = 1
    inflater = zlib.decompressobj(_GZIP)
    is_between = (
        False  # behind a whole member: the end may come, or zero padding, or another member
    )
    try:
        for piece in _pieces(chunks):
            rest = piece
            while True:
                if is_between:
                    rest = rest.lstrip(b"\0")
                    if not rest:
                        break
                    members += 1
                    if members > _MAX_MEMBERS:
                        raise RejectedError(f"gzip of more than {_MAX_MEMBERS} members")
                    inflater = zlib.decompressobj(_GZIP)
                    is_between = False
                asked = min(room + 1, _OUTPUT_BYTES)
                inflated = inflater.decompress(rest, asked)
                if inflated:
                    room -= len(inflated)
                    if room < 0:
                        raise TooLargeError(
                            f"the decompressed body is larger than {max_bytes} bytes"
                        )
                    output.append(inflated)
                is_between = inflater.eof
                rest = inflater.unused_data if is_between else inflater.unconsumed_tail
                # Output that did not fit stays inside zlib even when all input is consumed.
                if not rest and (is_between or len(inflated) < asked):
                    break
    except zlib.error as error:
        raise RejectedError(f"the body is not valid gzip: {error}") from error
    if not is_between:
        raise RejectedError("the gzip body is cut off")
    return output[0] if len(output) == 1 else b"".join(output)


def _pieces(chunks: Sequence[bytes]) -> list[bytes]:
    """The chunks, none longer than a piece."""
    if all(len(chunk) <= _PIECE_BYTES for chunk in chunks):
        return list(chunks)
    return [
        chunk[start : start + _PIECE_BYTES]
        for chunk in chunks
        for start in range(0, len(chunk), _PIECE_BYTES)
    ]
