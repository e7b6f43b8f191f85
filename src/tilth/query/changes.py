"""What differs between two lists of lines, in time that grows with their length and no faster.

`difflib` alone takes time cubic in lines that repeat. Here it compares windows of bounded size,
between lines that both sides have once (the anchors of "patience diff", Bram Cohen).
"""

from __future__ import annotations

import bisect
import difflib
from collections import Counter
from collections.abc import Iterator, Sequence

# Up to this many lines a side are compared at once; more take tens of milliseconds a window.
WINDOW_LINES = 100

Change = tuple[int, int, int, int]


def changed_ranges(old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    """Where the lists differ, in order: `old[i:j]` was replaced by `new[k:m]`.

    Yields:
        (i, j, k, m); either range may be empty. What stands between is equal on both sides.
    """
    if max(len(old), len(new)) <= WINDOW_LINES:
        yield from _compare(old, new, 0, 0)
        return
    i = k = 0
    for at_old, at_new in [*_anchors(old, new), (len(old), len(new))]:
        yield from _between(old, new, (i, at_old), (k, at_new))
        i, k = at_old, at_new


def _compare(old: Sequence[str], new: Sequence[str], i: int, k: int) -> list[Change]:
    """Changes by difflib, of which the first lines are number `i` and `k`."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [
        (i + a, i + b, k + c, k + d)
        for what, a, b, c, d in matcher.get_opcodes()
        if what != "equal"
    ]


def _between(
    old: Sequence[str], new: Sequence[str], here: tuple[int, int], there: tuple[int, int]
) -> Iterator[Change]:
    """Changes in `old` from here[0] to here[1], against `new` from there[0] to there[1]."""
    (i, j), (k, m) = here, there
    while j > i and m > k and old[j - 1] == new[m - 1]:
        j, m = j - 1, m - 1
    while i < j or k < m:
        if i == j or k == m:
            yield i, j, k, m
            return
        if old[i] == new[k]:
            i, k = i + 1, k + 1
            continue
        right, below = min(j, i + WINDOW_LINES), min(m, k + WINDOW_LINES)
        found = _compare(old[i:right], new[k:below], i, k)
        if (right, below) != (j, m) and found[-1] != (i, right, k, below):
            # What follows the last line in common is compared with more of what comes after it.
            last = found[-1]
            if (last[1], last[3]) == (right, below):
                found.pop()
                right, below = last[0], last[2]
        yield from found
        i, k = right, below


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Places of lines that stand once on either side, as many as keep their order."""
    once = [{line for line, n in Counter(side).items() if n == 1} for side in (old, new)]
    at_new = {line: place for place, line in enumerate(new) if line in once[1]}
    both = once[0] & once[1]
    pairs = [(i, at_new[line]) for i, line in enumerate(old) if line in both]
    # The longest increasing run, by patience sorting: O(n log n).
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        pile = bisect.bisect_left(tops, place)
        before.append(ends[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [place]
        ends[pile : pile + 1] = [number]
    chain = []
    number = ends[-1] if ends else -1
    while number >= 0:
        chain.append(pairs[number])
        number = before[number]
    return chain[::-1]
