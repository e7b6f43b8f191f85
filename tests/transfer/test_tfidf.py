"""TF-IDF with a linear SVM: the published figure, and what happens with nothing to learn from."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.tasks.text.texts import labelled_dataset
from tilth.errors import DataError, UsageError
from tilth.tasks.prepare import prepare
from tilth.tasks.settings import DataSettings
from tilth.training.examples import Examples
from tilth.transfer.tfidf import answer_by_words, classify_by_words


def test_words_tell_the_classes(tmp_path: Path) -> None:
    data = labelled_dataset(tmp_path / "data")
    settings = DataSettings(vocabulary=300, validation_share=0)
    prepared = prepare(data, "text-classification", settings, tmp_path)
    train, test = (prepared.splits[split] for split in ("train", "test"))
    assert isinstance(train, Examples)
    assert isinstance(test, Examples)
    few = train.select(np.arange(9))
    found = classify_by_words(data, "text-classification", few, test, seed=0)
    assert (found.metric, found.value, found.figures) == ("accuracy", 100.0, {"macro_f1": 100.0})
    assert found.ids.tolist() == test.ids.tolist()
    with pytest.raises(UsageError, match="target is text-generation"):
        classify_by_words(data, "text-generation", few, test, seed=0)
    other = labelled_dataset(tmp_path / "other", 20)
    with pytest.raises(DataError, match="not in the data set"):
        classify_by_words(other, "text-classification", few, test, seed=0)


def test_where_there_is_nothing_to_learn_the_commonest_class_is_the_answer() -> None:
    one_class = answer_by_words(["a b", "c d"], np.array([2, 2]), ["x y", "c d"])
    assert one_class.tolist() == [2, 2]
    no_word = answer_by_words([".", "!", "?"], np.array([1, 0, 1]), ["x y"])
    assert no_word.tolist() == [1]


def test_the_published_figure_of_banking77(shared_data: Path) -> None:
    rows = []
    for split in ("train", "test"):
        with (shared_data / "banking77" / f"{split}.csv").open(
            newline="", encoding="utf-8"
        ) as file:
            rows.append([(row["text"], row["category"]) for row in csv.DictReader(file)])
    numbers = {name: n for n, name in enumerate(sorted({label for _, label in rows[0]}))}
    labels = [np.array([numbers[label] for _, label in part]) for part in rows]
    answers = answer_by_words([t for t, _ in rows[0]], labels[0], [t for t, _ in rows[1]])
    assert 100 * (answers == labels[1]).mean() == pytest.approx(89.38, abs=0.2)
