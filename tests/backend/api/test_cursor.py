"""Cursors cannot be made or moved by callers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.backend.api.cursor import CursorSigner
from seamwatch.backend.api.problem import ProblemError

_KEY = b"0123456789abcdef0123456789abcdef"
_POSITION = {"id": 17, "after": "shop"}


def test_cursor_gives_its_position_back() -> None:
    signer = CursorSigner(_KEY)

    cursor = signer.sign(_POSITION, binding="services")

    assert signer.read(cursor, binding="services") == _POSITION


def test_cursor_of_another_binding_is_refused() -> None:
    signer = CursorSigner(_KEY)
    cursor = signer.sign(_POSITION, binding="services of tenant 1")

    with pytest.raises(ProblemError) as caught:
        signer.read(cursor, binding="services of tenant 2")

    assert caught.value.problem.status == 400
    assert caught.value.problem.parameter == "cursor"


def test_cursor_of_another_key_is_refused() -> None:
    cursor = CursorSigner(b"x" * 32).sign(_POSITION, binding="b")

    with pytest.raises(ProblemError):
        CursorSigner(_KEY).read(cursor, binding="b")


def test_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        CursorSigner(b"short")


@given(st.text(max_size=200) | st.binary(max_size=80).map(lambda raw: raw.hex()))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ProblemError):
        CursorSigner(_KEY).read(text, binding="b")


@given(st.data())
def test_one_changed_character_is_refused(data: st.DataObject) -> None:
    signer = CursorSigner(_KEY)
    cursor = signer.sign(_POSITION, binding="b")
    # The last character carries bits that base64 ignores.
    index = data.draw(st.integers(0, len(cursor) - 2))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ-_"))
    forged = cursor[:index] + other + cursor[index + 1 :]

    if forged != cursor:
        with pytest.raises(ProblemError):
            signer.read(forged, binding="b")
