"""What a record has besides: which of its fields travel on, under which column `meta.NAME`.

A column is named as the field is. What a recipe leaves out, and what cannot have a column, is told
to the context once a file.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tilth.context import Context, unsaid
from tilth.foreign import visible
from tilth.meta.arrow import UnsupportedError, dumped, gathered
from tilth.meta.kinds import MAX_FIELDS
from tilth.reading.fields import EXPORT, Fields, Meta
from tilth.reading.records import ABSENT, RecordError, find
from tilth.schema import META, Row

# An object of this name has fields of its own: those of a record that calls the rest of it so.
_OWN = META.removesuffix(".")
# What each record has that Tilth wrote out, beside the fields `meta.NAME` of its sample. Those have
# their names again; what stands beside them, such as the `source` that it had there, is called
# `export.source`, so that neither takes the other's place, however often that goes around.
_EXPORTED = frozenset(("id", "source", "uri", "key"))
_MAX_LETTERS = 200

LEFT_OUT = "a field that `fields.meta` leaves out"
NO_NAME = "a field without a name"
_LONG_NAME = f"a field whose name has more than {_MAX_LETTERS} letters"
_TOO_MANY = f"a field beyond the {MAX_FIELDS:,} that a source may have"

_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


def numbered(names: Sequence[str]) -> list[str]:
    """The columns of a table, those after the first of a name with a number that no other has."""
    counts = Counter(names)
    seen = {name for name, count in counts.items() if count == 1}
    found = []
    for name in names:
        again = (f"{name} ({number})" for number in itertools.count(2))
        free = (one for one in itertools.chain([name], again) if one not in seen)
        found.append(name if counts[name] == 1 else next(free))
        seen.add(found[-1])
    return found


class DoubledColumnError(RecordError):
    """A file has a column twice that the recipe names: its own fault, which no recipe mends."""


def require_once(names: Sequence[str], wanted: Iterable[str]) -> None:
    """What a recipe names is one column of a table.

    Raises:
        DoubledColumnError: It is there twice.
    """
    for name in wanted:
        top = name if name in names else name.partition(".")[0]
        if names.count(top) > 1:
            raise DoubledColumnError(f"column `{top}` is there twice")


class Carrier:
    """Puts the further fields of a source's records into their rows.

    Args:
        context: Told of what is passed over.
        meta: Which fields travel that no key names.
        others: Keys that name one, and which.
        taken: Fields that become columns of the schema.
        blank_is_nothing: Whether a blank text says nothing, as in a table of cells.
    """

    def __init__(
        self,
        context: Context,
        meta: Meta,
        others: Mapping[str, str],
        taken: Iterable[str],
        *,
        blank_is_nothing: bool = False,
    ) -> None:
        self._blank = "" if blank_is_nothing else None
        self._passes_over = context.passes_over
        self._wanted = meta
        self._paths = [(self._named(key), path) for key, path in others.items()]
        self._used = dict(self._paths)
        every = (*taken, *others.values())
        self._taken = frozenset(every)
        # Of an object out of which a part is taken, the rest travels.
        self._inside: dict[str, list[list[str]]] = {}
        for name in every:
            top, *rest = name.split(".")
            if rest:
                self._inside.setdefault(top, []).append(rest)
        self._is_export = False
        self._columns: dict[str, str] = {}
        # Those of the files so far; and what is met from `look_at` on.
        self._placed: dict[str, str] = {}
        self._met: dict[str, None] | None = None
        self._is_alone = True
        self._num_told = 0
        self._uri = ""

    @classmethod
    def of(cls, fields: Fields, context: Context, *, blank_is_nothing: bool = False) -> Carrier:
        """That of a source with `fields`."""
        return cls(
            context,
            fields.meta,
            fields.others,
            fields.taken(),
            blank_is_nothing=blank_is_nothing,
        )

    def begin(self, uri: str, *, blank_is_nothing: bool | None = None) -> None:
        """A file begins; of cells or of none, where not all files of the source are alike."""
        if blank_is_nothing is not None:
            self._blank = "" if blank_is_nothing else None
        self._uri, self._num_told = uri, 0
        self._columns, self._is_export = {}, False

    def see(self, names: Iterable[str]) -> None:
        """What follows has these fields, as far as they say who wrote it."""
        self._is_export = self._wanted == "all" and _EXPORTED.issubset(names)

    def tell_nothing_more(self) -> None:
        """What follows was read before, and all of its fields were told."""
        self._passes_over = unsaid

    def look_at(self) -> None:
        """From here on fields are noted, for a file that may be known by the next reading."""
        self._met, self._is_alone, self._columns = {}, True, {}

    def looked_at(self) -> tuple[tuple[str, ...], bool]:
        """The fields since `look_at`, in their order; whether each has the column that it has in
        any file of these."""
        return tuple(self._met or ()), self._is_alone

    def can_know(self, fields: Sequence[str]) -> bool:
        """Whether the fields of a file have the columns here that they had there, plainly named."""
        if len(self._used) + len(fields) > MAX_FIELDS:
            return False
        return all(
            (self._placed.get(name) or self._place(name)[0]) in ("", self._named(name))
            for name in fields
        )

    def know(self, fields: Iterable[str]) -> None:
        """A file had these fields, of which all is told already."""
        for name in fields:
            if name not in self._placed and (column := self._place(name)[0]):
                self._used[column] = self._placed[name] = column

    def fill(self, record: Mapping[str, Any], row: Row) -> None:
        """Put what travels of a record into its row.

        Raises:
            RecordError: A field of these cannot be stored.
        """
        for column, path in self._paths:
            value = find(record, path)
            if value is not ABSENT and value is not None and value != self._blank:
                row[column] = storable(value, path)
        self.see(record)
        self._fill(record.items(), row)

    def _fill(self, items: Iterable[tuple[str, Any]], row: Row) -> None:
        columns = self._columns
        for name, value in items:
            if name == _OWN and isinstance(value, Mapping):
                self._fill(((META + str(part), one) for part, one in value.items()), row)
                continue
            column = None if self._is_export else columns.get(name)
            if column is None:
                column = self.column(name)
            if not column or value is None:
                continue
            kind = type(value)
            if kind is str:
                if value != self._blank:
                    row[column] = value if value.isascii() else _encodable(value, name)
            elif kind is float or kind is bool:
                row[column] = value
            elif name in self._inside and isinstance(value, Mapping):
                if left := self.rest(name, value):
                    row[column] = storable(left, name)
            else:
                row[column] = storable(value, name)

    def takes(self, names: Iterable[str]) -> bool:
        """Whether anything travels of records that have these fields and no others."""
        names = list(names)
        self.see(names)
        return bool([name for name in names if self.column(name)] or self._paths)

    def paths(self) -> list[tuple[str, str]]:
        """Columns that the recipe names itself, and the fields that fill them."""
        return self._paths

    def rest(self, name: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """An object without what is taken out of it."""
        for path in self._inside.get(name, ()):
            value = _without(value, path)
        return value

    def is_parted(self, name: str) -> bool:
        """Whether something is taken out of a field."""
        return name in self._inside

    def column(self, name: str) -> str:
        """The column of a field that no setting names; empty: it has none, which is told."""
        name = self._called(name)
        known = self._columns.get(name)
        if known is not None:
            return known
        if self._met is not None:
            self._met[name] = None
        if name in self._placed:
            column = self._columns[name] = self._placed[name]
            self._is_alone = self._is_alone and column == self._named(name)
            return column
        column, reason = self._place(name)
        if reason:
            if self._num_told > MAX_FIELDS:
                # Of records that have new fields without end no list is kept.
                self._is_alone = False
                return ""
            self._num_told += 1
            self._passes_over(f"{self._uri}:{visible(name)[:_MAX_LETTERS]}", reason)
        # A number, or no room, hangs on the fields of other files.
        is_plain = reason != _TOO_MANY and column in ("", self._named(name))
        self._is_alone = self._is_alone and is_plain
        if column:
            self._used[column] = self._placed[name] = column
        self._columns[name] = column
        return column

    def cannot(self, name: str, reason: str) -> None:
        """A field has no column after all, for a reason of the source's own."""
        name = self._called(name)
        self._columns[name] = ""
        self._placed.pop(name, None)
        self._is_alone = False
        self.cannot_place(name, reason)

    def cannot_place(self, name: str, reason: str) -> None:
        """Something of the file that is no field is passed over."""
        self._passes_over(f"{self._uri}:{visible(name)[:_MAX_LETTERS]}", reason)

    def _place(self, name: str) -> tuple[str, str]:
        """The column of a field, or the reason why it has none; neither: it is taken."""
        if name in self._taken:
            return "", ""
        if not self._is_wanted(name):
            return "", LEFT_OUT
        if not name.removeprefix(META).strip():
            return "", NO_NAME
        if len(name) > _MAX_LETTERS:
            return "", _LONG_NAME
        if len(self._used) >= MAX_FIELDS:
            return "", _TOO_MANY
        column = self._named(name)
        if column in self._used:
            column = next(
                again
                for number in itertools.count(2)
                if (again := f"{column} ({number})") not in self._used
            )
        return column, ""

    def _called(self, name: str) -> str:
        """What a field is called among those of its sample."""
        is_own = name.startswith(META) or name in self._taken
        return EXPORT + name if self._is_export and not is_own else name

    def _is_wanted(self, name: str) -> bool:
        if isinstance(self._wanted, str):
            return self._wanted == "all"
        return name in self._wanted or (name.startswith(META) and _OWN in self._wanted)

    @staticmethod
    def _named(name: str) -> str:
        """A field that is called `meta.x`, as Tilth's own exports have it, is `meta.x` again."""
        return META + (visible(name).removeprefix(META) or visible(name))


def storable(value: Any, name: str) -> Any:
    """A value as a column `meta.NAME` can hold it: objects, and lists of lists, as JSON text.

    Raises:
        RecordError: It cannot be stored.
    """
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _encodable(value, name)
    if kind is float or kind is bool:
        return value
    if kind is int:
        return value if _LEAST <= value <= _MOST else str(value)
    if kind is list and _FLAT.issuperset(map(type, value)):
        return [None if item is None else storable(item, name) for item in value]
    if kind is list or kind is dict:
        try:
            return _encodable(dumped(value) or "", name)
        except RecursionError:
            raise RecordError(f"field `{name}` is nested too deeply") from None
    try:
        return gathered([value]).to_pylist()[0]
    except (UnsupportedError, ValueError, TypeError, RecursionError):
        raise RecordError(f"field `{name}` is of type {kind.__name__}") from None


_FLAT = frozenset((str, int, float, bool, type(None)))


def _encodable(text: str, name: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RecordError(
            f"field `{name}` holds half of a surrogate pair at character {error.start}"
        ) from None
    return text


def _without(value: Mapping[str, Any], path: list[str]) -> Mapping[str, Any]:
    top, *rest = path
    if top not in value:
        return value
    left = {name: one for name, one in value.items() if name != top}
    if rest and isinstance(value[top], Mapping):
        inside = _without(value[top], rest)
        return {**left, top: inside} if inside else left
    return left if not rest else value
