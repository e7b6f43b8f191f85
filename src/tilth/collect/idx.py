"""Read idx files: images and labels as MNIST has them, from a folder, by address, or a mirror.

The digest of an idx file is that of its *unpacked* content. The same pixels are in circulation
packed by different gzip programs and levels, whose packed files differ in every byte.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import yaml
from pydantic import Field, model_validator

from tilth.context import Context
from tilth.errors import DataError, MissingError
from tilth.reading import inputs, limits, records
from tilth.reading.fetching import (
    AnyPlace,
    Digest,
    Headers,
    KnownHosts,
    License,
    Mirror,
    Place,
    Serve,
    Sha256,
    Size,
    Storage,
    Store,
    Url,
    check_fetching,
)
from tilth.settings import BaseSettings
from tilth.splits import SplitName
from tilth.store.files import remove
from tilth.web.secrets import masked

# https://yann.lecun.com/exdb/mnist, "The IDX file format": two zero bytes, the type of the values
# (8: unsigned byte), the number of dimensions, then each dimension as a big-endian uint32.
_UNSIGNED_BYTE = 8
_MAX_SIDE = 1 << 14
_IMAGES_AT_ONCE = 256
_CHUNK = 1 << 20


class IdxFile(BaseSettings):
    """One idx file: a path or an address, and what its unpacked content should be."""

    path: AnyPlace = Field(
        None, description="the file, relative to the working directory, or at s3:// or gs://"
    )
    url: Url = Field(None, description="address to fetch the file from")
    sha256: Sha256 = Field(None, description="SHA-256 of the unpacked content, in hex")
    size: Size = Field(None, description="bytes of the unpacked content", ge=8)

    @model_validator(mode="after")
    def _one_place(self) -> IdxFile:
        if (self.path is None) == (self.url is None):
            raise ValueError("either `path` or `url`")
        return self


class IdxPair(BaseSettings):
    """Images and their labels, row by row."""

    split: SplitName = Field(description="the official split")
    images: IdxFile = Field(description="file with the images (3 dimensions)")
    labels: IdxFile = Field(description="file with the labels (1 dimension)")


class Settings(BaseSettings):
    """Read idx files (MNIST and its kind): images, labels and the official split.

    Files are checked against the digest of their unpacked content before the first row is read.
    """

    set: Literal["mnist"] | None = Field(None, description="a known data set, with its digests")
    files: tuple[IdxPair, ...] = Field((), description="or your own pairs of images and labels")
    path: Place = Field(None, description="folder with the files of `set`; nothing is fetched then")
    mirror: Mirror = None
    headers: Headers = Field({})
    serve: Serve = None
    allow_hosts: KnownHosts = ()
    digest: Digest = "stat"
    storage: Storage = Store()
    class_names: tuple[str, ...] = Field(
        (), description="names of label 0, 1, ...; default: the numbers"
    )
    license: License = Field(None, description="licence of the rows; default: that of `set`")

    @model_validator(mode="after")
    def _has_files(self) -> Settings:
        if (self.set is None) == (not self.files):
            raise ValueError("either `set: mnist` or `files: [{split, images, labels}]`")
        if self.path is not None and self.set is None:
            raise ValueError("`path` belongs to `set`; name paths under `files`")
        parts = [part for pair in _pairs(self) for part in (pair.images, pair.labels)]
        urls = [part.url for part in parts if part.url is not None]
        check_fetching(self, urls, [part.path for part in parts if part.path is not None])
        return self


@dataclass(frozen=True)
class _Opened:
    """An idx file that was checked."""

    file: inputs.SourceFile
    shape: tuple[int, ...]
    header_bytes: int


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files; of a `url` without a digest the address.

    Raises:
        MissingError: a local file is not there.
    """
    lines = [] if settings.set is None else [f"licence {_known(settings.set).license}"]
    for pair in _pairs(settings):
        lines.append(f"split {pair.split}")
        for part in (pair.images, pair.labels):
            if part.path is not None:
                line = inputs.fingerprint_paths(
                    [inputs.named(part.path, settings)], settings.digest
                )
                # What it should be decides whether it is taken at all.
                lines.append(f"{line} {part.sha256 or ''} {part.size or ''}".rstrip())
            else:
                lines.append(inputs.fingerprint_address(part, settings))
    return "\n".join(lines)


def fills(_: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    return ("image", "label", "label_confidence", "label_origin", "split", "license")


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """Images as PNG with label and split, pair after pair.

    Raises:
        MissingError: a file is not there, and cannot be had.
        DataError: a file is cut off, is not an idx file, has another digest, has another number
            of labels than images or no image of a class that is named, or changed meanwhile.
    """
    watched = inputs.Watched()

    def open_part(part: IdxFile, num_dims: int, name: str) -> _Opened:
        # Two files may have one name at different addresses.
        folder = context.work / "download" / name
        file = watched.add(_find(part, num_dims, folder, settings, context))
        return _check(file, part, num_dims, folder)

    opened = [
        (pair, open_part(pair.images, 3, f"{at}-images"), open_part(pair.labels, 1, f"{at}-labels"))
        for at, pair in enumerate(_pairs(settings))
    ]
    total = sum(images.shape[0] for _, images, _ in opened)
    if total == 0:
        raise inputs.empty_source(opened[0][1].file.uri)
    licence = settings.license or (_known(settings.set).license if settings.set else None)
    batcher = records.Batcher(
        source,
        ("image", "label", "label_confidence", "label_origin", "split"),
        {"license": licence},
        context.limit,
    )
    for _, images, labels in opened:
        if images.shape[0] != labels.shape[0]:
            raise DataError(
                f"{images.shape[0]:,} images but {labels.shape[0]:,} labels",
                where=f"{images.file.uri}, {labels.file.uri}",
                hint="the two files belong to different sets; check `files`",
            )
    _check_names(settings.class_names, [labels for _, _, labels in opened])
    takes = limits.sharing(
        context.limit,
        lambda: (
            limits.Kind(pair.split, str(value))
            for pair, _, labels in opened
            for value in _values(labels)
        ),
    )
    for pair, images, labels in opened:
        yield from _read_pair(pair, images, labels, takes, settings, batcher)
        context.progress(batcher.num_rows, total, "images")
    yield from batcher.flush()
    watched.check()


def _values(labels: _Opened) -> Iterator[int]:
    """The numbers of the classes, image by image."""
    with inputs.open_bytes(labels.file) as stream:
        stream.read(labels.header_bytes)
        for start in range(0, labels.shape[0], _CHUNK):
            yield from _exactly(stream, min(_CHUNK, labels.shape[0] - start), labels.file)


def _check_names(names: tuple[str, ...], labels: list[_Opened]) -> None:
    """Refuse the name of a class that no image is of.

    Raises:
        DataError: The last one is such a name.
    """
    last = max((value for part in labels for value in _values(part)), default=0) if names else 0
    if len(names) > last + 1:
        raise DataError(
            f"`class_names` names class {len(names) - 1} `{names[-1]}`, and the last that there is "
            f"is {last}",
            where=", ".join(part.file.uri for part in labels),
            hint="one name for each of the labels 0, 1, ...",
            code="unknown-name",
        )


def encode_png(image: npt.NDArray[np.uint8]) -> bytes:
    """A grey image as PNG (RFC 2083; 8 bits, no filter, fastest compression).

    Several times as fast as a general encoder, whose cost at this size is its set-up.

    Args:
        image: uint8 [height, width].
    """
    height, width = image.shape
    scanlines = np.zeros((height, width + 1), np.uint8)
    scanlines[:, 1:] = image
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(scanlines.tobytes(), 1)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


class _Known(BaseSettings):
    """A data set's file in the package."""

    about: str
    license: str
    files: tuple[IdxPair, ...]


@cache
def _known(name: str) -> _Known:
    text = (package_files("tilth.collect") / "idx_sets" / f"{name}.yaml").read_text("utf-8")
    return _Known.model_validate(yaml.safe_load(text))


def _pairs(settings: Settings) -> tuple[IdxPair, ...]:
    if settings.set is None:
        return settings.files
    pairs = _known(settings.set).files
    if settings.path is None:
        return pairs
    folder = Path(settings.path).expanduser()
    return tuple(
        pair.model_copy(
            update={
                "images": _in_folder(pair.images, folder),
                "labels": _in_folder(pair.labels, folder),
            }
        )
        for pair in pairs
    )


def _in_folder(part: IdxFile, folder: Path) -> IdxFile:
    """The file of that name in a folder, packed or unpacked."""
    name = os.path.basename(urlsplit(part.url or "").path)
    path = folder / name
    if not path.exists() and (folder / name.removesuffix(".gz")).exists():
        path = folder / name.removesuffix(".gz")
    return IdxFile(path=str(path), sha256=part.sha256, size=part.size)


def _find(
    part: IdxFile, num_dims: int, folder: Path, settings: Settings, context: Context
) -> inputs.SourceFile:
    if part.path is not None:
        return inputs.fetched(inputs.named(part.path, settings), settings, context)
    assert part.url is not None
    if part.sha256 is not None:
        kept = inputs.SourceFile(
            folder / inputs.name_of(part.url), inputs.name_of(part.url), masked(part.url)
        )
        with suppress(DataError, MissingError):
            return _checked(kept, part, num_dims).file
    # Packed files are smaller than what they hold, save for a header and tiny files.
    bound = (1 << 34) if part.size is None else part.size + (1 << 16)
    return inputs.fetch_file(settings, part.url, folder, context, max_bytes=bound)


def _check(file: inputs.SourceFile, part: IdxFile, num_dims: int, folder: Path) -> _Opened:
    """Read its header, and check its whole content, in bounded memory."""
    try:
        return _checked(file, part, num_dims)
    except DataError:
        # A wrong download must not be taken for a finished one by the next run.
        if file.path.parent == folder:
            remove(file.path)
        raise


def _checked(file: inputs.SourceFile, part: IdxFile, num_dims: int) -> _Opened:
    digest = hashlib.sha256()
    with inputs.open_bytes(file) as stream:
        head = stream.read(4 + 4 * num_dims)
        shape = _shape(head, num_dims, file)
        expected = len(head) + int(np.prod(shape, dtype=np.int64))
        if part.size is not None and expected != part.size:
            raise _damaged(f"{expected:,} bytes instead of {part.size:,}", file)
        digest.update(head)
        seen = len(head)
        # One byte more than promised is enough to know, whatever a packed file unfolds to.
        while block := stream.read(min(_CHUNK, expected + 1 - seen)):
            digest.update(block)
            seen += len(block)
    if seen != expected:
        found = "more than" if seen > expected else f"{seen:,} of"
        raise _damaged(f"it holds {found} the {expected:,} bytes that its header promises", file)
    if part.sha256 is not None and digest.hexdigest() != part.sha256:
        raise _damaged(f"sha256 of the content is {digest.hexdigest()}, not {part.sha256}", file)
    return _Opened(file, shape, len(head))


def _shape(head: bytes, num_dims: int, file: inputs.SourceFile) -> tuple[int, ...]:
    if len(head) < 4 + 4 * num_dims:
        raise _damaged(f"cut off within its header, after {len(head)} bytes", file)
    if head[:4] != bytes((0, 0, _UNSIGNED_BYTE, num_dims)):
        kind = "images" if num_dims == 3 else "labels"
        raise _damaged(
            f"not an idx file of {kind}: it starts with 0x{head[:4].hex()}"
            f" instead of 0x000008{num_dims:02x}",
            file,
        )
    shape = struct.unpack(f">{num_dims}I", head[4:])
    if any(not 1 <= side <= _MAX_SIDE for side in shape[1:]):
        raise _damaged(f"images of {shape[1]} x {shape[2]} pixels", file)
    return shape


def _damaged(what: str, file: inputs.SourceFile) -> DataError:
    return DataError(
        what,
        where=file.uri,
        hint=f"delete {file.path} and fetch it again",
        code="damaged-file",
    )


def _read_pair(
    pair: IdxPair,
    images: _Opened,
    labels: _Opened,
    takes: limits.Takes,
    settings: Settings,
    batcher: records.Batcher,
) -> Iterator[pa.RecordBatch]:
    count, height, width = images.shape
    names = settings.class_names
    with inputs.open_bytes(images.file) as pixels, inputs.open_bytes(labels.file) as answers:
        pixels.read(images.header_bytes)
        answers.read(labels.header_bytes)
        for start in range(0, count, _IMAGES_AT_ONCE):
            if batcher.is_full:
                return
            num = min(_IMAGES_AT_ONCE, count - start)
            block = np.frombuffer(_exactly(pixels, num * height * width, images.file), np.uint8)
            classes = _exactly(answers, num, labels.file)
            rows = zip(block.reshape(num, height, width), classes, strict=True)
            for number, (image, value) in enumerate(rows, start=start + 1):
                if not takes(limits.Kind(pair.split, str(value))):
                    continue
                place = f"{images.file.uri}:{number}"
                if names and value >= len(names):
                    cause = f"label {value}, but there are {len(names)} class names"
                    yield from batcher.add_error(cause, place)
                    continue
                png = encode_png(image)
                row = {
                    "id": f"{images.file.name.removesuffix('.gz')}:{number}",
                    "image": png,
                    "label": names[value] if names else str(value),
                    "label_confidence": 1.0,
                    "label_origin": "official",
                    "split": pair.split,
                }
                yield from batcher.add(row, place, len(png))


def _exactly(stream: BinaryIO, num_bytes: int, file: inputs.SourceFile) -> bytes:
    data = stream.read(num_bytes)
    if len(data) != num_bytes:
        raise _damaged("it became shorter while it was read", file)
    return data
