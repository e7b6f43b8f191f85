"""What stands in a page's markup."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.web.links import Markup, header_links, read_markup

_URL = "http://example.org/a/b.html"


def test_links_canonical_and_meta() -> None:
    page = b"""<html><head><base href="/c/"><link rel="Canonical" href="d.html">
        <link rel="stylesheet" href="x.css"><META NAME="Robots" content="NOINDEX"></head>
        <!-- <a href="hidden.html"> --><script>var x = '<a href="script.html">';</script>
        <a href="e.html#top">e</a><a href=e.html>again</a><area href="/f">
        <a rel="nofollow ugc" href="spam.html">spam</a><a href="mailto:x@y.z">mail</a>"""
    assert read_markup(page, _URL, None) == Markup(
        links=("http://example.org/c/e.html", "http://example.org/f"),
        canonical="http://example.org/c/d.html",
        meta=(("robots", "noindex"),),
    )


def test_the_first_base_with_an_address_counts() -> None:
    page = b"""<base target=_top><base href="/c/"><base href="/d/"><link rel=canonical href=x>
        <a href="e">e</a>"""
    assert read_markup(page, _URL, None) == Markup(
        ("http://example.org/c/e",), "http://example.org/c/x"
    )
    page = b"<base href='mailto:x@y.z'><base href='/d/'><a href='e'>e</a>"
    assert read_markup(page, _URL, None).links == ("http://example.org/a/e",)


@pytest.mark.parametrize(
    ("link", "encoding", "declared", "wanted"),
    [
        ("/é?é", "utf-8", None, "%C3%A9?%C3%A9"),
        ("/é?é#é", "latin-1", "text/html; charset=latin1", "%C3%A9?%E9"),
        ("/é?я", "latin-1", "text/html; charset=latin1", "%C3%A9?%26%231103%3B"),
        ("/я?q=я", "koi8-r", "text/html; charset=KOI8-R", "%D1%8F?q=%D1"),
        ("/日?q=日", "shift_jis", "text/html; charset=x-sjis", "%E6%97%A5?q=%93%FA"),
        ("/日?q=日", "utf-16-le", "text/html; charset=utf-16", "%E6%97%A5?q=%E6%97%A5"),
    ],
)
def test_a_path_is_in_utf8_and_a_query_in_the_encoding_of_the_page(
    link: str, encoding: str, declared: str | None, wanted: str
) -> None:
    """URL Standard, 4.4; a character that the encoding lacks is its number."""
    page = f'<a href="{link}">x</a>'.encode(encoding, "xmlcharrefreplace")
    assert read_markup(page, _URL, declared).links == (f"http://example.org/{wanted}",)


def test_a_page_says_its_encoding_for_its_links_as_for_its_text() -> None:
    page = '<meta charset=koi8-r><base href="/?я"><a href="?я">x</a>'.encode("koi8-r")
    assert read_markup(page, _URL, None).links == ("http://example.org/?%D1",)
    assert read_markup(page, _URL, "text/html; charset=windows-1251").links == (
        "http://example.org/?%D1",
    )
    assert read_markup(b"<a href='/x'>", _URL, "text/html; charset=none").links == (
        "http://example.org/x",
    )


def test_zeros_are_no_part_of_a_link() -> None:
    page = b"<a href='/x\0y'>x</a>" + b"\0\1\2" * 50
    assert read_markup(page, _URL, "text/html; charset=utf-8").links == ("http://example.org/xy",)


@pytest.mark.parametrize(
    ("rel", "is_taken"),
    [
        ("NoFollow", False),
        ("external NOFOLLOW", False),
        ("noopener,nofollow", False),
        ("ugc;\tnofollow", False),
        ("xnofollowx", True),
        ("no follow", True),
        ("", True),
    ],
)
def test_a_link_that_is_marked_is_not_taken(rel: str, is_taken: bool) -> None:
    markup = read_markup(f'<a rel="{rel}" href="/x">x</a>'.encode(), _URL, None)
    assert markup.links == (("http://example.org/x",) if is_taken else ())


def test_frames_refreshes_and_feeds_are_links() -> None:
    page = b"""<html><head><meta http-equiv="Refresh" content="0; URL='next.html?a=B;c'">
        <link rel="alternate" type="application/rss+xml" href="/feed">
        <link rel="alternate" type="text/html" hreflang="de" href="/de">
        <link rel="alternate nofollow" type="application/atom+xml" href="/atom"></head>
        <iframe src="in.html"></iframe><iframe srcdoc="x"></iframe></html>"""
    assert read_markup(page, _URL, None).links == (
        "http://example.org/a/next.html?a=B;c",
        "http://example.org/feed",
        "http://example.org/a/in.html",
    )
    frames = b"<frameset cols='1,2'><frame src=left.html><frame src='right.html'></frameset>"
    assert read_markup(frames, _URL, None).links == (
        "http://example.org/a/left.html",
        "http://example.org/a/right.html",
    )


@pytest.mark.parametrize(
    ("content", "target"),
    [
        ("5;url=/x", "/x"),
        ("5; URL = /x", "/x"),
        ("0,/x", "/x"),
        ("0 /x", "/x"),
        (" .5;url='/x' rest", "/x"),
        ('5; url="/x', "/x"),
        ("0;url=/x#part", "/x"),
        ("5", None),
        ("5;", None),
        ("url=/x", None),
        ("", None),
        ("0;url=http://[", None),
    ],
)
def test_where_a_refresh_leads(content: str, target: str | None) -> None:
    page = f"<meta http-equiv=refresh content='{html.escape(content, quote=True)}'>".encode()
    found = read_markup(page, _URL, "text/html; charset=utf-8").links
    assert found == (() if target is None else (f"http://example.org{target}",))


@pytest.mark.parametrize("body", [b"", b"   ", b"\0\0", b"<", b"\xff\xfe", b"plain"])
def test_what_is_no_markup_has_none(body: bytes) -> None:
    assert read_markup(body, _URL, "text/html; charset=utf-8").links == ()


@pytest.mark.parametrize("depth", [250, 260, 2_030, 2_100, 100_000])
def test_no_link_is_lost_for_the_depth_at_which_it_is(depth: int) -> None:
    """The parser leaves off at a depth of 256, or 2,048, without a word."""
    page = b"<p>a<a href=/w>" + b"<div class='a>b'>" * depth + b"<a href='/x'>x</a>"
    page += b"</div>" * depth + b"<meta name=robots content=noai><a href=/y>y</a>"
    found = read_markup(page, _URL, "text/html; charset=utf-8")
    assert found.links == tuple(f"http://example.org/{name}" for name in "wxy")
    assert found.meta == (("robots", "noai"),)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(body: bytes) -> None:
    read_markup(b"<html>" + body, _URL, None)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([("Refresh", "0; url=/a")], (("/a",), None)),
        ([("refresh", "5;URL='/a b'"), ("Refresh", "7")], (("/a b",), None)),
        ([("Link", '</a>; rel="canonical"')], ((), "/a")),
        (
            [("link", '</n,1>; rel=next; title="x, <y>", </a?b=1>;rel=Canonical')],
            (("/n,1",), "/a?b=1"),
        ),
        ([("Link", "</a>; rel=alternate"), ("Link", '</b>; rel="self canonical"')], ((), "/b")),
        ([("Link", '</f>; rel=alternate; type="application/rss+xml"')], (("/f",), None)),
        (
            [("Link", "</1>; rel=prev, </2>;rel=next"), ("LINK", "</3>; rel=up")],
            (("/1", "/2"), None),
        ),
        ([("Link", '</a>; rel="next nofollow"')], ((), None)),
        # The first counts, of relations and of links.
        ([("Link", "</a>; rel=up; rel=canonical, </b>; rel=canonical")], ((), "/b")),
        ([("Link", "</b>; rel=canonical, </c>; rel=canonical")], ((), "/b")),
        # Said of another page.
        ([("Link", '</a>; rel=canonical; anchor="/other"')], ((), None)),
        ([("Link", '</a>; title="; rel=next"')], ((), None)),
        ([("Link", "/a; rel=canonical"), ("Link", "<"), ("X-Link", "</a>; rel=next")], ((), None)),
        # In UTF-8, else byte by byte.
        ([("Link", "</\xc3\xa9>; rel=next"), ("Refresh", "0;/\xe9")], (("/é", "/%E9"), None)),
    ],
)
def test_headers_lead_as_elements_do(
    headers: list[tuple[str, str]], found: tuple[tuple[str, ...], str | None]
) -> None:
    assert header_links(headers) == found


@pytest.mark.parametrize(
    "end", ["</body></html>", "</HTML >", "</html><!-- x -->", "</html></html><html><head></head>"]
)
def test_what_stands_behind_the_end_of_a_page_is_read(end: str) -> None:
    """HTML, 13.2.6.4.22: as a part of the body."""
    page = f"<html><body><a href=/a>a</a>{end}<p><a href=/b>b</a>"
    links = read_markup(page.encode(), _URL, None).links
    assert links == ("http://example.org/a", "http://example.org/b")


def test_pages_of_a_row_are_links() -> None:
    page = b"""<link rel=next href=2><link rel='prev,up' href=0><link rel="next nofollow" href=x>
        <link rel=up href=y><link rel=stylesheet href=z><area rel=nofollow href=w>"""
    assert read_markup(page, _URL, None).links == (
        "http://example.org/a/2",
        "http://example.org/a/0",
    )
