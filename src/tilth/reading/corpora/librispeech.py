"""LibriSpeech: `PART/SPEAKER/CHAPTER/SPEAKER-CHAPTER.trans.txt` beside its sounds.

Panayotov et al. 2015, "Librispeech: an ASR corpus based on public domain audio books". A line is
`SPEAKER-CHAPTER-NUMBER TRANSCRIPT`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from tilth.context import PassesOver
from tilth.errors import RecordError
from tilth.reading.corpora.corpus import (
    LEFT_OUT,
    UNLISTED,
    Corpus,
    Given,
    Listing,
    Said,
    agreed,
    composed,
    part_of,
    require_parts,
    split_name,
    split_of,
    stem,
    text_of,
    transcript,
)
from tilth.schema import Row

COLUMNS: tuple[str, ...] = ("target", "subject", "split")
META: tuple[str, ...] = (
    "meta.part",
    "meta.chapter",
    "meta.sex",
    "meta.speaker_name",
    "meta.speaker_minutes",
)
LISTS = "files that end in .trans.txt"
HAS_PARTS, IS_SPELT = True, True
_ENDING = ".trans.txt"
_SPEAKERS = "speakers.txt"
_WHAT = "`SPEAKER-CHAPTER-NUMBER TRANSCRIPT`"
NO_SPEAKER: Final = "a line that is not `ID | SEX | SUBSET | MINUTES | NAME`"


def is_list(name: str) -> bool:
    """Whether a path is that of a list of this layout."""
    return name.lower().endswith(_ENDING) or name.lower().rpartition("/")[2] == _SPEAKERS


def is_like(names: list[str]) -> bool:
    """Whether a corpus looks like this layout."""
    return any(name.lower().endswith(_ENDING) for name in names)


def catalogue(given: Given) -> Corpus:
    """What the transcripts say, by the sounds beside them.

    Raises:
        DataError: Not one line is of this layout, or a part that the recipe names is not there.
    """
    corpus, others = Corpus(stem), Corpus(stem)
    found = [one for one in given.listings if one.name.lower().endswith(_ENDING)]
    parts = {listing.name: part_of(listing.uri, 3) for listing in found}
    require_parts(given.parts, parts.values(), given.place)
    told = given.context.passes_over
    tables = [one for one in given.listings if one not in found]
    lines = itertools.chain.from_iterable(_speakers(table, told) for table in tables)
    speakers = {name: row for name, (_, row) in agreed(lines, told).items()}
    for listing in found:
        part = parts[listing.name]
        is_read = not given.parts or part in given.parts
        if not is_read:
            given.context.passes_over(listing.uri, LEFT_OUT)
        _add(listing, part, speakers, corpus if is_read else others)
    corpus.require_some(_WHAT)
    left_out = others.keys()
    corpus.without = lambda name: (LEFT_OUT, False) if stem(name) in left_out else UNLISTED
    return corpus


def _add(listing: Listing, part: str, speakers: dict[str, Row], corpus: Corpus) -> None:
    for place, line in listing.lines():
        try:
            name, text = split_name(line)
            parts = name.split("-")
            if len(parts) < 3:
                raise RecordError(f"a line that is not {_WHAT}")
        except RecordError as error:
            corpus.faults.append((place, str(error)))
            continue
        said, cause = transcript(text)
        row = Row(target=said, subject=parts[0])
        row |= {"meta.part": part} if part else {}
        row |= {"split": split_of(part)} if split_of(part) else {}
        row |= {"meta.chapter": parts[1], **speakers.get(parts[0], {})}
        corpus.add(composed(listing.folder + name), Said(place, row, cause))


def _speakers(listing: Listing, passes_over: PassesOver) -> Iterator[tuple[str, str, Row]]:
    """`ID | SEX | SUBSET | MINUTES | NAME`, and comments behind a semicolon."""
    for place, line in listing.lines():
        if line.startswith(b";"):
            continue
        try:
            cells = [cell.strip() for cell in text_of(line).split("|", 4)]
        except RecordError:
            cells = []
        if len(cells) < 5 or not cells[0]:
            passes_over(place, NO_SPEAKER)
            continue
        names = ("meta.sex", "meta.speaker_minutes", "meta.speaker_name")
        said = zip(names, (cells[1], cells[3], cells[4]), strict=True)
        yield place, cells[0], Row({name: cell for name, cell in said if cell})
