"""A crawl hears what a site says, goes where it may, and takes no byte for more than it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.sites import Reply, Site, redirect, running
from tilth.collect import crawl
from tilth.context import Context
from tilth.errors import UsageError

Rows = dict[str, dict[str, Any]]


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as site:
        yield site


def _rows(site: Site, work: Path, **changes: Any) -> Rows:
    """The rows of a crawl by their addresses, those of the site without it."""
    given: dict[str, Any] = {
        "start": (f"{site.root}/",),
        "allow_hosts": ("127.0.0.1",),
        "delay_s": 0,
        "retry_s": 0.01,
        "retries": 1,
        "timeout_s": 5,
    }
    settings = crawl.Settings(**given | changes)
    batches = list(crawl.read(settings, "docs", Context(work=work)))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert len({row["uri"] for row in rows}) == len(rows)
    return {row["uri"].removeprefix(site.root): row for row in rows}


def _robots(text: str) -> Reply:
    return Reply(text.encode(), headers=(("Content-Type", "text/plain"),))


@pytest.mark.parametrize("way", ["redirect", "link", "sitemap", "index"])
def test_an_allowed_host_is_asked_at_no_other_port(way: str, site: Site, tmp_path: Path) -> None:
    """What listens beside the site at its machine is not for a stranger's link to ask."""
    with running(Site()) as beside:
        for path in ("/x", "/map.xml", "/robots.txt"):
            beside.html(path)
        site.html("/", f"{beside.root}/x" if way == "link" else "/go")
        site.pages["/go"] = redirect(f"{beside.root}/x")
        if way in ("sitemap", "index"):
            named = f"{beside.root}/map.xml" if way == "sitemap" else f"{site.root}/index.xml"
            site.pages["/robots.txt"] = _robots(f"Sitemap: {named}")
        index = f"<sitemapindex><loc>{beside.root}/map.xml</loc></sitemapindex>"
        site.pages["/index.xml"] = Reply(index.encode())
        # Only the start page is within reach of `allow_hosts`, whatever belongs to the crawl.
        rows = _rows(site, tmp_path, scope=(f"{site.root}/",))
        assert not beside.asked
    assert rows["/"]["html"] is not None


def test_a_scope_with_a_port_is_the_recipes_own_word(site: Site, tmp_path: Path) -> None:
    with running(Site()) as beside:
        beside.html("/x")
        site.html("/", f"{beside.root}/x")
        rows = _rows(site, tmp_path, scope=(f"{site.root}/", f"{beside.root}/"))
    assert rows[f"{beside.root}/x"]["html"] is not None


def test_a_robots_file_that_leads_away_is_told_of_where_it_leads(
    site: Site, tmp_path: Path
) -> None:
    with running(Site()) as beside:
        site.html("/")
        site.pages["/robots.txt"] = redirect(f"{beside.root}/robots.txt")
        with pytest.raises(UsageError) as caught:
            _rows(site, tmp_path)
        assert not beside.asked
    assert "its robots.txt leads away: 127.0.0.1 is at 127.0.0.1" in caught.value.what
    assert f"allowed at port {site.port} and not at {beside.port}" in caught.value.what
    assert caught.value.hint is not None
    assert f"127.0.0.1:{beside.port}" in caught.value.hint


def test_a_robots_file_at_a_private_name_is_told_by_that_name(site: Site, tmp_path: Path) -> None:
    site.html("/")
    site.pages["/robots.txt"] = redirect(f"http://localhost:{site.port}/robots.txt")
    with pytest.raises(UsageError, match=r"leads away: localhost is at (127\.0\.0\.1|::1)"):
        _rows(site, tmp_path)
