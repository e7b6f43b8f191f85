"""SRT and WebVTT: what a cue says, and why one cannot be used."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.growth.measure import least_s
from tilth.formats.subtitles import MAX_CUE_BYTES, Cue, Stray, read_cues


def vtt(text: str, times: str = "00:01.000 --> 00:02.000") -> Cue:
    (cue,) = read_cues(f"WEBVTT\n\n{times}\n{text}\n".encode())
    assert isinstance(cue, Cue)
    return cue


def srt(text: str, times: str = "00:00:01,000 --> 00:00:02,000") -> Cue:
    (cue,) = read_cues(f"1\n{times}\n{text}\n".encode())
    assert isinstance(cue, Cue)
    return cue


@pytest.mark.parametrize(
    ("text", "said", "voices"),
    [
        ("<v Mary>Hello", "Hello", ("Mary",)),
        ("<v.loud.first Mary Ann>Hello</v>", "Hello", ("Mary Ann",)),
        ("<v\tMary>Hello", "Hello", ("Mary",)),
        ("<v R&amp;D>Hi</v> <v Bob>Ho</v> <v R&amp;D>!</v>", "Hi Ho !", ("R&D", "Bob")),
        ("<v>Hello", "Hello", ()),
        ("<i>a</i> <b.x>b</b> <u>c</u> <c.yellow.bg_blue>d</c>", "a b c d", ()),
        ("<lang en-GB>colour</lang> <00:00:01.500>now", "colour now", ()),
        ("<ruby>\u6f22<rt>kan</rt>\u5b57<rt>ji</rt></ruby> x", "\u6f22\u5b57 x", ()),
        ("a &lt; b &amp;&nbsp;c &gt;d &eacute;", "a < b & c >d \u00e9", ()),
        ("one\ntwo   three", "one two three", ()),
        ("I <3 you </3 & if a < b <= c <> d<", "I <3 you </3 & if a < b <= c <> d<", ()),
        ("<v Bob>hi</v><v Ann>yo", "hi yo", ("Bob", "Ann")),
        ("<v Bob>hi<v Ann>yo</v>you</v>!", "hi yo you!", ("Bob", "Ann")),
        ("<i >a</i\n> <rt>b</rt> <lang>c", "a b c", ()),
    ],
)
def test_tags_and_voices_of_webvtt(text: str, said: str, voices: tuple[str, ...]) -> None:
    """W3C WebVTT, sections 4.2.2 and 6.4."""
    cue = vtt(text)
    assert (cue.text, cue.voices, cue.error) == (said, voices, "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no end <i", "<i"),
        ("if a <b and c> d", "<b and c"),
        ("if a<b then", "<b then"),
        ("go <font color='red'>on</font>", "<font color='red'"),
        ("<I>on</I>", "<I"),
        ("</v Bob>", "</v Bob"),
        ("<v Bob <i>on</i>", "<v Bob"),
        ("now <00:01>", "<00:01>"),
        ("<ruby>a<rt>b", "<rt>"),
    ],
)
def test_what_may_be_a_tag_of_webvtt_or_said_is_an_error(text: str, shown: str) -> None:
    cue = vtt(text)
    assert (cue.text, cue.voices) == ("", ())
    assert f"`{shown}`" in cue.error
    assert "end" in cue.error


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I <3 you, a < b <= c", "I <3 you, a < b <= c"),
        ("<applause> <I >Go</I> {y} <in>", "<applause> Go {y} <in>"),
        ("go <i", None),
        ("if a <b and c> d", None),
        ("<font color='red", None),
        ("<font red>x", None),
        ("{\\an8 go", None),
    ],
)
def test_styles_of_srt_and_what_is_said(text: str, said: str | None) -> None:
    cue = srt(text)
    assert cue.text == (said or "")
    assert ("a tag that is none, or has no end" in cue.error) == (said is None)


@given(st.text(st.sampled_from("<>/.{}\\ abiv3"), max_size=30))
def test_no_letter_is_lost_in_silence(text: str) -> None:
    """What is left out of a cue that is kept are tags that are whole."""
    of_vtt = r"</?[biv](?:\.[^\s<>.]*)*\s*>|<v(?:\.[^\s<>.]*)*\s[^<>]*>"
    for cue, tags in ((vtt, of_vtt), (srt, r"</?[bi]\s*>|\{\\[^{}]*\}")):
        found = cue(f"x{text}")
        plain = re.sub(tags, "", f"x{text}").replace(" ", "")
        assert found.error or found.text.replace(" ", "") == plain


def test_what_is_no_cue_of_webvtt_is_left_out() -> None:
    text = (
        "\ufeffWEBVTT - a title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\n"
        "REGION\nid:fred\n\nNOTE a\ncomment\n\nNOTES are text\n\n"
        "id 7\n100:00:01.000 --> 100:00:02.500 align:start line:0\nlong\n"
        "00:03.000 --> 00:04.000\nwithout a blank line\n"
    )
    for ending in ("\n", "\r\n", "\r"):
        stray, first, second = read_cues(text.replace("\n", ending).encode())
        assert stray == Stray(13)
        assert first == Cue(16, "id 7", Decimal("360001"), Decimal("360002.5"), "long")
        assert second == Cue(18, "", Decimal(3), Decimal(4), "without a blank line")


@pytest.mark.parametrize(
    ("said", "is_read"),
    [
        ("LOCAL:00:00:00.000,MPEGTS:0", True),
        ("MPEGTS:900000,LOCAL:00:00:10.000", True),
        ("LOCAL:00:00:00.000,MPEGTS:900000", False),
        ("MPEGTS:900000", False),
        ("LOCAL:x,MPEGTS:0", False),
    ],
)
def test_times_of_a_stream_are_none_of_a_recording(said: str, is_read: bool) -> None:
    """RFC 8216, section 3.5: 90,000 ticks a second; a line that shifts nothing says nothing."""
    text = f"WEBVTT\nKind: x\nX-TIMESTAMP-MAP={said}\n\n00:01.000 --> 00:02.000\ngo\n"
    (cue,) = read_cues(text.encode())
    assert isinstance(cue, Cue)
    assert (cue.text, cue.line) == (("go", 5) if is_read else ("", 3))
    assert ("X-TIMESTAMP-MAP" in cue.error) == (not is_read)


def test_what_srt_writes() -> None:
    text = (
        "1\n00:00:01,500 --> 00:00:02,000 X1:40 X2:600\n<i>Go</i> <font color='red'>on</font>\n"
        "{\\an8}now, 1 < 2\n2\n0:00:02.000 --> 0:00:03.000\nnext\n\n\n3\n"
        "00:00:04,000 --> 00:00:05,25\nlast"
    )
    assert list(read_cues(text.encode())) == [
        Cue(2, "1", Decimal("1.5"), Decimal(2), "Go on now, 1 < 2"),
        Cue(6, "2", Decimal(2), Decimal(3), "next"),
        Cue(11, "3", Decimal(4), Decimal("5.25"), "last"),
    ]


@pytest.mark.parametrize(
    ("times", "cause"),
    [
        ("00:00:02,000 --> 00:00:01,000", "it ends before it begins"),
        ("00:00:01,000 --> 00:00:01,000", "it ends where it begins"),
        ("00:00:01,000 --> 00:00:0x,000", "its times cannot be read: `00:00:01"),
        ("00:61:01,000 --> 00:00:01,000", "its times cannot be read"),
        ("--> 00:00:01,000", "its times cannot be read"),
        ("00:00:01,000 --> 00:00:02,0000", "its times cannot be read"),
    ],
)
def test_times_that_are_none(times: str, cause: str) -> None:
    assert srt("x", times).error.startswith(cause)
    assert vtt("x", times.replace(",", ".")).error.startswith(cause)


def test_webvtt_wants_its_own_times() -> None:
    assert "cannot be read" in vtt("x", "00:01,000 --> 00:02,000").error
    assert "cannot be read" in vtt("x", "00:01.00 --> 00:02.000").error
    assert vtt("x", "00:01.000-->00:02.000").error == ""


def test_a_cue_that_says_nothing_or_too_much_or_in_another_encoding() -> None:
    assert srt("<i> </i>").error == "a cue without a word"
    assert vtt("<v Ann></v>").error == "a cue without a word"
    assert "more than 65,536 bytes" in srt("x" * (MAX_CUE_BYTES + 1)).error
    (cue,) = read_cues("1\n00:00:01,000 --> 00:00:02,000\ncaf\u00e9\n".encode("latin-1"))
    assert isinstance(cue, Cue)
    assert cue.error == "invalid UTF-8 at byte 3 (0xe9): write the file in UTF-8"
    assert list(read_cues("1\n00:00:01,000".encode("utf-16"))) == [Stray(1)]
    assert list(read_cues(b"")) == list(read_cues(b"WEBVTT")) == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_subtitles_in_utf_16(encoding: str) -> None:
    (cue,) = read_cues("1\n00:00:01,000 --> 00:00:02,000\ncaf\u00e9\n".encode(encoding))
    assert isinstance(cue, Cue)
    assert (cue.text, cue.error) == ("caf\u00e9", "")


@given(st.binary(max_size=300), st.booleans())
def test_whatever_it_is_it_is_read_to_its_end(data: bytes, is_vtt: bool) -> None:
    lines = [cue.line for cue in read_cues(b"WEBVTT\n\n" * is_vtt + data)]
    assert lines == sorted(lines)


@given(st.lists(st.tuples(st.integers(0, 10**8), st.integers(1, 10**6)), max_size=8))
def test_every_cue_that_is_written_is_read(times: list[tuple[int, int]]) -> None:
    def spelt(ms: int, comma: str) -> str:
        return (
            f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{comma}{ms % 1000:03}"
        )

    wanted = [(Decimal(a) / 1000, Decimal(a + b) / 1000, f"w{a}") for a, b in times]
    for head, comma in (("", ","), ("WEBVTT\n\n", ".")):
        text = head + "".join(
            f"{n}\n{spelt(a, comma)} --> {spelt(a + b, comma)}\nw{a}\n\n"
            for n, (a, b) in enumerate(times)
        )
        found = [cue for cue in read_cues(text.encode()) if isinstance(cue, Cue)]
        assert [(cue.start, cue.end, cue.text) for cue in found] == wanted


@pytest.mark.parametrize("part", ["<", "{\\", "<v ", "&", "-->", "<font "])
def test_hostile_texts_take_no_longer(part: str) -> None:
    data = b"WEBVTT\n\n00:01.000 --> 00:02.000\n" + part.encode() * 15_000
    other = data.partition(b"\n\n")[2].replace(b"00:", b"00:00:")
    assert least_s(lambda: [*read_cues(data), *read_cues(other)], 2) < 2
