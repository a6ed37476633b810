"""The walk over protobuf's wire format."""

from __future__ import annotations

import pytest

from seamwatch.backend.receiver.wire import MalformedError, count_fields, fields, read_varint


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        (b"\x00", 0),
        (b"\x7f", 127),
        (b"\x80\x01", 128),
        (b"\xac\x02", 300),
        (b"\xff" * 9 + b"\x01", 2**64 - 1),
    ],
)
def test_a_varint_reads_as_the_encoding_guide_says(encoded: bytes, value: int) -> None:
    assert read_varint(b"\xff" + encoded, 1) == (value, 1 + len(encoded))


def test_a_varint_of_more_than_ten_bytes_is_malformed() -> None:
    with pytest.raises(MalformedError, match="more than 10 bytes"):
        read_varint(b"\xff" * 11, 0)


@pytest.mark.parametrize("encoded", [b"", b"\x80", b"\xff\xff"])
def test_a_varint_that_is_cut_off_is_malformed(encoded: bytes) -> None:
    with pytest.raises(MalformedError, match="cut off"):
        read_varint(encoded, 0)


def test_fields_of_all_wire_types_are_found_in_their_order() -> None:
    message = (
        b"\x0a\x02ab" + b"\x10\x96\x01" + b"\x19" + bytes(8) + b"\x25" + bytes(4) + b"\x2a\x00"
    )

    assert list(fields(message)) == [(1, 2, 4), (2, -1, -1), (3, -1, -1), (4, -1, -1), (5, 23, 23)]


def test_a_field_number_of_several_bytes_is_read() -> None:
    assert list(fields(b"\xf8\x7f\x00")) == [(2047, -1, -1)]


def test_a_group_is_one_field_whatever_it_holds() -> None:
    group = b"\x0b" + b"\x10\x01" + b"\x1a\x01x" + b"\x23\x24" + b"\x2d" + bytes(4) + b"\x0c"

    assert list(fields(group + b"\x12\x00")) == [(1, -1, -1), (2, 16, 16)]


@pytest.mark.parametrize(
    "message",
    [
        b"\x0a",  # no length
        b"\x0a\x05abcd",  # one byte short
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # a length of 2^63
        b"\x09\x00\x00",  # a cut fixed64
        b"\x0d\x00",  # a cut fixed32
        b"\x08",  # no varint
        b"\x0e",  # wire type 6
        b"\x0f",  # wire type 7
        b"\x0c",  # a group that ends without beginning
        b"\x0b",  # a group without an end
        b"\x0b\x14",  # a group that another's end closes
        b"\x0b" * 101,  # groups nested too deep
        b"\x0b\x12\x7fx\x0c",  # a field that runs past its group
    ],
)
def test_what_is_no_message_is_malformed(message: bytes) -> None:
    with pytest.raises(MalformedError):
        list(fields(message))


def test_counting_stops_one_beyond_the_limit() -> None:
    assert count_fields(b"\x0a\x00" * 5, 10) == 5
    assert count_fields(b"\x0a\x00" * 1_000_000, 10) == 11
    assert count_fields(b"\x0a\x00" * 11 + b"\xff", 10) == 11  # what is behind is not looked at
