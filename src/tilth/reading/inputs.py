"""What the file sources share: finding files, bounded reading, and noticing a change underneath.

Nothing here trusts a file: a line is never longer in memory than the setting allows, a compressed
file is never unpacked as a whole, and a file that changes while it is read is an error.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from tilth.context import Context, PassesOver, unsaid
from tilth.errors import DataError, MissingError, source_changed
from tilth.formats.streams import SourceFile as SourceFile
from tilth.formats.streams import is_file as is_file
from tilth.formats.streams import not_found as not_found
from tilth.formats.streams import open_bytes as open_bytes
from tilth.formats.streams import open_raw as open_raw
from tilth.formats.streams import open_text as open_text
from tilth.formats.streams import read_any_lines as read_any_lines
from tilth.formats.streams import read_lines as read_lines
from tilth.formats.streams import read_many_lines as read_many_lines
from tilth.formats.streams import too_long as too_long
from tilth.reading import remote
from tilth.reading.fetching import (
    AnyPlace,
    Digest,
    Fetching,
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
    mirror_of,
)
from tilth.reading.kinds import HIDDEN as HIDDEN
from tilth.reading.kinds import OTHER_TYPE as OTHER_TYPE
from tilth.reading.kinds import no_file_of
from tilth.reading.kinds import of_other_type as of_other_type
from tilth.reading.other_parts import but_named, joined, without_joined
from tilth.settings import BaseSettings
from tilth.store.digests import Watch, digest_of, digests_of
from tilth.web import fetch
from tilth.web.secrets import masked

_CHUNK = 1 << 18
# Why places are passed over.
EMPTY = "empty"
NOTHING_IN_IT = "empty: not one record"
# Some readers ask for all of it at once, and a Python of 32 bits could not hold more.
MAX_RECORD_BYTES = 1 << 31


class FileSettings(BaseSettings):
    """Where the files are: a path, or an address with the digest of what it should give."""

    path: AnyPlace = Field(
        None,
        description="file, folder or glob, relative to the working directory, or at s3:// or gs://",
    )
    storage: Storage = Store()
    url: Url = Field(None, description="address to fetch the file from, instead of `path`")
    headers: Headers = Field({})
    sha256: Sha256 = Field(None, description="SHA-256 of the file at `url`, in hex")
    size: Size = Field(None, description="bytes of the file at `url`", ge=0)
    mirror: Mirror = None
    serve: Serve = None
    allow_hosts: KnownHosts = ()
    digest: Digest = "stat"
    max_record_bytes: int = Field(
        8 << 20,
        description="bytes that one record may have; a longer one is quarantined",
        ge=64,
        le=MAX_RECORD_BYTES,
    )
    license: License = Field(None, description="licence of rows that do not state their own")

    @model_validator(mode="after")
    def _one_place(self) -> FileSettings:
        if self.path is not None and self.url is not None:
            raise ValueError("`path` and `url` exclude each other")
        if self.path is None and self.url is None:
            raise ValueError("neither `path` nor `url`: add `path: FILE, FOLDER or GLOB`")
        if self.url is None and (self.sha256 is not None or self.size is not None):
            raise ValueError("`sha256` and `size` belong to `url`")
        check_fetching(self, [] if self.url is None else [self.url], self.places_read())
        return self

    def places_read(self) -> tuple[str | None, ...]:
        """Paths that may be in a store: `path`, then those of files that other settings name."""
        return (self.path,)


def find_files(
    settings: FileSettings, suffixes: tuple[str, ...], passes_over: PassesOver = unsaid
) -> list[SourceFile]:
    """The files behind `path`, sorted by name.

    Args:
        settings: With `path` set.
        suffixes: Which files of a folder belong, such as ``(".jsonl", ".jsonl.gz")``.
        passes_over: Told of what else is there.

    Raises:
        MissingError: there is nothing at that path.
        DataError: the folder has no file of the kind.
    """
    assert settings.path is not None
    named = [*settings.places_read()[1:], *joined(settings)]
    found = _found(settings, suffixes, but_named(named, passes_over))
    # One file that is its own table is both.
    return without_joined(found, settings) if len(found) > 1 else found


def _found(
    settings: FileSettings, suffixes: tuple[str, ...], passes_over: PassesOver
) -> list[SourceFile]:
    assert settings.path is not None
    if remote.is_remote(settings.path):
        return remote.find_objects(settings, settings.path, suffixes, passes_over)
    given = os.path.expanduser(settings.path)
    if os.path.isfile(given):
        return [SourceFile(Path(given), os.path.basename(given), settings.path)]
    if os.path.isdir(given):
        return _files_of_folder(given, settings.path, suffixes, passes_over)
    if glob.has_magic(given):
        _look_into(given)
        names = sorted(glob.glob(given, recursive=True))
        found = [name for name in names if os.path.isfile(name)]
        if found:
            for name in names if "**" not in given else ():
                if not os.path.isfile(name):
                    passes_over(name, _of_folder(name))
            base = os.path.commonpath([os.path.dirname(name) for name in found])
            return [
                SourceFile(Path(name), os.path.relpath(name, base or "."), name) for name in found
            ]
    raise not_found(given)


def places(settings: FileSettings, suffixes: tuple[str, ...]) -> list[Path]:
    """Where the files are, of those that are here already: also what a mirror folder has."""
    if settings.path is not None and remote.is_remote(settings.path):
        return []
    if settings.url is None:
        return [file.path for file in find_files(settings, suffixes)]
    found = fetch.find_in_mirror(settings.url, size=settings.size, mirror=mirror_of(settings))
    if found is None or settings.sha256 not in (None, digest_of(found)):
        return []
    return [found]


def fingerprint_files(settings: FileSettings, suffixes: tuple[str, ...]) -> str:
    """What the source reads, a file a line: its name, how the user would name it, what it holds.

    Raises:
        MissingError: the files are not there.
    """
    if settings.url is not None:
        return fingerprint_address(settings, settings)
    others = Others()
    found = fingerprint_paths(find_files(settings, suffixes, others), settings.digest)
    return "\n".join([found, *others.lines])


class Others:
    """What else lies there, as far as it counts for what a source is: its books tell of it.

    A file of another type that comes or goes changes them.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, place: str, reason: str) -> None:
        """Take in a place that is passed over."""
        self.lines.append(_line(place, "", reason))


class Expected(Protocol):
    """A file at an address, and what it should be."""

    @property
    def url(self) -> str | None: ...
    @property
    def sha256(self) -> str | None: ...
    @property
    def size(self) -> int | None: ...


def fingerprint_address(file: Expected, settings: Fetching) -> str:
    """What is known beforehand of a file that is fetched, as of one that is here.

    By its digest, where the recipe gives it, or by what the mirror folder has in its place; else
    all that is known is the address.

    Raises:
        MissingError: There is no such mirror.
    """
    assert file.url is not None
    mirror = mirror_of(settings)
    if mirror is not None and not mirror.is_dir():
        raise not_found(str(mirror))
    if file.sha256 is not None:
        content = file.sha256
    elif found := fetch.find_in_mirror(file.url, size=file.size, mirror=mirror):
        content = digest_of(found, anew=settings.digest == "content")
    else:
        # A server may give by them what it likes; a secret is known by its name.
        asked = [f"{name.lower()}: {value}" for name, value in sorted(settings.headers.items())]
        content = " ".join([file.url, *([] if file.size is None else [str(file.size)]), *asked])
    return _line(name_of(file.url), masked(file.url), content)


def fingerprint_paths(
    files: Sequence[SourceFile],
    digest: Literal["stat", "content"] = "stat",
    most: Callable[[SourceFile], int | None] = lambda _: None,
) -> str:
    """Names and contents, one file a line.

    Args:
        files: In the order in which they are read.
        digest: How a file is known to hold what it held.
        most: Bytes of a file beyond which it is not read, and only its size is told; None: it is
            read whatever its size.

    Raises:
        MissingError: one is not there any more. Of what cannot be read, such as a link that leads
            nowhere, the cause stands for the content: it may be one record of many.
    """
    local = [file for file in files if file.stored is None]
    read = iter(contents_of([file.path for file in local], digest, list(map(most, local))))
    contents = [remote.told(file.stored) if file.stored else next(read) for file in files]
    for file, content in zip(files, contents, strict=True):
        if isinstance(content, FileNotFoundError) and not file.path.is_symlink():
            raise not_found(str(file.path))
    told = zip(files, contents, strict=True)
    return "\n".join(_line(file.name, file.uri, content) for file, content in told)


def contents_of(
    paths: Sequence[Path], digest: Literal["stat", "content"], most: Sequence[int | None]
) -> list[str | OSError]:
    """What files hold, by SHA-256 in hex.

    Args:
        paths: The files.
        digest: How one is known to hold what it held.
        most: For each as of `fingerprint_paths`.

    Returns:
        For each its digest, or its size where that is all that is told, or why it cannot be read.
    """
    long: dict[int, str] = {}
    for at, (path, bound) in enumerate(zip(paths, most, strict=True)):
        with suppress(OSError):
            if bound is not None and (size := path.stat().st_size) > bound:
                long[at] = f"{size} bytes"
    read = [path for at, path in enumerate(paths) if at not in long]
    found = iter(digests_of(read, anew=digest == "content"))
    return [long[at] if at in long else next(found) for at in range(len(paths))]


def _line(name: str, uri: str, content: str | OSError) -> str:
    # Any character may stand in a name, a line break too.
    told = content if isinstance(content, str) else content.strerror or str(content)
    return f"{name!a} {uri!a} {told}"


def _state_of(path: Path) -> os.stat_result:
    try:
        return path.lstat() if path.is_symlink() and not path.exists() else path.stat()
    except FileNotFoundError:
        raise not_found(str(path)) from None


def _size_of(file: SourceFile) -> int:
    return _state_of(file.path).st_size if file.stored is None else file.stored.size


def _every(_: SourceFile) -> bool:
    return True


def _leads_nowhere(file: SourceFile) -> bool:
    return file.path.is_symlink() and not file.path.exists()


@contextmanager
def opened(
    settings: FileSettings,
    suffixes: tuple[str, ...],
    context: Context,
    is_read: Callable[[SourceFile], bool] = _every,
) -> Iterator[list[SourceFile]]:
    """The source's files, fetched if need be; watches that they stay as they are.

    Args:
        settings: Of the source.
        suffixes: As of `find_files`.
        context: Its work folder takes what is fetched.
        is_read: Whether a file that was found is read at all; the others are not watched.

    Raises:
        MissingError: they are not there.
        DataError: they changed while they were read.
    """
    url, fetched = settings.url, None
    if url is not None:
        sha256, size, folder = settings.sha256, settings.size, context.work / "download"
        fetched = fetch_file(settings, url, folder, context, sha256=sha256, size=size)

    def find(passes_over: PassesOver) -> list[SourceFile]:
        return find_files(settings, suffixes, passes_over) if fetched is None else [fetched]

    # Where a file is a sample, one that cannot be read is a row of the books.
    found = find(context.passes_over)
    for file in [file for file in found if is_read is _every and _leads_nowhere(file)]:
        context.passes_over(file.uri, "a link to a file that is not there")
        found.remove(file)
    if remote.is_remote(settings.path or ""):
        with remote.fetching(found, settings, context) as had:
            yield had
        return
    watched = Watched(filter(is_read, found))
    yield found
    there = (file for file in find(unsaid) if is_read is not _every or not _leads_nowhere(file))
    watched.check(filter(is_read, there))


class Watched:
    """Files that are read, each watched from before it is opened."""

    def __init__(self, found: Iterable[SourceFile] = ()) -> None:
        self._files: list[SourceFile] = []
        self._watch = Watch()
        for file in found:
            self.add(file)

    def add(self, file: SourceFile) -> SourceFile:
        """Watch one more; gives it back."""
        self._files.append(file)
        # An object is read as it was listed, or not at all.
        if file.stored is None:
            self._watch.add([file.path])
        return file

    def check(self, found: Iterable[SourceFile] | None = None) -> None:
        """Once all is read, compare the files with what they were.

        Args:
            found: Those that are found now, where they were looked for.

        Raises:
            DataError: one was written to, even if it was undone, was added, replaced or removed.
        """
        changed = set(self._watch.changed())
        other = {file for file in self._files if str(file.path) in changed}
        other |= set() if found is None else set(self._files) ^ set(found)
        if other:
            first = min(other, key=lambda file: file.name)
            raise source_changed(first.uri, sorted({file.name for file in other}))


def fetch_file(
    settings: Fetching,
    url: str,
    folder: Path,
    context: Context,
    *,
    sha256: str | None = None,
    size: int | None = None,
    max_bytes: int = 1 << 40,
) -> SourceFile:
    """The file at an address, in a folder that is its own, or in the mirror folder.

    Args:
        settings: How it is fetched.
        url: The address.
        folder: Takes it. What an earlier run left there is taken where it is the same still; if it
            is not, `context` is told so.
        context: Of the source.
        sha256, size, max_bytes: What the file must be, as of `fetch.download`.
    """
    name = name_of(url)
    watch = Watch([folder / name])
    path = fetch.download(
        url,
        sha256=sha256,
        size=size,
        max_bytes=max_bytes,
        mirror=mirror_of(settings),
        allow_hosts=settings.allow_hosts,
        serve=settings.serve,
        headers=settings.headers,
        dest=folder / name,
        progress=context.progress,
    )
    if watch.changed():
        context.begins_anew()
    return SourceFile(path, name, masked(url))


def named(path: str, settings: Fetching) -> SourceFile:
    """One file, or object, that a recipe names.

    Raises:
        MissingError: of an object, it is not there.
        DataError: at that address are several.
    """
    if not remote.is_remote(path):
        return SourceFile(Path(path).expanduser(), os.path.basename(path), path)
    return remote.find_object(settings, path)


def fetched(file: SourceFile, settings: Fetching, context: Context) -> SourceFile:
    """A file on this machine: an object is fetched, any other is it."""
    return file if file.stored is None else remote.fetch_object(file, settings, context)


def here(file: SourceFile) -> Path:
    """Where a file is on this machine; an object is fetched."""
    if file.stored is not None and file.stream is not None:
        file.stream().close()
    return file.path


def name_of(url: str) -> str:
    """What the file at an address is called here."""
    return os.path.basename(urlsplit(url).path) or "download"


def empty_source(uri: str) -> DataError:
    """The error for a source without a single record."""
    return DataError(
        "the source is empty: not one record",
        where=uri,
        hint="check that this is the file you mean",
        code="empty-source",
    )


def bad_header(cause: str, place: str) -> DataError:
    """The error for a file whose columns are not those that the recipe names."""
    return DataError(
        f"the columns of the file do not fit the recipe: {cause}",
        where=place,
        hint="name the columns under `fields:`, such as `fields: {text: body, label: class}`",
        code="columns",
    )


def doubled_column(cause: str, place: str) -> DataError:
    """The error for a file that has a column twice that the recipe names."""
    return DataError(
        cause,
        where=place,
        hint="give the columns of the file names of their own",
        code="column-twice",
    )


class Meter:
    """Tells how far through its files a source is, in bytes on disk, and which held nothing.

    Args:
        files: Those that are read.
        context: Of the source.
    """

    def __init__(self, files: list[SourceFile], context: Context) -> None:
        self._total = float(sum(map(_size_of, files)))
        self._done = 0.0
        self._num_rows = 0
        self._context = context

    @property
    def num_bytes(self) -> int:
        """Of all files, on disk."""
        return int(self._total)

    def finish(self, file: SourceFile, num_rows: int, *, is_told: bool = False) -> None:
        """One file is read; with it there are so many rows.

        Args:
            file: It.
            num_rows: Of this and the files before.
            is_told: Of what is in it and gave no row, all is told already.
        """
        self._done += _size_of(file)
        self._context.progress(self._done, self._total, f"{num_rows:,} rows")
        # Of a limit's sample nobody knows what else a file holds.
        if num_rows == self._num_rows and self._context.limit is None and not is_told:
            self._context.passes_over(file.uri, NOTHING_IN_IT)
        self._num_rows = num_rows


def _files_of_folder(
    given: str, shown: str, suffixes: tuple[str, ...], passes_over: PassesOver
) -> list[SourceFile]:
    found = []
    for folder, folders, names in os.walk(given, onerror=_not_listed):
        inside, base = os.path.relpath(folder, given), Path(folder)
        for name in sorted(folders):
            place = os.path.join(shown, inside if inside != "." else "", name)
            if name.startswith("."):
                passes_over(place, HIDDEN)
            elif os.path.islink(base / name):
                passes_over(place, "a link to a folder, which is not followed")
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not _is_run(base / name)
        )
        for name in sorted(names):
            relative = name if inside == "." else os.path.join(inside, name)
            file = SourceFile(base / name, relative, os.path.join(shown, relative))
            if name.startswith("."):
                passes_over(file.uri, HIDDEN)
            elif name.lower().endswith(suffixes):
                found.append(file)
            else:
                passes_over(file.uri, of_other_type(name))
    if not found:
        raise no_file_of(suffixes, shown)
    return sorted(found, key=lambda file: file.name)


def _is_run(folder: Path) -> bool:
    """Whether a folder is a run's: what was made of a source is no part of it."""
    return all(os.path.isfile(folder / name) for name in ("run.json", "recipe.yaml"))


def _not_listed(error: OSError) -> None:
    """A folder that cannot be looked into may hold anything."""
    raise MissingError(
        f"cannot look into a folder: {error.strerror or error}",
        where=str(error.filename),
        hint=f"ls -ld {error.filename}",
        code="unreadable",
    ) from None


def _look_into(pattern: str) -> None:
    """Refuse a closed folder that a pattern leads through, which `glob` passes over in silence.

    Raises:
        MissingError: There is one.
    """
    folder, name = os.path.split(pattern)
    if "**" in pattern:
        base = os.path.dirname(pattern[: pattern.index("**")])
        while glob.has_magic(base):
            base = os.path.dirname(base)
        for _, folders, _ in os.walk(base or ".", onerror=_not_listed):
            folders[:] = [one for one in folders if not one.startswith(".")]
        return
    if glob.has_magic(folder):
        _look_into(folder)
    for one in glob.glob(folder) if glob.has_magic(folder) else [folder or "."]:
        try:
            if glob.has_magic(name):
                os.scandir(one).close()
            else:
                os.stat(os.path.join(one, name))
        except PermissionError as error:
            _not_listed(error)
        except OSError:
            # No folder, or nothing there: the pattern says which there are.
            continue


def _of_folder(name: str) -> str:
    return "a folder, where the pattern asks for files" if os.path.isdir(name) else "not a file"
