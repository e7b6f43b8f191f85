"""What an extraction would lose of a page, put so that it comes through.

trafilatura drops what does not print, joiners among it, formulas without a source in TeX, blank
lines of code, and the ends of its lines in a table; resiliparse drops a letter of Chinese that is
alone between two tags, and puts the reading that stands above a word (ruby) behind it; both drop
formulas that MathJax is to set, and glue an exponent to its base.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from html import escape, unescape
from itertools import compress
from typing import Any, Final

from lxml import etree

_JOINERS: Final = ("\u200c", "\u200d")
_SPELT: Final = re.compile(r"&(?:(zwnj|#0*8204|#[xX]0*200[cC])|(?:zwj|#0*8205|#[xX]0*200[dD]));?")
_RAISED: Final = re.compile(r"<(su[pb])\b[^<>]{0,200}>([^<>]{1,20})</\1\s{0,5}>", re.I)
_UP: Final = str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
_DOWN: Final = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
# How a word of Chinese or Japanese is read, above it; and brackets around that.
_READINGS: Final = re.compile(
    r"<(r[tp])\b[^<>]{0,200}>(?:[^<>]{1,200}|<(?!/?r(?:[tpb]|uby)\b)[^<>]{0,200}>){0,20}"
    r"(?:</\1\s{0,5}>)?",
    re.I,
)
# resiliparse takes a character of three bytes that is alone between two tags for a sign of a link,
# and leaves it out of the main content.
_ALONE: Final = re.compile(r">(\s{0,20})([\u0800-\uffff]|&#[xX]?[0-9a-fA-F]{3,6};)(\s{0,20})<")
_MATH: Final = (re.compile(r"<math\b", re.I), re.compile(r"</math\s{0,5}>", re.I))
_CODE: Final = (re.compile(r"<pre\b", re.I), re.compile(r"</pre\s{0,5}>", re.I))
_TABLE: Final = (re.compile(r"<table\b", re.I), re.compile(r"</table\s{0,5}>", re.I))
# What MathJax 2 sets (its documentation, "Mathematics in web pages").
_SCRIPT: Final = (
    re.compile(r"<script\s[^<>]{0,200}?\btype\s{0,5}=\s{0,5}[\"']?math/tex\b[^<>]{0,200}>", re.I),
    re.compile(r"</script\s{0,5}>", re.I),
)
_TAG: Final = re.compile(r"<[^<>]{0,2000}>")
_LINE_END: Final = re.compile(r"\r?\n|\r|<br\b[^<>]{0,200}>", re.I)
_BLANK_LINE: Final = re.compile(r"(?<=\n)[ \t]*(?=\r?\n)")
# Letters of Linear B, which print, of which a page hardly has all.
_LETTERS: Final = tuple(map(chr, range(0x10080, 0x100FB)))
_MAX_DEPTH: Final = 50
# A longer one is left as it is.
_MAX_FORMULA: Final = 20_000
_Ends = tuple[re.Pattern[str], re.Pattern[str]]


class Kept:
    """A page with everything in place, and its text as it was meant.

    Args:
        page: A decoded page.

    Attributes:
        page: What is extracted.
    """

    def __init__(self, page: str) -> None:
        page = _changed(page, _MATH, _formula)
        page = _changed(page, _SCRIPT, _tex)
        lower = page.lower()
        page = _READINGS.sub("", page) if "<rt" in lower or "<rp" in lower else page
        page = _RAISED.sub(_raised, page) if "</su" in lower else page
        if "&" in page:
            page = _SPELT.sub(lambda one: _JOINERS[one[1] is None], page)
        letters = (one for one in _LETTERS if one not in page)
        self._stands: dict[str, str] = {}
        for joiner in _JOINERS:
            if joiner in page and (letter := next(letters, None)) is not None:
                page = page.replace(joiner, letter)
                self._stands[letter] = joiner
        if _ALONE.search(page) and (beside := next(letters, "")):
            self._stands[beside] = ""
            page = _ALONE.sub(lambda one: _accompanied(one, beside), page)
        if _CODE[0].search(page) and (line_end := next(letters, "")):
            self._stands[line_end] = "\n"
            page = _changed(page, _TABLE, lambda table: _with_lines(table, line_end))
        self._blank = blank = next(letters, "")
        if blank:
            page = _changed(page, _CODE, lambda code: _BLANK_LINE.sub(blank, code))
        self.page = page

    def restored(self, text: str) -> str:
        """The text that was extracted, with what stood for something else as it was."""
        text = text.replace(self._blank, "") if self._blank else text
        for letter, joiner in self._stands.items():
            text = text.replace(letter, joiner)
        return text


def absent_letter(page: str) -> str:
    """A letter that the page has not, as it hardly has all; empty: it has."""
    return next((one for one in _LETTERS if one not in page), "")


def _changed(page: str, ends: _Ends, change: Callable[[str], str]) -> str:
    """The page with each element, from the last begin before its end, as it is changed to."""
    begins = [one.start() for one in ends[0].finditer(page)]
    found: list[str] = []
    done = number = 0
    for end in ends[1].finditer(page) if begins else ():
        start = -1
        while number < len(begins) and begins[number] < end.start():
            start, number = begins[number], number + 1
        if start >= done:
            found += (page[done:start], change(page[start : end.end()]))
            done = end.end()
    return "".join([*found, page[done:]]) if found else page


def _tex(html: str) -> str:
    """A formula that is to be set, as its source between the signs that MathJax has for it."""
    begin = _SCRIPT[0].match(html)
    assert begin is not None
    source = _SCRIPT[1].sub("", html[begin.end() :]).removeprefix("% <![CDATA[").strip()
    source = escape(source.removesuffix("%]]>").strip())
    if "mode=display" in begin[0].replace(" ", "").lower():
        return rf"<span> \[{source}\] </span>"
    return rf"\({source}\)"


def _with_lines(table: str, line_end: str) -> str:
    """A table with a letter at the ends of lines of code in it; one that is nothing but code, and
    the numbers of its lines beside it, is the code."""
    codes: list[str] = []

    def take(code: str) -> str:
        codes.append(code)
        return ""

    beside = _TAG.sub("", _changed(table, _CODE, take)).strip()
    if codes and not beside:
        is_code = [not "".join(_TAG.sub("", code).split()).isdecimal() for code in codes]
        if any(is_code):
            return "".join(compress(codes, is_code))
    return _changed(table, _CODE, lambda code: _LINE_END.sub(line_end, code))


def _accompanied(found: re.Match[str], beside: str) -> str:
    """A letter, digit or mark of punctuation that stands alone with a letter beside it."""
    kind = unicodedata.category(unescape(found[2])[:1] or " ")
    if kind[0] not in "LMNP" and kind != "Sc":
        return found[0]
    return f">{found[1]}{found[2]}{beside}{found[3]}<"


def _raised(found: re.Match[str]) -> str:
    """An exponent or index of digits by the digits that Unicode has for it; else as it is."""
    text = found[2].strip()
    moved = text.translate(_UP if found[1].lower() == "sup" else _DOWN)
    is_all = text and all(one != other for one, other in zip(text, moved, strict=True))
    return moved if is_all else found[0]


def _formula(html: str) -> str:
    """MathML in a line: its source in TeX where it has one, else as it would be typed."""
    parser = etree.HTMLParser(no_network=True, remove_comments=True)
    try:
        root = etree.fromstring(html, parser) if len(html) <= _MAX_FORMULA else None
    except (etree.LxmlError, ValueError):
        return html
    math = None if root is None else root.find(".//math")
    if math is None:
        return html
    source = next((one.text for one in _annotations(math) if one.text), math.get("alttext"))
    text = rf"\({source.strip()}\)" if source else typed(math, 0)
    return f"<span> {escape(text)} </span>" if math.get("display") == "block" else escape(text)


def _annotations(math: Any) -> Iterator[Any]:
    return (one for one in math.iter("annotation") if "tex" in one.get("encoding", "").lower())


def typed(element: Any, depth: int = 0) -> str:
    """MathML in one line, as it would be typed.

    Args:
        element: Of the formula.
        depth: In how many others it stands.
    """
    if depth > _MAX_DEPTH:
        return "".join(element.itertext())
    parts = [
        typed(one, depth + 1)
        for one in element
        if isinstance(one.tag, str) and not one.tag.startswith("annotation")
    ]
    tag = element.tag
    if tag in ("msup", "msub", "mover", "munder") and len(parts) == 2:
        return parts[0] + _beside(parts[1], is_up=tag in ("msup", "mover"))
    if tag in ("msubsup", "munderover") and len(parts) == 3:
        return parts[0] + _beside(parts[1], is_up=False) + _beside(parts[2], is_up=True)
    if tag == "mfrac" and len(parts) == 2:
        return f"{_bracketed(parts[0])}/{_bracketed(parts[1])}"
    if tag == "msqrt":
        return f"√{_bracketed(''.join(parts))}"
    if tag == "mroot" and len(parts) == 2:
        return f"{_beside(parts[1], is_up=True)}√{_bracketed(parts[0])}"
    if tag == "mspace":
        return " "
    if tag == "mtr":
        return ", ".join(parts)
    if tag == "mtable":
        return f"[{'; '.join(parts)}]"
    own = " ".join((element.text or "").split())
    if tag == "mo" and own in ("=", "+", "−", "-", "<", ">", "≤", "≥", "≠", "≈", "→", "∈"):
        return f" {own} "
    return own + "".join(parts)


def _beside(text: str, *, is_up: bool) -> str:
    plain = text.replace(" ", "")
    moved = plain.translate(_UP if is_up else _DOWN)
    if plain and all(one != other for one, other in zip(plain, moved, strict=True)):
        return moved
    return f"{'^' if is_up else '_'}{_bracketed(text.strip())}"


def _bracketed(text: str) -> str:
    text = text.strip()
    return text if len(text) <= 1 or text.isalnum() else f"({text})"
