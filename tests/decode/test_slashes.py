"""Backslashes in links, as browsers read them."""

from __future__ import annotations

import pytest

from tilth.decode.slashes import with_slashes


@pytest.mark.parametrize(
    ("address", "read"),
    [
        ("a/b", "a/b"),
        ("..\\a\\b.html", "../a/b.html"),
        ("\\\\host\\a?q=\\b#\\c", "//host/a?q=\\b#\\c"),
        ("HTTP:\\\\host\\a", "HTTP://host/a"),
        ("#\\a", "#\\a"),
        ("mailto:a\\b@host", "mailto:a\\b@host"),
        ("c:\\a", "c:\\a"),
    ],
)
def test_backslashes_before_the_query_are_slashes(address: str, read: str) -> None:
    assert with_slashes(address) == read
