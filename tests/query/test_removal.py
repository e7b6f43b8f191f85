"""Removing a run, or what nothing needs of it: all of it or nothing, and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import tilth
from tests.engine.inline import use_inline
from tests.engine.modalities import write_recipe
from tests.query.conftest import recipe_file
from tests.sealed import write_sealed
from tilth.errors import DataError, MissingError, StorageError, UsageError
from tilth.query.disk import disk_of, spell_bytes, tree_bytes
from tilth.query.removal import plan_removal, remove
from tilth.query.runs import RunView, list_runs, open_run
from tilth.store.files import folder_lock


@pytest.fixture
def runs(workplace: Path, tmp_path: Path) -> Path:
    """A copy of the small run's folder of runs."""
    shutil.copytree(workplace / "runs", tmp_path / "runs")
    return tmp_path / "runs"


def _data(runs: Path) -> dict[str, int]:
    return {path.name: tree_bytes(path) for path in (runs / "small" / "data").iterdir()}


def test_a_run_is_shown_and_then_removed_whole(runs: Path) -> None:
    planned = plan_removal("small", runs)
    assert [(part.path, part.num_bytes) for part in planned.parts] == [
        ("small", tree_bytes(runs / "small"))
    ]
    assert (runs / "small" / "run.json").is_file()
    assert remove(planned).done
    assert list(runs.iterdir()) == []
    with pytest.raises(MissingError):
        plan_removal("small", runs)


def test_what_an_entry_of_the_history_needs_stays_unless_told_otherwise(runs: Path) -> None:
    before = _data(runs)
    assert plan_removal("small", runs, unused=True).parts == ()
    planned = plan_removal("small", runs, unused=True, history=False)
    last = {step.folder.name for step in open_run("small", runs).steps}
    gone = {part.path.rpartition("/")[2] for part in planned.parts}
    # `clean.rules` and what stands on it ran twice.
    assert gone == before.keys() - last
    assert len(gone) == 4
    assert planned.num_bytes == sum(before[name] for name in gone)
    remove(planned)
    assert _data(runs).keys() == last
    # The last invocation is as it was, and nothing of it would run again.
    assert len(list(open_run("small", runs).steps[-1].manifest)) > 3


def test_cells_go_that_no_comparison_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_inline(monkeypatch)
    tree = yaml.safe_load(write_recipe("images", tmp_path).read_text("utf-8"))
    runs, cells = tmp_path / "runs", tmp_path / "runs" / "images" / "cells"
    tree["name"] = "images"

    def run(given: dict[str, Any]) -> set[str]:
        (tmp_path / "it.yaml").write_text(yaml.safe_dump(given, sort_keys=False))
        tilth.run(tmp_path / "it.yaml", runs=runs)
        return {path.name for path in cells.iterdir()}

    first = run(tree)
    both = run({**tree, "transfer": {**tree["transfer"], "sizes": [3]}})
    assert plan_removal("images", runs, unused=True).parts == ()
    planned = plan_removal("images", runs, unused=True, history=False)
    gone = {part.path for part in planned.parts if "/cells/" in part.path}
    assert gone
    assert gone <= {f"images/cells/{name}" for name in first}
    remove(planned)
    assert {f"images/cells/{path.name}" for path in cells.iterdir()} == {
        f"images/cells/{name}" for name in both
    } - gone
    # Nothing of the last invocation would run again.
    assert tilth.plan(tmp_path / "it.yaml", runs=runs).to_run == []
    # What a comparison that was stopped has made stays.
    (transfer,) = (runs / "images" / "data").glob("transfer-*")
    (transfer / "manifest.json").unlink()
    kept = plan_removal("images", runs, unused=True, history=False).parts
    assert not any("/cells/" in part.path for part in kept)


def test_what_a_stopped_run_has_half_done_stays(runs: Path) -> None:
    folder = runs / "small"
    record = json.loads((folder / "run.json").read_text())
    half = record["steps"].pop()["folder"]
    write_sealed(folder / "run.json", record | {"status": "stopped"})
    (folder / "data" / half / "manifest.json").unlink()
    shutil.rmtree(folder / "history")
    gone = {p.path for p in plan_removal("small", runs, unused=True).parts}
    assert len(gone) == 4
    assert f"small/data/{half}" not in gone


@pytest.mark.usefixtures("inline")
def test_another_recipe_makes_data_sets_that_can_go(runs: Path, workplace: Path) -> None:
    for words in (15, 20):
        tilth.run(recipe_file(workplace, words), runs=runs, progress=False, workers=2)
    found = tilth.open_run("small", runs)
    planned = found.remove(unused=True, history=False, dry_run=True)
    assert not planned.done
    assert len(planned.parts) == 8
    assert "would be removed" in str(planned)
    done = found.remove(unused=True, history=False)
    assert done.done
    assert found.disk.other_data == 0
    assert tilth.plan(recipe_file(workplace, 20), runs=runs).to_run == []


def test_a_run_that_goes_on_is_not_removed(runs: Path) -> None:
    for unused in (False, True):
        planned = plan_removal("small", runs, unused=unused, history=not unused)
        with (
            folder_lock(runs / "small"),
            pytest.raises(StorageError, match="another run") as caught,
        ):
            remove(planned)
        assert caught.value.hint == "wait for it, or stop it"
    assert (runs / "small" / "run.json").is_file()


def test_a_run_that_waited_for_a_removed_folder_locks_the_new_one(runs: Path) -> None:
    with folder_lock(runs / "small") as held:
        waiting = subprocess.Popen(
            [sys.executable, "-c", _LOCK, str(runs / "small")], stdout=subprocess.PIPE, text=True
        )
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "waits\n"
        time.sleep(0.3)
        (runs / "small").rename(runs / ".small.1.removed.aside")
        assert held
    out, _ = waiting.communicate(timeout=60)
    assert out == "True\n"


_LOCK = """
import os, sys
from pathlib import Path
from tilth.store.files import folder_lock
print("waits", flush=True)
with folder_lock(Path(sys.argv[1]), timeout_s=30) as lock:
    print(os.path.samestat(os.fstat(lock), os.stat(sys.argv[1] + "/.lock")))
"""


def test_links_are_not_followed(runs: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (runs / "small").rename(elsewhere / "small")
    (runs / "small").symlink_to(elsewhere / "small")
    (runs / "away").symlink_to(elsewhere)
    for name in ("small", "away/small"):
        with pytest.raises(UsageError, match="a link leads out"):
            plan_removal(name, runs)
    (runs / "small").unlink()
    (elsewhere / "small").rename(runs / "small")
    (runs / "small" / "data").rename(elsewhere / "data")
    (runs / "small" / "data").symlink_to(elsewhere / "data")
    for unused in (False, True):
        with pytest.raises(UsageError, match="a link leads out"):
            plan_removal("small", runs, unused=unused)


def test_a_link_inside_a_run_goes_and_what_it_points_at_stays(runs: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years")
    (runs / "small" / "notes").symlink_to(mine)
    name = f"mine-{'0' * 24}"
    (runs / "small" / "data" / name).symlink_to(mine)
    assert all(name not in p.path for p in plan_removal("small", runs, unused=True).parts)
    remove(plan_removal("small", runs))
    assert (mine / "thesis.txt").read_text() == "years"


def test_a_folder_that_is_no_run_is_left_alone(runs: Path) -> None:
    (runs / "photos").mkdir()
    (runs / "photos" / "a.jpg").write_bytes(b"1")
    with pytest.raises(MissingError):
        plan_removal("photos", runs)
    # Another tool's record of a run.
    (runs / "photos" / "run.json").write_text('{"steps": []}')
    with pytest.raises(DataError, match="no run that Tilth made"):
        plan_removal("photos", runs)
    with pytest.raises(UsageError, match="entry of a history"):
        plan_removal("small@1", runs)
    # Nor what somebody put beside the data sets.
    (runs / "small" / "data" / "my notes").mkdir()
    planned = plan_removal("small", runs, unused=True, history=False)
    assert all("my notes" not in part.path for part in planned.parts)


def test_who_names_the_run_is_said(runs: Path) -> None:
    shutil.copytree(runs / "small", runs / "other")
    record = json.loads((runs / "other" / "run.json").read_text())
    record["recipe_yaml"] += "\npretrain: {initialise: runs/small}\n"
    write_sealed(runs / "other" / "run.json", record)
    assert plan_removal("small", runs).named_in == ("other",)
    assert plan_removal("other", runs).named_in == ()


@pytest.mark.parametrize("unused", [False, True])
def test_a_removal_that_is_stopped_leaves_nothing_half(
    runs: Path, unused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: Path) -> None:
        raise KeyboardInterrupt

    planned = plan_removal("small", runs, unused=unused, history=not unused)
    with monkeypatch.context() as patched:
        patched.setattr("tilth.store.files.shutil.rmtree", stopped)
        with pytest.raises(KeyboardInterrupt):
            remove(planned)
    assert [view.name for view in list_runs(runs)] == (["small"] if unused else [])
    again = plan_removal("small", runs, unused=unused, history=not unused)
    assert {part.what for part in again.parts} == {"left by a removal that was stopped"}
    assert again.num_bytes == planned.num_bytes
    remove(again)
    left = runs / "small" / "data" if unused else runs
    assert not [path for path in left.iterdir() if path.name.startswith(".")]


# At each line that it reads, a process of its own that says its number and removes.
_REMOVE = """
import os, sys
from tilth.query.removal import plan_removal, remove
for _ in sys.stdin:
    one = os.fork()
    if one == 0:
        planned = plan_removal("small", sys.argv[1])
        print(os.getpid(), flush=True)
        remove(planned)
        os._exit(0)
    os.waitpid(one, 0)
    print("ended", flush=True)
"""


def test_killed_at_any_moment_a_run_is_whole_or_gone(runs: Path) -> None:
    for number in range(800):
        path = runs / "small" / "data" / f"extra-{number % 40}" / f"{number}.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"1")
    whole, rng = tree_bytes(runs / "small"), random.Random(0)
    with subprocess.Popen(
        [sys.executable, "-c", _REMOVE, str(runs)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(6):
            saved = runs.parent / "saved"
            # A removal unlinks, so that what has another name stays.
            shutil.copytree(runs / "small", saved, copy_function=os.link)
            print("go", file=process.stdin, flush=True)
            removing = int(process.stdout.readline())
            time.sleep(rng.uniform(0, 0.03))
            with contextlib.suppress(ProcessLookupError):
                os.kill(removing, signal.SIGKILL)
            assert process.stdout.readline() == "ended\n"
            if (runs / "small").exists():
                assert tree_bytes(runs / "small") == whole
            for path in runs.iterdir():
                shutil.rmtree(path)
            saved.rename(runs / "small")
        process.stdin.close()


def test_the_disk_of_a_run_by_step(runs: Path) -> None:
    view = open_run("small", runs)
    disk = disk_of(view)
    files = [path for path in (runs / "small").rglob("*") if path.is_file()]
    assert disk.num_bytes == sum(path.stat().st_size for path in files)
    sizes = _data(runs)
    assert {step.name: step.num_bytes for step in disk.steps} == {
        step.name: sizes[step.folder.name] for step in view.steps
    }
    assert disk.data_bytes == sum(sizes.values())
    assert disk.other_data > 0
    assert str(disk).startswith(spell_bytes(disk.num_bytes))


def test_sizes_are_spelled() -> None:
    spelled = [
        spell_bytes(n) for n in (0, 812, 999, 1000, 4_120, 250_000_000, 999_600, 1_200_000_000)
    ]
    assert spelled == [
        *("0 bytes", "812 bytes", "999 bytes", "1.0 kB"),
        *("4.1 kB", "250 MB", "1.0 MB", "1.2 GB"),
    ]


def test_a_run_goes_with_its_history(small: RunView) -> None:
    with pytest.raises(UsageError, match="a run goes with its history"):
        plan_removal(small.folder, history=False)
    # A path that is no name below `runs` leads nowhere else.
    assert plan_removal(small.folder, "nowhere").whole
