"""The tables of a data folder of Kaldi: `wav.scp`, `text`, `segments`, `utt2spk`, `spk2gender`.

A line is a name and what belongs to it (Kaldi, "Data preparation"). Kaldi lets a line of `wav.scp`
be a command whose output is the sound; here none is ever run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_IN_ARCHIVE = re.compile(r".*\.ark:\d+(?:\[.*\])?", re.DOTALL)


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording.

    Attributes:
        recording: Its name in `wav.scp`.
        start, end: Seconds, exactly as written; end of None: the recording's.
        channel: From 0; None: all.
    """

    recording: str
    start: Decimal
    end: Decimal | None
    channel: int | None


def as_path(entry: str) -> str:
    """The file that an entry of `wav.scp` names.

    Raises:
        ValueError: It names none, but a command or a place in a file.
    """
    entry = entry.strip()
    if entry.endswith("|") or entry.startswith("|"):
        raise ValueError("a command, and none is run: write its output to a sound file")
    if entry in ("", "-"):
        raise ValueError("no file is named")
    if _IN_ARCHIVE.fullmatch(entry):
        raise ValueError("a place in an archive of Kaldi, which is not read: write sound files")
    return entry


def as_segment(entry: str) -> Segment:
    """What stands behind a name in `segments`: recording, start, end, and maybe a channel.

    An end of -1 is the recording's (extract-segments.cc).

    Raises:
        ValueError: It is none, or ends before it begins.
    """
    parts = entry.split()
    if len(parts) not in (3, 4):
        raise ValueError(f"a segment of {len(parts)} parts, not recording, start and end")
    recording, first, last, *channel = parts
    numbers = all(_NUMBER.fullmatch(one) for one in (first, *([last] if last != "-1" else [])))
    if not numbers or not all(one.isdecimal() and len(one) < 4 for one in channel):
        raise ValueError(f"its times cannot be read: `{' '.join(parts[1:])[:60]}`")
    start, end = Decimal(first), None if last == "-1" else Decimal(last)
    if end is not None and end <= start:
        raise ValueError("it ends before it begins" if end < start else "it ends where it begins")
    return Segment(recording, start, end, int(channel[0]) if channel else None)
