"""What a record has besides goes into columns of its name, in every source alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.collect import tabular
from tilth.context import Context
from tilth.meta.kinds import MAX_FIELDS
from tilth.reading.carry import Carrier, numbered, storable
from tilth.reading.fields import Fields
from tilth.reading.records import RecordError


def _carrier(told: list[tuple[str, str]], **fields: Any) -> Carrier:
    context = Context(Path(), passes_over=lambda place, reason: told.append((place, reason)))
    carrier = Carrier.of(Fields.model_validate(fields), context)
    carrier.begin("a.jsonl")
    return carrier


def _filled(record: dict[str, Any], **fields: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    carrier = _carrier(told, **fields)
    row: dict[str, Any] = {}
    for _ in range(2):
        row = {}
        carrier.fill(record, row)
    return row, told


_EXPORTED = {"id": "1f", "source": "step", "uri": "a:1", "key": "2e", "text": "t"}
_BESIDE = {f"meta.export.{name}": value for name, value in _EXPORTED.items() if name != "text"}


@pytest.mark.parametrize(
    ("record", "fields", "row"),
    [
        ({"text": "t", "year": 2015}, {}, {"meta.year": 2015}),
        ({"text": "t", "a": None, "b": []}, {}, {"meta.b": []}),
        ({"text": "t", "o": {"n": 1}}, {}, {"meta.o": '{"n":1}'}),
        # Of an object the part that is taken is not there twice.
        ({"q": {"body": "t", "n": 1}}, {"text": "q.body"}, {"meta.q": '{"n":1}'}),
        ({"q": {"body": "t"}}, {"text": "q.body"}, {}),
        ({"q": {"a": {"b": 1, "c": 2}}}, {"x": "q.a.b"}, {"meta.x": 1, "meta.q": '{"a":{"c":2}}'}),
        # A record that calls the rest of it `meta` is understood, one of Tilth's own too.
        ({"text": "t", "meta": {"year": 1}}, {}, {"meta.year": 1}),
        ({"text": "t", "meta.year": 1}, {}, {"meta.year": 1}),
        ({"text": "t", "meta": "x"}, {}, {"meta.meta": "x"}),
        ({"text": "t", "meta": {"url": "u", "n": 1}}, {"uri": "meta.url"}, {"meta.n": 1}),
        # Two of one name stay apart.
        ({"year": 1, "meta.year": 2}, {}, {"meta.year": 1, "meta.year (2)": 2}),
        ({"y": 1, "year": 2}, {"year": "y"}, {"meta.year": 1, "meta.year (2)": 2}),
        # What Tilth wrote out is its sample's again, whatever stands beside, the earlier one too.
        (
            {**_EXPORTED, "meta": {"source": "news", "export.source": "older"}},
            {},
            {**_BESIDE, "meta.source": "news", "meta.export.source (2)": "older"},
        ),
        ({**_EXPORTED, "meta.id": 7}, {}, {**_BESIDE, "meta.id": 7}),
        ({**_EXPORTED, "meta": {"id": 7}}, {"meta": ["uri"]}, {"meta.uri": "a:1"}),
        (
            {**_EXPORTED, "license": "MIT", "meta": {"license": "own"}},
            {"license": "license", "uri": "uri"},
            {name: _BESIDE[name] for name in _BESIDE if name != "meta.export.uri"}
            | {"meta.license": "own"},
        ),
        ({"text": "t", "a\u202eb": 1}, {}, {"meta.a[U+202E]b": 1}),
        ({"text": "t", "a": 1, "b": 2}, {"meta": ["b"]}, {"meta.b": 2}),
        ({"text": "t", "a": 1}, {"meta": "none"}, {}),
        ({"text": "t", "a": 1}, {"meta": "none", "b": "a"}, {"meta.b": 1}),
        ({"text": "t", "meta": {"a": 1, "b": 2}}, {"meta": ["meta"]}, {"meta.a": 1, "meta.b": 2}),
    ],
)
def test_columns_of_a_record(
    record: dict[str, Any], fields: dict[str, Any], row: dict[str, Any]
) -> None:
    assert _filled(record, **fields)[0] == row


def test_what_is_left_out_is_told_once_a_file() -> None:
    told: list[tuple[str, str]] = []
    carrier = _carrier(told, meta=["a"])
    for uri in ("a.jsonl", "b.jsonl"):
        carrier.begin(uri)
        for _ in range(3):
            carrier.fill({"text": "t", "a": 1, "b": 2}, {})
    assert told == [
        ("a.jsonl:b", "a field that `fields.meta` leaves out"),
        ("b.jsonl:b", "a field that `fields.meta` leaves out"),
    ]


def test_names_are_bounded_in_length_and_number() -> None:
    row, told = _filled({"": 1, " ": 2, "x" * 201: 3, "y" * 200: 4})
    assert row == {"meta." + "y" * 200: 4}
    assert [reason for _, reason in told] == [
        "a field without a name",
        "a field without a name",
        "a field whose name has more than 200 letters",
    ]
    row, told = _filled({f"n{number}": number for number in range(3 * MAX_FIELDS)})
    assert len(row) == MAX_FIELDS
    assert row[f"meta.n{MAX_FIELDS - 1}"] == MAX_FIELDS - 1
    assert told[0] == (f"a.jsonl:n{MAX_FIELDS}", "a field beyond the 1,000 that a source may have")
    assert len(told) <= MAX_FIELDS + 2


def test_what_cannot_be_stored_is_the_fault_of_its_record() -> None:
    for value in ("\ud800", ["\ud800"], {"a": "\ud800"}):
        with pytest.raises(RecordError, match="surrogate"):
            storable(value, "x")
    with pytest.raises(RecordError, match="of type object"):
        storable(object(), "x")
    assert storable(1 << 70, "x") == str(1 << 70)
    assert storable([1, {"a": 2}], "x") == '[1,{"a":2}]'
    assert storable(float("nan"), "x") != storable(float("nan"), "x")


_VALUE = st.one_of(
    st.integers(-(1 << 60), 1 << 60), st.text("abä", min_size=1, max_size=5), st.booleans()
)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"text": st.text("xyz", min_size=1, max_size=5)},
            optional={
                "n": st.integers(-9, 9),
                "flag": st.booleans(),
                "word": st.text("abc", min_size=1),
            },
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_source_gives_the_same_of_the_same_table(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("same")
    for kind in tabular.SOURCES:
        rows = tabular.read(kind, tabular.write(kind, folder / kind, records))
        found = [
            {name.removeprefix("meta."): value for name, value in row.items() if "meta." in name}
            for row in rows
        ]
        wanted = [{name: value for name, value in one.items() if name != "text"} for one in records]
        if kind == "csv":
            # Cells are text until all of the source was read.
            wanted = [
                {
                    name: value if isinstance(value, str) else str(value)
                    for name, value in one.items()
                }
                for one in wanted
            ]
        assert [
            {name: value for name, value in one.items() if value is not None} for one in found
        ] == wanted


def test_a_limit_takes_fields_along(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": str(n), "n": n}) + "\n" for n in range(9)))
    assert [row["meta.n"] for row in tabular.read("jsonl", path, limit=3)] == [0, 1, 2]


@given(st.lists(st.sampled_from(["n", "n (2)", "n (3)", "m"]), max_size=7))
def test_columns_of_one_name_have_numbers_that_no_other_has(names: list[str]) -> None:
    found = numbered(names)
    assert len(set(found)) == len(names)
    for name, plain in zip(found, names, strict=True):
        assert name == plain if names.count(plain) == 1 else name.startswith(plain)
    if "n" in names:
        assert found[names.index("n")] == "n"
