"""Records inside of a JSON document: those that a parser of the whole finds, however it is read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.growth.measure import assert_linear
from tilth.formats.json_path import ALL, NotJsonError, cut_items, cut_records, parse_path


def _plain(value: Any, path: tuple[str, ...]) -> list[Any]:
    if not path:
        return [value]
    items: list[Any] = []
    if path[0] == ALL:
        items = [*value.values()] if isinstance(value, dict) else value
        items = items if isinstance(items, list) else []
    elif isinstance(value, dict) and path[0] in value:
        items = [value[path[0]]]
    return [record for item in items for record in _plain(item, path[1:])]


_LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["\\", '"', '\\"', "\\\\", '{"', "[", "]\\"]),
)
_DOCUMENT = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["a", "b", 'c"d', "e.f"]), inner, max_size=3),
    ),
    max_leaves=20,
)
_PATH = st.lists(st.sampled_from(["a", "b", ALL, 'c"d']), max_size=3).map(lambda p: (*p, ALL))


@settings(deadline=None, max_examples=300)
@given(
    _DOCUMENT, _PATH, st.sampled_from([1, 2, 3, 7, 1000]), st.sampled_from([None, 1]), st.booleans()
)
def test_records_are_those_of_a_parser(
    document: Any, path: tuple[str, ...], chunk_bytes: int, indent: int | None, is_ascii: bool
) -> None:
    data = json.dumps(document, indent=indent, ensure_ascii=is_ascii).encode()
    found, wrong = [], ""
    try:
        for record, num_bytes in cut_records(io.BytesIO(data), path, 1 << 20, chunk_bytes):
            assert len(record) == num_bytes
            found.append(json.loads(record))
    except NotJsonError as error:
        wrong = str(error)
    assert found == _plain(document, path)
    # Nothing is where the path leads, and nothing else is wrong.
    assert not wrong or (not found and ("on the way" in wrong or "neither" in wrong))


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(st.binary(max_size=40), st.text('{}[]",:\\a1 ', max_size=40).map(str.encode)),
    st.integers(1, 5),
)
def test_whatever_is_there_gives_the_same_records_or_one_error(
    data: bytes, chunk_bytes: int
) -> None:
    def cut(size: int) -> list[object]:
        found: list[object] = []
        try:
            for record, num_bytes in cut_records(io.BytesIO(data), (ALL,), 10, size):
                assert len(record) == min(num_bytes, 10)
                found.append((record, num_bytes))
        except NotJsonError as error:
            found.append(str(error))
        return found

    assert cut(chunk_bytes) == cut(1000)


@pytest.mark.parametrize(
    ("data", "records"),
    [
        (b'[{"a": 1} {"b": 2}, {"c": 3}]', [b'{"a": 1} {"b": 2}', b'{"c": 3}']),
        (b'[1:2, "a" b, ]', [b"1 : 2", b'"a" b', b""]),
        (b'[1"a,]", 2]', [b'1 "a,]"', b"2"]),
        (b"[, 1]", [b"", b"1"]),
    ],
)
def test_what_stands_between_two_commas_costs_one_record(data: bytes, records: list[bytes]) -> None:
    assert [record for record, _ in cut_items(io.BytesIO(data), 99)] == records
    for record in set(records) - {b"1", b"2", b'{"c": 3}'}:
        with pytest.raises(ValueError, match=r"Expecting value|Extra data"):
            json.loads(record)


@pytest.mark.parametrize("data", [b'{"a": []}', b"3", b'"[]"'])
def test_items_are_those_of_a_list(data: bytes) -> None:
    with pytest.raises(NotJsonError, match=r"^not a JSON array$"):
        list(cut_items(io.BytesIO(data), 99))


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "it is empty"),
        (b"[1, 2", "cut off"),
        (b'[{"a": 1}, {"a": "x', "cut off"),
        (b"[1] 2", "text after the end"),
        (b"[1 }]", "`}` stands where a value should"),
        (b"[1, 2 3", "it is cut off"),
        (b'{"a": 1 "b": 2}', """`"` stands where , should"""),
        (b'{"a": 1,}', "`}` stands where a key should"),
        (b'[{"a": ]}]', "closes nothing"),
        (b"[" + b"[" * 100_010, "levels deep"),
        (b"3", "neither"),
        (b'{"a" 1}', "stands where : should"),
        (b"{1: 2}", "stands where a key should"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, cause: str) -> None:
    with pytest.raises(NotJsonError, match="^.*" + cause.replace("[", r"\[")):
        list(cut_records(io.BytesIO(data), (ALL,), 1 << 20))


def test_a_wrong_path_names_the_keys_that_are_there() -> None:
    data = b'{"meta": 1, "data": {"test": [], "training": [{"a": 1}]}}'
    with pytest.raises(NotJsonError, match="no key `train` on the way; there are test, training"):
        list(cut_records(io.BytesIO(data), parse_path("data.train[*]"), 99))
    assert list(cut_records(io.BytesIO(data), parse_path("data.test[*]"), 99)) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[*]", (ALL,)),
        ("data.train[*]", ("data", "train", ALL)),
        ("data[*].paragraphs[*]", ("data", ALL, "paragraphs", ALL)),
        ('["a.b"][*].c', ("a.b", ALL, "c")),
    ],
)
def test_a_path(text: str, path: tuple[str, ...]) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize("text", ["data", "data[0]", "data.[", "a..b[*]", '["a'])
def test_no_path(text: str) -> None:
    with pytest.raises(ValueError, match="path"):
        parse_path(text)


def test_a_long_record_is_cut_and_a_long_document_is_not_held() -> None:
    class Endless(io.RawIOBase):
        def __init__(self) -> None:
            self.num_bytes = 0

        def read(self, size: int = -1) -> bytes:
            begin = b'{"skip": {"x": [' if not self.num_bytes else b""
            self.num_bytes += size
            if self.num_bytes < 4 << 20:
                return begin + b'"aaaaaaa",' * ((size - len(begin)) // 10)
            return b"" if self.num_bytes >= (4 << 20) + size else b'""]}, "r": ["bbbb", "c"]}'

    records = [*cut_records(Endless(), ("r", ALL), 3)]  # type: ignore[arg-type]
    assert records == [(b'"bb', 6), (b'"c"', 3)]


@pytest.mark.parametrize(
    "make",
    [
        lambda times: b"[" + b'{"a":' * times + b"1" + b"}" * times + b"]",
        lambda times: b"[" + b"1 " * times + b"]",
        lambda times: b"[" + b"1," * times + b"]",
    ],
    ids=["levels", "without-commas", "items"],
)
def test_time_grows_with_the_document_alone(make: Callable[[int], bytes]) -> None:
    def prepared(times: int) -> Callable[[], object]:
        data = make(times)
        return lambda: list(cut_records(io.BytesIO(data), (ALL,), 1 << 20))

    # Ten times as many levels are still as many as are read.
    assert_linear(prepared, 4_000, 9_000)
