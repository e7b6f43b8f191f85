"""Lines of Arabic and Hebrew in the order in which they are read, by where their letters stand.

A PDF places glyphs, from the left or from the right, and PDFium puts back into reading order only a
part of them: words of Arabic come reversed, and brackets on the wrong side of a blank.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence
from typing import Final

RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LINE_ENDS: Final = "\r\n"
_BRACKETS: Final = str.maketrans("()[]{}<>«»", ")(][}{><»«")
# A number, or words of the West with all between them: what runs from the left in such a line.
_FROM_LEFT: Final = re.compile(r"L(?:[^R]*[LN])?|N(?:[S]*N)*")
_CLASSES: Final = {
    "R": "R",
    "AL": "R",
    "NSM": "M",
    "L": "L",
    "EN": "N",
    "AN": "N",
    "CS": "S",
    "ES": "S",
    "ET": "S",
}

# A character, and where it begins and ends, in points from the left.
Placed = tuple[str, float, float]
# Letters that stand as one, and where their middle is.
_Cluster = tuple[str, float]


def in_reading_order(chars: Sequence[Placed]) -> str:
    """The text of a page, lines ended as they were.

    Args:
        chars: Its characters as PDFium orders them.
    """
    found: list[str] = []
    line: list[Placed] = []
    for char in chars:
        if char[0] not in _LINE_ENDS:
            line.append(char)
            continue
        found += (_line(line), char[0])
        line = []
    return "".join([*found, _line(line)])


def _line(line: Sequence[Placed]) -> str:
    text = "".join(char for char, _, _ in line)
    if not RIGHT_TO_LEFT.search(text):
        return text
    clusters = _clusters([*zip(text, _middles(line), strict=True)])
    kinds = [_kind(text) for text, _ in clusters]
    if kinds.count("R") >= kinds.count("L"):
        return _plain(_from_right(clusters))
    # Within a line from the left: words whose letters go the wrong way.
    found: list[str] = []
    word: list[_Cluster] = []
    for cluster, kind in [*zip(clusters, kinds, strict=True), (("", 0.0), "")]:
        if kind == "R":
            word.append(cluster)
            continue
        word = word[::-1] if len(word) > 1 and word[0][1] < word[-1][1] else word
        found += (*(one for one, _ in word), cluster[0])
        word = []
    return _plain("".join(found))


def _kind(text: str) -> str:
    return _CLASSES.get(unicodedata.bidirectional(text[0]), "O")


def _middles(line: Sequence[Placed]) -> list[float]:
    """Where each character is; a blank that PDFium put in is between the words beside it."""
    found = [(left + right) / 2 for _, left, right in line]
    words = [
        (one.start(), one.end()) for one in re.finditer(r"\S+", "".join(c for c, _, _ in line))
    ]
    for (start, end), (after, last) in itertools.pairwise(words):
        ends = [
            (min(left for _, left, _ in line[a:b]), max(right for _, _, right in line[a:b]))
            for a, b in ((start, end), (after, last))
        ]
        (left, right), (next_left, next_right) = ends
        middle = (left + next_right) / 2 if left >= next_left else (right + next_left) / 2
        for place in range(end, after):
            if line[place][1] == line[place][2]:
                found[place] = middle
    return found


def _clusters(line: Sequence[_Cluster]) -> list[_Cluster]:
    """Letters with the marks that stand over or under them, before which these may come."""
    found: list[_Cluster] = []
    waiting = ""
    for place, (char, at) in enumerate(line):
        if _kind(char) != "M":
            found.append((char + waiting, at))
            waiting = ""
            continue
        after = next((one[1] for one in line[place + 1 :][:3] if _kind(one[0]) != "M"), None)
        if found and (after is None or abs(found[-1][1] - at) <= abs(after - at)):
            found[-1] = (found[-1][0] + char, found[-1][1])
        else:
            waiting += char
    return found or [(waiting, 0.0)]


def _from_right(clusters: Sequence[_Cluster]) -> str:
    """What is read from the right: as it stands there, and what runs from the left turned round."""
    read = [text for text, _ in sorted(clusters, key=lambda one: -one[1])]
    kinds = "".join(_kind(text) for text in read)
    for run in _FROM_LEFT.finditer(kinds):
        read[run.start() : run.end()] = read[run.start() : run.end()][::-1]
    text = "".join(read)
    opens, closes = (min((text + one).find(one) for one in many) for many in ("([{", ")]}"))
    # The shape that was printed is its mirror's.
    if closes < opens and closes < len(text):
        return text.translate(_BRACKETS)
    return text


def _plain(text: str) -> str:
    """Letters for the shapes that they have at the begin, middle or end of a word."""
    return "".join(
        unicodedata.normalize("NFKC", char)
        if "\ufb1d" <= char <= "\ufdff" or "\ufe70" <= char <= "\ufefc"
        else char
        for char in text
    )
