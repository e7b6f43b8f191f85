"""`tilth run` in a process of its own: exit codes, streams, and what a stop leaves."""

from __future__ import annotations

import json
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, recipe_file, start, write_documents
from tilth.recipe import load, plan, times
from tilth.recipe.model import Recipe

SLOW = """
import time

def slow(text: str) -> float:
    time.sleep(0.05)
    return 1.0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_documents(tmp_path / "docs.jsonl")
    recipe_file(tmp_path)
    return tmp_path


def test_a_run_with_a_bad_record_ends_with_one_and_a_document(folder: Path) -> None:
    process = start("run", "small-12.yaml", "--json", cwd=folder)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    document = json.loads(out)
    assert (document["exit"], document["status"], document["quarantined"]) == (1, "done", 1)
    assert Path(folder, document["report"]).is_file()
    assert "clean.rules: started (never run)" in err
    assert "\x1b" not in out + err
    for step in document["steps"]:
        assert step["num_in"] == step["kept"] + step["dropped"] + step["quarantined"]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names of the recipes that this process checks and plans, as often as it does."""
    seen: dict[str, list[str]] = {"loaded": [], "planned": []}

    class Check(load._Check):
        def __init__(self, name: str, *rest: Any) -> None:
            seen["loaded"].append(name)
            super().__init__(name, *rest)

    class Builder(plan._Builder):
        def __init__(self, recipe: Recipe, limit: int | None) -> None:
            seen["planned"].append(recipe.name)
            super().__init__(recipe, limit)

    monkeypatch.setattr(load, "_Check", Check)
    monkeypatch.setattr(plan, "_Builder", Builder)
    times._planned.cache_clear()
    return seen


def test_a_run_loads_and_plans_its_recipe_once(
    folder: Path, tilth_in: Command, counted: dict[str, list[str]]
) -> None:
    for left in (7, 0):
        done = tilth_in(folder, "run", "small-12.yaml")
        assert done.exit_code == 1
        assert f"{left} steps to run of 7" in done.stderr
        assert counted == {"loaded": ["small-12.yaml"], "planned": ["small"]}
        counted["loaded"].clear()
        counted["planned"].clear()


def test_the_starter_that_a_run_is_measured_by_is_planned_once_too(
    folder: Path, tilth_in: Command, counted: dict[str, list[str]]
) -> None:
    for command in ("init digits mine.yaml", "run mine.yaml --only collect.vendor --limit 5"):
        done = tilth_in(folder, *command.split())
        assert done.exit_code == 0
    assert counted == {"loaded": ["mine.yaml", "digits"], "planned": ["mine", "digits"]}


def test_a_run_that_is_done_is_not_run_again(
    workplace: Path, tmp_path: Path, tilth_in: Command
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(workplace, copy)
    done = tilth_in(copy, "run", "small-12.yaml")
    assert done.exit_code == 1
    assert "0 steps to run of 7" in done.stderr
    assert "report  runs/small/report.html" in done.stdout
    assert "tilth show small collect.docs --quarantined" in done.stdout


def test_a_clean_run_ends_with_zero(folder: Path, tilth_in: Command) -> None:
    docs = folder / "docs.jsonl"
    docs.write_text(docs.read_text("utf-8").rpartition('{"text": "cut')[0], "utf-8")
    done = tilth_in(folder, "run", "small-12.yaml", "--only", "rules", "--name", "sound")
    assert done.exit_code == 0
    assert "clean.rules" in done.stdout
    assert "exact" not in done.stdout
    assert (folder / "runs" / "sound" / "run.json").is_file()


def test_a_step_that_fails_ends_with_one_and_the_books_so_far(
    folder: Path, tilth_in: Command
) -> None:
    path = folder / "small-12.yaml"
    path.write_text(path.read_text("utf-8").replace("0.01", "0.0001"), "utf-8")
    done = tilth_in(folder, "run", "small-12.yaml", "--json")
    assert done.exit_code == 1
    err = done.stderr
    document = json.loads(done.stdout)
    assert document["error"]["code"] == "error-budget"
    assert document["status"] == "failed"
    assert [step["name"] for step in document["steps"]] == ["collect.docs"]
    assert "error[error-budget]" in err
    assert "--quarantined" in err


def test_a_rule_over_a_signal_that_nothing_measured(folder: Path, tilth_in: Command) -> None:
    path = folder / "small-12.yaml"
    path.write_text(
        path.read_text("utf-8").replace("alpha_ratio >= 0.5", "digit_ratio < 1"), "utf-8"
    )
    done = tilth_in(folder, "run", "small-12.yaml")
    err = done.stderr
    # Found before anything runs.
    assert done.exit_code == 2
    assert "`clean.rules` reads `digit_ratio`, and nothing before it fills that" in err
    assert "nothing was run" in err
    assert not (folder / "runs").exists()


def test_a_place_that_cannot_hold_runs(folder: Path) -> None:
    (folder / "runs").write_text("a file", "utf-8")
    process = start("run", "small-12.yaml", cwd=folder)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert "--runs DIR" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_no_accident(folder: Path, number: int) -> None:
    (folder / "slow.py").write_text(SLOW, "utf-8")
    path = folder / "small-12.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("ratio]}", 'ratio], functions: ["slow.py:slow"]}'), "utf-8")
    process = start("run", "small-12.yaml", "--json", cwd=folder)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("clean.signals: started"):
            break
    time.sleep(0.5)
    begin = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    # The shard would take 20 s: its worker is ended, not waited for.
    assert time.monotonic() - begin < 8
    assert "stopped; what was committed is kept" in err
    assert "Traceback" not in err
    document = json.loads(out)
    assert document["status"] == "stopped"
    assert document["left"][0]["name"] == "clean.signals"
    if number == signal.SIGTERM:
        return
    path.write_text(text, "utf-8")
    again = start("run", "small-12.yaml", "--only", "rules", "--json", cwd=folder)
    out, _ = again.communicate(timeout=120)
    steps = {step["name"]: step["cached"] for step in json.loads(out)["steps"]}
    assert steps["clean.normalize"]
    assert not steps["clean.signals"]


def test_a_stop_that_is_sent_many_times_is_one_stop(folder: Path) -> None:
    """By the terminal to all, by a wrapper once more, and by whoever cannot wait."""
    (folder / "slow.py").write_text(SLOW, "utf-8")
    path = folder / "small-12.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("ratio]}", 'ratio], functions: ["slow.py:slow"]}'), "utf-8")
    process = start("run", "small-12.yaml", "--json", cwd=folder)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("clean.signals: started"):
            break
    for number in (signal.SIGINT, signal.SIGTERM, *[signal.SIGINT] * 40):
        process.send_signal(number)
        time.sleep(0.01)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.count("stopped; what was committed is kept") == 1
    assert json.loads(out)["status"] == "stopped"


def _on_a_terminal(folder: Path, columns: int, **environment: str) -> str:
    """What `tilth run` writes to a terminal of so many columns."""
    arguments = ["run", "small-12.yaml", "--only", "rules"]
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from tilth.cli.main import main; main()", *arguments],
        cwd=folder,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns), **environment},
    )
    os.close(terminal)
    chunks = []
    while True:
        try:
            chunk = os.read(control, 65536)
        except OSError:
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(control)
    assert process.wait(60) == 1
    return b"".join(chunks).decode()


def test_a_terminal_has_a_live_line_and_the_funnel(folder: Path) -> None:
    text = _on_a_terminal(folder, 60)
    assert "\x1b[?25l" in text
    assert "1/4 collect.docs" in text
    assert "400 in = 400 kept" in text
    assert "quar." in text
    funnel = text[text.rindex("quar.") :].replace("\x1b[0m", "")
    assert all(len(line.rstrip("\r")) <= 60 for line in funnel.split("\n"))
    plain = _on_a_terminal(folder, 60, NO_COLOR="1")
    assert "\x1b[32m" not in plain
    assert "\x1b[1m" not in plain
    assert "cached" in plain


def test_a_reader_that_leaves_early_is_no_error(workplace: Path) -> None:
    process = start("show", "small", "docs", "-n", "400", cwd=workplace)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_output_in_a_narrow_encoding(folder: Path, tilth_in: Command) -> None:
    docs = folder / "docs.jsonl"
    docs.write_text('{"text": "Grüße, 世界"}\n' * 2, "utf-8")
    tilth_in(folder, "run", "small-12.yaml", "--only", "docs", "--name", "narrow")
    process = start("show", "narrow", "docs", cwd=folder, PYTHONIOENCODING="ascii")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "\\u4e16" in out


def test_help_is_quick(folder: Path) -> None:
    def processor_s() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    seconds = []
    for _ in range(3):
        begin = processor_s()
        process = start("--help", cwd=folder)
        process.communicate(timeout=30)
        seconds.append(processor_s() - begin)
    assert min(seconds) < 0.3


def test_a_changed_threshold_is_why_a_step_runs(
    workplace: Path, tmp_path: Path, tilth_in: Command
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(workplace, copy)
    path = copy / "small-12.yaml"
    path.write_text(
        path.read_text("utf-8").replace("word_count >= 12", "word_count >= 11"), "utf-8"
    )
    done = tilth_in(copy, "run", "small-12.yaml", "--only", "hold_out")
    err = done.stderr
    assert done.exit_code == 1
    assert "clean.signals: 400 in = 400 kept + 0 dropped + 0 quarantined, cached" in err
    assert "clean.rules: started (where: " in err
    assert "hold_out: started (its input changed: `clean.rules`)" in err
    # What this run did not reach is still known to the next plan.
    planned = tilth_in(copy, "plan", "small-12.yaml")
    assert "its input changed: `deduplicate.hold_out`" in planned.stdout
