"""Labelled texts as arrays: every text between end tokens, cut at the limit, classes numbered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tasks.text.texts import labelled_dataset, labelled_rows
from tests.training.samples import write_dataset
from tilth.errors import DataError
from tilth.tasks.prepare import prepare
from tilth.tasks.settings import DataSettings
from tilth.tasks.text.tokenize import decode, train_tokenizer
from tilth.training.examples import Examples, Ragged

DATA = DataSettings(vocabulary=300, max_length=24, validation_share=0)


def test_texts_are_rows_of_tokens(tmp_path: Path) -> None:
    data = labelled_dataset(tmp_path / "data")
    prepared = prepare(data, "text-classification", DATA, tmp_path)
    rows = prepared.splits["train"]
    assert isinstance(rows, Examples)
    assert isinstance(rows.inputs, Ragged)
    assert prepared.tokenizer is not None
    assert (len(rows), len(prepared.splits["test"])) == (72, 18)
    assert prepared.facts.classes == ("card", "money", "pin")
    assert prepared.facts.sizes.classes == 3
    assert prepared.facts.max_length == 24
    for row, (tokens, source) in enumerate(zip(rows.inputs, labelled_rows(90), strict=False)):
        assert tokens[0] == tokens[-1] == 0
        assert len(tokens) <= 24
        assert source["text"].startswith(decode(prepared.tokenizer, tokens.tolist()))
        assert prepared.facts.classes[int(rows.labels[row])] == source["label"]


def test_an_earlier_models_tokenizer_is_kept(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(["another text"], 280)
    data = labelled_dataset(tmp_path / "data")
    prepared = prepare(data, "text-classification", DATA, tmp_path, tokenizer=tokenizer)
    assert prepared.tokenizer is not None
    assert prepared.tokenizer.to_str() == tokenizer.to_str()


def test_a_text_without_a_label_is_named(tmp_path: Path) -> None:
    rows = labelled_rows(20)
    rows[3]["label"] = None
    data = write_dataset(tmp_path / "data", rows)
    with pytest.raises(DataError, match=rows[3]["id"]):
        prepare(data, "text-classification", DATA, tmp_path)
