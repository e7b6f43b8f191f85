"""A data folder of Kaldi: `wav.scp`, and beside it `text`, `segments`, `utt2spk`, `spk2gender`.

Kaldi, "Data preparation". Without `segments` each recording is an utterance; with it the utterances
are stretches of the recordings.
"""

from __future__ import annotations

import os
import posixpath
import re
from typing import Final

from tilth.context import PassesOver, unsaid
from tilth.errors import RecordError
from tilth.formats.kaldi import Segment, as_path, as_segment
from tilth.reading.corpora.corpus import (
    LEFT_OUT,
    NO_WORDS,
    Corpus,
    Given,
    Listing,
    Said,
    Time,
    composed,
    part_of,
    require_parts,
    split_name,
    split_of,
    text_of,
)
from tilth.reading.whole_sound import SUFFIXES
from tilth.schema import Row

COLUMNS: tuple[str, ...] = ("target", "subject", "split")
META: tuple[str, ...] = ("meta.utterance", "meta.recording", "meta.gender", "meta.part")
LISTS = "wav.scp"
HAS_PARTS, IS_SPELT = True, True
NO_TABLE: Final = "a table of Kaldi without `wav.scp` beside it"
PART_OF: Final = "a part of a data folder, as Kaldi's split_data.sh makes them"
NO_UTTERANCE: Final = "a transcript of an utterance that is nowhere else"
NO_SEGMENT: Final = "a recording of which no segment is taken"
_LISTS = ("wav.scp", "text", "segments", "utt2spk", "spk2gender")
_PART = re.compile(r"(?:^|/)split\d+[a-z]*/\d+/")
_Table = dict[str, tuple[str, bytes, str]]


def is_list(name: str) -> bool:
    """Whether a path is that of a list of this layout."""
    return name.rpartition("/")[2] in _LISTS


def is_like(names: list[str]) -> bool:
    """Whether a corpus looks like this layout."""
    return any(name.rpartition("/")[2] == "wav.scp" for name in names)


def catalogue(given: Given) -> Corpus:
    """What the tables say of the recordings.

    Raises:
        DataError: A folder that the recipe names is not there.
    """
    corpus, others = Corpus(composed), Corpus(composed)
    there = set(map(composed, given.sounds))
    folders: dict[str, dict[str, Listing]] = {}
    for listing in given.listings:
        if _PART.search(listing.name):
            given.context.passes_over(listing.uri, PART_OF)
        else:
            folders.setdefault(listing.folder, {})[listing.base] = listing
    named = {name: tables for name, tables in folders.items() if "wav.scp" in tables}
    parts = {name: part_of(tables["wav.scp"].uri, 1) for name, tables in named.items()}
    require_parts(given.parts, parts.values(), given.listings[0].uri if given.listings else "")
    for name, tables in folders.items():
        is_read = name in named and (not given.parts or parts[name] in given.parts)
        for listing in tables.values() if not is_read else ():
            given.context.passes_over(listing.uri, LEFT_OUT if name in named else NO_TABLE)
        if name in named:
            told = given.context.passes_over if is_read else unsaid
            taken = corpus if is_read else others
            _Folder(tables, parts[name], taken, given.root, there).add(told)
    left_out = others.keys()
    corpus.without = lambda name: (
        LEFT_OUT if composed(name) in left_out else "a sound of which no utterance is taken",
        False,
    )
    return corpus


class _Folder:
    """One data folder."""

    def __init__(
        self,
        tables: dict[str, Listing],
        part: str,
        corpus: Corpus,
        root: str,
        there: set[str],
    ) -> None:
        self._tables, self._part, self._corpus = tables, part, corpus
        self._root, self._there = root, there
        self._folder = tables["wav.scp"].folder
        self._text, self._speakers = self._table("text"), self._table("utt2spk")
        self._genders = self._table("spk2gender")

    def add(self, passes_over: PassesOver) -> None:
        """Its utterances, in the order in which it lists them."""
        recordings = self._table("wav.scp")
        told: set[str] = set()
        used: set[str] = set()
        if "segments" not in self._tables:
            for name, (place, entry, error) in recordings.items():
                told.add(name)
                self._put(name, place, entry, error, None)
        else:
            for name, (place, entry, error) in self._table("segments").items():
                told.add(name)
                try:
                    segment = None if error else as_segment(text_of(entry))
                except (RecordError, ValueError) as wrong:
                    error, segment = str(wrong), None
                if segment is None:
                    self._corpus.faults.append((place, error))
                    continue
                _, path, wrong_path = recordings.get(segment.recording, ("", b"", ""))
                if segment.recording not in recordings:
                    error = f"no recording `{segment.recording[:80]}` in wav.scp"
                    self._corpus.faults.append((place, error))
                    continue
                used.add(segment.recording)
                self._put(name, place, path, wrong_path, segment)
            self._tell_unused(recordings, used, passes_over)
        for name, (place, _, _) in self._text.items():
            if name not in told:
                passes_over(place, NO_UTTERANCE)

    def _tell_unused(self, recordings: _Table, used: set[str], passes_over: PassesOver) -> None:
        """Recordings of which no segment is taken; one that is none is a fault all the same."""
        for name, (place, entry, error) in recordings.items():
            if name in used:
                continue
            try:
                if error:
                    raise RecordError(error)
                as_path(text_of(entry))
            except (RecordError, ValueError) as wrong:
                self._corpus.faults.append((place, str(wrong)))
            else:
                passes_over(place, NO_SEGMENT)

    def _put(
        self, name: str, place: str, entry: bytes, error: str, segment: Segment | None
    ) -> None:
        """One utterance: of a recording that is found, or a fault."""
        try:
            if error:
                raise RecordError(error)
            path = self._found(as_path(text_of(entry)))
        except (RecordError, ValueError) as wrong:
            self._corpus.faults.append((place, str(wrong)))
            return
        row = Row({"meta.utterance": name})
        error = ""
        if self._tables.get("text") is not None:
            row["target"], error = self._words(name)
        row |= {"meta.part": self._part} if self._part else {}
        row |= {"split": split_of(self._part)} if split_of(self._part) else {}
        error = error or self._speakers.get(name, ("", b"", ""))[2]
        if speaker := self._cell(self._speakers, name):
            row["subject"] = speaker
            if gender := self._cell(self._genders, speaker):
                row["meta.gender"] = gender
        time = None
        if segment is not None:
            row["meta.recording"] = segment.recording
            time = Time(segment.start, segment.end, segment.channel)
        self._corpus.add(path, Said(place, row, error, time, name))

    def _words(self, name: str) -> tuple[str, str]:
        if name not in self._text:
            return "", "no line for it in `text`"
        _, said, error = self._text[name]
        try:
            words = " ".join(text_of(said).split())
        except RecordError as wrong:
            return "", str(wrong)
        return words, error or ("" if words else NO_WORDS)

    def _found(self, path: str) -> str:
        """The path inside the corpus of a recording.

        Raises:
            RecordError: It is no sound that is read, or lies outside.
        """
        if not path.lower().endswith(SUFFIXES):
            raise RecordError(f"`{path[:80]}` has no ending of a sound that is read")
        nearest: list[str] = []
        # Recipes of Kaldi run in a folder above, and paths are relative to that.
        folder = self._folder
        while not posixpath.isabs(path):
            if not (one := posixpath.normpath(posixpath.join(folder, path))).startswith(".."):
                nearest.append(one)
            if not folder:
                break
            folder = folder[: folder.rstrip("/").rfind("/") + 1]
        if self._root:
            # As it would be opened here.
            whole = os.path.abspath(path)
            if whole.startswith(self._root + os.sep):
                nearest.append(whole[len(self._root) + 1 :].replace(os.sep, "/"))
        nearest = [composed(one) for one in nearest]
        if not nearest:
            raise RecordError(
                f"`{path[:80]}` lies outside of the corpus: `path` must be a folder of both"
            )
        return next((one for one in nearest if one in self._there), nearest[0])

    def _table(self, base: str) -> _Table:
        """Names to places, what stands behind them, and what is wrong."""
        found: _Table = {}
        listing = self._tables.get(base)
        for place, line in listing.lines() if listing is not None else ():
            try:
                name, rest = split_name(line)
            except RecordError as wrong:
                self._corpus.faults.append((place, str(wrong)))
                continue
            error = f"listed twice: {found[name][0]} and {place}" if name in found else ""
            found[name] = (found[name][0] if error else place, rest, error)
        return found

    @staticmethod
    def _cell(table: _Table, name: str) -> str:
        try:
            return text_of(table[name][1]).strip() if name in table else ""
        except RecordError:
            return ""
