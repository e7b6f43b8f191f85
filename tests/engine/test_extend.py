"""A run keeps a copy of its extensions: workers execute what was planned, whatever is edited."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tilth
from tests.edits import images
from tests.edits.workspace import Step, Workspace
from tests.engine.inline import use_inline
from tilth.engine.extend import FOLDER, open_copies
from tilth.engine.record import read_record
from tilth.engine.run import RunOptions, run_plan
from tilth.errors import DataError, ExtensionError, MissingError, StepError, TilthError
from tilth.query.runs import open_run
from tilth.recipe.load import load_recipe
from tilth.recipe.plan import build_plan
from tilth.store.files import remove, sha256_file

_MAP = """
import time

import pyarrow as pa

from tilth.settings import BaseSettings
from tilth.schema import column, with_columns
from ..words import END


class Settings(BaseSettings):
    seconds: float = 0.0


def apply(batch, settings):
    time.sleep(settings.seconds)
    texts = [text + END for text in column(batch, "text").to_pylist()]
    return with_columns(batch, {"text": pa.array(texts, pa.large_string())})
"""
_TRANSFORM = """
from tilth.settings import BaseSettings


class Settings(BaseSettings):
    pass


def transform(images, keys, settings):
    return images / 2
"""
_RECIPE = """tilth: 1
name: it
extensions: [mine]
collect: {a: {jsonl: {path: rows.jsonl}}}
clean: [{shout: {seconds: SECONDS}}]
"""
_CHILD = """
import sys
from pathlib import Path
from tilth.engine.run import RunOptions, run_plan
from tilth.recipe.load import load_recipe
from tilth.recipe.plan import build_plan
plan = build_plan(load_recipe("my.yaml"))
run_plan(plan, Path(sys.argv[1]), RunOptions(num_workers=1, shard_rows=2))
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data, a recipe and the extension `mine`, where everything happens."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"text": "row {n}"}}\n' for n in range(12)))
    (tmp_path / "mine" / "clean").mkdir(parents=True)
    (tmp_path / "mine" / "clean" / "shout.py").write_text(_MAP)
    _words(tmp_path, "!")
    (tmp_path / "my.yaml").write_text(_RECIPE.replace("SECONDS", "0"))
    return tmp_path


def _words(here: Path, end: str) -> None:
    (here / "mine" / "words.py").write_text(f"END = {end!r}\n")


def _texts(folder: Path) -> set[str]:
    found = open_run(folder)
    rows = tilth.open_run(folder).dataset(found.end_of_line().name).batches(["text"])
    return {text[-1] for batch in rows for text in batch.column("text").to_pylist()}


def test_workers_execute_what_was_planned_and_the_next_run_what_is_there(here: Path) -> None:
    plan = build_plan(load_recipe("my.yaml"))
    _words(here, "?")
    run_plan(plan, here / "run", RunOptions(num_workers=1))
    assert _texts(here / "run") == {"!"}
    run_plan(build_plan(load_recipe("my.yaml")), here / "run", RunOptions(num_workers=1))
    assert _texts(here / "run") == {"?"}
    steps = read_record(here / "run" / "run.json").steps
    assert [(step.name, step.cached) for step in steps] == [
        ("collect.a", True),
        ("clean.shout", False),
    ]
    assert "its code changed" in steps[1].why
    # An entry of the history has the code that it was made with.
    (first,), (last,) = open_run(here / "run@1").extensions, open_run(here / "run").extensions
    assert first.sources["words"].data == b"END = '!'\n"
    assert last.sources["words"].data == b"END = '?'\n"


def test_a_session_that_edits_and_runs_again_gets_the_new_code(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_inline(monkeypatch)
    for end in ("!", "?", "!"):
        _words(here, end)
        assert _texts(tilth.run("my.yaml", progress=False).folder) == {end}


def test_a_run_that_was_killed_goes_on_with_its_extension(here: Path) -> None:
    calm = build_plan(load_recipe("my.yaml"))
    run_plan(calm, here / "calm", RunOptions(num_workers=1, shard_rows=2))
    (here / "my.yaml").write_text(_RECIPE.replace("SECONDS", "0.3"))
    command = [sys.executable, "-c", _CHILD, str(here / "run")]
    process = subprocess.Popen(command, start_new_session=True)
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
        if len([*(here / "run").glob("data/clean.shout-*/shards/*")]) > 1:
            os.kill(process.pid, signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    (here / "mine").rename(here / "moved")
    (here / "my.yaml").write_text(_RECIPE.replace("SECONDS", "0.3").replace("mine", "moved"))
    run_plan(build_plan(load_recipe("my.yaml")), here / "run", RunOptions(shard_rows=2))
    record = read_record(here / "run" / "run.json")
    assert record.steps[1].went_on
    assert len(_shards(here / "run")) == 6
    assert _shards(here / "run") == _shards(here / "calm")


def _shards(folder: Path) -> dict[str, str]:
    """SHA-256 of each of the step's files of samples."""
    return {
        path.name: sha256_file(path) for path in folder.glob("data/clean.shout-*/kept/*.parquet")
    }


def test_what_breaks_in_a_worker_alone_is_told_with_its_line(here: Path) -> None:
    text = _MAP + (
        "\n\nimport __main__\n\nif __main__.__spec__ and 'worker' in __main__.__spec__.name:\n"
        "    raise RuntimeError('only here')\n"
    )
    (here / "mine" / "clean" / "shout.py").write_text(text)
    line = text[: text.index("raise")].count("\n") + 1
    with pytest.raises(ExtensionError, match=rf"`mine/clean/shout\.py:{line}` .* only here"):
        run_plan(build_plan(load_recipe("my.yaml")), here / "run", RunOptions(num_workers=1))


@pytest.mark.parametrize(
    ("broken", "raised", "told"),
    [
        ("raise ValueError('no')", DataError, r"ValueError: no \(clean\.shout\.apply\)"),
        ("raise OSError('off')", DataError, r"OSError: off \(clean\.shout\.apply\)"),
        ("return None", StepError, "`apply` gives a NoneType"),
        (
            "return with_columns(batch, {'label': pa.array([0.5] * batch.num_rows)})",
            StepError,
            "the column `label` as double",
        ),
    ],
)
def test_what_breaks_at_a_sample_is_told_with_its_function(
    here: Path, broken: str, raised: type[TilthError], told: str
) -> None:
    text = _MAP.replace("    time.sleep(settings.seconds)\n", f"    {broken}\n")
    line = text[: text.index(broken)].count("\n") + 1
    (here / "mine" / "clean" / "shout.py").write_text(text)
    with pytest.raises(raised, match=told.replace("LINE", str(line))):
        run_plan(build_plan(load_recipe("my.yaml")), here / "run", RunOptions(num_workers=1))


def test_a_source_that_fails_is_no_fault_of_the_storage(here: Path) -> None:
    (here / "mine" / "collect").mkdir()
    (here / "mine" / "collect" / "stars.py").write_text(
        "from tilth.settings import BaseSettings\n\n\nclass Settings(BaseSettings):\n"
        "    a: int = 1\n\n\ndef fingerprint(settings):\n    return ''\n\n\n"
        "def read(settings, source, context):\n    raise OSError('clouds')\n    yield\n"
    )
    (here / "my.yaml").write_text(
        _RECIPE.replace("SECONDS", "0").replace("{jsonl: {path: rows.jsonl}}", "stars")
    )
    with pytest.raises(StepError, match=r"OSError: clouds \(mine/collect/stars\.py:13\)"):
        run_plan(build_plan(load_recipe("my.yaml")), here / "run", RunOptions(num_workers=1))


def test_no_module_of_the_folder_where_it_runs_is_imported(here: Path) -> None:
    (here / "stray.py").write_text("END = 'stray'\n")
    text = _MAP.replace("    time.sleep", "    import stray\n    time.sleep")
    (here / "mine" / "clean" / "shout.py").write_text(text)
    # As the command is started: Python's own option -P leaves the folder out of the path.
    command = [sys.executable, "-P", "-c", _CHILD, str(here / "run")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "No module named 'stray'" in done.stderr


def test_a_copy_that_is_gone_or_changed_is_an_error_and_the_next_run_mends_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_inline(monkeypatch)
    folder = tilth.run("my.yaml", progress=False).folder
    named = read_record(folder / "run.json").extensions
    assert [one.name for one in named] == ["mine"]
    (copy,) = (folder / FOLDER).iterdir()
    (copy / "words.py").write_text("END = 'x'\n")
    with pytest.raises(DataError, match="copy of the extension `mine` was changed") as raised:
        open_copies(named, folder)
    assert "run the recipe again" in raised.value.hint
    remove(copy)
    with pytest.raises(MissingError, match="is not there any more"):
        tilth.open_run(folder).write_report()
    tilth.run("my.yaml", progress=False)
    assert [extension.name for extension in open_copies(named, folder)] == ["mine"]
    assert str(here) not in (folder / "run.json").read_text()


def test_a_comparison_that_takes_a_transform_of_ones_own_is_planned_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = images.base()
    draft.header["extensions"] = ["own"]
    draft.write("own/augment/images/darker.py", _TRANSFORM)
    draft.steps["augment"] = [Step("darker")]
    space = Workspace(tmp_path)
    space.become(draft)
    monkeypatch.chdir(space.folder)
    use_inline(monkeypatch)
    tilth.run("recipe.yaml", runs="runs", progress=False)
    steps = tilth.plan("recipe.yaml", runs="runs").steps
    assert {step.name for step in steps} >= {"transfer", "value"}
    assert all(step.cached for step in steps)
