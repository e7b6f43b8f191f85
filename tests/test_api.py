from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import tilth
from tests.engine.inline import inline
from tests.query.conftest import recipe_file, write_documents
from tilth import api
from tilth.engine.events import Event, StepFinished, StepStarted
from tilth.errors import MissingError, RecipeError, UsageError
from tilth.recipe.code import reachable
from tilth.recipe.operations import operations
from tilth.store.files import folder_lock

__all__ = ["inline"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("api")
    write_documents(made / "docs.jsonl")
    return made


@pytest.fixture(scope="module")
def done(folder: Path) -> tilth.Run:
    return tilth.run(recipe_file(folder), runs=folder / "runs", progress=False, workers=2)


def test_importing_tilth_is_light() -> None:
    code = (
        "import sys, tilth; tilth.__version__;"
        "print([m for m in ('pyarrow', 'numba', 'torch', 'pydantic') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_name_is_there() -> None:
    for name in tilth.__all__:
        assert getattr(tilth, name) is not None
    assert set(tilth.__all__) <= set(dir(tilth))
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        tilth.runn  # noqa: B018


def test_a_run_ends_with_its_report(done: tilth.Run, folder: Path) -> None:
    assert done.report_path == folder / "runs" / "small" / "report.html"
    assert done.report_path.is_file()
    assert done.report_path.with_name("report.json").is_file()
    assert done.status.status == "done"
    assert done.quarantined == 1
    assert done.results == tilth.Results(None, None, None)
    assert repr(done) == "Run('small', done)"


@pytest.mark.usefixtures("inline")
def test_what_another_process_did_since_the_plan_is_not_done_again(
    folder: Path, tmp_path: Path
) -> None:
    recipe = recipe_file(folder)
    view = tilth.plan(recipe, runs=tmp_path)
    tilth.run(recipe, runs=tmp_path, only="normalize", progress=False, workers=1)
    events: list[Event] = []
    api.run_planned(view, workers=1, progress=events.append)
    begun = [event.step for event in events if isinstance(event, StepStarted)]
    assert begun == [step.name for step in view.steps[2:]]


@pytest.mark.usefixtures("inline")
def test_a_plan_waits_for_the_lock_and_looks_again(folder: Path, tmp_path: Path) -> None:
    recipe = recipe_file(folder)
    view = tilth.plan(recipe, runs=tmp_path, only="normalize")
    done: list[tilth.Run] = []
    with folder_lock(Path(view.folder)):
        waiting = threading.Thread(
            target=lambda: done.append(api.run_planned(view, workers=1, progress=False))
        )
        waiting.start()
        time.sleep(0.3)
        assert waiting.is_alive()
        assert not (Path(view.folder) / "run.json").exists()
    waiting.join(60)
    assert done[0].status.status == "done up to clean.normalize"


def test_the_plan_says_what_is_cached(done: tilth.Run, folder: Path) -> None:
    view = tilth.plan(recipe_file(folder), runs=folder / "runs")
    assert view.to_run == []
    assert "7 cached, 0 to run" in str(view)


def test_splits_and_steps_are_data_sets(done: tilth.Run) -> None:
    sizes = {split: done.dataset(split).num_rows for split in ("train", "validation", "test")}
    whole = done.dataset("minhash")
    assert sum(sizes.values()) == whole.num_rows
    assert done.dataset("test").to_arrow(["id", "split"]).column("split").unique().to_pylist() == [
        "test"
    ]
    assert done.dataset("test").to_arrow(["text"]).schema.names == ["text"]
    assert len(done.dataset("validation").to_polars()) == sizes["validation"]
    with pytest.raises(UsageError):
        done.dataset("nothing")


def test_a_split_as_a_torch_data_set(done: tilth.Run) -> None:
    pytest.importorskip("torch")
    rows = list(done.dataset("test").to_torch(["id", "text"]))
    assert len(rows) == done.dataset("test").num_rows
    assert rows[0].keys() == {"id", "text"}


def test_show_and_trace(done: tilth.Run) -> None:
    shown = done.show("rules", "dropped", n=1)
    assert done.trace(shown.rows[0].id).verdict == "dropped"


def test_a_run_is_opened_again(done: tilth.Run, folder: Path) -> None:
    again = tilth.open_run("small", runs=folder / "runs")
    assert again.folder == done.folder
    with pytest.raises(MissingError):
        tilth.open_run("other", runs=folder / "runs")


@pytest.mark.usefixtures("inline")
def test_name_limit_only_and_events(folder: Path) -> None:
    events: list[Event] = []
    run = tilth.run(
        tilth.load_recipe(recipe_file(folder)),
        runs=folder / "runs",
        name="part",
        limit=50,
        only="normalize",
        progress=events.append,
        workers=1,
    )
    assert run.name == "part"
    assert run.dataset("docs").num_rows == 50
    assert [e.step for e in events if isinstance(e, StepFinished)] == [
        "collect.docs",
        "clean.normalize",
    ]
    left = run.status.left
    assert left is not None
    assert left[0].name == "clean.signals"
    with pytest.raises(MissingError, match="split `test`"):
        run.dataset("test")
    # Without a split column all samples are training samples.
    assert run.dataset("train").num_rows == 50


@pytest.mark.usefixtures("inline")
def test_lines_go_to_standard_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tilth.run(recipe_file(folder), runs=folder / "runs", name="part", limit=50, only="normalize")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "clean.normalize: 50 in = 50 kept" in captured.err


def test_mistakes_are_errors_before_anything_runs(folder: Path) -> None:
    bad = folder / "bad.yaml"
    bad.write_text("name: bad\ncollect: {a: {jsonl: {pth: x}}}\nclaen: []\n", "utf-8")
    with pytest.raises(RecipeError) as caught:
        tilth.run(bad, runs=folder / "runs")
    assert len(caught.value.problems) == 2
    assert not (folder / "runs" / "bad").exists()


@pytest.mark.parametrize("name", sorted(operations()))
def test_the_identity_of_a_step_does_not_depend_on_who_shows_it(name: str) -> None:
    rooms = {module.split(".")[1] for module in reachable(operations()[name].module_name)}
    assert not rooms & {"api", "cli", "engine", "query", "recipe", "report"}


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"limit": 0}, "the limit is 1 sample or more, not 0"),
        ({"limit": -3}, "the limit is 1 sample or more, not -3"),
        ({"workers": -1}, "the number of workers is 0 or more, not -1"),
        ({"workers": 2, "ray": "local"}, "`workers` and `ray` exclude each other"),
        ({"name": ""}, "`` cannot name a run"),
        ({"only": "ruls"}, "there is no step `ruls`"),
    ],
)
def test_what_a_run_cannot_do_is_refused_before_it(
    given: dict[str, Any], what: str, tmp_path: Path
) -> None:
    (tmp_path / "d.jsonl").write_text('{"text": "a heron"}\n', "utf-8")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        f"tilth: 1\nname: r\ncollect: {{a: {{jsonl: {{path: {tmp_path}/d.jsonl}}}}}}\n"
    )
    with pytest.raises(UsageError, match=what):
        tilth.run(recipe, runs=tmp_path / "runs", progress=False, **given)
    assert not (tmp_path / "runs").exists()
