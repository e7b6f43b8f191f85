"""A folder to export to at any address that fsspec knows a writer for (`az://`, `hf://`, ...).

`s3://` and `gs://` have more: see `tilth.web.objects`. Here a file counts as put when the place
says that it has as many bytes, and nothing is tried again. The package of a scheme is the user's
choice, and its keys lie where it looks for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final

from tilth.errors import DataError, MissingError, TilthError, UsageError, words_of
from tilth.web.secrets import masked
from tilth.web.stores import scheme_of, shown

# Hidden, so that who reads the folder takes it for none of its files.
NOTE: Final = ".tilth-export.json"
MAX_NOTE: Final = 64 << 20
_READ_ONLY: Final = ("http", "https")
# Schemes that are written to, and the package of each. What else fsspec knows is a chain of
# addresses, reads only, or asks a host before it is said that it may.
_PACKAGES: Final = {
    **dict.fromkeys(("az", "abfs", "abfss"), "adlfs"),
    "hf": "huggingface_hub",
    "memory": "fsspec",
}


class Folder:
    """A folder of a file system of fsspec.

    Args:
        fs: The file system.
        root: The folder in it.
        to: Its address, for messages.
    """

    def __init__(self, fs: Any, root: str, to: str) -> None:
        self._fs = fs
        self._root = root.rstrip("/")
        self._to = to

    def check_is_free(self) -> None:
        """See `tilth.query.export_to_store.Far`."""
        with _asked(self._to, "read"):
            if self._fs.isfile(self._root):
                raise UsageError(
                    "a file has the name of a folder to export to, and nothing is overwritten",
                    where=shown(self._to),
                    hint="name another folder",
                    code="exists",
                )

    def names(self) -> set[str]:
        """See `tilth.query.export_to_store.Far`."""
        with _asked(self._to, "read"):
            self._fs.invalidate_cache()
            try:
                found = self._fs.find(self._root)
            except FileNotFoundError:
                return set()
            return {str(PurePosixPath(one).relative_to(self._root)) for one in found}

    def note(self, work: Path) -> Path | None:
        """See `tilth.query.export_to_store.Far`."""
        at, path = f"{self._root}/{NOTE}", work / NOTE
        with _asked(self._to, "read"):
            if self._fs.info(at)["size"] > MAX_NOTE:
                return None
            work.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._fs.cat_file(at))
        return path

    def put(self, path: Path, name: str) -> None:
        """See `tilth.query.export_to_store.Far`."""
        at = f"{self._root}/{name}"
        with _asked(self._to, "written"):
            # Many places have no folders but in names.
            with suppress(NotImplementedError):
                self._fs.makedirs(at.rpartition("/")[0], exist_ok=True)
            self._fs.put_file(str(path), at)
            self._fs.invalidate_cache()
            if self._fs.info(at)["size"] != path.stat().st_size:
                raise DataError(
                    "what was put is not what is there now",
                    where=f"{shown(self._to)}: {name}",
                    code="digest",
                )


def folder_of(to: str) -> Folder:
    """The folder at an address.

    Raises:
        UsageError: Nothing knows such addresses, or they can only be read.
        MissingError: The package that knows them is not installed.
    """
    scheme = scheme_of(to) or ""
    if scheme in _READ_ONLY:
        raise UsageError(
            f"`{scheme}://` can only be read, and nothing can be exported to it",
            where=shown(to),
            hint="name a folder, or a store, as `s3://bucket/folder`",
            code="read-only",
        )
    if scheme not in _PACKAGES:
        raise UsageError(
            f"`{scheme}://` is no store that is known: s3://, gs://, "
            f"{', '.join(f'{one}://' for one in _PACKAGES)} and file:// are written to",
            where=shown(to),
            hint="export to a folder, and copy that",
            code="address",
        )
    try:
        import fsspec

        fs, root = fsspec.core.url_to_fs(to)
    except ImportError:
        package = _PACKAGES[scheme]
        raise MissingError(
            f"`{scheme}://` needs the package `{package}`, which is not installed",
            where=shown(to),
            hint=f"pip install {package}",
            code="missing-extra",
        ) from None
    except Exception as error:
        raise _failed(error, to, "reached") from error
    return Folder(fs, root, to)


@contextmanager
def _asked(to: str, verb: str) -> Iterator[None]:
    """What goes wrong at the place is an error that names it."""
    try:
        yield
    except TilthError:
        raise
    except NotImplementedError as error:
        raise UsageError(
            f"`{scheme_of(to)}://` cannot be {verb} by its package",
            where=shown(to),
            hint="export to a folder, and copy that",
            code="read-only",
        ) from error
    # Each package raises what its own library does.
    except Exception as error:
        raise _failed(error, to, verb) from error


def _failed(error: Exception, to: str, verb: str) -> MissingError:
    told = masked(words_of(error))[:300] or type(error).__name__
    return MissingError(
        f"could not be {verb}: {told}",
        where=shown(to),
        hint="run it again: what is there already stays",
        code="unreachable",
    )
