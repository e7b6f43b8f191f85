"""What a server sees of a crawl: pauses, who is asked first, and nothing asked twice.

Two requests to a host are the pause apart by the server's own clock: the second is sent that long
after the answer to the first, so that no delay on the way can bring them nearer to each other.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.web.sites import Reply, Site, redirect, running
from tilth.collect import crawl
from tilth.context import Context
from tilth.errors import MissingError
from tilth.web import crawler
from tilth.web.crawler import Crawler
from tilth.web.frontier import Frontier
from tilth.web.hosts import Hosts

_TEXT = (("Content-Type", "text/plain"),)


def _settings(*sites: Site, **changes: Any) -> crawl.Settings:
    given: dict[str, Any] = {
        "start": tuple(f"{site.root}/" for site in sites),
        "allow_hosts": ("127.0.0.1", "127.0.0.2"),
        "delay_s": 0,
        "retry_s": 0.01,
        "retries": 1,
        "timeout_s": 10,
        **changes,
    }
    return crawl.Settings(**given)


def _crawl(settings: crawl.Settings, work: Path, limit: int | None = None) -> list[dict[str, Any]]:
    """The rows, without the day."""
    batches = crawl.read(settings, "docs", Context(work=work, limit=limit))
    rows = [row for batch in batches for row in batch.to_pylist()]
    return [row | {"fetched_at": bool(row["fetched_at"])} for row in rows]


def _ends(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {row["uri"]: row["drop.rule"] or row["error"] or "kept" for row in rows}


def _gaps(site: Site) -> list[float]:
    return [after - before for (before, _), (after, _) in pairwise(site.log)]


def _put_one_of_each(site: Site) -> None:
    """Everything that a crawl asks for: rules, sitemaps, levels, redirects, further tries."""
    site.pages["/robots.txt"] = redirect("/rules")
    site.pages["/rules"] = Reply(b"User-agent: *\nDisallow: /no\nSitemap: /maps\n", headers=_TEXT)
    site.pages["/maps"] = Reply(b"<sitemapindex><loc>/map</loc><loc>/gone</loc></sitemapindex>")
    site.pages["/map"] = redirect("/moved-map")
    site.pages["/moved-map"] = Reply(f"<urlset><loc>{site.root}/listed</loc></urlset>".encode())
    site.html("/listed")
    site.html("/", "/1", "/flaky", "/away", "/cut", "/no")
    site.html("/1", "/2")
    site.html("/2")
    site.pages["/away"] = redirect("/2")
    site.pages["/flaky"] = lambda count: Reply(b"<p>", 200 if count > 1 else 502)
    site.pages["/cut"] = Reply(b"<p>" * 1000, cut=5)


def test_between_any_two_requests_to_a_host_lies_the_delay(tmp_path: Path) -> None:
    with running(Site()) as site:
        _put_one_of_each(site)
        ends = _ends(_crawl(_settings(site, delay_s=0.06, concurrency=8), tmp_path))
    asked = [path for _, path in site.log]
    assert asked[:2] == ["/robots.txt", "/rules"]
    assert {"/maps", "/map", "/moved-map", "/gone", "/listed", "/2", "/away"} <= set(asked)
    assert asked.count("/flaky") == asked.count("/cut") == 2
    assert "/no" not in asked
    assert min(_gaps(site)) >= 0.06
    assert ends[f"{site.root}/flaky"] == "kept"


def test_the_delay_that_a_site_asks_for_holds_for_every_request(tmp_path: Path) -> None:
    with running(Site()) as site:
        _put_one_of_each(site)
        rules = b"User-agent: *\nCrawl-delay: 0.08\nSitemap: /maps\n"
        site.pages["/rules"] = Reply(rules, headers=_TEXT)
        _crawl(_settings(site, max_depth=1), tmp_path)
    # What it asks for is known once it has said so.
    _, *gaps = _gaps(site)
    assert len(gaps) > 6
    assert min(gaps) >= 0.08


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_that_is_asked_too_much_is_not_asked_for_anything(
    status: int, tmp_path: Path
) -> None:
    site = Site()
    site.html("/", "/a", "/b", "/c")
    for path in ("/b", "/c"):
        site.html(path)
    busy = Reply(b"", status, (("Retry-After", "1"),))
    site.pages["/a"] = lambda count: Reply(b"<p>") if count > 1 else busy
    with running(site):
        ends = _ends(_crawl(_settings(site), tmp_path))
    assert set(ends.values()) == {"kept"}
    refused = [path for _, path in site.log].index("/a")
    assert _gaps(site)[refused] >= 1


def test_robots_are_asked_first_of_every_origin_that_sitemaps_lead_to(tmp_path: Path) -> None:
    other, site = Site(), Site()
    with running(other), running(site):
        other.pages["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /no\n", headers=_TEXT)
        other.pages["/yes"] = Reply(f"<urlset><loc>{site.root}/listed</loc></urlset>".encode())
        lines = [f"Sitemap: {other.root}/no/{n}\n" for n in range(20)]
        lines += [f"Sitemap: {other.root}/yes\n", "Sitemap: /led\n"]
        site.pages["/robots.txt"] = Reply("".join(lines).encode(), headers=_TEXT)
        site.pages["/led"] = redirect(f"{other.root}/no/led")
        site.html("/")
        site.html("/listed")
        hosts = ("127.0.0.1", f"127.0.0.1:{other.port}")
        ends = _ends(_crawl(_settings(site, allow_hosts=hosts), tmp_path))
    asked = [path for _, path in other.log if not path.startswith("/.well-known/")]
    assert asked == ["/robots.txt", "/yes"]
    assert {ends[f"{other.root}/no/{n}"] for n in range(20)} == {"robots"}
    assert ends[f"{site.root}/led"] == "robots"
    assert ends[f"{site.root}/listed"] == "kept"


def test_robots_are_asked_first_of_an_origin_to_which_a_reservation_leads(tmp_path: Path) -> None:
    """Of two sites each says that its tdmrep.json is at the other, one of them where none may."""
    path = "/.well-known/tdmrep.json"
    one, two = Site(), Site()
    with running(one), running(two):
        one.pages[path] = redirect(f"{two.root}/no/tdmrep.json")
        two.pages[path] = redirect(f"{one.root}/tdmrep.json")
        two.pages["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /no\n", headers=_TEXT)
        reserved = b'[{"location": "/kept", "tdm-reservation": 1}]'
        one.pages["/tdmrep.json"] = two.pages["/no/tdmrep.json"] = Reply(reserved)
        for site in (one, two):
            site.html("/", "/kept")
            site.html("/kept")
        ends = _ends(_crawl(_settings(one, two), tmp_path))
    assert two.log[0][1] == "/robots.txt"
    assert "/no/tdmrep.json" not in two.asked
    assert ends[f"{one.root}/kept"] == "kept"
    assert ends[f"{two.root}/kept"] == "tdm-reservation"


@pytest.mark.parametrize("is_up", [True, False])
def test_rules_of_more_than_a_day_ago_are_asked_for_again(is_up: bool, tmp_path: Path) -> None:
    """RFC 9309, 2.4: unless they cannot be had."""
    path = tmp_path / "crawl" / "frontier.sqlite"
    with running(Site()) as site:
        site.html("/", "/a", "/b", "/c")
        for name in "abc":
            site.html(f"/{name}")
        site.pages["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /c\n", headers=_TEXT)
        _crawl(_settings(site, max_pages=2), tmp_path)
        with closing(sqlite3.connect(path)) as db, db:
            # Stopped with `/a` under way, two days ago by the clock on the wall.
            db.execute("UPDATE pages SET state = 1, file = NULL WHERE url LIKE '%/a'")
            db.execute("DELETE FROM facts WHERE name = 'complete'")
            db.execute("UPDATE facts SET value = value - 172800 WHERE name LIKE 'asked %'")
        forbids = Reply(b"User-agent: *\nDisallow: /a\n", headers=_TEXT)
        site.pages["/robots.txt"] = forbids if is_up else Reply(b"", 500)
        site.asked.clear()
        again = _ends(_crawl(_settings(site, max_pages=2), tmp_path))
        asked = set(site.asked)
        wide = _ends(_crawl(_settings(site), tmp_path))
    assert again[f"{site.root}/a"] == ("robots" if is_up else "kept")
    assert ("/a" in asked) != is_up
    assert wide[f"{site.root}/c"] == ("kept" if is_up else "robots")
    assert wide[f"{site.root}/b"] == "kept"


@pytest.mark.parametrize("connections", [1, 3])
def test_so_many_connections_to_a_host_whatever_its_ports(connections: int, tmp_path: Path) -> None:
    under_way: list[int] = []
    most = 0
    lock, reached = threading.Lock(), threading.Event()

    def slowly(count: int) -> Reply:
        nonlocal most
        with lock:
            under_way.append(count)
            most = max(most, len(under_way))
            if most == connections:
                reached.set()
        # Until so many are under way at once, and a moment more for one that is too many.
        reached.wait(8)
        time.sleep(0.005)
        with lock:
            under_way.pop()
        return Reply(b"<p>")

    with running(Site()) as one, running(Site()) as two:
        for site in (one, two):
            site.html("/", *(f"/{n}" for n in range(6)))
            site.pages |= {f"/{n}": slowly for n in range(6)}
        settings = _settings(one, two, connections_per_host=connections, sitemaps=False)
        assert len(_crawl(settings, tmp_path)) == 14
    assert most == connections


def test_a_host_does_not_wait_at_the_end_of_a_level_for_the_others(tmp_path: Path) -> None:
    """A chain of pages comes to its end while another host has not answered for its first link."""
    wide, deep = Site(), Site()
    reached = threading.Event()

    def wait(_: int) -> Reply:
        return Reply(b"<p>late" if reached.wait(8) else b"<p>never")

    def last(_: int) -> Reply:
        reached.set()
        return Reply(b"<p>last")

    wide.html("/", "/late")
    wide.pages["/late"] = wait
    for n in range(8):
        deep.html(f"/{n or ''}", f"/{n + 1}")
    deep.pages["/8"] = last
    with running(wide), running(deep, host="127.0.0.2"):
        rows = _crawl(_settings(wide, deep, sitemaps=False), tmp_path)
    texts = {row["uri"]: row["html"] for row in rows}
    assert texts[f"{wide.root}/late"] == b"<p>late"
    assert len(rows) == 11
    assert max(wide.asked.values()) == max(deep.asked.values()) == 1


def _tangled(site: Site, other: Site, seed: int) -> None:
    """Pages that link to each other across both sites, with all that may become of one."""
    for n in range(16):
        links = [
            f"/{(n * 5 + seed) % 24}",
            f"/{(n * 7 + 3) % 24}",
            f"{other.root}/{(n + seed) % 20}",
        ]
        links += [f"/{n}?{'long' * 8}"] * (n % 5 == 1)
        head = '<meta name="robots" content="noindex">' if n % 8 == 5 else ""
        if n % 6 == 4:
            head += f'<link rel="canonical" href="/{n + 1}">'
        if n % 7 == 3:
            site.pages[f"/{n}"] = redirect(f"{other.root}/{n}")
        else:
            site.html(f"/{n or ''}", *links, head=head, wait_s=0.002 * ((n * seed) % 4))


@pytest.mark.parametrize(("seed", "max_pages"), [(1, 100), (2, 25), (3, 18)])
def test_that_a_host_went_ahead_is_not_seen_in_what_comes_out(
    seed: int, max_pages: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = Site(), Site()
    with running(one), running(two, host="127.0.0.2"):
        _tangled(one, two, seed)
        _tangled(two, one, seed + 1)
        settings = _settings(one, two, max_pages=max_pages)
        as_it_is = _crawl(settings, tmp_path / "a")
        # Also where more is asked for than any bound takes.
        for goes_ahead in (True, False):
            monkeypatch.setattr(Crawler, "_may_go_ahead", lambda _, goes=goes_ahead: goes)
            assert _crawl(settings, tmp_path / f"{goes_ahead}") == as_it_is


_WHOLE = {"max_pages": 60, "max_depth": 20}


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"max_pages": 9}, {}),
        ({}, {"max_pages": 9}),
        ({"max_depth": 1}, {"max_depth": 3}),
        ({"max_depth": 3}, {"max_depth": 1}),
        ({"canonical": "keep"}, {}),
        ({}, {"canonical": "keep"}),
        ({"sitemaps": True}, {}),
        ({"exclude": ("/1*", "*://127.0.0.2:*/2*")}, {}),
        ({}, {"exclude": ("/1*", "http://127.0.0.2*/2*")}),
        ({"include": ("/1*", "*3")}, {"include": ("/2*", "*3")}),
        ({"max_url_length": 45}, {}),
        ({"max_bytes": 1 << 15}, {"max_bytes": 1 << 12}),
        ({"allow_hosts": ("127.0.0.1",)}, {}),
        ({}, {"allow_hosts": ("127.0.0.1",)}),
    ],
)
def test_settings_that_only_widen_or_narrow_ask_for_no_page_again(
    first: dict[str, Any], then: dict[str, Any], tmp_path: Path
) -> None:
    one, two = Site(), Site()
    with running(one), running(two, host="127.0.0.2"):
        _tangled(one, two, 1)
        _tangled(two, one, 2)
        one.html("/9", "/10", text="x" * 5000)
        base = {"sitemaps": False, **_WHOLE}
        before = _settings(one, **{**base, "scope": (f"{one.root}/", f"{two.root}/"), **first})
        after = _settings(one, **{**base, "scope": (f"{one.root}/", f"{two.root}/"), **then})
        had = {row["uri"] for row in _crawl(before, tmp_path / "kept") if row["html"]}
        sites = (one, two) if after.allow_hosts == before.allow_hosts else (one,)
        asked = {site.root: site.asked.copy() for site in sites}
        rows = _crawl(after, tmp_path / "kept")
        more = {f"{site.root}{path}" for site in sites for path in site.asked - asked[site.root]}
        assert rows == _crawl(after, tmp_path / "anew")
    # What is larger than is wanted now is asked for, to be told as it would have been.
    large = {f"{one.root}/9"} if after.max_bytes < before.max_bytes else set()
    assert more & had == large & had
    assert had


def test_of_what_is_not_kept_the_size_is_asked_for_where_less_may_be(tmp_path: Path) -> None:
    """A feed and a page that opts out are not in the archive: how large they are, nobody knows."""
    with running(Site()) as site:
        site.html("/", "/feed", "/wish")
        site.html("/wish", "/behind", head="<meta name=robots content=noindex>", text="x" * 3000)
        feed = f"<rss><link>{site.root}/news</link>{'x' * 3000}</rss>".encode()
        site.pages["/feed"] = Reply(feed, headers=(("Content-Type", "text/xml"),))
        for path in ("/behind", "/news"):
            site.html(path)
        for max_bytes in (1 << 20, 2000, 1 << 20):
            settings = _settings(site, max_bytes=max_bytes)
            rows = _crawl(settings, tmp_path / "kept")
            assert rows == _crawl(settings, tmp_path / f"anew-{len(site.log)}")
            ends = _ends(rows)
            assert (ends[f"{site.root}/feed"] == "max-bytes") == (max_bytes == 2000)
            assert (f"{site.root}/behind" in ends) == (max_bytes != 2000)


def test_a_part_is_taken_up_by_the_whole(tmp_path: Path) -> None:
    """A limit for trying things out, then all of it."""
    site = Site()
    site.html("/", *(f"/{n}" for n in range(20)))
    for n in range(20):
        site.html(f"/{n}")
    with running(site):
        began: list[bool] = []
        for limit in (5, None):
            context = Context(tmp_path, limit=limit, begins_anew=lambda: began.append(True))
            rows = sum(batch.num_rows for batch in crawl.read(_settings(site), "docs", context))
        assert rows == 21
    assert max(count for path, count in site.asked.items() if path != "/sitemap.xml") == 1
    # The rows of the part are not all those of the whole.
    assert len(began) == 2


@pytest.mark.parametrize("damage", ["cut", "zeros"])
def test_what_a_loss_of_power_took_out_of_the_archive_is_asked_for_again(
    damage: str, tmp_path: Path
) -> None:
    """The frontier may know of pages that did not reach the disk before it did."""
    site = Site()
    site.html("/", *(f"/{n}" for n in range(9)))
    for n in range(9):
        site.html(f"/{n}", text=f"page {n}")
    with running(site):
        whole = _crawl(_settings(site), tmp_path)
        with closing(Frontier(tmp_path / "crawl" / "frontier.sqlite")) as frontier:
            places = sorted(end.place for end in frontier.outcomes() if end.place is not None)
            # As it was before the last commit that was waited for.
            frontier.set_fact("hardened", f"0:{places[3].start}")
        with closing(sqlite3.connect(tmp_path / "crawl" / "frontier.sqlite")) as db:
            db.execute("DELETE FROM facts WHERE name = 'complete'")
            db.commit()
        archive = tmp_path / "crawl" / "warc" / "crawl-00000.warc.gz"
        data = archive.read_bytes()[: places[7].start + 9]
        archive.write_bytes(data if damage == "cut" else data.ljust(places[9].start + 50, b"\0"))
        site.asked.clear()
        assert _crawl(_settings(site), tmp_path) == whole
        assert site.asked.total() == 3


def _site_that_dies(after: int, num: int) -> Site:
    site = Site()
    names = [f"/{n:02d}" for n in range(num)]
    site.html("/", *names)
    for name in names:
        site.html(name)
    return _dying(site, after)


def _dying(site: Site, after: int) -> Site:
    """From a number of requests on the site answers nothing but that it cannot."""
    pages = {path: reply for path, reply in site.pages.items() if isinstance(reply, Reply)}
    pages.setdefault("/robots.txt", Reply(b"", 404))

    def answer(reply: Reply) -> Callable[[int], Reply]:
        return lambda _: Reply(b"", 500) if sum(site.asked.values()) > after else reply

    site.pages = {path: answer(reply) for path, reply in pages.items()}
    return site


def test_a_site_that_dies_takes_no_other_along(tmp_path: Path) -> None:
    living, dying = Site(), _site_that_dies(after=9, num=30)
    for n in range(40):
        living.html(f"/{n or ''}", f"/{n + 1}")
    living.html("/40")
    with running(living), running(dying, host="127.0.0.2"):
        settings = _settings(living, dying, retries=0, max_depth=50)
        ends = _ends(_crawl(settings, tmp_path))
    told = [end for url, end in ends.items() if url.startswith(dying.root)]
    assert [end for url, end in ends.items() if url.startswith(living.root)] == ["kept"] * 41
    assert len(told) == 31
    pages = [f"{dying.root}{path}" for _, path in dying.log[:9]]
    assert told.count("kept") == len(ends.keys() & pages)
    assert all("HTTP status 500" in end for end in told if end != "kept")
    # It is found out soon, not at the cost of every address.
    assert sum(dying.asked.values()) < 30


def test_where_all_sites_die_nothing_is_ended_by_it(tmp_path: Path) -> None:
    dying = _site_that_dies(after=9, num=30), _site_that_dies(after=12, num=30)
    with running(dying[0]), running(dying[1], host="127.0.0.2"):
        settings = _settings(*dying, retries=0)
        with pytest.raises(MissingError, match="stopped answering") as caught:
            _crawl(settings, tmp_path)
        assert "run again" in caught.value.hint
        for site in dying:
            site.asked.clear()
            for n in range(30):
                site.html(f"/{n:02d}")
            site.pages["/robots.txt"] = Reply(b"", 404)
        assert set(_ends(_crawl(settings, tmp_path)).values()) == {"kept"}
        assert all(site.asked["/"] == 0 for site in dying)


def test_a_site_that_comes_back_is_asked_for_what_is_left(tmp_path: Path) -> None:
    """It fails once for all that is asked in a row, while another has not come to its end."""
    other, site = Site(), Site()
    other.html("/", "/x")
    other.html("/x")
    site.html("/", *(f"/{n}" for n in range(20)))
    for n in range(20):
        site.html(f"/{n}")
    pages = {path: reply for path, reply in site.pages.items() if isinstance(reply, Reply)}
    pages["/robots.txt"] = Reply(b"", 404)

    def answer(reply: Reply) -> Callable[[int], Reply]:
        # Eight pages and the robots.txt after them.
        return lambda _: Reply(b"", 500) if 5 < sum(site.asked.values()) <= 14 else reply

    site.pages = {path: answer(reply) for path, reply in pages.items()}
    with running(other), running(site, host="127.0.0.2"):
        ends = _ends(_crawl(_settings(other, site, retries=0, sitemaps=False), tmp_path))
    assert set(ends.values()) == {"kept"}
    assert len(ends) == 23


def test_a_site_that_wants_to_be_left_alone_is(tmp_path: Path) -> None:
    living, closed = Site(), Site()
    living.html("/", "/a")
    living.html("/a")
    closed.html("/", "/a", "/b")
    closed.pages["/a"] = Reply(b"", 503, (("Retry-After", "7200"),))
    with running(living), running(closed, host="127.0.0.2"):
        ends = _ends(_crawl(_settings(living, closed, sitemaps=False), tmp_path / "both"))
        assert (closed.asked["/a"], closed.asked["/b"]) == (1, 0)
        # Whoever asks: it is this machine that it wants to be left alone by.
        for agent in ("one/1", "one/1", "two/1"):
            alone = _settings(closed, sitemaps=False, user_agent=agent)
            with pytest.raises(MissingError, match=r"asks not to be asked for 7,\d\d\d s"):
                _crawl(alone, tmp_path / "alone")
        assert closed.log[-1][1] == "/a"
    # Nor is it by the run after it.
    assert (closed.asked["/a"], closed.asked["/b"]) == (2, 0)
    assert {end for url, end in ends.items() if url.startswith(living.root)} == {"kept"}
    assert all("asks not to be asked" in ends[f"{closed.root}/{name}"] for name in ("a", "b"))


@pytest.mark.parametrize("then", ["forbids", "is down"])
def test_rules_are_asked_for_again_within_a_run_of_more_than_a_day(
    then: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 9309, 2.4, within one level: each page takes three hours by the clock on the wall."""
    now = [1_800_000_000.0]
    monkeypatch.setattr(crawler, "Hosts", partial(Hosts, now=lambda: now[0]))
    site = Site()
    site.html("/", *(f"/{n:02}" for n in range(20)))

    def slow(count: int) -> Reply:
        now[0] += 3 * 3600
        return Reply(b"<p>")

    def rules(count: int) -> Reply:
        if count > 1 and then == "is down":
            return Reply(b"", 500)
        return Reply(b"User-agent: *\n" + b"Disallow: /1\n" * (count > 1), headers=_TEXT)

    site.pages |= {f"/{n:02}": slow for n in range(20)} | {"/robots.txt": rules}
    with running(site):
        ends = _ends(_crawl(_settings(site, sitemaps=False, retries=0), tmp_path))
    asked = [path for _, path in site.log]
    # Eight pages at three hours are a day.
    assert asked[asked.index("/07") + 1] == "/robots.txt"
    late = {end for url, end in ends.items() if url.rpartition("/")[2] >= "10"}
    if then == "forbids":
        assert late == {"robots"}
        assert asked.count("/robots.txt") == 2
        assert not any(path >= "/10" for path in asked if path[1:].isdecimal())
    else:
        # As long as they cannot be had the old ones count, and are asked for now and then.
        assert late == {"kept"}
        assert 3 < asked.count("/robots.txt") <= 1 + 12


@pytest.mark.parametrize(
    "changes", [{"headers": {"X-Word": "a"}}, {"opt_outs": "record"}, {"user_agent": "other/1"}]
)
def test_who_shows_himself_otherwise_asks_for_everything(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    with running(Site()) as site:
        site.html("/", "/a", "/wish")
        site.html("/a")
        site.html("/wish", head='<meta name="robots" content="noai">')
        for given in ({}, {}, changes, changes):
            _crawl(_settings(site, **given), tmp_path)
    assert [site.asked[path] for path in ("/robots.txt", "/", "/a", "/wish")] == [2] * 4
