"""A process of its own for what reads documents: bounded in time and memory, replaced when it ends.

PDFium and the like are written in languages in which a hostile file may do anything, and cannot be
interrupted from Python. So they run here: whatever a document does to them costs that document.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import IO, Any, Final, NoReturn

from tilth.errors import NotReadError, RecordError

# Processor time of one document, and wall-clock where a process only waits.
SECONDS: Final = 60
_PATIENCE: Final = 10
MEMORY: Final = 2 << 30
# What is said at once by who reads, at most: a page, a row.
_MAX_PIECE: Final = 1 << 28
# What is told at a time: each page by itself would wake both processes, a third of the time.
_TOLD: Final = 1 << 16

# A reader gives pieces that JSON can hold, the first at once.
Reader = Callable[[bytes, int], Iterator[Any]]
READERS: Final[Mapping[str, str]] = {
    "pdf": "tilth.formats.pdf",
    "docx": "tilth.formats.docx",
    "epub": "tilth.formats.epub",
    "sheets": "tilth.formats.sheets",
}


class Apart:
    """The process, which is started with the first document and again after one that ended it.

    Args:
        seconds: Processor time that one document may take.
        memory: Bytes that the process may have.
    """

    def __init__(self, seconds: int = SECONDS, memory: int = MEMORY) -> None:
        self._seconds, self._memory = seconds, memory
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, kind: str, data: bytes, max_bytes: int) -> Iterator[Any]:
        """What the reader of a kind gives for a document, piece by piece.

        Args:
            kind: A key of `READERS`.
            data: The document.
            max_bytes: What its text may have, for the reader.

        Raises:
            RecordError: It is damaged, too long, or took too much time or memory.
            NotReadError: It is locked.
        """
        process = self._started()
        is_done = False
        try:
            yield from self._pieces(process, kind, data, max_bytes)
            is_done = True
        except RecordError:
            is_done = process.poll() is None
            raise
        finally:
            # What was not heard to its end would be taken for the next one's.
            if not is_done:
                self.close()

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(OSError):
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        paths = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tilth.formats.apart import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        )
        return self._process

    def _pieces(
        self, process: subprocess.Popen[bytes], kind: str, data: bytes, max_bytes: int
    ) -> Iterator[Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        asked = {
            "kind": kind,
            "size": len(data),
            "max_bytes": max_bytes,
            "seconds": self._seconds,
            "memory": self._memory,
        }
        try:
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.write(data)
            process.stdin.flush()
        except OSError:
            raise self._ended(process) from None
        heard = bytearray()
        while True:
            piece = self._piece(process, process.stdout, heard)
            if "piece" in piece:
                yield piece["piece"]
            elif "cause" in piece:
                raise (NotReadError if piece["left"] else RecordError)(piece["cause"])
            else:
                return

    def _piece(
        self, process: subprocess.Popen[bytes], stream: IO[bytes], heard: bytearray
    ) -> Mapping[str, Any]:
        size = int.from_bytes(self._exactly(process, stream, heard, 8), "little")
        if size > _MAX_PIECE:
            self.close()
            raise RecordError(f"a page or row of {size:,} bytes")
        found: Mapping[str, Any] = json.loads(self._exactly(process, stream, heard, size))
        return found

    def _exactly(
        self, process: subprocess.Popen[bytes], stream: IO[bytes], heard: bytearray, size: int
    ) -> bytes:
        """So many bytes off the front of what was heard, and of what is still to come."""
        deadline = time.monotonic() + self._seconds * _PATIENCE
        while len(heard) < size:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                self.close()
                raise RecordError(f"not read within {self._seconds * _PATIENCE} s")
            data = os.read(stream.fileno(), _TOLD)
            if not data:
                raise self._ended(process)
            heard += data
        found = bytes(heard[:size])
        del heard[:size]
        return found

    def _ended(self, process: subprocess.Popen[bytes]) -> RecordError:
        status = process.wait()
        if status == -signal.SIGXCPU:
            return RecordError(f"takes more than {self._seconds} s of processor time")
        return RecordError(
            f"the library that reads it broke off ({_signal_of(status)}): it is damaged, or needs "
            f"more than {self._memory >> 20:,} MB"
        )


def _signal_of(status: int) -> str:
    with suppress(ValueError):
        return signal.Signals(-status).name
    return f"exit {status}"


def serve() -> NoReturn:
    """What the process does: one document after another, until nobody asks."""
    stdin, out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb", buffering=_TOLD)
    # Whatever a library prints is no answer.
    os.dup2(2, 1)
    while line := stdin.readline():
        asked = json.loads(line)
        data = stdin.read(asked["size"])
        if len(data) < asked["size"]:
            break
        _bound(asked["seconds"], asked["memory"])
        _answer(out, asked["kind"], data, asked["max_bytes"])
        out.flush()
    # Libraries that tidy up at their end may take long over it.
    os._exit(0)


def _bound(seconds: int, memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime) + 1
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    limit = spent + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit if most < 0 else min(limit, most), most))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    with suppress(ValueError, OSError):  # macOS knows no such limit.
        resource.setrlimit(resource.RLIMIT_AS, (memory if most < 0 else min(memory, most), most))


def _answer(out: IO[bytes], kind: str, data: bytes, max_bytes: int) -> None:
    try:
        for piece in import_module(READERS[kind]).read(data, max_bytes):
            _say(out, {"piece": piece})
        _say(out, {})
    except NotReadError as error:
        _say(out, {"cause": str(error), "left": True})
    except RecordError as error:
        _say(out, {"cause": str(error), "left": False})
    except MemoryError:
        _say(out, {"cause": "needs more memory than it may", "left": False})
    except RecursionError:
        _say(out, {"cause": "nested too deeply", "left": False})
    except Exception as error:
        # Whatever a document does to a library costs that document alone.
        cause = f"damaged: {type(error).__name__}: {error}"[:200]
        _say(out, {"cause": cause, "left": False})


def _say(out: IO[bytes], what: Mapping[str, Any]) -> None:
    data = json.dumps(what).encode()
    out.write(len(data).to_bytes(8, "little"))
    out.write(data)
