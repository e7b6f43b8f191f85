"""The settings of `mix`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.table.entries import effect, extreme, name, refused, unordered
from tests.table.samples import applied, batch, kept, told
from tests.table.whole import changed, rows, run, said
from tilth.errors import DataError, UsageError
from tilth.recipe.operations import operations
from tilth.settings import acting

SAMPLES = batch([{"source": s, "label": one} for s, one in zip("aabb", "xyxy", strict=True)])


def weights(**given: Any) -> list[float]:
    return [row["signal.weight"] for row in applied("weights", SAMPLES, **given)]


@pytest.fixture
def tree(tmp_path: Path) -> dict[str, Any]:
    for source in "ab":
        lines = [json.dumps({"text": f"{source}{n}", "label": "xy"[n % 2]}) for n in range(4)]
        (tmp_path / f"{source}.jsonl").write_text("\n".join(lines), "utf-8")
    sources = {
        s: {"jsonl": {"path": str(tmp_path / f"{s}.jsonl"), "fields": {"label": "label"}}}
        for s in "ab"
    }
    return {"collect": sources, "mix": [{"weights": {"sources": {"a": 0.5}}}]}


@effect("mix.weights.sources")
@name("mix.weights.sources")
def test_sources(tree: dict[str, Any]) -> None:
    assert weights() == [1, 1, 1, 1]
    assert weights(sources={"a": 0.5}) == [0.5, 0.5, 1, 1]
    unknown = said(changed(tree, "mix/0/weights/sources", {"aa": 2}))
    assert "names the source `aa`, which `collect` has not" in unknown
    assert "did you mean" in unknown or "choose from `a`, `b`" in unknown


@effect("mix.weights.labels")
@name("mix.weights.labels")
@refused("mix.weights.labels")
def test_labels(tree: dict[str, Any], tmp_path: Path) -> None:
    assert weights(labels={"x": 2}) == [2, 1, 2, 1]
    assert weights(labels={"x": 2}, sources={"a": 0.25}) == [0.5, 0.25, 2, 1]
    with pytest.raises(DataError, match="no sample has the label `X`") as caught:
        run(changed(tree, "mix/0/weights/labels", {"X": 2}), tmp_path)
    assert caught.value.hint == "did you mean `x`?"
    bare = changed(changed(tree, "collect/a/jsonl/fields", {}), "collect/b/jsonl/fields", {})
    assert "reads `label`, and nothing" in said(changed(bare, "mix/0/weights/labels", {"x": 2}))


@effect("mix.weights.otherwise")
@extreme("mix.weights.otherwise")
def test_otherwise() -> None:
    assert weights(otherwise=0.5) == [0.5] * 4
    assert weights(sources={"a": 2}, otherwise=0.5) == [2, 2, 0.5, 0.5]
    assert kept("weights", SAMPLES, sources={"a": 2}, otherwise=0) == [0, 1]
    assert weights(otherwise=1000) == [1000] * 4
    for wrong in (-1, 1000.1, float("nan")):
        assert "otherwise" in told("weights", otherwise=wrong)


@extreme("mix.weights.sources", "mix.weights.labels")
def test_weights_at_their_ends(path: str) -> None:
    field, one = {"sources": ("sources", "a"), "labels": ("labels", "x")}[path.split(".")[-1]]
    others = {"sources": [2, 3], "labels": [1, 3]}[field]
    assert kept("weights", SAMPLES, **{field: {one: 0}}) == others
    assert max(weights(**{field: {one: 1000}})) == 1000
    for wrong in (-1, 1000.1):
        assert f"the weight of `{one}` is not between" in told("weights", **{field: {one: wrong}})
    for wrong in (float("nan"), float("inf")):
        assert "finite number" in told("weights", **{field: {one: wrong}})


def test_two_steps_multiply(tree: dict[str, Any], tmp_path: Path) -> None:
    second = {"weights": {"labels": {"x": 2}, "sources": {"a": 0.5}}}
    found = run({**tree, "mix": [*tree["mix"], second]}, tmp_path)
    kept_rows = rows(found, "mix.weights-2", "source", "label", "signal.weight")
    assert {(row["source"], row["label"]): row["signal.weight"] for row in kept_rows} == {
        ("a", "x"): 0.5,
        ("a", "y"): 0.25,
        ("b", "x"): 2.0,
        ("b", "y"): 1.0,
    }


FIELDS = batch(
    [{"meta.score": score, "meta.lang": lang} for score, lang in ((2.0, "en"), (0.5, "de"))]
)


@effect("mix.weights.by")
@name("mix.weights.by")
def test_by_the_number_of_a_field() -> None:
    found = [row["signal.weight"] for row in applied("weights", FIELDS, by="meta.score")]
    assert found == [2.0, 0.5]
    with pytest.raises(UsageError, match=r"`meta.scor`") as caught:
        applied("weights", FIELDS, by="meta.scor")
    assert caught.value.hint == "did you mean `meta.score`?"
    assert "pattern" in told("weights", by="score")


@effect("mix.weights.values")
@name("mix.weights.values")
@extreme("mix.weights.values")
@unordered("mix.weights.values")
def test_by_the_value_of_a_field() -> None:
    def found(**values: dict[str, float]) -> list[float]:
        given = {f"meta.{name}": weights for name, weights in values.items()}
        return [row["signal.weight"] for row in applied("weights", FIELDS, values=given)]

    assert found(lang={"en": 3.0}) == [3.0, 1.0]
    assert found(lang={"de": 2.0, "en": 3.0}) == found(lang={"en": 3.0, "de": 2.0}) == [3.0, 2.0]
    assert found(lang={"en": 0}, score={"0.5": 1000}) == [0.0, 1000.0]
    for wrong in (-1, 1000.1):
        assert "is not between" in told("weights", values={"meta.lang": {"en": wrong}})
    with pytest.raises(UsageError, match=r"`meta.lagn`") as caught:
        found(lagn={"en": 1})
    assert caught.value.hint == "did you mean `meta.lang`?"
    one, other = (
        operations()["weights"].settings.model_validate({"values": values})
        for values in (
            {"meta.a": {"x": 1, "y": 2}, "meta.b": {}},
            {"meta.b": {}, "meta.a": {"y": 2, "x": 1}},
        )
    )
    assert acting(one) == acting(other)
