"""JSON reaches the caller digit by digit."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.backend.api.readers.json_text import json_text


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        ('{"a": 9007199254740992}', '{"a": 9007199254740992}'),
        ('{"a": 9007199254740993}', '{"a": "9007199254740993"}'),
        ('{"a": [-9223372036854775808]}', '{"a": ["-9223372036854775808"]}'),
        ('{"a": "9007199254740993"}', '{"a": "9007199254740993"}'),
        ('{"a\\"9007199254740993": 1}', '{"a\\"9007199254740993": 1}'),
        ('{"a": 0.1234567890123456789}', '{"a": 0.1234567890123456789}'),
        ('{"a": 123456789012345678.5}', '{"a": 123456789012345678.5}'),
        (
            '{"9007199254740993": 12345678901234567890}',
            '{"9007199254740993": "12345678901234567890"}',
        ),
    ],
)
def test_only_integers_beyond_2_53_become_strings(stored: str, sent: str) -> None:
    assert bytes(json_text(stored)).decode() == sent


def test_integer_of_many_digits_is_kept() -> None:
    digits = "1" * 10_000

    assert bytes(json_text(f"[{digits}]")).decode() == f'["{digits}"]'


def test_long_string_costs_no_memory_for_each_of_its_characters() -> None:
    text = '{"a": "' + "\\n" * 500_000 + '9007199254740993", "b": 9007199254740993}'

    tracemalloc.start()
    try:
        sent = bytes(json_text(text)).decode()
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sent == text[: -len("9007199254740993}")] + '"9007199254740993"}'
    assert peak_bytes < 6 * len(text)


def test_nothing_stored_is_the_default() -> None:
    assert bytes(json_text(None, "[]")) == b"[]"


_LEAVES = st.none() | st.booleans() | st.text() | st.integers(-(2**70), 2**70)


@given(st.recursive(_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_decoded_answer_equals_the_value_with_long_integers_as_text(value: object) -> None:
    def expected(node: object) -> object:
        if isinstance(node, list):
            return [expected(item) for item in node]
        if isinstance(node, dict):
            return {key: expected(item) for key, item in node.items()}
        if type(node) is int and abs(node) > 2**53:
            return str(node)
        return node

    for is_ascii in (True, False):
        text = json.dumps(value, ensure_ascii=is_ascii)
        if "\\ud" not in text.lower() and not any("\ud800" <= c <= "\udfff" for c in text):
            assert json.loads(bytes(json_text(text))) == expected(value)
