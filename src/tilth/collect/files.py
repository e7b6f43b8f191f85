"""Read whatever files there are, each by what is in it, from folders and archives.

Every file is read, passed over with a reason, or a row with an error: nothing is lost for its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Final, Literal, TypeVar

import pyarrow as pa
from pydantic import Field, field_validator

from tilth.collect.item_rows import CELLS, READ, Found, Reader, reason_for
from tilth.context import Context, PassesOver, unsaid
from tilth.decode.text import AUTO, Encoding
from tilth.errors import DataError, MissingError, NotReadError, RecordError
from tilth.foreign import visible
from tilth.formats.signatures import KINDS
from tilth.formats.streams import DamagedError, SourceFile
from tilth.hints import choose_from
from tilth.labels import as_label
from tilth.reading import inputs, kinds, limits, records
from tilth.reading.by_file import ByFile
from tilth.reading.carry import Carrier
from tilth.reading.fields import Fields, columns_of, filled, tells_kinds
from tilth.reading.items import Broken, Choice, Item, items_of
from tilth.schema import Row
from tilth.splits import SplitName

_ALL: Final = ("",)
_Any = TypeVar("_Any")
# Words of `types` that stand for several.
_GROUPS: Final = {
    "images": "picture",
    "sounds": "sound",
    "documents": "document",
    "tables": "records",
}
_PAYLOAD: Final = {"text": "text", "document": "text", "records": "text"}
_PAYLOADS: Final = {**_PAYLOAD, "page": "html", "picture": "image", "sound": "audio"}


class Settings(inputs.FileSettings):
    """Read files of any type by their content: from a folder, glob, archive (tar, zip) or address.

    Texts, documents, pictures and sounds are a sample each, of tables (JSON, CSV, Parquet, ...)
    each record is one. What is of no type that can be read is passed over, with its reason.
    """

    include: tuple[str, ...] = Field(
        (),
        description="only files whose name, or path inside where the pattern has a slash, fits one "
        "of these; `*` stands for anything, `?` for a character",
    )
    exclude: tuple[str, ...] = Field(
        (), description="no files whose name or path fits one of these"
    )
    types: tuple[str, ...] = Field(
        (),
        description="only files of these types, as [pdf, docx]; `images`, `sounds`, `documents` "
        "and `tables` stand for several. Without it: all but `code`",
    )
    fields: Fields = Field(
        Fields(),
        description="which field of a record is the text, label, id, ...; of a document, which of "
        "its properties",
    )
    labels: Literal["folder", "none"] = Field(
        "none", description="the name of a file's folder is its label; or there is none"
    )
    split: SplitName | Literal["folder"] | None = Field(
        None,
        description="split of all rows that do not state their own; `folder`: the outermost folder "
        "that is called train, val, validation, test, ...",
    )
    encoding: Encoding = Field(
        AUTO,
        description="character encoding of texts without a byte order mark; `auto`: UTF-8, or what "
        "a text that is none looks like",
    )
    max_file_bytes: int = Field(
        256 << 20,
        description="bytes that a document may have (PDF, DOCX, EPUB, XLSX, ODS); a longer one is "
        "quarantined",
        ge=1024,
        le=inputs.MAX_RECORD_BYTES,
    )

    @field_validator("types")
    @classmethod
    def _are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = (*READ, *_GROUPS)
        for name in value:
            if name not in known:
                raise ValueError(f"no type `{name}`; {choose_from(name, known)}")
        return value


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files; of a `url` without a digest the address."""
    if settings.url is not None:
        return inputs.fingerprint_files(settings, _ALL)
    others = inputs.Others()
    there = inputs.find_files(settings, _ALL, others)
    for file in there:
        if reason := _choice(settings).reason(file.name):
            others(file.uri, reason)
    found = list(filter(_is_read(settings), there))
    return "\n".join([inputs.fingerprint_paths(found, settings.digest), *others.lines])


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    told = filled(settings.fields, license=settings.license, split=settings.split)
    # What is a sample of itself has no text.
    return tuple(dict.fromkeys((*_columns(settings), *(name for name in told if name != "text"))))


def reads_all(settings: Settings) -> str:
    """Why files that are as they were are read again where others changed; empty: they are not."""
    return "`labels: folder` looks at all folders together" * (settings.labels == "folder")


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The rows of all files, in the order of their names, and of what holds them.

    Raises:
        MissingError: There is nothing at that path.
        DataError: Not one row, a field that no record has, tables of which none has the columns
            that the recipe names, or a file that changed meanwhile.
    """
    defaults = {
        "license": settings.license,
        "split": None if settings.split == "folder" else settings.split,
    }
    batcher = records.Batcher(source, _columns(settings), defaults, context.limit)
    carrier = Carrier.of(settings.fields, context)
    reader = _reader(settings, carrier)
    where = settings.path or settings.url or ""
    with closing(reader), inputs.opened(settings, _ALL, context, _is_read(settings)) as found:
        shared = settings.labels == "folder" or settings.split == "folder"
        shared = shared or context.spreads or tells_kinds(settings.fields)
        takes = limits.sharing(
            context.limit if shared else None, lambda: _kinds(found, settings, context)
        )
        # Each file is told of here, wherever nothing of it is read.
        meter = inputs.Meter(found, replace(context, passes_over=unsaid))
        classes: dict[str, str] = {}
        # Whether two folders are one class only all files together can tell.
        by_file = ByFile(context, batcher, carrier, reader.names, is_on=not reads_all(settings))
        unfit = _Unfit()
        for file in found:
            if by_file.is_known(file):
                before = batcher.num_rows
                yield from by_file.again()
                unfit.knows(file, batcher.num_rows - before)
                meter.finish(file, batcher.num_rows)
                continue
            for item in _items(file, settings, context, context.passes_over):
                if batcher.is_full:
                    break
                if isinstance(item, Broken):
                    if takes(limits.BAD):
                        yield from batcher.add_error(item.cause, item.uri)
                    continue
                if settings.labels == "folder":
                    _require_one_place(item, classes, where)
                kind = None if item.kind.group == "records" else _kind_of(item, settings)
                # What is one sample is not opened only to be left.
                if kind is not None and not takes(kind):
                    continue
                yield from batcher.turn(spelt=item.kind.name in CELLS)
                for place, row, size, beside in _rows(item, settings, reader, context.passes_over):
                    unfit.saw(item, row)
                    if kind is not None or takes(limits.kind_of(row)):
                        yield from batcher.add_found(row, place, size, beside)
                    if batcher.num_rows == context.limit:
                        break
            meter.finish(file, batcher.num_rows)
            yield from by_file.end()
            if batcher.num_rows == context.limit:
                break
        if not batcher.is_full:
            unfit.check(lambda file: _items(file, settings, context, unsaid))
            reader.names.check(where)
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise inputs.empty_source(where)


def _reader(settings: Settings, carrier: Carrier | None = None) -> Reader:
    most = settings.max_record_bytes, settings.max_file_bytes
    return Reader(settings.fields, settings.encoding, *most, carrier)


def _types(settings: Settings) -> frozenset[str]:
    groups = {_GROUPS[one] for one in settings.types if one in _GROUPS}
    named = {one for one in settings.types if one not in _GROUPS}
    return frozenset(named | {one for one in READ if KINDS[one].group in groups})


def _columns(settings: Settings) -> tuple[str, ...]:
    """The columns of every row: of a mixed folder each has what it has, and null in the others."""
    types = _types(settings) or frozenset(READ)
    payloads = {_PAYLOADS[KINDS[one].group] for one in types}
    names = payloads | (set(columns_of(settings.fields)) - {"text"})
    if "html" in names:
        names.add("content_type")
    if settings.labels == "folder":
        names |= {"label", "label_origin", "label_confidence"}
    if settings.split == "folder":
        names.add("split")
    return tuple(sorted(names))


def _is_read(settings: Settings) -> Callable[[SourceFile], bool]:
    choice = _choice(settings)
    return lambda file: not choice.reason(file.name)


def _choice(settings: Settings) -> Choice:
    # What is read as a table of the files beside it is no file of the source.
    beside = any(join.lies_beside for join in getattr(settings, "join", ()))
    return Choice(settings.include, (*settings.exclude, *(kinds.METADATA if beside else ())))


class _Account:
    """Whether anything came of a file, or was told of it; what came to nothing is told of.

    Args:
        uri: The file.
        tell: Told of what is passed over.
    """

    def __init__(self, uri: str, tell: PassesOver) -> None:
        self._uri, self._tell, self._is_empty = uri, tell, True

    def tell(self, place: str, reason: str) -> None:
        """Something of it is passed over."""
        self._is_empty = False
        self._tell(place, reason)

    def all_of(self, found: Iterable[_Any]) -> Iterator[_Any]:
        """What comes of it, handed on."""
        for one in found:
            self._is_empty = False
            yield one
        if self._is_empty:
            self._tell(self._uri, inputs.NOTHING_IN_IT)


def _items(
    file: SourceFile, settings: Settings, context: Context, tell: PassesOver
) -> Iterator[Item | Broken]:
    """What a file is or holds, less what is passed over."""
    account = _Account(file.uri, tell)
    return account.all_of(_found_in(file, settings, context, account.tell))


def _found_in(
    file: SourceFile, settings: Settings, context: Context, tell: PassesOver
) -> Iterator[Item | Broken]:
    if reason := _choice(settings).reason(file.name):
        tell(file.uri, reason)
        return
    types, choice = _types(settings), _choice(settings)
    # Of a folder's archives the name counts, however few they are.
    is_alone = settings.path in (None, file.uri)
    try:
        for item in items_of(file, choice, context.work, tell, is_alone=is_alone):
            if isinstance(item, Item) and (reason := reason_for(item.kind, types, item.name)):
                tell(item.uri, reason)
            else:
                yield item
    except (DataError, MissingError) as error:
        if getattr(error, "code", "") == "not-a-file":
            tell(file.uri, "a pipe or a device, not a file")
        else:
            yield Broken(file.uri, error.what)
    except (DamagedError, OSError) as error:
        yield Broken(file.uri, str(error))


def _rows(item: Item, settings: Settings, reader: Reader, tell: PassesOver) -> Iterator[Found]:
    """The rows of an item, with what its folders say."""
    account = _Account(item.uri, tell)
    return account.all_of(_rows_in(item, settings, reader, account.tell))


def _rows_in(item: Item, settings: Settings, reader: Reader, tell: PassesOver) -> Iterator[Found]:
    try:
        for place, row, num_bytes, beside in reader.rows(item, tell):
            if isinstance(row, RecordError):
                yield place, row, num_bytes, None
            else:
                yield place, _with_folders(row, item, settings), num_bytes, beside
    except NotReadError as error:
        tell(item.uri, str(error))
    except (DataError, MissingError) as error:
        yield item.uri, _UnfitError(error) if _is_unfit(error) else RecordError(error.what), 0, None
    except (RecordError, DamagedError, OSError) as error:
        yield item.uri, RecordError(str(error)), 0, None
    except Exception as error:
        # Whatever a file does to a library costs that file alone: a damaged Arrow file may say that
        # it has terabytes, which is a `MemoryError`.
        cause = f"damaged: {type(error).__name__}: {error}"[:200]
        yield item.uri, RecordError(cause), 0, None


class _UnfitError(RecordError):
    """A whole table whose columns are not those that the recipe names.

    Attributes:
        error: What its source would say.
    """

    def __init__(self, error: DataError | MissingError) -> None:
        super().__init__(f"{error.what}; none of its rows is read")
        self.error = error


def _is_unfit(error: DataError | MissingError) -> bool:
    return getattr(error, "code", "") == "columns"


class _Unfit:
    """Tables that do not fit the recipe: one of many is odd, but where none fits, the recipe is."""

    def __init__(self) -> None:
        self._first: _UnfitError | None = None
        self._fits = False
        self._known: list[SourceFile] = []

    def saw(self, item: Item, row: Row | RecordError) -> None:
        """What became of a row of a file."""
        if isinstance(row, _UnfitError):
            self._first = self._first or row
        elif item.kind.group == "records" and not isinstance(row, RecordError):
            self._fits = True

    def knows(self, file: SourceFile, num_rows: int) -> None:
        """So many rows of a file are known from before, all of them sound."""
        if num_rows:
            self._known.append(file)

    def check(self, items: Callable[[SourceFile], Iterator[Item | Broken]]) -> None:
        """Once all is read.

        Args:
            items: What a file is or holds.

        Raises:
            DataError: There were tables, and none of them fits.
        """
        if self._first is None or self._fits:
            return
        there = (item for file in self._known for item in items(file))
        if any(isinstance(item, Item) and item.kind.group == "records" for item in there):
            return
        error = self._first.error
        raise DataError(
            error.what,
            where=error.where,
            hint="name the columns under `fields:`, such as `fields: {text: body}`; or leave out "
            "what is no data with `exclude: [NAME]`",
            code="columns",
        )


def _with_folders(row: Row, item: Item, settings: Settings) -> Row | RecordError:
    split, label = _folders(item, settings)
    if split is not None:
        row.setdefault("split", split)
    if settings.labels == "folder" and "label" not in row:
        if label is None:
            return RecordError("its folder names no class")
        row |= {"label": label, "label_origin": "folder", "label_confidence": 1.0}
    return row


def _require_one_place(item: Item, classes: dict[str, str], where: str) -> None:
    """Refuse a second class of a name: folders of one name in different folders.

    Args:
        item: A file.
        classes: The folders that gave each class so far its name.
        where: The source, in the error.

    Raises:
        DataError: Its folder is one.
    """
    folders = item.name.replace(":", "/").split("/")[:-1]
    splits = [at for at, one in enumerate(folders) if one.lower() in records.SPLITS]
    below = folders[splits[0] + 1 :] if splits else folders
    if not below:
        return
    here = "/".join(below)
    first = classes.setdefault(as_label(below[-1]) or "", here)
    if first != here:
        raise DataError(
            f"two folders of the name `{visible(below[-1])}` would be one class: "
            f"`{visible(first)}` and `{visible(here)}`",
            where=where,
            hint="`image_folder` keeps them apart by `labels: path`; of other files make a source "
            "of each",
            code="two-classes",
        )


def _folders(item: Item, settings: Settings) -> tuple[str | None, str | None]:
    """(split, label) that the folders of a file name, as far as they are asked."""
    folders = item.name.replace(":", "/").split("/")[:-1]
    splits = [records.SPLITS[one.lower()] for one in folders if one.lower() in records.SPLITS]
    label = None
    if folders and folders[-1].lower() not in records.SPLITS:
        label = as_label(folders[-1])
    split = splits[0] if splits and settings.split == "folder" else None
    return split, label if settings.labels == "folder" else None


def _kind_of(item: Item, settings: Settings) -> limits.Kind:
    """What a limit keeps apart, of what is one sample."""
    split, label = _folders(item, settings)
    if settings.labels == "folder" and label is None:
        return limits.BAD
    return limits.Kind(split, label)


def _kinds(found: list[SourceFile], settings: Settings, context: Context) -> Iterator[limits.Kind]:
    """The kind of every record, in the order of the source; only of tables more is read."""
    with closing(_reader(settings)) as reader:
        for file in found:
            for item in _items(file, settings, context, unsaid):
                if isinstance(item, Broken):
                    yield limits.BAD
                elif item.kind.group != "records":
                    yield _kind_of(item, settings)
                else:
                    for _, row, _, _ in _rows(item, settings, reader, unsaid):
                        yield limits.kind_of(row)
