"""Whether what a source has fetched is newer than the data set beside it.

A file in the source's work folder says so: from when it is asked for again, over what is there by
then, to the end of the step that reads it. So whoever is stopped in between goes on there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tilth.store.files import remove, storage_errors, write_bytes

_NAME = "refreshed"

State = Literal["", "begun", "fetched"]


def begin(work: Path) -> None:
    """All is asked for again; until that is done the data set is what there is."""
    if state(work) == "":
        with storage_errors(work):
            work.mkdir(parents=True, exist_ok=True)
        write_bytes(work / _NAME, b"begun")


def fetched(work: Path) -> None:
    """All was asked for again; the data set is of what was there before."""
    write_bytes(work / _NAME, b"fetched")


def state(work: Path) -> State:
    """How far it is; empty where nothing is asked for again."""
    try:
        text = (work / _NAME).read_bytes()
    except OSError:
        return ""
    # One that was cut short was not finished either.
    return "fetched" if text == b"fetched" else "begun"


def forget(work: Path) -> None:
    """The data set is of what was fetched."""
    remove(work / _NAME)
