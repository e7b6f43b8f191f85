"""The files of a folder or an archive, one after another, each read whole and within limits.

One reader for every source of files that are records, and one set of rules. Whatever has a wanted
ending is a member: what cannot be read is one with an error, as is an archive in an archive; of
these nothing is passed over but hidden files and empty ones. An archive is never unpacked to disk:
a member is read, handed on, and forgotten, so nothing larger than one member is in memory.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tilth.context import Context, PassesOver, unsaid
from tilth.errors import DataError
from tilth.foreign import visible
from tilth.formats import archive
from tilth.reading import inputs, records
from tilth.reading.by_file import ByFile
from tilth.reading.places import inside, is_hidden, wrong_with

# Names that an error lists.
_MAX_SHOWN = 5


@dataclass(frozen=True)
class Member:
    """One file of a folder or an archive.

    Attributes:
        name: Its path inside, with forward slashes; empty where there is none to be used.
        uri: How the user would name it: folder/name or archive:name.
        data: Its bytes; empty where `error` is set.
        error: Why it was not read.
        is_known: Whether it is as it was, and is not read: `ByFile.again` gives what it gave.
    """

    name: str
    uri: str
    data: bytes
    error: str = ""
    is_known: bool = False


@dataclass(frozen=True)
class Wanted:
    """Which files are members.

    Attributes:
        suffixes: Endings of their names in lower case, such as ``(".png", ".jpg")``.
        pattern: Regular expression that is found in their path; empty: in all.
        setting: What the recipe calls the pattern.
    """

    suffixes: tuple[str, ...]
    pattern: str = ""
    setting: str = "include"

    @property
    def endings(self) -> tuple[str, ...]:
        """Of the files to look into: members, and archives."""
        return (*self.suffixes, *archive.ENDINGS)

    def refuses(self, name: str) -> str:
        """Why a path inside, with forward slashes, is not that of a member; empty where it is."""
        if is_hidden(name):
            return inputs.HIDDEN
        if not name.lower().endswith(self.suffixes):
            return inputs.of_other_type(name)
        if re.search(self.pattern, name) is None:
            return f"left out by `{self.setting}`"
        return ""

    def reads(self, file: inputs.SourceFile) -> bool:
        """Whether a file that was found is read: a member, or an archive that may hold some."""
        return _is_archive(file) or self.has(file.name.replace(os.sep, "/"))

    def leaves(self, name: str) -> str:
        """As `refuses`, of a path in an archive; an archive there is none, and told of."""
        is_archive = name.lower().endswith(archive.ENDINGS) and not is_hidden(name)
        return "" if is_archive else self.refuses(name)

    def has(self, name: str) -> bool:
        """Whether a path inside is that of a member."""
        return not self.refuses(name)


def fingerprint(settings: inputs.FileSettings, wanted: Wanted) -> str:
    """As `inputs.fingerprint_files`, of what is read: of a file that is too long its size alone.

    Raises:
        MissingError: There is no such folder or archive.
    """
    if settings.url is not None:
        return inputs.fingerprint_address(settings, settings)
    others = inputs.Others()
    there = inputs.find_files(settings, wanted.endings, others)
    for file in there:
        if not wanted.reads(file):
            others(file.uri, wanted.refuses(file.name.replace(os.sep, "/")))
    most = settings.max_record_bytes
    found = inputs.fingerprint_paths(
        list(filter(wanted.reads, there)),
        settings.digest,
        lambda file: None if _is_archive(file) else most,
    )
    return "\n".join([found, *others.lines])


def read_members(
    found: list[inputs.SourceFile],
    wanted: Wanted,
    max_bytes: int,
    context: Context,
    takes: Callable[[str], bool] = lambda _: True,
    by_file: ByFile | None = None,
    skipped: tuple[str, ...] = (),
) -> Iterator[Member]:
    """The wanted files, in the order of their names, or of the archive that holds them.

    Args:
        found: Files and archives, as `inputs.opened` gives them.
        wanted: Which of them, and which of an archive's, are members.
        max_bytes: What one may have; a longer one is a member with an error, and not read.
        context: Told of bytes on disk after each of the files, and of what is passed over.
        takes: Asked by name, once for each in their order, whether it is read and given at all.
        by_file: Asked of each file that is a member whether it is known.
        skipped: Endings of files that are read or not as this machine is.

    Raises:
        DataError: An archive is cut off, or damaged so that nobody knows how much is missing.
    """
    meter = inputs.Meter(found, context)
    num_read = 0
    for file in found:
        is_known = False
        if by_file is not None:
            if _is_archive(file) or not wanted.reads(file) or file.name.lower().endswith(skipped):
                by_file.other()
            else:
                is_known = by_file.is_known(file)
        for place in _places(file, wanted, max_bytes, context.passes_over):
            if not takes(place.name):
                continue
            num_read += 1
            if is_known:
                yield Member(place.name, place.uri, b"", is_known=True)
                continue
            try:
                data = place.read(max_bytes)
            except records.RecordError as error:
                yield Member(place.name, place.uri, b"", str(error))
                continue
            if data:
                yield Member(place.name, place.uri, data)
            else:
                context.passes_over(place.uri, inputs.EMPTY)
        meter.finish(file, num_read, is_told=is_known)


def each_name(found: list[inputs.SourceFile], wanted: Wanted) -> Iterator[str]:
    """The names of what `read_members` gives, in its order, empty where there is none; none of the
    files is read.

    Raises:
        DataError: As in `read_members`.
    """
    return (place.name for file in found for place in _places(file, wanted, 0))


def list_names(found: list[inputs.SourceFile], wanted: Wanted) -> list[str]:
    """The names that there are of `each_name`."""
    return [name for name in each_name(found, wanted) if name]


def none_found(wanted: Wanted, found: list[inputs.SourceFile], uri: str) -> DataError:
    """The error for a source without a single member, which may lie in the setting's pattern."""
    all_names = each_name(found, Wanted(wanted.suffixes))
    names = [name for name in itertools.islice(all_names, _MAX_SHOWN) if name]
    if not wanted.pattern or not names:
        return inputs.empty_source(uri)
    return DataError(
        f"`{wanted.setting}: {wanted.pattern}` is in the path of no file",
        where=uri,
        hint=f"there are {', '.join(visible(name) for name in names)}",
        code="unknown-name",
    )


@dataclass(frozen=True)
class _Place:
    """Where a member is, and how it is read."""

    name: str
    uri: str
    read: Callable[[int], bytes]


def _is_archive(file: inputs.SourceFile) -> bool:
    return file.name.lower().endswith(archive.ENDINGS)


def _places(
    file: inputs.SourceFile, wanted: Wanted, max_bytes: int, passes_over: PassesOver = unsaid
) -> Iterator[_Place]:
    if not _is_archive(file):
        name = file.name.replace(os.sep, "/")
        if why := wanted.refuses(name):
            passes_over(file.uri, why)
        elif wrong := wrong_with(name):
            yield _Place("", visible(file.uri), archive.refused(wrong))
        else:
            yield _Place(name, file.uri, lambda most: read_whole(inputs.here(file), most))
        return
    for one in inside(file, max_bytes, wanted.leaves, passes_over):
        wrong = one.wrong
        if one.name and not wanted.has(one.name):
            wrong = "an archive in an archive is not opened: unpack it beside this one"
        if wrong:
            yield _Place("", one.uri, archive.refused(wrong))
        else:
            yield _Place(one.name, one.uri, one.entry.read)


def read_whole(path: Path, max_bytes: int) -> bytes:
    """The bytes of a file that is one record, or part of one.

    Raises:
        RecordError: It is longer, no file, or cannot be read.
    """
    try:
        if not inputs.is_file(path):
            raise records.RecordError("a pipe or a device, not a file")
        with path.open("rb") as stream:
            # So many bytes as are asked for are set aside, which may be a gigabyte.
            size = os.fstat(stream.fileno()).st_size
            data = stream.read(min(size, max_bytes) + 1)
            if size < len(data) <= max_bytes:
                data += stream.read(max_bytes + 1 - len(data))
            if len(data) > max_bytes:
                size = os.fstat(stream.fileno()).st_size
                raise records.RecordError(inputs.too_long(size, max_bytes))
            return data
    except FileNotFoundError:
        # One that went meanwhile is noticed as a change of the source.
        cause = "a link to a file that is not there" if path.is_symlink() else "No such file"
        raise records.RecordError(cause) from None
    except OSError as error:
        raise records.RecordError(f"cannot be read: {error.strerror or error}") from None
