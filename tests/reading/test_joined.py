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
_NAME = st.lists(st.sampled_from(["a", "b", "left"]), min_size=1, max_size=3).map(".".join)
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


@pytest.mark.parametrize(
    ("keys", "samples", "labels"),
    [
        # A stem with a point is a key as it stands, and no other file's with an ending.
        (["scan.left", "scan"], ["scan.left.txt", "scan.txt"], ["scan.left", "scan"]),
        (["scan", "scan.left"], ["scan.txt", "scan.left.txt"], ["scan", "scan.left"]),
        (["img.left", "img.right"], ["img.left.png", "img.right.png"], ["img.left", "img.right"]),
        (["scan.left.txt"], ["scan.left.txt", "scan.txt"], ["scan.left.txt", None]),
        (["a.wav", "a.mp3"], ["a.wav", "a.mp3"], ["a.wav", "a.mp3"]),
        (["a.wav"], ["a.wav", "a.txt"], ["a.wav", "a.wav"]),
        (["a.wav"], ["all.tar:a.wav", "x/a.txt:3"], ["a.wav", "a.wav"]),
    ],
)
def test_stems_as_they_stand_come_first(
    keys: list[str], samples: list[str], labels: list[str | None]
) -> None:
    table = _table("stem", *keys)
    assert [_label(table.find(sample)) for sample in samples] == labels


@pytest.mark.parametrize(
    ("keys", "samples", "told"),
    [
        (
            ["scan.left"],
            ["scan.left.txt", "scan.txt"],
            "key `scan.left` fits two files: `scan.left.txt` and `scan.txt`",
        ),
        (
            ["scan.left"],
            ["scan.txt", "d/scan.left.txt"],
            "key `scan.left` fits two files: `scan.txt` and `d/scan.left.txt`",
        ),
        (["img.left", "img.right"], ["img.png"], "`img` is there twice: t.csv:0 and t.csv:1"),
        (["a.wav", "a"], ["a.wav"], "`a` is there twice: t.csv:0 and t.csv:1"),
    ],
)
def test_a_stem_that_may_mean_two_is_an_error(
    keys: list[str], samples: list[str], told: str
) -> None:
    table = _table("stem", *keys)
    *before, last = samples
    assert all(table.find(sample) is not None for sample in before)
    with pytest.raises(DataError) as caught:
        table.find(last)
    assert told in caught.value.what


@given(keys=st.lists(_NAME, max_size=5, unique=True), names=st.lists(_NAME, max_size=5))
def test_no_row_goes_to_files_of_two_stems(keys: list[str], names: list[str]) -> None:
    """Whatever the order, and a key that is the stem of one file goes to no other."""
    table = _table("stem", *keys)
    had: dict[str, set[str]] = {}
    try:
        for name in names:
            if (label := _label(table.find(name))) is not None:
                had.setdefault(label, set()).add(name.rpartition(".")[0] or name)
    except DataError:
        return
    assert all(len(stems) == 1 for stems in had.values())


@pytest.mark.parametrize(("by", "is_told"), [("id", True), ("uri", True), ("subject", False)])
def test_two_samples_of_one_row(by: str, is_told: bool) -> None:
    """Of an id they must be the same; of a field many may be meant."""
    how: How = "id" if by == "id" else "value"
    name = schema.sample_id("name", "7") if by == "id" else "7"
    given = {"uri": ["7", "7"], "key": [name] * 2, "subject": ["7", "7"], "text": ["one", "one"]}

    def add(**other: list[str]) -> Joined:
        column = "key" if by == "id" else by
        joined = Joined(_table(how, "7"), column, by, Filling(("label",), None, False, False))
        batch = pa.RecordBatch.from_pydict({**given, **other})
        assert joined.add(batch, batch.schema)[0].column("label").to_pylist() == ["7", "7"]
        return joined

    assert any("that another sample has too" in one for one in add().told()) == is_told
    if by != "id":
        add(text=["one", "two"])
        return
    with pytest.raises(DataError, match="the id fits two samples: `a` and `b`") as caught:
        add(uri=["a", "b"], text=["one", "two"])
    assert caught.value.where == "t.csv:0"


def test_answers_that_say_otherwise_of_one_item() -> None:
    table = Table("value", "t.csv", MOST)
    table.add_answer("a", "x", "1", {"meta.city": "B"}, "t.csv:1")
    table.add_answer("a", "y", "1", {"meta.city": "B"}, "t.csv:2")
    with pytest.raises(RecordError, match=r"says `meta.city` otherwise than t.csv:1"):
        table.add_answer("a", "z", "1", {"meta.city": "C"}, "t.csv:3")
    entry = table.find("a")
    assert entry is not None
    assert len(entry.values["annotations"]) == 2


@given(
    said=st.lists(st.tuples(*(st.sampled_from(part) for part in ("ab", "uv", "xyz"))), max_size=30)
)
def test_an_answer_that_is_there_again_counts_once(said: list[tuple[str, str, str]]) -> None:
    table = Table("value", "t.csv", MOST)
    for number, (item, who, label) in enumerate(said):
        table.add_answer(item, who, label, {}, f"t.csv:{number}")
    left_out = [*table.count_once()]
    num_changed = 0
    for item in "ab":
        own = [(who, label) for one, who, label in said if one == item]
        entry = table.find(item)
        assert (entry is None) == (not own)
        if entry is None:
            continue
        found = [tuple(answer.values()) for answer in entry.values["annotations"]]
        # The first and the last of each stay that, and none that only says it again.
        for by in "uv":
            labels = [label for who, label in own if who == by]
            once = [one for at, one in enumerate(labels) if not at or one != labels[at - 1]]
            assert [label for who, label in found if who == by] == once
        assert left_out.count(entry.place) == len(own) - len(found)
        num_changed += len(dict(found)) < len(found)
    told = "".join(table.told())
    assert told.startswith(f"{num_changed} item") if num_changed else not told


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
