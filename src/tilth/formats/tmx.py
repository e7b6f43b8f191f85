"""Translation memories in TMX, read from front to back, within bounds of size and depth.

Source: TMX 1.4b Specification, OSCAR/LISA, 2005 (now ETSI GS LIS 002).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final
from xml.parsers import expat

from tilth.errors import DataError
from tilth.formats.streams import CHUNK
from tilth.schema import Row

MAX_DEPTH: Final = 64
# The cause of a unit that is above the bytes that one may have.
LONG: Final = "long"
# Of a tag with all its attributes, a comment, or an instruction.
_MAX_TOKEN: Final = 1 << 20
_MAX_PARTS: Final = 1000
# Native codes stand between words and are none; what `hi` marks is a part of the sentence.
_CODES: Final = frozenset({"bpt", "ept", "it", "ph", "ut"})
# What has a place of its own in a unit, and none within a segment.
_OUTER: Final = frozenset({"header", "body", "tu", "tuv", "seg", "prop", "note"})
# What has words.
_TAKEN: Final = frozenset({"seg", "prop", "note"})
_LANGUAGE: Final = ("xml:lang", "lang")
STRAY_VARIANT: Final = "a `tuv` outside of any `tu`"
STRAY_SEGMENT: Final = "a `seg` outside of any `tuv`"
STRAY_WORDS: Final = "words that stand in no `seg`"
UNTYPED: Final = "a `prop` without a `type`"
_TIMES: Final = frozenset({"creationdate", "changedate", "lastusagedate"})
_TIME: Final = re.compile("[0-9]{8}T[0-9]{6}Z")


@dataclass
class Variant:
    """A `tuv`: one language of a unit.

    Attributes:
        language: As `xml:lang` has it.
        text: Of its `seg`, less native codes; None: it has none.
        has_sub_flow: Whether a code held text of its own (`sub`), which is not in `text`.
        fields: Its attributes, properties and notes.
    """

    language: str
    text: str | None = None
    has_sub_flow: bool = False
    fields: Row = field(default_factory=dict)


@dataclass
class Unit:
    """A `tu`: what is said in several languages.

    Attributes:
        line: On which it begins, from 1.
        number: Among the units, from 1.
        fields: Its attributes, properties and notes.
        variants: In the order of the file.
        num_bytes: Of its texts and fields, also those that are not held.
        cause: Why it is not read; empty: it is.
    """

    line: int
    number: int
    fields: Row = field(default_factory=dict)
    variants: list[Variant] = field(default_factory=list)
    num_bytes: int = 0
    cause: str = ""


@dataclass(frozen=True)
class Stray:
    """What stands where it says nothing of a unit.

    Attributes:
        line: On which it is, from 1.
        reason: Why it is not read.
    """

    line: int
    reason: str


@dataclass
class _Open:
    """A unit that is read: what of it is open.

    Attributes:
        unit: With what was read of it.
        depth: Of its own element, from 1.
        variant: The one that is open.
        taken: The element whose words are taken, a `seg`, `prop` or `note`; empty: none is open.
        name: Of the property that they become.
        text: They.
    """

    unit: Unit
    depth: int
    variant: Variant | None = None
    taken: str = ""
    name: str = ""
    text: list[str] = field(default_factory=list)


class BrokenError(ValueError):
    """From some line on it is no XML; the units before it are.

    Attributes:
        line: From 1.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def units(stream: BinaryIO, max_bytes: int, uri: str) -> Iterator[Unit | Stray]:
    """The units of a file, and what stands outside of them, in the order in which they end.

    Args:
        stream: From its start.
        max_bytes: What the texts and fields of a unit may have; of a longer one nothing is held.
        uri: The file, in errors.

    Raises:
        DataError: It is no TMX, or declares entities or the like: a document type that lies
            elsewhere is allowed, and never fetched.
        BrokenError: It is damaged or cut off; or nested too deeply.
    """
    reading = _Reading(max_bytes, uri)
    parser = reading.parser
    fed = 0
    while True:
        data = stream.read(CHUNK)
        try:
            parser.Parse(data, not data)
        except expat.ExpatError as error:
            yield from reading.take()
            cause = expat.ErrorString(error.code)
            raise BrokenError(f"not well-formed XML: {cause}", error.lineno) from None
        except (BrokenError, DataError):
            yield from reading.take()
            raise
        yield from reading.take()
        fed += len(data)
        if not data:
            return
        # A token that has no end is held by the parser, and looked at again with all that comes.
        if fed - parser.CurrentByteIndex > _MAX_TOKEN + CHUNK:
            raise BrokenError(f"a tag of over {_MAX_TOKEN:,} bytes", parser.CurrentLineNumber)


class _Reading:
    """What was read so far of a file."""

    def __init__(self, max_bytes: int, uri: str) -> None:
        self._max, self._uri = max_bytes, uri
        self._path: list[str] = []
        self._found: list[Unit | Stray] = []
        # Units within units are damage, which is theirs alone.
        self._open: list[_Open] = []
        self._count = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype
        # What an outer document type may have declared, nobody knows here.
        self.parser.SkippedEntityHandler = self._skipped

    def take(self) -> list[Unit | Stray]:
        """What is whole."""
        found, self._found = self._found, []
        return found

    def _doctype(self, *said: str | int | None) -> None:
        """Told of its name, where it lies, and at last whether it declares something here."""
        if said[-1]:
            raise DataError(
                "its DOCTYPE declares something of its own, which is not read: entities can stand "
                "for gigabytes, or for files",
                where=f"{self._uri}:{self.parser.CurrentLineNumber}",
                hint='leave `<!DOCTYPE tmx SYSTEM "tmx14.dtd">`, or nothing',
                code="doctype",
            )

    def _skipped(self, name: str, _: int) -> None:
        if self._open:
            self._refuse(f"the entity `&{name[:40]};` is declared nowhere")

    def _start(self, name: str, given: Mapping[str, str]) -> None:
        if not self._path and name != "tmx":
            raise DataError(
                f"not a translation memory: its root is `{name[:40]}`, not `tmx`",
                where=self._uri,
                hint="TMX is XML whose root is `tmx`",
                code="damaged-file",
            )
        self._path.append(name)
        if len(self._path) > MAX_DEPTH:
            raise BrokenError(
                f"nested more than {MAX_DEPTH} levels deep", self.parser.CurrentLineNumber
            )
        if name == "tu":
            if self._open:
                self._refuse("a `tu` within a `tu`")
            self._count += 1
            unit = Unit(self.parser.CurrentLineNumber, self._count)
            self._open.append(_Open(unit, len(self._path)))
            self._take_attributes(unit.fields, given)
        elif self._open:
            self._start_inside(name, given)
        elif name == "tuv" and "tuv" not in self._path[:-1]:
            self._tell(STRAY_VARIANT)
        elif name == "seg" and "tuv" not in self._path:
            self._tell(STRAY_SEGMENT)

    def _start_inside(self, name: str, given: Mapping[str, str]) -> None:
        """An element of a unit begins."""
        open_, unit = self._open[-1], self._open[-1].unit
        if open_.taken and (name in _OUTER or open_.taken != "seg"):
            self._refuse(f"a `{name[:40]}` within a `{open_.taken}`")
        elif name == "tuv":
            if open_.variant is not None:
                self._refuse("a `tuv` within a `tuv`")
            language = next((given[one] for one in _LANGUAGE if one in given), "")
            open_.variant = Variant(language)
            self._take_attributes(open_.variant.fields, given)
            unit.variants.append(open_.variant)
            if len(unit.variants) > _MAX_PARTS:
                self._too_much(f"more than {_MAX_PARTS:,} languages")
        elif name == "seg" and open_.variant is None:
            self._tell(STRAY_SEGMENT)
        elif name == "prop" and not given.get("type"):
            self._tell(UNTYPED)
        elif name in _TAKEN:
            open_.taken, open_.text = name, []
            open_.name = given["type"] if name == "prop" else name
        elif name == "sub" and open_.variant is not None:
            open_.variant.has_sub_flow = True

    def _end(self, name: str) -> None:
        depth = len(self._path)
        self._path.pop()
        if not self._open:
            return
        open_ = self._open[-1]
        unit, variant = open_.unit, open_.variant
        if depth == open_.depth:
            self._found.append(unit)
            self._open.pop()
        elif name == "tuv" and not open_.taken:
            open_.variant = None
        elif name == open_.taken:
            text, open_.text, open_.taken = "".join(open_.text).strip(), [], ""
            if name != "seg":
                self._add((unit if variant is None else variant).fields, open_.name, text)
            elif variant is not None:
                if variant.text is not None:
                    self._refuse("a `tuv` with two `seg`")
                variant.text = text

    def _characters(self, data: str) -> None:
        if not self._open:
            is_told = "body" not in self._path or not {"tuv", "seg"}.isdisjoint(self._path)
            if not is_told and data.strip():
                self._tell(STRAY_WORDS)
            return
        open_ = self._open[-1]
        inside = self._path[open_.depth :]
        if not open_.taken:
            if _TAKEN.isdisjoint(inside) and data.strip():
                self._tell(STRAY_WORDS)
            return
        if open_.taken == "seg" and not _CODES.isdisjoint(inside):
            return
        open_.unit.num_bytes += len(data.encode("utf-8", "surrogatepass"))
        if open_.unit.num_bytes > self._max:
            self._too_much("")
        else:
            open_.text.append(data)

    def _tell(self, reason: str) -> None:
        self._found.append(Stray(self.parser.CurrentLineNumber, reason))

    def _refuse(self, cause: str) -> None:
        """Read the unit as one that is damaged; the first cause is told."""
        unit = self._open[-1].unit
        unit.cause = unit.cause or cause

    def _take_attributes(self, fields: Row, given: Mapping[str, str]) -> None:
        for name, value in given.items():
            if name not in _LANGUAGE:
                self._add(fields, name, _time(value) if name in _TIMES else value)

    def _add(self, fields: Row, name: str, value: Any) -> None:
        unit = self._open[-1].unit
        unit.num_bytes += len(name) + len(str(value))
        before = fields.get(name)
        if unit.num_bytes > self._max or len(fields) > _MAX_PARTS:
            self._too_much(f"more than {_MAX_PARTS:,} properties" * (len(fields) > _MAX_PARTS))
        elif before is None:
            fields[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            fields[name] = [before, value]

    def _too_much(self, cause: str) -> None:
        """Hold no more of the unit."""
        unit = self._open[-1].unit
        unit.cause = unit.cause or cause or LONG
        unit.fields, self._open[-1].text = {}, []
        del unit.variants[1:]


def _time(value: str) -> datetime.datetime | str:
    """A time as TMX has it, YYYYMMDDThhmmssZ; as it stands where it is none."""
    # `strptime` alone takes shorter numbers too.
    if _TIME.fullmatch(value.strip()) is None:
        return value
    try:
        found = datetime.datetime.strptime(value.strip(), "%Y%m%dT%H%M%SZ")
    except ValueError:
        return value
    return found.replace(tzinfo=datetime.UTC)
