"""Read corpora in the Moses format: files of one name, a language each, aligned line by line.

    Europarl.de-en.de   Europarl.de-en.en   Europarl.de-en.ids      from a folder, or OPUS' zip

Source: statmt.org/moses, "Prepare training data", and opus.nlpl.eu for `.ids`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, BinaryIO, Final, cast

import pyarrow as pa
from pydantic import Field, model_validator

from tilth.collect.parallel import Opened, length_of, read_pair
from tilth.context import Context, PassesOver
from tilth.errors import DataError, NotReadError, RecordError
from tilth.foreign import visible
from tilth.formats import archive
from tilth.formats.streams import SourceFile, without_packing
from tilth.reading import inputs, records
from tilth.splits import SplitName

_ALL: Final = ("",)
# As it is the ending of a file.
ENDING: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$"
_IDS: Final = "ids"


class Settings(inputs.FileSettings):
    """Read corpora in the Moses format, from a folder, a glob or an archive, packed or not.

    Files of one name that end in the two languages are a corpus; `.ids` beside them says where each
    pair is from, and becomes `meta.ids`. A pair with an empty side, a side that is too long or one
    that is not UTF-8 is quarantined with its file and line.
    """

    source: Annotated[str, Field(pattern=ENDING)] = Field(
        description="ending of the files that are translated from, as `de`; becomes `text`"
    )
    target: Annotated[str, Field(pattern=ENDING)] = Field(
        description="ending of the files that are translated to; becomes `target`"
    )
    split: SplitName | None = Field(None, description="split of all pairs")

    @model_validator(mode="after")
    def _are_two(self) -> Settings:
        if self.source == self.target or _IDS in (self.source, self.target):
            raise ValueError("`source` and `target` are the endings of two languages")
        return self


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files; of a `url` without a digest the address."""
    return inputs.fingerprint_files(settings, _ALL)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    columns = {"text": True, "target": True, "split": settings.split, "license": settings.license}
    return (*(name for name, given in columns.items() if given), "meta.ids")


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The pairs as rows, corpus after corpus in the order of their names; a limit reads the first.

    Raises:
        MissingError: There is no such file.
        DataError: A corpus lacks a side, two sides differ in length, there is no pair at all, an
            archive is damaged, or a file changed meanwhile.
    """
    where = settings.path or settings.url or ""
    batcher = records.Batcher(
        source, ("text", "target", "split"), {"license": settings.license}, context.limit
    )
    with inputs.opened(settings, _ALL, context) as found:
        corpora = _corpora(found, settings, context.passes_over)
        pairs = [_opened(name, corpora[name], settings) for name in sorted(corpora)]
        total = sum(len(pair.lines) for pair in pairs)
        if total == 0:
            raise inputs.empty_source(where)
        for pair in pairs:
            left = None if context.limit is None else context.limit - batcher.num_rows
            yield from read_pair(
                pair, pair.lines[:left], settings.max_record_bytes, batcher, context.passes_over
            )
            context.progress(batcher.num_rows, total, "pairs")
        yield from batcher.flush()


@dataclass
class _Corpus:
    """The files of one name, by their endings."""

    sides: dict[str, SourceFile] = field(default_factory=dict)


def _corpora(found: list[SourceFile], settings: Settings, tell: PassesOver) -> dict[str, _Corpus]:
    """The corpora by name; every other file is told with its reason.

    Raises:
        DataError: A file is there twice, or an archive is damaged.
    """
    corpora: dict[str, _Corpus] = {}
    beside: dict[str, SourceFile] = {}
    for file in (one for outer in found for one in _inside(outer, tell)):
        plain = without_packing(file.name.replace(os.sep, "/"))
        name, _, ending = plain.rpartition(".")
        if ending == _IDS and name:
            _put(beside, name, file, "the `.ids`")
        elif ending in (settings.source, settings.target) and name:
            corpus = corpora.setdefault(name, _Corpus())
            _put(corpus.sides, ending, file, f"the side `{ending}`")
        else:
            tell(file.uri, inputs.of_other_type(plain.rpartition("/")[2]))
    for name, file in beside.items():
        if name in corpora:
            corpora[name].sides[_IDS] = file
        else:
            tell(file.uri, "an `.ids` without its corpus")
    return corpora


def _put(files: dict[str, SourceFile], key: str, file: SourceFile, what: str) -> None:
    """Take in a file of a corpus.

    Raises:
        DataError: There is one.
    """
    if key in files:
        raise DataError(
            f"two files are {what} of one corpus",
            where=f"{files[key].uri}, {file.uri}",
            hint="leave one of them, plain or packed",
            code="two-files",
        )
    files[key] = file


def _inside(file: SourceFile, tell: PassesOver) -> Iterator[SourceFile]:
    """A file, or the members of an archive, each opened by itself."""
    if not file.name.lower().endswith(archive.ENDINGS):
        yield file
        return
    for number, entry in enumerate(archive.read_entries(file, 0)):
        name = visible(entry.name)
        uri = f"{file.uri}:{name or entry.place}"
        if not entry.name:
            raise DataError(
                "the archive is damaged: nobody knows which lines are lost",
                where=uri,
                hint="fetch the file again",
                code="damaged-file",
            )
        if any(part.startswith(".") for part in name.split("/")):
            tell(uri, inputs.HIDDEN)
            continue
        yield SourceFile(file.path, name, uri, _Member(file, number))


class _Held(io.BufferedReader):
    """A member of an archive, which stays open as long as the member is."""

    def __init__(self, stream: BinaryIO, entries: Iterator[archive.Entry]) -> None:
        super().__init__(cast("io.RawIOBase", stream))
        self._entries = entries


@dataclass(frozen=True)
class _Member:
    """Opens a member of an archive, from the archive's beginning: two are read side by side."""

    file: SourceFile
    number: int

    def __call__(self) -> BinaryIO:
        entries = archive.read_entries(self.file, 0)
        for number, entry in enumerate(entries):
            if number == self.number:
                return _Held(entry.open(), entries)
        raise AssertionError("a member that was there")


def _opened(name: str, corpus: _Corpus, settings: Settings) -> Opened:
    """A corpus whose sides are equally long.

    Raises:
        DataError: It lacks a side, or they are not.
    """
    for wanted in (settings.source, settings.target):
        if wanted not in corpus.sides:
            there = next(iter(corpus.sides.values()))
            raise DataError(
                f"the corpus `{visible(name)}` has no file that ends in .{wanted}",
                where=there.uri,
                hint="`source` and `target` are the endings of its two files",
                code="missing-side",
            )
    source, target = corpus.sides[settings.source], corpus.sides[settings.target]
    ids = corpus.sides.get(_IDS)
    try:
        length = length_of([source, target, *([] if ids is None else [ids])])
    except (NotReadError, RecordError) as error:
        raise DataError(
            f"a side cannot be read: {error}",
            where=f"{source.uri}, {target.uri}",
            hint="fetch the archive again, or unpack it",
            code="damaged-file",
        ) from None
    return Opened(source, target, range(1, length + 1), settings.split, ids)
