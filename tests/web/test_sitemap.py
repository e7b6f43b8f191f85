"""Sitemaps in their three forms, whole and broken."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import Callable

import pytest

from tests.web.sites import Reply, Site, redirect, running
from tilth.web.address import allowed_places
from tilth.web.client import Client, FetchError, TooLargeError
from tilth.web.lanes import Lanes, PoliteClient
from tilth.web.listing import MAX_LISTED, Listing, is_feed, read_listing
from tilth.web.secrets import Secrets
from tilth.web.sitemap import Found, collect_sitemaps

_URLSET = b"""<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<url><loc> http://example.org/a?x=1&amp;y=2 </loc></url>
<url><loc><![CDATA[http://example.org/b]]></loc></url></urlset>"""
_EXPECTED = ("http://example.org/a?x=1&y=2", "http://example.org/b")


@pytest.mark.parametrize("body", [_URLSET, gzip.compress(_URLSET), b"\xef\xbb\xbf" + _URLSET])
def test_a_list_of_addresses(body: bytes) -> None:
    assert read_listing(body) == Listing("sitemap", _EXPECTED)


def test_plain_text_and_index() -> None:
    assert read_listing(b"http://example.org/a\n\nnonsense\n") == Listing(
        "text", ("http://example.org/a",)
    )
    index = b"<sitemapindex><sitemap><loc>http://example.org/s.xml</loc></sitemap></sitemapindex>"
    assert read_listing(index) == Listing("index", ("http://example.org/s.xml",))


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(gzip.compress(_URLSET)),
        _URLSET.replace(b"<loc>", b'<loc xml:lang="en">').replace(b"</loc>", b"</loc\n>"),
        _URLSET.replace(b"loc>", b"LOC>").replace(b"urlset", b"UrlSet"),
        _URLSET.replace(
            b"</urlset>", b"<!-- <url><loc>http://example.org/x</loc></url> --></urlset>"
        ),
        b"<!-- <sitemapindex> -- -->" + _URLSET + b"<!-- <loc>http://example.org/x</loc>",
        _URLSET.replace(
            b"</url>", b"<image:image><image:loc>http://h/i.png</image:loc></image:image></url>"
        ),
    ],
)
def test_a_list_of_addresses_in_odd_forms(body: bytes) -> None:
    assert read_listing(body) == Listing("sitemap", _EXPECTED)


@pytest.mark.parametrize("body", [b"", b"\0" * 99, b'{"items": []}', b"<opml></opml>", b"words"])
def test_what_lists_nothing_that_is_known_is_no_sitemap(body: bytes) -> None:
    assert read_listing(body) == Listing("text", ())
    assert read_listing(b"<urlset></urlset>") == Listing("sitemap", ())


def test_entities_are_not_expanded_and_bombs_not_unpacked() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><urlset><loc>&c;</loc></urlset>'
    assert read_listing(bomb) == Listing("sitemap", ("&c;",))
    with pytest.raises(TooLargeError):
        read_listing(gzip.compress(b"\0" * (60 << 20)))
    with pytest.raises(FetchError):
        read_listing(b"<!doctype html><html><body>Not found</body></html>")


_FEEDS = {
    "rss": b"""<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>
        <link>http://example.org/</link><item><link>http://example.org/a?x=1&amp;y=2</link>
        <enclosure url="http://example.org/a.mp3"/></item><item><link><![CDATA[http://example.org/b]]>
        </link></item></channel></rss>""",
    "rdf": b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><channel>
        <link>http://example.org/</link></channel><item rdf:about="x">
        <link>http://example.org/a?x=1&amp;y=2</link></item><item>
        <link> http://example.org/b </link></item></rdf:RDF>""",
    "atom": b"""<feed xmlns="http://www.w3.org/2005/Atom"><link rel="self" href="http://h/feed"/>
        <link href="http://example.org/"/><entry><link rel='alternate' type="text/html"
        href='http://example.org/a?x=1&amp;y=2'/><link rel="enclosure" href="http://h/a.mp3"/></entry>
        <entry><link href = "http://example.org/b"></link><link/></entry></feed>""",
}


@pytest.mark.parametrize("kind", sorted(_FEEDS))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gzip"])
def test_a_feed_is_a_list_of_addresses(kind: str, encoding: str) -> None:
    body = _FEEDS[kind]
    assert is_feed(body)
    packed = gzip.compress(body) if encoding == "gzip" else body.decode().encode(encoding)
    assert read_listing(packed) == Listing("feed", ("http://example.org/", *_EXPECTED))


def test_a_sitemap_is_no_feed() -> None:
    assert not is_feed(_URLSET)
    assert not is_feed(b"<html><body><feedback>")


def test_a_sitemap_in_utf_16_and_with_prefixes() -> None:
    body = _URLSET.decode().replace("<loc>", "<s:loc>").replace("</loc>", "</s:loc>")
    for encoding in ("utf-16", "utf-16-le"):
        assert read_listing(body.encode(encoding)) == Listing("sitemap", _EXPECTED)


def test_what_is_beyond_the_protocols_bound_is_counted() -> None:
    lines = b"".join(b"HTTP://example.org/%d\n" % n for n in range(MAX_LISTED + 7))
    listing = read_listing(lines)
    assert (len(listing.addresses), listing.num_left) == (MAX_LISTED, 7)


def test_a_page_that_an_index_calls_a_sitemap_is_a_page() -> None:
    with running(Site()) as site:
        site.html("/in/page")
        site.html("/out")
        site.pages["/s.xml"] = Reply(
            b"<sitemapindex><loc>/in/page</loc><loc>/out</loc></sitemapindex>"
        )
        found = _collect([f"{site.root}/s.xml"], [f"{site.root}/in/guessed"])
        assert list(found.urls) == [f"{site.root}/in/page"]
        assert [outcome.url for outcome in found.failed] == [f"{site.root}/out"]
        # Who says in robots.txt that a page is a sitemap is told.
        told = _collect([f"{site.root}/in/page"], [])
    assert [outcome.url for outcome in told.failed] == [f"{site.root}/in/page"]


def test_a_sitemap_that_is_cut_is_told() -> None:
    with running(Site()) as site:
        text = b"".join(b"%s/in/%d\n" % (site.root.encode(), n) for n in range(MAX_LISTED + 7))
        site.pages["/s.txt"] = Reply(text)
        found = _collect([f"{site.root}/s.txt"], [])
    assert len(found.urls) == MAX_LISTED
    (told,) = found.failed
    assert (told.rule, told.value) == ("max-sitemap-addresses", "50000 of 50007")


def _asking(client: Client) -> PoliteClient:
    return PoliteClient(client, Lanes(0, 1, 1), 0, 0, lambda *_: None)


def _collect(named: list[str], guessed: list[str]) -> Found:
    async def collect() -> Found:
        allowed = allowed_places(("127.0.0.1",), named + guessed)
        async with Client("tilth", 5, allowed) as client:
            return await _gather(client, named, guessed, lambda url: "/in/" in url)

    return asyncio.run(collect())


async def _gather(
    client: Client, named: list[str], guessed: list[str], wanted: Callable[[str], bool]
) -> Found:
    found = Found()
    async for one in collect_sitemaps(_asking(client), named, guessed, wanted):
        found.urls.update(one.urls)
        found.failed += one.failed
    return found


def test_what_the_server_names_with_a_secret_is_found_under_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLANTED", "S3cret+of/the=day")
    value = "S3cret+of/the%3dday"

    async def collect(root: str) -> Found:
        secrets = Secrets({}, [f"{root}/?k=${{PLANTED}}"])
        allowed = allowed_places(("127.0.0.1",), [root])
        async with Client("tilth", 5, allowed, secrets=secrets) as client:
            return await _gather(client, [f"{root}/0?k=${{PLANTED}}"], [], lambda _: True)

    with running(Site()) as site:
        site.pages["/0?k=S3cret+of/the=day"] = redirect(f"/1?k={value}")
        site.pages["/1?k=S3cret+of/the=day"] = Reply(
            f"<sitemapindex><loc>/2?k={value}</loc><loc>/gone?k={value}</loc></sitemapindex>".encode()
        )
        site.pages["/2?k=S3cret+of/the=day"] = Reply(
            f"<urlset><loc>{site.root}/in?k={value}</loc></urlset>".encode()
        )
        found = asyncio.run(collect(site.root))
    assert list(found.urls) == [f"{site.root}/in?k=${{PLANTED}}"]
    assert [outcome.url for outcome in found.failed] == [f"{site.root}/gone?k=${{PLANTED}}"]
    assert set(site.asked) == {f"/{name}?k=S3cret+of/the=day" for name in ("0", "1", "2", "gone")}


def test_indexes_are_followed_once_and_failures_told() -> None:
    with running(Site()) as site:
        root = site.root
        index = f"<sitemapindex><loc>{root}/1.xml</loc><loc>{root}/0.xml</loc></sitemapindex>"
        one = f"<urlset><loc>{root}/in/a</loc><loc>{root}/out/b</loc></urlset>"
        site.pages = {"/0.xml": Reply(index.encode()), "/1.xml": Reply(one.encode())}
        found = _collect([f"{root}/0.xml", f"{root}/gone.xml"], [f"{root}/sitemap.xml"])
    assert list(found.urls) == [f"{root}/in/a"]
    assert [(f.url, f.error) for f in found.failed] == [
        (f"{root}/gone.xml", "the sitemap cannot be read: HTTP status 404")
    ]
    assert site.asked["/0.xml"] == 1


def test_of_what_is_beyond_the_bound_nothing_is_held() -> None:
    body = b"ab\n" * 300_000 + b"http\n" * 3 * MAX_LISTED
    tracemalloc.start()
    try:
        listing = read_listing(body)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(listing.addresses), listing.num_left) == (MAX_LISTED, 2 * MAX_LISTED)
    # An address takes 53 bytes and its place 8, and a tuple is made out of a list.
    assert most < 100 * MAX_LISTED


def test_one_sitemap_is_held_at_a_time() -> None:
    async def collect(root: str) -> list[tuple[int, list[str]]]:
        taken = []
        async with Client("tilth", 5, allowed_places(("127.0.0.1",), [root])) as client:
            named = [f"{root}/{n}" for n in range(3)]
            async for found in collect_sitemaps(_asking(client), named, [], lambda _: True):
                taken.append((sum(site.asked.values()), list(found.urls)))
        return taken

    with running(Site()) as site:
        for n in range(3):
            site.pages[f"/{n}"] = Reply(f"<urlset><loc>/of/{n}</loc></urlset>".encode())
        taken = asyncio.run(collect(site.root))
    assert taken == [(n + 1, [f"{site.root}/of/{n}"]) for n in range(3)]


def test_so_many_sitemaps_are_asked_for_whoever_names_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tilth.web.sitemap.MAX_SITEMAPS", 4)
    with running(Site()) as site:
        root = site.root
        index = b"<sitemapindex><loc>/a</loc><loc>/b</loc></sitemapindex>"
        site.pages = {path: Reply(index) for path in ("/0", "/1", "/2")}
        found = _collect([f"{root}/{n}" for n in range(3)], [])
        assert {f.url for f in found.failed if f.rule == "max-sitemaps"} == {f"{root}/b"}
        assert set(site.asked) == {"/0", "/1", "/2", "/a"}
        site.asked.clear()
        found = _collect([f"{root}/x{n}" for n in range(6)], [])
        assert [f.url for f in found.failed if f.rule] == [f"{root}/x4", f"{root}/x5"]
        assert len(site.asked) == 4
