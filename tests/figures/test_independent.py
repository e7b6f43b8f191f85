"""Figures of data and models against other libraries, computed from the files on disk."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import sacrebleu
import sklearn.metrics
from scipy import stats

from tests.figures.lines import Shown, Tree, command, of_lines
from tests.figures.test_rows import rows

Names = Sequence[str]


def of(*names: str) -> pytest.MarkDecorator:
    """A test of these lines alone."""
    return pytest.mark.parametrize("line", of_lines(*names), indirect=True)


def held_out(line: Shown, *columns: str) -> list[dict[str, Any]]:
    """The rows on which the training was tested whose weights are kept."""
    found = rows(line.run.line()[-1].folder, "kept", "split", "subject", *columns)
    if folds := line.document["pretrain"]["folds"]:
        return [row for row in found if row["subject"] == folds[0]["fold"]]
    return [row for row in found if row["split"] == "test"]


def answered(line: Shown, verb: str, inputs: Names, key: str) -> list[str]:
    """What the model says of each input."""
    said = command(verb, str(line.folder), "--json", "--", *inputs)
    return [json.loads(one)[key] for one in said.splitlines()]


def measured(line: Shown) -> dict[str, Any]:
    """The test figures of the training whose weights are kept."""
    return dict(line.document["pretrain"]["test"])


@of("images", "people")
def test_classes_are_told_as_scikit_learn_counts_them(line: Shown) -> None:
    content = "text" if line.line == "people" else "uri"
    found = held_out(line, content, "label")
    assert len(found) > 10
    true = [row["label"] for row in found]
    said = answered(line, "classify", [row[content] for row in found], "label")
    figures = measured(line)
    right = sum(one == other for one, other in zip(true, said, strict=True))
    assert 0 < right < len(true)
    assert figures["accuracy"] == pytest.approx(100 * sklearn.metrics.accuracy_score(true, said))
    if "macro_f1" in figures:
        classes = sorted(set(true))
        f1 = sklearn.metrics.f1_score(true, said, average="macro", labels=classes, zero_division=0)
        assert figures["macro_f1"] == pytest.approx(100 * f1)
    ends = line.document["pretrain"]["intervals"]["test"]["accuracy"]
    exact = stats.binomtest(right, len(true)).proportion_ci(method="exact")
    assert (ends["method"], ends["n"]) == ("Clopper-Pearson", len(true))
    assert ends["low"] == pytest.approx(100 * exact.low)
    assert ends["high"] == pytest.approx(100 * exact.high)


def _errors(said: Names, true: Names) -> int:
    """Levenshtein's distance, as its definition has it."""
    table = {(at, 0): at for at in range(len(said) + 1)}
    table |= {(0, at): at for at in range(len(true) + 1)}
    for at, to in itertools.product(range(1, len(said) + 1), range(1, len(true) + 1)):
        replaced = table[at - 1, to - 1] + (said[at - 1] != true[to - 1])
        table[at, to] = min(replaced, table[at - 1, to] + 1, table[at, to - 1] + 1)
    return table[len(said), len(true)]


@of("speech")
def test_speech_is_told_as_plain_lines_count_its_errors(line: Shown) -> None:
    found = held_out(line, "uri", "target")
    true = [row["target"] for row in found]
    said = answered(line, "transcribe", [row["uri"] for row in found], "text")
    figures = measured(line)
    pairs = list(zip(said, true, strict=True))
    assert any(said)
    words = sum(_errors(one.split(), other.split()) for one, other in pairs)
    assert figures["wer"] == pytest.approx(100 * words / sum(len(one.split()) for one in true))
    characters = sum(_errors(one, other) for one, other in pairs)
    assert figures["cer"] == pytest.approx(100 * characters / sum(map(len, true)))
    assert figures["exact"] == pytest.approx(100 * fmean(one == other for one, other in pairs))


@of("translation")
def test_translation_is_told_as_sacrebleu_scores_it(line: Shown) -> None:
    found = held_out(line, "text", "target")
    said = answered(line, "translate", [row["text"] for row in found], "text")
    true = [[row["target"] for row in found]]
    figures = measured(line)
    assert figures["bleu"] == pytest.approx(sacrebleu.corpus_bleu(said, true).score)
    assert figures["chrf"] == pytest.approx(sacrebleu.corpus_chrf(said, true).score)
    lower = sacrebleu.corpus_bleu(said, true, lowercase=True).score
    assert figures["bleu_lowercase"] == pytest.approx(lower)
    assert 0 < figures["chrf"] < 100


@of("text", "people")
def test_a_mean_is_that_of_its_trainings(line: Shown) -> None:
    training = line.document["pretrain"]
    runs = training["seeds"] or training["folds"]
    mean = training["mean"]
    assert len(runs) > 1
    figures = {name: one for name, one in mean.items() if name not in ("split", "intervals")}
    assert "loss" in figures
    for name, value in figures.items():
        each = [run[mean["split"]][name] for run in runs]
        assert value == pytest.approx(fmean(each))
        assert min(each) <= value <= max(each)


@of("people")
def test_people_agree_as_plain_lines_count_it(line: Shown) -> None:
    """Krippendorff (2011), section C, nominal; over all that was answered, whatever was kept."""
    step = next(one for one in line.run.line() if one.op == "consensus")
    found = [
        row
        for kind in ("kept", "dropped")
        for row in rows(step.folder, kind, "annotations", "label")
        if row["annotations"]
    ]
    items = [[one["label"] for one in row["annotations"]] for row in found]
    figures: Tree = step.manifest.figures
    assert figures["items"] == len(items)
    assert figures["answers"] == sum(map(len, items))
    pairable = [given for given in items if len(given) > 1]
    total = sum(map(len, pairable))
    of = Counter(label for given in pairable for label in given)
    same = sum(
        n * (n - 1) / (len(given) - 1) for given in pairable for n in Counter(given).values()
    )
    by_chance = sum(n * (n - 1) for n in of.values()) / (total - 1)
    alpha = 1 - (total - same) / (total - by_chance)
    assert figures["krippendorff_alpha"] == pytest.approx(alpha)
    assert figures["unanimous_share"] == pytest.approx(
        fmean(len(set(given)) == 1 for given in pairable)
    )
    equal: dict[str, list[bool]] = {}
    for row in found:
        for one in row["annotations"]:
            equal.setdefault(one["annotator"], []).append(one["label"] == row["label"])
    for person in figures["annotators"]:
        assert person["answers"] == len(equal[person["annotator"]])
        assert person["equal_to_label_share"] == pytest.approx(fmean(equal[person["annotator"]]))


@of("text")
def test_copies_that_were_dropped_are_all_there_were(line: Shown) -> None:
    by_name = {step.name: step for step in line.run.line()}
    came = rows(by_name["deduplicate.hold_out"].folder, "kept", "text")
    kept = rows(by_name["deduplicate.exact"].folder, "kept", "text")
    texts = {row["text"] for row in came}
    assert len(kept) == len(texts) < len(came)
    assert line.figures["books.deduplicate.exact.dropped"]["value"] == len(came) - len(texts)


@of("text", "images", "speech", "translation")
def test_comparisons_are_those_of_their_trainings(line: Shown) -> None:
    """Paired differences by numpy, Student's t by scipy, from the single results.

    Each result is known to one unit of the metric: of an accuracy an item, of all else less.
    """
    transfer, value = line.document["transfer"], line.document["value"]
    sign = -1 if transfer["lower_is_better"] else 1
    points = {(one["method"], one["size"], one["seed"]): one["value"] for one in transfer["points"]}
    for effect in transfer["effects"]:
        pairs = [
            sign * (points[effect["method"], effect["size"], seed]
                    - points[effect["against"], effect["size"], seed])
            for seed in transfer["seeds"]
        ]  # fmt: skip
        _is_of(effect, pairs, transfer["metric"])
    for row in transfer["summary"]:
        each = [points[row["method"], row["size"], seed] for seed in transfer["seeds"]]
        assert row["mean"] == pytest.approx(fmean(each))
    for arm in value["arms"]:
        turned = sign if arm["contrast"] == "arm - control" else -sign
        control = value["control"]["values"]
        pairs = [turned * (a - c) for a, c in zip(arm["values"], control, strict=True)]
        if not arm["same_data"]:
            _is_of(arm, pairs, value["metric"])
    assert value["control"]["mean"] == pytest.approx(fmean(value["control"]["values"]))


def _is_of(effect: Tree, pairs: list[float], metric: str) -> None:
    assert effect["mean"] == pytest.approx(fmean(pairs), abs=1e-9)
    assert effect["wins"] == sum(one > 1e-12 for one in pairs)
    assert effect["n"] == len(pairs)
    items = re.search(r"with the test set's (\d+) |on these (\d+) ", effect["headline"])
    assert items
    one_item = 100 / int(items[1] or items[2])
    if metric == "accuracy":
        assert effect["p"] == pytest.approx(_p(pairs, one_item), rel=1e-6)
    else:
        assert _p(pairs, 0.0) - 1e-9 <= effect["p"] <= _p(pairs, one_item) + 1e-9


def _p(pairs: list[float], step: float) -> float:
    """Student's two-sided p, with the variance that a step of each of two results hides."""
    error = math.sqrt((np.var(pairs, ddof=1) + step**2 / 6) / len(pairs))
    apart = abs(fmean(pairs))
    return 1.0 if apart == 0 else float(2 * stats.t.sf(apart / max(error, 1e-300), len(pairs) - 1))


def test_the_bytes_are_those_of_the_files(line: Shown) -> None:
    data = [path for path in (line.folder / "data").rglob("*") if path.is_file()]
    assert line.figures["books.total.bytes"]["value"] == _bytes(data)
    whole = [path for path in line.folder.rglob("*") if path.is_file()]
    assert line.figures["books.total.disk"]["value"] == _bytes(whole)


def _bytes(files: list[Path]) -> int:
    return sum(path.stat().st_size for path in files)
