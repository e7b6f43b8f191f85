"""robots.txt as sites have it, and a page's own opt-outs."""

from __future__ import annotations

import gzip
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tilth.web.robots import MAX_ROBOTS_BYTES, RobotsFile, decode_robots, read_wishes

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


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8", "utf-8-sig", "utf-32"]
)
def test_a_file_is_read_however_it_was_saved(encoding: str) -> None:
    text = "# Bitte h\u00f6flich\r\nUser-agent: *\r\nDisallow: /privat/\r\nDisallow: /\u00e4\r\n"
    robots = RobotsFile(decode_robots(text.encode(encoding)), "tilth")
    assert not robots.allows("http://example.org/privat/x")
    assert not robots.allows("http://example.org/%C3%A4")
    assert robots.allows("http://example.org/x")


@pytest.mark.parametrize("unseen", ["\ufeff\ufeff", "\u200b", " \u2060", "\u00a0"])
def test_what_nobody_sees_hides_no_rule(unseen: str) -> None:
    text = f"{unseen}User-agent: *\n{unseen}Disallow:{unseen} /no\n"
    robots = RobotsFile(decode_robots(text.encode()), "tilth")
    assert (robots.allows("http://h/no"), robots.allows("http://h/x")) == (False, True)


def test_a_file_that_was_stored_packed_is_read() -> None:
    rules = b"User-agent: *\nDisallow: /no\n"
    for packed in (gzip.compress(rules), gzip.compress(rules + b"#\n" * (1 << 24))):
        robots = RobotsFile(decode_robots(packed), "tilth")
        assert (robots.allows("http://h/no"), robots.allows("http://h/x")) == (False, True)
    # What is damaged says nothing, and fails nobody.
    assert decode_robots(b"\x1f\x8b" + b"\0" * 9)


def test_of_a_long_file_the_begin_is_read() -> None:
    rules = "User-agent: *\nDisallow: /private/\n"
    comments = "# words\n" * (MAX_ROBOTS_BYTES // 8)
    text = decode_robots((rules + comments + "Disallow: /\n").encode())
    assert len(text) <= MAX_ROBOTS_BYTES
    robots = RobotsFile(text, "tilth")
    assert not robots.allows("http://example.org/private/x")
    assert robots.allows("http://example.org/x")
    # Half a line is another rule than the whole.
    cut = "User-agent: *\n" + "#" * (MAX_ROBOTS_BYTES - 26) + "\nAllow: /\nDisallow: /a\n"
    half = decode_robots((cut + "Disallow: /abc\n").encode()[: MAX_ROBOTS_BYTES + 1])
    assert half.endswith("\n")


@pytest.mark.parametrize(
    ("rule", "delay_s", "unheard"),
    [
        ("Crawl-delay: 86400", 86_400, ""),
        ("Crawl-delay: 5 seconds", 5, ""),
        ("Crawl-delay: .5", 0.5, ""),
        ("Crawl-delay: 2\nCrawl-delay: 1", 2, ""),
        ("Crawl-delay: 1e9", 0, "crawl-delay 1e9 is longer than a day, and is not kept"),
        ("Crawl-delay: 1e999", 0, "crawl-delay 1e999 is longer than a day, and is not kept"),
        ("Request-rate: 1/9d", 0, "request-rate 1/9d is longer than a day, and is not kept"),
        ("Request-rate: 2/1m 0600-0845", 30, ""),
        ("Request-rate: 0/1", 0, ""),
        ("Crawl-delay: nan", 0, ""),
        ("Crawl-delay: -1", 0, ""),
        ("Crawl-delay: \u00b2", 0, ""),
    ],
)
def test_pauses_are_kept_or_said_not_to_be(rule: str, delay_s: float, unheard: str) -> None:
    robots = RobotsFile(f"User-agent: *\n{rule}\n", "tilth")
    assert robots.delay_s == delay_s
    assert robots.unheard == ((unheard,) if unheard else ())
    # What is not kept to stands in the books with each page.
    consent = read_wishes((), (), "tilth").consent(robots)
    assert (unheard in consent) if unheard else (consent == "robots.txt: allowed")


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
        ("max-snippet: 5 noindex", "robots-header-noindex"),
        ("all", None),
        ("noindex nofollow", "robots-header-noindex"),
        ("nofollow;  noindex", "robots-header-noindex"),
        ("noimageai", "robots-header-noimageai"),
        # For another crawler, and behind it a word that is for all who train.
        ("otherbot: noindex, noai", "robots-header-noai"),
        ("otherbot: noindex, nofollow, noimageai", "robots-header-noimageai"),
        ("otherbot: noai", None),
        ("tilth: noindex nofollow", "robots-header-noindex"),
        ("unavailable_after: 25 Jun 2020 15:00:00 PST", "robots-unavailable_after"),
        ("unavailable_after: Wednesday, 25-Jun-20 15:00:00 GMT", "robots-unavailable_after"),
        ("unavailable_after: Thu, 25 Jun 2020 15:00:00 GMT, all", "robots-unavailable_after"),
        ("unavailable_after: 2020-06-25", "robots-unavailable_after"),
        ("unavailable_after: 2020-06-25T15:00:00+02:00", "robots-unavailable_after"),
        ("unavailable_after: 25 Jun 2020", "robots-unavailable_after"),
        ("unavailable_after: 25 Jun 2030 15:00:00 PST, all", None),
        ("unavailable_after: soon", None),
        ("unavailable_after: 31 Dec 9999 23:59:59 -9999", None),
        ("otherbot: unavailable_after: 25 Jun 2020 15:00:00 PST", None),
        ("unavailable-after: 2020/06/25", "robots-unavailable_after"),
        # `none` of a preview is its size.
        ("max-image-preview:none", None),
        ("max-image-preview=none, max-snippet: 0", None),
        ("max-image-preview: none noindex", "robots-header-noindex"),
        # However it is quoted, parted, spelt or bound to a value, and for everyone by name.
        ('"noindex, nofollow"', "robots-header-noindex"),
        ("'noindex'", "robots-header-noindex"),
        ("nofollow|noindex", "robots-header-noindex"),
        ("noindex/nofollow", "robots-header-noindex"),
        ("noindex.", "robots-header-noindex"),
        ("noindex: true", "robots-header-noindex"),
        ("noindex=1", "robots-header-noindex"),
        ("no-index, no-follow", "robots-header-noindex"),
        ("No-AI", "robots-header-noai"),
        ("*: noindex", "robots-header-noindex"),
        ("robots: noindex", "robots-header-noindex"),
        ("all: noindex", "robots-header-noindex"),
        ("tilth/1.0: noindex", "robots-header-noindex"),
        ("other/1.0: noindex", None),
        ("", None),
    ],
)
def test_header_directives(value: str, rule: str | None) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert read_wishes((("X-Robots-Tag", value),), (), "tilth", now).rule == rule


@pytest.mark.parametrize("name", ["robots", "tilth", "x-robots-tag"])
@pytest.mark.parametrize("value", ["noindex nofollow", "noindex; nofollow", "nofollow,noindex"])
def test_elements_directives(name: str, value: str) -> None:
    wishes = read_wishes((), ((name, value),), "tilth")
    assert wishes.rule == "robots-meta-noindex"
    assert not wishes.follow


def test_an_elements_words_are_for_no_other_crawler() -> None:
    assert read_wishes((), (("robots", "x:y, noindex"),), "tilth").rule == "robots-meta-noindex"
    assert read_wishes((), (("x-robots-tag", "otherbot: noindex"),), "tilth").rule is None


@pytest.mark.parametrize(
    ("name", "value", "is_reserved"),
    [
        ("Content-Usage", "train-ai=n", True),
        ("content-usage", "search=y, TRAIN-AI=N", True),
        ("Content-Usage", "bots=n", True),
        ("Content-Usage", "bots=n, train-ai=y", False),
        ("Content-Usage", "train-ai=y, train-ai=n", True),
        ("Content-Usage", "train-ai", False),
        ("Content-Usage", "", False),
        ("Content-Signal", "search=yes, ai-train=no", True),
        ("Content-Signal", "ai-train=yes, search=no", False),
        ("Content-Signal", "ai-input=no", False),
        ("Content-Signal", "search = yes, ai-train = no", True),
        ("Content-Signal", "ai-train: no", True),
        ("Content-Signal", "'ai-train'='no'", True),
        ("Content-Usage", "train-ai=n;exp=1", True),
        ("Content-Usage", "train-ai=?0", True),
        ("Content-Usage", "train-ai = y", False),
        ("Content-Signature", "ai-train=no", False),
    ],
)
def test_usage_is_heard(name: str, value: str, is_reserved: bool) -> None:
    for headers, meta in ((((name, value),), ()), ((), ((name.lower(), value.lower()),))):
        wishes = read_wishes(headers, meta, "tilth")
        assert wishes.rule == ("content-usage" if is_reserved else None)
        assert ("content-usage" in wishes.consent(RobotsFile(None, "x"))) == is_reserved


_USAGE = """User-agent: *
Content-Signal: search=yes, ai-train=no
Content-Usage: /open/ train-ai=y
Content-Usage: /open/not/ train-ai = n
Allow: /

User-agent: otherbot
Content-Usage: train-ai=n
"""


def test_usage_in_a_robots_file() -> None:
    robots = RobotsFile(_USAGE, "tilth")
    assert robots.allows("http://h/x")
    assert robots.reserves("http://h/x") == ("robots-content-usage", "ai-train=no")
    assert robots.reserves("http://h/open/x") is None
    assert robots.reserves("http://h/open/not/x") == ("robots-content-usage", "train-ai=n")
    assert (
        RobotsFile("User-agent: otherbot\nContent-Usage: train-ai=n", "tilth").reserves(
            "http://h/x"
        )
        is None
    )
    assert RobotsFile(None, "tilth").reserves("http://h/x") is None


@pytest.mark.parametrize(
    ("file", "reserved"),
    [
        ('[{"location": "/", "tdm-reservation": 1}]', "/ /a /pics/x /docs/a.pdf"),
        ('[{"location": "/pics/", "tdm-reservation": 1, "tdm-policy": "http://p"}]', "/pics/x"),
        ('[{"location": "/docs/*.pdf", "tdm-reservation": "1"}]', "/docs/a.pdf"),
        (
            '[{"location": "/", "tdm-reservation": 1}, {"location": "/a$", "tdm-reservation": 0}]',
            "/ /pics/x /docs/a.pdf",
        ),
        ('{"location": "/", "tdm-reservation": true}', "/ /a /pics/x /docs/a.pdf"),
        ('[{"location": "/", "tdm-reservation": 0}]', ""),
        ('[{"location": 7, "tdm-reservation": 1}, 3, null, {"tdm-policy": 1}]', ""),
        ("[" * 100_000, ""),
        ("<html>not found</html>", ""),
        ("", ""),
    ],
)
def test_what_a_sites_tdmrep_reserves(file: str, reserved: str) -> None:
    robots = RobotsFile("", "tilth", file.encode())
    paths = ("/", "/a", "/pics/x", "/docs/a.pdf")
    found = [path for path in paths if robots.reserves(f"http://h{path}") is not None]
    assert found == reserved.split()


@pytest.mark.parametrize(
    ("value", "is_reserved"),
    [
        *((value, True) for value in ("1", ' "1" ', "1;", "1, 1", "?1", "true")),
        *((value, False) for value in ("0", "", "10", "no")),
    ],
)
def test_reserved_rights(value: str, is_reserved: bool) -> None:
    rule = "tdm-reservation" if is_reserved else None
    assert read_wishes((("TDM-Reservation", value),), (), "tilth").rule == rule
    assert read_wishes((), (("tdm-reservation", value),), "tilth").rule == rule
    assert read_wishes((), (("tdm-reservation", "0"),), "tilth").rule is None
    wishes = read_wishes((), (("robots", "index, follow"),), "tilth")
    assert wishes.rule is None
    assert wishes.follow
