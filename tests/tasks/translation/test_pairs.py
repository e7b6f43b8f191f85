"""Pairs as numbers: both sides through one vocabulary, ended, and cut where they are trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.training.samples import write_dataset
from tilth.errors import DataError
from tilth.schema import sample_id
from tilth.tasks.prepare import Prepared, prepare
from tilth.tasks.settings import DataSettings
from tilth.tasks.text.tokenize import decode
from tilth.training.examples import Examples, Ragged


def row(number: int, split: str, text: str, target: str | None, source: str) -> dict[str, Any]:
    return {
        "id": sample_id("pair", str(number)),
        "source": source,
        "text": text,
        "target": target,
        "split": split,
    }


ROWS = [
    *(row(n, "train", f"Satz nummer {n}", f"sentence number {n}", "de-en") for n in range(20)),
    *(
        row(n, "train", f"phrase numéro {n}", f"sentence number {n}", "fr-en")
        for n in range(20, 40)
    ),
    row(40, "test", "Satz " * 9, "sentence " * 9, "de-en"),
]


def prepared(folder: Path, rows: list[dict[str, Any]] = ROWS, **given: Any) -> Prepared:
    dataset = write_dataset(folder / "data", rows)
    settings = DataSettings.model_validate({"vocabulary": 300, "validation_share": 0, **given})
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return prepare(dataset, "translation", settings, work)


def examples(one: Prepared, split: str) -> tuple[Ragged, Ragged]:
    data = one.splits[split]
    assert isinstance(data, Examples)
    assert isinstance(data.inputs, Ragged)
    assert isinstance(data.targets, Ragged)
    return data.inputs, data.targets


def test_both_sides_come_back(tmp_path: Path) -> None:
    one = prepared(tmp_path, sources=("de-en",))
    assert one.tokenizer is not None
    sources, targets = examples(one, "train")
    assert len(sources) == len(targets) == 20
    for number in range(20):
        assert sources[number][-1] == targets[number][-1] == 0
        assert decode(one.tokenizer, sources[number].tolist()) == f"Satz nummer {number}"
        assert decode(one.tokenizer, targets[number].tolist()) == f"sentence number {number}"
    assert one.facts.sizes.vocabulary == one.tokenizer.get_vocab_size()


def test_what_is_read_is_cut_and_what_is_measured_is_whole(tmp_path: Path) -> None:
    one = prepared(tmp_path, max_length=4)
    assert one.facts.max_length == 4
    sources, targets = examples(one, "train")
    assert sources.lengths.max() == targets.lengths.max() == 4
    sources, targets = examples(one, "test")
    assert sources.lengths.max() == 4
    assert one.tokenizer is not None
    assert decode(one.tokenizer, targets[0].tolist()) == "sentence " * 9


def test_the_vocabulary_may_be_of_other_sources(tmp_path: Path) -> None:
    longer = {}
    for name, sources in (("own", ()), ("both", ("de-en", "fr-en"))):
        one = prepared(tmp_path / name, sources=("de-en",), tokenizer_sources=sources)
        assert len(examples(one, "train")[0]) == 20
        assert one.tokenizer is not None
        longer[name] = len(one.tokenizer.encode("phrase numéro").ids)
    assert longer["both"] < longer["own"]
    with pytest.raises(DataError, match="no training text of es-en"):
        prepared(tmp_path / "none", tokenizer_sources=("es-en",))


def test_a_pair_without_a_side_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="have no target") as caught:
        prepared(tmp_path, [*ROWS, row(41, "train", "allein", None, "de-en")])
    assert caught.value.code == "target-missing"
