"""JSON in which no object has a name twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.decode.objects import is_text, parse_json
from tilth.errors import RecordError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_there_once_is_what_any_parser_finds(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value


@given(st.text(max_size=3), VALUES)
def test_a_name_that_is_there_twice_is_found_however_it_is_written(name: str, value: Any) -> None:
    spelt = "".join(f"\\u{unit:04x}" for unit in _units(name))
    inside = f'{{"x{spelt}": 1, "{spelt}": 2, {json.dumps(name)} : {json.dumps(value)}}}'
    for text in (inside, f'[0, {{"a": {inside}}}]'):
        with pytest.raises(RecordError, match="is there twice"):
            parse_json(text)


def _units(name: str) -> list[int]:
    data = name.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def test_it_is_named_safely() -> None:
    with pytest.raises(RecordError, match=r"^field `a\[U\+0007\]` is there twice$"):
        parse_json('{"a\\u0007": 1, "a\\u0007": 1}')
    with pytest.raises(ValueError, match="Expecting"):
        parse_json('{"a": }')


def test_half_a_surrogate_pair_is_no_text() -> None:
    assert [is_text(one) for one in ("", "a\U0001f600", "a\udc00b", b"a", None)] == [
        *(True, True, False, False, False)
    ]
