"""A crawl: where it begins, how far it goes, how fast, and which pages it keeps."""

from __future__ import annotations

import asyncio
import io
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.table.entries import effect, extreme, idle, name, refused, unordered
from tests.table.sources import png, read
from tests.table.whole import said
from tests.web.proxies import Proxy, proxying
from tests.web.sites import Reply, Site, running
from tilth.demo import site as demo_site
from tilth.errors import DataError, MissingError, StorageError, UsageError
from tilth.web import crawler
from tilth.web.lanes import Lanes


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as found:
        yield found


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of the crawl, which are not waited for."""
    found: list[float] = []
    now = time.monotonic()

    async def at_once(pause: float) -> None:
        nonlocal now
        found.append(pause)
        now += pause
        await asyncio.sleep(0)

    lanes = partial(Lanes, clock=lambda: now, sleep=at_once)
    monkeypatch.setattr(crawler, "Lanes", lanes)
    return found


def rows(site: Site, work: Path, **given: Any) -> dict[str, dict[str, Any]]:
    """The row of each address, by its path."""
    settings: dict[str, Any] = {"start": [f"{site.root}/"], "allow_hosts": ["127.0.0.1"]}
    settings |= {"sitemaps": False, "delay_s": 0, "retry_s": 0, "retries": 0, "timeout_s": 5}
    settings |= given
    return {row["uri"].removeprefix(site.root): row for row in read("crawl", work, settings)}


def pages(found: dict[str, dict[str, Any]]) -> list[str]:
    return sorted(path for path, row in found.items() if row["html"] is not None)


def ends(found: dict[str, dict[str, Any]], rule: str) -> list[str]:
    return sorted(path for path, row in found.items() if row["drop.rule"] == rule)


def wrong(**given: Any) -> str:
    return said({"collect": {"a": {"crawl": {"start": ["http://a.org/"], **given}}}})


@effect("collect.crawl.start", "collect.crawl.scope")
def test_it_begins_at_the_start_and_stays_in_scope(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a/1", "/b/1")
    site.html("/a/1", "/")
    site.html("/b/1")
    assert pages(rows(site, tmp_path / "1")) == ["/", "/a/1", "/b/1"]
    # By default the folder of the start.
    assert pages(rows(site, tmp_path / "2", start=[f"{site.root}/a/1"])) == ["/a/1"]
    assert pages(rows(site, tmp_path / "3", scope=[f"{site.root}/b/"])) == ["/", "/b/1"]


@name("collect.crawl.start", "collect.crawl.scope")
def test_addresses_of_nothing_are_refused(site: Site, tmp_path: Path) -> None:
    site.html("/", "/docs/1")
    site.html("/docs/1")
    with pytest.raises(DataError, match="found no page") as caught:
        rows(site, tmp_path / "1", start=[f"{site.root}/nowhere"])
    assert "http-status 404" in caught.value.where
    with pytest.raises(DataError, match=r"`scope` names the addresses `.*/dosc/`"):
        rows(site, tmp_path / "2", scope=[f"{site.root}/docs/", f"{site.root}/dosc/"])
    for bad in ("ftp://a.org/", "a.org", "http://"):
        assert "start" in wrong(start=[bad])
        assert "scope" in wrong(scope=[bad])
    assert "start" in wrong(start=[])


@effect("collect.crawl.include", "collect.crawl.exclude")
@name("collect.crawl.include", "collect.crawl.exclude")
def test_links_are_followed_by_their_addresses(site: Site, tmp_path: Path) -> None:
    site.html("/", "/docs/1", "/docs/old/1", "/news/1")
    for path in ("/docs/1", "/docs/old/1", "/news/1"):
        site.html(path)
    given = {"include": ["/docs/*"], "exclude": ["*/old/*"]}
    for setting, kept in {
        "include": ["/docs/1", "/docs/old/1"],
        "exclude": ["/docs/1", "/news/1"],
    }.items():
        found = rows(site, tmp_path / setting, **{setting: given[setting]})
        assert pages(found) == ["/", *kept]
    found = rows(site, tmp_path / "both", **given)
    assert pages(found) == ["/", "/docs/1"]
    assert {path: found[path]["drop.value"] for path in ends(found, "excluded")} == {
        "/docs/old/1": "*/old/*",
        "/news/1": "fits no `include`",
    }
    for setting in given:
        for bad in ("docs/*", "", "ftp://a.org/*", "https://a.org", "/a#b", "/" + "a" * 2000):
            assert setting in wrong(**{setting: [bad]})
        assert setting in wrong(**{setting: [f"/{n}" for n in range(1001)]})
    assert "leaves out the start http://a.org/" in wrong(
        exclude=["/docs/*", "*a.org/", "http://a.org/*"]
    )
    assert not wrong(include=["/docs/*"])


@unordered("collect.crawl.include", "collect.crawl.exclude")
def test_patterns_have_no_order(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a/b", "/b/a")
    found = [
        rows(site, tmp_path / str(n), exclude=both, include=[*both, both[0]])
        for n, both in enumerate((["/a/*", "*a"], ["*a", "/a/*"]))
    ]
    assert ends(found[0], "excluded") == ["/a/b", "/b/a"]
    assert found[0] == found[1]


@effect("collect.crawl.allow_hosts")
@name("collect.crawl.allow_hosts")
def test_a_host_here_is_asked_where_it_is_allowed(site: Site, tmp_path: Path) -> None:
    site.html("/")
    for hosts in ([], ["127.0.0.2"]):
        with pytest.raises(UsageError, match=r"127.0.0.1, which is not a public address"):
            rows(site, tmp_path / str(len(hosts)), allow_hosts=hosts)
    assert pages(rows(site, tmp_path, allow_hosts=["127.1"])) == ["/"]
    assert "not a host name" in wrong(allow_hosts=["a/b"])


@unordered("collect.crawl.headers")
def test_headers_have_no_order(site: Site, tmp_path: Path) -> None:
    site.html("/")
    given = [{f"X-{one}": one for one in names} for names in ("ab", "ba")]
    found = [rows(site, tmp_path / str(n), headers=one) for n, one in enumerate(given)]
    assert pages(found[0]) == ["/"]
    assert found[0] == found[1]


@effect("collect.crawl.headers")
def test_headers_are_sent(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.html("/")
    monkeypatch.setenv("TABLE_KEY", "opensesame")
    rows(site, tmp_path / "1")
    assert not any("x-key" in headers for headers in site.headers)
    rows(site, tmp_path / "2", headers={"X-Key": "${TABLE_KEY}"})
    assert site.headers[-1]["x-key"] == "opensesame"


@effect("collect.crawl.serve")
def test_a_local_site_answers_for_its_hosts(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def serve() -> Iterator[tuple[str, int]]:
        yield "127.0.0.1", site.port

    # The real one takes a second to start; `tests/demo` and the quickstart are about it.
    monkeypatch.setattr(demo_site, "serve", serve)
    site.html("/", text="served")
    there = {"start": ["http://a.localhost/"], "allow_hosts": ["a.localhost"]}
    (row,) = rows(site, tmp_path / "1", serve="demo-site", **there).values()
    assert b"served" in row["html"]
    with pytest.raises(MissingError, match="does not answer"):
        rows(site, tmp_path / "2", **{**there, "start": ["http://a.localhost:1/"]})


@refused("collect.crawl.serve")
def test_a_local_site_that_would_answer_for_nothing() -> None:
    assert "no address is at one" in wrong(serve="demo-site")
    assert "demo-site" in wrong(serve="demo-sight")


@effect("collect.crawl.max_pages", "collect.crawl.max_depth")
@extreme("collect.crawl.max_pages", "collect.crawl.max_depth")
def test_no_more_pages_and_no_deeper(site: Site, tmp_path: Path) -> None:
    site.html("/", "/1", "/2")
    site.html("/1", "/1/1")
    site.html("/2")
    site.html("/1/1")
    for number in (1, 2):
        found = rows(site, tmp_path / f"pages {number}", max_pages=number)
        assert len(pages(found)) == number
        assert ends(found, "max-pages")
    for depth, last in ((0, ["/"]), (1, ["/", "/1", "/2"])):
        found = rows(site, tmp_path / f"depth {depth}", max_depth=depth)
        assert pages(found) == last
        assert ends(found, "max-depth")
    most = {"max_pages": 10**9, "max_depth": 10**9}
    assert len(pages(rows(site, tmp_path / "most", **most))) == 4
    for setting, values in {"max_pages": (0, -1, 10**9 + 1), "max_depth": (-1, 10**9 + 1)}.items():
        for bad in values:
            assert setting in wrong(**{setting: bad})


@effect("collect.crawl.max_pages_per_host", "collect.crawl.max_bytes_per_host")
@effect("collect.crawl.max_total_bytes")
@extreme("collect.crawl.max_pages_per_host", "collect.crawl.max_bytes_per_host")
@extreme("collect.crawl.max_total_bytes")
def test_no_more_of_a_host_and_no_more_bytes(site: Site, tmp_path: Path) -> None:
    site.html("/", "/1", "/2")
    site.html("/1")
    site.html("/2", "/3")
    site.html("/3")
    for setting in ("max_pages_per_host", "max_total_bytes", "max_bytes_per_host"):
        found = rows(site, tmp_path / setting, **{setting: 1})
        assert pages(found) == ["/"]
        assert ends(found, setting.replace("_", "-")) == ["/1", "/2"]
        most = 9999 if setting == "max_pages_per_host" else 1 << 50
        assert len(pages(rows(site, tmp_path / f"most {setting}", **{setting: most}))) == 4
        for bad in (0, -1, (1 << 50) + 1):
            assert setting in wrong(**{setting: bad})
    # What can bound nothing is no bound.
    for whole, part in (("max_pages", "max_pages_per_host"), ("max_hours", "max_hours_per_host")):
        assert f"`{part}: 7` bounds nothing: `{whole}` is 7" in wrong(**{whole: 7, part: 7})
    assert "bounds nothing" in wrong(max_total_bytes=1000, max_bytes_per_host=1001)
    assert "bounds nothing" in wrong(max_pages_per_host=10_000)
    assert not wrong(max_pages=7, max_pages_per_host=6)


@effect("collect.crawl.max_hours", "collect.crawl.max_hours_per_host")
@extreme("collect.crawl.max_hours", "collect.crawl.max_hours_per_host")
def test_nothing_is_asked_for_once_the_hours_are_over(
    site: Site, tmp_path: Path, pauses: list[float]
) -> None:
    site.html("/", "/1", "/2")
    site.html("/1")
    site.html("/2")
    for setting in ("max_hours", "max_hours_per_host"):
        # Before the first page two files of the site's are asked for.
        found = rows(site, tmp_path / setting, delay_s=3600, **{setting: 3.5})
        first, rest = ["/", "/1"], ["/2"]
        if setting == "max_hours_per_host":
            # They count from the first page.
            first, rest = ["/", "/1", "/2"], []
        assert pages(found) == first
        assert ends(found, setting.replace("_", "-")) == rest
        assert len(pages(rows(site, tmp_path / f"{setting} most", **{setting: 87_600}))) == 3
        for bad in (0, -1, 87_601, float("nan"), float("inf")):
            assert setting in wrong(**{setting: bad})


@effect("collect.crawl.min_free_bytes")
@extreme("collect.crawl.min_free_bytes")
@idle("collect.crawl.min_free_bytes")
def test_so_much_stays_free_on_the_disk(site: Site, tmp_path: Path) -> None:
    site.html("/")
    with pytest.raises(StorageError, match="`min_free_bytes` keeps 1,125,899,906,842,624"):
        rows(site, tmp_path / "1", min_free_bytes=1 << 50)
    found = rows(site, tmp_path / "2", min_free_bytes=1)
    assert pages(found) == ["/"]
    assert rows(site, tmp_path / "3") == found
    for bad in (0, -1, (1 << 50) + 1):
        assert "min_free_bytes" in wrong(min_free_bytes=bad)


@effect("collect.crawl.max_copies")
@extreme("collect.crawl.max_copies")
def test_so_many_copies_in_a_row_and_no_more_of_a_pattern(site: Site, tmp_path: Path) -> None:
    for number in range(5):
        site.html(f"/{number}", f"/{number + 1}", text="the same")
        page = site.pages[f"/{number}"]
        assert isinstance(page, Reply)
        # The address in its words is no number of a date.
        site.pages[f"/{number}"] = Reply(page.body.replace(b"/%d<" % (number + 1), b"on<"))
    site.html("/5", text="the same")
    start = {"start": [f"{site.root}/0"]}
    for number, left in ((1, "/2"), (2, "/3")):
        found = rows(site, tmp_path / str(number), max_copies=number, **start)
        assert ends(found, "max-copies") == [left]
        assert len(pages(found)) == number + 1
    for most in (None, 10**9):
        assert len(pages(rows(site, tmp_path / f"{most}", max_copies=most, **start))) == 6
    for bad in (0, -1, 10**9 + 1):
        assert "max_copies" in wrong(max_copies=bad)


@effect("collect.crawl.max_bytes", "collect.crawl.max_url_length")
@extreme("collect.crawl.max_bytes", "collect.crawl.max_url_length")
def test_no_larger_pages_and_no_longer_addresses(site: Site, tmp_path: Path) -> None:
    long = "/" + "a" * 100
    site.html("/", "/large", long)
    site.html("/large", text="x" * 5000)
    site.html(long)
    assert pages(rows(site, tmp_path / "1")) == sorted(["/", "/large", long])
    found = rows(site, tmp_path / "2", max_bytes=1000)
    assert ends(found, "max-bytes") == ["/large"]
    found = rows(site, tmp_path / "3", max_url_length=len(site.root + long) - 1)
    assert ends(found, "url-length") == [long]
    exact = {"max_url_length": len(site.root + long), "max_bytes": len(site.pages["/large"].body)}  # type: ignore[union-attr]
    assert len(pages(rows(site, tmp_path / "4", **exact))) == 3
    assert len(pages(rows(site, tmp_path / "5", max_bytes=1 << 31, max_url_length=1 << 20))) == 3
    for bad in (0, -1, (1 << 31) + 1):
        assert "max_bytes" in wrong(max_bytes=bad)
    for bad in (31, -1, (1 << 20) + 1):
        assert "max_url_length" in wrong(max_url_length=bad)


@effect("collect.crawl.timeout_s")
@extreme("collect.crawl.timeout_s")
def test_an_answer_is_waited_for_so_long(site: Site, tmp_path: Path) -> None:
    site.html("/", "/slow")
    site.html("/slow", wait_s=0.3)
    assert pages(rows(site, tmp_path / "1", timeout_s=86_400)) == ["/", "/slow"]
    found = rows(site, tmp_path / "2", timeout_s=0.1)
    assert "no complete answer within 0.1 s" in found["/slow"]["error"]
    for bad in (0, -1, float("inf"), float("nan"), 86_401):
        assert "timeout_s" in wrong(timeout_s=bad)


def _most_at_once(sites: list[Site], number: int, work: Path, **given: Any) -> int:
    """The most requests under way at once, where each page is held until so many are."""
    lock, at_once, most = threading.Lock(), 0, 0
    reached = threading.Event()

    def answer(_: int) -> Reply:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
            if most >= number:
                reached.set()
        reached.wait(10)
        with lock:
            at_once -= 1
        return Reply(b"<p>x")

    for site in sites:
        site.html("/", "/1", "/2", "/3", "/4")
        site.pages |= {f"/{n}": answer for n in range(1, 5)}
    hosts = [site.host for site in sites]
    start = [f"{site.root}/" for site in sites]
    found = rows(sites[0], work, start=start, allow_hosts=hosts, **given)
    assert len(pages(found)) == 5 * len(sites)
    return most


@effect("collect.crawl.concurrency", "collect.crawl.connections_per_host")
@extreme("collect.crawl.concurrency", "collect.crawl.connections_per_host")
def test_so_many_hosts_are_asked_at_once_and_each_for_so_much(site: Site, tmp_path: Path) -> None:
    with running(Site(), host="127.0.0.2") as other:
        both = [site, other]
        for hosts in (1, 2):
            assert _most_at_once(both, hosts, tmp_path / f"{hosts}", concurrency=hosts) == hosts
    for each in (1, 2):
        given = {"concurrency": 1, "connections_per_host": each}
        assert _most_at_once([site], each, tmp_path / f"each {each}", **given) == each
    assert not wrong(concurrency=256, connections_per_host=64)
    for setting, values in {"concurrency": (0, 257, -1), "connections_per_host": (0, 65)}.items():
        for bad in values:
            assert setting in wrong(**{setting: bad})


@effect("collect.crawl.delay_s")
@extreme("collect.crawl.delay_s")
def test_a_pause_between_two_requests(site: Site, tmp_path: Path, pauses: list[float]) -> None:
    site.html("/", "/1", "/2")
    site.html("/1")
    site.html("/2", "/3")
    site.html("/3")
    rows(site, tmp_path / "1", delay_s=0)
    assert not [pause for pause in pauses if pause > 0.5]
    # From each request to the next, that for the robots.txt among them, whether or not a page
    # links the next.
    site.asked.clear()
    rows(site, tmp_path / "2", delay_s=100)
    asked = site.asked.total()
    assert asked > 4
    assert len([pause for pause in pauses if 50 < pause <= 100]) == asked - 1
    site.pages["/robots.txt"] = Reply(b"User-agent: *\nCrawl-delay: 7\n")
    pauses.clear()
    rows(site, tmp_path / "3", delay_s=1)
    assert max(pauses) > 5
    for bad in (-1, float("inf"), float("nan"), 86_401):
        assert "delay_s" in wrong(delay_s=bad)


@effect("collect.crawl.retries", "collect.crawl.retry_s")
@extreme("collect.crawl.retries", "collect.crawl.retry_s")
def test_further_tries_after_growing_pauses(
    site: Site, tmp_path: Path, pauses: list[float]
) -> None:
    site.html("/", "/late")
    good = Reply(b"<p>at last")
    site.pages["/late"] = lambda count: good if count % 3 == 0 else Reply(status=503)
    assert pages(rows(site, tmp_path / "1", retries=2, retry_s=8)) == ["/", "/late"]
    assert [pause for pause in pauses if pause >= 4] == [8, 16]
    found = rows(site, tmp_path / "2", retries=1, retry_s=0)
    assert "HTTP status 503" in found["/late"]["error"]
    site.pages["/late"] = Reply(status=503)
    asked = site.asked["/late"]
    rows(site, tmp_path / "3", retries=0)
    assert site.asked["/late"] == asked + 1
    pauses.clear()
    rows(site, tmp_path / "4", retries=10, retry_s=120)
    # The host as a whole is left alone, from the first refusal to the last.
    assert len([pause for pause in pauses if 119 < pause <= 120]) >= 10
    assert site.asked["/late"] == asked + 1 + 11
    for bad in (-1, 11):
        assert "retries" in wrong(retries=bad)
    for pause in (-1, 121, float("nan")):
        assert "retry_s" in wrong(retry_s=pause)


@effect("collect.crawl.user_agent")
def test_it_says_who_it_is_and_obeys_by_that_name(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a")
    site.html("/a")
    site.pages["/robots.txt"] = Reply(b"User-agent: herons\nDisallow: /a\n")
    assert pages(rows(site, tmp_path / "1", user_agent="egrets/1 (me@a.org)")) == ["/", "/a"]
    assert "egrets/1 (me@a.org)" in site.agents
    found = rows(site, tmp_path / "2", user_agent="herons/1 (me@a.org)")
    assert ends(found, "robots") == ["/a"]
    for bad in ("", " ", "/1", "bot\n", "(compatible; bot)", "*", "a#b", "b\u00f6t", "x" * 1001):
        assert "user_agent" in wrong(user_agent=bad)


@effect("collect.crawl.sitemaps")
def test_addresses_of_sitemaps_are_taken(site: Site, tmp_path: Path) -> None:
    site.html("/")
    site.html("/unlinked")
    places = f"<urlset><url><loc>{site.root}/unlinked</loc></url></urlset>"
    kind = (("Content-Type", "application/xml"),)
    site.pages["/sitemap.xml"] = Reply(places.encode(), headers=kind)
    assert pages(rows(site, tmp_path / "1", sitemaps=True)) == ["/", "/unlinked"]
    assert pages(rows(site, tmp_path / "2", sitemaps=False)) == ["/"]


@effect("collect.crawl.opt_outs")
def test_pages_that_opt_out_are_dropped_or_say_so(site: Site, tmp_path: Path) -> None:
    site.html("/", "/mine")
    site.html("/mine", head='<meta name="robots" content="noai">')
    found = rows(site, tmp_path / "1")
    assert pages(found) == ["/"]
    found = rows(site, tmp_path / "2", opt_outs="record")
    assert pages(found) == ["/", "/mine"]
    assert "noai" in found["/mine"]["consent"]


@effect("collect.crawl.canonical")
def test_pages_of_another_address_are_dropped_or_kept(site: Site, tmp_path: Path) -> None:
    site.html("/", "/print")
    site.html("/print", head=f'<link rel="canonical" href="{site.root}/page">')
    site.html("/page")
    found = rows(site, tmp_path / "1")
    assert (ends(found, "canonical"), "/page" in found) == (["/print"], True)
    assert pages(rows(site, tmp_path / "2", canonical="keep")) == ["/", "/print"]


def _wav() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(range(200)))
    return file.getvalue()


WAV = _wav()


def _shown(site: Site, *, side: int = 4) -> bytes:
    """A page with a picture of so many pixels a side, and with a sound."""
    site.html("/docs/", text='<img src="/img/i.png"><audio src="/snd/s.wav"></audio>')
    body = png(side=side)
    site.pages["/img/i.png"] = Reply(body, headers=(("Content-Type", "image/png"),))
    site.pages["/snd/s.wav"] = Reply(WAV, headers=(("Content-Type", "audio/wav"),))
    return body


@effect("collect.crawl.gather")
@unordered("collect.crawl.gather")
def test_pictures_and_sounds_are_gathered_too(site: Site, tmp_path: Path) -> None:
    body = _shown(site)
    start = [f"{site.root}/docs/"]
    assert list(rows(site, tmp_path / "pages", start=start)) == ["/docs/"]
    both = rows(site, tmp_path / "both", start=start, gather=["images", "audio"])
    assert both["/img/i.png"]["image"] == body
    assert both["/snd/s.wav"]["audio"] == WAV
    assert ends(both, "not-gathered") == ["/docs/"]
    turned = rows(site, tmp_path / "turned", start=start, gather=["audio", "images", "audio"])
    assert turned == both


@effect("collect.crawl.media_scope")
@name("collect.crawl.media_scope")
def test_pictures_are_asked_for_where_they_are(site: Site, tmp_path: Path) -> None:
    _shown(site)
    given: dict[str, Any] = {"start": [f"{site.root}/docs/"]}
    given |= {"gather": ["pages", "images", "audio"], "media_scope": [f"{site.root}/img/"]}
    found = rows(site, tmp_path / "1", **given)
    assert found["/img/i.png"]["image"] is not None
    assert ends(found, "media-scope") == ["/snd/s.wav"]
    given["media_scope"] = [f"{site.root}/img/", f"{site.root}/imgs/"]
    with pytest.raises(DataError, match=r"`media_scope` names the addresses `.*/imgs/`"):
        rows(site, tmp_path / "2", **given)
    assert "media_scope" in wrong(gather=["images"], media_scope=["a.org"])


@refused("collect.crawl.media_scope", "collect.crawl.max_pixels")
def test_bounds_of_pictures_without_pictures(path: str) -> None:
    setting = path.rpartition(".")[2]
    given = {setting: {"media_scope": ["http://a.org/"], "max_pixels": 9}[setting]}
    assert f"`{setting}` belongs to `gather`" in wrong(**given)
    assert not wrong(gather=["images"], **given)


@effect("collect.crawl.max_pixels")
@extreme("collect.crawl.max_pixels")
def test_a_picture_of_more_pixels_is_quarantined(site: Site, tmp_path: Path) -> None:
    _shown(site)
    given: dict[str, Any] = {"start": [f"{site.root}/docs/"], "gather": ["images"]}
    for pixels, fits in ((1, False), (15, False), (16, True), (178_956_970, True)):
        found = rows(site, tmp_path, max_pixels=pixels, **given)["/img/i.png"]
        assert (found["error"] is None) is fits
        assert fits or "above `max_pixels`" in found["error"]
    for bad in (0, -1, 178_956_971):
        assert "max_pixels" in wrong(gather=["images"], max_pixels=bad)


@effect("collect.crawl.cookies")
def test_cookies_go_back(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a", headers=(("Content-Type", "text/html"), ("Set-Cookie", "seen=1")))
    site.html("/a")
    for work, kept in (("off", None), ("on", "seen=1")):
        rows(site, tmp_path / work, cookies=work == "on")
        assert site.headers[-1].get("cookie") == kept


@effect("collect.crawl.proxy")
@name("collect.crawl.proxy")
def test_a_proxy_is_asked(site: Site, tmp_path: Path) -> None:
    site.html("/")
    with proxying(Proxy()) as proxy:
        rows(site, tmp_path / "1")
        assert not proxy.asked
        rows(site, tmp_path / "2", proxy=proxy.url)
        assert ("GET", f"{site.root}/") in proxy.asked
    with pytest.raises(MissingError, match="the proxy does not answer"):
        rows(site, tmp_path / "3", proxy=proxy.url)
    for bad in ("p.example:3128", "http://p.example", "http://a:b@p.example:3128", "ftp://p:1"):
        assert "proxy" in wrong(proxy=bad)
