"""A data folder of Kaldi: `wav.scp`, and beside it `text`, `segments`, `utt2spk`, `spk2gender`.

Kaldi, "Data preparation". Without `segments` each recording is an utterance; with it the utterances
are stretches of the recordings.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
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
    agreed,
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
NO_UTTERANCE_OF: Final = "a speaker of an utterance that is nowhere else"
NO_SPEAKER: Final = "a gender of a speaker who has no utterance"
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
    require_parts(given.parts, parts.values(), given.place)
    for name, tables in folders.items():
        is_read = name in named and (not given.parts or parts[name] in given.parts)
        for listing in tables.values() if not is_read else ():
            given.context.passes_over(listing.uri, LEFT_OUT if name in named else NO_TABLE)
        if name in named:
            told = given.context.passes_over if is_read else unsaid
            taken = corpus if is_read else others
            _Folder(tables, parts[name], taken, given.root, there, told).add()
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
        passes_over: PassesOver,
    ) -> None:
        self._tables, self._part, self._corpus = tables, part, corpus
        self._root, self._there, self._passes_over = root, there, passes_over
        self._folder = tables["wav.scp"].folder
        self._text, self._speakers = self._table("text"), self._table("utt2spk")
        self._genders = agreed(self._said_of_speakers(), passes_over)

    def add(self) -> None:
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
            self._tell_unused(recordings, used)
        for table, reason in ((self._text, NO_UTTERANCE), (self._speakers, NO_UTTERANCE_OF)):
            for name, (place, _, _) in table.items():
                if name not in told:
                    self._passes_over(place, reason)
        speakers = {said.strip() for _, said, _ in self._speakers.values()}
        for name, (place, _) in self._genders.items():
            if name.encode() not in speakers:
                self._passes_over(place, NO_SPEAKER)

    def _tell_unused(self, recordings: _Table, used: set[str]) -> None:
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
                self._passes_over(place, NO_SEGMENT)

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
        if self._tables.get("utt2spk") is not None:
            row["subject"], lacking = self._speaker(name)
            error = error or lacking
            if row["subject"] in self._genders:
                row |= self._genders[row["subject"]][1]
        time = None
        if segment is not None:
            row["meta.recording"] = segment.recording
            time = Time(segment.start, segment.end, segment.channel)
        self._corpus.add(path, Said(place, row, error, time, name))

    def _speaker(self, name: str) -> tuple[str, str]:
        if name not in self._speakers:
            return "", "no line for it in `utt2spk`"
        _, said, error = self._speakers[name]
        try:
            speaker = text_of(said).strip()
        except RecordError as wrong:
            return "", str(wrong)
        return speaker, error or ("" if speaker else "no speaker in its line of `utt2spk`")

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

    def _said_of_speakers(self) -> Iterator[tuple[str, str, Row]]:
        """Lines of `spk2gender`: place, speaker and gender."""
        listing = self._tables.get("spk2gender")
        for place, line in listing.lines() if listing is not None else ():
            try:
                name, rest = split_name(line)
                gender = text_of(rest).strip()
                if not gender:
                    raise RecordError("a speaker without a gender")
            except RecordError as wrong:
                self._corpus.faults.append((place, str(wrong)))
            else:
                yield place, name, Row({"meta.gender": gender})
