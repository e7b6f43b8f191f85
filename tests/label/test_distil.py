"""A small classifier learns what is labelled and labels the rest."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from tests.label.test_label_errors import WORDS
from tests.shuffles import run_shuffle
from tests.table.samples import Row, applied, batch, told
from tilth.errors import DataError
from tilth.label import classifier, distil
from tilth.label.distil import Settings

NAMES = sorted(WORDS)


def rows_of(num: int = 90, labelled: int = 30) -> list[Row]:
    draw = random.Random(0)
    return [
        {
            "text": " ".join(draw.choices(WORDS[NAMES[n % 3]], k=6)),
            "label": NAMES[n % 3] if n < labelled else None,
            "label_confidence": 0.9 if n < labelled else None,
        }
        for n in range(num)
    ]


def test_what_is_not_labelled_is_and_what_is_stays() -> None:
    rows = rows_of()
    rows[0]["label"] = "tool"
    found = applied("distil", batch([*rows, {"text": None}, {"text": "zebra"}]))
    assert [row["label"] for row in found[1:90]] == [NAMES[n % 3] for n in range(1, 90)]
    assert found[0]["label"] == "tool"
    assert {row["label_origin"] for row in found[:30]} == {None}
    assert {row["label_origin"] for row in found[30:90]} == {"distil"}
    assert all(0.3 < row["label_confidence"] < 1 for row in found[30:90])
    assert found[90]["label"] is None
    # Of a text without a word that it knows it says the commonest, and how little that is.
    assert found[91]["label_confidence"] < 0.5


def test_no_cut_into_shards_shows() -> None:
    samples = batch(rows_of())
    whole = {row["id"]: row for row in applied("distil", samples)}
    parts = [samples.slice(70), samples.slice(0, 20), samples.slice(20, 50)]
    for shard in run_shuffle(distil, Settings(), parts):
        for row in shard.to_pylist():
            assert row == pytest.approx(whole[row["id"]])


def test_it_learns_nothing_of_what_is_held_out() -> None:
    rows = rows_of()
    for row in rows[3:30]:
        row["split"] = "test"
    rows += [{"text": "zebra zebra", "label": "animal", "split": "validation"}]
    found = applied("distil", batch(rows))
    assert "animal" not in {row["signal.distilled_label"] for row in found}
    with pytest.raises(DataError, match="of the training samples there are none"):
        distil.survey(iter([batch(rows[3:40])]), Settings())


def test_a_sure_label_counts_for_more() -> None:
    rows: list[Row] = [
        {"text": "owl", "label": "bird", "label_confidence": 0.9},
        {"text": "owl", "label": "god", "label_confidence": 0.6},
        {"text": "owl"},
    ]
    assert applied("distil", batch(rows))[2]["label"] == "bird"
    rows[1]["label_confidence"] = None  # whoever said it was sure
    assert applied("distil", batch(rows))[2]["label"] == "god"


def test_whoever_labelled_is_learnt_from() -> None:
    origins = ("vote", "model:m-1", "consensus:majority", "given", None)
    rows: list[Row] = [{"text": "owl", "label": "bird"}, {"text": "saw", "label": "tool"}]
    for origin in origins:
        mine = [row | {"label_origin": origin} for row in rows]
        found = applied("distil", batch([*mine, {"text": "saw"}]))
        assert found[2]["label"] == "tool", origin


def test_settings() -> None:
    samples = batch(rows_of())
    unsure = applied("distil", samples, min_confidence=0.99)
    assert {row["label"] for row in unsure[30:]} == {None}
    assert {row["signal.distilled_label"] for row in unsure} == {*NAMES}
    answers = applied("distil", samples, gives="annotation")
    assert answers[0]["annotations"] == [{"annotator": "model:distil", "label": NAMES[0]}]
    assert answers[40]["label"] is None
    few = applied("distil", samples, max_samples=2)
    assert len({row["signal.distilled_label"] for row in few}) <= 2
    assert few != applied("distil", samples, max_samples=2, seed=1)
    assert "keeps no answer back" in told("distil", min_confidence=0.5, gives="annotation")
    # Of one word that it knows nothing else is told apart.
    one = applied("distil", samples, max_terms=1)
    assert len({row["signal.distilled_confidence"] for row in one}) < 5
    same = [{**row, "text": f"{'x' * 10} {row['text']}"} for row in rows_of()]
    short = applied("distil", batch(same), max_chars=10)
    assert len({row["signal.distilled_confidence"] for row in short}) == 1


def test_what_is_said_before() -> None:
    every = distil.survey(iter([batch(rows_of(30))]), Settings())
    assert every == ["every sample has a label already, and `distil` labels none"]
    (many,) = distil.survey(iter([batch(rows_of())]), Settings(max_samples=7))
    assert many == "it learns from 7 of 30 samples with a label (`max_samples`)"


def test_every_figure_is_that_of_plain_lines() -> None:
    rows = rows_of()
    for row in rows[:6]:
        row["split"] = "test"
    rows[0]["label"] = "tool"
    sure = [row["signal.distilled_confidence"] for row in applied("distil", batch(rows))[30:]]
    settings = Settings(min_confidence=sorted(sure)[len(sure) // 2])
    (out,) = run_shuffle(distil, settings, [batch(rows)])
    found = distil.describe(iter([out.slice(0, 10), out.slice(10)]), settings)
    plain = out.to_pylist()
    own = [row for row in plain if row["label_origin"] == "distil"]
    assert found["labelled"] == len(own) > 0
    assert found["unsure"] == sum(row["label"] is None for row in plain) > 0
    assert found["labels"] == Counter(row["label"] for row in own)
    assert found["held_out"] == 6
    assert found["held_out_accuracy"] == 5 / 6


def test_the_classifier_is_scikit_learns() -> None:
    """What is kept of it as columns gives what scikit-learn's own objects give."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    rows = rows_of(60, 60)
    texts = [row["text"] for row in rows]
    for num in (2, 3):
        labels = np.array([n % num for n in range(60)], np.int64)
        fit = classifier.learn(texts, labels, num + 1)
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        features = vectorizer.fit_transform(texts)
        model = LogisticRegression(C=10, tol=1e-3).fit(features, labels)
        theirs = model.predict_proba(vectorizer.transform(["owl saw plum", "apple pear"]))
        ours = fit.probabilities(["owl saw plum", "apple pear"])
        assert ours[:, :num] == pytest.approx(theirs, abs=1e-9)
        assert ours[:, num].tolist() == [0, 0]


def test_a_classifier_that_learnt_nothing_says_so() -> None:
    one = classifier.learn(["a word", "b word"], np.array([1, 1], np.int64), 3)
    assert one.probabilities(["x"]).tolist() == [[0, 1, 0]]
    silent = classifier.learn(["", "."], np.array([0, 2], np.int64), 3)
    assert silent.probabilities(["word"]).tolist() == [[0.5, 0, 0.5]]
    assert silent.probabilities([]).shape == (0, 3)
