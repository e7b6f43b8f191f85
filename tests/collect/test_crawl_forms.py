"""One fate for each page, however many addresses it has, and spaces without an end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.sites import Reply, Site, redirect, running
from tilth.collect import crawl
from tilth.context import Context

Ends = dict[str, tuple[str | None, str | None]]


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as site:
        yield site


def _ends(site: Site, work: Path, **changes: Any) -> Ends:
    given: dict[str, Any] = {
        "start": (f"{site.root}/",),
        "allow_hosts": ("127.0.0.1",),
        "sitemaps": False,
        "delay_s": 0,
        "retries": 0,
        "timeout_s": 10,
        **changes,
    }
    batches = crawl.read(crawl.Settings(**given), "docs", Context(work=work))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert not [row["error"] for row in rows if row["error"]]
    return {
        row["uri"].removeprefix(site.root): (
            row["drop.rule"],
            row["drop.value"] and row["drop.value"].replace(site.root, ""),
        )
        for row in rows
    }


def test_an_index_file_that_is_its_folder_is_a_copy_of_it(site: Site, tmp_path: Path) -> None:
    site.html("/", "/index.html", "/a/index.htm", "/b/", "/b/index.html")
    site.pages["/index.html"] = site.pages["/"]
    site.html("/a/index.htm", text="no folder is linked")
    site.html("/b/", text="one page")
    site.html("/b/index.html", text="and another")
    assert _ends(site, tmp_path) == {
        "/": (None, None),
        "/index.html": ("duplicate", "/"),
        "/a/index.htm": (None, None),
        "/b/": (None, None),
        "/b/index.html": (None, None),
    }
    assert _ends(site, tmp_path, canonical="keep")["/index.html"] == (None, None)
    assert site.asked["/index.html"] == 1


def test_a_session_is_no_part_of_an_address(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a;jsessionid=1", "/a;jsessionid=2", "/b?PHPSESSID=3&x=1", "/strict")
    site.html("/a", "/;jsessionid=4")
    site.html("/b?x=1")
    # What cannot be had without one is asked for with it.
    site.pages["/strict"] = redirect("/strict;jsessionid=5")
    site.html("/strict;jsessionid=5", "/strict;jsessionid=6")
    assert _ends(site, tmp_path) == {
        "/": (None, None),
        "/a": (None, None),
        "/b?x=1": (None, None),
        "/strict": ("redirect", "/strict;jsessionid=***"),
        "/strict;jsessionid=***": (None, None),
    }


def test_what_may_be_a_session_is_one_where_the_bytes_are_the_same(
    site: Site, tmp_path: Path
) -> None:
    same, other = (f"/a?sid=0a1b2c3d4e5f000{n}" for n in (1, 2))
    site.html("/", same, other, "/a?sid=0a1b2c3d4e5f0003")
    site.html(same, text="a page")
    site.pages[other] = site.pages[same]
    site.html("/a?sid=0a1b2c3d4e5f0003", text="another page")
    assert _ends(site, tmp_path) == {
        "/": (None, None),
        same: (None, None),
        other: ("duplicate", same),
        "/a?sid=0a1b2c3d4e5f0003": (None, None),
    }


def _calendar(site: Site, months: int, width: int) -> None:
    """Months that lead to later ones, and of all of which one page is new."""
    site.html("/", "/month/1", "/news/1")
    for n in range(1, months):
        later = [f"/month/{n * width + k}" for k in range(width) if n * width + k < months]
        site.html(f"/month/{n}", *later, text=f"Nothing on {n}.")
        # Its links are of numbers that are no days.
        page = site.pages[f"/month/{n}"]
        assert isinstance(page, Reply)
        site.pages[f"/month/{n}"] = Reply(page.body.replace(b">/month/", b"><b></b>"))
    for n in range(1, 8):
        words = "".join("abcdefgh"[int(digit)] for digit in str(n))
        site.html(f"/news/{n}", f"/news/{n + 1}", text=f"Something on {words}.")
    site.html("/news/8")


def test_a_pattern_that_gives_copies_is_followed_no_further(site: Site, tmp_path: Path) -> None:
    _calendar(site, 400, 3)
    ends = _ends(site, tmp_path / "1", max_copies=10)
    left = [path for path, end in ends.items() if end[0] == "max-copies"]
    assert {ends[path] for path in left} == {("max-copies", "/month/#")}
    # One, three, nine and no more than what these lead to.
    had = [path for path in ends if path.startswith("/month/") and path not in left]
    assert (len(had), len(left)) == (13, 27)
    assert not [path for path in left if site.asked[path]]
    assert all(ends[f"/news/{n}"] == (None, None) for n in range(1, 9))
    assert _ends(site, tmp_path / "2", max_copies=10, connections_per_host=4) == ends
    assert _ends(site, tmp_path / "1", max_copies=None, max_pages=60)["/month/14"] == (None, None)


def test_a_page_that_is_new_keeps_its_pattern(site: Site, tmp_path: Path) -> None:
    _calendar(site, 60, 3)
    site.html("/month/12", text="The fair is on.")
    ends = _ends(site, tmp_path, max_copies=10)
    # Five copies before it and six behind it, at its own distance and nearer.
    assert {end for path, end in ends.items() if path.startswith("/month/")} == {(None, None)}
