"""Recordings with subtitles beside: `talk.wav` and `talk.srt`, `talk.vtt` or `talk.en.vtt`.

Each cue is a stretch of its recording.
"""

from __future__ import annotations

import re
from contextlib import suppress
from decimal import Decimal
from typing import Final

from tilth.context import PassesOver
from tilth.decode.look import read_text
from tilth.decode.text import UndecodableError
from tilth.formats.subtitles import Cue, read_cues
from tilth.reading.corpora.corpus import (
    NO_SOUND,
    Corpus,
    Given,
    Listing,
    Said,
    Time,
    composed,
    stem,
)
from tilth.schema import Row

COLUMNS: tuple[str, ...] = ("target", "subject")
META: tuple[str, ...] = ("meta.start", "meta.end", "meta.cue", "meta.language", "meta.voices")
LISTS = "files that end in .srt or .vtt"
HAS_PARTS, IS_SPELT = False, False
NOT_BESIDE: Final = "a recording without subtitles beside it"
SECOND: Final = "subtitles in SRT beside the same in WebVTT"
UNNAMED: Final = "subtitles in SRT that name no language, beside some in WebVTT that do"
NO_CUE: Final = "text that is of no cue"
# So much two cues overlap by how their times are rounded, seconds.
ROUNDING: Final = Decimal("0.1")
_ENDINGS = (".srt", ".vtt")
# BCP 47, as files are named by it.
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")


def is_list(name: str) -> bool:
    """Whether a path is that of a list of this layout."""
    return name.lower().endswith(_ENDINGS)


def is_like(names: list[str]) -> bool:
    """Whether a corpus looks like this layout."""
    return any(is_list(name) for name in names)


def catalogue(given: Given) -> Corpus:
    """What the subtitles say of the recordings beside them."""
    corpus = Corpus(stem, lambda _: (NOT_BESIDE, False))
    passes_over = given.context.passes_over
    there = set(map(stem, given.sounds))
    names = {composed(listing.name.lower()) for listing in given.listings}
    named = {_of(one, there)[0] for one in given.listings if one.name.lower().endswith(".vtt")}
    for listing in given.listings:
        ending = listing.name.rpartition(".")[2]
        name, language = _of(listing, there)
        if name not in there:
            passes_over(listing.uri, NO_SOUND)
        elif ending.lower() == "srt" and f"{composed(listing.name.lower())[:-3]}vtt" in names:
            passes_over(listing.uri, SECOND)
        elif ending.lower() == "srt" and not language and name in named:
            # Of which language they are nobody says, and the same would be said twice.
            passes_over(listing.uri, UNNAMED)
        else:
            _add(listing, name, language, corpus, passes_over)
    return corpus


def _of(listing: Listing, there: set[str]) -> tuple[str, str]:
    """The recording that subtitles are of, if it is there, and the language that they name."""
    name = composed(listing.name).rpartition(".")[0]
    base, _, last = name.rpartition(".")
    if name not in there and base in there and _LANGUAGE.fullmatch(last):
        return base, last
    return name, ""


def _add(
    listing: Listing, key: str, language: str, corpus: Corpus, passes_over: PassesOver
) -> None:
    cues = []
    data = listing.data
    with suppress(UndecodableError):
        # Of bytes that are no text each cue says so.
        decoded = read_text(data)
        data = decoded.text.encode() if decoded.how != "utf-8" else data
        if decoded.note:
            passes_over(listing.uri, decoded.note)
    for found in read_cues(data):
        if isinstance(found, Cue):
            cues.append(found)
        else:
            passes_over(f"{listing.uri}:{found.line}", NO_CUE)
    if not cues and listing.data:
        corpus.faults.append((listing.uri, "no cue is in it: no SRT or WebVTT?"))
    overlaps = _overlaps(cues)
    for cue in cues:
        place = f"{listing.uri}:{cue.line}"
        if cue.error:
            corpus.faults.append((place, cue.error))
            continue
        row = Row(target=cue.text)
        row |= {"meta.start": float(cue.start), "meta.end": float(cue.end)}
        row |= {"meta.cue": cue.name} if cue.name else {}
        row |= {"meta.language": language} if language else {}
        if len(cue.voices) == 1:
            row["subject"] = cue.voices[0]
        elif cue.voices:
            row["meta.voices"] = list(cue.voices)
        error = f"it overlaps the cue at line {overlaps[cue.line]}" if cue.line in overlaps else ""
        corpus.add(key, Said(place, row, error, Time(cue.start, cue.end), f"{language}:{cue.text}"))


def _overlaps(cues: list[Cue]) -> dict[int, int]:
    """Cues that share more of the time than rounding makes, each with another, by their lines."""
    found: dict[int, int] = {}
    longest: Cue | None = None
    for cue in sorted((cue for cue in cues if not cue.error), key=lambda one: one.start):
        if longest is not None and cue.start < longest.end - ROUNDING:
            found.setdefault(cue.line, longest.line)
            found.setdefault(longest.line, cue.line)
        if longest is None or cue.end > longest.end:
            longest = cue
    return found
