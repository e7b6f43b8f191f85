"""Weights: product of source and label, 0 drops, and the figures of the mixture."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from tilth import schema
from tilth.errors import DataError, UsageError
from tilth.mix import weights
from tilth.mix.weights import Settings


def batch_of(rows: list[tuple[str, str | None, str | None]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "id": [schema.sample_id(str(number)) for number in range(len(rows))],
            "source": [source for source, _, _ in rows],
            "label": pa.array([label for _, label, _ in rows], pa.string()),
            "text": pa.array([text for _, _, text in rows], pa.large_string()),
        }
    )


ROWS: list[tuple[str, str | None, str | None]] = [
    ("web", "code", "x = 1"),
    ("web", None, "a text of six words here"),
    ("books", "prose", "another text"),
    ("other", "prose", None),
]


def run(**given: Any) -> pa.RecordBatch:
    return weights.apply(batch_of(ROWS), Settings.model_validate(given))


def test_the_weight_is_the_product() -> None:
    out = run(sources={"web": 0.5, "books": 3}, labels={"code": 0.5, "prose": 2}, otherwise=0.25)
    assert out.column("signal.weight").to_pylist() == [0.25, 0.5, 6.0, 0.5]
    assert schema.column(out, "drop.rule").to_pylist() == [None] * 4


def test_weight_zero_drops_and_says_why() -> None:
    out = run(sources={"web": 0})
    assert out.column("drop.rule").to_pylist() == ["weight > 0", "weight > 0", None, None]
    assert out.column("drop.value").to_pylist()[0] == "weight=0 (source=web, label=code)"


def test_settings_from_a_recipe_can_key_a_cache() -> None:
    settings = Settings.model_validate({"sources": {"b": 1, "a": 2.5}})
    assert settings.sources == (("a", 2.5), ("b", 1.0))
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
    assert hash(settings) == hash(Settings.model_validate({"sources": {"a": 2.5, "b": 1}}))


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf"), "much"])
def test_a_weight_is_a_number_that_is_not_negative(bad: Any) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"sources": {"a": bad}})


def test_a_second_step_multiplies() -> None:
    once = run(sources={"web": 0.25})
    twice = weights.apply(once, Settings.model_validate({"labels": {"code": 2}}))
    assert twice.column("signal.weight").to_pylist() == [0.5, 0.25, 1.0, 1.0]


def test_a_label_that_no_sample_has_is_refused_with_the_nearest() -> None:
    def survey(**given: Any) -> list[str]:
        return weights.survey(iter([batch_of(ROWS)]), Settings.model_validate(given))

    assert survey(labels={"code": 0, "prose": 2}) == survey() == []
    with pytest.raises(DataError, match="no sample has the label `Prose`") as caught:
        survey(labels={"code": 2, "Prose": 2})
    assert caught.value.hint == "did you mean `prose`?"


def test_of_labels_that_were_voted_on_it_is_told() -> None:
    """A function that votes for one may never have found its trait."""
    voted = schema.with_columns(batch_of(ROWS), {"label_origin": ["vote", None, "vote", "vote"]})
    given = Settings.model_validate({"labels": {"code": 2, "reference": 2}})
    (told,) = weights.survey(iter([voted]), given)
    assert told.startswith("no sample has the label `reference`, which `weights` names; ")


def fields_of(**columns: Any) -> pa.RecordBatch:
    length = len(next(iter(columns.values())))
    batch = batch_of([("web", None, "x")] * length)
    return schema.with_columns(batch, {f"meta.{k}": pa.array(v) for k, v in columns.items()})


def test_a_field_weighs_by_its_number_or_its_value() -> None:
    batch = fields_of(score=[0.5, 2.0, None, 0.0], year=[1, 2, None, 2])
    settings = Settings.model_validate(
        {"by": "meta.score", "values": {"meta.year": {"1": 3.0, "2": 0.5}}, "sources": {"web": 2}}
    )
    out = weights.apply(batch, settings)
    assert out[schema.WEIGHT].to_pylist() == [3.0, 2.0, 2.0, 0.0]
    assert out[schema.DROP_VALUE].to_pylist()[3] == (
        "weight=0 (source=web, label=None, meta.year=0.5, meta.score=0)"
    )
    assert weights.reads(settings) == ("meta.year", "meta.score")


def test_a_field_that_is_no_weight() -> None:
    with pytest.raises(UsageError, match=r"no record has the field `meta.scor`"):
        weights.apply(fields_of(score=[1]), Settings(by="meta.scor"))
    with pytest.raises(UsageError, match="holds string"):
        weights.apply(fields_of(score=["a"]), Settings(by="meta.score"))
    for wrong in (-1.0, 1001.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="a weight is between"):
            weights.apply(fields_of(score=[wrong]), Settings(by="meta.score"))
    assert weights.apply(fields_of(score=pa.nulls(2)), Settings(by="meta.score"))[
        schema.WEIGHT
    ].to_pylist() == [1.0, 1.0]
    for given in (
        {"by": "score"},
        {"values": {"year": {"1": 1}}},
        {"values": {"meta.y": {"1": -1}}},
    ):
        with pytest.raises(ValidationError):
            Settings.model_validate(given)
