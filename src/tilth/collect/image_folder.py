"""Read pictures whose folder is their class: ImageFolder trees, ImageNet's layout, archives.

train/cat/0001.jpg      split train, label cat
val/n01440764/x.JPEG    split validation, label n01440764
cat/0001.jpg            label cat, no split yet
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import pyarrow as pa
from pydantic import Field, field_validator

from tilth.collect import files, members, records
from tilth.context import Context
from tilth.errors import DataError
from tilth.schema import Row, SplitName

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")


class Settings(files.FileSettings):
    """Read pictures from a folder or archive (tar, zip) in which their folder is their class.

    A first folder `train`, `val`, `validation` or `test` is the split. A file that is too large
    is quarantined with its name; whether a picture can be decoded is checked by `check_image`.
    """

    labels: Literal["folder", "none"] = Field(
        "folder", description="the name of the picture's folder is its label; or there is none"
    )
    class_names: dict[str, str] = Field(
        default_factory=dict, description="folder name -> label, where they differ"
    )
    splits: dict[str, SplitName] = Field(
        default_factory=dict,
        description="top folder -> split; beside train, val, validation, dev, test",
    )
    include: str = Field(
        "", description="only files whose path inside matches this regular expression"
    )
    split: SplitName | None = Field(
        None, description="split of all pictures whose path does not name one"
    )

    @field_validator("include")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value


def fingerprint(settings: Settings) -> str:
    """Names, sizes and times of the files; for a `url`, the address and digest."""
    return files.fingerprint_files(settings, members.Wanted(SUFFIXES).endings)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    labels = settings.labels == "folder"
    columns = dict.fromkeys(("label", "label_confidence", "label_origin"), labels)
    columns |= {"image": True, "split": True, "license": settings.license is not None}
    return tuple(name for name, given in columns.items() if given)


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The pictures as rows: encoded bytes, label and split from the path.

    Raises:
        MissingError: no such folder or archive.
        DataError: no picture in it, a damaged archive, or a source that changed meanwhile.
    """
    batcher = records.Batcher(
        source,
        ("image", "label", "label_confidence", "label_origin", "split"),
        {"license": settings.license, "split": settings.split},
        context.limit,
    )
    wanted = members.Wanted(SUFFIXES, settings.include)
    with files.opened(settings, wanted.endings, context) as found:
        read_on = members.read_members(found, wanted, settings.max_record_bytes, context.progress)
        for member in read_on:
            try:
                row = _row(member, settings)
            except records.RecordError as error:
                yield from batcher.add_error(str(error), member.uri)
            else:
                yield from batcher.add(row, member.uri, len(member.data))
            if batcher.is_full:
                break
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise DataError(
            f"not one picture ({', '.join(SUFFIXES)})",
            where=settings.path or settings.url or "",
            hint="point `path` at the folder that holds train/CLASS/FILE or CLASS/FILE",
            code="empty-source",
        )


def _row(member: members.Member, settings: Settings) -> Row:
    """The columns of one picture.

    Raises:
        RecordError: it was not read, or its folder names no class.
    """
    if member.error:
        raise records.RecordError(member.error)
    split, label = place_of(member.name, settings)
    row: Row = {"id": member.name, "image": member.data}
    if settings.labels == "folder":
        if label is None:
            raise records.RecordError("its folder names no class")
        row |= {"label": label, "label_confidence": 1.0, "label_origin": "folder"}
    if split is not None:
        row["split"] = split
    return row


def place_of(name: str, settings: Settings) -> tuple[str | None, str | None]:
    """(split, label) that a path inside the source names; None where it does not."""
    folders = name.split("/")[:-1]
    own = {name.lower(): split for name, split in settings.splits.items()}
    known = {**records.SPLITS, **own}
    split = next((known[one.lower()] for one in folders if one.lower() in known), None)
    label = folders[-1] if folders and folders[-1].lower() not in known else None
    return split, None if label is None else settings.class_names.get(label, label)
