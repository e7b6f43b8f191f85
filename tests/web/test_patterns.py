"""Patterns by which a recipe chooses addresses."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.growth.measure import assert_linear
from tilth.web.patterns import AddressPattern, Choice
from tilth.web.urls import normalize


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("/docs/*", ["http://a.org/docs/", "https://b.org:81/docs/x/y?z=1"], ["http://a.org/docs"]),
        ("/docs/", ["http://a.org/docs/"], ["http://a.org/docs/x", "http://a.org/a/docs/"]),
        ("*.pdf", ["http://a.org/x/y.pdf"], ["http://a.org/x.pdf?a", "http://a.pdf/"]),
        (
            "*?page=*",
            ["http://a.org/x?page=2"],
            ["http://a.org/xpage=2", "http://a.org/x?a&page=2"],
        ),
        ("*", ["http://a.org/", "https://b.org/x?y"], []),
        ("/x%2Ay", ["http://a.org/x*y", "http://a.org/x%2Ay"], ["http://a.org/xzy"]),
        ("/ä b", ["http://a.org/%C3%A4%20b"], ["http://a.org/a%20b"]),
        ("/a*a", ["http://a.org/aa", "http://a.org/a/a"], ["http://a.org/a"]),
        (
            "https://*.Example.org/*",
            ["http://www.example.org/x", "https://a.b.example.org/"],
            ["https://example.org/x", "https://evil.org/.example.org/x"],
        ),
        ("*://a.org/x", ["http://a.org/x", "https://a.org/x"], ["http://a.org:81/x"]),
        ("https://a.org:443/*", ["https://a.org/x"], ["https://a.org:444/x"]),
        ("http://*.org:80/*", ["http://a.org/x"], ["http://a.org:8080/x"]),
        ("http://bücher.example/*", ["http://xn--bcher-kva.example/x"], ["http://bucher.example/"]),
        ("http://[::1]:81/*", ["http://[::1]:81/x"], ["http://[::1]/x"]),
    ],
)
def test_what_fits(pattern: str, fitting: list[str], others: list[str]) -> None:
    found = AddressPattern(pattern)
    assert [url for url in fitting if not found.fits(normalize(url))] == []
    assert [url for url in others if found.fits(normalize(url))] == []


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("docs/*", "begins with none of"),
        ("", "begins with none of"),
        ("a.org/*", "begins with none of"),
        ("https://a.org", r"`https://a.org/\*` has all of them"),
        ("ftp://a.org/*", "http and https"),
        ("/docs#top", "behind a `#`"),
        ("https://*.bücher.example/*", "xn--"),
        ("https://a b.org/*", "host"),
        ("https://me@a.org/*", "user name"),
    ],
)
def test_what_can_fit_nothing_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AddressPattern(pattern)


_LETTERS = st.text("ab/", max_size=8)


@given(st.lists(_LETTERS, min_size=1, max_size=5), _LETTERS)
def test_a_star_is_anything(parts: list[str], path: str) -> None:
    pattern = re.compile(fnmatch.translate("/" + "*".join(parts)))
    found = AddressPattern("/" + "*".join(parts))
    assert found.fits(f"http://h/{path}") == bool(pattern.match(f"/{path}"))


def test_what_is_excluded_is_so_whatever_else_fits() -> None:
    choice = Choice(["/docs/*", "/news/*"], ["*/old/*", "*.pdf"])
    found = {
        path: choice.left_out(f"http://h{path}") for path in ("/docs/a", "/b", "/docs/old/x.pdf")
    }
    assert found == {"/docs/a": None, "/b": "fits no `include`", "/docs/old/x.pdf": "*/old/*"}
    assert Choice([], []).left_out("http://h/") is None


@pytest.mark.parametrize("pattern", ["*a*a*a*a*b", "*" * 500 + "b", "*" + "a" * 300 + "b"])
def test_a_pattern_takes_time_that_grows_with_the_address(pattern: str) -> None:
    found = AddressPattern(pattern)
    assert_linear(lambda n: lambda: found.fits("http://h/" + "a" * n), 20_000, 320_000)
