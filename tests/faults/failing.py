"""The N-th open, write, fsync, rename, unlink, truncate of a run fails, as a disk's would.

Calls are counted that Python makes for files below the run's folder; those that libraries make in
C (SQLite, safetensors, arrays that are mapped) are met by `surroundings`, whose disk is full.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT)
# What needs no room goes on where the disk is full.
_NEEDS_ROOM = frozenset(("write", "create", "mkdir", "fsync", "rename"))
# What a folder that may only be read refuses.
_CHANGES = _NEEDS_ROOM | {"unlink", "rmdir", "truncate"}
# Of these a disk that is full says nothing.
_NEVER_FULL = frozenset(("unlink", "rmdir", "read"))


@dataclass(frozen=True)
class Fault:
    """What fails.

    Attributes:
        number: The how manieth call, from 1; 0: none, they are counted.
        error: `errno`'s.
        lasting: Whether all that needs room fails from then on.
    """

    number: int = 0
    error: int = errno.EIO
    lasting: bool = False

    def __str__(self) -> str:
        lasting = " and all after it" if self.lasting else ""
        return f"call {self.number}{lasting}: {errno.errorcode[self.error]}"


def drawn(seed: int, kind: str, step: str, number: int) -> Fault:
    """The fault of a call of a step."""
    chance = random.Random(f"{seed} {kind} {step} {number}")
    error = chance.choice(ERRORS)
    lasting = error != errno.EIO and chance.random() < 0.5
    return Fault(number, error, lasting)


@dataclass
class Calls:
    """Counts calls, and lets one fail.

    Attributes:
        fault: Which.
        run: Below which folder.
        told: Where each call is written, a line each.
    """

    fault: Fault
    run: Path
    told: int = -1
    count: int = 0
    _root: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self._root = os.path.abspath(self.run)

    def meets(self, what: str, path: Any = "", *, known: bool = False) -> None:
        """A call is about to be made.

        Args:
            what: It does.
            path: To what.
            known: The file is one of the run's.

        Raises:
            OSError: It is the one.
        """
        if not known and not self.is_ours(path):
            return
        self.count += 1
        fails = self.count == self.fault.number
        if self.fault.lasting and self.fault.number and self.count > self.fault.number:
            fails = what in (_CHANGES if self.fault.error == errno.EROFS else _NEEDS_ROOM)
        error = self.fault.error
        if what in _NEVER_FULL and error != errno.EROFS:
            error = errno.EIO
        if self.told >= 0:
            name = os.path.relpath(path, self._root) if path else ""
            os.write(self.told, f"{what} {name}\n".encode("utf-8", "replace"))
        if fails:
            raise OSError(error, os.strerror(error), os.fspath(path) if path else None)

    def is_ours(self, path: Any) -> bool:
        """Whether a path leads below the run's folder."""
        if not isinstance(path, str | os.PathLike):
            return False
        whole = os.path.abspath(os.fspath(path))
        return isinstance(whole, str) and (whole + "/").startswith(self._root + "/")


class _Raw(io.FileIO):
    """A file whose writes are counted."""

    calls: Calls

    def write(self, data: Any) -> int:
        self.calls.meets("write", self.name, known=True)
        return super().write(data)

    def truncate(self, size: int | None = None) -> int:
        self.calls.meets("truncate", self.name, known=True)
        return super().truncate(size)


def install(calls: Calls) -> None:
    """Let the calls of this process go by way of `calls`, for good."""
    patch = pytest.MonkeyPatch()
    plain_open = builtins.open

    def opened(
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        plain = (mode, buffering, encoding, errors, newline, closefd, opener)
        if not calls.is_ours(file):
            return plain_open(file, *plain)
        writes = bool(set(mode) & set("wxa+"))
        calls.meets("create" if writes else "read", file)
        if not writes:
            return plain_open(file, *plain)
        raw = _Raw(os.fspath(file), mode.replace("b", "").replace("t", ""), closefd, opener)
        raw.calls = calls
        if buffering == 0:
            return raw
        buffered: Any = (io.BufferedRandom if "+" in mode else io.BufferedWriter)(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)

    patch.setattr(builtins, "open", opened)
    patch.setattr(io, "open", opened)

    def watched(what: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *given: Any, **named: Any) -> Any:
            # Of a name in an open folder, as `shutil.rmtree` has it, the folder was opened here.
            calls.meets(what, path, known=named.get("dir_fd") is not None)
            return plain(path, *given, **named)

        return call

    for name, what in {
        "replace": "rename",
        "rename": "rename",
        "unlink": "unlink",
        "remove": "unlink",
        "rmdir": "rmdir",
        "mkdir": "mkdir",
        "truncate": "truncate",
    }.items():
        patch.setattr(os, name, watched(what, getattr(os, name)))
    plain_os_open = os.open

    def os_open(path: Any, flags: int, *given: Any, **named: Any) -> int:
        if named.get("dir_fd") is None:
            calls.meets("create" if flags & os.O_CREAT else "read", path)
        return plain_os_open(path, flags, *given, **named)

    patch.setattr(os, "open", os_open)

    def fsync(_: int) -> None:
        # No power is cut here: that it may fail is what counts.
        calls.meets("fsync", known=True)

    patch.setattr(os, "fsync", fsync)
