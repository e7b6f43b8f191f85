"""A share of what `make faults` tries, and that a fault would be found."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.__main__ import Found, Tried
from tests.faults.failing import Calls, Fault, drawn


def _tried(*arguments: str) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults", "--kinds", "records"]
    # It forks, which a process of tests with its threads should not.
    done = subprocess.run(
        [*command, *arguments],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 wrong" in done.stdout


@pytest.mark.slow
def test_twenty_stops_change_nothing() -> None:
    _tried("--count", "20")


@pytest.mark.slow
def test_twenty_calls_that_fail_change_nothing() -> None:
    # Of each step one early and one late, another in each.
    _tried("--calls", "--every", "53", "--seed", "20", "--count", "20")


@pytest.mark.slow
def test_disks_clocks_sources_and_other_runs_change_nothing() -> None:
    _tried("--around", "--count", "7")


@pytest.mark.parametrize("lasting", [False, True])
def test_the_call_of_a_number_fails(lasting: bool, tmp_path: Path) -> None:
    calls = Calls(Fault(2, errno.ENOSPC, lasting), tmp_path)
    calls.meets("write", tmp_path / "a")
    calls.meets("write", tmp_path.with_name(f"{tmp_path.name}-other"))
    with pytest.raises(OSError, match="No space left") as caught:
        calls.meets("rename", tmp_path / "a")
    assert caught.value.errno == errno.ENOSPC
    # A disk that is full stays it, and lets go of what is removed.
    calls.meets("unlink", tmp_path / "a")
    calls.meets("read", tmp_path / "a")
    if lasting:
        with pytest.raises(OSError, match="No space left"):
            calls.meets("write", tmp_path / "a")
    else:
        calls.meets("write", tmp_path / "a")


def test_what_is_drawn_is_the_same_each_time_and_of_every_kind() -> None:
    found = [drawn(0, "records", "clean.signals", number) for number in range(1, 60)]
    assert found == [drawn(0, "records", "clean.signals", number) for number in range(1, 60)]
    assert {fault.error for fault in found} == {errno.ENOSPC, errno.EIO, errno.EDQUOT}
    assert {fault.lasting for fault in found} == {True, False}


def test_what_was_tried_is_not_tried_again(tmp_path: Path) -> None:
    tried = Tried(tmp_path / "state")
    tried.add(Found("stop 1", "", {"sent": ["kill"]}))
    tried.add(Found("stop 2", "it hung", {"sent": ["kill", "int"]}))
    again = Tried(tmp_path / "state")
    assert again.found == tried.found
    assert again.summary() == "sent: kill 2, int 1\n2 tried in all, 1 wrong"
