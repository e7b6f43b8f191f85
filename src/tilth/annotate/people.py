"""Annotators under pseudonyms: who is who is in one file of the ledger.

A pseudonym is a keyed digest of the name (BLAKE2b), so that the same person is the same in every
round, and without the key nobody can try names. The key is drawn once, and kept with the names.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pydantic import Field

from tilth.errors import DataError
from tilth.records import Record, read_file
from tilth.store.files import write_record

FILE: Final = "annotators.json"
_PREFIX: Final = "annotator-"
_BYTES: Final = 6


class People(Record):
    """The key, and who is called what.

    Attributes:
        key: 256 bits, in hex; empty: none was drawn yet.
        names: The names by pseudonym.
    """

    format: int = 1
    key: str = Field("", repr=False)
    names: dict[str, str] = Field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, folder: Path) -> People:
        """Those of a ledger; none where there are none yet.

        Raises:
            DataError: The file is damaged, or lacks its key.
        """
        path = folder / FILE
        if not path.is_file():
            return cls()
        found = read_file(cls, path, "the annotators of the ledger")
        if found.names and not found.key:
            raise DataError("the annotators of the ledger lack their key", where=str(path))
        return found

    def with_names(self, names: Iterable[str]) -> People:
        """With a pseudonym for each of these, and a key where there was none."""
        key = self.key or secrets.token_hex(32)
        digests = {_called(key, name): name for name in names}
        return self.model_copy(update={"key": key, "names": {**self.names, **digests}})

    def pseudonym(self, name: str) -> str:
        """What somebody is called, who is known."""
        return _called(self.key, name)

    def write(self, folder: Path) -> None:
        """Put them into the ledger, for its owner's eyes alone.

        Raises:
            StorageError: The disk is full or the folder cannot be written.
        """
        write_record(folder / FILE, self)
        os.chmod(folder / FILE, 0o600)


def _called(key: str, name: str) -> str:
    digest = hashlib.blake2b(
        name.encode("utf-8", "surrogatepass"), digest_size=_BYTES, key=bytes.fromhex(key)
    )
    return _PREFIX + digest.hexdigest()
