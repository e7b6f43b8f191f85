"""A starter copied out to a file, and what a run is called that a file describes."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import yaml

from tilth.errors import MissingError
from tilth.recipe.load import starters
from tilth.recipe.words import unknown_word

_MAX_NAME = 64


def copy_starter(starter: str, file: Path) -> tuple[str, str]:
    """A starter to write to a file: its text, its run named after the file, and that name.

    Two files with one name would take turns in one run's folder, so the copy is not called like
    the starter.

    Raises:
        MissingError: There is no such starter.
    """
    shipped = starters()
    if starter not in shipped:
        raise MissingError(
            f"there is no starter `{starter}`",
            hint=unknown_word(starter, list(shipped), "tilth list starters"),
        )
    name = run_name(file.stem) or f"my-{starter}"
    # A file called `2026.yaml` must not name its run by a number.
    written = name if yaml.safe_load(name) == name else f'"{name}"'
    return re.sub(r"^name: .*$", f"name: {written}", shipped[starter], count=1, flags=re.M), name


def run_name(name: str) -> str:
    """What a run may be called after a name; what it cannot hold becomes `-`. Empty: nothing."""
    # Letters stay without their accents: the run of `été.yaml` is `ete`.
    parts = unicodedata.normalize("NFKD", name)
    plain = "".join(char for char in parts if not unicodedata.combining(char))
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).lstrip("._-")[:_MAX_NAME].rstrip("._-")
