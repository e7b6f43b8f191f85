"""Labelling functions: what they measure, how votes combine, what is told of them."""

from __future__ import annotations

import argparse
import graphlib
import pydoc
import textwrap
from collections import Counter
from collections.abc import Sequence
from pydoc_data.topics import topics as topics_of_the_language
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.shuffles import run_shuffle
from tilth import schema
from tilth.errors import UsageError
from tilth.label import vote
from tilth.label.vote import Function, Settings


def batch_of(texts: Sequence[str | None], **columns: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "id": [str(number) for number in range(len(texts))],
            "text": pa.array(texts, pa.large_string()),
            **columns,
        }
    )


def run(batches: list[pa.RecordBatch], settings: Settings) -> list[pa.RecordBatch]:
    return run_shuffle(vote, settings, batches)


def labels(batches: list[pa.RecordBatch]) -> list[str]:
    return [label for batch in batches for label in batch.column("label").to_pylist()]


OWN = Settings(
    sets=(),
    functions=(
        Function(name="question", label="q", lines=r"\?$", at_least=0.5),
        Function(name="shouts", label="loud", matches="[A-Z]{2,}", at_least=50),
        Function(name="short", label="q", signal="length", at_most=3),
    ),
)


def test_functions_measure_lines_matches_and_signals() -> None:
    texts = ["who?\nme\n\n", "WHAT now", "a b c?", None, "plain text"]
    batch = batch_of(texts, **{"signal.length": [9, 9, 3, None, 4]})
    assert vote.cast_votes(batch, OWN) == [
        "question=q",
        "shouts=loud",
        "question=q short=q",
        "",
        "",
    ]
    (out,) = run([batch], OWN)
    assert labels([out]) == ["q", "loud", "q", "other", "other"]
    confidence = out.column("label_confidence").to_pylist()
    assert confidence[3:] == [None, None]
    assert confidence[2] > confidence[0] > 0.5
    assert set(out.column("label_origin").to_pylist()) == {"vote"}


def test_a_signal_that_nobody_measured() -> None:
    with pytest.raises(UsageError, match="no signal `length`"):
        vote.keys(batch_of(["a"]), OWN)


def test_labels_that_are_there_stay() -> None:
    given = {
        "label": pa.array(["mine", None]),
        "label_origin": pa.array(["expert", None]),
        "signal.length": [1, 1],
    }
    (out,) = run([batch_of(["who?", "who?"], **given)], OWN)
    assert out.column("label").to_pylist() == ["mine", "q"]
    assert out.column("label_origin").to_pylist() == ["expert", "vote"]


@pytest.fixture(scope="module")
def documents() -> list[str]:
    """Real pages: reference (modules), prose (topics of the language), code (source files)."""
    modules = [pydoc.plain(pydoc.render_doc(module)) for module in (textwrap, graphlib, argparse)]
    topics = [topics_of_the_language[name] for name in ("objects", "naming", "exceptions")]
    sources = []
    for module in (textwrap, graphlib, argparse):
        with open(str(module.__file__), encoding="utf-8") as file:
            sources.append(file.read())
    return [*modules, *topics, *sources]


def test_shipped_functions_on_real_documents(documents: list[str]) -> None:
    (out,) = run([batch_of(documents)], Settings())
    assert labels([out])[3:] == ["prose"] * 3 + ["code"] * 3


def test_shipped_functions_on_a_numpy_page() -> None:
    text = (
        "numpy.argmin\nargmin(a, axis=None, out=None, *, keepdims=<no value>)\n"
        "Returns the indices of the minimum values along an axis.\nParameters\n"
        "a : array_like\n    Input array.\naxis : int, optional\n    Along the axis.\nReturns\n"
        "index_array : ndarray of ints\n    Array of indices into the array.\n"
    )
    (out,) = run([batch_of([text])], Settings())
    assert labels([out]) == ["reference"]


def test_the_cut_into_batches_does_not_matter(documents: list[str]) -> None:
    whole = run([batch_of(documents)], Settings())
    cut = run([batch_of(documents[:2]), batch_of(documents[2:])], Settings())
    assert labels(cut) == labels(whole)
    one = vote.describe(iter(whole), Settings())
    two = vote.describe(iter(cut), Settings())
    assert one == two


def test_what_is_told_of_the_functions() -> None:
    settings = Settings(
        sets=(),
        functions=(
            Function(name="a", label="x", matches="a", at_least=1),
            Function(name="b", label="y", matches="b", at_least=1, because="it says b"),
        ),
    )
    batches = run([batch_of(["a", "a", "b", "a b", "c"])], settings)
    figures: Any = vote.describe(iter(batches), settings)
    assert figures["documents"] == 5
    assert figures["coverage"] == pytest.approx(0.8)
    assert figures["conflict"] == pytest.approx(0.2)
    assert figures["conflicts"] == [{"votes": "a=x b=y", "documents": 1}]
    first, second = figures["functions"]
    assert (first["votes"], first["compared_votes"]) == (3, 1)
    assert (first["coverage"], first["overlap"], first["conflict"]) == (0.6, 0.2, 0.2)
    assert second["because"] == "it says b"
    assert first["won"] + second["won"] == pytest.approx(1.5, abs=0.5)
    assert vote.describe(iter([]), settings) == {"documents": 0}


def test_settings_are_checked() -> None:
    for wrong, message in (
        ({"sets": ("none",)}, "no set of functions `none`; choose from `documents`"),
        ({"sets": ()}, "no function votes"),
        ({"functions": ({"name": "f", "label": "l", "at_least": 1},)}, "needs one of"),
        ({"functions": ({"name": "f", "label": "l", "lines": "x"},)}, "needs `at_least`"),
        (
            {"functions": ({"name": "f", "label": "l", "lines": "(", "at_least": 1},)},
            "not a pattern",
        ),
        (
            {"functions": ({"name": "signatures", "label": "l", "lines": "x", "at_least": 1},)},
            "two functions are called `signatures`",
        ),
    ):
        with pytest.raises(ValidationError, match=message.replace("(", r"\(")):
            Settings.model_validate(wrong)


def test_the_fingerprint_is_of_the_shipped_functions() -> None:
    assert vote.fingerprint(OWN) == ""
    assert '"name":"signatures"' in vote.fingerprint(Settings())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"lines": "x", "at_least": 1.5}, "would never vote"),
        ({"matches": "x", "at_most": -1}, "would never vote"),
        ({"matches": "x", "at_least": 3, "at_most": 2}, "would never vote"),
    ],
)
def test_a_function_that_could_never_vote_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Function.model_validate({"name": "f", "label": "l", **given})
    Function.model_validate({"name": "f", "label": "l", "signal": "x", "at_most": -1})


def test_words_are_nothing_to_vote_on() -> None:
    with pytest.raises(UsageError, match="the signal `length` holds words"):
        vote.keys(batch_of(["a"], **{"signal.length": ["long"]}), OWN)
    with pytest.raises(UsageError) as caught:
        vote.keys(batch_of(["a"], **{"signal.lenght": [1]}), OWN)
    assert caught.value.hint == "did you mean `lenght`?"


def test_what_vote_leaves_alone_is_told() -> None:
    answers = pa.array([[{"annotator": "p", "label": "x"}], []], schema.SCHEMA["annotations"])
    one = batch_of(["who?", "a"], annotations=answers)
    (told,) = vote.survey(iter([one]), OWN)
    assert "not read by `vote` (samples without a label that have some: 1)" in told
    labelled = batch_of(["who?", "a"], label=["x", "y"])
    assert vote.survey(iter([labelled]), OWN) == [
        "every sample has a label already, and `vote` labels none"
    ]
    assert vote.survey(iter([batch_of(["a"])]), OWN) == []
    assert vote.survey(iter([]), OWN) == []


def plain(rows: list[dict[str, Any]], before: list[str | None]) -> dict[str, Any]:
    """Of documents as they came out, and the labels that they had: the matrix of votes, as
    Snorkel's LFAnalysis adds it up, and what came of it."""
    names = [function.name for function in FOUR.functions]
    label_of = {function.name: function.label for function in FOUR.functions}
    matrix = np.full((len(rows), len(names)), "", object)
    for number, row in enumerate(rows):
        for vote_ in row["signal.votes"].split():
            name, _, label = vote_.partition("=")
            matrix[number, names.index(name)] = label
    cast = matrix != ""
    several = np.array([len(set(row) - {""}) > 1 for row in matrix], bool)
    voted = [number for number, label in enumerate(before) if label is None]
    sure = [rows[n]["label_confidence"] for n in voted if cast[n].any()]
    functions = []
    for j, name in enumerate(names):
        mine = np.flatnonzero(cast[:, j])
        won = [n for n in mine if before[n] is None and rows[n]["label"] == label_of[name]]
        functions.append(
            {
                "function": name,
                "votes": len(mine),
                "coverage": cast[:, j].mean(),
                "overlap": (cast[:, j] & (cast.sum(1) > 1)).mean(),
                "conflict": (cast[:, j] & several).mean(),
                "won": len(won) / len(mine) if len(mine) else None,
                "compared_votes": (cast[:, j] & (cast.sum(1) > 1)).sum(),
            }
        )
    patterns = Counter(row["signal.votes"] for row, more in zip(rows, several, strict=True) if more)
    return {
        "documents": len(rows),
        "labelled_before": len(rows) - len(voted),
        "labels": dict(Counter(row["label"] for row in rows)),
        "coverage": cast.any(1).mean(),
        "conflict": several.mean(),
        "mean_confidence": np.mean(sure) if sure else None,
        "num_conflicts": len(patterns),
        "conflicts": dict(patterns),
        "functions": functions,
    }


def in_touch(patterns: list[str]) -> set[str]:
    """The functions that vote beside two others at least, or beside one that does."""
    groups = [{vote_.partition("=")[0] for vote_ in pattern.split()} for pattern in patterns]
    for _ in range(4):
        groups = [set().union(*(g for g in groups if g & group)) for group in groups]
    return set().union(*(group for group in groups if len(group) > 2))


FOUR = Settings(
    sets=(),
    functions=tuple(
        Function(name=name, label=label, matches=name, at_least=1)
        for name, label in (("a", "x"), ("b", "y"), ("c", "y"), ("d", "ü"))
    ),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sets(st.sampled_from("abcd")).map(lambda found: " ".join(sorted(found))),
            st.none() | st.sampled_from(["x", "y", "old"]),
            st.sampled_from([None, 0.25, 1.0]),
        ),
        min_size=1,
        max_size=20,
    ),
    st.integers(0, 20),
    st.sampled_from([1, 4]),
)
def test_every_figure_is_that_of_plain_lines(
    given: list[tuple[str, str | None, float | None]], cut: int, times: int
) -> None:
    texts, before, sure = zip(*given * times, strict=True)
    batch = batch_of(
        texts,
        label=pa.array(before, pa.string()),
        label_confidence=pa.array(
            [None if b is None else s for b, s in zip(before, sure, strict=True)], pa.float64()
        ),
        label_origin=pa.array([b and "given" for b in before], pa.string()),
    )
    (out,) = run([batch], FOUR)
    found: Any = vote.describe(iter([out.slice(0, cut), out.slice(cut)]), FOUR)
    expected = plain(out.to_pylist(), list(before))
    judged = in_touch([row["signal.votes"] for row in out.to_pylist()])
    for one, facts in zip(found["functions"], expected.pop("functions"), strict=True):
        assert {name: one[name] for name in facts} == pytest.approx(facts)
        is_told = one["function"] in judged and facts["compared_votes"] >= 10
        assert (one["estimated_accuracy"] is not None) == is_told
    listed = {one["votes"]: one["documents"] for one in found["conflicts"]}
    assert listed == expected.pop("conflicts")
    for name, value in expected.items():
        assert found[name] == (value if value is None else pytest.approx(value)), name
    assert (found["tied_share"] is None) == (found["mean_confidence"] is None)
    turned: Any = vote.describe(iter([out.take(pa.array(range(len(texts))[::-1]))]), FOUR)
    assert turned == found


def test_a_vote_on_what_has_a_label_is_not_won() -> None:
    rows = batch_of(
        ["a"] * 40,
        label=pa.array([None] * 10 + ["y"] * 20 + ["x"] * 10),
        label_origin=pa.array([None] * 10 + ["given"] * 30),
    )
    (out,) = run([rows], FOUR)
    figures: Any = vote.describe(iter([out]), FOUR)
    assert figures["labelled_before"] == 30
    assert figures["functions"][0]["won"] == 0.25


def test_the_confidence_of_labels_from_elsewhere_is_not_the_votes() -> None:
    given = {"label": ["x", None], "label_confidence": [1.0, None], "label_origin": ["given", None]}
    (out,) = run([batch_of(["a", "a"], **given)], FOUR)
    figures: Any = vote.describe(iter([out]), FOUR)
    assert figures["mean_confidence"] == out["label_confidence"][1].as_py() < 1


def test_an_accuracy_of_which_nothing_was_seen_is_not_shown() -> None:
    (out,) = run([batch_of(["a", "a", *["b c"] * 9, "", *["a b"] * 10])], FOUR)
    figures: Any = vote.describe(iter([out]), FOUR)
    known = {one["function"]: one["estimated_accuracy"] for one in figures["functions"]}
    assert [name for name, value in known.items() if value is None] == ["c", "d"]
    assert figures["not_shown"] == {
        "functions.won": "of functions that never voted",
        "functions.estimated_accuracy": "of functions with fewer than 10 votes beside another's, "
        "or beside one same function only",
    }
    alike = Settings(
        sets=(),
        functions=tuple(
            Function(name=name, label="x", matches=name, at_least=1) for name in ("a", "b")
        ),
    )
    (out,) = run([batch_of(["a b"] * 10)], alike)
    figures = vote.describe(iter([out]), alike)
    assert [one["compared_votes"] for one in figures["functions"]] == [10, 10]
    assert {one["estimated_accuracy"] for one in figures["functions"]} == {None}
    why = "all functions vote for the same label"
    assert figures["not_shown"] == {"functions.estimated_accuracy": why}


def test_what_is_tied_goes_to_the_first_by_name_and_is_counted() -> None:
    (out,) = run([batch_of(["a b", "a", "", "b"])], FOUR)
    assert labels([out]) == ["x", "x", "other", "y"]
    figures: Any = vote.describe(iter([out]), FOUR)
    assert figures["tied_share"] == pytest.approx(1 / 3)
    assert out["label_confidence"][0].as_py() < 0.5


def test_every_number_is_declared() -> None:
    (out,) = run([batch_of(["a b", "a", "", "b"])], FOUR)
    figures: Any = vote.describe(iter([out]), FOUR)
    found = {name for name, one in figures.items() if not isinstance(one, bool | list | dict)}
    found |= {"labels"}
    for table in ("functions", "conflicts"):
        found |= {
            f"{table}.{name}" for name, one in figures[table][0].items() if not isinstance(one, str)
        }
    assert found == {one.name for one in vote.FIGURES}


def test_labels_that_differ_only_in_case_are_told_of() -> None:
    names = vote.gives_labels(OWN)
    labelled = batch_of(["who?", "a", "b"], label=[names[-1].upper(), names[-1], None])
    assert vote.survey(iter([labelled]), OWN) == [
        f"`{names[-1].upper()}` and `{names[-1]}` differ only in case: 1 and 1 samples; "
        "did you mean one class?"
    ]
