"""Stopped by Ctrl-C, SIGTERM or kill -9 in any stage of any modality, a run goes on to its end.

Through the command, in a process of its own; the result equals that of an undisturbed run.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import start
from tests.engine.inline import plan_of, run_inline, use_inline
from tests.engine.modalities import MODALITIES, results, write_recipe
from tests.engine.test_kill import _alive

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
# A step, a signal, and seconds after the step began; None: while it prepares its arrays.
Moment = tuple[str, int, float | None]


def _children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(word) for word in found.stdout.split()]


def _stop(recipe: Path, moment: Moment) -> bool:
    """Run until the moment and stop; whether the run had not ended before."""
    step, number, after_s = moment
    process = start("run", recipe.name, "--workers", "2", cwd=recipe.parent)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(f"{step}: started"):
            break
    if after_s is None:
        pattern = f"runs/{recipe.stem}/data/{step}-*/*/.prepared-*.aside"
        while process.poll() is None and not list(recipe.parent.glob(pattern)):
            time.sleep(0.001)
    else:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(after_s)
    workers = _children(process.pid)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in out + err
    if number == signal.SIGKILL:
        assert process.returncode in (0, -signal.SIGKILL), err
    elif process.returncode == -number:
        # It met the end of Python itself, which takes its handlers down: all was done by then.
        record = json.loads((recipe.parent / "runs" / recipe.stem / "run.json").read_bytes())
        assert record["status"] == "done", err
    else:
        assert process.returncode in (0, 130), err
    if process.returncode == 130:
        assert "stopped; what was committed is kept" in err
        record = json.loads((recipe.parent / "runs" / recipe.stem / "run.json").read_bytes())
        # Its report may be what was being written.
        assert record["status"] in ("stopped", "done")
        assert not any(_alive(pid) for pid in workers)
    return process.returncode != 0


def _check(
    folder: Path, modality: str, moments: Sequence[Moment], patch: pytest.MonkeyPatch
) -> None:
    recipe = write_recipe(modality, folder)
    text, run = recipe.read_text("utf-8"), folder / "runs" / modality
    landed = 0
    for moment in moments:
        if list(run.glob(f"data/{moment[0]}-*/manifest.json")):
            shutil.rmtree(run)  # that step would not run again
        landed += _stop(recipe, moment)
    assert landed >= len(moments) // 2
    # The last run, and the undisturbed one, need no command and no workers.
    use_inline(patch)
    run_inline(text, run)
    run_inline(text, folder / "calm")
    assert results(run) == results(folder / "calm")
    assert not list(run.rglob(".*.aside"))


# Training stages, which is where most of a run's time goes.
_FEW: list[Moment] = [
    ("pretrain", signal.SIGTERM, 0.5),
    ("transfer", signal.SIGINT, None),
    ("transfer", signal.SIGKILL, None),
]


def test_stopped_a_few_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _check(tmp_path, "text", _FEW, monkeypatch)


@pytest.mark.slow
@pytest.mark.longest
@pytest.mark.parametrize("modality", MODALITIES)
def test_stopped_in_every_step(
    modality: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step by two signals, somewhere in the time that it takes; others each day.

    By the hundred it is `make faults`.
    """
    seed = int(time.time()) // 86_400
    print(f"seed {seed}", file=sys.stderr)
    chance = random.Random(seed)
    moments: list[Moment] = []
    for step in plan_of(write_recipe(modality, tmp_path).read_text("utf-8")).steps:
        trains = step.operation.kind in ("fit", "grid")
        for number in chance.sample(_SIGNALS, 2):
            moments.append((step.name, number, chance.uniform(0, 3.0 if trains else 0.2)))
        if step.operation.kind == "grid":
            moments += [(step.name, number, None) for number in _SIGNALS]
    _check(tmp_path, modality, moments, monkeypatch)
