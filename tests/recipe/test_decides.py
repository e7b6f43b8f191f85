"""A step's identity changes with every module that decides its output, and with no other."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from types import FrameType

import pytest
import yaml

import tilth
from tests.engine import inline as engine
from tests.engine.modalities import MODALITIES, write_recipe
from tilth.context import Progress
from tilth.engine.perform import run_task
from tilth.engine.tasks import Task
from tilth.models.registry import module_of
from tilth.recipe.code import ASIDE, reachable
from tilth.recipe.load import parse_recipe
from tilth.recipe.model import Recipe
from tilth.recipe.operations import operations
from tilth.recipe.plan import build_plan
from tilth.tasks.registry import modules_of

TABLE = Path(__file__).with_name("decides.yaml")

# What hands tasks out, follows them and plans: it decides no byte of what they make.
_DISPATCH = {f"tilth.engine.{name}" for name in ("perform", "steps", "run", "tasks")}
_DISPATCH |= {"tilth.engine.estimate", "tilth.engine.events"}
_DISPATCH |= {"tilth.own"}  # each task holds what is read of a user's code, where there is any


class _Watch:
    """Which modules of Tilth execute a function in the tasks of each step."""

    def __init__(self) -> None:
        self.ran: dict[str, set[str]] = {}
        self._now: set[str] = set()

    def run_task(self, task: Task, progress: Progress) -> object:
        self._now = self.ran.setdefault(task.step, set())
        threading.setprofile(self._see)
        sys.setprofile(self._see)
        try:
            return run_task(task, progress)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def _see(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            name = str(frame.f_globals.get("__name__", ""))
            if name.partition(".")[0] == "tilth":
                self._now.add(name)


def _by_name(recipe: Recipe) -> Iterator[str]:
    """The modules that a recipe's trainings find by a name in it."""
    assert recipe.pretrain is not None
    settings = dict(recipe.pretrain.settings)
    yield from modules_of(settings["task"])
    yield module_of(settings["model"].kind)
    yield from (step.operation.module_name for step in recipe.transforms)


@pytest.mark.parametrize(
    "modality",
    [
        name if name == "images" else pytest.param(name, marks=pytest.mark.slow)
        for name in MODALITIES
    ],
)
def test_what_runs_is_part_of_the_identity(
    modality: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = _Watch()
    engine.use_inline(monkeypatch)
    monkeypatch.setattr(engine, "run_task", watch.run_task)
    text = write_recipe(modality, tmp_path).read_text("utf-8")
    engine.run_inline(text, tmp_path / "run")
    plan = build_plan(parse_recipe(text))
    missed = {}
    for step in plan.steps:
        training = step.operation.kind in ("fit", "grid")
        counted = reachable(step.operation.modules([*_by_name(plan.recipe)] if training else ()))
        aside = {*_DISPATCH, *ASIDE}
        missed[step.name] = {
            name
            for name in watch.ran[step.name] - counted - aside
            if not name.startswith("tilth.recipe.")
        }
        assert len(watch.ran[step.name] & counted) > 5
    assert not any(missed.values()), missed


def _expected() -> dict[str, set[str]]:
    """What each module decides, as the table says."""
    groups: dict[str, set[str]] = {}
    words = {"fit": "trainings", "grid": "trainings"}
    for name, op in operations().items():
        groups.setdefault(words.get(op.kind, f"{op.kind}s"), set()).add(name)
    found: dict[str, set[str]] = {}
    rows = yaml.safe_load(TABLE.read_text("utf-8"))
    named = {name for row in rows for name in row["decide"]}
    for word in ("task", "model"):
        groups[f"{word}s"] = {name for name in named if name.startswith(f"{word} ")}
    for row in rows:
        for module in row["modules"]:
            assert f"tilth.{module}" not in found, module
            decided = set[str]().union(*(groups.get(name, {name}) for name in row["decide"]))
            found[f"tilth.{module}"] = decided
    return found


# Appends a line to each module in turn, and prints whose code is another by it.
_CHANGE_EACH = """
import json, sys
from functools import cache
from pathlib import Path
from tilth.models.registry import declarations, module_of
from tilth.recipe import code
from tilth.recipe.operations import operations
from tilth.tasks.registry import modules_of, task_names

root = Path(sys.argv[1])
assert Path(code.__file__).is_relative_to(root), code.__file__
what = {name: op.modules() for name, op in operations().items()}
what |= {f"task {name}": modules_of(name) for name in task_names()}
what |= {f"model {one.kind}": (module_of(one.kind),) for one in declarations()}
known, digest = {}, code._source_digest.__wrapped__

def kept(path):
    return known[path] if path in known else known.setdefault(path, digest(path))

def all_codes():
    code.code_digest.cache_clear()
    return {name: code.code_digest(modules) for name, modules in what.items()}

code._source_digest = kept
code.reachable = cache(code.reachable)  # what is imported stays
before, changed = all_codes(), {}
for path in sorted(root.rglob("*.py")):
    parts = path.relative_to(root.parent).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    source = path.read_bytes()
    path.write_bytes(source + b"\\n_changed = 1\\n")
    as_it_was = known.pop(path, None)
    changed[module] = [n for n, one in all_codes().items() if one != before[n]]
    path.write_bytes(source)
    if as_it_was is not None:
        known[path] = as_it_was
print(json.dumps(changed))
"""


def test_one_line_changes_what_its_module_decides_and_nothing_else(tmp_path: Path) -> None:
    package = tmp_path / "tilth"
    copytree(Path(tilth.__file__).parent, package)
    done = subprocess.run(
        [sys.executable, "-P", "-c", _CHANGE_EACH, str(package)],
        env={"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    changed = {module: set(names) for module, names in json.loads(done.stdout).items()}
    expected = _expected()
    assert expected.keys() <= changed.keys()
    wrong = {
        module: sorted(names ^ expected.get(module, set()))
        for module, names in changed.items()
        if names != expected.get(module, set())
    }
    assert not wrong, f"{wrong}; does it decide what they give? then {TABLE.name} says so"
