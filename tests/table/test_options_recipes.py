"""Options of the verbs about recipes: init, list, explain, check, plan, doctor."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from tests.table.commands import fresh, place, tilth_
from tests.table.entries import effect, extreme, name, refused
from tests.web.sites import Site, running

__all__ = ["fresh", "place"]

SHOUT = '''
"""Texts in capitals."""
import pyarrow as pa
from tilth.figures import Definition
from tilth.settings import BaseSettings

FIGURES = (Definition("loud_words", "loud words", "Words.", "the texts that were shouted"),)


class Settings(BaseSettings):
    """Keep what is not shouted."""


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    return batch
'''


@pytest.fixture
def shouting(fresh: Path) -> Path:
    """A recipe with an operation of its own, `shout`."""
    (fresh / "mine" / "clean").mkdir(parents=True)
    (fresh / "mine" / "clean" / "shout.py").write_text(SHOUT, "utf-8")
    text = (fresh / "small.yaml").read_text("utf-8")
    (fresh / "loud.yaml").write_text("extensions: [mine]\n" + text, "utf-8")
    return fresh / "loud.yaml"


@effect("tilth init starter", "tilth init file")
@name("tilth init starter")
def test_the_starter_is_copied_to_the_file_and_named_after_it(fresh: Path) -> None:
    assert tilth_("init", "digits").code == tilth_("init", "quickstart", "mine.yaml").code == 0
    assert "name: digits" in (fresh / "digits.yaml").read_text("utf-8")
    text = (fresh / "mine.yaml").read_text("utf-8")
    assert "name: mine" in text
    assert "demo-site" in text
    (fresh / "folder").mkdir()
    assert tilth_("init", "digits", "folder").code == 0
    assert (fresh / "folder" / "digits.yaml").is_file()
    wrong = tilth_("init", "digit")
    assert wrong.code == 3
    assert "did you mean `digits`?" in wrong.err


@effect("tilth init --from")
def test_a_recipe_is_drafted_for_what_is_there(fresh: Path) -> None:
    (fresh / "notes.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n', "utf-8")
    assert tilth_("init", "--from", "notes.jsonl", "notes.yaml").code == 0
    assert "jsonl:" in (fresh / "notes.yaml").read_text("utf-8")
    assert tilth_("init", "--from", "nothing", "other.yaml").code != 0
    assert not (fresh / "other.yaml").exists()


@effect("tilth init --force")
def test_a_file_is_overwritten_by_force_alone(fresh: Path) -> None:
    (fresh / "digits.yaml").write_text("precious", "utf-8")
    refusal = tilth_("init", "digits")
    assert (refusal.code, (fresh / "digits.yaml").read_text("utf-8")) == (2, "precious")
    assert tilth_("init", "digits", "--force").code == 0
    assert (fresh / "digits.yaml").read_text("utf-8") != "precious"


@effect("tilth list category")
@name("tilth list category")
def test_the_category_is_listed_and_no_other(place: Path) -> None:
    whole = tilth_("list", "--json").document
    assert list(whole) == ["operations", "starters", "signals", "rules", "figures", "runs"]
    for category, entries in whole.items():
        assert entries
        assert tilth_("list", category, "--json").document == {category: entries}
    # A variable of the shell is not meant for this list.
    assert tilth_("list", "signals", TILTH_RUNS="elsewhere").code == 0
    wrong = tilth_("list", "singals")
    assert wrong.code == 2
    assert "did you mean `signals`?" in wrong.err


@effect("tilth list --recipe")
def test_the_operations_of_a_recipes_extensions_are_listed(shouting: Path) -> None:
    assert "shout" not in tilth_("list", "operations").out
    for words in (["operations"], []):
        assert "shout" in tilth_("list", *words, "--recipe", shouting).out
    assert "loud_words" not in tilth_("list", "figures").out
    assert "loud_words" in tilth_("list", "figures", "--recipe", shouting).out
    told = tilth_("explain", "loud_words", "--recipe", shouting).out
    assert "of: the operation shout of clean" in told
    assert "rows: the texts that were shouted" in told


@effect("tilth list --runs")
def test_the_runs_of_that_folder_are_listed(place: Path, fresh: Path) -> None:
    runs = place / "runs"
    assert "small" not in tilth_("list", "runs").out
    assert "small" in tilth_("list", "runs", "--runs", runs).out
    assert "small" in tilth_("list", "runs", TILTH_RUNS=str(runs)).out
    assert "small" in tilth_("list", "--runs", runs).out
    for words in (["list", "runs"], ["list"], ["status"]):
        absent = tilth_(*words, "--runs", "absent")
        assert (absent.code, absent.out) == (3, "")
        assert "there is no such folder of runs\n  where  absent" in absent.err


@refused("tilth list --recipe", "tilth list --runs")
@pytest.mark.parametrize("option", ["recipe", "runs"])
@pytest.mark.parametrize("category", ["starters", "signals", "rules"])
def test_a_list_that_the_option_does_nothing_for(option: str, category: str, place: Path) -> None:
    wrong = tilth_("list", category, f"--{option}", "small-12.yaml")
    assert (wrong.code, wrong.out) == (2, "")
    assert f"`--{option}` does nothing for {category}" in wrong.err


@effect("tilth explain word")
@name("tilth explain word")
def test_the_word_is_explained_and_the_nearest_is_told() -> None:
    assert tilth_("explain", "minhash").out.startswith("minhash: operation")
    assert tilth_("explain", "word_count").out.startswith("word_count: signal")
    wrong = tilth_("explain", "minhsh")
    assert (wrong.code, wrong.out) == (2, "")
    assert "did you mean `minhash`?" in wrong.err


@effect("tilth explain --recipe")
@name("tilth explain --recipe", "tilth list --recipe")
def test_a_word_of_a_recipes_extensions_is_explained(shouting: Path) -> None:
    assert tilth_("explain", "shout").code == 2
    found = tilth_("explain", "shout", "--recipe", shouting)
    assert found.out.startswith("shout: operation\n\n  Keep what is not shouted.")
    for words in (["explain", "minhash"], ["list"]):
        idle = tilth_(*words, "--recipe", "small.yaml")
        assert (idle.code, idle.out) == (2, "")
        assert "the recipe names no extensions" in idle.err
        wrong = tilth_(*words, "--recipe", "quikstart")
        assert (wrong.code, wrong.out) == (3, "")
        assert "did you mean `quickstart`?" in wrong.err


@effect("tilth check recipe")
@name("tilth check recipe", "tilth plan recipe", "tilth run recipe", "tilth doctor recipe")
def test_the_recipe_that_is_named_is_checked(fresh: Path) -> None:
    assert tilth_("check", "small.yaml").out == "small: 6 steps, no mistake\n"
    assert tilth_("check", "quickstart").out.startswith("quickstart: ")
    text = (fresh / "small.yaml").read_text("utf-8").replace("- exact", "- exat")
    (fresh / "bad.yaml").write_text(text, "utf-8")
    wrong = tilth_("check", "bad.yaml")
    assert (wrong.code, wrong.out) == (2, "")
    assert "bad.yaml:14:5  deduplicate[1].exat" in wrong.err
    for verb in ("check", "plan", "run", "doctor"):
        absent = tilth_(verb, "quikstart")
        assert (absent.code, absent.out) == (3, "")
        assert "did you mean `quickstart`?" in absent.err


@effect("tilth plan recipe", "tilth plan --runs")
def test_the_recipe_is_planned_against_what_the_folder_of_runs_holds(place: Path) -> None:
    cached = tilth_("plan", "small-12.yaml").out
    assert cached.startswith("small: 6 steps, 6 cached, 0 to run\nin runs/small\n")
    assert tilth_("plan", "small-20.yaml").out.startswith("small: 6 steps, 6 cached")
    for found in (
        tilth_("plan", "small-12.yaml", "--runs", "empty"),
        tilth_("plan", "small-12.yaml", TILTH_RUNS="empty"),
    ):
        assert found.out.startswith("small: 6 steps, 0 cached, 6 to run\nin empty/small\n")
    assert "deduplicate.exact" in cached
    assert tilth_("plan", "tales.yaml").out.startswith("tales: 2 steps, 2 cached")


@effect("tilth plan --name")
@name("tilth plan --name", "tilth run --name")
@extreme("tilth plan --name", "tilth run --name")
def test_the_plan_is_of_the_run_of_that_name(place: Path) -> None:
    found = tilth_("plan", "small-12.yaml", "--name", "other")
    assert found.out.startswith("other: 6 steps, 0 cached, 6 to run\nin runs/other\n")
    for verb in ("plan", "run"):
        for bad in ("", "../up", "a b", ".hidden", "x" * 65):
            wrong = tilth_(verb, "small-12.yaml", "--name", bad)
            assert (wrong.code, wrong.out) == (2, "")
            assert f"`{bad}` cannot name a run" in wrong.err
    assert tilth_("plan", "small-12.yaml", "--name", "x" * 64).code == 0


@effect("tilth plan --limit")
@extreme("tilth plan --limit", "tilth run --limit")
def test_with_a_limit_all_is_planned_anew(place: Path) -> None:
    found = tilth_("plan", "small-12.yaml", "--limit", 5, "--json").document
    assert (found["limit"], [step["cached"] for step in found["steps"]]) == (5, [False] * 6)
    assert "--limit: none -> 5" in tilth_("plan", "small-12.yaml", "--limit", 5).out
    for verb in ("plan", "run"):
        for bad in (0, -1, 1.5, "nan"):
            assert tilth_(verb, "small-12.yaml", "--limit", bad).code == 2


@effect("tilth plan --explain")
@name("tilth plan --explain")
def test_all_that_a_step_stands_on_is_printed(place: Path) -> None:
    found = tilth_("plan", "small-12.yaml", "--explain", "normalize").out
    assert found.startswith("clean.normalize: ")
    assert "settings.form" in found
    assert "data of collect.docs" in found
    document = tilth_("plan", "small-12.yaml", "--explain", "normalize", "--json").document
    assert (document["step"], len(document["identity"])) == ("clean.normalize", 24)
    assert ["library pyarrow", version("pyarrow")] in document["parts"]
    wrong = tilth_("plan", "small-12.yaml", "--explain", "normalise")
    assert (wrong.code, wrong.out) == (2, "")
    assert "did you mean `clean.normalize`?" in wrong.err


@effect("tilth plan --preview")
@refused("tilth plan --preview")
def test_the_sites_of_a_crawl_are_asked_before_it_goes(fresh: Path) -> None:
    with running(Site()) as site:
        source = f"{{start: ['{site.root}/'], allow_hosts: [127.0.0.1], delay_s: 0}}"
        text = f"name: site\ncollect: {{site: {{crawl: {source}}}}}\n"
        (fresh / "site.yaml").write_text(text, "utf-8")
        assert tilth_("plan", "site.yaml").code == 0
        assert not site.asked
        assert f"  {site.root}\n" in tilth_("plan", "site.yaml", "--preview").out
        assert site.asked["/robots.txt"] == 1
    wrong = tilth_("plan", "small.yaml", "--preview")
    assert (wrong.code, wrong.out) == (2, "")
    assert "no crawl is to run" in wrong.err


@effect("tilth plan --only")
@name("tilth plan --only", "tilth run --only")
def test_only_the_step_and_what_it_stands_on_is_planned(place: Path) -> None:
    found = tilth_("plan", "small-12.yaml", "--only", "signals", "--json").document
    names = [step["name"] for step in found["steps"]]
    assert (found["only"], names) == (
        "clean.signals",
        ["collect.docs", "clean.normalize", "clean.signals"],
    )
    for verb in ("plan", "run"):
        wrong = tilth_(verb, "small-12.yaml", "--only", "ruls")
        assert (wrong.code, wrong.out) == (2, "")
        assert "did you mean `clean.rules`?" in wrong.err


@effect("tilth doctor recipe")
def test_what_the_recipe_needs_is_then_needed(place: Path) -> None:
    whole = tilth_("doctor", "--json").document["checks"]
    assert "starter" in {check["group"] for check in whole}
    one = tilth_("doctor", "lights.yaml", "--json").document["checks"]
    assert [check["name"] for check in one if check["base"]][-1] == "lights"
    assert "needs torch" in one[-1]["found"]


@effect("tilth doctor --runs")
def test_whether_runs_can_be_written_there_is_looked_at(place: Path) -> None:
    def said(*words: str, **environment: str) -> str:
        checks = tilth_("doctor", "small-12.yaml", "--json", *words, **environment).document
        return str(next(c["found"] for c in checks["checks"] if c["name"] == "runs folder"))

    assert said().startswith("runs can be written")
    assert said("--runs", "other").startswith("other can be written")
    assert said(TILTH_RUNS="third").startswith("third can be written")
    wrong = tilth_("doctor", "small-12.yaml", "--runs", "docs.jsonl")
    assert wrong.code == 3
    assert "choose another with --runs DIR" in wrong.out
