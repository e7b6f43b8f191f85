"""Which of the things that a step reads outside are others now; no name of a file is kept for it.

An operation's fingerprint has one of them a line, or between null characters. Beside what a step
made stand digests of them: of the whole, by which it is known, and of each its name and the line.
"""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path
from typing import Final

from tilth.engine.share import shareable_address
from tilth.recipe.identity import digest_of_outside
from tilth.store.files import write_bytes

OUTSIDE: Final = "outside"
_WHOLE: Final = 32
_SIZE: Final = 8
# Of more nobody reads which they are, and a step keeps 16 bytes of each.
_MOST: Final = 200_000
_NAMED: Final = 2
# Of the digest over all of them, at the end, which earlier versions did not write.
_SEAL: Final = 8
_BETWEEN: Final = re.compile(r"[\n\0]")
# `'name' 'uri' digest`, as sources write it, or a name and a digest.
_QUOTED: Final = re.compile(r"""('(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+")""")
_CONTENT: Final = re.compile(r" [0-9a-f]{32,64}$")
_MOST_SHOWN: Final = 60


def keep_outside(folder: Path, fingerprint: str | None) -> None:
    """Keep what a step read, beside what it made; nothing, where nobody will ask for it.

    Args:
        folder: Of what the step made.
        fingerprint: Of its operation, as it was made.
    """
    lines = _BETWEEN.split(fingerprint) if fingerprint else []
    if 0 < len(lines) <= _MOST:
        assert fingerprint is not None
        parts = [_digest(part) for line in lines for part in (_name(line), line)]
        data = b"".join([bytes.fromhex(digest_of_outside(fingerprint)), *parts])
        write_bytes(folder / OUTSIDE, data + _seal_of(data))


def is_sound(folder: Path) -> bool:
    """Whether what is kept is as it was written, or nothing is."""
    return not (folder / OUTSIDE).is_file() or _read(folder) is not None


def _read(folder: Path) -> tuple[str, bytes] | None:
    """The digest of the whole, and those of its parts."""
    try:
        data = (folder / OUTSIDE).read_bytes()
    except OSError:
        return None
    size = len(data) - _WHOLE
    if size % (2 * _SIZE) == _SEAL and size > 0:
        data, seal = data[:-_SEAL], data[-_SEAL:]
        if _seal_of(data) != seal:
            return None
    elif size < 0 or size % (2 * _SIZE):
        return None
    return data[:_WHOLE].hex(), data[_WHOLE:]


def _seal_of(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_SEAL).digest()


def what_changed(folder: Path, digest: str, fingerprint: str) -> str:
    """What of it is another than when a step was made, in a few words; empty: nobody knows.

    Args:
        folder: Of what was made then.
        digest: What was kept of the fingerprint then: its SHA-256.
        fingerprint: Of the operation now.
    """
    found = _read(folder)
    if found is None or found[0] != digest:
        return ""
    kept = found[1]
    pieces = [kept[at : at + _SIZE] for at in range(0, len(kept), _SIZE)]
    before = dict(zip(pieces[::2], pieces[1::2], strict=True))
    new, others = [], []
    for line in _BETWEEN.split(fingerprint) if fingerprint else []:
        known = before.pop(_digest(_name(line)), None)
        if known is None:
            new.append(line)
        elif known != _digest(line):
            others.append(line)
    told = [_told(others, "changed"), _told(new, "new")]
    if before:
        told.append(f"{len(before):,} gone")
    return ", ".join(filter(None, told)) or "in another order"


def _told(lines: list[str], what: str) -> str:
    if not lines:
        return ""
    names = ", ".join(f"`{_shown(line)}`" for line in lines[:_NAMED])
    more = f" and {len(lines) - _NAMED:,} more" if len(lines) > _NAMED else ""
    return f"{names}{more} {what}"


def _name(line: str) -> str:
    """All of a line but the content: what it is known by, though it holds something else now."""
    return line.rsplit(" ", 1)[0] if _QUOTED.match(line) else _CONTENT.sub("", line)


def _shown(line: str) -> str:
    quoted = _QUOTED.match(line)
    name = str(ast.literal_eval(quoted[1])) if quoted else _name(line)
    text = shareable_address(name)
    return text if len(text) <= _MOST_SHOWN else f"...{text[3 - _MOST_SHOWN :]}"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_SIZE]
