"""Subtitles: which stretch of a recording says what, in SRT and in WebVTT.

WebVTT is read as its specification says (W3C, WebVTT: The Web Video Text Tracks Format, sections
6.1 to 6.4), but for what it throws away in silence: a cue whose times cannot be read is one with an
error, and so is one of which nobody can tell whether `<` begins a tag or is said. SRT has no
specification, and is read by the same rules where it does not write otherwise.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tilth.decode.text import UndecodableError, decode_loosely, decode_text, in_utf8
from tilth.formats.streams import any_ends

# What one cue may have, and an hour's digits.
MAX_CUE_BYTES: Final = 1 << 16
_ARROW: Final = b"-->"
# Ticks a second of an MPEG-2 time (RFC 8216, section 3.5).
_MPEG_HZ: Final = 90_000
_MAP: Final = re.compile(
    r"X-TIMESTAMP-MAP=(?:LOCAL:(?P<local>[\d:.]+),)?MPEGTS:(?P<ticks>\d{1,19})"
    r"(?:,LOCAL:(?P<later>[\d:.]+))?"
)
_MAPPED: Final = (
    "X-TIMESTAMP-MAP: its times are those of a stream, and none of its cues is read; write times "
    "from the recording's start, without this line"
)
# Section 4.1 of WebVTT; SRT writes a comma, and has an hour always.
_TIME: Final = re.compile(r"(?:(\d{1,6}):)?([0-5]?\d):([0-5]?\d)[.,](\d{1,3})(?!\d)")
_VTT_TIME: Final = re.compile(r"(?:(\d{2,6}):)?([0-5]\d):([0-5]\d)\.(\d{3})(?!\d)")
# Tags and times (sections 4.2.2 and 6.4), only two of which have words in them; and what looks like
# one. Any other `<`, as of `<3` and `a < b`, is text.
_VTT_TAG: Final = re.compile(
    r"<(?:(?P<tag>/?(?:[cibuv]|ruby|rt|lang))(?:\.[^\s<>.]*)*\s*"
    r"|(?P<named>v|lang)(?:\.[^\s<>.]*)*\s(?P<words>[^<>]*)"
    r"|(?P<time>(?:\d{2,6}:)?[0-5]\d:[0-5]\d\.\d{3}))>"
    r"|(?P<unclear></?[^\W\d_][^<>]{0,60}|<[\d.,]{0,9}:[\d:.,]{0,60}>)"
)
# What players of SRT take for styles, and what looks like one; anything else in angle brackets is
# text.
_SRT_STYLE: Final = re.compile(
    r"</?(?:[bius]|font)\s*>|<font\s[^<>=]{1,40}=[^<>]{0,200}>|\{\\[^{}]{0,200}\}"
    r"|(?P<unclear></?(?:[bius]|font)(?:[\s/][^<>]{0,60}|$)|\{\\[^{}]{0,60})",
    re.IGNORECASE,
)
# Blocks of WebVTT that are no cues, and say nothing.
_NO_CUES: Final = re.compile(rb"(?:NOTE|STYLE|REGION)(?:[ \t:]|$)")


@dataclass(frozen=True)
class Cue:
    """One cue.

    Attributes:
        line: Of the file, from 1, where its times stand.
        name: Its identifier; empty: none.
        start, end: Seconds from the recording's start, exactly as written.
        text: What is said, without tags, blanks as one.
        voices: Who says it, in the order of their first words, where that is told.
        error: Why it cannot be used.
    """

    line: int
    name: str = ""
    start: Decimal = Decimal(0)
    end: Decimal = Decimal(0)
    text: str = ""
    voices: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Stray:
    """Lines that are of no cue.

    Attributes:
        line: Of the file, from 1, where they begin.
    """

    line: int


def read_cues(data: bytes) -> Iterator[Cue | Stray]:
    """The cues of a file in its order; which format it has is told by its first line."""
    data = any_ends(in_utf8(data))
    lines = data.split(b"\n")
    is_vtt = re.match(rb"WEBVTT(?:[ \t]|$)", lines[0]) is not None
    if is_vtt and (mapped := _mapped(lines)) is not None:
        yield mapped
        return
    for number, block in _blocks(lines, is_vtt):
        at = next((place for place, line in enumerate(block[:2]) if _ARROW in line), None)
        if at is not None:
            yield _cue(number + at, block[:at], block[at], block[at + 1 :], is_vtt)
        elif not (is_vtt and _NO_CUES.match(block[0])):
            yield Stray(number)


def _mapped(lines: list[bytes]) -> Cue | None:
    """The error of a file whose times are shifted against a stream's; None: they are not.

    A recording does not say at which time of the stream it begins (RFC 8216, section 3.5).
    """
    header = itertools.takewhile(lambda line: line.strip(b" \t") and _ARROW not in line, lines)
    for number, line in enumerate(header, start=1):
        if not line.startswith(b"X-TIMESTAMP-MAP"):
            continue
        said = _MAP.fullmatch(decode_loosely(line).strip())
        local = _VTT_TIME.fullmatch((said["local"] or said["later"] or "") if said else "")
        if said is None or local is None or _seconds(local) * _MPEG_HZ != int(said["ticks"]):
            return Cue(number, error=_MAPPED)
    return None


def _blocks(lines: list[bytes], is_vtt: bool) -> Iterator[tuple[int, list[bytes]]]:
    """Lines that belong together, with the number of the first; section 6.1 of WebVTT."""
    block: list[bytes] = []
    # What stands below the first line up to a blank one is the header.
    in_header = is_vtt
    for number, line in enumerate(lines, start=1):
        if in_header:
            in_header = bool(line.strip(b" \t")) and not (number > 1 and _ARROW in line)
            if in_header:
                continue
        if _ARROW in line and (len(block) > 1 or (block and _ARROW in block[0])):
            # The next cue begins without a blank line before it; in SRT its number may stand there.
            name = [] if is_vtt or len(block) < 3 or not block[-1].strip().isdigit() else block[-1:]
            del block[len(block) - len(name) :]
            yield number - len(block) - len(name), block
            block = name
        if line.strip(b" \t" if is_vtt else None):
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []
    if block:
        yield len(lines) + 1 - len(block), block


def _cue(line: int, name: list[bytes], times: bytes, text: list[bytes], is_vtt: bool) -> Cue:
    """A cue of the lines that it has."""
    if sum(map(len, text)) > MAX_CUE_BYTES or len(times) > MAX_CUE_BYTES:
        return Cue(line, error=f"a cue of more than {MAX_CUE_BYTES:,} bytes")
    try:
        said = decode_text(b"\n".join(text)).replace("\0", "\ufffd")
        start, end = _times(decode_text(times), is_vtt)
        names = decode_text(b"".join(name)).strip()[:200]
        said, voices = _spoken(said) if is_vtt else (_SRT_STYLE.sub(_no_style, said), ())
    except UndecodableError as error:
        return Cue(line, error=f"{error}: write the file in UTF-8")
    except ValueError as error:
        return Cue(line, error=str(error))
    said = " ".join(said.split())
    wrong = ""
    if end <= start:
        wrong = "it ends before it begins" if end < start else "it ends where it begins"
    elif not said:
        wrong = "a cue without a word"
    return Cue(line, names, start, end, said, voices, wrong)


def _times(line: str, is_vtt: bool) -> tuple[Decimal, Decimal]:
    """Start and end; what stands behind them says where on a screen the text goes.

    Raises:
        ValueError: They cannot be read.
    """
    first, _, rest = line.partition("-->")
    pattern = _VTT_TIME if is_vtt else _TIME
    start, end = pattern.fullmatch(first.strip()), pattern.match(rest.lstrip())
    if start is None or end is None or rest.lstrip()[end.end() : end.end() + 1].strip():
        raise ValueError(f"its times cannot be read: `{line.strip()[:60]}`")
    return _seconds(start), _seconds(end)


def _seconds(time: re.Match[str]) -> Decimal:
    hours, minutes, seconds, fraction = time.groups()
    whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return Decimal(whole) + Decimal(int(fraction)).scaleb(-len(fraction))


def _spoken(text: str) -> tuple[str, tuple[str, ...]]:
    """The words of a cue's text and its voices; sections 6.4 and 4.2.2 of WebVTT.

    Readings that stand above the words (`<rt>`) are the same words in another script.

    Raises:
        ValueError: It cannot be told what is said.
    """
    parts, voices, in_ruby, above = [], list[str](), False, False
    place = 0
    for tag in _VTT_TAG.finditer(text):
        if tag["unclear"]:
            raise _unclear(tag[0], "&lt;")
        if not above:
            parts.append(text[place : tag.start()])
        place = tag.end()
        name = tag["named"] or tag["tag"]
        if name in ("ruby", "/ruby"):
            in_ruby, above = name == "ruby", False
        elif name in ("rt", "/rt"):
            above = in_ruby and name == "rt"
        elif name == "v" or (name == "/v" and text[place : place + 1].isalnum()):
            # Two voices do not say one word.
            parts.append(" ")
            if voice := " ".join(html.unescape(tag["words"] or "").split()):
                voices.append(voice)
    if above:
        raise ValueError("a reading (`<rt>`) that does not end")
    parts.append(text[place:])
    return html.unescape("".join(parts)), tuple(dict.fromkeys(voices))


def _no_style(style: re.Match[str]) -> str:
    """Nothing, in place of a style of SRT.

    Raises:
        ValueError: It cannot be told whether it is one.
    """
    if style["unclear"]:
        raise _unclear(style[0], "")
    return ""


def _unclear(tag: str, spelling: str) -> ValueError:
    hint = f"; what is said is written `{spelling}`" if spelling else ""
    return ValueError(f"a tag that is none, or has no end: `{' '.join(tag.split())[:40]}`{hint}")
