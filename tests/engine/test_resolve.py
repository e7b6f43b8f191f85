"""A step is known by what comes in: what came out the same leaves all after it as it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.engine.inline import inline, place, plan_of, run_inline, step_of
from tests.sealed import change_sealed, write_sealed
from tilth.engine.record import RECORD, last_record
from tilth.engine.resolve import Resolver
from tilth.engine.run import RunOptions, run_plan, step_states
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan
from tilth.store import Dataset
from tilth.store.files import read_json, remove

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")

STEPS = "clean: [normalize, signals, {rules: {where: ['word_count >= 2']}}]\ndeduplicate: [exact]\n"


def _rows(folder: Path, count: int = 12) -> Path:
    path = folder / "rows.jsonl"
    texts = [" ".join(["word"] * (number % 4)) + f" {number % 7}" for number in range(count)]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    return path


def _recipe(folder: Path, steps: str = STEPS) -> str:
    path = folder / "rows.jsonl"
    return (
        f"tilth: 1\nname: it\nerror_budget: 1\ncollect: {{a: {{jsonl: {{path: {path}}}}}}}\n{steps}"
    )


def _ran(text: str, folder: Path, limit: int | None = None) -> list[str]:
    """Run, and say what was not found done."""
    run_plan(build_plan(parse_recipe(text), limit=limit), folder, RunOptions(shard_rows=5))
    record = last_record(folder)
    assert record is not None
    return [step.name for step in record.steps if not step.cached]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that is done, and that from nothing gives."""
    _rows(tmp_path)
    assert len(_ran(_recipe(tmp_path), tmp_path / "run")) == 5
    assert _ran(_recipe(tmp_path), tmp_path / "run") == []
    return tmp_path / "run"


def _same_as_new(text: str, folder: Path) -> None:
    """Every step is what a run from nothing gives."""
    run_inline(text, folder.parent / "new", shard_rows=5)
    plan = plan_of(text)
    for step in plan.steps:
        ours, theirs = (Dataset(place(f, plan, step.name)) for f in (folder, folder.parent / "new"))
        assert ours.manifest.counts == theirs.manifest.counts
        assert [path.read_bytes() for path in ours.shards()] == [
            path.read_bytes() for path in theirs.shards()
        ]


def test_a_file_that_was_touched_is_what_it_was(run: Path) -> None:
    os.utime(run.parent / "rows.jsonl")
    assert _ran(_recipe(run.parent), run) == []


def test_an_input_that_comes_out_the_same_ends_the_change_there(run: Path) -> None:
    steps = STEPS.replace("normalize", "{normalize: {form: NFKC}}")
    states = {s.step.name: s for s in step_states(plan_of(_recipe(run.parent, steps)), run)}
    assert states["clean.normalize"].why == 'form: "NFC" -> "NFKC"'
    assert states["clean.signals"].perhaps
    assert states["clean.signals"].why == "if `clean.normalize` comes out otherwise"
    assert states["deduplicate.exact"].why == "if `clean.rules` comes out otherwise"
    assert _ran(_recipe(run.parent, steps), run) == ["clean.normalize"]
    _same_as_new(_recipe(run.parent, steps), run)


def test_an_input_that_comes_out_otherwise_changes_what_stands_on_it(run: Path) -> None:
    rows = run.parent / "rows.jsonl"
    rows.write_text(rows.read_text() + '{"text": "one more that is new"}\n')
    assert len(_ran(_recipe(run.parent), run)) == 5
    _same_as_new(_recipe(run.parent), run)
    # And back: all that it made then is there.
    _rows(run.parent)
    assert _ran(_recipe(run.parent), run) == []


def test_a_change_that_only_drops_other_rows_is_known_by_what_it_keeps(run: Path) -> None:
    """A row that `rules` drops may be what it will, and all after it is as it was."""
    rows = run.parent / "rows.jsonl"
    rows.write_text(rows.read_text().replace('" 0"', '" 99"'))
    ran = _ran(_recipe(run.parent), run)
    assert ran == ["collect.a", "clean.normalize", "clean.signals", "clean.rules"]
    _same_as_new(_recipe(run.parent), run)


def test_of_a_data_set_that_was_removed_another_source_is_noticed(run: Path) -> None:
    """The address is the same, and what it gives now is not: neighbours' books agree."""
    remove(place(run, plan_of(_recipe(run.parent)), "collect.a"))
    _rows(run.parent, 7)
    assert len(_ran(_recipe(run.parent), run)) == 5
    _same_as_new(_recipe(run.parent), run)


def test_a_place_in_the_list_is_no_part_of_a_step(tmp_path: Path) -> None:
    _rows(tmp_path)
    # To these texts neither form does anything.
    both = _recipe(tmp_path, "clean: [normalize, {normalize: {form: NFKC}}, signals]\n")
    assert len(_ran(both, tmp_path / "run")) == 4
    assert _ran(both.replace("[normalize, ", "["), tmp_path / "run") == []
    record = last_record(tmp_path / "run")
    assert record is not None
    assert [step.name for step in record.steps][1] == "clean.normalize"


@pytest.mark.parametrize("limit", [12, 13, 1000])
def test_a_limit_above_what_there_is_is_none(limit: int, run: Path) -> None:
    assert _ran(_recipe(run.parent), run, limit) == []


@pytest.mark.parametrize("limit", [4, 11])
def test_a_limit_below_what_there_is_is_one(limit: int, run: Path) -> None:
    assert _ran(_recipe(run.parent), run, limit)[0] == "collect.a"


def test_what_was_read_up_to_a_limit_is_whole_where_there_was_no_more(tmp_path: Path) -> None:
    _rows(tmp_path)
    assert len(_ran(_recipe(tmp_path), tmp_path / "run", 13)) == 5
    assert _ran(_recipe(tmp_path), tmp_path / "run") == []
    # Of as many as the limit nobody knows whether there were more.
    assert len(_ran(_recipe(tmp_path), tmp_path / "other", 12)) == 5
    assert _ran(_recipe(tmp_path), tmp_path / "other") == ["collect.a"]


def test_a_limit_is_one_to_a_source_of_ones_own(tmp_path: Path) -> None:
    """It may count what it does not give."""
    (tmp_path / "own" / "collect").mkdir(parents=True)
    (tmp_path / "own" / "collect" / "lines.py").write_text(
        "import pyarrow as pa\nfrom tilth.schema import sample_id\n"
        "from tilth.settings import BaseSettings\n"
        "class Settings(BaseSettings):\n    'Lines.'\n"
        "def fingerprint(settings):\n    return ''\n"
        "def read(settings, source, context):\n"
        "    count = 5 if context.limit is None else min(5, context.limit // 2)\n"
        "    ids = [sample_id(source, str(number)) for number in range(count)]\n"
        "    yield pa.RecordBatch.from_pydict({'id': ids,\n"
        "        'source': [source] * count, 'uri': ['x'] * count,\n"
        "        'text': pa.array(['words'] * count, pa.large_string())})\n"
    )
    text = f"tilth: 1\nname: p\nextensions: [{tmp_path}/own]\ncollect: {{a: {{lines: {{}}}}}}\n"
    assert _ran(text, tmp_path / "run") == ["collect.a"]
    assert _ran(text, tmp_path / "run", 6) == ["collect.a"]
    assert _ran(text, tmp_path / "run") == []


@pytest.mark.parametrize("how", ["gone", "cut"])
def test_a_step_whose_files_are_not_there_is_not_done(how: str, run: Path) -> None:
    plan = plan_of(_recipe(run.parent))
    (first, *_) = sorted((place(run, plan, "clean.signals") / "kept").glob("*.parquet"))
    if how == "gone":
        first.unlink()
    else:
        first.write_bytes(first.read_bytes()[:-9])
    states = {state.step.name: state for state in step_states(plan, run)}
    assert not states["clean.signals"].cached
    what = "is gone" if how == "gone" else "is not what was committed"
    assert states["clean.signals"].why == f"{first} {what}"
    # Made again to the same bytes.
    assert _ran(_recipe(run.parent), run) == ["clean.signals"]


def test_what_an_earlier_version_made_is_made_again_once(run: Path) -> None:
    text = _recipe(run.parent)
    record = read_json(run / RECORD)
    for step in record["steps"]:
        del step["parts"]["formula"]
        path = run / "data" / step["folder"] / "manifest.json"
        manifest = read_json(path)
        del manifest["parts"]["formula"], manifest["digest"], manifest["own"]
        write_sealed(path, manifest)
    write_sealed(run / RECORD, record)
    first, *_ = step_states(plan_of(text), run)
    assert not first.cached
    assert "again once" in first.why
    assert len(_ran(text, run)) == 5
    assert _ran(text, run) == []


def test_files_that_code_of_the_users_own_opened_are_looked_at_again(run: Path) -> None:
    text, words = _recipe(run.parent), run.parent / "words.txt"
    words.write_text("a")
    path = place(run, plan_of(text), "clean.signals") / "manifest.json"
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    change_sealed(path, lambda found: found.update(reads={str(words): digest}))
    assert _ran(text, run) == []
    words.write_text("b")
    assert _ran(text, run) == ["clean.signals"]
    # That run opened nothing; what the step was made with stays beside it.
    words.write_text("a")
    assert _ran(text, run) == []


def test_a_step_is_resolved_when_what_it_stands_on_is(run: Path) -> None:
    plan = plan_of(_recipe(run.parent))
    resolver = Resolver(plan, run.parent / "nowhere")
    (source, *others) = resolver.states()
    assert not source.step.identity
    assert not any(state.step.identity for state in others)
    assert {state.why for state in (source, *others)} == {"never run"}
    assert resolver.state("collect.a").step.identity
    assert step_of(run, plan, "clean.signals").parts["inputs"] == {
        "0": Dataset(place(run, plan, "clean.normalize")).manifest.digest
    }


def test_what_a_source_fetched_is_only_read_again_by_another_reader(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = _recipe(run.parent)
    work = place(run, plan_of(text), "collect.a") / "work"
    work.mkdir(exist_ok=True)
    (work / "archive").write_text("fetched")
    monkeypatch.setattr("tilth.recipe.plan.libraries_of", lambda _: {"reader": "2"})
    (source, *_) = step_states(plan_of(text), run)
    assert '+ reader ("2")' in source.why
    assert _ran(text, run)[0] == "collect.a"
    assert (place(run, plan_of(text), "collect.a") / "work" / "archive").read_text() == "fetched"
    assert not work.exists()
    monkeypatch.undo()
    monkeypatch.setattr(os, "fsync", lambda _: None)
    other = text.replace("{path:", "{fields: {text: body}, path:")
    assert not (place(run, plan_of(other), "collect.a") / "work").exists()
