"""What code of a user's own opened while a step ran, kept task by task until the step is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from tilth.errors import source_changed
from tilth.reads import as_now
from tilth.records import Record, read_if_whole
from tilth.store.files import remove, write_record

_READS = "reads"


class _Opened(Record):
    """The files that one task opened, and what they held."""

    files: dict[str, str] = Field(default_factory=dict)


def keep_reads(folder: Path, kind: str, index: int, found: Mapping[str, str]) -> None:
    """Keep what a task opened, before what it made counts.

    Args:
        folder: Of the step.
        kind, index: Of the task, among those of the step.
        found: As `tilth.reads.Reads.digests` gives it.
    """
    write_record(folder / _READS / f"{kind}-{index}.json", _Opened(files=dict(found)))


def reads_of(folder: Path, step: str) -> dict[str, str]:
    """What all tasks of a step opened.

    Args:
        folder: Of the step.
        step: Its name, for the error.

    Raises:
        DataError: Two of them found another content in a file.
    """
    found: dict[str, str] = {}
    for path in sorted((folder / _READS).glob("*.json")):
        opened = read_if_whole(_Opened, path)
        for name, digest in opened.files.items() if opened else ():
            if found.setdefault(name, digest) != digest:
                raise source_changed(step, [name])
    return found


def are_as_they_were(folder: Path, step: str) -> bool:
    """Whether a step that goes on would find what it found before it was stopped."""
    found = reads_of(folder, step)
    return as_now(found, [folder.parents[1]]) == found


def forget_reads(folder: Path) -> None:
    """Remove what is in the manifest by now, or is of what is made anew."""
    remove(folder / _READS)
