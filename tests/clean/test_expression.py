"""The language of rules: what it says, what it refuses, and its three-valued logic."""

from __future__ import annotations

import ast
import contextlib
import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.clean.expression import MAX_CHARS, evaluate, names, normal, parse
from tilth.errors import UsageError

COLUMNS = {
    "a": pa.array([1, 5, None, 0], pa.int64()),
    "b": pa.array([2.0, float("nan"), 3.0, 0.0]),
    "word": pa.array(["en", "de", None, ""], pa.string()),
    "flag": pa.array([True, False, None, True]),
    "source": pa.array(["x", "y", "x", None]).dictionary_encode(),
}


def decide(text: str) -> list[bool | None]:
    true, unknown = evaluate(text, COLUMNS.__getitem__, 4)
    return [None if u else bool(t) for t, u in zip(true, unknown, strict=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a >= 1", [True, True, None, False]),
        ("0 < a <= 1", [True, False, None, False]),
        ("1 <= a < b", [True, None, None, False]),
        ("a / b < 1", [True, None, None, None]),
        ("word == 'en'", [True, False, None, False]),
        ('word in ("en", "fr")', [True, False, None, False]),
        ("word not in ['en']", [False, True, None, True]),
        ("a in (1, 5)", [True, True, None, False]),
        ("known(word) and word == 'en'", [True, False, False, False]),
        ("a > 0 or b > 0", [True, True, True, False]),
        ("not flag", [False, True, None, False]),
        ("flag == True and a != 3", [True, False, None, True]),
        ("source == 'x'", [True, False, True, None]),
        ("min(a, b) >= 1", [True, None, None, False]),
        ("max(a, 3) == 3", [True, False, None, True]),
        ("abs(-a) + 2 * a - a % 2 == 2", [True, False, None, False]),
        ("log(a) >= 0", [True, True, None, None]),
        ("+a == a", [True, True, None, True]),
    ],
)
def test_decisions(text: str, expected: list[bool | None]) -> None:
    assert decide(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a >=",
        "a",
        "1 < 2",
        "a + 1",
        "__import__('os').system('true')",
        "a.b > 1",
        "a[0] > 1",
        "(lambda: 1)() > a",
        "[x for x in a]",
        "a ** 9 > 1",
        "f'{a}' == 'x'",
        "a is None",
        "a in b",
        "a in (1, 'x')",
        "a in ()",
        "a in (1, *b)",
        "abs(a, 1) > 1",
        "min(a) > 1",
        "min(a, key=b) > 1",
        "(a := 1) > 0",
        "a if b else a",
        "a == None",
        "a == b'x'",
        "a > 1 " * 1000,
        "(" * 500 + "a" + ")" * 500 + " > 1",
        "a > 1\nb > 2",
    ],
)
def test_refusals(text: str) -> None:
    with pytest.raises(UsageError):
        decide(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("word > 1", "compares a word with a number"),
        ("a == 'x'", "compares a number with a word"),
        ("not a", "neither true nor false"),
        ("a and a > 1", "neither true nor false"),
        ("word + 1 > 2", "not a number"),
        ("flag > False", "orders"),
        ("a in ('x', 'y')", "cannot be among"),
    ],
)
def test_types_that_do_not_fit(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        decide(text)


def test_names_in_order() -> None:
    assert names("0 < digits / chars and known(word) or chars > 1") == ("digits", "chars", "word")


@given(st.text("ab<>=!()+-*/%.,'\" 01notandr", max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(UsageError):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["a>=50 and word=='en'", " a  >= 50 and (word == 'en')\n", '(a>=50)and(word=="en")'],
)
def test_what_is_the_same_is_printed_alike(text: str) -> None:
    assert normal(text) == "a >= 50 and word == 'en'"


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("a > 1", "a > 1.0"),
        ("a > 1 and b > 2", "b > 2 and a > 1"),
        ("a - (b - 1) > 0", "a - b - 1 > 0"),
        ("word == 'a b'", "word == 'a  b'"),
        ("not (a > 1 or b > 1)", "not a > 1 or b > 1"),
    ],
)
def test_what_may_differ_is_printed_otherwise(text: str, other: str) -> None:
    assert normal(text) != normal(other)


@given(st.text("ab<>=!()+-*/%.,'\" 01notandr", max_size=30))
@settings(max_examples=300, deadline=None)
def test_what_is_printed_says_the_same(text: str) -> None:
    with contextlib.suppress(UsageError):
        tree = ast.dump(parse(text))
        printed = normal(text)
        assert ast.dump(parse(printed)) == tree
        assert normal(printed) == printed


@pytest.mark.parametrize(
    "text",
    ["-" * 1500 + "a > 0", "not " * 400 + "a > 0", "a+" * 800 + "1 > 0", "meta" + ".a" * 900],
)
def test_what_is_nested_deeper_than_anybody_writes_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="nested more than 60 levels deep"):
        parse(text)


def test_what_is_long_and_not_deep_stays() -> None:
    text = "a>0 and " * 240 + "a>0"
    assert normal(f" {text}") == text
    assert len(text) <= MAX_CHARS
    assert parse("+".join(["a"] * 50) + " > 0")


@pytest.mark.parametrize(
    "text", ["a > " + "9" * 400, "a > 1e400", "a in (1, 1e999)", "-1e999 < a", "a + 9e999 > 1"]
)
def test_a_number_beyond_all_columns_is_refused(text: str) -> None:
    """It would be true of every row, or of none."""
    with pytest.raises(UsageError, match="larger than any number"):
        parse(text)


_WIDE = 2**53
_WHOLES = {
    "meta.id": pa.array([_WIDE, _WIDE + 1, None, -_WIDE - 1]),
    "meta.hash": pa.array(
        [decimal.Decimal(one) for one in (2**64 - 1, 2**64 - 2, _WIDE + 1, 1)],
        pa.decimal128(20, 0),
    ),
    "meta.small": pa.array([1, 2, 3, 4], pa.int32()),
    "meta.share": pa.array([0.5, float(_WIDE), 1.0, 2.0]),
    "meta.ids": pa.array([[_WIDE, _WIDE + 1], [_WIDE], None, []]),
}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (f"meta.id == {_WIDE + 1}", [1]),
        (f"meta.id != {_WIDE + 1}", [0, 3]),
        (f"meta.id > {_WIDE}", [1]),
        (f"meta.id == -{_WIDE + 1}", [3]),
        (f"{_WIDE} <= meta.id <= {_WIDE}", [0]),
        (f"meta.id in ({_WIDE + 1}, 7)", [1]),
        (f"meta.id not in ({_WIDE + 1}, {10**60})", [0, 3]),
        (f"meta.id < {10**60}", [0, 1, 3]),
        (f"meta.hash == {2**64 - 1}", [0]),
        (f"meta.hash in ({2**64 - 2},)", [1]),
        ("meta.hash > meta.id", [0, 1, 3]),
        (f"{_WIDE + 1} in meta.ids", [0]),
        ("1 < meta.small < 4", [1, 2]),
        ("meta.small == 2.0", [1]),
        ("meta.small == meta.share", []),
        ("meta.small + 0.5 > 3", [2, 3]),
    ],
)
def test_whole_numbers_are_compared_as_they_are(text: str, rows: list[int]) -> None:
    """Two ids of more than 53 bits are the same as float64."""
    true, _ = evaluate(text, _WHOLES.__getitem__, 4)
    assert np.flatnonzero(true).tolist() == rows


_FIELDS = {
    "meta.year": pa.array([2014, 2015, None]),
    "meta.issued": pa.array(
        [datetime.date(2015, 1, 1), None, datetime.date(2014, 1, 1)], pa.date32()
    ),
    "meta.at": pa.array([datetime.datetime(2015, 1, 1, tzinfo=datetime.UTC)] * 3),
    "meta.tags": pa.array([["a", "b"], [], None], pa.list_(pa.large_string())),
    "meta.none": pa.nulls(3),
    "meta.date of issue": pa.array(["2014", "2015", "2016"], pa.large_string()),
    "meta.price": pa.array([decimal.Decimal("1.5")] * 3),
    "meta.a.b": pa.array([1, 2, 3]),
    "meta.raw": pa.array([b"\xff"] * 3, pa.large_binary()),
    "meta": pa.array([1.0, 2.0, 3.0]),
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("meta.year >= 2015", [False, True, None]),
        ("meta.issued >= '2015-01-01'", [True, None, False]),
        ("'2014-06' < meta.issued < '2016'", [True, None, False]),
        ("meta.issued in ('2015-01-01', '2013-01-01')", [True, None, False]),
        ("meta.at == '2015-01-01T01:00+01:00'", [True, True, True]),
        ("'a' in meta.tags", [True, False, None]),
        ("'a' not in meta.tags", [False, True, None]),
        ("meta.none > 3 or meta > 2", [None, None, True]),
        ("not meta.none", [None, None, None]),
        ("meta.none in (1, 2) or meta.none == 'x'", [None, None, None]),
        ("meta['date of issue'] >= '2015'", [False, True, True]),
        ("meta.price > 1", [True, True, True]),
        ("known(meta.tags) and known(meta.raw)", [True, True, False]),
        ("meta.a.b + meta['a.b'] > 3", [False, True, True]),
    ],
)
def test_fields_of_every_type(text: str, found: list[bool | None]) -> None:
    true, unknown = evaluate(text, _FIELDS.__getitem__, 3)
    assert [None if u else bool(t) for t, u in zip(true, unknown, strict=True)] == found
    assert set(names(text)) <= _FIELDS.keys()
    again, still = evaluate(normal(text), _FIELDS.__getitem__, 3)
    assert (again == true).all()
    assert (still == unknown).all()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("meta.issued > 'soon'", "is compared with a time"),
        ("meta.issued > 3", "is compared with a time"),
        ("meta.tags == 'x'", "compares a list with a word"),
        ("'a' in meta.year", "cannot be in a number"),
        ("1 in meta.tags", "is a number, and an item is a word"),
        ("meta.raw == 'x'", "compares bytes with a word"),
        ("os.path == 1", "not allowed"),
        ("meta[0] == 1", "not allowed"),
    ],
)
def test_fields_that_do_not_fit(text: str, cause: str) -> None:
    with pytest.raises(UsageError, match=cause):
        evaluate(text, _FIELDS.__getitem__, 3)


@pytest.mark.parametrize(
    ("text", "values", "told", "hint"),
    [
        ("meta.y >= 2015", ["2016", None, "n.d."], "as `n.d.` of b.csv:9", "`meta.y >= '2015'`"),
        ("2015 == meta.y", ["2016", " 7 ", "1e3"], "reads as numbers (`2016`)", "'2015' == meta.y"),
        ("meta.y + 1 > 2", ["x", "y", "z"], "as `x` of a.csv:1", "`meta.y == '2015'`"),
        ("meta.y in (1, 2)", ["1", None, "?"], "as `?` of b.csv:9", "`meta.y == '2015'`"),
        ("meta.y > 1", [None, None, None], "`meta.y` is text", "'1'"),
    ],
)
def test_a_field_that_became_text_says_why(
    text: str, values: list[str | None], told: str, hint: str
) -> None:
    columns = {
        "meta.y": pa.array(values, pa.large_string()),
        "uri": pa.array(["a.csv:1", "a.csv:2", "b.csv:9"]),
    }
    with pytest.raises(UsageError) as error:
        evaluate(text, columns.__getitem__, 3)
    assert error.value.code == "text-field"
    assert told in error.value.what
    assert hint in error.value.hint
