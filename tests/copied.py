"""A copy of Tilth with what pages of the documentation add to it, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
_COMMAND = "from tilth.cli.main import main; main()"


def copy_with(pages: Sequence[str], root: Path) -> int:
    """Copies the source below `root` and adds what the pages show.

    A block of Python whose first line is the path of a file is that file. A block `diff` is a
    change of the file in its first line: lines that are there once, and those to add (`+`).

    Returns:
        How many files and changes they show.
    """
    source = root / "src" / "tilth"
    # With what is compiled already: each has the time of its source, which is copied too.
    shutil.copytree(ROOT / "src" / "tilth", source)
    text = "".join((ROOT / page).read_text("utf-8") for page in pages)
    files = re.findall(r"```python\n# (src/tilth/\S+\.py)\n(.*?)```", text, re.DOTALL)
    changes = re.findall(r"```diff\n# (src/tilth/\S+)\n(.*?)```", text, re.DOTALL)
    for name, block in files:
        assert not (root / name).exists()
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(block, "utf-8")
    for name, block in changes:
        lines = block.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] == " ")
        after = "".join(line[1:] for line in lines)
        whole = (root / name).read_text("utf-8")
        assert whole.count(before) == 1, (name, before)
        (root / name).write_text(whole.replace(before, after), "utf-8")
    return len(files) + len(changes)


def called(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command of the copy, in its folder."""
    return subprocess.run(
        [sys.executable, "-c", _COMMAND, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
    )


def printed(root: Path, *arguments: str) -> str:
    """What the command of the copy prints, which has to end well."""
    done = called(root, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout
