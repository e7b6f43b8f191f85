"""What the lists of a speech corpus say of its sounds, whatever its layout.

A list is in memory while it is read; of what it says, what rows are made of stays until its sound
is met.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Protocol

from tilth.context import Context, PassesOver
from tilth.decode.text import UndecodableError, decode_text, in_utf8
from tilth.errors import DataError
from tilth.foreign import visible
from tilth.formats.streams import any_ends
from tilth.hints import closest
from tilth.reading.records import SPLITS, RecordError
from tilth.reading.whole_sound import SUFFIXES
from tilth.schema import Row

# What a line of a list may have.
MAX_LINE_BYTES: Final = 1 << 16
NO_SOUND: Final = "a transcript whose sound is not there"
NO_WORDS: Final = "its transcript is empty"
# Why a sound of which no list says anything is no sample, and whether it is one that is lacking.
UNLISTED: Final = ("no list says what is said in it", True)
OTHERWISE: Final = "a line that says of a speaker what another line does not"
LEFT_OUT: Final = "of a part that `parts` leaves out"
OF_NO_LAYOUT: Final = "a further file of the corpus: no sound and no list of its layout"


@dataclass(frozen=True)
class Listing:
    """A list of a corpus.

    Attributes:
        name: Its path inside the corpus.
        uri: How the user would name it.
        data: Its bytes.
    """

    name: str
    uri: str
    data: bytes

    @property
    def folder(self) -> str:
        """Where it lies, with the slash; empty: at the top."""
        return self.name[: self.name.rfind("/") + 1]

    @property
    def base(self) -> str:
        """Its name in its folder."""
        return self.name[len(self.folder) :]

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Its lines less what ends them (LF, CR LF or CR), each with its place; blank ones are left
        out."""
        for number, line in enumerate(io.BytesIO(any_ends(in_utf8(self.data))), start=1):
            line = line.removesuffix(b"\n")
            if line.strip():
                yield f"{self.uri}:{number}", line


@dataclass(frozen=True)
class Given:
    """What a layout is read of.

    Attributes:
        listings: Its lists, in the order of the corpus.
        sounds: Paths inside the corpus of its sounds, in the same order.
        place: The corpus, as the user names it.
        root: Its folder; empty: it is none, but an archive.
        parts: Those that the recipe names; empty: it names none.
        context: Told of what is passed over.
    """

    listings: Sequence[Listing]
    sounds: Sequence[str]
    place: str
    root: str
    parts: tuple[str, ...]
    context: Context


@dataclass(frozen=True, slots=True)
class Time:
    """A stretch of a recording: seconds, exactly as written; end of None: the recording's."""

    start: Decimal
    end: Decimal | None
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a list says of a sound, or of a stretch of one.

    Attributes:
        place: File and line.
        row: The columns, but for the sound.
        error: Why there is no sample of it.
        time: The stretch; None: the whole sound.
        name: What makes it another than the sound's other ones.
    """

    place: str
    row: Row
    error: str = ""
    time: Time | None = None
    name: str = ""

    def said(self) -> Said:
        """It, which is known already."""
        return self


class Entry(Protocol):
    """What will be known of a sound when it is met."""

    @property
    def place(self) -> str: ...

    def said(self) -> Said: ...


@dataclass
class Corpus:
    """What was found in the lists.

    Attributes:
        key: Of a sound's path, by which lists know it.
        without: Of a sound of which no list says anything: why, and whether it belongs to the
            corpus all the same, and is quarantined.
        faults: Lines that say nothing of any sound: place and cause.
    """

    key: Callable[[str], str]
    without: Callable[[str], tuple[str, bool]] = lambda _: UNLISTED
    faults: list[tuple[str, str]] = field(default_factory=list)
    _said: dict[str, Entry | list[Entry]] = field(default_factory=dict)

    def add(self, key: str, said: Entry) -> None:
        """A list says something of a sound."""
        before = self._said.get(key)
        if before is None:
            self._said[key] = said
        elif isinstance(before, list):
            before.append(said)
        else:
            self._said[key] = [before, said]

    def first(self, key: str) -> Entry | None:
        """What was said first of a sound."""
        found = self._said.get(key)
        return found[0] if isinstance(found, list) else found

    def keys(self) -> set[str]:
        """Of the sounds that are listed."""
        return set(self._said)

    def of(self, name: str) -> list[Said]:
        """What is said of a sound, by its path; several that are not stretches are a fault."""
        found = self._said.get(self.key(name), [])
        several = [one.said() for one in (found if isinstance(found, list) else [found])]
        whole = [said for said in several if said.time is None]
        if len(whole) > 1:
            error = f"it is listed twice: {whole[0].place} and {whole[1].place}"
            return [Said(whole[0].place, whole[0].row, error)]
        return several

    def tell_lost(self, sounds: Iterable[str], passes_over: PassesOver) -> None:
        """Pass over what is said of sounds that are not there."""
        there = {self.key(name) for name in sounds}
        for key, said in self._said.items():
            if key not in there:
                for one in said if isinstance(said, list) else [said]:
                    passes_over(one.place, NO_SOUND)

    def require_some(self, what: str) -> None:
        """Lists of which not one line can be read are not of this layout.

        Raises:
            DataError: So it is.
        """
        if self.faults and not self._said:
            place, cause = self.faults[0]
            raise DataError(
                f"not one line is {what}: {cause}",
                where=place,
                hint="check `layout`, and that the file is whole",
                code="columns",
            )


def require_parts(wanted: Iterable[str], there: Iterable[str], where: str) -> None:
    """What a recipe names is a part of the corpus.

    Raises:
        DataError: One is none.
    """
    known = sorted(set(there))
    for part in wanted:
        if part not in known:
            near = closest(part, known)
            raise DataError(
                f"`parts` names `{part}`, which the corpus has not",
                where=where,
                hint=(f"did you mean `{near}`? " if near is not None else "")
                + f"there are {', '.join(map(visible, known[:20])) or 'none'}",
                code="unknown-name",
            )


def agreed(
    lines: Iterable[tuple[str, str, Row]], passes_over: PassesOver
) -> dict[str, tuple[str, Row]]:
    """What lines say of speakers. Those that say otherwise of one are passed over, each of them.

    Args:
        lines: Place, speaker, and what is said.
        passes_over: Told of lines.

    Returns:
        Speaker -> the first place, and what is said.
    """
    found: dict[str, tuple[list[str], Row]] = {}
    unclear: set[str] = set()
    for place, name, said in lines:
        places, before = found.setdefault(name, ([], said))
        places.append(place)
        if before != said:
            unclear.add(name)
    for name in sorted(unclear):
        for place in found.pop(name)[0]:
            passes_over(place, OTHERWISE)
    return {name: (places[0], said) for name, (places, said) in found.items()}


def part_of(uri: str, depth: int) -> str:
    """The name of the folder so many levels above a list; empty: none that is a name."""
    folders = uri.replace(":", "/").split("/")
    part = folders[-depth - 1] if len(folders) > depth else ""
    return "" if part in (".", "..", "~") else part


def text_of(data: bytes) -> str:
    """A line, or a part of one.

    Raises:
        RecordError: It is too long, or not UTF-8.
    """
    if len(data) > MAX_LINE_BYTES:
        raise RecordError(f"a line of more than {MAX_LINE_BYTES:,} bytes")
    try:
        return decode_text(data)
    except UndecodableError as error:
        raise RecordError(str(error)) from None


def split_name(line: bytes) -> tuple[str, bytes]:
    """The name at the beginning of a line, and what stands behind the blanks after it.

    Raises:
        RecordError: There is no name to be read.
    """
    name, *rest = line.split(None, 1)
    return text_of(name), rest[0] if rest else b""


def transcript(data: bytes) -> tuple[str, str]:
    """What is said, blanks as one; and what is wrong with it."""
    try:
        text = " ".join(text_of(data).split())
    except RecordError as error:
        return "", str(error)
    return text, "" if text else NO_WORDS


def composed(name: str) -> str:
    """A name in one spelling: some systems keep `é` as a letter and its accent (UAX #15, NFC)."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def stem(name: str) -> str:
    """A path without the ending of a sound's name."""
    name = composed(name)
    lower = name.lower()
    ending = next((one for one in SUFFIXES if lower.endswith(one)), "")
    return name[: len(name) - len(ending)]


def split_of(part: str) -> str | None:
    """The split of a part of a corpus, as `dev-clean`, by its first word; None: it names none."""
    return SPLITS.get(re.split(r"[-_. ]", part.lower(), maxsplit=1)[0])
