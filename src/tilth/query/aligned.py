"""Files that are line by line translations of each other, by their names and their lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from tilth.clean.language import codes
from tilth.errors import TilthError
from tilth.foreign import visible
from tilth.formats.streams import DamagedError, SourceFile, open_text
from tilth.query.seen import File, Seen
from tilth.spell import plural

_NAME: Final = re.compile(r"(?P<stem>.+)\.(?P<language>[a-z]{2,3})\Z")
# Of longer files the lines are not counted: their run does.
_MAX_BYTES: Final = 64 << 20


@dataclass(frozen=True)
class Aligned:
    """Pairs of files.

    Attributes:
        source, target: Codes of the languages.
        pairs: What their names share -> where both are.
        members: The files of all of them, those of further languages too.
        left_out: Of which files the lines do not fit, in sentences.
        doubts: What else may be meant, in sentences.
    """

    source: str
    target: str
    pairs: Mapping[str, tuple[str, str]]
    members: tuple[File, ...]
    left_out: tuple[str, ...]
    doubts: tuple[str, ...]


def aligned(seen: Seen) -> Aligned | None:
    """The pairs of the two languages that most files are in; None: there are none."""
    by_stem: dict[str, dict[str, File]] = {}
    known: frozenset[str] | None = None
    for file in seen.files:
        match = None if file.within else _NAME.match(file.name.removesuffix(".gz"))
        if match is None:
            continue
        known = frozenset(codes()) if known is None else known
        if match["language"] in known:
            by_stem.setdefault(match["stem"], {})[match["language"]] = file
    counts = Counter(pair for one in by_stem.values() for pair in combinations(sorted(one), 2))
    if not counts:
        return None
    (source, target), _ = max(counts.items(), key=lambda one: (one[1], one[0]))
    pairs: dict[str, tuple[str, str]] = {}
    left_out: list[str] = []
    doubts: list[str] = []
    for stem, files in sorted(by_stem.items()):
        if source not in files or target not in files:
            continue
        both = [files[one] for one in (source, target)]
        lines = [_num_lines(file) for file in both]
        if None in lines or lines[0] == lines[1]:
            pairs[stem] = both[0].uri, both[1].uri
        else:
            told = " and ".join(map(_told, both, lines))
            left_out.append(f"left out: {told}, where each line needs its translation")
    others = sorted({name for one in by_stem.values() for name in one} - {source, target})
    if others:
        doubts.append(f"there are files in {', '.join(others)}, too")
    members = tuple(file for one in by_stem.values() if len(one) > 1 for file in one.values())
    return (
        Aligned(source, target, pairs, members, tuple(left_out), tuple(doubts)) if pairs else None
    )


def _told(file: File, num_lines: int | None) -> str:
    name = visible(file.name).replace("\n", " ")
    return f"{name} has {plural(num_lines, 'line')}" if num_lines else f"{name} has none to read"


def _num_lines(file: File) -> int | None:
    """Lines of a file; None: not counted, as it is long. What cannot be read has none."""
    path, num_lines, last = Path(file.uri).expanduser(), 0, b"\n"
    if path.stat().st_size > _MAX_BYTES:
        return None
    with (
        suppress(TilthError, DamagedError, OSError),
        open_text(SourceFile(path, file.name, file.uri)) as stream,
    ):
        while piece := stream.read(1 << 18):
            num_lines, last = num_lines + piece.count(b"\n"), piece[-1:]
        return num_lines + (last != b"\n")
    return 0
