"""The settings of `label`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from tests.shuffles import run_shuffle
from tests.table.entries import effect, extreme, name, refused
from tests.table.samples import Row, applied, batch, kept, texts, told
from tests.table.whole import said
from tilth.errors import DataError, UsageError
from tilth.label import consensus, preferences, vote
from tilth.schema import sample_id

NAN = float("nan")


# consensus


def answered(*answers: Sequence[str]) -> pa.RecordBatch:
    """Items with the answers of p0, p1, ..."""
    return batch(
        [
            {"annotations": [{"annotator": f"p{who}", "label": one} for who, one in enumerate(row)]}
            for row in answers
        ]
    )


# Two people who agree, and three who answer anything, though alike on the last item.
CROWD = answered(*(("a", "a", *"aba") if n % 2 else ("b", "b", *"bab") for n in range(30)), "aabbb")


def figures(samples: pa.RecordBatch, **given: Any) -> Any:
    settings = consensus.Settings.model_validate(given)
    (out,) = run_shuffle(consensus, settings, [samples])
    return consensus.describe(iter([out]), settings)


@effect("label.consensus.method")
def test_method() -> None:
    def last(method: str) -> Row:
        return applied("consensus", CROWD, method=method)[-1]

    assert last("dawid-skene")["label"] == "a"
    assert last("majority")["label"] == "b"
    assert last("majority")["label_confidence"] == pytest.approx(0.6)
    assert last("single")["label_confidence"] is None
    sure = [last(method)["label_confidence"] for method in ("dawid-skene", "mace", "majority")]
    assert len({*sure}) == 3


@effect("label.consensus.scale", "label.consensus.order")
@refused("label.consensus.order")
@name("label.consensus.order")
def test_scale_and_order() -> None:
    grades = answered("11223", "11555")
    words = answered(["low", "mid", "top"])
    for scale, labels in (("nominal", "1"), ("ordinal", "2"), ("interval", "2")):
        row = applied("consensus", grades, method="majority", scale=scale, seed=1)[0]
        assert scale == "nominal" or row["label"] == labels
    for order, label in ((["low", "mid", "top"], "mid"), (["mid", "low", "top"], "low")):
        (row,) = applied("consensus", words, method="majority", scale="ordinal", order=order)
        assert row["label"] == label
    settings = consensus.Settings.model_validate(
        {"scale": "ordinal", "order": ["lwo", "mid", "top"]}
    )
    with pytest.raises(
        DataError, match=r"the answer `low` has no place .* `order` does not name it"
    ):
        consensus.survey(iter([words]), settings)
    assert "`order` does nothing" in told("consensus", order=["a", "b"])
    assert "stands twice" in told("consensus", scale="ordinal", order=["a", "a"])
    assert "has no use for a `scale`" in told("consensus", method="single", scale="ordinal")


@effect("label.consensus.gold")
def test_gold() -> None:
    """Whoever is wrong on gold is not believed."""
    said = [{"annotator": "p", "label": "a"}, {"annotator": "q", "label": "b"}]
    gold = [{"annotations": said, "label": "b", "label_origin": "given"}] * 10
    other = [{"annotations": [one | {"label": x} for one, x in zip(said, "bb", strict=True)],
              "label": "b"}] * 2  # fmt: skip
    samples = batch([*gold, *other, {"annotations": said}])
    by_gold = applied("consensus", samples)[-1]
    assert (by_gold["label"], by_gold["drop.rule"]) == ("b", None)
    assert applied("consensus", samples, gold=False)[-1]["drop.rule"] is not None


@effect("label.consensus.undecided")
@refused("label.consensus.undecided")
def test_undecided() -> None:
    two = answered("ab", "aa")
    assert kept("consensus", two) == [1]
    assert kept("consensus", two, undecided="decide") == [0, 1]
    assert "does nothing" in told("consensus", method="majority", undecided="decide")


@effect("label.consensus.pooling")
@extreme("label.consensus.pooling")
@refused("label.consensus.pooling")
def test_pooling() -> None:
    def sure(pooling: float) -> list[float]:
        return [row["label_confidence"] for row in applied("consensus", CROWD, pooling=pooling)]

    assert sure(0) != sure(4) != sure(1000)
    for wrong in (-1, 1001, NAN):
        assert "pooling" in told("consensus", pooling=wrong)


@effect("label.consensus.repeated")
def test_repeated() -> None:
    said = [("p0", "a"), ("p1", "a"), ("p2", "b"), ("p1", "b"), ("p0", "a")]
    item = batch([{"annotations": [{"annotator": who, "label": one} for who, one in said]}])
    for which, label in (("last", "b"), ("first", "a")):
        (row,) = applied("consensus", item, method="majority", repeated=which)
        assert (row["label"], row["label_confidence"]) == (label, pytest.approx(2 / 3))
    assert "repeated" in told("consensus", repeated="all")


@effect("label.consensus.min_confidence")
@extreme("label.consensus.min_confidence")
@refused("label.consensus.min_confidence")
def test_min_confidence() -> None:
    two = answered("aaa", "aab")
    for least, left in ((0, [0, 1]), (0.66, [0, 1]), (0.67, [0]), (1, [0])):
        assert kept("consensus", two, method="majority", min_confidence=least) == left
    for wrong in (-0.1, 1.1, NAN):
        assert "min_confidence" in told("consensus", min_confidence=wrong)
    assert "of unknown confidence" in told("consensus", method="single", min_confidence=0.1)


@effect("label.consensus.smoothing")
@extreme("label.consensus.smoothing")
def test_smoothing() -> None:
    def surest(smoothing: float) -> float:
        rows = applied("consensus", CROWD, smoothing=smoothing)
        return float(max(row["label_confidence"] for row in rows))

    assert surest(1e-9) > surest(1) > surest(1000) >= 0.5
    for wrong in (0, -1, 1001, NAN):
        assert "smoothing" in told("consensus", smoothing=wrong)
    few, many = (figures(CROWD, method="majority", smoothing=s) for s in (0.01, 100))
    assert few["annotators"][0]["estimated_accuracy"] > many["annotators"][0]["estimated_accuracy"]


@effect("label.consensus.max_iterations")
@extreme("label.consensus.max_iterations")
def test_max_iterations() -> None:
    one, many = figures(CROWD, max_iterations=1), figures(CROWD, max_iterations=1 << 40)
    assert one["em_iterations"] == 1
    assert not one["em_converged"]
    assert many["em_iterations"] > 1
    assert many["em_converged"]
    sure = [applied("consensus", CROWD, max_iterations=n)[-1]["label_confidence"] for n in (1, 99)]
    assert sure[0] != sure[1]
    assert "max_iterations" in told("consensus", max_iterations=0)


@effect("label.consensus.seed")
@extreme("label.consensus.seed")
@pytest.mark.parametrize("method", ["majority", "single"])
def test_seed(method: str) -> None:
    tied = answered(*["ab"] * 60)

    def labels(seed: int) -> list[str]:
        return [row["label"] for row in applied("consensus", tied, method=method, seed=seed)]

    assert labels(0) == labels(0) != labels(1)
    assert 10 < labels(2**32 - 1).count("a") < 50
    for wrong in (-1, 2**32):
        assert "seed" in told("consensus", seed=wrong)


def test_agreement_is_of_all_answers_and_not_of_what_is_kept() -> None:
    """However many unsure items are dropped."""
    given = {"method": "majority"}
    settings = consensus.Settings.model_validate({**given, "min_confidence": 0.7})
    (out,) = run_shuffle(consensus, settings, [CROWD])
    assert out["drop.rule"].null_count == 30
    whole, sure = figures(CROWD, **given), consensus.describe(iter([out]), settings)
    assert sure["krippendorff_alpha"] == whole["krippendorff_alpha"]
    assert consensus.DESCRIBES_DROPPED


# free_text

TEXTS = batch(
    [
        {"annotations": [{"annotator": f"p{n}", "label": one} for n, one in enumerate(said)]}
        for said in (["a b", "a b", "a c"], ["x", "y"], ["abcd e", "abcd f", "zzzz e f"])
    ]
)


@effect("label.free_text.metric", "label.free_text.to", "label.free_text.undecided")
def test_free_text() -> None:
    assert kept("free_text", TEXTS) == [0, 2]
    assert kept("free_text", TEXTS, undecided="decide") == [0, 1, 2]
    rows = applied("free_text", TEXTS, to="text")
    assert (rows[0]["text"], rows[0].get("target")) == ("a b", None)
    sure = [
        applied("free_text", TEXTS, metric=m, min_agreement=1.0) for m in ("wer", "cer", "chrf")
    ]
    assert len({rows[2]["drop.value"] for rows in sure}) == 3


@effect("label.free_text.min_agreement")
@extreme("label.free_text.min_agreement")
@refused("label.free_text.min_agreement")
def test_free_text_agreement() -> None:
    for least, left in ((0, [0, 2]), (0.6, [0]), (1, [])):
        assert kept("free_text", TEXTS, min_agreement=least) == left
    for wrong in (-0.1, 1.1, NAN):
        assert "min_agreement" in told("free_text", min_agreement=wrong)


@effect("label.free_text.repeated")
def test_free_text_repeated() -> None:
    said = [("p", "a"), ("q", "b"), ("p", "b")]
    item = batch([{"annotations": [{"annotator": who, "label": one} for who, one in said]}])
    assert kept("free_text", item) == [0]
    assert kept("free_text", item, repeated="first") == []


# preferences

PAIRS = batch(
    [
        {
            "meta.a": "x",
            "meta.b": "y",
            "meta.c": "z",
            "annotations": [{"annotator": who, "label": one} for who, one in said],
        }
        for said in ([("p", "first"), ("q", "tie")], [("p", "b"), ("p", "second")])
    ]
)


def compared(**given: Any) -> Any:
    settings = preferences.Settings.model_validate({"first": "meta.a", "second": "meta.b", **given})
    return preferences.describe(iter([PAIRS]), settings)


@effect("label.preferences.first", "label.preferences.second")
@name("label.preferences.first", "label.preferences.second")
@refused("label.preferences.first", "label.preferences.second")
def test_what_is_compared() -> None:
    assert {one["name"] for one in compared()["strengths"]} == {"x", "y"}
    assert {one["name"] for one in compared(first="meta.c")["strengths"]} == {"z", "y"}
    assert {one["name"] for one in compared(second="meta.c")["strengths"]} == {"x", "z"}
    assert "are both `meta.a`" in told("preferences", first="meta.a", second="meta.a")
    for wrong in ({"first": "meta.aa"}, {"second": "meta.bb"}):
        with pytest.raises(UsageError, match="no record has the field"):
            applied("preferences", PAIRS, **{"first": "meta.a", "second": "meta.b", **wrong})


@effect("label.preferences.answers", "label.preferences.tie", "label.preferences.repeated")
@name("label.preferences.answers", "label.preferences.tie")
@refused("label.preferences.answers", "label.preferences.tie")
def test_what_answers_say() -> None:
    """What none of the words says is counted as unusable, never left out."""
    for given, num, unusable in (
        ({}, 3, 0),
        ({"tie": "draw"}, 2, 1),
        ({"answers": ["a", "b"]}, 1, 2),
        ({"repeated": "first"}, 2, 1),
    ):
        found = compared(**given)
        assert (found["comparisons"], found["unusable_answers"]) == (num, unusable)
    fields = {"first": "meta.a", "second": "meta.b"}
    assert "are the same" in told("preferences", **fields, tie="first")
    assert "are the same" in told("preferences", **fields, answers=["a", "a"])


# vote

LONG = {"name": "long", "label": "l", "signal": "word_count", "at_least": 5}


def measured(*values: Any) -> pa.RecordBatch:
    return batch([{"text": "a", "signal.word_count": value} for value in values])


def votes(samples: pa.RecordBatch, *functions: dict[str, Any], **given: Any) -> list[Row]:
    return applied("vote", samples, sets=[], functions=list(functions), **given)


def voted(samples: pa.RecordBatch, **function: Any) -> list[bool]:
    """Where one function votes."""
    rows = votes(samples, {"name": "f", "label": "l", **function})
    assert {row["label"] for row in rows} <= {"l", "other"}
    return [row["signal.votes"] == "f=l" for row in rows]


@effect("label.vote.functions", "label.vote.sets")
@name("label.vote.sets")
def test_functions_and_sets() -> None:
    prose = texts("The man of the house went to the sea, and he was by it for a day with his dog.")
    (both,) = applied("vote", prose, functions=[{**LONG, "signal": None, "matches": "sea"}])
    assert "long=l" in both["signal.votes"]
    assert "function-words=prose" in both["signal.votes"]
    (plain,) = applied("vote", prose)
    assert "long=l" not in plain["signal.votes"]
    (own,) = votes(prose, {**LONG, "signal": None, "matches": "sea"})
    assert own["signal.votes"] == "long=l"
    unknown = told("vote", sets=["document"])
    assert "no set of functions `document`; did you mean `documents`" in unknown
    assert "no function votes" in told("vote", sets=[])


@effect("label.vote.functions.name", "label.vote.functions.label", "label.vote.functions.because")
def test_what_a_function_is_called_and_gives_and_why() -> None:
    given = {**LONG, "because": "so it is"}
    (row,) = votes(measured(5), given)
    assert (row["signal.votes"], row["label"]) == ("long=l", "l")
    (other,) = votes(measured(5), {**given, "name": "big", "label": "m"})
    assert (other["signal.votes"], other["label"]) == ("big=m", "m")
    settings = vote.Settings.model_validate({"sets": [], "functions": [given]})
    (out,) = run_shuffle(vote, settings, [measured(5)])
    told_of: Any = vote.describe(iter([out]), settings)
    assert told_of["functions"][0]["because"] == "so it is"
    assert "two functions are called `long`" in told("vote", functions=[given, given])


@effect("label.vote.functions.lines")
@refused("label.vote.functions.lines")
def test_lines() -> None:
    """The share of lines, blank ones aside."""
    samples = texts("x 1\n\ny", "y\ny 2", None)
    assert voted(samples, lines="^x", at_least=0.5) == [True, False, False]
    assert voted(samples, lines=r"\d$", at_least=0.5) == [True, True, False]
    assert "not a pattern" in told("vote", functions=[{**LONG, "lines": "(", "signal": None}])
    for bound in ({"at_least": 1.01}, {"at_most": -0.01, "at_least": None}):
        wrong = {**LONG, "signal": None, "lines": "x", **bound}
        assert "would never vote" in told("vote", functions=[wrong])


@effect("label.vote.functions.matches")
def test_matches() -> None:
    """Of a hundred words."""
    samples = texts("sea land land land", "land land land land", None)
    assert voted(samples, matches="sea", at_least=25) == [True, False, False]
    assert voted(samples, matches="sea", at_least=26) == [False, False, False]
    assert "needs one of" in told("vote", functions=[{**LONG, "matches": "sea"}])


@effect("label.vote.functions.signal")
@name("label.vote.functions.signal")
def test_signal() -> None:
    samples = batch([{"text": "a", "signal.x": 1, "signal.y": 9}])
    assert voted(samples, signal="x", at_least=5) == [False]
    assert voted(samples, signal="y", at_least=5) == [True]
    given = {
        "collect": {"a": {"jsonl": {"path": "a.jsonl"}}},
        "label": [{"vote": {"functions": [{**LONG, "signal": "wrod_count"}]}}],
    }
    assert "reads `wrod_count`" in said({**given, "clean": ["signals"]})
    assert "did you mean `word_count`" in said({**given, "clean": ["signals"]})
    assert "nothing before it fills that" in said(given)


@effect("label.vote.functions.at_least", "label.vote.functions.at_most")
@extreme("label.vote.functions.at_least", "label.vote.functions.at_most")
@pytest.mark.parametrize("bound", ["at_least", "at_most"])
def test_bounds(bound: str) -> None:
    samples = measured(0, 4, 5, 6, None)
    wanted = {"at_least": [False, False, True, True, False]}
    wanted["at_most"] = [True, True, True, False, False]
    assert voted(samples, signal="word_count", **{bound: 5}) == wanted[bound]
    both = voted(samples, signal="word_count", at_least=4, at_most=5)
    assert both == [False, True, True, False, False]
    for far, is_all in ((-1e300, bound == "at_least"), (1e300, bound == "at_most")):
        assert voted(samples, signal="word_count", **{bound: far}) == [is_all] * 4 + [False]
    assert "would never vote" in told("vote", functions=[{**LONG, "at_most": 4}])
    tree = {
        "collect": {"a": {"jsonl": {"path": "a.jsonl"}}},
        "clean": ["signals"],
        "label": [{"vote": {"functions": [{**LONG, "at_least": None, bound: NAN}]}}],
    }
    assert "finite number" in said(tree)
    assert "needs `at_least` or `at_most`" in told("vote", functions=[{**LONG, "at_least": None}])


@effect("label.vote.otherwise")
def test_otherwise() -> None:
    assert [row["label"] for row in votes(measured(1, 5), LONG)] == ["other", "l"]
    assert [row["label"] for row in votes(measured(1, 5), LONG, otherwise="rest")] == ["rest", "l"]
    assert "otherwise" in told("vote", otherwise="two words")


@effect("label.vote.max_chars")
@extreme("label.vote.max_chars")
@refused("label.vote.max_chars")
def test_max_chars() -> None:
    samples = texts("x" * 100 + " sea", "sea " + "x" * 100)
    function = {"name": "f", "label": "l", "matches": "sea", "at_least": 1}

    def labels(**given: Any) -> list[str]:
        return [row["label"] for row in votes(samples, function, **given)]

    assert labels() == labels(max_chars=1 << 40) == ["l", "l"]
    assert labels(max_chars=100) == labels(max_chars=103) == ["other", "l"]
    assert "max_chars" in told("vote", max_chars=99)
    assert "every function reads a signal" in told("vote", sets=[], functions=[LONG], max_chars=100)


def test_labels_that_are_there_stay() -> None:
    given = {"label": "mine", "label_origin": "given", "signal.word_count": 9, "text": "a"}
    samples = batch([given, {"signal.word_count": 9, "text": "a", "id": sample_id("x")}])
    assert [row["label"] for row in votes(samples, LONG)] == ["mine", "l"]
