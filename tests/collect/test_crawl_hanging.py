"""A site that keeps its pages back costs its own addresses, and not the night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.sites import Reply, Site, running
from tilth.collect import crawl
from tilth.context import Context
from tilth.errors import MissingError
from tilth.web import hosts, sitemap

_HANGS = "no complete answer within 0.3 s"
# Twice what one of them may take, and what a test does not wait for.
_LATE = Reply(b"<p>late", wait_s=0.6)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "_SLOW", 2)
    monkeypatch.setattr(hosts, "_HANGING", 4)
    monkeypatch.setattr(sitemap, "_MAX_HANGS", 1)


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as site:
        site.html("/", *(f"/{n}" for n in range(8)))
        for n in range(8):
            site.pages[f"/{n}"] = _LATE
        yield site


def _ends(site: Site, work: Path, **changes: Any) -> dict[str, str]:
    given: dict[str, Any] = {
        "start": (f"{site.root}/",),
        "allow_hosts": ("127.0.0.1", "127.0.0.2"),
        "sitemaps": False,
        "delay_s": 0,
        "retry_s": 0.01,
        "retries": 3,
        "timeout_s": 0.3,
        **changes,
    }
    context = Context(work=work)
    rows = [
        row
        for batch in crawl.read(crawl.Settings(**given), "docs", context)
        for row in batch.to_pylist()
    ]
    ends = (row["drop.rule"] or row["error"] or "kept" for row in rows)
    return dict(zip((row["uri"] for row in rows), ends, strict=True))


def test_a_site_of_which_every_page_hangs_is_given_up(site: Site, tmp_path: Path) -> None:
    with running(Site(), host="127.0.0.2") as other:
        other.html("/", "/a")
        other.html("/a")
        ends = _ends(site, tmp_path, start=(f"{site.root}/", f"{other.root}/"), timeout_s=0.3)
    assert {ends[f"{other.root}/"], ends[f"{other.root}/a"], ends[f"{site.root}/"]} == {"kept"}
    told = [ends[f"{site.root}/{n}"] for n in range(8)]
    assert sum(site.asked[f"/{n}"] for n in range(8)) == 4
    assert set(told) == {
        _HANGS,
        "the site stopped answering: 4 requests in a row were not answered in time",
    }
    assert told[0] == _HANGS
    # An address of which the time is over twice is not asked for as often as one that fails.
    assert site.asked["/3"] <= 1


def test_where_it_is_the_only_one_each_run_goes_on_behind_what_hung(
    site: Site, tmp_path: Path
) -> None:
    for number in range(6, 8):
        site.html(f"/{number}")
    for _ in range(2):
        with pytest.raises(MissingError, match="in a row were not answered in time") as caught:
            _ends(site, tmp_path)
        assert caught.value.code == "site-down"
    ends = _ends(site, tmp_path)
    assert [end == "kept" for end in ends.values()] == [True, *[False] * 6, True, True]
    assert {end for end in ends.values() if end != "kept"} == {_HANGS}


def test_pages_that_answer_between_those_that_hang_are_had(site: Site, tmp_path: Path) -> None:
    site.html("/", *(f"/{n}" for n in range(4)))
    for number in (1, 3):
        site.html(f"/{number}")
    # Each time twice in a row, and four times are too many.
    ends = _ends(site, tmp_path, retries=1)
    assert [ends[f"{site.root}/{n}"] for n in range(4)] == [_HANGS, "kept"] * 2


def test_sitemaps_that_hang_are_asked_for_so_often(site: Site, tmp_path: Path) -> None:
    site.html("/")
    listed = "".join(f"Sitemap: {site.root}/{n}.xml\n" for n in range(5))
    site.pages["/robots.txt"] = Reply(listed.encode(), headers=(("Content-Type", "text/plain"),))
    site.pages |= {f"/{n}.xml": _LATE for n in range(5)}
    ends = _ends(site, tmp_path, sitemaps=True, retries=0)
    assert ends[f"{site.root}/"] == "kept"
    assert [site.asked[f"/{n}.xml"] for n in range(5)] == [1, 0, 0, 0, 0]
    assert "not asked for: of 127.0.0.1 1 in a row" in ends[f"{site.root}/4.xml"]
