"""State that a test writes by hand, with the checksum that Tilth would have given it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tilth.records import sealed
from tilth.store.files import read_json, write_json


def write_sealed(path: Path, found: Any) -> None:
    """Write an object of JSON as a record that is kept."""
    write_json(path, sealed(found))


def change_sealed(path: Path, change: Callable[[Any], object]) -> None:
    """Change what a record holds, so that it is none that was damaged.

    Args:
        path: Of the record.
        change: Changes the object of JSON that it is given.
    """
    found = read_json(path)
    change(found)
    write_sealed(path, found)
