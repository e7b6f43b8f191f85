"""A file beside sounds that says what is said in them, `name TAB text` a line."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tilth.decode.text import decode_loosely
from tilth.errors import TilthError
from tilth.formats.streams import DamagedError, SourceFile, open_text, read_any_lines
from tilth.query.roles import shown
from tilth.query.seen import File, Seen

_MAX_LINES: Final = 1_000_000
_MAX_LINE: Final = 1 << 16
# Share of the sounds that a file must name to be that of their transcripts.
_LEAST: Final = 0.5
# Layouts of `speech_corpus`, by names of lists that nothing else is called by.
_LISTS: Final = {
    "common_voice": ("validated.tsv",),
    "librispeech": (".trans.txt",),
    "kaldi": ("wav.scp",),
    "speech_commands": ("validation_list.txt", "testing_list.txt"),
    "subtitles": (".srt", ".vtt"),
}


@dataclass(frozen=True)
class Transcripts:
    """A file of transcripts.

    Attributes:
        file: It.
        path: Where it is, as a recipe names it.
        num_named: Sounds that it names.
    """

    file: File
    path: str
    num_named: int


def heard(sounds: Sequence[File], seen: Seen) -> Transcripts | None:
    """The file that names most of the sounds, if any names half of them."""
    keys = [_keys(file.name) for file in sounds]
    best: Transcripts | None = None
    for file in seen.files:
        if file.within or file.kind not in ("text", "tsv", "csv", "markdown"):
            continue
        names = _names(file)
        num_named = sum(any(key in names for key in one) for one in keys) if names else 0
        if num_named >= _LEAST * len(sounds) and (best is None or num_named > best.num_named):
            best = Transcripts(file, file.uri, num_named)
    return best


def corpora(seen: Seen) -> list[str]:
    """Lists of a corpus in a known layout, which `speech_corpus` reads with what they say."""
    found: dict[str, str] = {}
    for file in seen.files:
        base = file.name.rpartition("/")[2].lower()
        for layout, ends in _LISTS.items():
            if base.endswith(ends):
                found.setdefault(layout, file.name)
    return [
        f"{shown(name)} is a list of the layout `{layout}`: if the sounds are such a corpus, "
        "`speech_corpus` reads them with what its lists say (`tilth explain speech_corpus`)"
        for layout, name in found.items()
    ]


def _keys(name: str) -> tuple[str, ...]:
    base = name.rpartition("/")[2]
    return tuple(map(_composed, (name, base, os.path.splitext(base)[0])))


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _names(file: File) -> set[str]:
    """What stands before the tabs; nothing where a line has none, or a name is there twice."""
    names: set[str] = set()
    with suppress(TilthError, DamagedError, OSError):
        for line in _lines(file):
            name, tab, _ = line.partition("\t")
            if not line.strip():
                continue
            if not tab or _composed(name) in names or len(names) > _MAX_LINES:
                return set()
            names.add(_composed(name))
    return names


def _lines(file: File) -> Iterator[str]:
    path = Path(file.uri).expanduser()
    with open_text(SourceFile(path, file.name, file.uri)) as stream:
        for line, _ in read_any_lines(stream, _MAX_LINE):
            yield decode_loosely(line)
