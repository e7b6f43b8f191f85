"""Read pictures whose folder is their class: ImageFolder trees, ImageNet's layout, archives.

train/cat/0001.jpg      split train, label cat
val/n01440764/x.JPEG    split validation, label n01440764
cat/0001.jpg            label cat, no split yet
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from tilth.context import Context, PassesOver
from tilth.decode.picture import reads_heif
from tilth.errors import DataError
from tilth.foreign import visible
from tilth.labels import as_label
from tilth.reading import inputs, limits, members, records
from tilth.reading.by_file import ByFile
from tilth.reading.named import Named
from tilth.reading.whole import MAX_PIXELS, MaxPixels, whole_picture
from tilth.schema import Row
from tilth.settings import AnyOrder
from tilth.splits import SplitName

# Folders of other files that are remembered, to see whether one stands beside the classes.
_MAX_FOLDERS = 10_000
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"),
    *(".heic", ".heif"),
)
_HEIF = (".heic", ".heif")


class Settings(inputs.FileSettings):
    """Read pictures from a folder or archive (tar, zip) in which their folder is their class.

    The outermost folder that is called `train`, `val`, `validation` or `test`, in whatever other
    folders, is the split. Each picture is decoded: one that is cut off, damaged or too large is
    quarantined with its name.
    """

    labels: Literal["folder", "path", "none"] = Field(
        "folder",
        description="the name of the picture's folder is its label; or all folders below the split "
        "and below those that all pictures share, as `Greek/alpha`; or there is none",
    )
    class_names: Annotated[dict[str, str], AnyOrder()] = Field(
        default_factory=dict,
        description="folder name, or path, -> label, where they differ; also where folders of one "
        "name in different folders are one class",
    )
    max_pixels: MaxPixels = MAX_PIXELS
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
            raise ValueError("`class_names` belongs to `labels: folder` or `path`")
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
    labels = settings.labels != "none"
    columns = dict.fromkeys(("label", "label_confidence", "label_origin"), labels)
    columns |= {"image": True, "split": True, "license": settings.license is not None}
    return tuple(name for name, given in columns.items() if given)


def reads_all(settings: Settings) -> str:
    """Why pictures that are as they were are read again where others changed; empty: they are not.

    Those in archives are read whenever a file of the source changed.
    """
    return "`labels: path` leaves out the folders that all share" * (settings.labels == "path")


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The pictures as rows: encoded bytes, label and split from the path.

    Raises:
        MissingError: no such folder or archive.
        DataError: no picture in it, a folder in `splits` or `class_names` that is not there, two
            classes of one name, a class without a picture among its files, a damaged archive, or a
            source that changed meanwhile.
    """
    batcher = records.Batcher(
        source,
        ("image", "label", "label_confidence", "label_origin", "split"),
        {"license": settings.license, "split": settings.split},
        context.limit,
    )
    wanted = members.Wanted(SUFFIXES, settings.include)
    where = settings.path or settings.url or ""
    tree = Tree(settings, where)
    context = replace(context, passes_over=tree.noting(context.passes_over))
    with inputs.opened(settings, wanted.endings, context, wanted.reads) as found:
        if settings.labels == "path":
            tree.share(members.each_name(found, wanted))
        takes = limits.sharing(
            context.limit, lambda: map(tree.kind_of, members.each_name(found, wanted))
        )
        by_file = ByFile(context, batcher, is_on=not reads_all(settings))
        skipped = () if reads_heif() else _HEIF
        read_on = members.read_members(
            found,
            wanted,
            settings.max_record_bytes,
            context,
            lambda name: takes(tree.kind_of(name)),
            by_file,
            _HEIF,
        )
        for member in read_on:
            if member.is_known:
                tree.has(member)
                yield from by_file.again()
                continue
            if member.name.lower().endswith(skipped):
                ending = member.name[member.name.rindex(".") :].lower()
                reason = f"{inputs.OTHER_TYPE} without the extra `heif` ({ending})"
                context.passes_over(member.uri, reason)
                continue
            try:
                row = tree.row(member)
                for part in whole_picture(member.data, settings.max_pixels).unseen:
                    context.passes_over(member.uri, part)
            except records.RecordError as error:
                yield from batcher.add_error(str(error), member.uri)
            else:
                yield from batcher.add(row, member.uri, len(member.data))
            if batcher.is_full:
                break
        if batcher.num_rows == 0 and settings.include:
            raise members.none_found(wanted, found, where)
        # Of a limit's sample nobody knows what else the folders hold.
        tree.check(whole=context.limit is None)
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise DataError(
            f"not one picture ({', '.join(SUFFIXES)})",
            where=where,
            hint="point `path` at the folder that holds train/CLASS/FILE or CLASS/FILE",
            code="empty-source",
        )


class Tree:
    """The folders of a source, as the names of its pictures tell them.

    Args:
        settings: Of the source.
        where: The source, in errors.
    """

    def __init__(self, settings: Settings, where: str) -> None:
        self._settings = settings
        self._where = where
        self._splits = Named("splits", map(str.lower, settings.splits), "folder")
        self._classes = Named("class_names", settings.class_names, "folder")
        self._shared = 0
        # The folder that gave each class its name, and those that hold pictures and other files.
        self._places: dict[str, str] = {}
        self._with: set[str] = set()
        self._without: dict[str, str] = {}

    def share(self, names: Iterable[str]) -> None:
        """Learn from all names what folders all pictures share: they are no part of a label."""
        paths = {_place(name, self._settings)[1] for name in names if name}
        shared = next(iter(paths), ())
        for path in paths:
            pairs = itertools.takewhile(
                lambda pair: pair[0] == pair[1], zip(shared, path, strict=False)
            )
            shared = tuple(one for one, _ in pairs)
        # Of one class the last folder is left, as its name.
        self._shared = len(shared) - (set(map(len, paths)) == {len(shared)})

    def noting(self, passes_over: PassesOver) -> PassesOver:
        """Tell of what is passed over, and remember the folders of files of another type."""

        def note(place: str, reason: str) -> None:
            passes_over(place, reason)
            if reason.startswith(inputs.OTHER_TYPE) and len(self._without) < _MAX_FOLDERS:
                self._without.setdefault(place.rpartition("/")[0], place)

        return note

    def kind_of(self, name: str) -> limits.Kind:
        """Of what split and class a picture is, by its path; empty: of none that can be read.

        Raises:
            DataError: Its class has the name of another one.
        """
        if not name:
            return limits.BAD
        folders = name.split("/")[:-1]
        self._splits.saw(*map(str.lower, folders))
        split, label = self.place_of(name)
        if self._settings.labels == "none":
            return limits.Kind(split)
        if label is None:
            return limits.BAD
        self._classes.saw(label)
        self._require_one_place(label, _place(name, self._settings)[1])
        return limits.Kind(split, as_label(self._settings.class_names.get(label, label)))

    def _require_one_place(self, label: str, path: tuple[str, ...]) -> None:
        """Refuse a second class of the name, unless the recipe says that they are one."""
        here = "/".join(path)
        first = self._places.setdefault(as_label(label) or "", here)
        if first != here and label not in self._settings.class_names:
            raise DataError(
                f"two folders of the name `{visible(label)}` would be one class: "
                f"`{visible(first)}` and `{visible(here)}`",
                where=self._where,
                hint="`labels: path` keeps them apart; a folder that is a split is named in "
                "`splits`; if they are one class, say so by "
                f"`class_names: {{{visible(label)}: {visible(label)}}}`",
                code="two-classes",
            )

    def check(self, *, whole: bool) -> None:
        """Once all names were told.

        Args:
            whole: Whether all pictures were read.

        Raises:
            DataError: The recipe names a folder that is not there, or a folder beside the classes
                holds no picture at all.
        """
        self._splits.check(self._where)
        self._classes.check(self._where)
        if self._settings.labels == "none" or self._settings.include or not whole:
            return
        beside = {folder.rpartition("/")[0] for folder in self._with}
        for folder, file in sorted(self._without.items()):
            if folder in self._with or any(one.startswith(f"{folder}/") for one in self._with):
                continue
            if folder.rpartition("/")[0] in beside:
                raise DataError(
                    f"`{visible(folder)}` stands beside the classes, and every file of it was "
                    f"passed over, such as `{visible(file.rpartition('/')[2])}`",
                    where=self._where,
                    hint="turn its pictures into a type that is read "
                    f"({', '.join(SUFFIXES)}); if it is no class, leave it out by `include`",
                    code="empty-class",
                )

    def has(self, member: members.Member) -> None:
        """A picture is there."""
        self._with.add(member.uri.rpartition("/")[0])

    def row(self, member: members.Member) -> Row:
        """The columns of one picture.

        Raises:
            RecordError: It was not read, or its folder names no class.
        """
        self.has(member)
        if member.error:
            raise records.RecordError(member.error)
        split, label = self.place_of(member.name)
        row: Row = {"id": member.name, "image": member.data}
        if self._settings.labels != "none":
            label = label and as_label(self._settings.class_names.get(label, label))
            if label is None:
                raise records.RecordError("its folder names no class")
            row |= {"label": label, "label_confidence": 1.0, "label_origin": "folder"}
        if split is not None:
            row["split"] = split
        return row

    def place_of(self, name: str) -> tuple[str | None, str | None]:
        """(split, class) that a path inside the source names; None where it does not."""
        split, path = _place(name, self._settings)
        if self._settings.labels == "path":
            return split, "/".join(path[self._shared :]) or None
        known = _splits_of(self._settings)
        return split, path[-1] if path and path[-1].lower() not in known else None


def _place(name: str, settings: Settings) -> tuple[str | None, tuple[str, ...]]:
    """The split that a path inside the source names, and the folders below it, else all."""
    folders = name.split("/")[:-1]
    known = _splits_of(settings)
    for at, folder in enumerate(folders):
        if folder.lower() in known:
            return known[folder.lower()], tuple(folders[at + 1 :])
    return None, tuple(folders)


def _splits_of(settings: Settings) -> dict[str, str]:
    """What folders are splits, in lower case."""
    return {**records.SPLITS, **_in_lower_case(settings.splits)}
