"""What `annotate` says of a recipe's steps has to fit them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.table.whole import read, said
from tilth.recipe.annotated import ledger_of, ordered_steps

TREE: dict[str, Any] = {
    "collect": {"a": {"jsonl": {"path": "a.jsonl", "fields": {"meta": []}}}},
    "clean": ["normalize", {"signals": {"names": ["word_count"]}}],
    "deduplicate": ["exact"],
    "label": ["consensus"],
}
JOIN = {"path": "gold.csv", "by": "text", "key": "item", "fields": {"label": "label"}}
ASKED: dict[str, Any] = {"question": "?", "classes": ["a", "b"]}


def tree(**asked: Any) -> dict[str, Any]:
    label = ["consensus"] if "ledger" not in asked else []
    takes = [{"annotations": "annotations/table"}]
    return {**TREE, "label": [*takes, *label], "annotate": {**ASKED, **asked}}


def steps(**asked: Any) -> list[str]:
    return [step.name for step in ordered_steps(read(tree(**asked)))]


def test_the_data_is_that_of_the_last_step_before_label_or_of_the_one_that_is_named() -> None:
    assert steps() == ["deduplicate.exact"]
    assert steps(step="signals") == steps(step="clean.signals") == ["clean.signals"]
    assert steps(step="collect.a") == ["collect.a"]
    bare = {key: TREE[key] for key in ("collect",)}
    bare["collect"] = {**TREE["collect"], "b": TREE["collect"]["a"]}
    found = ordered_steps(read({**bare, "annotate": ASKED}))
    assert [step.name for step in found] == ["collect.a", "collect.b"]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"step": "exat"}, "unknown-step .*annotate.step .*did you mean `deduplicate.exact`"),
        ({"step": "consensus"}, "unknown-step"),
        ({"gold": 5}, "no-gold .*annotate.gold .*has a `label`, so that none is gold"),
        ({"gold": 5, "gold_from": "meta.known"}, "no-gold .*`meta.known`"),
        ({"show": ["image"]}, "nothing-to-show .*`image`"),
        ({"show": ["text", "meta.x"]}, "nothing-to-show .*`meta.x`"),
        ({"choose": "stratified", "stratify_by": "meta.x"}, "no-strata"),
        ({"guidelines": "none.md"}, "no-guidelines .*none.md"),
        ({"ledger": "elsewhere"}, "other-ledger .*`annotations` takes those of annotations/table"),
    ],
)
def test_what_does_not_fit_is_said_where_it_stands(asked: dict[str, Any], why: str) -> None:
    import re

    assert re.search(why, said(tree(**asked)).replace("\n", " "))


def test_what_fits_is_no_mistake() -> None:
    assert said(tree()) == ""
    whole = tree(gold=5, choose="stratified", stratify_by="label", relabel=True, show=["text"])
    whole["collect"] = {"a": {"jsonl": {**TREE["collect"]["a"]["jsonl"], "join": JOIN}}}
    assert said(whole) == ""
    whole["annotate"]["relabel"] = False
    assert "`relabel: true` orders samples with a label too" in said(whole)


def test_the_ledger_is_named_after_the_recipe_unless_it_is_named() -> None:
    assert ledger_of(read(tree())) == Path("annotations/table")
    other = tree(ledger="mine")
    other["label"] = []
    assert ledger_of(read(other)) == Path("mine")
