"""Speech corpora: how they lie there, and which of their parts are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.collect.corpora import CORPORA
from tests.collect.test_audio import fill
from tests.table.entries import effect, name, refused, unordered
from tests.table.sources import read
from tests.table.whole import said
from tilth.collect.speech_corpus import Settings
from tilth.errors import DataError
from tilth.settings import acting


def corpus(layout: str, folder: Path, **given: Any) -> list[Any]:
    path = fill(folder / layout, CORPORA[layout])
    return read("speech_corpus", folder, {"layout": layout, "path": str(path), **given})


def wrong(**given: Any) -> str:
    return said({"collect": {"a": {"speech_corpus": {"path": "x", **given}}}})


@effect("collect.speech_corpus.layout")
def test_the_layout_says_what_the_lists_are(tmp_path: Path) -> None:
    """A folder in which two of them lie is read by the one that is named."""
    fill(tmp_path / "kaldi", CORPORA["ljspeech"])
    assert [row["target"] for row in corpus("kaldi", tmp_path)] == ["go on", "he said", "stay"]
    fill(tmp_path / "ljspeech", CORPORA["kaldi"])
    rows = [row for row in corpus("ljspeech", tmp_path) if not row["error"]]
    assert [row["target"] for row in rows] == ['He paid "five', "Go on."]


@name("collect.speech_corpus.layout")
def test_a_layout_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "librispeech" in wrong(layout="librispech")
    assert "layout" in wrong()
    corpus("common_voice", tmp_path)
    with pytest.raises(DataError, match="`layout: kaldi` does not fit") as caught:
        read("speech_corpus", tmp_path, {"layout": "kaldi", "path": f"{tmp_path}/common_voice"})
    assert caught.value.hint == "it looks like `layout: common_voice`"


@effect("collect.speech_corpus.parts")
def test_only_the_parts_that_are_named(tmp_path: Path) -> None:
    rows = corpus("librispeech", tmp_path, parts=["train-clean-100"])
    assert [row["target"] for row in rows] == ["NORTH"]
    assert [row["target"] for row in corpus("kaldi", tmp_path, parts=["test"])] == ["stay"]
    rows = corpus("common_voice", tmp_path, parts=["validated"])
    assert [row["target"] for row in rows] == ['He said "no', "Go", "Stay"]


@name("collect.speech_corpus.parts")
def test_a_part_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for layout, part, near in (
        ("librispeech", "train-clean-10", "train-clean-100"),
        ("kaldi", "tain", "train"),
        ("common_voice", "other", "validated"),
    ):
        with pytest.raises(DataError, match=f"`parts` names `{part}`") as caught:
            corpus(layout, tmp_path, parts=[part])
        assert near in caught.value.hint
    assert "`valid` is no table of Common Voice" in wrong(layout="common_voice", parts=["valid"])


@refused("collect.speech_corpus.parts")
def test_parts_of_a_layout_that_has_none() -> None:
    assert "`ljspeech` has none" in wrong(layout="ljspeech", parts=["a"])


@unordered("collect.speech_corpus.parts")
def test_parts_in_another_order_are_the_same(tmp_path: Path) -> None:
    one = corpus("common_voice", tmp_path, parts=["train", "validated"])
    other = corpus("common_voice", tmp_path, parts=["validated", "train"])
    assert one == other
    given = [
        Settings.model_validate({"layout": "kaldi", "path": "x", "parts": parts})
        for parts in (["a", "b"], ["b", "a"])
    ]
    assert acting(given[0]) == acting(given[1])
