"""Read line-aligned parallel text: line n of one file is the translation of line n of the other.

That is how translation corpora are handed around. Nothing but the line number ties the two sides
together, so files of different length are refused before the first row: from the missing line on,
every pair would be wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import pyarrow as pa
from pydantic import Field, model_validator

from tilth.context import Context, PassesOver
from tilth.decode.stream import Undecided
from tilth.decode.text import AUTO, UndecodableError, decode_text
from tilth.errors import DataError
from tilth.reading import inputs, limits, records
from tilth.reading.fetching import (
    AnyPlace,
    Digest,
    Headers,
    KnownHosts,
    License,
    Mirror,
    Serve,
    Sha256,
    Size,
    Storage,
    Store,
    Url,
    check_fetching,
)
from tilth.reading.inputs import MAX_RECORD_BYTES
from tilth.settings import BaseSettings
from tilth.splits import SplitName
from tilth.web.secrets import masked

_CHUNK = 1 << 20


class TextFile(BaseSettings):
    """One side of a pair of files: a path, or an address and what it should give."""

    path: AnyPlace = Field(
        None, description="the file, relative to the working directory, or at s3:// or gs://"
    )
    url: Url = Field(None, description="address to fetch the file from, instead of `path`")
    sha256: Sha256 = Field(None, description="SHA-256 of the file at `url`, in hex")
    size: Size = Field(None, description="bytes of the file at `url`", ge=0)

    @model_validator(mode="after")
    def _one_place(self) -> TextFile:
        if (self.path is None) == (self.url is None):
            raise ValueError("either `path` or `url`")
        if self.url is None and (self.sha256 is not None or self.size is not None):
            raise ValueError("`sha256` and `size` belong to `url`")
        return self

    @property
    def place(self) -> str:
        """How the user named the file."""
        return self.path or masked(self.url or "")


class FilePair(BaseSettings):
    """Two files of equally many lines."""

    split: SplitName | None = Field(
        None, description="split of all pairs in the files; empty: none was made"
    )
    source: TextFile = Field(description="file that is translated from; becomes `text`")
    target: TextFile = Field(description="file that is translated to; becomes `target`")
    lines: tuple[int, int] | None = Field(
        None, description="first and last line to read, counted from 1; empty: all"
    )

    @model_validator(mode="after")
    def _some_lines(self) -> FilePair:
        if self.lines is not None and not 1 <= self.lines[0] <= self.lines[1]:
            raise ValueError("`lines` are the first and the last one, counted from 1")
        return self


class Settings(BaseSettings):
    """Read line-aligned parallel text: two files a split, plain or gzip, one sentence a line.

    A pair with an empty side, a side that is too long or one that is not UTF-8 is quarantined with
    its file and line. White space around a line is not part of the sentence.
    """

    files: tuple[FilePair, ...] = Field(min_length=1, description="pairs of files")
    mirror: Mirror = None
    headers: Headers = Field({})
    serve: Serve = None
    allow_hosts: KnownHosts = ()
    digest: Digest = "stat"
    storage: Storage = Store()
    max_record_bytes: int = Field(
        1 << 16,
        description="bytes that one line may have; a longer one is quarantined",
        ge=64,
        le=MAX_RECORD_BYTES,
    )
    license: License = Field(None, description="licence of the rows")

    @model_validator(mode="after")
    def _fetches(self) -> Settings:
        sides = [side for pair in self.files for side in (pair.source, pair.target)]
        urls = [side.url for side in sides if side.url is not None]
        check_fetching(self, urls, [side.path for side in sides if side.path is not None])
        return self


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files; of a `url` without a digest the address.

    Raises:
        MissingError: a local file is not there.
    """
    lines = []
    for pair in settings.files:
        for side in (pair.source, pair.target):
            if side.path is not None:
                lines.append(
                    inputs.fingerprint_paths([inputs.named(side.path, settings)], settings.digest)
                )
            else:
                lines.append(inputs.fingerprint_address(side, settings))
    return "\n".join(lines)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    split = any(pair.split for pair in settings.files)
    columns = {"text": True, "target": True, "split": split, "license": settings.license}
    return tuple(name for name, given in columns.items() if given)


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The pairs as rows, file after file; a limit is shared out among the files.

    Raises:
        MissingError: a file is not there, and cannot be had.
        DataError: two files differ in length, there is no line at all, a gzip stream is damaged,
            or a file changed meanwhile.
    """
    watched = inputs.Watched()
    opened = [
        _open(pair, number, settings, context, watched)
        for number, pair in enumerate(settings.files)
    ]
    total = sum(len(pair.lines) for pair in opened)
    if total == 0:
        raise inputs.empty_source(settings.files[0].source.place)
    batcher = records.Batcher(
        source, ("text", "target", "split"), {"license": settings.license}, context.limit
    )
    kinds = [limits.Kind(str(number)) for number in range(len(opened))]
    counts = {kind: len(pair.lines) for kind, pair in zip(kinds, opened, strict=True) if pair.lines}
    shares = limits.share_out(counts, total if context.limit is None else context.limit)
    for kind, pair in zip(kinds, opened, strict=True):
        lines = pair.lines[: shares.get(kind, 0)]
        yield from read_pair(pair, lines, settings.max_record_bytes, batcher, context.passes_over)
        context.progress(batcher.num_rows, total, "pairs")
    yield from batcher.flush()
    watched.check()


@dataclass(frozen=True)
class Opened:
    """Two files of equal length.

    Attributes:
        lines: Numbers of the lines to read, the first line of a file being 1.
        ids: A third file of as many lines, which say where each pair is from; None: there is none.
    """

    source: inputs.SourceFile
    target: inputs.SourceFile
    lines: range
    split: str | None
    ids: inputs.SourceFile | None = None


def _open(
    pair: FilePair, number: int, settings: Settings, context: Context, watched: inputs.Watched
) -> Opened:
    """Find both files and compare their lengths."""
    sides = []
    for name, side in (("source", pair.source), ("target", pair.target)):
        # Two files may have one name at different addresses.
        folder = context.work / "download" / f"{number}-{name}"
        sides.append(watched.add(_find(side, folder, settings, context)))
    source, target = sides
    length = length_of(sides)
    first, last = pair.lines or (1, length)
    if last > length:
        raise DataError(
            f"line {last:,} is asked for, but there are {length:,}",
            where=source.uri,
            hint="correct `lines`",
        )
    return Opened(source, target, range(first, last + 1), pair.split)


def length_of(files: Sequence[inputs.SourceFile]) -> int:
    """The lines of files that are aligned line by line.

    Raises:
        DataError: They have not equally many.
    """
    first, *others = files
    length = _count_lines(first)
    for file in others:
        if (other := _count_lines(file)) != length:
            raise DataError(
                f"{length:,} lines on one side but {other:,} on the other: "
                "which is the translation of which cannot be told",
                where=f"{first.uri}, {file.uri}",
                hint="both files must come from the same release; fetch or cut them again",
                code="unequal-length",
            )
    return length


def _find(side: TextFile, folder: Path, settings: Settings, context: Context) -> inputs.SourceFile:
    if side.url is None:
        assert side.path is not None
        return inputs.fetched(inputs.named(side.path, settings), settings, context)
    return inputs.fetch_file(
        settings, side.url, folder, context, sha256=side.sha256, size=side.size
    )


def _count_lines(file: inputs.SourceFile) -> int:
    """Lines of a file, in bounded memory; a last one without a line break counts."""
    count, last = 0, b"\n"
    with inputs.open_bytes(file) as raw:
        stream = Undecided(raw, AUTO)
        while block := stream.read(_CHUNK):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")


def read_pair(
    pair: Opened, numbers: range, max_bytes: int, batcher: records.Batcher, tell: PassesOver
) -> Iterator[pa.RecordBatch]:
    """The pairs of some lines as rows, with what the lines of a third file say of them."""
    with ExitStack() as stack:
        sides = [pair.source, pair.target, *([] if pair.ids is None else [pair.ids])]
        opened = [stack.enter_context(_lines(side, numbers, max_bytes, tell)) for side in sides]
        for number, found in zip(numbers, zip(*opened, strict=False), strict=False):
            place = f"{pair.source.uri}:{number}"
            (source, source_size), (target, target_size), *ids = found
            try:
                text = _sentence(source, source_size, "source", max_bytes)
                translation = _sentence(target, target_size, "target", max_bytes)
                said = [_line(line, size, "ids", max_bytes) for line, size in ids]
            except records.RecordError as error:
                yield from batcher.add_error(str(error), place)
                continue
            row = {
                # The batcher's digest covers `text` only; a pair is both its sides.
                "id": f"{pair.source.name}:{number}:{translation}",
                "text": text,
                "target": translation,
                "split": pair.split,
            }
            if any(said):
                row["meta.ids"] = said[0]
            yield from batcher.add(row, place, source_size + target_size)


@contextmanager
def _lines(
    file: inputs.SourceFile, numbers: range, max_bytes: int, tell: PassesOver
) -> Iterator[Iterator[tuple[bytes, int]]]:
    """Some lines of a file, each cut at `max_bytes`, with its full length."""
    with inputs.open_bytes(file) as raw:
        stream = Undecided(raw, AUTO, partial(tell, file.uri))
        lines = inputs.read_lines(stream, max_bytes)
        yield islice(lines, numbers.start - 1, numbers.stop - 1)


def _sentence(line: bytes, num_bytes: int, side: str, max_bytes: int) -> str:
    """One side of a pair.

    Raises:
        RecordError: it is empty, too long, or not UTF-8.
    """
    if not (text := _line(line, num_bytes, side, max_bytes)):
        raise records.RecordError(f"the {side} line is empty")
    return text


def _line(line: bytes, num_bytes: int, side: str, max_bytes: int) -> str:
    if num_bytes > max_bytes:
        raise records.RecordError(f"{side} line: {inputs.too_long(num_bytes, max_bytes)}")
    try:
        return decode_text(line).strip()
    except UndecodableError as error:
        raise records.RecordError(f"{side} line: {error}") from None
