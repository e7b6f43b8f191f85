"""A run's own copy of its extensions: what its workers import, and whoever asks its model later.

The user's folder may be edited while a run goes on, or be elsewhere when its model is asked; a node
of a cluster may not see it at all. The run's folder is there for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tilth.errors import TilthError
from tilth.extensions import Extension, Reference, open_reference
from tilth.records import Record
from tilth.store.files import atomic_folder

FOLDER = "extensions"


class Named(Record):
    """An extension as a run's record has it: its name, and SHA-256 of what is in it."""

    name: str
    digest: str


def named(extensions: Iterable[Extension]) -> tuple[Named, ...]:
    """What a run's record says of extensions."""
    return tuple(Named(name=one.name, digest=one.digest) for one in extensions)


def keep_copies(extensions: Iterable[Extension], folder: Path) -> tuple[Reference, ...]:
    """Copy extensions into a run's folder, where they are not; what workers open them by.

    Raises:
        StorageError: The folder cannot be written.
    """
    return tuple(_kept(extension, folder) for extension in extensions)


def open_copies(extensions: Iterable[Named], folder: Path) -> tuple[Extension, ...]:
    """The extensions that a run was made with.

    Raises:
        MissingError: A copy is not there.
        DataError: One was changed.
    """
    return tuple(open_reference(_reference(one, folder)) for one in extensions)


def _kept(extension: Extension, folder: Path) -> Reference:
    (name,) = named([extension])
    reference = _reference(name, folder)
    try:
        open_reference(reference)
    except TilthError:
        with atomic_folder(reference.folder) as aside:
            for source in extension.sources.values():
                path = aside / source.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(source.data)
    return reference


def _reference(one: Named, folder: Path) -> Reference:
    where = folder / FOLDER / f"{one.name}-{one.digest[:16]}"
    return Reference(name=one.name, digest=one.digest, folder=where.absolute())
