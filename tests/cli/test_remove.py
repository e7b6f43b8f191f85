"""`tilth remove`, and the disk that `status` and `run` say."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tilth.query.disk import spell_bytes, tree_bytes


@pytest.fixture
def place(workplace: Path, tmp_path: Path) -> Path:
    shutil.copytree(workplace, tmp_path / "place")
    return tmp_path / "place"


Tilth = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tilth(place: Path, tilth_in: Command) -> Tilth:
    """Call a verb in this process: gives its exit code and what it writes to either stream."""

    def call(*arguments: str) -> tuple[int, str, str]:
        done = tilth_in(place, *arguments)
        return done.exit_code, done.stdout, done.stderr

    return call


def test_it_says_what_and_how_much_and_removes_nothing_unasked(place: Path, tilth: Tilth) -> None:
    size = spell_bytes(tree_bytes(place / "runs" / "small"))
    code, out, _ = tilth("remove", "small")
    assert code == 0
    assert f"{size} in all" in out
    assert "nothing was removed; --yes removes it" in out
    code, out, _ = tilth("remove", "small", "--unused")
    assert code == 0
    assert out.startswith("small has nothing that is not needed\nits history alone needs ")
    assert out.endswith(": --no-history\n")
    code, out, _ = tilth("remove", "small", "--unused", "--no-history", "--json")
    planned = json.loads(out)
    assert not planned["done"]
    assert len(planned["parts"]) == 4
    assert planned["num_bytes"] == sum(part["num_bytes"] for part in planned["parts"])
    assert (place / "runs" / "small" / "run.json").is_file()


def test_with_yes_it_is_gone(place: Path, tilth: Tilth) -> None:
    code, out, _ = tilth("remove", "small", "--unused", "--no-history", "--yes")
    assert code == 0
    assert "removed " in out
    assert len(list((place / "runs" / "small" / "data").iterdir())) == 7
    code, out, _ = tilth("remove", "small", "--yes", "--json")
    assert json.loads(out)["done"]
    assert list((place / "runs").iterdir()) == []
    code, _, err = tilth("remove", "small")
    assert code == 3
    assert "there is no run" in err


def test_a_flag_that_would_mean_nothing_is_refused(place: Path, tilth: Tilth) -> None:
    code, _, err = tilth("remove", "small", "--no-history", "--yes")
    assert code == 2
    assert "`--no-history` does nothing without `--unused`" in err
    assert (place / "runs" / "small" / "run.json").is_file()


@pytest.mark.parametrize("answer", ["n", "y"])
def test_on_a_terminal_it_asks(place: Path, answer: str) -> None:
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from tilth.cli.main import main; main()", "remove", "small"],
        cwd=place,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(control, 65536)
    os.write(control, answer.encode() + b"\n")
    assert process.wait(60) == 0
    os.close(control)
    assert (place / "runs" / "small").exists() == (answer == "n")


def test_status_and_the_end_of_a_run_say_the_disk(place: Path, tilth: Tilth) -> None:
    size = spell_bytes(tree_bytes(place / "runs" / "small"))
    _, out, _ = tilth("status", "small")
    assert f"disk    {size}\n" in out
    (step,) = [line for line in out.splitlines() if line.startswith("collect.docs")]
    (data,) = (place / "runs" / "small" / "data").glob("collect.docs-*")
    assert step.endswith(f" {spell_bytes(tree_bytes(data))}")
    assert "tilth remove small --unused --no-history" in out
    _, out, _ = tilth("status")
    assert size in out
    _, out, _ = tilth("status", "small", "--json")
    assert json.loads(out)["disk"]["num_bytes"] == tree_bytes(place / "runs" / "small")
    code, out, _ = tilth("run", "small-12.yaml")
    assert code == 1
    # The report was written anew, and a record was added.
    assert f"disk    {spell_bytes(tree_bytes(place / 'runs' / 'small'))}" in out
