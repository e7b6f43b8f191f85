"""Paths as robots.txt writes them: beginnings, with `*` for anything and `$` for the end."""

from __future__ import annotations

from typing import Generic, TypeVar

from tilth.web.urls import escaped

_Said = TypeVar("_Said")


class Patterns(Generic[_Said]):
    """What is said of paths; of the patterns that fit the longest decides (RFC 9309, 2.2.2).

    Neither adding nor asking compares anything twice: a pattern costs its length, a path its own
    and, for each pattern with a `*` in it, at most its own again.
    """

    def __init__(self) -> None:
        self._plain: dict[str, tuple[bool, _Said]] = {}
        self._wild: dict[str, tuple[bool, _Said]] = {}
        self._lengths: list[int] | None = None
        self._parts: list[tuple[int, bool, list[str], bool, _Said]] = []

    def __bool__(self) -> bool:
        return bool(self._plain or self._wild)

    def add(self, pattern: str, said: _Said, *, is_stronger: bool) -> None:
        """Add what is said of the paths that fit a pattern.

        Args:
            pattern: As written; without a slash at its begin it has one, unless that is `*`.
            said: What is said of them.
            is_stronger: Of two alike this one counts.
        """
        is_end = pattern.endswith("$")
        body = escaped(pattern[:-1] if is_end else pattern).replace("$", "%24")
        if not body.startswith(("/", "*")):
            body = f"/{body}"
        kept, key = (self._wild, f"{body}$") if is_end else (self._plain, body)
        if "*" in body:
            kept = self._wild
        if key not in kept or is_stronger:
            kept[key] = (is_stronger, said)
        self._lengths = None

    def find(self, path: str) -> _Said | None:
        """What is said of a path, its query included; None: nothing."""
        if not self:
            return None
        if self._lengths is None:
            self._prepare()
        # In an address both are nothing but themselves.
        path = escaped(path).replace("*", "%2A").replace("$", "%24")
        best, is_stronger, found = -1, False, None
        for length in self._lengths or ():
            if length <= len(path) and (hit := self._plain.get(path[:length])) is not None:
                best, (is_stronger, found) = length, hit
                break
        for length, is_first, parts, is_end, said in self._parts:
            if length < best or (length == best and is_stronger):
                break
            if (length > best or is_first) and _fits(parts, path, is_end=is_end):
                return said
        return found

    def _prepare(self) -> None:
        self._lengths = sorted({len(pattern) for pattern in self._plain}, reverse=True)
        order = sorted(self._wild.items(), key=lambda one: (-len(one[0]), not one[1][0], one[0]))
        self._parts = []
        for pattern, (is_stronger, said) in order:
            is_end = pattern.endswith("$")
            parts = (pattern[:-1] if is_end else pattern).split("*")
            self._parts.append((len(pattern), is_stronger, parts, is_end, said))


def _fits(parts: list[str], path: str, *, is_end: bool) -> bool:
    """Whether the parts stand in the path one behind the other, the first at its begin."""
    if not path.startswith(parts[0]):
        return False
    at = len(parts[0])
    if len(parts) == 1:
        return not is_end or at == len(path)
    for part in parts[1:-1]:
        at = path.find(part, at)
        if at < 0:
            return False
        at += len(part)
    last = parts[-1]
    if is_end:
        return len(path) - len(last) >= at and path.endswith(last)
    return path.find(last, at) >= 0
