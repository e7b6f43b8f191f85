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
_LANGUAGE: Final = ("xml:lang", "lang")
_TIMES: Final = frozenset({"creationdate", "changedate", "lastusagedate"})
_TIME: Final = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z")


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


class BrokenError(ValueError):
    """From some line on it is no XML; the units before it are.

    Attributes:
        line: From 1.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def units(stream: BinaryIO, max_bytes: int, uri: str) -> Iterator[Unit]:
    """The units of a file, in its order.

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
        self._found: list[Unit] = []
        self._unit: Unit | None = None
        self._variant: Variant | None = None
        self._text: list[str] = []
        self._property = ""
        self._count = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype
        # What an outer document type may have declared, nobody knows here.
        self.parser.SkippedEntityHandler = self._skipped

    def take(self) -> list[Unit]:
        """The units that are whole."""
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
        if self._unit is not None:
            self._unit.cause = self._unit.cause or f"the entity `&{name[:40]};` is declared nowhere"

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
            self._count += 1
            self._unit = Unit(self.parser.CurrentLineNumber, self._count)
            self._variant = None
            self._take_attributes(self._unit.fields, given)
        elif self._unit is None:
            return
        elif name == "tuv":
            language = next((given[one] for one in _LANGUAGE if one in given), "")
            self._variant = Variant(language)
            self._take_attributes(self._variant.fields, given)
            self._unit.variants.append(self._variant)
            if len(self._unit.variants) > _MAX_PARTS:
                self._too_much(f"more than {_MAX_PARTS:,} languages")
        elif name in ("seg", "prop", "note"):
            self._text = []
            self._property = given.get("type", "") if name == "prop" else name
        elif name == "sub" and self._variant is not None:
            self._variant.has_sub_flow = True

    def _end(self, name: str) -> None:
        self._path.pop()
        if self._unit is None:
            return
        if name == "tu":
            self._found.append(self._unit)
            self._unit = self._variant = None
        elif name == "seg" and self._variant is not None:
            if self._variant.text is not None:
                self._unit.cause = self._unit.cause or "a `tuv` with two `seg`"
            self._variant.text = "".join(self._text).strip()
            self._text = []
        elif name in ("prop", "note") and self._property:
            owner = self._unit if self._variant is None else self._variant
            self._add(owner.fields, self._property, "".join(self._text).strip())
            self._text = []

    def _characters(self, data: str) -> None:
        if self._unit is None:
            return
        inside = self._path[-1]
        is_text = "seg" in self._path and _CODES.isdisjoint(self._path)
        if inside not in ("prop", "note") and not is_text:
            return
        self._unit.num_bytes += len(data.encode("utf-8", "surrogatepass"))
        if self._unit.num_bytes > self._max:
            self._too_much("")
        else:
            self._text.append(data)

    def _take_attributes(self, fields: Row, given: Mapping[str, str]) -> None:
        for name, value in given.items():
            if name not in _LANGUAGE:
                self._add(fields, name, _time(value) if name in _TIMES else value)

    def _add(self, fields: Row, name: str, value: Any) -> None:
        assert self._unit is not None
        self._unit.num_bytes += len(name) + len(str(value))
        before = fields.get(name)
        if self._unit.num_bytes > self._max or len(fields) > _MAX_PARTS:
            self._too_much(f"more than {_MAX_PARTS:,} properties" * (len(fields) > _MAX_PARTS))
        elif before is None:
            fields[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            fields[name] = [before, value]

    def _too_much(self, cause: str) -> None:
        """Hold no more of the unit."""
        assert self._unit is not None
        self._unit.cause = self._unit.cause or cause or LONG
        self._unit.fields, self._text = {}, []
        del self._unit.variants[1:]


def _time(value: str) -> datetime.datetime | str:
    """A time as TMX has it, YYYYMMDDThhmmssZ; as it stands where it is none."""
    match = _TIME.fullmatch(value.strip())
    try:
        numbers = map(int, match.groups()) if match else ()
        return datetime.datetime(*numbers, tzinfo=datetime.UTC) if match else value  # type: ignore[misc]
    except ValueError:
        return value
