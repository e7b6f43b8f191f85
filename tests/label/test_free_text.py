"""The text nearest to all."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import Any

import pyarrow as pa
import pytest
from jiwer import cer, wer
from sacrebleu.metrics.chrf import CHRF

from tests.table.samples import batch
from tilth.label import free_text
from tilth.label.free_text import MOST_TEXTS, Settings, medoid

SAID = [
    {"ann": "the cat sat on the mat", "bob": "the cat sat on a mat", "cy": "a cat sat on the mat"},
    {"ann": "good morning", "bob": "good morning", "cy": "good mourning"},
    {"ann": "one two three", "bob": "one two tree"},
    {"ann": "alone"},
]


def samples(said: list[dict[str, str]] = SAID, **given: Any) -> pa.RecordBatch:
    return batch(
        [
            {"annotations": [{"annotator": w, "label": t} for w, t in one.items()], **given}
            for one in said
        ]
    )


def applied(settings: Settings, rows: pa.RecordBatch | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = free_text.apply(rows or samples(), settings).to_pylist()
    return found


@pytest.mark.parametrize("metric", ["wer", "cer", "chrf"])
def test_the_medoid_is_one_that_somebody_wrote(metric: Any) -> None:
    rows = applied(Settings(metric=metric))
    assert [row["target"] for row in rows[:2]] == ["the cat sat on the mat", "good morning"]
    assert rows[3]["target"] == "alone"
    assert [row["drop.rule"] for row in rows] == [None, None, "who is right can be told", None]
    assert rows[2]["drop.value"] == "2 texts, each from half"
    decided = applied(Settings(metric=metric, undecided="decide"))
    assert decided[2]["target"] in SAID[2].values()
    assert {row["drop.rule"] for row in decided} == {None}


def test_a_text_that_is_there_stays() -> None:
    rows = applied(Settings(), samples(target="given"))
    assert {row["target"] for row in rows} == {"given"}
    assert {row.get("drop.rule") for row in rows} == {None}
    assert [row["text"] for row in applied(Settings(to="text"))][1] == "good morning"
    nothing = batch([{"text": "a"}])
    assert applied(Settings(), nothing)[0]["target"] is None


def test_those_who_disagree_much_may_be_dropped() -> None:
    rows = applied(Settings(min_agreement=0.7, undecided="decide"))
    assert [row["drop.rule"] for row in rows] == [
        None,
        "agreement >= 0.7",
        "agreement >= 0.7",
        None,
    ]
    # Pairs of three people: equal, one of two words, one of two words.
    assert rows[1]["drop.value"] == "0.6667"


def test_of_very_many_texts_those_that_most_wrote_are_compared() -> None:
    texts = ["right"] * 3 + [f"text {n}" for n in range(5 * MOST_TEXTS)]
    assert medoid(texts, "wer", "x").text == medoid(texts[::-1], "wer", "x").text
    assert medoid(["right"] * 200 + texts, "cer", "x").text == "right"


@pytest.mark.parametrize("metric", ["wer", "cer", "chrf"])
def test_every_figure_is_that_of_plain_lines(metric: Any) -> None:
    settings = Settings(metric=metric)
    out = free_text.apply(samples(), settings)
    figures: Any = free_text.describe(iter([out.slice(0, 1), out.slice(1)]), settings)
    assert (figures["items"], figures["answers"], figures["num_annotators"]) == (4, 9, 3)
    pairs = [pair for one in SAID for pair in combinations(one.values(), 2)]
    assert figures["identical_share"] == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))

    def of(pairs: list[tuple[str, str]]) -> float:
        """Of the first of each pair, the second as reference."""
        said, references = [a for a, _ in pairs], [b for _, b in pairs]
        if metric == "chrf":
            scores = [CHRF().sentence_score(a, [b]).score / 100 for a, b in pairs]
            return float(sum(scores) / len(scores))
        score: Any = {"wer": wer, "cer": cer}[metric]
        return float(score(references, said))

    every = [pair for one in SAID for pair in permutations(one.values(), 2)]
    assert figures[metric] == pytest.approx(of(every))
    for person in figures["annotators"]:
        who = person["annotator"]
        own = [(one[who], t) for one in SAID if who in one for w, t in one.items() if w != who]
        assert person["answers"] == sum(who in one for one in SAID)
        assert person[metric] == pytest.approx(of(own))


def test_nothing_to_tell() -> None:
    assert free_text.describe(iter([]), Settings()) == {"metric": "wer", "items": 0}
    alone = samples(SAID[3:])
    told: Any = free_text.describe(iter([free_text.apply(alone, Settings())]), Settings())
    assert (told["wer"], told["identical_share"]) == (None, None)
