"""Read pictures whose folder is their class: ImageFolder trees, ImageNet's layout, archives.

train/cat/0001.jpg      split train, label cat
val/n01440764/x.JPEG    split validation, label n01440764
cat/0001.jpg            label cat, no split yet
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from tilth.collect import files, limits, members, records
from tilth.collect.named import Named
from tilth.context import Context
from tilth.errors import DataError
from tilth.schema import Row
from tilth.settings import AnyOrder
from tilth.splits import SplitName

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")


class Settings(files.FileSettings):
    """Read pictures from a folder or archive (tar, zip) in which their folder is their class.

    The outermost folder that is called `train`, `val`, `validation` or `test`, in whatever other
    folders, is the split. A file that is too large is quarantined with its name; whether a picture
    can be decoded is checked by `check_image`.
    """

    labels: Literal["folder", "none"] = Field(
        "folder", description="the name of the picture's folder is its label; or there is none"
    )
    class_names: Annotated[dict[str, str], AnyOrder()] = Field(
        default_factory=dict, description="folder name -> label, where they differ"
    )
    splits: Annotated[dict[str, SplitName], AnyOrder()] = Field(
        default_factory=dict,
        description="folder -> split, in upper or lower case; beside train, training, val, valid, "
        "validation, dev and test, and before them",
    )
    include: str = Field(
        "", description="only files whose path inside matches this regular expression"
    )
    split: SplitName | None = Field(
        None, description="split of all pictures whose path does not name one"
    )

    @model_validator(mode="after")
    def _has_classes(self) -> Settings:
        if self.labels == "none" and self.class_names:
            raise ValueError("`class_names` belongs to `labels: folder`")
        return self

    @field_validator("include")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    def normal(self) -> Settings:
        """The folders of `splits` in lower case, as they are looked for."""
        return self.model_copy(update={"splits": _in_lower_case(self.splits)})


def _in_lower_case(splits: Mapping[str, SplitName]) -> dict[str, SplitName]:
    return {name.lower(): split for name, split in splits.items()}


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files; of a `url` without a digest the address."""
    return members.fingerprint(settings, members.Wanted(SUFFIXES, settings.include))


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
        DataError: no picture in it, a folder in `splits` or `class_names` that is not there, a
            damaged archive, or a source that changed meanwhile.
    """
    batcher = records.Batcher(
        source,
        ("image", "label", "label_confidence", "label_origin", "split"),
        {"license": settings.license, "split": settings.split},
        context.limit,
    )
    wanted = members.Wanted(SUFFIXES, settings.include)
    where = settings.path or settings.url or ""
    tree = _Tree(settings)
    with files.opened(settings, wanted.endings, context, wanted.reads) as found:
        takes = limits.sharing(
            context.limit, lambda: map(tree.kind_of, members.each_name(found, wanted))
        )
        read_on = members.read_members(
            found,
            wanted,
            settings.max_record_bytes,
            context.progress,
            lambda name: takes(tree.kind_of(name)),
        )
        for member in read_on:
            try:
                row = _row(member, settings)
            except records.RecordError as error:
                yield from batcher.add_error(str(error), member.uri)
            else:
                yield from batcher.add(row, member.uri, len(member.data))
            if batcher.is_full:
                break
        if batcher.num_rows == 0 and settings.include:
            raise members.none_found(wanted, "include", found, where)
        tree.check(where)
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise DataError(
            f"not one picture ({', '.join(SUFFIXES)})",
            where=where,
            hint="point `path` at the folder that holds train/CLASS/FILE or CLASS/FILE",
            code="empty-source",
        )


class _Tree:
    """The folders of a source, as the names of its pictures tell them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._splits = Named("splits", map(str.lower, settings.splits), "folder")
        self._classes = Named("class_names", settings.class_names, "folder")

    def kind_of(self, name: str) -> limits.Kind:
        """Of what split and class a picture is, by its path; empty: of none that can be read."""
        if not name:
            return limits.BAD
        folders = name.split("/")[:-1]
        self._splits.saw(*map(str.lower, folders))
        self._classes.saw(*folders[-1:])
        split, label = place_of(name, self._settings)
        if self._settings.labels == "none":
            return limits.Kind(split)
        return limits.BAD if label is None else limits.Kind(split, label)

    def check(self, where: str) -> None:
        """Once all names were told.

        Raises:
            DataError: The recipe names a folder that is not there.
        """
        self._splits.check(where)
        self._classes.check(where)


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
    known = {**records.SPLITS, **_in_lower_case(settings.splits)}
    split = next((known[one.lower()] for one in folders if one.lower() in known), None)
    label = folders[-1] if folders and folders[-1].lower() not in known else None
    return split, None if label is None else settings.class_names.get(label, label)
