from __future__ import annotations

import json
from pathlib import Path

import pytest

import tilth
from tests.query.conftest import recipe_file
from tilth.engine.events import Event, Warned
from tilth.errors import UsageError
from tilth.query.plans import plan_recipe, renamed
from tilth.recipe.load import load_recipe, parse_recipe, starters


def test_a_changed_threshold_measures_nothing_anew(workplace: Path) -> None:
    text = (
        recipe_file(workplace, 12)
        .read_text("utf-8")
        .replace("word_count >= 12", "word_count >= 15")
    )
    path = workplace / "changed.yaml"
    path.write_text(text, "utf-8")
    view = plan_recipe(load_recipe(path), runs=workplace / "runs")
    assert [step.name for step in view.steps if step.cached] == [
        "collect.docs",
        "clean.normalize",
        "clean.signals",
    ]
    assert view.to_run[0].name == "clean.rules"
    assert "where" in view.to_run[0].why
    assert "3 cached, 1 to 4 to run" in str(view)


def test_only_ends_with_the_step(workplace: Path) -> None:
    recipe = load_recipe(recipe_file(workplace, 12))
    view = plan_recipe(recipe, runs=workplace / "runs", only="signals")
    assert view.only == "clean.signals"
    assert [step.name for step in view.steps] == [
        "collect.docs",
        "clean.normalize",
        "clean.signals",
    ]
    with pytest.raises(UsageError, match="no step"):
        plan_recipe(recipe, runs=workplace / "runs", only="nothing")


def test_another_name_changes_no_identity(workplace: Path) -> None:
    recipe = load_recipe(recipe_file(workplace, 12))
    other = renamed(recipe, "other")
    assert other.name == "other"
    assert [s.key for s in plan_recipe(other).plan.steps] == [
        s.key for s in plan_recipe(recipe).plan.steps
    ]
    assert renamed(recipe, None) is recipe
    with pytest.raises(UsageError, match="cannot name"):
        renamed(recipe, "../up")


@pytest.mark.usefixtures("inline")
def test_two_recipe_files_of_one_name_do_not_share_a_run_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text('{"text": "one two three"}\n{"text": "four five"}\n')
    text = "tilth: 1\nname: same\ncollect: {a: {jsonl: {path: a.jsonl}}}\n"
    Path("first.yaml").write_text(text)
    Path("moved.yaml").write_text(text)
    Path("second.yaml").write_text(text + "clean: [normalize]\n")

    def run(recipe: str, name: str | None = None) -> list[str]:
        warned: list[str] = []

        def listen(event: Event) -> None:
            if isinstance(event, Warned):
                warned.append(event.message)

        planned = tilth.plan(recipe, name=name).warning
        tilth.run(recipe, name=name, progress=listen, workers=1)
        assert warned == ([planned] if planned else [])
        return warned

    assert run("first.yaml") == []
    # The same recipe elsewhere is no other, nor is the same file with other settings.
    assert run("moved.yaml") == []
    Path("moved.yaml").write_text(text + "clean: [signals]\n")
    assert run("moved.yaml") == []
    (said,) = run("second.yaml")
    assert "runs/same was last made from moved.yaml" in said
    assert "same@3" in said
    assert "--name NAME" in said
    (said,) = run("first.yaml")
    assert "second.yaml" in said
    assert run("second.yaml", name="second") == []
    # What gave way is found where it was said.
    before = tilth.open_run("same@3").view.record
    assert [step.name for step in before.steps] == ["collect.a", "clean.signals"]


def test_a_copy_of_a_starter_is_told_from_the_starter(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "digits"
    starter = tilth.load_recipe("digits")
    (tmp_path / "digits.yaml").write_text(starters()["digits"] + "error_budget: 0.5\n")
    copy = tilth.load_recipe(tmp_path / "digits.yaml")
    folder.mkdir(parents=True)
    record = {"recipe_file": "digits (starter)", "recipe_yaml": starter.to_yaml(), "steps": []}
    (folder / "run.json").write_text(json.dumps(record))
    assert tilth.plan(starter, runs=tmp_path / "runs").warning == ""
    assert "digits (starter)" in tilth.plan(copy, runs=tmp_path / "runs").warning


def test_what_a_source_warns_of_is_said_while_it_is_to_run(tmp_path: Path) -> None:
    site = "name: site\ncollect: {site: {crawl: {start: ['https://docs.example.org/']}}}\n"
    view = plan_recipe(parse_recipe(site), runs=tmp_path)
    (said,) = view.warnings
    assert said.startswith("collect.site: `user_agent` names nobody to write to")
    assert f"warning: {said}" in str(view)
    assert plan_recipe(tilth.load_recipe("quickstart"), runs=tmp_path).warnings == []


@pytest.mark.usefixtures("inline")
def test_a_run_says_what_a_source_warns_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one two three"}\n')
    given = {"name": "a", "collect": {"a": {"jsonl": {"path": str(tmp_path / "a.jsonl")}}}}
    recipe = parse_recipe(json.dumps(given))
    module = recipe.sources[0].operation.module
    monkeypatch.setattr(module, "warns", lambda _: "look out", raising=False)
    warned: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Warned):
            warned.append(f"{event.step}: {event.message}")

    tilth.run(recipe, runs=tmp_path / "runs", progress=listen, workers=1)
    assert warned == ["collect.a: look out"]
    # Nothing is asked for by what is cached.
    assert tilth.plan(recipe, runs=tmp_path / "runs").warnings == []
    tilth.run(recipe, runs=tmp_path / "runs", progress=listen, workers=1)
    assert len(warned) == 1
