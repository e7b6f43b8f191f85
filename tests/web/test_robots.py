"""robots.txt as sites have it, and a page's own opt-outs."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tilth.web.robots import RobotsFile, decode_robots, read_wishes

_RULES = """
User-agent: *
Disallow: /private/
Allow: /private/open
Crawl-delay: 2

User-agent: tilth
Disallow: /*.pdf$
Request-rate: 1/5

Sitemap: http://example.org/sitemap.xml
"""


def test_rules_delay_and_sitemaps() -> None:
    everyone = RobotsFile(_RULES, "other")
    assert not everyone.allows("http://example.org/private/x")
    assert everyone.allows("http://example.org/private/open")
    assert everyone.delay_s == 2
    assert everyone.sitemaps == ["http://example.org/sitemap.xml"]
    ours = RobotsFile(_RULES, "tilth")
    assert ours.allows("http://example.org/private/x")
    assert not ours.allows("http://example.org/a.pdf")
    assert ours.delay_s == 5


def test_no_file_allows_everything() -> None:
    assert RobotsFile(None, "tilth").allows("http://example.org/x")
    assert RobotsFile(None, "tilth").delay_s == 0


@pytest.mark.parametrize(
    "body", [b"", b"\xef\xbb\xbfUser-agent: *\nDisallow: /", b"\xff\xfe\0U", b"<html>", b"\0" * 100]
)
def test_any_bytes_are_read(body: bytes) -> None:
    robots = RobotsFile(decode_robots(body), "tilth")
    assert robots.allows("http://example.org/x") == (b"Disallow" not in body)


def test_every_real_file_is_read(shared_data: Path) -> None:
    archive = shared_data / "robots-txt" / "robots.tar.xz"
    if not archive.exists():
        pytest.skip(f"no {archive}")
    count = forbidding = 0
    with tarfile.open(archive) as files:
        for member in files:
            file = files.extractfile(member) if member.isfile() else None
            if file is None:
                continue
            host = Path(member.name).stem
            robots = RobotsFile(decode_robots(file.read()), "tilth")
            assert robots.delay_s >= 0
            assert all(isinstance(url, str) for url in robots.sitemaps)
            paths = ("/", "/search?q=x", "/admin/", "/a/b.pdf")
            forbidding += not all(robots.allows(f"https://{host}{path}") for path in paths)
            count += 1
    assert count == 1500
    # Most sites forbid a part of these, and hardly any all: a reader that got it wrong either
    # way would be far off.
    assert 300 < forbidding < 1200


def test_page_directives() -> None:
    meta = (("robots", "NoIndex, nofollow".lower()), ("description", "noai"))
    wishes = read_wishes((), meta, "tilth")
    assert wishes.rule == "robots-meta-noindex"
    assert not wishes.follow
    assert (
        wishes.consent(RobotsFile(None, "x")) == "robots.txt: none; meta robots: noindex, nofollow"
    )


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("noai", "robots-header-noai"),
        ("none", "robots-header-none"),
        ("googlebot: noindex", None),
        ("googlebot: noindex, nofollow", None),
        ("otherbot: noindex, tilth: noai", "robots-header-noai"),
        ("TILTH: noindex", "robots-header-noindex"),
        ("unavailable_after: 25 Jun 2030, noindex", "robots-header-noindex"),
        ("max-snippet: 5", None),
        ("all", None),
        ("", None),
    ],
)
def test_header_directives(value: str, rule: str | None) -> None:
    assert read_wishes((("X-Robots-Tag", value),), (), "tilth").rule == rule


def test_reserved_rights() -> None:
    assert read_wishes((("TDM-Reservation", "1"),), (), "tilth").rule == "tdm-reservation"
    assert read_wishes((), (("tdm-reservation", "1"),), "tilth").rule == "tdm-reservation"
    assert read_wishes((), (("tdm-reservation", "0"),), "tilth").rule is None
    wishes = read_wishes((), (("robots", "index, follow"),), "tilth")
    assert wishes.rule is None
    assert wishes.follow
