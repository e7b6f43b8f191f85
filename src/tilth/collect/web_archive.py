"""Read web archives: WARC, WARC.gz, WET, ARC and WACZ; every page with where and when it was had.

What is in an archive and is no page (requests, pictures, answers of another status) is passed over,
counted with its reason. What is damaged costs the record that it is in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, BinaryIO, Literal, Protocol

import pyarrow as pa
from pydantic import Field

from tilth.context import Context
from tilth.decode.page import stated_encoding
from tilth.decode.text import MARKS, UndecodableError, decode_text
from tilth.formats import arc, wacz, warc
from tilth.formats.http_answer import HTML_TYPES, AnswerError, body_of, media_type, read_answer
from tilth.formats.streams import SourceFile, open_raw, too_long
from tilth.formats.warc import ArchiveRecord, Damaged
from tilth.formats.window import Buffer, first_bytes, inflating
from tilth.reading import inputs, records
from tilth.reading.by_file import ByFile
from tilth.reading.carry import Carrier
from tilth.reading.fields import Meta, carried
from tilth.reading.named import Named
from tilth.schema import META, Row
from tilth.web.secrets import masked

SUFFIXES = (
    *(
        f"{ending}{packed}"
        for ending in (".warc", ".arc", ".wet", ".wat")
        for packed in ("", ".gz")
    ),
    ".wacz",
)
COLUMNS = ("html", "content_type", "text", "fetched_at")
# Fields of a record that are columns of the schema, or of no use beside them.
_TAKEN = (
    *("warc-type", "warc-target-uri", "warc-date", "content-type", "content-length"),
    "arc-content-type",
)
_TITLE = META + "title"
_KINDS = frozenset(
    {"warcinfo", "request", "metadata", "revisit", "conversion", "continuation"}
    | {"response", "resource"}
)
_LEFT = frozenset({"warcinfo", "request", "metadata"})
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?Z)?)?)?", re.A)
_MEDIA_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,60}", re.A)
# So many of them are remembered until their pages are found.
_MAX_REVISITS = 1_000_000
_MAX_CONTENT_TYPE = 200


Statuses = Annotated[
    tuple[Annotated[int, Field(ge=100, le=599)], ...],
    Field(min_length=1, description="HTTP statuses of the answers that are read"),
]
Truncated = Annotated[
    Literal["read", "pass_over"],
    Field(
        description="pages that their crawler cut short, as `WARC-Truncated` says: read what there "
        "is of them, or pass them over"
    ),
]


class Settings(inputs.FileSettings):
    """Read web archives: WARC, ARC, WET and WACZ, plain or gzip, one page a record.

    Answers become `html`, as a crawl gives them; texts of a WET file become `text`. A record that
    is damaged, too long or cannot be unpacked is quarantined with its file and byte.
    """

    statuses: Annotated[tuple[Annotated[int, Field(ge=100, le=599)], ...], Field(min_length=1)] = (
        Field((200,), description="HTTP statuses of the answers that are read")
    )
    truncated: Literal["read", "pass_over"] = Field(
        "read",
        description="pages that their crawler cut short, as `WARC-Truncated` says: read what there "
        "is of them, or pass them over",
    )
    meta: Meta = "all"
    check_digests: bool = Field(
        False,
        description="compare each page with the digest that its record states. Where a gzip "
        "member has one record, its own checksum is compared in any case; what has no checksum is "
        "compared with its digest in any case",
    )


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files; of a `url` without a digest the address."""
    return inputs.fingerprint_files(settings, SUFFIXES)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    license_ = ["license"] if settings.license is not None else []
    return (*COLUMNS, *license_, *carried(settings.meta))


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The pages as rows, in the order of file name and place; behind them those that were met
    again, in the order of the pages that they are.

    Raises:
        MissingError: no such file.
        DataError: not one page, or a file that changed meanwhile.
    """
    batcher = records.Batcher(source, COLUMNS, {"license": settings.license}, context.limit)
    with inputs.opened(settings, SUFFIXES, context) as found:
        meter = inputs.Meter(found, context)
        pages = Pages(settings, context)
        by_file = ByFile(context, batcher, pages.carrier, pages.named)
        for file in found:
            if batcher.num_rows == context.limit:
                break
            if by_file.is_known(file):
                yield from by_file.again()
                meter.finish(file, batcher.num_rows, is_told=True)
                continue
            num_revisits = pages.num_revisits
            for place, row, num_bytes in pages.of(file):
                if batcher.is_full:
                    break
                yield from batcher.add_found(row, place, num_bytes)
            meter.finish(file, batcher.num_rows, is_told=pages.told_of == file)
            # The page that a revisit is of may lie in any file.
            yield from by_file.end(hangs_on_none=pages.num_revisits == num_revisits)
        by_file.other()
        if not batcher.is_full:
            for place, row, num_bytes in pages.met_again(found):
                yield from batcher.add_found(row, place, num_bytes)
            pages.check(settings.path or settings.url or "")
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise inputs.empty_source(settings.path or settings.url or "")


_Found = tuple[str, Row | records.RecordError, int]


class PageSettings(Protocol):
    """Which records are pages; as of `Settings`."""

    @property
    def statuses(self) -> tuple[int, ...]: ...
    @property
    def truncated(self) -> Literal["read", "pass_over"]: ...
    @property
    def max_record_bytes(self) -> int: ...
    @property
    def check_digests(self) -> bool: ...
    @property
    def meta(self) -> Meta: ...


class PassedOverError(Exception):
    """A record that is sound and not read, and why."""


@dataclass
class _Revisits:
    """Records that say that a page was as before, by what they name it with."""

    held: dict[str, list[tuple[str, str, Mapping[str, str]]]] = field(default_factory=dict)
    number: int = 0

    def add(self, place: str, inside: str, fields: Mapping[str, str]) -> bool:
        """Remember one; whether it names a page, and there is room."""
        names = [name for name in _names_met_again(fields) if name]
        if not names or self.number >= _MAX_REVISITS:
            return False
        self.number += 1
        self.held.setdefault(names[0], []).append((place, inside, fields))
        return True


def _names_met_again(fields: Mapping[str, str]) -> Iterator[str]:
    """What a revisit may call the page that it is of, the surest first (ISO 28500, 6.7)."""
    yield fields.get("warc-refers-to", "")
    uri, date = (fields.get(f"warc-refers-to-{name}", "") for name in ("target-uri", "date"))
    yield f"{date} {uri}" if uri and date else ""
    yield fields.get("warc-payload-digest", "").lower()


def _names(fields: Mapping[str, str]) -> Iterator[str]:
    """What a page may be called by a revisit of it."""
    yield fields.get("warc-record-id", "")
    yield f"{fields.get('warc-date', '')} {fields.get('warc-target-uri', '')}"
    yield fields.get("warc-payload-digest", "").lower()


class Pages:
    """The pages of files, and what of the files is none.

    Attributes:
        carrier: Of what their records say besides.
        named: The fields that the recipe names.
        told_of: The last file that a record was met in.
        num_revisits: Records so far that say that a page was as before.
    """

    def __init__(self, settings: PageSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._revisits = _Revisits()
        self.carrier = Carrier(context, settings.meta, {}, _TAKEN)
        listed = () if isinstance(settings.meta, str) else settings.meta
        self.named = Named("meta", (name for name in listed if name != "title"), "field")
        self.told_of: SourceFile | None = None
        self.num_revisits = 0

    def of(self, file: SourceFile) -> Iterator[_Found]:
        """Place, row (or what is wrong with it) and bytes of each page."""
        for part in self._parts(file, tells=True):
            if isinstance(part, tuple):
                yield part
                continue
            self.carrier.begin(part.uri)
            for record in part.read(self._settings, self.wants):
                self.told_of = file
                place, inside = (f"{name}:{record.place}" for name in (part.uri, part.name))
                if isinstance(record, Damaged):
                    yield place, records.RecordError(record.cause), 256
                    continue
                try:
                    row = self.row(record, record.fields, place, inside)
                    self._name(row, part.titles)
                except _LaterError:
                    continue
                except PassedOverError as reason:
                    self._context.passes_over(place, str(reason))
                except (AnswerError, records.RecordError) as error:
                    yield place, records.RecordError(str(error)), 256
                else:
                    yield place, row, len(record.block)

    def met_again(self, found: Iterable[SourceFile]) -> Iterator[_Found]:
        """Those that a revisit is of: the page as it was, when and where it was met again."""
        held = self._revisits.held
        self.carrier.tell_nothing_more()

        def wants(kind: str, fields: Mapping[str, str]) -> bool:
            return kind in ("response", "resource") and any(name in held for name in _names(fields))

        for file in found if held else ():
            for part in self._parts(file, tells=False):
                if isinstance(part, tuple):
                    continue
                for record in part.read(self._settings, wants):
                    if isinstance(record, Damaged) or not wants(record.kind, record.fields):
                        continue
                    for name in _names(record.fields):
                        for place, inside, fields in held.pop(name, ()):
                            try:
                                row = self.row(record, fields, place, inside)
                                self._name(row, part.titles)
                            except (PassedOverError, AnswerError, records.RecordError):
                                self._context.passes_over(place, "a revisit of what is not read")
                            else:
                                yield place, row, len(record.block)
        for missing in held.values():
            for place, _, _ in missing:
                self._context.passes_over(place, "a revisit of what is not in these files")

    def _parts(self, file: SourceFile, *, tells: bool) -> Iterator[_Part | _Found]:
        """The archives that a file is, or holds."""
        with open_raw(file) as raw:
            raw.seek(0)
            if not wacz.is_zip(raw.read(4)):
                if size := file.path.stat().st_size:
                    yield _Part(raw, size, file.uri, file.name, first_bytes(raw))
                return
            titles: wacz.Titles | None = None
            try:
                for member in wacz.read_wacz(raw):
                    if titles is None:
                        titles = wacz.Titles(raw)
                        for name, reason in titles.passed if tells else ():
                            self._context.passes_over(f"{file.uri}:{name}", reason)
                    place = f"{file.uri}:{member.name}"
                    if not member.is_archive and tells and member.name not in titles.read:
                        reason = "part of a WACZ beside its archives"
                        self._context.passes_over(place, reason)
                    elif member.cause and tells:
                        yield place, records.RecordError(member.cause), 256
                    if member.raw is not None and member.size:
                        head, name = first_bytes(member.raw), f"{file.name}:{member.name}"
                        yield _Part(member.raw, member.size, place, name, head, titles)
            except wacz.WaczError as error:
                if tells:
                    yield file.uri, records.RecordError(str(error)), 256

    def check(self, where: str) -> None:
        """Once all records were read.

        Raises:
            DataError: No page has a field that the recipe names.
        """
        self.named.check(where)

    def _name(self, row: Row, titles: wacz.Titles | None) -> None:
        """Put the title into a row that the archive's list of pages has of it."""
        wanted = self._settings.meta
        if titles is None or not (wanted == "all" or "title" in wanted):
            return
        if title := titles.of(row["uri"], row.get("fetched_at", "")):
            row[_TITLE] = title

    def wants(self, kind: str, fields: Mapping[str, str]) -> bool:
        """Whether the block of a record may become a row."""
        if kind == "response":
            return True
        if kind not in ("resource", "conversion") or "warc-segment-number" in fields:
            return False
        return media_type(fields.get("content-type", "")) in (*HTML_TYPES, "text/plain")

    def row(self, record: ArchiveRecord, fields: Mapping[str, str], place: str, inside: str) -> Row:
        """A page as a row.

        Args:
            record: It.
            fields: What is said of where and when it was had, which is its own or a revisit's.
            place: Of that, as the user would name it.
            inside: Of that, in its source.

        Raises:
            PassedOverError: It is no page.
            AnswerError: It cannot be read.
            RecordError: It is too long, or a text that cannot be decoded.
        """
        kind = record.kind
        if kind == "revisit":
            self.num_revisits += 1
            if not self._revisits.add(place, inside, record.fields):
                raise PassedOverError("a revisit of what is not in these files")
            # Told once it is known whether the page is in the files.
            raise _LaterError
        if kind not in ("response", "resource", "conversion"):
            known = kind if kind in _KINDS else "unknown"
            raise PassedOverError(f"a record of the kind {known}")
        if "warc-segment-number" in record.fields:
            raise PassedOverError("a part of a record that was parted")
        is_cut = "warc-truncated" in record.fields
        if is_cut and self._settings.truncated == "pass_over":
            raise PassedOverError("cut short by its crawler")
        row: Row = {"id": "", "uri": _uri(fields) or place}
        if date := _DATE.match(fields.get("warc-date", "")):
            row["fetched_at"] = date[0]
        content_type, body = self._content(record, is_cut=is_cut)
        if kind == "conversion":
            row["text"] = _text_of(bytes(body), content_type)
        else:
            row["html"] = body
            row["content_type"] = content_type[:_MAX_CONTENT_TYPE]
        # The same record may lie in two files: each is a row, and one of them a copy.
        told = record.fields.get("warc-block-digest") or record.fields.get("warc-payload-digest")
        self.named.saw_fields(fields)
        self.carrier.fill(fields, row)
        row["id"] = f"{inside} {told or f'{len(body)} {inflating.crc32(body):08x}'}"
        return row

    def _content(self, record: ArchiveRecord, *, is_cut: bool) -> tuple[str, Buffer]:
        """Content type and body.

        Raises:
            As `row`.
        """
        most = self._settings.max_record_bytes
        content_type = record.fields.get("content-type", "")
        if record.kind == "response" and media_type(content_type) == "application/http":
            if (known := record.fields.get("arc-content-type", "text/html")) not in _OPEN_TYPES:
                _require_type(known, HTML_TYPES)
            answer = read_answer(record.block)
            if answer.status not in self._settings.statuses:
                raise PassedOverError(f"an answer of the HTTP status {answer.status}")
            stated = answer.fields.get("content-type") or record.fields.get(
                "warc-identified-payload-type", ""
            )
            _require_type(stated, HTML_TYPES)
            _require_whole(record, most)
            return stated, body_of(answer, most, is_cut=is_cut)
        types = ("text/plain",) if record.kind == "conversion" else HTML_TYPES
        _require_type(content_type, types)
        _require_whole(record, most)
        return content_type, record.block


class _LaterError(PassedOverError):
    """It is told of later."""


def _text_of(body: bytes, content_type: str) -> str:
    """The text of a conversion, which is UTF-8 unless its record says otherwise.

    Raises:
        RecordError: It is none.
    """
    encoding = stated_encoding(content_type) or "utf-8"
    for mark, name in MARKS:
        if body.startswith(mark):
            body, encoding = body[len(mark) :], name
            break
    try:
        return decode_text(body, encoding)
    except UndecodableError as error:
        raise records.RecordError(str(error)) from None


_OPEN_TYPES = ("text/html", "no-type", "unk", "-", "")


def other_type(kind: str) -> str:
    """Why a record of this media type is passed over."""
    shown = kind if _MEDIA_TYPE.fullmatch(kind) else "unknown" if kind else "none stated"
    return f"{inputs.OTHER_TYPE} ({shown})"


def _require_type(stated: str, types: tuple[str, ...]) -> None:
    kind = media_type(stated)
    if kind not in types:
        raise PassedOverError(other_type(kind))


def _require_whole(record: ArchiveRecord, max_bytes: int) -> None:
    if record.length > max_bytes:
        raise records.RecordError(too_long(record.length, max_bytes))


def _uri(fields: Mapping[str, str]) -> str:
    uri = fields.get("warc-target-uri", "")
    # As some releases of Wget write it; a blank is none in an address.
    if uri.startswith("<") and uri.endswith(">"):
        uri = uri[1:-1]
    return masked(uri.replace(" ", "%20"))


@dataclass(frozen=True)
class _Part:
    """An archive: a file, or a member of one.

    Attributes:
        raw, size: Its bytes.
        uri: How the user would name it.
        name: Its name inside the source.
        head: How it begins, unpacked.
        titles: What its pages are called beside it.
    """

    raw: BinaryIO
    size: int
    uri: str
    name: str
    head: bytes
    titles: wacz.Titles | None = None

    def read(self, settings: PageSettings, wants: warc.Wants) -> Iterator[ArchiveRecord | Damaged]:
        """Its records, and what is damaged of it."""
        most = settings.max_record_bytes
        is_arc = arc.is_arc(self.head) or ".arc" in self.uri.lower()[-8:]
        if is_arc and not warc.is_warc(self.head):
            return arc.read_arc(self.raw, self.size, most, wants)
        return warc.read_warc(
            self.raw, self.size, most, wants, leaves=_LEFT, check_digests=settings.check_digests
        )
