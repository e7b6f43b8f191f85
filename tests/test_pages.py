"""What pages say of files and blocks, where no room's own tests show it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

import tilth
from tests.engine.inline import use_inline
from tests.engine.modalities import write_recipe
from tests.table.whole import run
from tilth.errors import DataError, MissingError, UsageError
from tilth.models.registry import kinds_of
from tilth.recipe.load import load_recipe, parse_recipe
from tilth.report import transferring
from tilth.tasks.registry import declaration, task_names
from tilth.training import batches

ROOT = Path(__file__).parents[1]
# What the page of operations leaves out of a module.
_AROUND = '''"""Drop short texts."""

import numpy as np
import pyarrow as pa

from tilth.schema import column, mark_dropped
from tilth.settings import BaseSettings


class Settings(BaseSettings):
    """Drop short texts."""

    min_words: int = 3


def count_words(texts):
    return np.array([len(text.split()) for text in texts.to_pylist()])


'''
_DESCRIBE = """
def describe(batches, settings):
    total = sum(count_words(column(batch, "text")).sum() for batch in batches)
    return {"words that stay": int(total)}
"""
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tilth.Run:
    """A small run of every stage, twice, so that it has a history; with a bad line and a stop."""
    folder = tmp_path_factory.mktemp("whole")
    path = write_recipe("text", folder)
    with (folder / "docs.jsonl").open("a", encoding="utf-8") as file:
        file.write("{broken\n")
    tree = yaml.safe_load(path.read_text("utf-8"))
    tree["clean"].append({"rules": {"where": ["word_count >= 31"]}})
    tree["value"]["arms"] = {"fewer": {"without": "clean.rules"}}
    with pytest.MonkeyPatch.context() as patch:
        use_inline(patch)
        for words in (31, 30):
            tree["clean"][-1] = {"rules": {"where": [f"word_count >= {words}"]}}
            path.write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
            done = tilth.run(
                load_recipe(path),
                runs=folder / "runs",
                progress=False,
                only=None if words == 30 else "rules",
            )
    return done


def test_what_the_page_of_the_books_says_lies_on_disk(whole: tilth.Run) -> None:
    """A folder a kind, Parquet that any reader takes, with the columns that it names."""
    page = (DOCS / "concepts" / "books.md").read_text("utf-8")
    rows = re.findall(r"^\| (kept|dropped|quarantined) \|.*\| (`.*`) \|$", page, re.M)
    assert len(rows) == 3
    for _, where in rows:
        pattern, *columns = re.findall(r"`([^`]+)`", where)
        files = sorted(whole.folder.glob(f"data/*/{pattern}"))
        assert files, pattern
        for file in files:
            assert set(columns) <= set(pq.read_schema(file).names)
            assert pq.read_table(file).num_rows


def test_a_runs_folder_is_as_the_page_of_commands_says(whole: tilth.Run) -> None:
    page = (DOCS / "reference" / "commands.md").read_text("utf-8")
    listing = page.partition("## A run's folder")[2]
    folder = whole.folder
    named = re.findall(r"^    runs/NAME/(\S+)", listing, re.M)
    assert len(named) == 8
    for name in named:
        found = sorted(
            folder.glob(name.replace("STEP-ID", "*").replace("pretrain-ID", "pretrain-*"))
        )
        assert found, name
    steps = {path.name for path in folder.glob("data/*/*")}
    assert {"kept", "dropped", "quarantine", "manifest.json", "model"} <= steps
    (model,) = folder.glob("data/pretrain-*/model")
    for name in (
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "metrics.jsonl",
        "README.md",
    ):
        assert name in listing
        assert (model / name).is_file()
    record = json.loads((folder / "run.json").read_text("utf-8"))
    assert {"steps", "versions", "machine", "status"} <= set(record)
    assert {"parts", "counts", "seconds", "pace"} <= set(record["steps"][0])
    assert "settings" in record["steps"][0]["parts"]
    for line in (folder / "events.jsonl").read_text("utf-8").splitlines():
        assert isinstance(json.loads(line), dict)
    assert load_recipe(folder / "recipe.yaml").name == whole.name


def test_the_operation_of_the_page_drops_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (DOCS / "concepts" / "operations.md").read_text("utf-8")
    block, _ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    module = tmp_path / "mine" / "clean" / "long_enough.py"
    module.parent.mkdir(parents=True)
    module.write_text(f"{_AROUND}{block}\n\n{_DESCRIBE}", "utf-8")
    lines = [json.dumps({"text": "word " * number}) for number in range(1, 6)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), "utf-8")
    monkeypatch.chdir(tmp_path)
    tree = {
        "extensions": ["mine"],
        "collect": {"a": {"jsonl": {"path": "a.jsonl"}}},
        "clean": ["long_enough"],
    }
    done = run(tree, tmp_path)
    found = done.dataset("clean.long_enough")
    assert [found.to_arrow(kind=kind).num_rows for kind in ("kept", "dropped")] == [3, 2]
    gone = found.to_arrow(["drop.rule", "drop.value"], kind="dropped")
    assert gone.column("drop.rule").to_pylist() == ["min_words"] * 2
    assert sorted(gone.column("drop.value").to_pylist()) == ["1", "2"]
    # What `describe` says of them is in the report.
    assert re.search(r"words that stay.{0,60}12", done.report_path.read_text("utf-8"), re.DOTALL)


def test_the_sentence_of_the_page_is_that_of_the_readme() -> None:
    page = (DOCS / "concepts" / "value.md").read_text("utf-8")
    shown = page.partition("pretrain helps: ")[2].partition("\n\n")[0]
    readme = (ROOT / "README.md").read_text("utf-8").partition("value: pretrain helps: ")[2]
    assert " ".join(readme.split()).startswith(" ".join(shown.split()))


def test_the_report_says_what_was_taken_from_another_model(
    whole: tilth.Run, tmp_path: Path
) -> None:
    """As the guide to training says: how many tensors on the page, which in the document."""
    (model,) = whole.folder.glob("data/pretrain-*/model")
    tree = yaml.safe_load((whole.folder / "recipe.yaml").read_text("utf-8"))
    del tree["transfer"], tree["value"]
    # The vocabulary is the model's.
    del tree["pretrain"]["data"]["vocabulary"]
    tree["pretrain"]["initialise"] = str(model)
    # What the model to start from decides is not given beside it.
    for name in ("vocabulary", "tokenizer"):
        tree["pretrain"]["data"].pop(name, None)
    done = run(tree, tmp_path)
    assert "tensors taken, 0 resized" in done.report_path.read_text("utf-8")
    found = json.loads(done.report_path.with_name("report.json").read_text("utf-8"))
    assert found["pretrain"]["initialised"]["taken"]
    assert {"resized", "skipped", "missing"} < found["pretrain"]["initialised"].keys()


def test_the_guide_to_training_has_the_tasks_with_their_models() -> None:
    """Each task with the columns that it learns from and the models of its interface."""
    page = (DOCS / "guides" / "train.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[a-z].*) \| (`.*`) \| (\w.*) \|$", page, re.M)
    told = {
        task: (set(re.findall(r"`(\w+)`", columns)), set(models.split(", ")))
        for tasks, columns, models in rows
        for task in re.findall(r"`([\w-]+)`", tasks)
    }
    assert set(told) == set(task_names())
    for task, (columns, models) in told.items():
        declared = declaration(task)
        learnt = {declared.data.payload} | ({"label"} if declared.labels else set())
        assert columns == learnt | ({"target"} if declared.answer == "target" else set()), task
        assert models == set(kinds_of(declared.interface)), task


def test_the_numbers_of_the_pages_are_those_of_the_code() -> None:
    """What decisions say of settings and of the committed measurements."""
    decisions = " ".join((DOCS / "decisions.md").read_text("utf-8").split())
    quickstart: Any = load_recipe("quickstart").resolved()["transfer"]
    longer = (
        quickstart["overrides"]["scratch"]["loop"]["max_steps"] / quickstart["loop"]["max_steps"]
    )
    assert "more than four times the steps" in decisions
    assert 4 < longer < 5
    assert f"A stretch of {batches._BUCKETED_BATCHES} batches" in decisions
    assert f"`malloc_trim` once in {batches._BUCKETED_BATCHES} of them" in decisions
    measured = json.loads((ROOT / "benchmarks" / "train.json").read_text("utf-8"))["steps"]
    plain, fast = (
        next(part["arms"] for part in measured if part["precision"] == precision)
        for precision in ("fp32", "fp32-fast")
    )
    low, high = re.findall(r"AMD processor has: ([\d.]+) to ([\d.]+) times as fast", decisions)[0]
    for arm in ("bare", "tilth", "bare-gpt2"):
        ratio = fast[arm]["tokens_per_s"] / plain[arm]["tokens_per_s"]
        assert float(low) - 0.05 < ratio < float(high) + 0.05, arm


def test_a_shard_is_packed_by_zstd(whole: tilth.Run) -> None:
    for file in whole.folder.glob("data/*/kept/*.parquet"):
        assert pq.read_metadata(file).row_group(0).column(0).compression == "ZSTD"


def test_without_polars_the_error_names_the_extra(
    whole: tilth.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingError) as caught:
        whole.dataset("train").to_polars()
    assert "tilth[polars]" in caught.value.hint


def test_a_damaged_record_is_an_error_of_its_own(whole: tilth.Run, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    (folder / "run.json").write_text("{", "utf-8")
    with pytest.raises(DataError):
        tilth.open_run(folder)
    with pytest.raises(MissingError):
        tilth.open_run(tmp_path / "none")
    assert tilth.open_run(f"{whole.folder}@1").view.entry == 1


def test_a_plan_says_what_cannot_be(whole: tilth.Run, tmp_path: Path) -> None:
    recipe = load_recipe(whole.folder / "recipe.yaml")
    runs = whole.folder.parent
    view = tilth.plan(recipe, runs=runs)
    assert all(step.cached and step.why.startswith("as before: ") for step in view.steps)
    assert tilth.plan(recipe, runs=runs, only="rules").steps[-1].name == "clean.rules"
    for given in ({"only": "ruls"}, {"name": "a/b"}):
        with pytest.raises(UsageError):
            tilth.plan(recipe, runs=runs, **given)  # type: ignore[arg-type]
    with pytest.raises(MissingError):
        tilth.plan(tmp_path / "none.yaml")


def test_a_run_from_python_has_the_line_and_the_samples_that_it_says(whole: tilth.Run) -> None:
    line = [step.name for step in whole.view.line()]
    assert line[0] == "collect.docs"
    assert line[-1] == whole.view.end_of_line().name == "mix.weights"
    assert not any(step.is_arm for step in whole.view.line())
    assert whole.view.step("rules").name == "clean.rules"
    dropped = whole.show("exact", "dropped", n=2)
    assert [len(dropped.rows), dropped.total] == [2, whole.view.step("exact").dropped]
    life = whole.trace(dropped.rows[0].id[:12])
    assert life.verdict == "dropped"
    with pytest.raises(UsageError):
        whole.show("ruls")
    recipe = load_recipe(whole.folder / "recipe.yaml")
    assert [step.name for step in recipe.steps()][:2] == ["collect.docs", "clean.normalize"]
    assert parse_recipe(recipe.to_yaml()).resolved() == recipe.resolved()


def test_the_report_draws_the_curve_of_each_method_with_its_interval(whole: tilth.Run) -> None:
    found = whole.results.transfer
    assert found is not None
    (chart,) = transferring.transfer(found).charts
    assert len(found.methods) == 2
    assert chart.wide.count('class="band') == len(found.methods)
