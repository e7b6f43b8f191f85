"""Kill -9 at random moments, run again: the same bytes as an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engine.conftest import digests, parted, recipe_text, run_text
from tests.engine.inline import use_inline
from tilth.engine import shuffle

_CHILD = """
import sys
from pathlib import Path
from tilth.engine.run import RunOptions, run_plan
from tilth.engine import shuffle
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan
shuffle.ROWS_A_PARTITION = 300  # so that there are several
text = Path(sys.argv[1]).read_text()
run_plan(build_plan(parse_recipe(text)), Path(sys.argv[2]), RunOptions(num_workers=2))
"""


def _kill_and_finish(
    tmp_path: Path, documents: Path, kills: int, seed: int, patch: pytest.MonkeyPatch
) -> None:
    # As in the child: what was begun with several partitions is not gone on with by one.
    patch.setattr(shuffle, "ROWS_A_PARTITION", 300)
    text = parted(recipe_text(documents))
    calm = tmp_path / "calm"
    start = time.monotonic()
    run_text(text, calm, num_workers=2)
    whole_s = time.monotonic() - start
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(text)
    folder = tmp_path / "disturbed"
    rng = random.Random(seed)
    landed = 0
    for _ in range(kills):
        command = [sys.executable, "-c", _CHILD, str(recipe), str(folder)]
        process = subprocess.Popen(command, start_new_session=True)
        try:
            process.wait(rng.uniform(0.2, whole_s))
        except subprocess.TimeoutExpired:
            landed += 1
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        # Start over once everything is there, so that later kills meet unfinished steps too.
        done = (folder / "run.json").exists() and '"status": "done"' in (
            folder / "run.json"
        ).read_text()
        if done:
            assert digests(folder) == digests(calm)
            folder = tmp_path / f"disturbed-{landed}-{rng.random()}"
    # What goes on needs no workers.
    use_inline(patch)
    run_text(text, folder)
    assert digests(folder) == digests(calm)
    assert landed >= kills // 2


def test_three_kills_change_nothing(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _kill_and_finish(tmp_path, documents, 3, int(time.time()), monkeypatch)


@pytest.mark.slow
def test_twenty_five_kills_change_nothing(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _kill_and_finish(tmp_path, documents, 25, int(time.time()), monkeypatch)


def test_workers_end_with_the_engine(documents: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(recipe_text(documents))
    command = [sys.executable, "-c", _CHILD, str(recipe), str(tmp_path / "run")]
    process = subprocess.Popen(command, start_new_session=True)
    workers: list[int] = []
    end = time.monotonic() + 20
    while not workers and time.monotonic() < end:
        time.sleep(0.02)
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True
        )
        workers = [int(word) for word in found.stdout.split()]
    assert workers
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 10
    while any(_alive(pid) for pid in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in workers)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
