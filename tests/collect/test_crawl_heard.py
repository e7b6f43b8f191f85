"""A crawl hears what a site says, goes where it may, and takes no byte for more than it is."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.sites import Reply, Site, redirect, running
from tilth.collect import crawl
from tilth.context import Context
from tilth.errors import UsageError
from tilth.web.listing import MAX_LISTED

Rows = dict[str, dict[str, Any]]
_TEXT = (("Content-Type", "text/plain"),)


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as site:
        yield site


def _rows(
    site: Site, work: Path, told: list[tuple[str, str]] | None = None, **changes: Any
) -> Rows:
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
    passed: list[tuple[str, str]] = [] if told is None else told
    context = Context(work=work, passes_over=lambda place, why: passed.append((place, why)))
    batches = list(crawl.read(settings, "docs", context))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert len({row["uri"] for row in rows}) == len(rows)
    return {row["uri"].removeprefix(site.root): row for row in rows}


def _robots(text: str) -> Reply:
    return Reply(text.encode(), headers=(("Content-Type", "text/plain"),))


@pytest.mark.parametrize("status", [200, 203, 206])
def test_rules_are_heard_with_whatever_success_they_come(
    status: int, site: Site, tmp_path: Path
) -> None:
    """A proxy on the way that changed something says 203 (RFC 9110, 15.3.4)."""
    site.pages["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /no\n", status)
    site.html("/", "/no")
    assert _ends(_rows(site, tmp_path)) == {"/": None, "/no": "robots"}
    assert "/no" not in site.asked


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


def _ends(rows: Rows) -> dict[str, str | None]:
    return {path: row["drop.rule"] for path, row in rows.items()}


@pytest.mark.parametrize("shape", ["long", "utf-16", "gzip-bomb"])
def test_a_robots_file_is_kept_to_whatever_its_shape(
    shape: str, site: Site, tmp_path: Path
) -> None:
    rules = "User-agent: *\nDisallow: /private/\n"
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/plain"),)
    body = rules.encode()
    if shape == "long":
        body += b"# words\n" * (5 << 17)
    elif shape == "utf-16":
        body = rules.encode("utf-16")
    else:
        body = gzip.compress(body + b"# words\n" * (64 << 17), 1)
        headers = (*headers, ("Content-Encoding", "gzip"))
    site.pages["/robots.txt"] = Reply(body, headers=headers)
    site.html("/", "/private/x", "/open")
    site.html("/private/x")
    site.html("/open")
    rows = _rows(site, tmp_path)
    assert _ends(rows) == {"/": None, "/private/x": "robots", "/open": None}
    assert "/private/x" not in site.asked


def test_what_a_site_keeps_for_itself_is_not_asked(site: Site, tmp_path: Path) -> None:
    site.pages["/robots.txt"] = _robots(
        "User-agent: *\nContent-Signal: search=yes, ai-train=yes\nContent-Usage: /own/ train-ai=n\n"
    )
    site.pages["/.well-known/tdmrep.json"] = Reply(
        b'[{"location": "/pics/", "tdm-reservation": 1}]',
        headers=(("Content-Type", "application/json"),),
    )
    site.html("/", "/own/x", "/pics/x", "/free")
    for path in ("/own/x", "/pics/x", "/free"):
        site.html(path)
    rows = _rows(site, tmp_path / "drop")
    assert _ends(rows) == {
        "/": None,
        "/free": None,
        "/own/x": "robots-content-usage",
        "/pics/x": "tdm-reservation",
    }
    assert not {"/own/x", "/pics/x"} & set(site.asked)
    assert rows["/own/x"]["drop.value"] == "train-ai=n"
    assert site.asked["/.well-known/tdmrep.json"] == 1
    recorded = _rows(site, tmp_path / "record", opt_outs="record")
    assert set(_ends(recorded).values()) == {None}
    assert recorded["/own/x"]["consent"] == "robots.txt: allowed; train-ai=n"
    assert recorded["/pics/x"]["consent"] == "robots.txt: allowed; tdmrep.json tdm-reservation: 1"


def test_a_site_that_forbids_it_is_not_asked_for_its_tdmrep(site: Site, tmp_path: Path) -> None:
    site.pages["/robots.txt"] = _robots("User-agent: *\nDisallow: /.well-known/\n")
    site.html("/")
    assert _ends(_rows(site, tmp_path)) == {"/": None}
    assert set(site.asked) == {"/robots.txt", "/"} | ({"/sitemap.xml"} & set(site.asked))


@pytest.mark.parametrize(
    "head",
    [
        '<meta name="robots" content="noindex nofollow">',
        '<meta name="robots" content="noindex; nofollow">',
        '<meta http-equiv="X-Robots-Tag" content="noai">',
        '<meta name="robots" content="noimageai">',
        '<meta name="robots" content="unavailable_after: 25 Jun 2020 15:00:00 PST">',
        '<meta http-equiv="TDM-Reservation" content="1">',
        '<meta name="robots" content="max-snippet:-1"><meta name="ROBOTS" content="NOAI">',
    ],
)
def test_no_opt_out_of_an_element_is_missed(head: str, site: Site, tmp_path: Path) -> None:
    site.html("/", "/page")
    site.html("/page", head=head)
    rows = _rows(site, tmp_path)
    assert rows["/page"]["html"] is None
    assert rows["/page"]["drop.rule"] is not None


@pytest.mark.parametrize(
    "header",
    [
        ("X-Robots-Tag", "noindex nofollow"),
        ("X-Robots-Tag", "otherbot: noindex, noai"),
        ("X-Robots-Tag", "unavailable_after: 25 Jun 2020 15:00:00 PST"),
        ("Content-Usage", "train-ai=n"),
        ("Content-Signal", "search=yes, ai-train=no"),
        ("TDM-Reservation", "1"),
    ],
)
def test_no_opt_out_of_a_header_is_missed(
    header: tuple[str, str], site: Site, tmp_path: Path
) -> None:
    site.html("/", "/page")
    site.html("/page", headers=(("Content-Type", "text/html"), header))
    rows = _rows(site, tmp_path)
    assert rows["/page"]["html"] is None
    assert rows["/page"]["drop.rule"] is not None


def test_a_pause_that_is_not_kept_is_told(site: Site, tmp_path: Path) -> None:
    site.pages["/robots.txt"] = _robots("User-agent: *\nCrawl-delay: 1e9\n")
    site.html("/", "/page")
    site.html("/page")
    told: list[tuple[str, str]] = []
    rows = _rows(site, tmp_path, told)
    assert _ends(rows) == {"/": None, "/page": None}
    words = "crawl-delay 1e9 is longer than a day, and is not kept"
    assert words in rows["/page"]["consent"]
    assert told == [(f"{site.root}/robots.txt", words)]


def test_a_feed_that_is_cut_says_so(site: Site, tmp_path: Path) -> None:
    links = f"<link>{site.root}/news</link>" * (MAX_LISTED + 1)
    reply = Reply(f"<rss>{links}</rss>".encode(), headers=(("Content-Type", "text/xml"),))
    site.pages["/feed"] = reply
    site.html("/", "/feed")
    site.html("/news")
    rows = _rows(site, tmp_path)
    assert _ends(rows) == {"/": None, "/feed": "feed", "/news": None}
    assert rows["/feed"]["drop.value"] == "50000 of 50001"


def test_feeds_frames_and_refreshes_are_followed(site: Site, tmp_path: Path) -> None:
    feed = f"<rss><channel><item><link>{site.root}/news</link></item></channel></rss>"
    site.pages["/feed"] = Reply(feed.encode(), headers=(("Content-Type", "text/xml"),))
    site.pages["/data"] = Reply(b"<data/>", headers=(("Content-Type", "application/xml"),))
    site.html(
        "/",
        "/data",
        head='<meta http-equiv="refresh" content="9; url=/moved">'
        '<link rel="alternate" type="application/rss+xml" href="/feed">',
        text='<iframe src="/frame"></iframe>',
    )
    for path in ("/moved", "/frame", "/news"):
        site.html(path)
    rows = _rows(site, tmp_path)
    assert _ends(rows) == {
        "/": None,
        "/moved": None,
        "/frame": None,
        "/news": None,
        "/feed": "feed",
        "/data": "content-type",
    }
    assert rows["/feed"]["drop.value"] == "1"


def test_headers_lead_where_elements_would(site: Site, tmp_path: Path) -> None:
    """A refresh, a canonical page, and a row of pages that only its headers hold together."""
    html = ("Content-Type", "text/html")
    site.html("/", "/text", "/copy", "/wish", "/über", headers=(html, ("Link", "</2>; rel=next")))
    site.html("/2", headers=(html, ("Link", "</3>; rel=next, </>; rel=prev")))
    site.html("/3", headers=(html, ("Refresh", "0; url=/4")))
    site.pages["/text"] = Reply(b"x", headers=(*_TEXT, ("Refresh", "1;/5")))
    site.html("/copy", headers=(html, ("Link", f"<{site.root}/4>; rel=canonical")))
    leads = ("Link", "</never>; rel=next"), ("Refresh", "1; /never")
    site.html("/wish", headers=(html, ("X-Robots-Tag", "nofollow"), *leads))
    nofollow = ("X-Robots-Tag", "nofollow")
    feed = f"<rss><link>{site.root}/never</link></rss>".encode()
    site.pages["/feed"] = Reply(feed, headers=(("Content-Type", "text/xml"), nofollow, *leads))
    site.html("/4", "/feed")
    site.html("/5")
    # The bytes of an address stand in a header as they are.
    site.pages["/%C3%BCber"] = redirect("/é".encode().decode("latin-1"))
    site.html("/%C3%A9", headers=(html, ("Refresh", "0;/\xe8")))
    site.html("/%E8")
    rows = _rows(site, tmp_path, sitemaps=False)
    assert _ends(rows) == {
        **dict.fromkeys(("/", "/2", "/3", "/4", "/5", "/wish", "/%C3%A9", "/%E8"), None),
        "/text": "content-type",
        "/copy": "canonical",
        "/feed": "feed",
        "/%C3%BCber": "redirect",
    }
    # The same of what is in the archive by now.
    asked = site.asked.total()
    assert _rows(site, tmp_path, sitemaps=False, max_pages=99) == rows
    assert site.asked.total() == asked
