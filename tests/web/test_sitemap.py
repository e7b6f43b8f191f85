"""Sitemaps in their three forms, whole and broken."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from tests.web.sites import Reply, Site, redirect, running
from tilth.web.address import allowed_places
from tilth.web.client import Client, FetchError, TooLargeError
from tilth.web.retry import PatientClient
from tilth.web.secrets import Secrets
from tilth.web.sitemap import Found, collect_sitemaps, read_sitemap

_URLSET = b"""<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<url><loc> http://example.org/a?x=1&amp;y=2 </loc></url>
<url><loc><![CDATA[http://example.org/b]]></loc></url></urlset>"""
_EXPECTED = ["http://example.org/a?x=1&y=2", "http://example.org/b"]


@pytest.mark.parametrize("body", [_URLSET, gzip.compress(_URLSET), b"\xef\xbb\xbf" + _URLSET])
def test_a_list_of_addresses(body: bytes) -> None:
    assert read_sitemap(body) == (_EXPECTED, False)


def test_plain_text_and_index() -> None:
    assert read_sitemap(b"http://example.org/a\n\nnonsense\n") == (["http://example.org/a"], False)
    index = b"<sitemapindex><sitemap><loc>http://example.org/s.xml</loc></sitemap></sitemapindex>"
    assert read_sitemap(index) == (["http://example.org/s.xml"], True)


def test_entities_are_not_expanded_and_bombs_not_unpacked() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><urlset><loc>&c;</loc></urlset>'
    assert read_sitemap(bomb) == (["&c;"], False)
    with pytest.raises(TooLargeError):
        read_sitemap(gzip.compress(b"\0" * (60 << 20)))
    with pytest.raises(FetchError):
        read_sitemap(b"<!doctype html><html><body>Not found</body></html>")


def _collect(named: list[str], guessed: list[str]) -> Found:
    async def collect() -> Found:
        allowed = allowed_places(("127.0.0.1",), named + guessed)
        async with Client("tilth", 5, allowed) as client:
            patient = PatientClient(client, 0, 0)
            return await collect_sitemaps(patient, named, guessed, lambda url: "/in/" in url)

    return asyncio.run(collect())


def test_what_the_server_names_with_a_secret_is_found_under_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLANTED", "S3cret+of/the=day")
    value = "S3cret+of/the%3dday"

    async def collect(root: str) -> Found:
        secrets = Secrets({}, [f"{root}/?k=${{PLANTED}}"])
        allowed = allowed_places(("127.0.0.1",), [root])
        async with Client("tilth", 5, allowed, secrets=secrets) as client:
            patient = PatientClient(client, 0, 0)
            return await collect_sitemaps(patient, [f"{root}/0?k=${{PLANTED}}"], [], lambda _: True)

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
