"""What Tilth's own modules are as code, remembered beside what Python compiles them to.

Reading their syntax takes a second of every plan, and they change when Tilth does.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import sys
import time
from functools import cache
from pathlib import Path
from typing import Final

from tilth import syntax
from tilth.errors import StorageError
from tilth.syntax import digest_of, imported

_PACKAGE: Final = Path(syntax.__file__).parent
# A file that is just being written may get other content under the same times.
_SETTLED_NS: Final = 2_000_000_000

# Size and times of a module, its digest in hex, what it imports.
_Entry = tuple[list[int], str, list[str]]


def parsed(path: Path) -> tuple[bytes, list[str]]:
    """The digest of a module's code, and what it imports.

    Args:
        path: Its file, of Tilth or another.
    """
    if not path.is_relative_to(_PACKAGE):
        return _read(path)
    return _memo().find(path)


def remember() -> None:
    """Keep for later processes what this one has parsed."""
    if not sys.dont_write_bytecode:
        _memo().save()


def _read(path: Path) -> tuple[bytes, list[str]]:
    source = path.read_bytes()
    own = path.is_relative_to(_PACKAGE)
    return digest_of(source, declares=own), [*imported(ast.parse(source), "")]


@cache
def _memo() -> Memo:
    return Memo(_PACKAGE / "__pycache__" / f"parsed.{sys.implementation.cache_tag}.json")


class Memo:
    """Modules that were read before, in this process or in another.

    Args:
        file: Where they are kept. One that is not there, or is no such file, holds none; one that
            cannot be written is not.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        # Another way of reading modules gives other digests.
        self._head = digest_of(Path(syntax.__file__).read_bytes()).hex()
        self._known = self._load()
        self._waits = False

    def find(self, path: Path) -> tuple[bytes, list[str]]:
        """As `parsed`."""
        name, state = str(path), _state_of(path)
        known = self._known.get(name)
        if known is not None and known[0] == state:
            return bytes.fromhex(known[1]), known[2]
        digest, imports = _read(path)
        if time.time_ns() - max(state[1:3]) > _SETTLED_NS:
            self._known[name] = (state, digest.hex(), imports)
            self._waits = True
        return digest, imports

    def save(self) -> None:
        """Write down what was read since it was last written."""
        if not self._waits:
            return
        self._waits = False
        # The room loads pyarrow, which a check of a recipe need not.
        from tilth.store.files import write_bytes

        data = json.dumps({"head": self._head, "modules": self._known}).encode()
        with contextlib.suppress(OSError, StorageError):
            write_bytes(self._file, data)

    def _load(self) -> dict[str, _Entry]:
        try:
            found = json.loads(self._file.read_bytes())
            if found["head"] != self._head:
                return {}
            return {
                str(name): ([int(one) for one in state], str(digest), [str(one) for one in imports])
                for name, (state, digest, imports) in found["modules"].items()
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}


def _state_of(path: Path) -> list[int]:
    found = os.stat(path)
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
