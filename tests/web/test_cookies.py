"""Cookies go back to the origin that set them, under its path and until their end."""

from __future__ import annotations

import sqlite3

import pytest

from tests.growth.measure import assert_linear
from tilth.web.cookies import Cookies, without_value

_URL = "https://a.example/p/q"


class _Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def _cookies(clock: _Clock | None = None) -> Cookies:
    return Cookies(sqlite3.connect(":memory:", isolation_level=None), clock or _Clock())


@pytest.mark.parametrize(
    ("header", "url", "sent"),
    [
        ("a=1", _URL, "a=1"),
        ("a=1", "https://a.example/p/other", "a=1"),
        ("a=1", "https://a.example/", ""),
        ("a=1; Path=/", "https://a.example/", "a=1"),
        ("a=1; path=/p", "https://a.example/p2", ""),
        ("a=1; Path=/", "http://a.example/", ""),
        ("a=1; Path=/", "https://a.example:8443/", ""),
        ("a=1; Path=/; Domain=.example", "https://b.example/", ""),
        ("a=1; Path=/; Domain=a.example", "https://www.a.example/", ""),
        ("a=1; Path=/; Domain=other.example", _URL, ""),
        ('a="x y"; Path=/; HttpOnly; Secure; SameSite=Lax', _URL, 'a="x y"'),
        ("a=b=c", _URL, "a=b=c"),
        ("a=", _URL, "a="),
        ("a", _URL, ""),
        ("=1", _URL, ""),
        ("a=1\r\nX: 2", _URL, ""),
        ("a b=1", _URL, ""),
        ("a=é", _URL, ""),
        (f"a={'1' * 4097}", _URL, ""),
        ("a=1; Max-Age=0", _URL, ""),
        ("a=1; Max-Age=-5", _URL, ""),
        ("a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", _URL, "a=1"),
        ("a=1; Expires=Thu, 01-Jan-1970 00:00:00 GMT", _URL, ""),
        ("a=1; Expires=Fri, 31 Dec 2100 00:00:00 GMT", _URL, "a=1"),
        ("a=1; Expires=whenever", _URL, "a=1"),
    ],
)
def test_what_is_sent_where(header: str, url: str, sent: str) -> None:
    cookies = _cookies()
    cookies.take(_URL, [header])
    assert cookies.sent_to(url) == sent


def test_a_secure_cookie_is_not_taken_from_anyone_on_the_way() -> None:
    cookies = _cookies()
    assert not cookies.take("http://a.example/", ["a=1; Secure"])
    assert cookies.sent_to("http://a.example/") == ""


def test_they_end_are_changed_and_taken_back() -> None:
    clock = _Clock()
    cookies = _cookies(clock)
    assert cookies.take(_URL, ["a=1; Max-Age=10", "b=2; Path=/p/q", "c=3"])
    assert cookies.sent_to(_URL) == "b=2; a=1; c=3"
    assert not cookies.take(_URL, ["c=3"])
    assert cookies.take(_URL, ["c=4"])
    clock.now += 11
    assert cookies.sent_to(_URL) == "b=2; c=4"
    assert cookies.take(_URL, ["c=; Max-Age=0"])
    assert cookies.sent_to(_URL) == "b=2"
    # However long the number is.
    assert cookies.take(_URL, [f"d=5; Max-Age={'9' * 40}"])
    assert cookies.sent_to(_URL) == "b=2; d=5"
    assert cookies.take(_URL, [f"d=5; Max-Age=-{'9' * 40}"])
    assert cookies.sent_to(_URL) == "b=2"


def test_a_site_has_so_many_and_the_oldest_make_way() -> None:
    cookies = _cookies()
    cookies.take(_URL, [f"n{n}={n}" for n in range(60)])
    assert cookies.sent_to(_URL).split("; ") == [f"n{n}={n}" for n in range(10, 60)]
    cookies.take(_URL, [f"n{n}={'x' * 4000}" for n in range(50, 60)])
    assert len(cookies.sent_to(_URL)) <= 8192


def test_of_a_header_that_is_written_down_the_value_is_not() -> None:
    assert without_value("sid=S3cret; Path=/; HttpOnly") == "sid=***; Path=/; HttpOnly"
    assert without_value("S3cret") == "=***"


def test_time_is_linear_in_a_header() -> None:
    def make(num: int) -> object:
        header = "a=1" + "; x=y" * num + ";" * num
        return lambda: _cookies().take(_URL, [header])

    assert_linear(make, 1000, 20_000)  # type: ignore[arg-type]
