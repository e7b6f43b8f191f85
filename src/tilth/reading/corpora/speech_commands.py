"""Speech Commands: a folder a word, and lists of what is for validation and for testing.

Warden 2018, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition". A file is
`WORD/SPEAKER_nohash_NUMBER.wav`; a line of a list is such a path. What no list names is for
training.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tilth.errors import DataError, RecordError
from tilth.reading.corpora.corpus import (
    Corpus,
    Given,
    Listing,
    Said,
    composed,
    text_of,
)
from tilth.schema import Row

COLUMNS: tuple[str, ...] = ("target", "label", "label_origin", "subject", "split")
META: tuple[str, ...] = ()
LISTS = "validation_list.txt and testing_list.txt"
HAS_PARTS, IS_SPELT = False, True
NOISE = "background noise, in which no word is said"
_LISTS = {"validation_list.txt": "validation", "testing_list.txt": "test"}
_NOISE = "_background_noise_"
_SPEAKER = re.compile(r"([^/]+)_nohash_\d+\.[^./]+")


def is_list(name: str) -> bool:
    """Whether a path is that of a list of this layout."""
    return name.rpartition("/")[2] in _LISTS


def is_like(names: list[str]) -> bool:
    """Whether a corpus looks like this layout."""
    return any(is_list(name) for name in names)


def catalogue(given: Given) -> Corpus:
    """What the folders and the names say, and of which split the lists have it.

    Raises:
        DataError: One of the lists is there without the other.
    """
    splits: dict[str, tuple[str, str]] = {}
    faults: dict[str, str] = {}
    corpus = Corpus(composed, _without)
    roots = {listing.folder for listing in given.listings}
    _require_both(given.listings, roots)
    for listing in given.listings:
        for place, line in listing.lines():
            try:
                name = composed(listing.folder + text_of(line).strip())
            except RecordError as error:
                corpus.faults.append((place, str(error)))
                continue
            if name in splits:
                faults[name] = f"it is listed twice: {splits[name][1]} and {place}"
            splits.setdefault(name, (_LISTS[listing.base], place))
    for sound in map(composed, given.sounds):
        folder, _, base = sound.rpartition("/")
        above, _, word = folder.rpartition("/")
        if not word or word == _NOISE:
            continue
        split, place = splits.pop(sound, ("train" if f"{above}/"[not above :] in roots else "", ""))
        row = Row(label=word, label_origin="given")
        # Folders such as `_silence_` and `_unknown_`, of the set for testing, are no words.
        row |= {} if word.startswith("_") and word.endswith("_") else {"target": word}
        if split:
            row["split"] = split
        if speaker := _SPEAKER.fullmatch(base):
            row["subject"] = speaker[1]
        corpus.add(sound, Said(place or sound, row, faults.get(sound, "")))
    for name, (_, place) in splits.items():
        corpus.add(name, Said(place, Row()))
    return corpus


def _without(name: str) -> tuple[str, bool]:
    is_noise = name.rpartition("/")[0].rpartition("/")[2] == _NOISE
    return (NOISE, False) if is_noise else ("it lies in no folder that is a word", True)


def _require_both(listings: Sequence[Listing], roots: set[str]) -> None:
    for folder in sorted(roots):
        there = {listing.base for listing in listings if listing.folder == folder}
        for name in sorted(_LISTS.keys() - there):
            other = next(iter(there))
            raise DataError(
                f"there is {other}, and no {name} beside it",
                where=next(one.uri for one in listings if one.folder == folder),
                hint="what is in neither list is for training; an empty file says that none is",
                code="columns",
            )
