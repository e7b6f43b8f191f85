"""The disk that a run takes, by step."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tilth.query.runs import RunView

DATA = "data"
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class StepDisk:
    """Bytes of one step's data set."""

    name: str
    num_bytes: int


@dataclass(frozen=True)
class Disk:
    """The disk that a run's folder takes.

    Attributes:
        num_bytes: Of the whole folder; what a symbolic link points at is not of it.
        steps: Of the data sets of this invocation, the largest first; each once, as the line's own
            where an arm came to it as well.
        other_data: Bytes of further data sets: of earlier invocations, or not finished.
    """

    num_bytes: int
    steps: tuple[StepDisk, ...]
    other_data: int

    @property
    def data_bytes(self) -> int:
        """Of all data sets, without records and report."""
        return sum(step.num_bytes for step in self.steps) + self.other_data

    def __str__(self) -> str:
        """`1.2 GB: pretrain 800 MB, collect.site 300 MB, others 100 MB`."""
        shown = [f"{step.name} {spell_bytes(step.num_bytes)}" for step in self.steps[:3]]
        rest = sum(step.num_bytes for step in self.steps[3:])
        shown += [f"other steps {spell_bytes(rest)}"] if rest else []
        if self.other_data:
            shown.append(f"data sets that this run does not use {spell_bytes(self.other_data)}")
        return f"{spell_bytes(self.num_bytes)}" + (f": {', '.join(shown)}" if shown else "")


def disk_of(run: RunView) -> Disk:
    """The disk that a run takes; reads no file, only sizes."""
    sizes = {folder.name: tree_bytes(folder) for folder in data_sets(run.folder)}
    named: dict[str, str] = {}
    for step in sorted(run.steps, key=lambda step: step.is_arm):
        named.setdefault(step.folder.name, step.name)
    steps = [StepDisk(named[name], size) for name, size in sizes.items() if name in named]
    steps.sort(key=lambda step: (-step.num_bytes, step.name))
    other = sum(size for name, size in sizes.items() if name not in named)
    return Disk(tree_bytes(run.folder), tuple(steps), other)


def data_sets(run_folder: Path) -> list[Path]:
    """The folders below a run's `data`, by name; links are none of them."""
    data = run_folder / DATA
    if data.is_symlink() or not data.is_dir():
        return []
    return sorted(path for path in data.iterdir() if path.is_dir() and not path.is_symlink())


def tree_bytes(folder: Path) -> int:
    """Bytes of all files below a folder; links are not followed, hard links count once."""
    total, seen, waiting = 0, set[tuple[int, int]](), [str(folder)]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            # A run that goes on meanwhile renames and removes.
            continue
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(found.st_mode):
                waiting.append(entry.path)
            elif (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_size
    return total


def spell_bytes(num_bytes: int) -> str:
    """`812 bytes`, `4.1 kB`, `250 MB`, `1.2 GB`."""
    size, unit = float(num_bytes), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return (
        f"{size:.0f} {_UNITS[unit]}" if unit == 0 or size >= 9.95 else f"{size:.1f} {_UNITS[unit]}"
    )
