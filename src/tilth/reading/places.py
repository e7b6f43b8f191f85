"""What lies in an archive, place by place, by names that a record may have.

One walk for every source: what a member is called, which of two of one name counts, what is hidden
and what cannot be used is decided here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from tilth.context import PassesOver
from tilth.foreign import visible
from tilth.formats import archive
from tilth.formats.archive import Entry
from tilth.formats.streams import SourceFile

# Also as Windows has it.
_ABSOLUTE: Final = re.compile(r"/|[A-Za-z]:/")


@dataclass(frozen=True)
class Inside:
    """One place of an archive.

    Attributes:
        name: Its path inside, as of `plain`; empty where its header is damaged.
        uri: How the user would name it: archive:name.
        entry: What stands there.
        wrong: Why its name is none that a record may have; empty: it is one.
    """

    name: str
    uri: str
    entry: Entry
    wrong: str


def inside(
    file: SourceFile,
    max_bytes: int,
    refuses: Callable[[str], str],
    passes_over: PassesOver,
    kind: Literal["tar", "zip"] | None = None,
) -> Iterator[Inside]:
    """The members of an archive in its order, and its damaged places.

    Args:
        file, max_bytes, kind: As of `archive.read_entries`.
        refuses: Why a member of a name is left out; empty: it is not.
        passes_over: Told of those.

    Raises:
        DataError, MissingError: As of `archive.read_entries`.
    """
    times: Counter[str] = Counter()
    for entry in archive.read_entries(file, max_bytes, kind):
        name = plain(entry.name)
        uri = f"{file.uri}:{visible(name) or entry.place}"
        if name and (reason := refuses(name)):
            passes_over(uri, reason)
            continue
        times[name] += 1
        wrong = wrong_with(name)
        if name and not wrong and times[name] > 1:
            uri, wrong = f"{uri} ({times[name]})", "a second member of this name"
        yield Inside(name, uri, entry, wrong)


def plain(name: str) -> str:
    """A path without the parts that lead nowhere: `./`, as `tar` writes it where it packs a folder
    from within, and a second slash.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return "/" * name.startswith("/") + "/".join(parts)


def is_hidden(name: str) -> bool:
    """Whether a path inside, with forward slashes, is that of a hidden file or lies in a folder
    that is hidden.
    """
    return any(part.startswith(".") and part not in (".", "..") for part in name.split("/"))


def wrong_with(name: str) -> str:
    """Why a path inside cannot be the name of a record; empty: it can.

    A name is never opened; but whoever exports or serves the records by it should not be led away.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if _ABSOLUTE.match(name) or ".." in name.split("/"):
        return "its name leads out of the archive"
    return ""
