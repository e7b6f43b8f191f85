"""Which addresses may be one page, and which are of one pattern."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.web.forms import form, pattern, without_session
from tilth.web.urls import normalize

_A = "http://a.org"


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("/x;jsessionid=0A1B2C", "/x"),
        ("/x;JSESSIONID=0A1B.node1/y;v=2?a=1", "/x/y;v=2?a=1"),
        ("/x?PHPSESSID=abc&a=1", "/x?a=1"),
        ("/x?a=1&phpsessid=abc&b=2", "/x?a=1&b=2"),
        ("/x?PHPSESSID=abc", "/x"),
        ("/x?ASPSESSIONIDABCDEFGH=XYZ", "/x"),
        ("/(S(lit3py55t21z5v55vlm25s55))/x", "/x"),
        # What may be anything else stays.
        ("/x?sid=0123456789abcdef0123456789abcdef", None),
        ("/x?jsessionid", None),
        ("/x?essid=home", None),
        ("/about-jsessionid=1", None),
        ("/(S(short))/x", None),
        ("/x?", None),
    ],
)
def test_ids_of_sessions_are_taken_off(url: str, bare: str | None) -> None:
    assert without_session(_A + url) == _A + (url if bare is None else bare)


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("/a/index.html", "/a/"),
        ("/Index.HTM", "/"),
        ("/default.aspx?a=1", "/?a=1"),
        ("/index.php?sid=0a1b2c3d4e5f", "/"),
        ("/x?a=1&sid=0a1b2c3d4e5f&b=2", "/x?a=1&b=2"),
        ("/x?CFID=12345678&CFTOKEN=87654321", "/x"),
        ("/index.html/x", None),
        ("/my-index.html", None),
        ("/x?sid=7", None),
        ("/x?inside=0a1b2c3d4e5f", None),
    ],
)
def test_what_may_be_the_same_page(url: str, known: str | None) -> None:
    assert form(_A + url) == _A + (url if known is None else known)


@pytest.mark.parametrize(
    ("urls", "found"),
    [
        (["/c/2026/1", "/c/1999/12"], "/c/#/#"),
        (["/p12x/a", "/p7x/a"], "/p#x/a"),
        (["/c?m=1&y=2026", "/c?m=12&y=2027"], "/c?m=*&y=*"),
        (["/c?view=cal&d=x", "/c?view=cal&d=y"], "/c?view=cal&d=*"),
        (["/f?t=a&t=b&t=c", "/f?t=a&t=c&t=a&t=d"], "/f?t=*"),
        (["/a/b/a/b/x", "/a/b/a/b/a/b/x"], "/a/b/x"),
        (["/a/a/a/a", "/a/a"], "/a"),
        (["/one/two", "/"], None),
    ],
)
def test_patterns(urls: list[str], found: str | None) -> None:
    wanted = found and _A + found
    assert {pattern(_A + url) for url in urls} == {wanted}


def test_patterns_are_of_a_host_and_a_value() -> None:
    urls = ["http://a.org/1", "http://b.org/1", "http://a.org/1?v=a&x=1", "http://a.org/1?v=b&x=1"]
    assert len({pattern(url) for url in urls}) == 4


@given(st.text("/;?&=aS(s1)", max_size=40), st.sampled_from(["", "jsessionid=1", "index.html"]))
def test_a_form_is_an_address_and_its_own_form(path: str, more: str) -> None:
    url = normalize(f"{_A}/{path}{more}")
    for made in (without_session(url), form(url)):
        assert normalize(made) == made
        assert made.startswith(f"{_A}/")
    assert without_session(without_session(url)) == without_session(url)
    assert form(form(url)) == form(url)
