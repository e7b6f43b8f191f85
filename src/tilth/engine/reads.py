"""Files that code of the user's own opened while a step ran, and what they hold now."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tilth.store.files import sha256_file

# What a path has where nothing is.
ABSENT = "absent"


def as_now(paths: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of each file as it stands; `absent` of one that is not there."""
    return {path: _digest(Path(path)) for path in sorted(paths)}


def _digest(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError:
        return ABSENT
