"""Rows of a table from elsewhere, put beside the samples of a source that they are of.

The table is in memory, by its key; samples go by in batches. What of a sample is compared, and how
names of files are, is said by `How`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from tilth import schema
from tilth.errors import DataError
from tilth.foreign import visible
from tilth.meta.arrow import gathered
from tilth.meta.kinds import TEXT
from tilth.meta.spelt import CELLS, MIXED, SPELT
from tilth.reading.records import RecordError, as_text
from tilth.schema import ERROR, META, Row
from tilth.spell import plural

How = Literal["path", "place", "name", "stem", "id", "value"]

UNMATCHED: Final = "a row of a joined table that fits no sample"
MISSING: Final = "join.missing"
# By what two samples are hardly meant to be the same: it is told.
_OF_ONE: Final = ("name", "stem", "id", "uri")
# What of a label goes with it.
_OF_LABEL: Final = ("label_confidence", "label_origin")
# Names that are compared where nothing fits, to say what is different.
_MAX_LOOKED_AT: Final = 1000
_MAX_SHOWN: Final = 80
# An ending begins with a letter, so that `v1.2` has none.
_ENDING: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,7}$")
# Every end of a sample's path is looked for that has no more parts than some key.
_MAX_PARTS: Final = 1000
_NUMBER: Final = re.compile(r":\d+$")
_AFTER: Final = re.compile(r"[/:]")
# How to say which one is meant.
_APART: Final[dict[How, str]] = {
    "path": "name the folders in the key too; where files of one name mean the same, `by: name`",
    "stem": "one has the key as its stem, the other is that only without its ending: make it the "
    "whole name of the file that is meant; `by: name` compares whole names alone",
    "id": "a row belongs to one sample: give them ids of their own; where the row is meant for "
    "several, compare a field: `by: meta.NAME`",
}
# About what Python takes for an entry, and for a value, beside its text.
_ENTRY_BYTES: Final = 400
_VALUE_BYTES: Final = 60
_ANSWER_BYTES: Final = 16


@dataclass(slots=True)
class Entry:
    """What the table says of one key.

    Attributes:
        place: Its file and row.
        values: By column.
        given_to: The file or sample that it was given to, where it is of one; empty: of none so
            far.
        form: Of those that it may be given to, what all have alike: a path, a stem, a content.
    """

    place: str
    values: Row
    given_to: str = ""
    form: str | int = ""


class Table:
    """What a table says, by key.

    Args:
        how: How keys are compared.
        shown: The table, in messages.
        max_bytes: Memory that it may take, about.
    """

    def __init__(self, how: How, shown: str, max_bytes: int) -> None:
        self.how, self.shown = how, shown
        self._max_bytes, self._num_bytes = max_bytes, 0
        self._entries: dict[str, Entry] = {}
        # Of stems: the keys that have an ending, by what they are without it.
        self._without_ending: dict[str, list[str]] = {}
        self._most_parts = 1
        # Of answers one object for all that are equal.
        self._answers: dict[tuple[str, str], dict[str, str]] = {}
        self._num_changed, self._changed = 0, ""

    def __len__(self) -> int:
        return len(self._entries)

    def entries(self) -> Iterator[Entry]:
        """All of them, in the order of the table."""
        return iter(self._entries.values())

    def keys(self) -> Iterator[str]:
        """As they are compared."""
        return iter(self._entries)

    def add(self, key: str, values: Row, place: str) -> None:
        """Take in a row.

        Raises:
            RecordError: Its key is none.
            DataError: There is a row of this key, or the table takes too much memory.
        """
        given, key = key, self._compared(key)
        if (first := self._entries.get(key)) is not None:
            raise self._twice(given, first.place, place)
        self._put(key, values, place)

    def _twice(self, key: str, first: str, second: str) -> DataError:
        return DataError(
            f"the key `{visible(key)[:_MAX_SHOWN]}` is there twice: {first} and {second}",
            where=self.shown,
            hint="leave one of them out; where each row is one person's answer, say so by "
            "`answers: {annotator: FIELD, label: FIELD}`",
            code="key-twice",
        )

    def add_answer(self, key: str, annotator: str, label: str, values: Row, place: str) -> None:
        """Take in a row that is one person's answer.

        Raises:
            RecordError: Its key is none, or it says something else of the item than a row before.
            DataError: The table takes too much memory.
        """
        key = self._compared(key)
        answer = {"annotator": annotator, "label": label}
        answer = self._answers.setdefault((annotator, label), answer)
        entry = self._entries.get(key)
        if entry is None:
            self._put(key, {**values, "annotations": [answer]}, place)
            return
        for name, value in values.items():
            if entry.values.get(name) != value:
                raise RecordError(
                    f"says `{name}` otherwise than {entry.place}, of the same item: "
                    f"{_shown(value)}, not {_shown(entry.values.get(name))}"
                )
        self._takes(_ANSWER_BYTES)
        entry.values["annotations"].append(answer)

    def count_once(self) -> Iterator[str]:
        """Once all answers are in: leave out what only repeats its annotator's answer before.

        What differs stays, for whoever makes a label to choose: the first and the last of each.

        Yields:
            For each that is left out, the first row of its item.
        """
        for entry in self._entries.values():
            before: dict[str, str] = {}
            kept, changed = [], False
            for answer in entry.values["annotations"]:
                who = answer["annotator"]
                if before.get(who) == answer["label"]:
                    yield entry.place
                    continue
                changed = changed or who in before
                before[who] = answer["label"]
                kept.append(answer)
            entry.values["annotations"][:] = kept
            if changed:
                self._num_changed += 1
                self._changed = self._changed or entry.place

    def told(self) -> list[str]:
        """What is to be told of its answers, in sentences."""
        if not self._num_changed:
            return []
        return [
            f"{plural(self._num_changed, 'item')} of {self.shown} with different answers of one "
            f"annotator, such as at {self._changed}: one of them counts (`repeated` of consensus)"
        ]

    def _put(self, key: str, values: Row, place: str) -> None:
        texts = (key, place, *(one for one in values.values() if isinstance(one, str)))
        self._takes(_ENTRY_BYTES + _VALUE_BYTES * len(values) + sum(map(len, texts)))
        self._entries[key] = Entry(place, values)
        if self.how == "stem" and (stem := _ENDING.sub("", key)) != key:
            self._takes(_ENTRY_BYTES + len(stem))
            self._without_ending.setdefault(stem, []).append(key)

    def _takes(self, num_bytes: int) -> None:
        self._num_bytes += num_bytes
        if self._num_bytes > self._max_bytes:
            raise DataError(
                f"the table takes more than `max_table_bytes` of {self._max_bytes:,} in memory, "
                f"after {len(self._entries):,} keys",
                where=self.shown,
                hint="take fewer of its fields (`fields: {meta: none}`), or allow more",
                code="too-large",
            )

    def _compared(self, key: str) -> str:
        """A key as it is looked for.

        Raises:
            RecordError: It is blank.
        """
        if not key.strip():
            raise RecordError("its key is empty")
        if self.how == "id":
            return schema.sample_id("name", key)
        if self.how == "value":
            return key
        path = composed(key)
        if self.how == "place":
            # An address, as those of the samples: a store's has `//` within.
            return path.removeprefix("./").lstrip("/")
        if "/" not in path:
            path = path.replace("\\", "/")
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if not parts:
            raise RecordError("its key names no file")
        if self.how == "path":
            path = "/".join(parts)
            num_parts = len(_AFTER.findall(path)) + 1
            if num_parts > _MAX_PARTS:
                raise RecordError(f"its key has more than {_MAX_PARTS:,} folders")
            self._most_parts = max(self._most_parts, num_parts)
            return path
        return parts[-1]

    def find(self, of_sample: str) -> Entry | None:
        """The row of a sample.

        Args:
            of_sample: What of the sample is compared: its address for names of files.

        Raises:
            DataError: It is of another file as well.
        """
        if self.how in ("id", "value"):
            return self._entries.get(of_sample)
        address = composed(of_sample)
        for path in dict.fromkeys((address, _NUMBER.sub("", address))):
            for end in self._ends(path):
                if self.how == "stem":
                    if (entry := self._of_stem(end, path)) is not None:
                        return entry
                elif (entry := self._entries.get(end)) is not None:
                    if self.how == "path":
                        self._require_one(entry, path, path, f"key `{visible(end)[:_MAX_SHOWN]}`")
                    return entry
        return None

    def _ends(self, path: str) -> Iterator[str]:
        """The names that a file goes by, the longest first."""
        path = path.removeprefix("./").lstrip("/")
        if self.how == "place":
            yield path
        elif self.how == "path":
            yield from _ends(path, self._most_parts)
        else:
            yield from _ends(path.rpartition("/")[2])

    def _of_stem(self, name: str, path: str) -> Entry | None:
        """The row of a file by its stem.

        A key may be a stem that has a point itself (`scan.left` of `scan.left.txt`), or a whole
        name, of which the ending is another: it is compared as it stands before it is cut.

        Raises:
            DataError: Two rows fit it, or the row fits a file of another stem as well.
        """
        stem = _ENDING.sub("", name)
        fitting = [key for key in dict.fromkeys((name, stem)) if key in self._entries]
        fitting = fitting or self._without_ending.get(stem, [])
        if not fitting:
            return None
        entry = self._entries[fitting[0]]
        if len(fitting) > 1:
            raise self._twice(stem, entry.place, self._entries[fitting[1]].place)
        self._require_one(entry, stem, path, f"key `{visible(fitting[0])[:_MAX_SHOWN]}`")
        return entry

    def require_same(self, entry: Entry, content: int, place: str) -> None:
        """Refuse a row that would be given to two samples of one id that are not the same.

        Args:
            entry: The row.
            content: Equal for samples of the same content.
            place: The sample.

        Raises:
            DataError: It would.
        """
        self._require_one(entry, content, place, "id")

    def _require_one(self, entry: Entry, form: str | int, place: str, what: str) -> None:
        if not entry.given_to:
            entry.given_to, entry.form = place, form
        elif entry.form != form:
            kinds = "samples" if self.how == "id" else "files"
            raise DataError(
                f"the {what} fits two {kinds}: `{visible(entry.given_to)}` and `{visible(place)}`",
                where=entry.place,
                hint=_APART[self.how],
                code=f"two-{kinds}",
            )


def composed(text: str) -> str:
    """A name of a file as it is compared: NFC, since a Mac writes an accent apart."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


@dataclass(frozen=True)
class Filling:
    """What a table may fill.

    Attributes:
        columns: Standard columns, in the schema's order.
        prefer: Whose value stands where both have one; None: the sample is set aside.
        drops: Whether samples without a row are dropped.
        is_spelt: Whether fields are cells of a table without types.
    """

    columns: tuple[str, ...]
    prefer: Literal["source", "table"] | None
    drops: bool
    is_spelt: bool


class Joined:
    """One table, joined to the batches of a source.

    Args:
        table: It.
        by: The column of a sample that is compared.
        setting: What the recipe calls that, for messages.
        filling: What it fills.
    """

    def __init__(self, table: Table, by: str, setting: str, filling: Filling) -> None:
        self._table, self._by, self._setting, self._filling = table, by, setting, filling
        self._met: set[int] = set()
        self._num_samples = self._num_missing = self._num_several = 0
        self._missing = ""
        self._seen: list[str] = []

    def add(self, batch: pa.RecordBatch, given: pa.Schema) -> tuple[pa.RecordBatch, pa.Schema]:
        """A batch with what the table says, and its columns with what is said of them.

        Raises:
            DataError: A row of the table is of two files.
        """
        entries, is_missing = self._entries(batch)
        errors: dict[int, str] = {}
        arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
        said = {one.name: one.metadata for one in given}
        for name, values in self._filled(batch, entries, errors):
            arrays[name] = pa.array(values, schema.SCHEMA[name])
        for name in dict.fromkeys(n for e in entries if e for n in e.values if n.startswith(META)):
            arrays[name], said[name] = self._further(name, batch, entries, said.get(name), errors)
        names = [n for n in schema.SCHEMA if n in arrays]
        names += [n for n in arrays if n not in schema.SCHEMA and n not in schema.VERDICT]
        names += [n for n in schema.VERDICT if n in arrays]
        joined = pa.RecordBatch.from_arrays([arrays[name] for name in names], names=names)
        if errors:
            joined = schema.mark_error(joined, [errors.get(row) for row in range(len(entries))])
        if self._filling.drops and any(is_missing):
            why = f"no row in {self._table.shown}"
            joined = schema.mark_dropped(
                joined, np.array(is_missing, bool), MISSING, [why] * len(is_missing)
            )
        return joined, pa.schema([one.with_metadata(said.get(one.name)) for one in joined.schema])

    def _entries(self, batch: pa.RecordBatch) -> tuple[list[Entry | None], list[bool]]:
        """The row of each sample; and which sound samples have none."""
        values = self._values(batch)
        is_bad = schema.column(batch, ERROR).is_valid().to_pylist()
        payloads = [schema.column(batch, name) for name in schema.PAYLOADS]
        found: list[Entry | None] = []
        is_missing = []
        for row, value in enumerate(values):
            entry = None if value is None else self._table.find(value)
            if value is not None and len(self._seen) < _MAX_LOOKED_AT:
                self._seen.append(value)
            if entry is not None and self._table.how == "id" and not is_bad[row]:
                content = hash(tuple(one[row].as_py() for one in payloads))
                self._table.require_same(entry, content, str(batch.column("uri")[row].as_py()))
            if entry is not None:
                self._num_several += id(entry) in self._met
                self._met.add(id(entry))
            # What is set aside is no sample; that the table has it is known all the same.
            lacks = entry is None and not is_bad[row]
            if lacks:
                self._num_missing += 1
                self._missing = self._missing or str(batch.column("uri")[row].as_py())
            self._num_samples += not is_bad[row]
            found.append(None if is_bad[row] else entry)
            is_missing.append(lacks)
        return found, is_missing

    def _values(self, batch: pa.RecordBatch) -> list[str | None]:
        at = batch.schema.get_field_index(self._by)
        if at < 0:
            return [None] * batch.num_rows
        found: list[str | None] = []
        for value in batch.column(at).to_pylist():
            try:
                found.append(None if value is None else as_text(value, self._by))
            except RecordError:
                found.append(None)
        return found

    def _filled(
        self, batch: pa.RecordBatch, entries: Sequence[Entry | None], errors: dict[int, str]
    ) -> Iterator[tuple[str, list[Any]]]:
        """The standard columns, with the table's values."""
        for name in self._filling.columns:
            if name in _OF_LABEL:
                continue
            own = schema.column(batch, name).to_pylist()
            is_taken = [False] * len(own)
            for row, entry in enumerate(entries):
                value = None if entry is None else entry.values.get(name)
                if value is None:
                    continue
                assert entry is not None
                if name == "annotations":
                    # Answers of some people do not make those of others void.
                    own[row] = [*(own[row] or ()), *value]
                elif self._stands(name, own[row], value, entry, row, errors):
                    own[row], is_taken[row] = value, True
            yield name, own
            if name == "label":
                for part in _OF_LABEL:
                    told = schema.column(batch, part).to_pylist()
                    for row, entry in enumerate(entries):
                        if is_taken[row] and entry is not None:
                            told[row] = entry.values.get(part)
                    yield part, told

    def _stands(
        self, name: str, own: Any, value: Any, entry: Entry, row: int, errors: dict[int, str]
    ) -> bool:
        """Whether the table's value takes the place of the sample's own."""
        if own is None or self._filling.prefer == "table":
            return True
        if self._filling.prefer is None and not _equal(own, value):
            errors.setdefault(
                row,
                f"`{name}` is {_shown(own)} in the source and {_shown(value)} at {entry.place}: "
                "`prefer: table` or `prefer: source` says which stands",
            )
        return False

    def _further(
        self,
        name: str,
        batch: pa.RecordBatch,
        entries: Sequence[Entry | None],
        said: dict[bytes, bytes] | None,
        errors: dict[int, str],
    ) -> tuple[pa.Array, dict[bytes, bytes] | None]:
        """A column `meta.NAME` with the table's values."""
        at = batch.schema.get_field_index(name)
        own = [None] * batch.num_rows if at < 0 else batch.column(at).to_pylist()
        was_empty = all(value is None for value in own)
        for row, entry in enumerate(entries):
            value = None if entry is None else entry.values.get(name)
            if value is None or entry is None:
                continue
            if self._stands(name, own[row], value, entry, row, errors):
                own[row] = value
        is_spelt = self._filling.is_spelt and (was_empty or said in CELLS)
        if is_spelt and all(isinstance(value, str | None) for value in own):
            return pa.array(own, TEXT), said if said in CELLS else SPELT
        array = gathered(own)
        mixed = array.type == TEXT and any(not isinstance(one, str | None) for one in own)
        return array, MIXED if mixed else None

    def finish(self, *, whole: bool) -> Iterator[Entry]:
        """Once all samples went by: the rows of the table that fit none.

        Args:
            whole: Whether these were all samples of the source.

        Raises:
            DataError: No row fits any sample.
        """
        if self._num_samples and not self._met and whole and len(self._table):
            raise self._nothing_fits()
        if whole:
            yield from (one for one in self._table.entries() if id(one) not in self._met)

    def told(self) -> list[str]:
        """What is to be told, in sentences."""
        shown, found = self._table.shown, self._table.told()
        if self._num_missing:
            what = "dropped" if self._filling.drops else "left as found"
            found.append(
                f"no row in {shown} for {self._num_missing:,} of {self._num_samples:,} samples, "
                f"{what}, such as `{visible(self._missing)[:_MAX_SHOWN]}`"
            )
        if self._num_several and self._setting in _OF_ONE:
            found.append(
                f"a row in {shown} that another sample has too, of the same `{self._setting}`, for "
                f"{plural(self._num_several, 'sample')}"
            )
        return found

    def _nothing_fits(self) -> DataError:
        keys = list(islice(self._table.keys(), _MAX_LOOKED_AT))
        how = self._table.how
        if how == "id":
            hint = (
                "no record has an id of its own: `fields: {id: ...}` of the source says where it "
                "is; what has an address is known by that: `by: uri`"
                if not self._seen
                else "the ids are others"
            )
        elif not self._seen:
            hint = f"no sample has `{self._setting}`"
        else:
            near = "" if how == "value" else _nearly(keys, self._seen)
            hint = near or (
                f"the table has `{visible(keys[0])[:_MAX_SHOWN]}`, the source "
                f"`{visible(self._seen[0])[:_MAX_SHOWN]}`: `by` and `key` say what is compared"
            )
        return DataError(
            f"not one of {len(self._table):,} rows fits a sample by `{self._setting}`",
            where=self._table.shown,
            hint=hint,
            code="nothing-joined",
        )


def _nearly(keys: Sequence[str], seen: Sequence[str]) -> str:
    """How names of files differ that are nearly the same; empty: no two of these are."""
    ends = {end.casefold(): path for path in seen for end in _ends(path)}
    for key in keys:
        if (path := ends.get(key.casefold())) is not None:
            return _between(key, path, "they differ in upper and lower case")
    forms: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("`by: name` leaves the folders out", lambda path: _last(path)),
        ("`by: stem` leaves folders and endings out", lambda path: _ENDING.sub("", _last(path))),
        (
            "they differ in case, folders or ending",
            lambda path: _ENDING.sub("", _last(path)).casefold(),
        ),
    )
    for what, form in forms:
        there = {form(_NUMBER.sub("", composed(path))): path for path in seen}
        for key in keys:
            if (path := there.get(form(key))) is not None:
                return _between(key, path, what)
    return ""


def _between(key: str, path: str, what: str) -> str:
    return (
        f"the table has `{visible(key)[:_MAX_SHOWN]}`, the source `{visible(path)[:_MAX_SHOWN]}`: "
        f"{what}"
    )


def _ends(path: str, most: int = _MAX_PARTS) -> Iterator[str]:
    """A path, and what of it stands after each folder, the longest first.

    Args:
        path: With folders, or within an archive.
        most: Parts that an end has at most; none longer is looked for.
    """
    # A record's number alone is no name of a file.
    name = path if (number := _NUMBER.search(path)) is None else path[: number.start()]
    starts = [0, *(match.end() for match in _AFTER.finditer(name))]
    for start in starts[-most:]:
        yield path[start:]


def _last(path: str) -> str:
    return _AFTER.split(path)[-1]


def _equal(own: Any, value: Any) -> bool:
    if own == value:
        return True
    try:
        # A cell spells the number that another file has as such.
        return as_text(own, "") == as_text(value, "")
    except RecordError:
        return False


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"`{visible(str(value))[:_MAX_SHOWN]}`"
