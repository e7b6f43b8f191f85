"""What must not count does not: workers, shards, batches, processes, a stop, the order of rows."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
from pathlib import Path

import pytest

import tilth
from tests.cli.conftest import start
from tests.engine.inline import use_inline
from tests.figures.lines import LOOP, Shown, Tree, answers, made, run_recipe, write_line, write_rows
from tilth.engine.run import RunOptions, run_plan
from tilth.recipe.load import load_recipe
from tilth.recipe.plan import build_plan

pytestmark = pytest.mark.slow


def of_data_and_models(line: Shown) -> dict[str, float]:
    """Every figure that is no cost."""
    return {path: one["value"] for path, one in line.figures.items() if one["kind"] != "cost"}


def _same(one: Shown, other: Shown, relative: float = 0.0) -> None:
    """Every figure of both is the same, and so are the sentences."""
    before, after = of_data_and_models(one), of_data_and_models(other)
    assert before.keys() == after.keys()
    assert before == pytest.approx(after, rel=relative, abs=relative)
    if not relative:
        assert one.status["findings"] == other.status["findings"]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return made("text", tmp_path_factory)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return made("people", tmp_path_factory)


def test_processes_side_by_side_change_no_figure(text: Shown) -> None:
    recipe = text.folder.parent / "text.yaml"
    done = tilth.run(recipe, runs=recipe.parent, name="two", progress=False, workers=2)
    _same(text, Shown(done.folder, "text"))


def test_the_size_of_shards_changes_no_figure(text: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    use_inline(monkeypatch)
    recipe = text.folder.parent / "text.yaml"
    folder = recipe.parent / "shards"
    run_plan(build_plan(load_recipe(recipe)), folder, RunOptions(shard_rows=97))
    assert len(list(folder.glob("data/collect.docs-*/kept/*"))) > 20
    _same(text, Shown(folder, "text"))


def test_the_batch_that_is_measured_changes_no_figure(people: Shown, tmp_path: Path) -> None:
    def other(tree: Tree) -> None:
        tree["pretrain"]["loop"] = {**LOOP, "evaluation_batch_size": 7}

    # Sums of single-precision numbers, in another order.
    _same(people, run_recipe(write_line("people", tmp_path, other)), relative=1e-5)


def test_a_second_process_of_training_changes_no_figure(tmp_path: Path) -> None:
    found = []
    for processes in (1, 2):

        def other(tree: Tree, processes: int = processes) -> None:
            del tree["pretrain"]["cross_validate"]
            tree["pretrain"]["loop"] = {**LOOP, "processes": processes}
            tree["deduplicate"] = [{"hold_out": {"test": 0.3, "by": "id"}}]

        folder = tmp_path / str(processes)
        folder.mkdir()
        found.append(run_recipe(write_line("people", folder, other)))
    # Gradients are summed in another order.
    one, two = found
    _same(one, two, relative=1e-4)


def test_stopped_and_gone_on_a_run_shows_the_same(people: Shown, tmp_path: Path) -> None:
    """Killed once in each step, in a process of its own; the last one comes to its end."""
    recipe = write_line("people", tmp_path)
    steps = ["collect.items", "label.consensus", "mix.weights", "pretrain"]
    killed = 0
    for step in steps:
        process = start("run", recipe.name, "--workers", "1", cwd=tmp_path)
        assert process.stderr is not None
        for told in process.stderr:
            if told.startswith(f"{step}: started"):
                break
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        killed += process.returncode == -signal.SIGKILL
    assert killed >= 3
    process = start("run", recipe.name, "--workers", "1", "--json", cwd=tmp_path)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    gone_on = Shown(tmp_path / "runs" / "people", "people")
    _same(people, gone_on)
    # What the run itself printed is what is shown of it later.
    printed = {one["path"]: one["value"] for one in json.loads(out)["figures"]}
    assert {path: printed[path] for path in of_data_and_models(gone_on)} == of_data_and_models(
        gone_on
    )


def test_the_order_of_named_rows_changes_no_figure_of_the_data(
    people: Shown, tmp_path: Path
) -> None:
    """A sample is known by its name: who agrees, what is dropped and how much are the same."""
    recipe = write_line("people", tmp_path)
    rows = answers()
    random.Random(5).shuffle(rows)
    write_rows(tmp_path / "items.jsonl", rows)
    other = run_recipe(recipe)
    before, after = (
        {
            path: one
            for path, one in of_data_and_models(line).items()
            if not path.startswith("pretrain")
        }
        for line in (people, other)
    )
    assert before == pytest.approx(after, rel=1e-9, abs=1e-12)


def test_the_order_of_named_rows_changes_no_count_of_the_line(
    text: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of two copies stays follows the order; how many stay, by source and rule, does not."""

    def other(tree: Tree) -> None:
        for name in ("pretrain", "transfer", "value"):
            del tree[name]
        path = tmp_path / "docs.jsonl"
        lines = path.read_text("utf-8").splitlines(keepends=True)
        random.Random(3).shuffle(lines)
        path.write_text("".join(lines), "utf-8")

    shuffled = run_recipe(write_line("text", tmp_path, other))
    before, after = (
        {path: one["value"] for path, one in line.figures.items()
         if one["kind"] == "books" and "value." not in path}
        for line in (text, shuffled)
    )  # fmt: skip
    assert before == after
