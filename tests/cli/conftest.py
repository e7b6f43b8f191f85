"""The command in this process or in one of its own, over the small run of the query tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.engine.inline import use_inline
from tests.query.conftest import recipe_file, workplace, write_documents
from tilth.cli.main import app

__all__ = ["recipe_file", "workplace", "write_documents"]

Command = Callable[..., Any]


@pytest.fixture
def tilth(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Call a verb in this process, where the small run is: gives exit_code, stdout, stderr."""
    monkeypatch.chdir(workplace)
    runner = CliRunner()

    def call(*arguments: str) -> Any:
        return runner.invoke(app, list(arguments), catch_exceptions=False)

    return call


@pytest.fixture
def tilth_in(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Call a verb in this process, in a folder: its runs need no processes of their own."""
    use_inline(monkeypatch)
    runner = CliRunner()

    def call(folder: Path, *arguments: str) -> Any:
        monkeypatch.chdir(folder)
        return runner.invoke(app, list(arguments), catch_exceptions=False)

    return call


# What a shell starts in the background ignores Ctrl-C, and so would what the tests start.
_COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from tilth.cli.main import main
main()
"""


def start(*arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    """The command in a process of its own, with pipes for its streams."""
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
