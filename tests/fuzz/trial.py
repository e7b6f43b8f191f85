"""Inputs made of sound ones, and what a parser does with each: in a process that may die."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.parsers import Parser
from tilth.errors import TilthError

# What an input may take at most: seconds of the processor, and memory beside what was there.
MOST_S, MOST_BYTES = 5.0, 64 << 20
Make = Callable[[Sequence[bytes], int, int], bytes]
# Inputs are small; a bound that one of these breaks would break by far.
_MOST_INPUT = 1 << 16
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 31, (1 << 64) - 1)
_WORDS = (
    *(b"\0", b"\r", b"\n", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x1b$B", b"\xe2\x80\xae"),
    *(b"9" * 400, b"-1", b"1e999", b"NaN", b"null", b'"', b"'", b"\\ud800", b"[" * 300, b"{" * 300),
    *(
        b"<",
        b">",
        b"<!--",
        b"&#x110000;",
        b"&amp;",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]>",
        b"../",
        b"%00",
    ),
)


def changed(seeds: Sequence[bytes], number: int, seed: int) -> bytes:
    """The how manieth input: sound ones with one to six changes, or put together.

    Args:
        seeds: Sound inputs.
        number: Of the input.
        seed: Fixes what is drawn.
    """
    draw = random.Random(f"{seed} {number}")
    data = bytearray(draw.choice(seeds))
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        at = draw.randrange(len(data) + 1)
        end = min(len(data), at + draw.choice((1, 2, 4, 8, 64)))
        match draw.randrange(9):
            case 0 if at < len(data):
                data[at] ^= 1 << draw.randrange(8)
            case 1:
                data[at:end] = draw.randbytes(end - at)
            case 2:
                del data[at:end]
            case 3:
                del data[at:]
            case 4:
                data[at:at] = draw.choice(_WORDS)
            case 5:
                size = draw.choice((1, 2, 4, 8))
                wide = draw.choice(_NUMBERS) & ((1 << 8 * size) - 1)
                data[at : at + size] = wide.to_bytes(size, draw.choice(("little", "big")))
            case 6:
                data[at:at] = data[at:end] * draw.choice((2, 16, 300))
            case 7:
                other = draw.choice(seeds)
                data[at:] = other[draw.randrange(len(other) + 1) :]
            case _:
                data[at:end] = draw.choice(_WORDS)
    return bytes(data[:_MOST_INPUT])


@dataclass
class Found:
    """What a parser did with its inputs.

    Attributes:
        tried: How many.
        answered, refused: With a value; with an error that it says that it raises.
        wrong: Number of an input -> what it did that it may not do.
        most_s, most_bytes: The longest, and the most memory that one took.
    """

    tried: int = 0
    answered: int = 0
    refused: int = 0
    wrong: dict[int, str] = field(default_factory=dict)
    most_s: float = 0.0
    most_bytes: int = 0


def _peak() -> int:
    """The most memory that the process has held since `_forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def one(parser: Parser, data: bytes, folder: Path) -> tuple[bool, str]:
    """Whether a parser gave a value, and what is wrong with what it did; mostly nothing."""
    said: tuple[type[BaseException], ...] = (TilthError, *parser.raises)
    try:
        parser.parse(data, folder)
    except said:
        return False, ""
    except MemoryError as error:
        return False, f"MemoryError: {error}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return False, f"{type(error).__name__}: {error} ({place.name}:{place.lineno})"[:300]
    return True, ""


def tried(parser: Parser, numbers: range, seed: int, *, as_they_are: bool = False) -> Found:
    """What a parser does with so many inputs, each in a process that is forked for many.

    One that dies costs the input that it died of.

    Args:
        parser: It.
        numbers: Of the inputs.
        seed: Fixes what is drawn.
        as_they_are: The seeds are the inputs, and none is changed.
    """
    found, start = Found(), numbers.start
    make = (lambda seeds, number, _: seeds[number]) if as_they_are else changed
    while start < numbers.stop:
        read, write = os.pipe()
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            os.close(read)
            code = 1
            try:
                _child(parser, make, range(start, numbers.stop), seed, write)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(write)
        begun = start - 1
        for line in _lines(read):
            word, _, rest = line.partition(" ")
            if word == "b":
                begun = int(rest)
                continue
            _take(found, rest, begun)
        os.close(read)
        _, status = os.waitpid(pid, 0)
        if status == 0:
            break
        code = os.waitstatus_to_exitcode(status)
        if begun < start:
            raise RuntimeError(f"{parser.name}: it ended with {code} before any input")
        died = f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        found.wrong[begun] = f"the process {died}"
        found.tried += 1
        start = begun + 1
    return found


def _lines(read: int) -> Iterator[str]:
    with os.fdopen(os.dup(read), encoding="utf-8", errors="replace") as file:
        for line in file:
            yield line.rstrip("\n")


def _take(found: Found, line: str, number: int) -> None:
    answered, seconds, size, told = line.split(" ", 3)
    found.tried += 1
    found.most_s = max(found.most_s, float(seconds))
    found.most_bytes = max(found.most_bytes, int(size))
    if told:
        found.wrong[number] = told
    elif answered == "1":
        found.answered += 1
    else:
        found.refused += 1


def _child(parser: Parser, make: Make, numbers: range, seed: int, out: int) -> None:
    # What hangs is killed; what is only slow says so itself.
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    base = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    try:
        warm, seeds = base / "warm", parser.seeds()
        warm.mkdir()
        if make is changed:
            for data in seeds:
                one(parser, data, warm)
        for number in numbers:
            data = make(seeds, number, seed)
            folder = base / "one"
            folder.mkdir()
            os.write(out, f"b {number}\n".encode())
            _forget_peak()
            before, began = _peak(), time.process_time()
            signal.setitimer(signal.ITIMER_PROF, 10 * MOST_S)
            answered, told = one(parser, data, folder)
            signal.setitimer(signal.ITIMER_PROF, 0)
            seconds, size = time.process_time() - began, _peak() - before
            if not told and seconds > MOST_S:
                told = f"took {seconds:.1f} s"
            if not told and size > parser.cap + MOST_BYTES:
                told = f"took {size >> 20} MiB"
            told = " ".join(ascii(told)[1:-1].split()) if told else ""
            os.write(out, f"r {int(answered)} {seconds:.4f} {max(size, 0)} {told}\n".encode())
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def summary(name: str, found: Found) -> str:
    """A line of what a parser did."""
    causes = Counter(told.partition(":")[0] for told in found.wrong.values())
    wrong = ", ".join(f"{cause} {count}" for cause, count in causes.most_common())
    return (
        f"{name:34} {found.tried:6,} tried, {found.answered:6,} answered, {found.refused:6,} "
        f"refused, {len(found.wrong)} wrong{f' ({wrong})' if wrong else ''}; "
        f"at most {found.most_s:.2f} s, {found.most_bytes >> 20} MiB"
    )
