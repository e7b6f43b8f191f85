"""Ten times the bytes of a stranger take about ten times as long, whatever they are."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.growth.measure import assert_linear, least_s
from tilth.web.address import canonical_host
from tilth.web.client import FetchError, TooLargeError, decompress
from tilth.web.forms import form, pattern
from tilth.web.links import header_links, read_markup
from tilth.web.listing import Listing, read_listing
from tilth.web.retry import retry_after_s
from tilth.web.robots import RobotsFile, read_wishes
from tilth.web.urls import join, joined_in_folder, normalize
from tilth.web.usage import read_tdmrep


def _check(work_of: Callable[[int], Callable[[], object]], size: int) -> None:
    def make(num: int) -> Callable[[], object]:
        work = work_of(num)

        def run() -> None:
            joined_in_folder.cache_clear()
            work()

        return run

    assert_linear(make, size, 2 * size)


def _refused(work: Callable[[], object]) -> None:
    with contextlib.suppress(ValueError, FetchError, TooLargeError):
        work()


_LINKS: dict[str, Callable[[int], str]] = {
    "labels": lambda n: "http://" + "aa." * n + "_/",
    "digit-labels": lambda n: "http://h" + ".a1" * n + "_/",
    "label": lambda n: "http://" + "a" * n + "_/",
    "hyphens": lambda n: "http://a" + "-" * n + "_/",
    "letters-digits": lambda n: "http://a." + "a1" * n + "!/",
    "idn": lambda n: "http://" + "é" * n + "/",
    "idn-labels": lambda n: "http://" + "é." * n + "/",
    "dots": lambda n: "http://h/" + "a." * n + "!",
    "steps": lambda n: "http://h/" + "a/../" * n,
    "escapes": lambda n: "http://h/" + "%" * n,
    "brackets": lambda n: "http://" + "[" * n,
    "at": lambda n: "http://" + "a@" * n + "h/",
    "colons": lambda n: "http://h" + ":1" * n + "/",
    "blanks": lambda n: "http://h/" + " " * n + "!",
    "digits": lambda n: "http://" + "1" * n + "/",
}


@pytest.mark.parametrize("shape", sorted(_LINKS))
def test_links(shape: str) -> None:
    _check(lambda n: lambda: join("http://h/", _LINKS[shape](n)), 5_000)
    _check(lambda n: lambda: _refused(lambda: normalize(_LINKS[shape](n))), 5_000)


_ADDRESSES: dict[str, Callable[[int], str]] = {
    "segments": lambda n: "/a" * n,
    "periods": lambda n: "/a/b/c" * n,
    "digits": lambda n: "/1a" * n,
    "names": lambda n: "/?" + "&".join(f"{i}=1" for i in range(n)),
    "sessions": lambda n: "/" + ";jsessionid=1" * n + "?" + "&phpsessid=" * n,
    "values": lambda n: "/?sid=" + "a1" * n,
    "servers": lambda n: "/(S(" * n,
    "files": lambda n: "/index." * n,
}


@pytest.mark.parametrize("shape", sorted(_ADDRESSES))
def test_forms_of_addresses(shape: str) -> None:
    for read in (form, pattern):
        _check(lambda n, read=read: lambda: read(f"http://h{_ADDRESSES[shape](n)}"), 500)  # type: ignore[misc]


@pytest.mark.parametrize(
    "unit", [b"1.", b"12:", b"<b>1</b>", b"<script>", b"<!--", b"<script></style>-"]
)
def test_looks(unit: bytes) -> None:
    _check(lambda n: lambda: read_markup(unit * n, "http://h/1", None, looks=True), 1_000)


def test_a_link_of_short_labels_is_read_at_once() -> None:
    """Each further label once doubled the time: 26 took 9.4 s."""
    link = "http://a" + ".aa" * 26 + "_/"
    assert join("http://h/", link) == link
    assert least_s(lambda: join("http://h/", link), 0.1) < 0.1


@pytest.mark.parametrize("unit", ["é", "é.", "a.", ":", "1", "0x", "。"])
def test_hosts(unit: str) -> None:
    _check(lambda n: lambda: _refused(lambda: canonical_host(unit * n)), 2_000)


_PAGES: dict[str, Callable[[int], bytes]] = {
    "links-and-areas": lambda n: b"<a href=a>" * n + b"<area href=b>" * n,
    "links": lambda n: b"".join(b"<a href=%d></a>" % i for i in range(n)),
    "attributes": lambda n: b"<a " + b" ".join(b"x%d=1" % i for i in range(n)) + b">",
    "attributes-after-quotes": lambda n: (
        b"<a y='>' " + b" ".join(b"x%d='>'" % i for i in range(n)) + b">"
    ),
    "open-quotes": lambda n: b"<a '" * n,
    "nesting": lambda n: b"<div>" * n,
    "open-tags": lambda n: b"<a " * n,
    "comments": lambda n: b"<!--" * n,
    "less-than": lambda n: b"<" * n,
    "heads": lambda n: (
        b"<base href=a><meta name=robots content=a,b><link rel=canonical href=b>" * n
    ),
    "blanks": lambda n: b" " * n,
    "nulls": lambda n: b"a\0" * n,
    "references": lambda n: b"<a href='" + b"&#9;" * n + b"'>",
    # 20,000 letters once took 10 s.
    "letters": lambda n: b"<a href=" + b"a" * n + b">",
    "host-letters": lambda n: b"<a href=http://" + b"a" * n + b"/>",
    "refreshes": lambda n: b"<meta http-equiv=refresh content='0;url=" + b"a;" * n + b"'>",
    "frames": lambda n: b"".join(b"<iframe src=%d></iframe>" % i for i in range(n)),
    "wishes": lambda n: b"<meta http-equiv=x-robots-tag content='" + b"a:b," * n + b"'>",
}


@pytest.mark.parametrize("shape", sorted(_PAGES))
def test_pages(shape: str) -> None:
    _check(
        lambda n: (lambda body: lambda: read_markup(body, "http://h/", None))(_PAGES[shape](n)),
        1_500,
    )


_SITEMAPS: dict[str, Callable[[int], bytes]] = {
    "blanks": lambda n: b"<loc>" + b" " * n,
    "blanks-and-end": lambda n: b"<loc>" + b" " * n + b"<",
    "opened": lambda n: b"<loc>" * n,
    "attributes": lambda n: b"<loc " + b"a " * n,
    "comments": lambda n: b"<!--" * n + b"-" * n,
    "hyphens": lambda n: b"<!--" + b"-" * n,
    "opened-blanks": lambda n: b"<loc> " * n,
    "prefix": lambda n: b"<" + b"a" * n,
    "prefixes": lambda n: b"<loc>x</" + b"a" * n,
    "data": lambda n: b"<loc><![CDATA[" * n,
    "data-blanks": lambda n: b"<loc><![CDATA[" + b" " * n + b"]",
    "words": lambda n: b"<loc>" + b"a " * n,
    "brackets": lambda n: b"<loc>a" + b"]" * n,
    "references": lambda n: b"<loc>" + b"&amp" * n + b"</loc>",
    "head": lambda n: b"\xef\xbb\xbf" + b" " * n,
    "feed-links": lambda n: b"<rss>" + b"<link " * n,
    "feed-attributes": lambda n: b"<feed><link " + b"href=" * n + b">",
    "feed-quotes": lambda n: b"<feed><link " + b"href='" * n + b">",
    "feed-blanks": lambda n: b"<feed><link href" + b" " * n + b"=>",
    "feed-texts": lambda n: b"<rss><link>" + b" " * n + b"<link>" * n,
    "roots": lambda n: b"<a:" * n + b"<" + b"a" * n,
    "utf-16": lambda n: ("<urlset><loc>" + "a" * n).encode("utf-16"),
    "index": lambda n: b"<" + b"a:" * n + b"sitemapindex",
    "lines": lambda n: b"\n" * n,
    "members": lambda n: gzip.compress(b"") * n,
}


@pytest.mark.parametrize("shape", sorted(_SITEMAPS))
def test_sitemaps(shape: str) -> None:
    _check(
        lambda n: (lambda body: lambda: _refused(lambda: read_listing(body)))(_SITEMAPS[shape](n)),
        2_000,
    )


def test_a_sitemap_of_blanks_is_read_at_once() -> None:
    """250 bytes once took 25 s."""
    body = b"<urlset><loc>" + b" " * 200
    assert read_listing(body) == Listing("sitemap", ())
    assert least_s(lambda: read_listing(body), 0.1) < 0.1


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_members(encoding: str) -> None:
    member = gzip.compress(b"")
    _check(
        lambda n: (lambda body: lambda: _refused(lambda: decompress(body, encoding, 1 << 30)))(
            member * n
        ),
        4_000,
    )


_ROBOTS: dict[str, Callable[[int], str]] = {
    "names": lambda n: "".join(f"User-agent: a{i}\n" for i in range(n)),
    "names-twice": lambda n: "".join(f"User-agent: a{i}\n" for i in range(n)) * 2,
    "names-and-rules": lambda n: (
        "".join(f"User-agent: a{i}\n" for i in range(n)) + "Disallow: /a\n" * n
    ),
    "own-names-and-rules": lambda n: (
        "".join(f"User-agent: t{'*' * (i % 7)}ilth{'*' * i}\n" for i in range(n // 20))
        + "Disallow: /a\n" * n
    ),
    "rules": lambda n: "User-agent: *\n" + "".join(f"Disallow: /*a{i}$\n" for i in range(n)),
    "asterisks": lambda n: "User-agent: *\nDisallow: /" + "*a" * n,
    "dollars": lambda n: "User-agent: *\nDisallow: /" + "$" * n,
    "percents": lambda n: "User-agent: *\nDisallow: /" + "%" * n,
    "words": lambda n: "user agent " * n,
    "blanks": lambda n: "User-agent" + " " * n,
    "comments": lambda n: "#" * n + "\n" + "# #\n" * n,
    "asterisks-in-a-row": lambda n: "User-agent: *\nDisallow: /" + "*" * n + "x$",
    "lengths": lambda n: (
        "User-agent: *\n" + "".join(f"Disallow: /{'a' * i}\n" for i in range(int((20 * n) ** 0.5)))
    ),
    "one-line": lambda n: "Disallow " * n,
    "delays": lambda n: "User-agent: *\n" + f"Crawl-delay: {'9' * 50}\n" * n,
    "rates": lambda n: "User-agent: *\nRequest-rate: " + "9" * n + "/" + "9" * n,
    "usage": lambda n: "User-agent: *\nContent-Usage: " + "train-ai=y," * n,
    "usages": lambda n: (
        "User-agent: *\n" + "".join(f"Content-Usage: /{i} train-ai=n\n" for i in range(n))
    ),
}


@pytest.mark.parametrize("shape", sorted(_ROBOTS))
def test_robots_files(shape: str) -> None:
    def read(text: str) -> None:
        rules = RobotsFile(text, "tilth")
        rules.allows("http://h/a/b/c" + "a" * 100)
        rules.reserves("http://h/a/b/c")
        assert rules.delay_s == 0

    _check(lambda n: (lambda text: lambda: read(text))(_ROBOTS[shape](n)), 1_000)


def test_addresses_under_wild_rules() -> None:
    """A path of many letters, under a rule that it fits nearly, everywhere."""
    rules = RobotsFile("User-agent: *\nDisallow: /" + "*ab" * 500 + "$\n", "tilth")
    _check(lambda n: (lambda url: lambda: rules.allows(url))("http://h/" + "ab" * n), 1_000)


@pytest.mark.parametrize(
    "unit",
    ["9", " ", "a ", "noindex,", ":", "\xb2", "Wed, ", "unavailable_after: ", "a:", "=n,", " ="],
)
def test_headers(unit: str) -> None:
    now = datetime.now(UTC)
    _check(lambda n: lambda: retry_after_s(unit * n, now), 5_000)
    both = ("X-Robots-Tag", "Content-Usage")
    _check(
        lambda n: lambda: read_wishes([(name, unit * n) for name in both], [], "tilth", now), 5_000
    )


@pytest.mark.parametrize("unit", ["<", "<a>", "<a>;", '<a>;rel="', "<a>;rel=x;", ";a=", "<a> ,"])
def test_links_of_headers(unit: str) -> None:
    _check(
        lambda n: lambda: header_links([("Link", unit * n), ("Refresh", f"0;{unit * n}")]), 2_000
    )


_RESERVATIONS: dict[str, Callable[[int], bytes]] = {
    "brackets": lambda n: b"[" * n,
    "rules": lambda n: (
        b"[" + b",".join(b'{"location": "/%d", "tdm-reservation": 1}' % i for i in range(n)) + b"]"
    ),
    "text": lambda n: b'"' + b"a" * n,
    "asterisks": lambda n: b'[{"location": "/' + b"*a" * n + b'", "tdm-reservation": 1}]',
}


@pytest.mark.parametrize("shape", sorted(_RESERVATIONS))
def test_reservations(shape: str) -> None:
    def read(body: bytes) -> None:
        read_tdmrep(body).find("/a/b/c")

    _check(lambda n: (lambda body: lambda: read(body))(_RESERVATIONS[shape](n)), 800)
