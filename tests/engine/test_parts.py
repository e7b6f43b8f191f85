"""One row in, several out: the books balance whatever an operation gives, or it is refused."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.inline import inline, place, plan_of, run_inline, write_source
from tilth.engine import map as mapping
from tilth.engine.apply import apply_safely
from tilth.engine.books import Books
from tilth.engine.map import map_shard
from tilth.engine.parts import part_uri, with_parts
from tilth.engine.tasks import MapShard
from tilth.errors import StepError
from tilth.schema import BORN, PARTED, SCHEMA, column, mark_dropped, sample_id, with_columns
from tilth.settings import BaseSettings
from tilth.store import Dataset
from tilth.store.manifest import KINDS, Counts, Manifest, Shard
from tilth.store.shard import ShardWriter, shard_name, shard_path
from tilth.tasks.selection import _groups

__all__ = ["inline"]

_ROW = {"source": "s", "split": "test", "subject": "ada", "license": "CC0", "label": "a"}


def _batch(texts: list[str], **more: list[Any]) -> pa.RecordBatch:
    rows = [
        {"id": sample_id(str(n)), "uri": f"http://a.test/{n}", "text": text, **_ROW}
        for n, text in enumerate(texts)
    ]
    batch = pa.RecordBatch.from_arrays(
        [pa.array([row[name] for row in rows], SCHEMA[name]) for name in ("id", "uri", "text")]
        + [pa.array([value] * len(rows), pa.string()) for value in _ROW.values()],
        names=["id", "uri", "text", *_ROW],
    )
    return with_columns(batch, more)


def part(batch: pa.RecordBatch, _: Any) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """A row's text says what becomes of it: a number of parts, or `keep`, `drop`, `raise`."""
    words = column(batch, "text").to_pylist()
    if "raise" in words:
        raise ValueError("as asked")
    batch = mark_dropped(batch, pa.array([w == "drop" for w in words]).to_numpy(False), "asked")
    rows = [n for n, word in enumerate(words) if word.isdigit() for _ in range(int(word))]
    names = [str(i) for word in words if word.isdigit() for i in range(int(word))]
    born = {"part.row": pa.array(rows, pa.int64()), "part.name": pa.array(names, pa.string())}
    return batch, pa.RecordBatch.from_pydict({**born, "text": [f"part {name}" for name in names]})


_WORDS = st.lists(
    st.one_of(st.integers(0, 4).map(str), st.sampled_from(["keep", "drop", "raise"])), max_size=12
)


@given(_WORDS, st.sampled_from([1, 2, 5, 256]))
def test_whatever_is_parted_the_books_balance(words: list[str], size: int) -> None:
    """Whether rows raise, and however the rows are cut into batches."""
    whole = _batch(words)
    found = [
        row
        for start in range(0, len(words), size)
        for one in apply_safely(
            lambda b: part(b, None), whole.slice(start, size), "clean.x", with_parts
        )
        for row in one.to_pylist()
    ]
    expected: list[tuple[str, str | None, str | None, str | None]] = []
    for n, word in enumerate(words):
        name, parts = sample_id(str(n)), int(word) if word.isdigit() else 0
        rule = PARTED if parts else "asked" if word == "drop" else None
        expected.append((name, None, rule, "ValueError: as asked" if word == "raise" else None))
        expected += [(sample_id(name, str(i)), name, None, None) for i in range(parts)]
    assert [
        (row["id"], row.get("part_of"), row.get("drop.rule"), _said(row.get("error")))
        for row in found
    ] == expected
    assert [bool(row.get(BORN)) for row in found] == [of is not None for _, of, *_ in expected]


def _said(error: str | None) -> str | None:
    return error and error.partition(" (")[0]


def test_a_part_has_what_its_page_has_and_its_own() -> None:
    batch = _batch(
        ["2", "keep"],
        html=pa.array([b"<p>", None], pa.large_binary()),
        year=[1999, 2000],
        **{"signal.word_count": [7.0, 8.0], "signal.weight": [2.0, 3.0]},
    )
    rows, born = part(batch, None)
    born = with_columns(born, {"license": pa.array([None, "MIT"], pa.string())})
    found = with_parts(batch, (rows, born), "clean.x").to_pylist()
    page, first, second, other = found
    assert (page["drop.rule"], page["drop.value"]) == ("parted", "into 2")
    assert other["drop.rule"] is None
    for name, one, licence in (("0", first, None), ("1", second, "MIT")):
        assert one["id"] == sample_id(page["id"], name)
        assert one["uri"] == f"http://a.test/0#{name}"
        assert one["text"] == f"part {name}"
        assert one["part_of"] == page["id"]
        # What is held out by address or by key is held out of all parts, as of the page.
        assert one["key"] == page["uri"]
        assert {key: one[key] for key in ("source", "split", "subject", "label", "year")} == {
            key: page[key] for key in ("source", "split", "subject", "label", "year")
        }
        assert one["license"] == licence
        assert (one["html"], one["signal.word_count"], one["signal.weight"]) == (None, None, 2.0)


def test_parts_of_parts_keep_the_key_of_the_first_and_the_fragments_of_both() -> None:
    once = with_parts(_batch(["1"]), part(_batch(["1"]), None), "clean.x").slice(1)
    kept = once.select([n for n in once.schema.names if n != BORN and not n.startswith("drop.")])
    again = with_parts(
        with_columns(kept, {"text": pa.array(["2"], pa.large_string())}),
        part(with_columns(kept, {"text": pa.array(["2"], pa.large_string())}), None),
        "clean.y",
    ).to_pylist()
    assert [row["uri"] for row in again] == [
        "http://a.test/0#0", "http://a.test/0#0&0", "http://a.test/0#0&1",
    ]  # fmt: skip
    assert {row["key"] for row in again} == {"http://a.test/0"}
    of = kept["id"][0].as_py()
    assert [row["part_of"] for row in again] == [sample_id("0"), of, of]
    assert part_uri(None, "3") == "#3"


def _born(**columns: list[Any]) -> pa.RecordBatch:
    plain: dict[str, Any] = {"part.row": [0, 0], "part.name": ["a", "b"], "text": ["x", "y"]}
    return pa.RecordBatch.from_pydict({**plain, **columns})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (lambda b: b, "`part` gives a RecordBatch, not the rows and their parts"),
        (lambda b: (b, None), "`part` gives a NoneType"),
        (lambda b: (b.slice(1), _born()), "added, removed or reordered rows"),
        (lambda b: (b, _born(**{"part.row": [0, 3]})), "a part of the row 3, and the batch has 3"),
        (lambda b: (b, _born(**{"part.row": [-1, 0]})), "a part of the row -1"),
        (lambda b: (b, _born(**{"part.row": [0, None]})), "parts without `part.row`"),
        (lambda b: (b, _born(**{"part.row": ["0", "1"]})), "`part.row` as string"),
        (lambda b: (b, _born(**{"part.row": [1, 0]})), "not in the order of their rows"),
        (lambda b: (b, _born(**{"part.name": ["a", "a"]})), "the name `a` to 2 parts of one row"),
        (lambda b: (b, _born(**{"part.name": ["a", ""]})), "a part whose name is empty"),
        (lambda b: (b, _born(**{"part.name": ["a", None]})), "parts without `part.name`"),
        (lambda b: (b, _born(**{"part.name": [1, 2]})), "`part.name` as int64"),
        (lambda b: (b, _born().select(["part.row", "text"])), "parts without `part.name`"),
        (lambda b: (b, _born(id=["a", "b"])), "gives `id`, which a part has of its row"),
        (lambda b: (b, _born(split=["train", "train"])), "gives `split`, which a part has"),
        (lambda b: (b, _born(subject=[None, None])), "gives `subject`, which a part has"),
        (lambda b: (b, _born(**{"signal.weight": [1.0, 1.0]})), "`signal.weight`, which is a name"),
        (lambda b: (b, _born(text=[1, 2])), "`part` gives the column `text` as int64"),
        (lambda b: (b, _born(**{"part.born": [True, False]})), "gives `part.born`"),
        (lambda b: (with_columns(b, {"part_of": ["x"] * 3}), _born()), "gives `part_of`"),
        (
            lambda b: (mark_dropped(b, pa.array([True] * 3).to_numpy(False), "r"), _born()),
            "parts of a row that it marks",
        ),
    ],
)
def test_what_no_parts_can_be_is_refused(given: Any, told: str) -> None:
    batch = _batch(["a", "b", "c"])
    with pytest.raises(StepError) as raised:
        with_parts(batch, given(batch), "clean.x, shard 0")
    assert told in raised.value.what
    assert raised.value.where == "clean.x, shard 0"


@pytest.mark.parametrize("name", ["part.row", "part.name", "part.born", "part_of"])
def test_an_operation_that_parts_nothing_cannot_have_rows_born(name: str) -> None:
    with pytest.raises(StepError, match=f"`apply` gives `{name}`"):
        apply_safely(lambda b: with_columns(b, {name: ["x"]}), _batch(["a"]), "clean.x")


@pytest.mark.parametrize("size", [1, 3, 256])
def test_a_shard_is_the_same_however_its_rows_are_cut(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = ShardWriter(tmp_path / "in", 0)
    writer.add(_batch(["2", "keep", "drop", "0", "raise", "3", "1"]))
    writer.commit()
    module: Any = ModuleType("parts")
    module.part = part

    def made(folder: Path) -> tuple[Shard, dict[str, bytes]]:
        given = shard_path(tmp_path / "in", shard_name(0), "kept")
        task = MapShard(step="clean.x", op="o", settings={}, folder=folder, input=given)
        entry = map_shard(task, module, BaseSettings(), "clean.x", parts=True)
        return entry, {k: shard_path(folder, entry.name, k).read_bytes() for k in KINDS}

    whole = made(tmp_path / "whole")
    monkeypatch.setattr(mapping, "BATCH_ROWS", size)
    assert made(tmp_path / "cut") == whole
    entry = whole[0]
    assert (entry.num_in, entry.born) == (7, 6)
    assert (entry.kept, entry.dropped, entry.quarantine) == (8, 4, 1)
    assert entry.by_rule == {"asked": 1, "parted": 3}
    assert BORN not in entry.columns
    Books.of([entry]).check("clean.x", 7)
    with pytest.raises(StepError, match=r"7 in \+ 5 born, but 8 kept \+ 4 dropped \+ 1 quar"):
        Books.of([entry.model_copy(update={"born": 5})]).check("clean.x", 7)


def test_books_of_an_earlier_version_have_nothing_born() -> None:
    counts = {"in": 3, "kept": 1, "dropped": 1, "quarantined": 1}
    assert Counts.model_validate(counts) == Counts(num_in=3, kept=1, dropped=1, quarantined=1)
    shard = {"name": "00000", "in": 3, "kept": 1, "dropped": 1, "quarantine": 1, "files": {}}
    assert Shard.model_validate(shard).born == 0
    assert Manifest.model_validate({"step": "s", "counts": counts}).counts.born == 0  # type: ignore[union-attr]


OPERATION = '''
import pyarrow as pa

from tilth.schema import column
from tilth.settings import BaseSettings


class Settings(BaseSettings):
    """Part texts at blanks."""


def part(batch, settings):
    texts = [text.split() for text in column(batch, "text").to_pylist()]
    rows = [row for row, words in enumerate(texts) for _ in words]
    names = [str(n) for words in texts for n in range(len(words))]
    words = [word for words in texts for word in words]
    born = {"part.row": pa.array(rows, pa.int64()), "part.name": names, "text": words}
    return batch, pa.RecordBatch.from_pydict(born)
'''

_RECIPE = """tilth: 1
name: r
extensions: [mine]
collect: {{a: {{jsonl: {{path: {path}}}}}}}
clean: [halve, {{rules: {{where: ["text != 'none'"]}}}}]
deduplicate: [{{hold_out: {{test: 0.5, validation: 0, by: {by}}}}}]
"""


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize("by", ["uri", "id", "site"])
def test_a_users_own_operation_parts_and_the_steps_after_it_see_the_parts(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine" / "clean").mkdir(parents=True)
    (tmp_path / "mine" / "clean" / "halve.py").write_text(OPERATION)
    (tmp_path / "rows.jsonl").touch()
    text = _RECIPE.format(path=tmp_path / "rows.jsonl", by=by)
    rows = [
        {
            "id": sample_id(str(n)), "source": "a", "uri": f"http://a{n}.test/x",
            "text": "none one two" if n else "three four",
        }
        for n in range(20)
    ]  # fmt: skip
    write_source(text, tmp_path / "run", "a", [rows[:1], [], rows[1:]])
    run_inline(text, tmp_path / "run")
    plan = plan_of(text)
    run = tmp_path / "run"
    made = {name: Dataset(place(run, plan, f"clean.{name}")) for name in ("halve", "rules")}
    assert made["halve"].manifest.counts == Counts(num_in=20, born=59, kept=59, dropped=20,
                                                   quarantined=0)  # fmt: skip
    assert made["halve"].manifest.by_rule == {"parted": 20}
    assert made["rules"].manifest.counts == Counts(num_in=59, kept=40, dropped=19, quarantined=0)
    out = Dataset(place(run, plan, "deduplicate.hold_out"))
    splits = Counter((row["part_of"], row["split"]) for row in out.to_arrow().to_pylist())
    # Parts of one page stand in one split, and there are pages in both.
    assert set(splits.values()) == {2}
    assert {split for _, split in splits} == {"train", "test"}


def test_the_example_of_the_page_parts_a_text_at_its_paragraphs() -> None:
    page = (Path(__file__).parents[2] / "docs/concepts/operations.md").read_text("utf-8")
    (code,) = [one for one in page.split("```") if "def part(" in one]
    names: dict[str, Any] = {"pa": pa, "column": column, "Settings": BaseSettings}
    exec(code.removeprefix("python"), names)
    batch = _batch(["one\n\ntwo", "three"])
    found = with_parts(batch, names["part"](batch, None), "clean.x").to_pylist()
    assert [(row["text"], row["uri"].partition("#")[2]) for row in found if row[BORN]] == [
        ("one", "paragraph-1"), ("two", "paragraph-2"), ("three", "paragraph-1"),
    ]  # fmt: skip


def test_a_part_may_be_born_and_dropped_or_born_and_quarantined(tmp_path: Path) -> None:
    batch = _batch(["3"])
    rows, born = part(batch, None)
    born = mark_dropped(born, pa.array([True, False, False]).to_numpy(False), "short", ["1"] * 3)
    born = with_columns(born, {"error": pa.array([None, "bad", None], pa.string())})
    writer = ShardWriter(tmp_path, 0)
    writer.add(with_parts(batch, (rows, born), "clean.x"))
    entry = writer.commit()
    assert (entry.num_in, entry.born) == (1, 3)
    assert (entry.kept, entry.dropped, entry.quarantine) == (1, 2, 1)
    assert entry.by_rule == {"parted": 1, "short": 1}


def test_parts_of_one_page_are_held_out_of_training_together() -> None:
    one, other = (with_parts(b, part(b, None), "x") for b in (_batch(["3"]), _batch(["keep"])))
    groups = [_groups(one), _groups(other)]
    assert len(set(groups[0][1:])) == 1
    assert re.fullmatch("[0-9a-f]{32}", groups[0][1])
    assert groups[0][0] == groups[1][0] == sample_id("0")
    assert groups[1][0] not in groups[0][1:]
