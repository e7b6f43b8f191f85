"""A setting that does nothing, and a default that nobody asked for, are said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.engine.inline import inline
from tilth.engine.events import Event, Warned
from tilth.engine.run import RunOptions, run_plan
from tilth.errors import DataError, MissingError
from tilth.query.plans import plan_recipe
from tilth.recipe import needs
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")


def said(recipe: dict[str, Any], folder: Path, step: str, limit: int | None = None) -> list[str]:
    """What a run warns of in a step."""
    events: list[Event] = []
    text = json.dumps({"name": "said", **recipe})
    plan = build_plan(parse_recipe(text), limit=limit)
    run_plan(plan, folder / "run", RunOptions(listeners=[events.append]))
    return [one.message for one in events if isinstance(one, Warned) and one.step == step]


def source(folder: Path, name: str, records: list[dict[str, Any]], **settings: Any) -> Any:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
    return {"jsonl": {"path": str(path), **settings}}


def texts(num: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"text": f"this is text {n}", **fields} for n in range(num)]


def test_the_default_share_of_validation_is_said_in_plan_and_run(tmp_path: Path) -> None:
    collect = {"a": source(tmp_path, "a", texts(200))}
    recipe = {"collect": collect, "deduplicate": [{"hold_out": {"test": 0.2}}]}
    told = "validation: 0.05 of the groups (default; `validation: 0` holds none out for it)"
    view = plan_recipe(parse_recipe(json.dumps({"name": "said", **recipe})), runs=tmp_path)
    assert next(one.taken for one in view.steps if one.name == "deduplicate.hold_out") == (told,)
    assert told in str(view)
    assert said(recipe, tmp_path, "deduplicate.hold_out") == [told]
    asked = {**recipe, "deduplicate": [{"hold_out": {"test": 0.2, "validation": 0.05}}]}
    assert said(asked, tmp_path, "deduplicate.hold_out") == []


def test_what_the_bands_of_minhash_find_is_said_in_plan_and_run(tmp_path: Path) -> None:
    collect = {"a": source(tmp_path, "a", texts(9))}
    for given, recall in (({"threshold": 0.5}, "0.9952"), ({"num_bands": 20}, "0.92")):
        recipe = {"collect": collect, "deduplicate": [{"minhash": given}]}
        (told,) = said(recipe, tmp_path, "deduplicate.minhash")
        assert f" alike, {recall} are found (" in told
        view = plan_recipe(parse_recipe(json.dumps({"name": "said", **recipe})), runs=tmp_path)
        assert next(one.taken for one in view.steps if one.name == "deduplicate.minhash") == (told,)


def test_how_words_without_blanks_are_found_is_said(tmp_path: Path) -> None:
    records = [{"text": "村子北边有一条小河。"}, {"text": "ภาษาไทย"}, {"text": "plain English"}]
    recipe = {"collect": {"a": source(tmp_path, "a", records)}, "clean": ["signals"]}
    (told,) = said(recipe, tmp_path, "clean.signals")
    assert told.startswith("2 texts are in scripts that put no blanks between words: ")
    recipe["collect"] = {"a": source(tmp_path, "b", records[2:])}
    assert said(recipe, tmp_path, "clean.signals") == []


def test_a_source_from_which_nothing_is_held_out_is_said(tmp_path: Path) -> None:
    collect = {
        "a": source(tmp_path, "a", texts(100)),
        "b": source(tmp_path, "b", [{"text": f"other {n}"} for n in range(9)], split="train"),
    }
    held = {"sources": ["a", "b"], "test": 0.3, "validation": 0}
    recipe = {"collect": collect, "deduplicate": [{"hold_out": held}]}
    (told,) = said(recipe, tmp_path, "deduplicate.hold_out")
    assert told.startswith("`sources` names `b`, of which no sample is left without a split")


def test_shares_of_nothing_are_said(tmp_path: Path) -> None:
    recipe = {
        "collect": {"a": source(tmp_path, "a", texts(9))},
        "deduplicate": [{"hold_out": {"validation": 0}}],
    }
    (told,) = said(recipe, tmp_path, "deduplicate.hold_out")
    assert told == "`test` and `validation` are 0: nothing is held out"


def weighed(tmp_path: Path, **weights: Any) -> dict[str, Any]:
    return {
        "collect": {
            "a": source(tmp_path, "a", texts(20, lang="en", stars=3)),
            "b": source(tmp_path, "b", [{"text": f"second {n}", "lang": "de"} for n in range(9)]),
        },
        "clean": [{"rules": {"where": ["meta.lang == 'en'"]}}],
        "mix": [{"weights": weights}],
    }


def test_a_value_that_no_sample_has_is_an_error_and_of_a_part_of_the_data_said(
    tmp_path: Path,
) -> None:
    recipe = weighed(tmp_path, values={"meta.lang": {"en": 1, "dee": 2}})
    with pytest.raises(DataError, match=r"no sample has the value `dee` in `meta\.lang`"):
        said(recipe, tmp_path, "mix.weights")
    (told,) = said(recipe, tmp_path, "mix.weights", limit=5)
    assert "no sample has the value `dee` in `meta.lang`, which `weights` names" in told
    fits = weighed(tmp_path, values={"meta.lang": {"en": 1}, "meta.stars": {"3": 2}})
    assert said(fits, tmp_path, "mix.weights") == []


def test_a_source_without_a_sample_and_a_weight_of_no_source_are_said(tmp_path: Path) -> None:
    recipe = weighed(tmp_path, sources={"a": 1, "b": 2}, otherwise=0.5)
    assert said(recipe, tmp_path, "mix.weights") == [
        "no sample of the source `b` is left, which `weights` names",
        "`otherwise: 0.5` weighs nothing: every source is named",
    ]


def test_a_field_of_a_page_that_finds_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    page = '<!doctype html><div class="item"><h2>Of {0}</h2>text {0}</div>'
    for n in range(3):
        (tmp_path / "pages" / f"{n}.html").write_text(page.format(n))
    fields = {"title": "h2", "price": "span.price::text", "label": "b"}
    recipe = {
        "collect": {"a": {"files": {"path": str(tmp_path / "pages")}}},
        "clean": [{"select": {"css": "div.item", "fields": fields}}],
    }
    assert said(recipe, tmp_path, "clean.select") == [
        "`price: span.price::text` finds nothing in any element",
        "`label: b` finds nothing in any element",
    ]


def test_fields_of_several_types_in_two_sources_are_said_with_both(tmp_path: Path) -> None:
    collect = {
        "a": source(tmp_path, "a", texts(5, year=2015, part=1, day=1)),
        "b": source(tmp_path, "b", texts(9, year="late", part=0.5, day=True)[5:]),
    }
    recipe = {"collect": collect, "clean": ["normalize"], "deduplicate": ["exact"]}
    assert said(recipe, tmp_path, "clean.normalize") == [
        "`meta.year` is whole numbers in `collect.a`, text in `collect.b`: it is text from here on",
        "`meta.day` is whole numbers in `collect.a`, true and false in `collect.b`: "
        "it is text from here on",
    ]
    assert said(recipe, tmp_path / "again", "deduplicate.exact") == []


def test_a_field_called_like_a_column_is_said(tmp_path: Path) -> None:
    records = texts(6, label="x", split="train", other=1)
    told = said({"collect": {"a": source(tmp_path, "a", records)}}, tmp_path, "collect.a")
    assert told == [
        "the field `label` travels as `meta.label`; `fields: {label: label}` makes it the label",
        "the field `split` travels as `meta.split`; `fields: {split: split}` makes it the split",
    ]
    named = source(tmp_path, "a", records, fields={"label": "label", "meta.split": "split"})
    assert said({"collect": {"a": named}}, tmp_path, "collect.a") == []
    left = source(tmp_path, "a", records, fields={"meta": "none"})
    assert said({"collect": {"a": left}}, tmp_path, "collect.a") == []


def test_a_type_that_needs_an_extra_stops_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(needs, "_is_there", lambda module: module != "pypdfium2")
    (tmp_path / "a.txt").write_text("a text")
    files = {"path": str(tmp_path), "types": ["pdf", "text"]}
    recipe = {"collect": {"a": {"files": files}}}
    with pytest.raises(MissingError, match="needs `pypdfium2`, not installed here") as error:
        said(recipe, tmp_path, "collect.a")
    assert "pip install 'tilth[pdf]'" in str(error.value)
    files["types"] = ["documents", "text"]
    assert said(recipe, tmp_path, "collect.a") == []
