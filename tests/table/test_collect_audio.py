"""Sound files: what their names say, the transcripts beside, and of what split they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.collect.test_audio import fill, wav
from tests.table.entries import effect, extreme, name, refused
from tests.table.sources import read
from tests.table.whole import said
from tilth.errors import DataError, MissingError

NAME = r"(?P<target>[0-9+]+)_(?P<subject>[a-z]+)_(?P<index>\d+)\.wav"
SOUNDS = ("0_ann_0", "0_bob_1", "1_ann_2", "1_bob_3")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "in", {f"{name}.wav": wav(3200 + n) for n, name in enumerate(SOUNDS)})


def audio(folder: Path, limit: int | None = None, **given: Any) -> list[Any]:
    return read("audio", folder.parent, {"path": str(folder), **given}, limit)


def wrong(**given: Any) -> str:
    return said({"collect": {"a": {"audio": {"path": "x", **given}}}})


@effect("collect.audio.name")
def test_the_name_says_what_is_said_and_by_whom(folder: Path) -> None:
    assert not {"target", "subject", "label", "split"} & audio(folder)[0].keys()
    rows = audio(folder, name=NAME)
    assert [(row["target"], row["subject"]) for row in rows] == [
        *[("0", "ann"), ("0", "bob"), ("1", "ann"), ("1", "bob")]
    ]
    rows = audio(folder, name=r"\d_(?P<label>[a-z]+)_\d\.wav")
    assert [row["label"] for row in rows] == ["ann", "bob", "ann", "bob"]
    fill(folder, {f"{part}/9_ann_9.wav": wav() for part in ("dev", "test")})
    rows = audio(folder, name=r"(?P<split>dev|test)/.*", only="/")
    assert [row["split"] for row in rows] == ["validation", "test"]


@name("collect.audio.name")
def test_a_name_that_no_file_has_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="says nothing of any file") as caught:
        audio(folder, name=r"(?P<subject>[A-Z]+)\.wav")
    assert "0_ann_0.wav" in caught.value.hint
    assert "no group `who`; there are target, label, subject" in wrong(name="(?P<who>x)")
    assert "no regular expression" in wrong(name="(")
    assert "more than 500" in wrong(name="x" * 501)


@effect("collect.audio.only")
def test_only_what_the_expression_is_found_in(folder: Path) -> None:
    assert [row["subject"] for row in audio(folder, name=NAME, only="_ann_")] == ["ann"] * 2


@name("collect.audio.only")
def test_an_expression_that_is_nowhere_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="`only: _anne_` is in the path of no file") as caught:
        audio(folder, only="_anne_")
    assert "0_ann_0.wav" in caught.value.hint


@effect("collect.audio.words", "collect.audio.words.spelling")
def test_parts_of_a_name_are_spelt_out(folder: Path) -> None:
    spelling = {"0": "zero", "1": "one"}
    rows = audio(folder, name=NAME, words={"spelling": spelling})
    assert [row["target"] for row in rows] == ["zero", "zero", "one", "one"]
    some = audio(folder, name=NAME, words={"spelling": {"0": "zero"}})
    assert "no word for `1` of its name" in some[2]["error"]


@effect("collect.audio.words.separator")
def test_parts_are_cut_at_the_separator(tmp_path: Path) -> None:
    folder = fill(tmp_path / "in", {"0+1_ann_0.wav": wav()})
    spelling = {"0": "zero", "1": "one"}
    (row,) = audio(folder, name=NAME, words={"spelling": spelling, "separator": "+"})
    assert row["target"] == "zero one"
    (row,) = audio(folder, name=NAME)
    assert row["target"] == "0+1"
    assert "separator" in wrong(name=NAME, words={"separator": ""})


@name("collect.audio.words.spelling")
def test_a_part_that_no_name_has_is_refused(folder: Path) -> None:
    spelling = {"0": "zero", "1": "one", "l": "one"}
    for limit in (None, 1):
        with pytest.raises(DataError, match=r"`words.spelling` names the part `l`"):
            audio(folder, limit, name=NAME, words={"spelling": spelling})


@refused("collect.audio.words")
def test_words_without_a_target(folder: Path) -> None:
    words = {"spelling": {"0": "zero"}}
    assert "`words` belongs to the group `target` of `name`" in wrong(words=words)
    assert "`words` belongs" in wrong(words=words, transcripts="t.tsv")


@effect("collect.audio.transcripts")
def test_transcripts_are_those_of_the_file(folder: Path) -> None:
    lines = folder.parent / "t.tsv"
    lines.write_text("".join(f"{name}\tsaid in {name}\n" for name in SOUNDS))
    assert [row["target"] for row in audio(folder, transcripts=str(lines))] == [
        f"said in {name}" for name in SOUNDS
    ]


@name("collect.audio.transcripts")
def test_transcripts_that_are_not_there_or_of_other_files(folder: Path) -> None:
    lines = folder.parent / "lines.tsv"
    lines.write_text("other\tx\n")
    with pytest.raises(MissingError, match="no such file") as missing:
        audio(folder, transcripts=str(folder.parent / "line.tsv"))
    assert "did you mean `lines.tsv`" in missing.value.hint
    with pytest.raises(DataError, match="says nothing of any file"):
        audio(folder, transcripts=str(lines))


@refused("collect.audio.transcripts", "collect.audio.splits")
def test_what_is_said_twice() -> None:
    assert "exclude each other" in wrong(name="(?P<target>x)", transcripts="t")
    assert "exclude each other" in wrong(name="(?P<split>x)", splits={"test": [0, 1]})


@effect("collect.audio.splits")
def test_splits_go_by_the_index_or_the_place(folder: Path) -> None:
    splits = {"test": [0, 0], "train": [1, 3]}
    for pattern in (NAME, None):
        rows = audio(folder, splits=splits, name=pattern)
        assert [row["split"] for row in rows] == ["test", "train", "train", "train"]
    turned = r"(?P<index>\d)_.*"
    rows = audio(folder, name=turned, splits={"train": [0, 0], "test": [1, 1]})
    assert [row["split"] for row in rows] == ["train", "train", "test", "test"]
    assert "train" in wrong(splits={"trian": [0, 1]})


@extreme("collect.audio.splits")
def test_ranges_that_no_file_is_in(folder: Path) -> None:
    rows = audio(folder, splits={"test": [0, 10**9]})
    assert {row["split"] for row in rows} == {"test"}
    with pytest.raises(DataError, match=r"`splits: \{train: \[4, 9\]\}` has no file"):
        audio(folder, splits={"test": [0, 3], "train": [4, 9]})
    for bad in ({"test": [3, 0]}, {"test": [-1, 3]}):
        assert "the first and the last index" in wrong(splits=bad)
    assert "overlap" in wrong(splits={"test": [0, 3], "train": [3, 9]})


def test_a_limit_has_sounds_of_all_splits_and_words(folder: Path) -> None:
    splits = {"test": [0, 1], "train": [2, 3]}
    rows = audio(folder, 2, name=NAME, splits=splits)
    assert [(row["split"], row["target"]) for row in rows] == [("test", "0"), ("train", "1")]
    assert [row["target"] for row in audio(folder, 2, name=NAME)] == ["0", "1"]
