"""Common Voice: tables such as `train.tsv` beside a folder `clips`.

Ardila et al. 2020, "Common Voice: A Massively-Multilingual Speech Corpus". Cells are parted by tabs
and have no quotation marks, as its own tools write them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tilth.errors import DataError, RecordError
from tilth.foreign import visible
from tilth.meta.kinds import MAX_FIELDS
from tilth.reading.carry import Carrier, numbered
from tilth.reading.corpora.corpus import (
    LEFT_OUT,
    MAX_LINE_BYTES,
    Corpus,
    Entry,
    Given,
    Listing,
    Said,
    composed,
    require_parts,
    stem,
    text_of,
    transcript,
)
from tilth.reading.records import no_column
from tilth.schema import ANY_META, Row

# In the order in which a clip of several tables is told by one of them.
PARTS: tuple[str, ...] = ("train", "dev", "test", "validated", "invalidated", "other")
DEFAULT: tuple[str, ...] = ("train", "dev", "test")
COLUMNS: tuple[str, ...] = ("target", "subject", "split")
META: tuple[str, ...] = (ANY_META,)
LISTS = "tables such as train.tsv"
HAS_PARTS, IS_SPELT = True, True
_VALIDATED = "validated"
KNOWN: Final = "a row of `validated` whose clip a split has, of the same sentence and speaker"
_IN_NO_TABLE = ("it is in no table", True)
_SPLITS = {"train": "train", "dev": "validation", "test": "test"}
_PATH, _SENTENCE, _CLIENT = "path", "sentence", "client_id"
_CLIPS = "clips/"


def is_list(name: str) -> bool:
    """Whether a path is that of a list of this layout."""
    return name.rpartition("/")[2] in {f"{part}.tsv" for part in PARTS}


def is_like(names: list[str]) -> bool:
    """Whether a corpus looks like this layout."""
    folders = {name[: name.rfind("/") + 1] + _CLIPS for name in names if is_list(name)}
    return any(name[: name.rfind("/") + 1] in folders for name in names)


def catalogue(given: Given) -> Corpus:
    """What the tables say of the clips; of each its line is held until it is met.

    Raises:
        DataError: A table lacks a column, or one that the recipe names is not there.
    """
    there = [one.base.removesuffix(".tsv") for one in given.listings]
    parts = given.parts or tuple(part for part in DEFAULT if part in there)
    require_parts(given.parts, there, given.place)
    if given.listings and not parts:
        raise DataError(
            f"there is none of {', '.join(f'{part}.tsv' for part in DEFAULT)}",
            where=given.place,
            hint=f"name what is to be read: `parts: [{', '.join(sorted(set(there)))}]`",
            code="unknown-name",
        )
    others: set[str] = set()
    corpus = Corpus(stem)
    corpus.without = lambda name: (LEFT_OUT, False) if stem(name) in others else _IN_NO_TABLE
    carried = (_PATH, _SENTENCE, _CLIENT)
    carrier = Carrier(given.context, "all", {}, carried, blank_is_nothing=True)
    tables = [one for one in given.listings if one.data]
    in_order = sorted(tables, key=lambda one: PARTS.index(one.base.removesuffix(".tsv")))
    for listing in in_order:
        table = _Table(listing, carrier)
        if table.part not in parts:
            given.context.passes_over(listing.uri, LEFT_OUT)
            others.update(key for key, _ in table.rows([]))
            continue
        for key, clip in table.rows(corpus.faults):
            try:
                is_known = table.part == _VALIDATED and clip.is_as(corpus.first(key))
            except RecordError as error:
                corpus.faults.append((clip.place, str(error)))
                continue
            if is_known:
                given.context.passes_over(clip.place, KNOWN)
            else:
                corpus.add(key, clip)
    return corpus


class _Table:
    """One table, whose header was read."""

    def __init__(self, listing: Listing, carrier: Carrier) -> None:
        self.listing, self.carrier = listing, carrier
        self.part = listing.base.removesuffix(".tsv")
        self._lines = listing.lines()
        place, header = next(self._lines, (f"{listing.uri}:1", b""))
        try:
            self.columns = numbered([visible(name) for name in text_of(header).split("\t")])
        except RecordError as error:
            raise _bad_table(str(error), place) from None
        for name in (_PATH, _SENTENCE):
            if name not in self.columns:
                raise _bad_table(no_column(name, self.columns), place)
        if len(self.columns) > MAX_FIELDS:
            raise _bad_table(f"more than {MAX_FIELDS:,} columns", place)
        self._at = self.columns.index(_PATH)
        carrier.begin(listing.uri)

    def rows(self, faults: list[tuple[str, str]]) -> Iterator[tuple[str, _Clip]]:
        """Its rows by the clips that they are of; a row of none is a fault."""
        folder = self.listing.folder + _CLIPS
        for place, line in self._lines:
            cells = line[: MAX_LINE_BYTES + 1].split(b"\t", self._at + 1)
            try:
                path = text_of(cells[self._at]).strip() if len(cells) > self._at else ""
                if not path:
                    raise RecordError(f"a row without `{_PATH}`")
            except RecordError as error:
                faults.append((place, str(error)))
                continue
            yield stem(composed(folder + path)), _Clip(self, place, line)


@dataclass(frozen=True, slots=True)
class _Clip:
    """A row of a table, as it stands."""

    table: _Table
    place: str
    line: bytes

    def said(self) -> Said:
        """What it says."""
        table = self.table
        row = Row({"meta.part": table.part})
        if table.part in _SPLITS:
            row["split"] = _SPLITS[table.part]
        try:
            record = self._record()
            table.carrier.fill(record, row)
        except RecordError as error:
            return Said(self.place, row, str(error))
        row["target"], cause = transcript(record[_SENTENCE].encode())
        if record.get(_CLIENT, "").strip():
            row["subject"] = record[_CLIENT].strip()
        return Said(self.place, row, cause)

    def is_as(self, before: Entry | None) -> bool:
        """Whether a clip of a split is of the same sentence and speaker.

        Raises:
            RecordError: This row cannot be read.
        """
        if not isinstance(before, _Clip) or before.table.part not in _SPLITS:
            return False
        words = self._words()
        try:
            return words == before._words()
        except RecordError:
            return False

    def _words(self) -> tuple[list[str], str]:
        record = self._record()
        return record[_SENTENCE].split(), record.get(_CLIENT, "").strip()

    def _record(self) -> dict[str, str]:
        cells, columns = text_of(self.line).split("\t"), self.table.columns
        if len(cells) != len(columns):
            raise RecordError(f"{len(cells)} cells, where the table has {len(columns)}")
        return dict(zip(columns, cells, strict=True))


def _bad_table(cause: str, place: str) -> DataError:
    return DataError(
        f"no table of Common Voice: {cause}",
        where=place,
        hint="its cells are parted by tabs, and its first line names them",
        code="columns",
    )
