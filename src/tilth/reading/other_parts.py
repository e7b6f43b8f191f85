"""Files among a source's own that its settings name for something else than its samples."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from tilth.context import PassesOver
from tilth.formats.streams import SourceFile
from tilth.reading import remote


def but_named(named: Iterable[str | None], passes_over: PassesOver) -> PassesOver:
    """Tell of what a source passes over, less the files that its own settings name: they are read,
    though not as its samples."""
    places = {_real(place) for place in named if place is not None}
    if not places:
        return passes_over

    def tell(place: str, reason: str) -> None:
        if _real(place) not in places:
            passes_over(place, reason)

    return tell


def joined(settings: Any) -> list[str]:
    """Where the tables are that a source's settings join to it."""
    return [one.path for one in getattr(settings, "join", ()) if one.path is not None]


def without_joined(found: list[SourceFile], settings: Any) -> list[SourceFile]:
    """The files of a source less the tables that are joined to it, which give no sample."""
    places = set(map(_real, joined(settings)))
    return [one for one in found if not places or _real(one.uri) not in places]


def _real(place: str) -> str:
    return place if remote.is_remote(place) else os.path.realpath(os.path.expanduser(place))
