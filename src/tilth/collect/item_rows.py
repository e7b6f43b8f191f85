"""The rows of one file, by its type: tables record by record, everything else as one sample."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

import pyarrow as pa

from tilth.collect import csv, jsonl, parquet
from tilth.context import Note, PassesOver, unsaid
from tilth.decode.look import read_text
from tilth.decode.text import Encoding, UndecodableError, decode_loosely
from tilth.errors import RecordError
from tilth.formats import front_matter, signatures
from tilth.formats.apart import Apart
from tilth.formats.cells import Written, rewritten, utf16_of, written
from tilth.formats.json_path import ALL
from tilth.formats.signatures import Kind
from tilth.formats.streams import SourceFile
from tilth.meta.beside import Beside
from tilth.reading import records
from tilth.reading.carry import Carrier, numbered, require_once
from tilth.reading.columns import Columns
from tilth.reading.fields import Fields, names_of, open_names_of
from tilth.reading.inputs import EMPTY
from tilth.reading.items import Item
from tilth.reading.kinds import LOCK, is_lock
from tilth.reading.named import Named
from tilth.reading.whole import MAX_PIXELS, whole_picture
from tilth.reading.whole_sound import whole_sound
from tilth.schema import Row

# Place, row (or what is wrong with it), bytes of a record, and further columns that it has already.
Found = tuple[str, Row | RecordError, int, Beside | None]

# What reads a type, where that is no part of every installation: its package, and the extra.
EXTRAS: Final[Mapping[str, tuple[str, str]]] = {
    "pdf": ("pypdfium2", "pdf"),
    "docx": ("mammoth", "docx"),
    "xlsx": ("python_calamine", "sheets"),
    "ods": ("python_calamine", "sheets"),
    "m4a": ("av", "m4a"),
    "heic": ("pi_heif", "heif"),
}
READ: Final = (
    *("text", "markdown", "code", "html", "pdf", "docx", "epub"),
    *("json", "jsonl", "csv", "tsv", "parquet", "arrow", "xlsx", "ods"),
    *(
        "png",
        "jpeg",
        "webp",
        "gif",
        "bmp",
        "tiff",
        "avif",
        "heic",
        "wav",
        "flac",
        "mp3",
        "ogg",
        "m4a",
    ),
)
# Tables of cells, text that may spell numbers.
CELLS: Final = ("csv", "tsv")
# What a sample in a folder of texts hardly means.
BY_NAME_ONLY: Final = ("code",)
_MARK: Final = b"\xef\xbb\xbf"
_FRONT_MATTER: Final = "front matter that cannot be read"
_NO_TEXT: Final = "a PDF without text: scanned pages?"
_PAGE_WITHOUT_TEXT: Final = "a page of a PDF without text: scanned, or empty"


def reason_for(kind: Kind, types: frozenset[str], name: str = "") -> str:
    """Why files of a type are not read; empty: they are.

    Args:
        kind: The type.
        types: Those that the recipe names; none: all that mean samples.
        name: Of the file, which may say what its content does not.
    """
    if kind.name == "empty":
        return EMPTY
    if kind.name == "unknown":
        return LOCK if is_lock(name) else "of an unknown type"
    if kind.name == "warc":
        return f"{kind.what}, which `web_archive` reads"
    if kind.name not in READ:
        return f"of a type that this source does not read ({kind.what})"
    if types and kind.name not in types:
        return f"of a type that `types` leaves out ({kind.what})"
    if not types and kind.name in BY_NAME_ONLY:
        return f"{kind.what}, which is read where `types` names `{kind.name}`"
    package, extra = EXTRAS.get(kind.name, ("", ""))
    if package and not is_here(package):
        return f"{kind.what} is read with the extra `{extra}`: pip install 'tilth[{extra}]'"
    return ""


def is_here(package: str) -> bool:
    """Whether a package is installed."""
    return find_spec(package) is not None


class Reader:
    """Reads items.

    Args:
        fields: Which field of a record is which column.
        encoding: Of texts that do not say.
        max_record_bytes: What one record may have.
        max_file_bytes: What a document may have that is read as a whole.
        carrier: Says what else travels of a record, or of what a document says of itself; without
            one nothing does.
        pairs_by: Of tables of keys: the field of the key. A JSON object that has no such field is a
            record for each of its names, with the name as this field and what it stands for as
            `value`. Empty: an object is a record.
    """

    def __init__(
        self,
        fields: Fields,
        encoding: Encoding,
        max_record_bytes: int,
        max_file_bytes: int,
        carrier: Carrier | None = None,
        pairs_by: str = "",
    ) -> None:
        self._carrier, self._pairs_by = carrier, pairs_by
        self._fields, self._encoding = fields, encoding
        self._tell: PassesOver = unsaid
        self._max_record, self._max_file = max_record_bytes, max_file_bytes
        self._apart = Apart()
        self.names = Named("fields", open_names_of(fields), "field")

    def close(self) -> None:
        """End what reads documents."""
        self._apart.close()

    def rows(self, item: Item, tell: PassesOver) -> Iterator[Found]:
        """The rows of a file of a type in `READ`.

        Args:
            item: The file.
            tell: Told of what of it is passed over, such as a page or a sheet.

        Raises:
            DataError, RecordError, DamagedError: All of it, or what is left of it, cannot be read.
            NotReadError: It is locked.
        """
        self._tell = tell
        if self._carrier is not None:
            self._carrier.begin(item.uri, blank_is_nothing=item.kind.name in CELLS)
        group = item.kind.group
        if group == "records":
            yield from self._tables(item.stream.head)[item.kind.name](item)
        elif group == "picture":
            data = item.stream.whole(self._max_record)
            for part in whole_picture(data, MAX_PIXELS).unseen:
                tell(item.uri, part)
            yield item.uri, {"image": data, "id": item.name}, len(data), None
        elif group == "sound":
            data = item.stream.whole(self._max_record)
            for part in whole_sound(data).unheard:
                tell(item.uri, part)
            yield item.uri, {"audio": data, "id": item.name}, len(data), None
        elif group == "page":
            data = item.stream.whole(self._max_record)
            row = {"html": data, "content_type": "text/html", "id": item.name}
            yield item.uri, row, len(data), None
        elif item.kind.name == "pdf":
            yield from self._pdf(item)
        elif group == "document":
            told, *parts = self._apart.read(item.kind.name, self._whole(item), self._max_record)
            for part in (one for one in parts if "guess" in one):
                self._tell(f"{item.uri}#{part['page']}", Note(part["guess"]))
            yield from self._text(item, "\n\n".join(part["text"] for part in parts), told)
        else:
            yield from self._plain(item)

    def _tables(self, head: bytes) -> Mapping[str, Callable[[Item], Iterator[Found]]]:
        utf16 = utf16_of(head) != ""
        return {
            "json": self._utf16 if utf16 else self._json,
            "jsonl": self._utf16 if utf16 else self._jsonl,
            "csv": self._csv,
            "tsv": self._csv,
            "parquet": self._parquet,
            "arrow": self._arrow,
            "xlsx": self._sheets,
            "ods": self._sheets,
        }

    def _whole(self, item: Item) -> bytes:
        return item.stream.whole(self._max_file, "max_file_bytes")

    def _decoded(self, item: Item, data: bytes) -> str:
        """A whole text, with a word of it where its encoding was guessed."""
        try:
            found = read_text(data, self._encoding)
        except UndecodableError as error:
            raise RecordError(str(error)) from None
        if found.note:
            self._tell(item.uri, found.note)
        return found.text

    def _object(self, item: Item, data: bytes) -> Row:
        return jsonl.parse_line(self._decoded(item, data).encode())

    def _plain(self, item: Item) -> Iterator[Found]:
        text = self._decoded(item, item.stream.whole(self._max_record))
        told: Mapping[str, Any] | None = {}
        if item.kind.name == "markdown":
            told, text = front_matter.split(text)
        if told is None:
            self._tell(item.uri, _FRONT_MATTER)
            if not text.strip():
                return
        yield from self._text(item, text, told or {})

    def _text(self, item: Item, text: str, told: Mapping[str, Any]) -> Iterator[Found]:
        """One row of a text, and of what its file says of itself."""
        if not text.strip():
            self._tell(item.uri, EMPTY)
            return
        self.names.saw_fields(told)
        fields = self._fields
        if fields.target is not None and records.stated(told, fields.target) is None:
            fields = fields.model_copy(update={"target": None})
        row = records.make_row(told, fields, with_text=False)
        row["text"] = records.as_text(text, "text")
        self._carry(told, row)
        row.setdefault("id", item.name)
        yield item.uri, row, len(text.encode()), None

    def _pdf(self, item: Item) -> Iterator[Found]:
        told: Mapping[str, Any] = {}
        texts, without = [], []
        pages = self._apart.read("pdf", self._whole(item), self._max_record)
        for number, page in enumerate(pages):
            place = f"{item.uri}#page={number}"
            if number == 0:
                told = page
            elif "error" in page:
                yield place, RecordError(page["error"]), 0, None
            elif page["text"].strip():
                texts.append(page["text"])
            else:
                without.append(place)
        if not texts:
            self._tell(item.uri, _NO_TEXT)
            return
        for place in without:
            self._tell(place, _PAGE_WITHOUT_TEXT)
        yield from self._text(item, "\n\n".join(texts), told)

    def _json(self, item: Item) -> Iterator[Found]:
        mark = _MARK
        text = item.stream.head.removeprefix(mark).lstrip()
        if text[:1] == b"{" and self._pairs_by:
            yield from self._pairs(item)
            return
        if text[:1] == b"{":
            if not item.stream.is_whole and signatures.is_one_line(text):
                yield from self._undecided(item)
                return
            data = item.stream.whole(self._max_record).removeprefix(mark)
            yield self._record(item, self._object(item, data), item.uri, "", len(data))
            return
        yield from self._lines(item.file(), ALL)

    def _utf16(self, item: Item) -> Iterator[Found]:
        """JSON or JSON Lines in UTF-16, as one document or as lines."""
        how = Written(utf16_of(item.stream.head), ",", is_told=False, ends_with_cr=False)
        text = decode_loosely(item.stream.head, how.encoding).lstrip("\ufeff \t\r\n")
        stream = rewritten(item.stream.onwards(), how)
        if text[:1] == "{" and item.kind.name == "json":
            data = stream.read(self._max_record + 1)
            if len(data) > self._max_record:
                raise RecordError(f"above `max_record_bytes` of {self._max_record:,} bytes")
            yield self._record(item, jsonl.parse_line(data), item.uri, "", len(data))
            return
        file = SourceFile(item.path, item.name, item.uri, lambda: stream)
        yield from self._lines(file, ALL if text[:1] == "[" else "")

    def _undecided(self, item: Item) -> Iterator[Found]:
        """One document or JSON Lines: its first line is longer than what a type is known by."""
        first, rest = item.stream.parted(self._max_record)
        if len(first) <= self._max_record:
            data = first.removeprefix(_MARK)
            is_line = signatures.is_one_line(data) and item.kind.name == "jsonl"
            if not is_line and signatures.is_object(data):
                yield self._record(item, self._object(item, data), item.uri, "", len(data))
                return
        yield from self._lines(SourceFile(item.path, item.name, item.uri, lambda: rest))

    def _pairs(self, item: Item) -> Iterator[Found]:
        """An object of keys and what they stand for; or one record, or JSON Lines."""
        first, rest = item.stream.parted(self._max_file)
        data = first.removeprefix(_MARK)
        if len(first) > self._max_file or not signatures.is_object(data):
            yield from self._lines(SourceFile(item.path, item.name, item.uri, lambda: rest))
            return
        data = self._decoded(item, data).encode()
        record, by = jsonl.parse_line(data), self._pairs_by
        if records.stated(record, by) is not None or by in record:
            if len(data) > self._max_record:
                raise RecordError(f"above `max_record_bytes` of {self._max_record:,} bytes")
            yield self._record(item, record, item.uri, "", len(data))
            return
        if by == "value" or not all(type(one) in (str, int, float) for one in record.values()):
            raise RecordError(
                f"one JSON object, which is no record with `{by}`, and does not name a text or a "
                "number for each key"
            )
        # As they stand there: a name may be in it twice.
        pairs = json.loads(data, object_pairs_hook=list)
        for number, (name, value) in enumerate(pairs, start=1):
            place = f"{item.uri}:{number}"
            yield self._record(item, {by: name, "value": value}, place, f":{number}", 0)

    def _record(self, item: Item, record: Row, place: str, number: str, num_bytes: int) -> Found:
        self.names.saw_fields(record)
        try:
            row = records.make_row(record, self._fields)
            self._carry(record, row)
        except RecordError as error:
            return place, error, num_bytes, None
        row.setdefault("id", f"{item.name}{number}")
        return place, row, num_bytes, None

    def _carry(self, record: Mapping[str, Any], row: Row) -> None:
        if self._carrier is not None:
            self._carrier.fill(record, row)

    def _jsonl(self, item: Item) -> Iterator[Found]:
        if item.stream.is_whole or not signatures.is_one_line(item.stream.head):
            yield from self._lines(item.file())
        else:
            yield from self._undecided(item)

    def _lines(self, file: SourceFile, path: str = "") -> Iterator[Found]:
        settings = jsonl.Settings(
            path=str(file.path),
            records=path,
            fields=self._fields,
            encoding=self._encoding,
            max_record_bytes=self._max_record,
        )
        for found in jsonl.read_file(file, settings, self.names, self._carrier, self._tell):
            yield *found, None

    def _csv(self, item: Item) -> Iterator[Found]:
        how = written(item.stream.head, "\t" if item.kind.name == "tsv" else ",")
        file = item.file()
        if how.is_told or how.ends_with_cr:
            stream = rewritten(item.stream.onwards(), how)
            file = SourceFile(item.path, item.name, item.uri, lambda: stream)
        settings = csv.Settings(
            path=str(item.path),
            fields=self._fields,
            delimiter=how.delimiter,
            encoding="utf-8" if how.encoding and how.is_told else self._encoding,
            max_record_bytes=self._max_record,
        )
        for found in csv.read_file(file, settings, self._carrier, self._tell):
            self.names.saw(*names_of(self._fields))
            yield *found, None

    def _parquet(self, item: Item) -> Iterator[Found]:
        settings = parquet.Settings(
            path=str(item.path), fields=self._fields, max_record_bytes=self._max_record
        )
        file = item.file(can_seek=True)
        for found in parquet.read_file(file, settings, parquet.make_row_of, self._carrier):
            self.names.saw(*names_of(self._fields))
            yield found

    def _arrow(self, item: Item) -> Iterator[Found]:
        stream = item.stream.anywhere()
        is_file = item.stream.head.startswith(b"ARROW1")
        wanted, beside, number = names_of(self._fields), None, 0
        try:
            reader = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(stream)
            batches = (
                (reader.get_batch(at) for at in range(reader.num_record_batches))
                if is_file
                else iter(reader)
            )
            for batch in batches:
                batch.validate(full=True)
                require_once(batch.schema.names, wanted)
                if beside is None and self._carrier is not None:
                    beside = Columns(batch.schema, self._carrier)
                for record, further in parquet.records_of(batch, wanted, beside):
                    number += 1
                    yield self._of_arrow(item, record, number, further)
        except (pa.ArrowException, OSError) as error:
            raise RecordError(f"damaged after {number:,} rows: {error}"[:200]) from error

    def _of_arrow(
        self, item: Item, record: Row | RecordError, number: int, further: Beside | None
    ) -> Found:
        place = f"{item.uri}:{number}"
        if isinstance(record, RecordError):
            return place, record, 0, None
        self.names.saw_fields(record)
        try:
            row = records.make_row(record, self._fields)
        except RecordError as error:
            return place, error, 0, None
        row.setdefault("id", f"{item.name}:{number}")
        return place, row, records.num_bytes_of(row), further

    def _sheets(self, item: Item) -> Iterator[Found]:
        sheet, columns = "", []
        for part in self._apart.read("sheets", self._whole(item), self._max_record):
            if "left" in part:
                self._tell(f"{item.uri}#{part['sheet']}", part["left"])
            elif "columns" in part:
                sheet, columns = part["sheet"], _named(part["columns"], names_of(self._fields))
            for number, cells in part.get("rows", ()):
                place = f"{item.uri}#{sheet}:{number}"
                if isinstance(cells, str):
                    yield place, RecordError(cells), 0, None
                    continue
                record = {name: cell for name, cell in zip(columns, cells, strict=False) if name}
                yield self._record(item, record, place, f"#{sheet}:{number}", 64 * len(cells))


def _named(columns: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The columns of a sheet, which may have one without a name, or two of one.

    Raises:
        RecordError: One that the recipe names is there twice.
    """
    named = [name for name in columns if name]
    require_once(named, wanted)
    names = iter(numbered(named))
    return [next(names) if name else "" for name in columns]
