"""One spelling a page, and what belongs to a crawl."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.growth.measure import least_s
from tilth.web import urls
from tilth.web.urls import Scope, join, normalize, origin


@pytest.mark.parametrize(
    ("given_url", "expected"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("http://example.org:80/a#part", "http://example.org/a"),
        ("https://example.org:443/a", "https://example.org/a"),
        ("https://example.org:80/a", "https://example.org:80/a"),
        ("http://example.org/%7Euser/%e4?b=2&a=%41", "http://example.org/~user/%E4?b=2&a=A"),
        ("http://example.org/a b/ü", "http://example.org/a%20b/%C3%BC"),
        ("http://example.org/a/../b/./c", "http://example.org/b/c"),
        ("http://example.org/../../x/..", "http://example.org/"),
        ("http://example.org/a%2Fb%zz", "http://example.org/a%2Fb%25zz"),
        ("http://example.org?q", "http://example.org/?q"),
        ("http://[::1]:80/x", "http://[::1]/x"),
        ("http://0x7f.1/x", "http://127.0.0.1/x"),
        ("  http://example.org/\tx\n", "http://example.org/x"),
    ],
)
def test_normalize(given_url: str, expected: str) -> None:
    assert normalize(given_url) == expected


@pytest.mark.parametrize(
    "bad",
    [
        *("", "example.org", "mailto:a@b.c", "javascript:void(0)", "http://", "http://a:b@c.org/"),
        *("http://exa mple.org/", "http://example.org:99999/", "ftp://example.org/"),
    ],
)
def test_what_is_no_page_address_is_refused(bad: str) -> None:
    with pytest.raises(ValueError):
        normalize(bad)


_PIECES = (
    "a",
    "b.html",
    "..",
    ".",
    "/",
    "//",
    "?",
    "?q=1",
    ";p",
    "#f",
    ":",
    "http:",
    "https:",
    " ",
)
_HREFS = st.lists(
    st.sampled_from((*_PIECES, "\t", "\x01", "\\", "http://example.org", "%41", "ü", "_", "-")),
    max_size=6,
).map("".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(_PIECES[:9]), max_size=6).map("".join), _HREFS, _HREFS)
def test_a_link_leads_to_the_same_place_whatever_was_asked_before(
    path: str, other: str, href: str
) -> None:
    """What is kept of the links of a folder is what each of its pages gives by itself."""
    urls.joined_in_folder.cache_clear()
    base = f"http://example.org/{path}"
    for page in (f"{base.partition('?')[0]}{other.strip('?#')}", base, f"{base}x"):
        alone = urls.joined_in_folder.__wrapped__(page, href)
        assert join(page, href) == alone


def test_long_links_are_not_kept() -> None:
    urls.joined_in_folder.cache_clear()
    for num in range(8):
        join("http://example.org/a/b", f"{'x' * 4000}{num}")
    assert urls.joined_in_folder.cache_info().currsize == 0
    join("http://example.org/a/b", "c")
    assert urls.joined_in_folder.cache_info().currsize == 1


@given(st.text(max_size=40), st.text(max_size=20))
def test_normalizing_twice_changes_nothing(path: str, query: str) -> None:
    try:
        once = normalize(f"http://example.org/{path}?{query}")
    except ValueError:
        return
    assert normalize(once) == once
    assert once.isascii()
    assert "#" not in once


@given(st.text(max_size=60))
def test_no_link_makes_join_fail(href: str) -> None:
    target = join("http://example.org/a/b", href)
    assert target is None or target.startswith(("http://", "https://"))


def test_join() -> None:
    base = "http://example.org/a/b.html"
    assert join(base, "c.html#x") == "http://example.org/a/c.html"
    assert join(base, "/c?x=1") == "http://example.org/c?x=1"
    assert join(base, "//other.org/") == "http://other.org/"
    assert join(base, "..\\c\\d.html?x=\\y") == "http://example.org/c/d.html?x=%5Cy"
    assert join(base, "\\\\other.org\\d") == "http://other.org/d"
    assert join(base, "http:\\\\other.org\\d#\\") == "http://other.org/d"
    assert join(base, "http://other.org\\@example.org/") == "http://other.org/@example.org/"
    assert join(base, "file:\\c") is None
    assert join(base, "#part") is None
    assert join(base, "mailto:someone@example.org") is None
    assert join(base, "http://[bad") is None


def test_scope() -> None:
    scope = Scope.of(["http://example.org/docs/index.html", "https://b.org/?x=/y/z"])
    assert scope.contains("https://example.org/docs/more/page.html")
    assert scope.contains("http://b.org/anything")
    assert not scope.contains("http://example.org/other")
    assert not scope.contains("http://example.org.evil.com/docs/")
    assert not scope.contains("http://other.org/example.org/docs/")


def test_origin() -> None:
    assert origin("http://example.org:8080/a/b") == "http://example.org:8080"


# What `_CLEAN` was before: it took time that doubled with each label of a host that does not fit.
_PLAIN = re.compile(
    r"https?://[a-z][a-z0-9-]*(\.[a-z0-9-]*[a-z][a-z0-9-]*)*/[A-Za-z0-9_~/-]*"
    r"(\.[A-Za-z0-9_~-]+)*"
)


@settings(deadline=None)
@given(
    st.from_regex(_PLAIN).filter(lambda url: url.count(".") < 8)
    | st.text("ab0-./:~_A", max_size=20).map("http://a".__add__)
)
def test_what_needs_no_work_is_what_it_was(url: str) -> None:
    assert bool(urls._CLEAN.fullmatch(url)) == bool(_PLAIN.fullmatch(url))


def test_many_labels_take_no_time() -> None:
    link = "http://" + "ab." * 26 + "com/%"
    assert normalize(link) == link + "25"
    assert least_s(lambda: normalize(link), 0.5) < 0.5
