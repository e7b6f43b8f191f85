"""Read WebDataset shards: tar archives in which the files of one name are one sample.

    000017.jpg  000017.cls  000017.json     sample 000017: a picture, its class, further fields

Source: github.com/webdataset/webdataset, "The WebDataset Format" and `webdataset.tariterators`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pydantic import Field, ValidationInfo, field_validator

from tilth.collect import jsonl
from tilth.context import Context, PassesOver, silent, unsaid
from tilth.decode.picture import reads_heif
from tilth.decode.sound import reads_m4a
from tilth.decode.text import UndecodableError, decode_text, in_utf8
from tilth.errors import DataError, RecordError
from tilth.formats.streams import SourceFile, not_found
from tilth.hints import choose_from
from tilth.reading import inputs, limits, records
from tilth.reading.carry import Carrier, numbered
from tilth.reading.fields import Fields, columns_of, filled, names_of, open_names_of
from tilth.reading.members import Wanted, read_members
from tilth.reading.named import Named
from tilth.reading.whole import MAX_PIXELS, MaxPixels, whole_picture
from tilth.reading.whole_sound import whole_sound
from tilth.schema import Row
from tilth.splits import SplitName

SUFFIXES: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_HEIF: Final = ("heic", "heif")
PICTURES: Final = (
    *("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif"),
    *_HEIF,
)
SOUNDS: Final = ("wav", "flac", "mp3", "ogg", "oga", "opus", "m4a")
_PAGES: Final = ("html", "htm")
TEXTS: Final = (
    *("txt", "text", "transcript", "caption", "md", "cls", "cls2", "index", "inx", "id"),
    *("csv", "tsv", "xml", "yaml", "yml", "srt", "vtt"),
    *_PAGES,
)
# What the format calls a column.
_USUAL: Final = {"txt": "text", "cls": "label"}
ANOTHER: Final = "a further picture, sound or page of a sample: it has one of each"
# Of one sample; a name whose point comes too early makes one of all.
_MAX_MEMBERS: Final = 100
_BRACES: Final = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}")
_MAX_SHARDS: Final = 1_000_000


class Settings(inputs.FileSettings):
    """Read WebDataset shards: a tar, a folder or glob of them, or `shard-{000..017}.tar`.

    Members of one name up to its first point are one sample. Pictures and sounds are decoded whole;
    `txt` is the text, `cls` the label, `html` a page; a `json` gives its fields, and any other text
    is a field by its extension. What is not read is passed over with its reason.
    """

    fields: Fields = Field(
        Fields(),
        description="which extension, or field of the `.json`, is the text, label, target, id, ...",
    )
    image: str | None = Field(
        None, description="extension of the picture, where there are several; else the first"
    )
    audio: str | None = Field(
        None, description="extension of the sound, where there are several; else the first"
    )
    max_pixels: MaxPixels = MAX_PIXELS
    split: SplitName | None = Field(
        None, description="split of all samples that do not state their own"
    )

    @field_validator("image", "audio")
    @classmethod
    def _is_known(cls, value: str | None, info: ValidationInfo) -> str | None:
        known = PICTURES if info.field_name == "image" else SOUNDS
        if value is not None and value.lower().rpartition(".")[2] not in known:
            raise ValueError(f"no extension `{value}` that is read; {choose_from(value, known)}")
        return value


def fingerprint(settings: Settings) -> str:
    """Names and digests of the shards; of a `url` without a digest the address."""
    if _shards(settings.path) is not None:
        return inputs.fingerprint_paths(_expanded(settings), settings.digest)
    return inputs.fingerprint_files(settings, SUFFIXES)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    told = filled(settings.fields, license=settings.license, split=settings.split)
    own = ("image", "audio", "html", "content_type", "label", "label_origin")
    return tuple(dict.fromkeys((*told, *own)))


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The samples of all shards, in the order of their names and of what is in them.

    Raises:
        MissingError: There is no such shard.
        DataError: Not one sample, a field that none has, or a shard that changed meanwhile.
    """
    columns = dict.fromkeys(
        ("image", "audio", "html", "content_type", "label", "label_origin", "split")
    )
    batcher = records.Batcher(
        source,
        tuple(dict.fromkeys((*columns_of(settings.fields), *columns))),
        {"license": settings.license, "split": settings.split},
        context.limit,
    )
    maker = _Maker(settings, Carrier.of(settings.fields, context), context.passes_over)
    where = settings.path or settings.url or ""
    with _opened(settings, context) as found:
        takes = limits.sharing(context.limit, lambda: _kinds(found, settings, context))
        # Of a shard without a sample `read_members` tells.
        meter = inputs.Meter(found, replace(context, passes_over=unsaid))
        for file in found:
            maker.begin(file)
            for sample in _samples(file, settings, context):
                if batcher.is_full:
                    break
                try:
                    row = maker.row(sample)
                    kind = limits.kind_of(row)
                except RecordError as error:
                    if takes(limits.BAD):
                        yield from batcher.add_error(str(error), sample.uri)
                    continue
                if takes(kind):
                    try:
                        maker.require_whole(row, sample)
                    except RecordError as error:
                        yield from batcher.add_error(str(error), sample.uri)
                    else:
                        yield from batcher.add(row, sample.uri, sample.num_bytes)
            meter.finish(file, batcher.num_rows)
        if not batcher.is_full:
            maker.names.check(where)
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise inputs.empty_source(where)


@contextmanager
def _opened(settings: Settings, context: Context) -> Iterator[list[SourceFile]]:
    """The shards, which stay as they are."""
    if _shards(settings.path) is None:
        with inputs.opened(settings, SUFFIXES, context) as found:
            yield found
        return
    watched = inputs.Watched()
    yield [watched.add(file) for file in _expanded(settings)]
    watched.check()


def _shards(path: str | None) -> tuple[str, str, int, int, str] | None:
    """What stands around `{000..017}`, and between; None: it is no such pattern, or a real name."""
    match = _BRACES.search(path or "")
    if path is None or match is None or os.path.exists(os.path.expanduser(path)):
        return None
    return path[: match.start()], match[1], int(match[1]), int(match[2]), path[match.end() :]


def _expanded(settings: Settings) -> list[SourceFile]:
    """The shards that `{000..017}` names, each of which is there.

    Raises:
        MissingError: One is not.
        DataError: They are none, or too many.
    """
    named = _shards(settings.path)
    assert named is not None
    before, width, first, last, behind = named
    if not first <= last < first + _MAX_SHARDS or _BRACES.search(behind):
        raise DataError(
            "not the numbers of shards",
            where=settings.path or "",
            hint="as `shard-{000..017}.tar`, once in a path, the smaller number first",
            code="columns",
        )
    found = []
    for number in range(first, last + 1):
        path = f"{before}{number:0{len(width)}d}{behind}"
        place = Path(os.path.expanduser(path))
        if not place.is_file():
            raise not_found(path)
        found.append(SourceFile(place, place.name, path))
    return found


@dataclass
class _Sample:
    """The members of one name.

    Attributes:
        key: Their name up to the first point of its last part; empty: a place without a name.
        uri: Shard and key.
        parts: Extension in lower case -> content.
        cause: What is wrong with it; empty: nothing.
        num_bytes: Of all parts.
    """

    key: str
    uri: str
    parts: dict[str, bytes] = field(default_factory=dict)
    cause: str = ""
    num_bytes: int = 0

    def take(self, ending: str, data: bytes, error: str, most: int) -> None:
        """One more member; what is too much is not held."""
        self.num_bytes += len(data)
        if error:
            self.cause = self.cause or f".{ending[:40]}: {error}"
        elif ending in self.parts:
            self.cause = self.cause or f"two members with the extension .{ending[:40]}"
        elif self.num_bytes > most:
            self.cause = self.cause or inputs.too_long(self.num_bytes, most)
        elif len(self.parts) >= _MAX_MEMBERS:
            self.cause = self.cause or (
                f"more than {_MAX_MEMBERS} members of one name, which ends at its first point"
            )
        if self.cause:
            self.parts = {}
        else:
            self.parts[ending] = data


def _wanted(settings: Settings) -> Wanted:
    """Members of the types that are read, and of those that the recipe names."""
    named = [name.lower() for name in names_of(settings.fields)]
    endings = (*PICTURES, *SOUNDS, *TEXTS, "json", *named)
    return Wanted(tuple(dict.fromkeys(f".{one}" for one in endings)))


def _samples(file: SourceFile, settings: Settings, context: Context) -> Iterator[_Sample]:
    """The samples of a shard, in its order; what is damaged in it costs what is damaged."""
    quiet = replace(context, progress=silent)
    most = settings.max_record_bytes
    sample: _Sample | None = None
    seen: set[str] = set()
    try:
        for member in read_members([file], _wanted(settings), most, quiet):
            folder, slash, base = member.name.rpartition("/")
            stem, _, ending = base.partition(".")
            key = f"{folder}{slash}{stem}"
            if sample is not None and (key != sample.key or not member.name):
                yield sample
                sample = None
            if not member.name:
                yield _Sample("", member.uri, cause=member.error)
                continue
            if sample is None:
                sample = _Sample(key, f"{file.uri}:{key}")
                if key in seen:
                    sample.cause = "members of this name stand elsewhere in the shard as well"
                seen.add(key)
            sample.take(ending.lower(), member.data, member.error, most)
    except DataError as error:
        if sample is not None:
            sample.cause = sample.cause or f"the shard may end within it: {error.what}"
            yield sample
        yield _Sample("", file.uri, cause=error.what)
        return
    if sample is not None:
        yield sample


def _kinds(found: list[SourceFile], settings: Settings, context: Context) -> Iterator[limits.Kind]:
    """The kind of every sample, in the order of the source."""
    quiet = replace(context, passes_over=unsaid)
    maker = _Maker(settings, None, unsaid)
    for file in found:
        maker.begin(file)
        for sample in _samples(file, settings, quiet):
            try:
                yield limits.kind_of(maker.row(sample))
            except RecordError:
                yield limits.BAD


class _Maker:
    """Makes rows of samples.

    Args:
        settings: The source's.
        carrier: Puts further fields into rows; None: nothing travels.
        tell: Told of what is passed over.
    """

    def __init__(self, settings: Settings, carrier: Carrier | None, tell: PassesOver) -> None:
        self._settings = settings
        self._carrier = carrier
        self._tell = tell
        self._name = ""
        self._media: set[str] = set()
        self.names = Named("fields", open_names_of(settings.fields), "field")

    def begin(self, file: SourceFile) -> None:
        """A shard begins."""
        self._name = file.name
        self._media = set()
        if self._carrier is not None:
            self._carrier.begin(file.uri)

    def row(self, sample: _Sample) -> Row:
        """The columns of a sample, its picture and sound not decoded yet.

        Raises:
            RecordError: It is damaged, or lacks what the samples before it in the shard have.
        """
        if sample.cause:
            raise RecordError(sample.cause)
        row: Row = {}
        record: Row = {}
        inside: Mapping[str, Any] = {}
        for ending, data in self._chosen(sample).items():
            last = ending.rpartition(".")[2]
            if last in PICTURES:
                row["image"] = data
            elif last in SOUNDS:
                row["audio"] = data
            elif last in _PAGES and ending not in names_of(self._settings.fields):
                row |= {"html": data, "content_type": "text/html"}
            elif ending == "json":
                inside = jsonl.parse_line(data)
            else:
                record[_USUAL.get(ending, ending)] = _text(data, ending)
        if lacking := self._media - row.keys():
            raise RecordError(f"it has no {min(lacking)}, which samples before it have")
        self._media |= row.keys() & {"image", "audio", "html"}
        keys = numbered([*record, *inside])
        record = dict(zip(keys, (*record.values(), *inside.values()), strict=True))
        self.names.saw_fields(record)
        fields = self._fields(record, bool(row))
        row |= records.make_row(record, fields, with_text=bool(fields.text))
        if self._carrier is not None:
            used = {fields.label, *fields.text}
            self._carrier.fill({k: v for k, v in record.items() if k not in used}, row)
        row.setdefault("id", f"{self._name}:{sample.key}")
        return row

    def _fields(self, record: Mapping[str, Any], has_media: bool) -> Fields:
        """Which field is which column: `txt` and `cls` by themselves."""
        fields = self._settings.fields
        text = (fields.text,) if isinstance(fields.text, str) else fields.text
        taken = fields.model_copy(update={"text": ()}).taken()
        # Beside a picture, a sound or a page a text is read where there is one.
        if has_media and text == ("text",) and ("text" not in record or "text" in taken):
            text = ()
        label = fields.label
        if label is None and "label" in record and "label" not in taken:
            label = "label"
        return fields.model_copy(update={"text": text, "label": label})

    def _chosen(self, sample: _Sample) -> dict[str, bytes]:
        """The members that are read: one picture, one sound, one page, and all texts."""
        settings, found = self._settings, dict(sample.parts)
        skipped = (*(() if reads_heif() else _HEIF), *(() if reads_m4a() else ("m4a",)))
        for ending in [one for one in found if one.rpartition(".")[2] in skipped]:
            extra = "m4a" if ending.endswith("m4a") else "heif"
            reason = f"{inputs.OTHER_TYPE} without the extra `{extra}`"
            self._tell(f"{sample.uri}.{ending}", reason)
            del found[ending]
        for kinds, wanted in ((PICTURES, settings.image), (SOUNDS, settings.audio), (_PAGES, None)):
            of_kind = [one for one in found if one.rpartition(".")[2] in kinds]
            read = wanted if wanted is not None else next(iter(of_kind), "")
            for ending in of_kind:
                if ending != read:
                    self._tell(f"{sample.uri}.{ending}", ANOTHER)
                    del found[ending]
            if wanted is not None and wanted not in found:
                raise RecordError(f"it has no .{wanted}, only {', '.join(sample.parts)}"[:200])
        return found

    def require_whole(self, row: Row, sample: _Sample) -> None:
        """Decode the picture and the sound to their ends.

        Raises:
            RecordError: One is cut off, damaged or too large.
        """
        parts: list[str] = []
        if "image" in row:
            parts += whole_picture(row["image"], self._settings.max_pixels).unseen
        if "audio" in row:
            parts += whole_sound(row["audio"]).unheard
        for part in parts:
            self._tell(sample.uri, part)


def _text(data: bytes, ending: str) -> str:
    try:
        return decode_text(in_utf8(data))
    except UndecodableError as error:
        raise RecordError(f".{ending[:40]}: {error}") from None
