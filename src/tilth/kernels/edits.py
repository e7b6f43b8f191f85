"""How many insertions, deletions and replacements lie between two sequences, many at once.

A row of the table is two integers of as many bits as the first sequence has items (Hyyro,
"A bit-vector algorithm for computing Levenshtein and Damerau edit distances", 2003, after Myers
1999): a transcript of 10,000 letters takes some ten thousand additions, and not a hundred million.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def edit_distance(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Levenshtein's distance (1966).

    Args:
        first, second: Words, or the characters of a text.
    """
    if not first:
        return len(second)
    places: dict[Hashable, int] = {}
    for at, item in enumerate(first):
        places[item] = places.get(item, 0) | 1 << at
    whole, last = (1 << len(first)) - 1, 1 << (len(first) - 1)
    rises, falls, distance = whole, 0, len(first)
    for item in second:
        equal = places.get(item, 0)
        diagonal = (((equal & rises) + rises) ^ rises) | equal | falls
        above = falls | (whole & ~(diagonal | rises))
        below = diagonal & rises
        distance += bool(above & last) - bool(below & last)
        above = (above << 1 | 1) & whole
        rises = (below << 1 & whole) | (whole & ~(diagonal | above))
        falls = above & diagonal
    return distance
