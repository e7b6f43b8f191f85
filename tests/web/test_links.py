"""What stands in a page's markup."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.web.links import Markup, read_markup

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


def test_the_character_set_is_that_of_the_header() -> None:
    page = '<a href="/é">x</a>'.encode("latin-1")
    assert read_markup(page, _URL, "latin-1").links == ("http://example.org/%C3%A9",)
    assert read_markup(b"<a href='/x'>", _URL, "no-such-set").links == ("http://example.org/x",)


@pytest.mark.parametrize("body", [b"", b"   ", b"\0\0", b"<", b"\xff\xfe", b"plain"])
def test_what_is_no_markup_has_none(body: bytes) -> None:
    assert read_markup(body, _URL, "utf-8").links == ()


def test_deep_nesting_is_survived() -> None:
    read_markup(b"<div>" * 100_000 + b"<a href='/x'>", _URL, "utf-8")


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(body: bytes) -> None:
    read_markup(b"<html>" + body, _URL, None)
