"""What the sites of a crawl say before it goes, asked as politely as by the crawl."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.web.sites import Reply, Site, running
from tilth.collect import crawl
from tilth.context import Context
from tilth.web.preview import MAX_LOOKED, MAX_SITES, MAX_WAIT_S
from tilth.web.previewed import CrawlPreview


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as running_site:
        yield running_site


def _settings(*sites: Site, **changes: Any) -> crawl.Settings:
    given: dict[str, Any] = {
        "start": tuple(f"{site.root}/" for site in sites),
        "allow_hosts": tuple(f"{site.host}:{site.port}" for site in sites),
        "delay_s": 0,
        "retry_s": 0.01,
        "timeout_s": 5,
        **changes,
    }
    return crawl.Settings(**given)


def _look(*sites: Site, limit: int | None = None, **changes: Any) -> CrawlPreview:
    return crawl.preview(_settings(*sites, **changes), limit)


def _sitemap(site: Site, *paths: str) -> Reply:
    listed = "".join(f"<url><loc>{site.root}{path}</loc></url>" for path in paths)
    return Reply(f"<urlset>{listed}</urlset>".encode(), headers=(("Content-Type", "text/xml"),))


def _index(site: Site, *paths: str) -> Reply:
    listed = "".join(f"<sitemap><loc>{site.root}{path}</loc></sitemap>" for path in paths)
    return Reply(f"<sitemapindex>{listed}</sitemapindex>".encode())


def _robots(text: str) -> Reply:
    return Reply(text.encode(), headers=(("Content-Type", "text/plain"),))


def test_rules_sitemaps_pages_and_hours(site: Site) -> None:
    rules = "User-agent: *\nDisallow: /private/\nCrawl-delay: 0.02\n"
    site.pages["/robots.txt"] = _robots(f"{rules}Sitemap: {site.root}/all.xml\n")
    site.pages["/all.xml"] = _sitemap(site, "/", "/a", "/b", "/private/x")
    (found,) = (seen := _look(site, start=(f"{site.root}/", f"{site.root}/private/"))).sites
    assert (found.site, found.error, found.has_robots) == (site.root, "", True)
    assert (found.asked_delay_s, found.delay_s) == (0.02, 0.02)
    assert (found.starts, found.num_forbidden) == (2, 1)
    assert found.forbidden == (f"{site.root}/private/: robots: disallowed",)
    assert [(one.url, one.addresses, one.error) for one in found.sitemaps] == [
        (f"{site.root}/all.xml", 4, "")
    ]
    assert (found.sitemaps_left, found.notes) == (0, ())
    assert (found.listed, found.pages, seen.listed, seen.pages) == (3, 3, 3, 3)
    assert found.seconds == seen.seconds == pytest.approx(0.06)
    assert seen.most_seconds == pytest.approx(0.02 * 10_000)
    # Robots first, no page, nothing twice, and at the pace that it asks for.
    paths = [path for _, path in site.log]
    assert paths == ["/robots.txt", "/.well-known/tdmrep.json", "/all.xml"]
    times = [at for at, _ in site.log]
    assert all(later - sooner >= 0.02 for sooner, later in pairwise(times))


def test_what_is_expected_is_what_the_crawl_asks_for(site: Site, tmp_path: Path) -> None:
    paths = [f"/{number}" for number in range(6)]
    site.pages["/robots.txt"] = _robots("User-agent: *\nDisallow: /3\n")
    site.pages["/sitemap.xml"] = _sitemap(site, *paths, "/elsewhere/x", "/4")
    for path in ("/", *paths, "/elsewhere/x"):
        site.html(path)
    for changes in ({}, {"max_pages": 4}, {"max_depth": 0}, {"max_url_length": 32}):
        seen = _look(site, **changes)
        site.asked.clear()
        context = Context(work=tmp_path / str(sorted(changes)))
        for _ in crawl.read(_settings(site, **changes), "docs", context):
            pass
        asked = sum(path in {"/", *paths, "/elsewhere/x"} for path in site.asked)
        assert seen.pages == asked, changes


def test_more_than_may_be_asked_for_is_told_with_what_the_bound_leaves(site: Site) -> None:
    site.pages["/sitemap.xml"] = _sitemap(site, "/a", "/b", "/c")
    seen = _look(site, limit=2, delay_s=0.01)
    assert (seen.max_pages, seen.listed, seen.pages) == (2, 4, 2)
    assert seen.seconds == seen.most_seconds == pytest.approx(0.02)


def test_bounds_of_a_host_and_of_hours_are_those_of_the_crawl(site: Site) -> None:
    site.pages["/robots.txt"] = _robots("Crawl-delay: 0.01\nUser-agent: *\nCrawl-delay: 0.02\n")
    site.pages["/sitemap.xml"] = _sitemap(site, *(f"/{n}" for n in range(9)))
    seen = _look(site, max_pages_per_host=4, max_hours=0.01)
    assert (seen.listed, seen.pages) == (10, 4)
    assert seen.most_seconds == 36.0
    assert _look(site).most_seconds == pytest.approx(200)


def test_so_many_sitemaps_are_read_and_the_others_counted(site: Site) -> None:
    names = [f"/s{number}.xml" for number in range(MAX_LOOKED + 3)]
    site.pages["/robots.txt"] = _robots(f"Sitemap: {site.root}/index.xml\n")
    site.pages["/index.xml"] = _index(site, *names)
    for number, name in enumerate(names):
        site.pages[name] = _sitemap(site, f"/page{number}")
    (found,) = _look(site).sites
    assert len(found.sitemaps) == MAX_LOOKED
    assert found.sitemaps_left == len(names) - (MAX_LOOKED - 1)
    assert found.listed == 1 + (MAX_LOOKED - 1)
    assert sum(site.asked.values()) == 2 + MAX_LOOKED


def test_no_more_is_asked_for_where_an_index_is_of_pages(site: Site) -> None:
    names = [f"/page{number}" for number in range(MAX_LOOKED + 3)]
    site.pages["/robots.txt"] = _robots(f"Sitemap: {site.root}/index.xml\n")
    site.pages["/index.xml"] = _index(site, *names)
    for name in names:
        site.html(name)
    (found,) = _look(site).sites
    assert sum(site.asked.values()) == 2 + MAX_LOOKED
    assert found.sitemaps_left == len(names) - (MAX_LOOKED - 1)


def test_a_sitemap_that_cannot_be_read_is_told(site: Site) -> None:
    site.pages["/robots.txt"] = _robots(f"Sitemap: {site.root}/gone.xml\n")
    (found,) = _look(site).sites
    ((url, error),) = [(one.url, one.error) for one in found.sitemaps]
    assert url == f"{site.root}/gone.xml"
    assert "HTTP status 404" in error


def test_without_sitemaps_only_the_start_is_known(site: Site) -> None:
    seen = _look(site)
    assert (seen.listed, seen.sites[0].sitemaps, seen.sites[0].has_robots) == (1, (), False)
    site.pages["/sitemap.xml"] = _sitemap(site, "/a")
    site.asked.clear()
    assert _look(site, sitemaps=False).listed == 1
    assert "/sitemap.xml" not in site.asked


def test_what_a_site_keeps_for_itself_as_a_whole_is_told(site: Site) -> None:
    body = b'[{"location": "/", "tdm-reservation": 1}]'
    site.pages["/.well-known/tdmrep.json"] = Reply(body)
    (found,) = (seen := _look(site)).sites
    assert (found.num_forbidden, seen.pages) == (1, 0)
    assert "tdm-reservation" in found.forbidden[0]
    assert "keeps the use of its pages for itself" in found.notes[0]
    (found,) = (seen := _look(site, opt_outs="record")).sites
    assert (found.num_forbidden, seen.pages) == (0, 1)
    assert "`opt_outs: record` takes them" in found.notes[0]


def test_a_site_that_is_not_there_or_may_not_be_asked_is_an_error_of_its_own(site: Site) -> None:
    with socket.socket() as taken:
        # Bound, and nobody listens.
        taken.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
        starts = (f"{site.root}/", f"http://{nobody}/", "http://127.0.0.9:9/")
        hosts = (f"{site.host}:{site.port}", nobody)
        seen = _look(site, start=starts, allow_hosts=hosts)
    sound, dead, refused = seen.sites
    assert sound.error == ""
    assert dead.error
    assert "is the site up?" in dead.hint
    assert "127.0.0.9" in refused.error
    assert 'allow_hosts: ["127.0.0.9:9"]' in refused.hint
    assert (seen.listed, seen.pages) == (1, 1)


def test_a_long_pause_is_told_and_not_waited_for(site: Site) -> None:
    wish = int(MAX_WAIT_S) + 1
    site.pages["/robots.txt"] = _robots(f"User-agent: *\nCrawl-delay: {wish}\n")
    site.pages["/sitemap.xml"] = _sitemap(site, "/a")
    (found,) = (seen := _look(site)).sites
    assert sum(site.asked.values()) == 1
    assert found.delay_s == seen.seconds == wish
    assert [note.partition(":")[0] for note in found.notes] == [
        "what /.well-known/tdmrep.json says is not known",
        "sitemaps are not asked for",
    ]


def test_a_site_that_wants_to_be_left_alone_is(site: Site) -> None:
    site.pages["/robots.txt"] = Reply(status=503, headers=(("Retry-After", "1000"),))
    (found,) = _look(site).sites
    assert found.error
    assert sum(site.asked.values()) == 1


def test_so_many_sites_are_asked(site: Site) -> None:
    dead = tuple(f"http://127.0.0.9:{port}/" for port in range(1, MAX_SITES + 3))
    seen = _look(site, start=(f"{site.root}/", *dead))
    assert (len(seen.sites), seen.sites_left) == (MAX_SITES, 3)


def test_hosts_are_asked_side_by_side_and_the_slowest_counts(site: Site) -> None:
    with running(Site(), host="127.0.0.2") as other:
        other.pages["/robots.txt"] = _robots("User-agent: *\nCrawl-delay: 0.03\n")
        other.pages["/sitemap.xml"] = _sitemap(other, "/a")
        seen = _look(site, other, delay_s=0.01)
        assert [one.pages for one in seen.sites] == [1, 2]
        assert seen.seconds == pytest.approx(0.06)
        assert seen.most_seconds == pytest.approx(0.03 * 10_000)
        # One after the other, their pauses add up.
        assert _look(site, other, delay_s=0.01, concurrency=1).seconds == pytest.approx(0.07)
