"""Lines taken apart by the kernel against the standard library's parser."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.kernels import json_lines as kernel
from tilth.kernels.json_lines import plain_values, scan, texts, wholes

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18) + 1, 10**18 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
) | st.text().filter(lambda text: not any("\ud800" <= sign < "\ue000" for sign in text))
ROWS = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=8)


def value(data: bytes, cells: kernel.Cells, name: int, row: int) -> Any:
    kind = cells.kinds[name, row]
    if kind in (kernel.NULL, kernel.TRUE, kernel.FALSE):
        return {kernel.NULL: None, kernel.TRUE: True, kernel.FALSE: False}[kind]
    if kind == kernel.WHOLE:
        return int(wholes(data, cells, name)[row])
    found = texts(data, cells, name)
    assert found is not None
    part = found[0][found[1][row] : found[1][row + 1]].tobytes().decode()
    return float(part) if kind == kernel.FRACTION else part


@given(ROWS, st.booleans())
def test_kernel_equals_plain_twin(rows: list[tuple[Any, Any]], as_ascii: bool) -> None:
    records = [{"a": one, "b c": other} for one, other in rows]
    data = "".join(json.dumps(one, ensure_ascii=as_ascii) + "\n" for one in records).encode()
    cells = scan(data, [b"a", b"b c"], len(rows))
    assert cells is not None
    plain = plain_values(data)
    for number, name in enumerate(plain):
        found = [value(data, cells, number, row) for row in range(len(rows))]
        assert list(map(repr, found)) == list(map(repr, plain[name]))


@pytest.mark.parametrize(
    "line",
    [
        *('{"a": 1, "a": 2}', '{"a": 1', '{"a" 1}', '{"a": 1}}', '{"a": 1,}', '{"b": 1}', "{}"),
        *('{"a": [1]}', '{"a": {}}', '{"a": 01}', '{"a": 1.}', '{"a": .5}', '{"a": +1}'),
        *('{"a": 1e}', '{"a": -}', '{"a": nul}', '{"a": NaN}', '{"a": True}', '{"a": "x}'),
        *('{"a": "x\ty"}', '{"a": "x\\"}', "[1]", "", '{"a": 1} {"a": 2}', '{"a": tru', '{"'),
        *('{"a": 1000000000000000000}', '\ufeff{"a": 1}', "{'a': 1}", '{"a": 1}\x0b', '{"aa": 1}'),
    ],
)
def test_what_is_not_plain_is_left_to_a_parser(line: str) -> None:
    for lines in ([line], ['{"a": 1}', line], [line, '{"a": 1}']):
        data = "".join(one + "\n" for one in lines).encode()
        assert scan(data, [b"a"], len(lines)) is None
    assert scan(b'{"a": 1}\n', [b"a"], 2) is None
    assert scan(b'{"a": 1}\n{"a": 1}\n', [b"a"], 1) is None


@pytest.mark.parametrize(
    "text", [r"\x", r"\u12", r"\u12g4", r"\ud800", r"\udc00\ud800", r"\ud800x"]
)
def test_an_escape_that_stands_for_nothing(text: str) -> None:
    data = b'{"a": "%b"}\n' % text.encode()
    cells = scan(data, [b"a"], 1)
    assert cells is not None
    assert texts(data, cells, 0) is None


def test_nothing_is_read_beyond_the_end() -> None:
    whole = b'{"a": null, "b": "\\u00e9", "c": -1.5e3, "d": false}\n'
    for end in range(len(whole) - 1):
        data = np.frombuffer(whole, np.uint8)[:end].tobytes() + b"\n"
        assert scan(data, [b"a", b"b", b"c", b"d"], 1) is None
