"""Which row of a table is a sample's, and what both of them say."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth import schema
from tilth.errors import DataError, RecordError
from tilth.reading.joined import Entry, Filling, How, Joined, Table

MOST = 1 << 30
_PART = st.sampled_from(["a", "b", "c.png", "a.tar"])
_PATH = st.lists(_PART, min_size=1, max_size=4).map("/".join)


def _table(how: How, *keys: str) -> Table:
    table = Table(how, "t.csv", MOST)
    for number, key in enumerate(keys):
        table.add(key, {"label": key}, f"t.csv:{number}")
    return table


def _label(entry: Entry | None) -> Any:
    return None if entry is None else entry.values["label"]


@given(keys=st.lists(_PATH, max_size=8, unique=True), path=_PATH)
def test_the_longest_key_that_a_path_ends_in(keys: list[str], path: str) -> None:
    fitting = [key for key in keys if path == key or path.endswith(f"/{key}")]
    wanted = max(fitting, key=len, default=None)
    assert _label(_table("path", *keys).find(path)) == wanted


@pytest.mark.parametrize(
    ("how", "key", "sample", "fits"),
    [
        ("path", "x.jpg", "photos/x.jpg", True),
        ("path", "x.jpg", "photos/yx.jpg", False),
        ("path", "in/x.jpg", "all.tar:in/x.jpg", True),
        ("path", "x.jpg", "all.tar:x.jpg", True),
        ("path", "X.jpg", "photos/x.jpg", False),
        ("path", "/old/photos/x.jpg", "photos/x.jpg", False),
        ("path", "a.jsonl", "texts/a.jsonl:17", True),
        ("path", "a.jsonl:17", "texts/a.jsonl:17", True),
        ("path", "17", "texts/a.jsonl:17", False),
        ("name", "17", "texts/a.jsonl:17", False),
        ("name", "a.jsonl", "texts/a.jsonl:17", True),
        ("name", "old/x.jpg", "photos/x.jpg", True),
        ("name", "x.png", "photos/x.jpg", False),
        ("name", "x.jpg", "all.tar:x.jpg", True),
        ("stem", "x.png", "photos/x.jpg", True),
        ("stem", "x", "photos/x.tar.gz", False),
        ("stem", "v1.2", "v1.2.wav", True),
        ("stem", "v1", "v1.2", False),
        ("stem", "x.abcdefgh", "x.wav", True),
        ("stem", "x.abcdefghi", "x.wav", False),
        ("value", "7", "7", True),
        ("value", "07", "7", False),
        ("id", "7", schema.sample_id("name", "7"), True),
    ],
)
def test_what_fits(how: How, key: str, sample: str, fits: bool) -> None:
    assert (_table(how, key).find(sample) is not None) == fits


@pytest.mark.parametrize("key", ["", " ", ".", "./", "/", "a/" * 1001 + "b"])
def test_keys_that_are_none(key: str) -> None:
    with pytest.raises(RecordError, match="its key"):
        _table("path", key)


def test_one_file_with_many_records_is_one_file() -> None:
    table = _table("path", "a.jsonl")
    assert [_label(table.find(f"x/a.jsonl:{n}")) for n in (1, 2)] == ["a.jsonl", "a.jsonl"]
    with pytest.raises(DataError, match=r"fits two files: `x/a\.jsonl` and `y/a\.jsonl`"):
        table.find("y/a.jsonl:1")


def test_answers_that_say_otherwise_of_one_item() -> None:
    table = Table("value", "t.csv", MOST)
    table.add_answer("a", "x", "1", {"meta.city": "B"}, "t.csv:1")
    table.add_answer("a", "y", "1", {"meta.city": "B"}, "t.csv:2")
    with pytest.raises(RecordError, match=r"says `meta.city` otherwise than t.csv:1"):
        table.add_answer("a", "z", "1", {"meta.city": "C"}, "t.csv:3")
    entry = table.find("a")
    assert entry is not None
    assert len(entry.values["annotations"]) == 2


def test_rows_that_are_set_aside_stay_so_and_have_had_their_row() -> None:
    joined = Joined(_table("path", "a.png"), "uri", "path", Filling(("label",), None, True, False))
    columns = {"id": ["1"], "source": ["s"], "uri": ["a.png"], "error": ["damaged"]}
    batch, _ = joined.add(pa.RecordBatch.from_pydict(columns), pa.schema([]))
    assert batch.column("error").to_pylist() == ["damaged"]
    assert batch.column("label").to_pylist() == [None]
    assert [*joined.finish(whole=True)] == []
    assert joined.told() == []


@pytest.mark.parametrize("own", ["cat", "dog", None])
@pytest.mark.parametrize("prefer", ["source", "table", None])
def test_a_label_goes_with_who_gave_it(own: str | None, prefer: Any) -> None:
    table = Table("value", "t.csv", MOST)
    table.add("a", {"label": "dog", "label_origin": "given"}, "t.csv:1")
    columns = ("label", "label_confidence", "label_origin")
    joined = Joined(table, "uri", "uri", Filling(columns, prefer, False, False))
    given = {"uri": ["a"], "label": [own], "label_origin": ["folder" if own else None]}
    batch, _ = joined.add(pa.RecordBatch.from_pydict(given, _SCHEMA), _SCHEMA)
    (row,) = batch.to_pylist()
    if prefer == "table" or own is None:
        assert (row["label"], row["label_origin"]) == ("dog", "given")
    else:
        assert (row["label"], row["label_origin"]) == (own, "folder")
    assert (row.get("error") is not None) == (prefer is None and own == "cat")


_SCHEMA = pa.schema([(name, schema.SCHEMA[name]) for name in ("uri", "label", "label_origin")])
