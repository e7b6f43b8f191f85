"""How far a crawl goes: pages, bytes, hours and disk, of the whole and of a host.

Which pages fit into so many of them, or so many bytes, is a function of the site: it does not hang
on which server answers first.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.web.sites import Reply, Site, running
from tilth.collect import crawl
from tilth.context import Context
from tilth.errors import DataError, StorageError
from tilth.web import crawler
from tilth.web.frontier import Frontier
from tilth.web.lanes import Lanes


class _KilledError(Exception):
    pass


Rows = dict[str, dict[str, Any]]


@pytest.fixture
def sites() -> Iterator[tuple[Site, Site]]:
    """Two hosts, of which the first by address is the slower one."""
    with running(Site()) as one, running(Site(), host="127.0.0.2") as other:
        for site in (one, other):
            site.html("/", *(f"/{n}" for n in range(6)))
            for n in range(6):
                site.html(f"/{n}", f"/{n}/x", text="x" * 1000)
                site.html(f"/{n}/x", text="y" * 1000)
        for n in range(6):
            page = one.pages[f"/{n}"]
            assert isinstance(page, Reply)
            one.pages[f"/{n}"] = Reply(page.body, wait_s=0.01)
        yield one, other


def _settings(*sites: Site, **changes: Any) -> crawl.Settings:
    given: dict[str, Any] = {
        "start": tuple(f"{site.root}/" for site in sites),
        "allow_hosts": ("127.0.0.1", "127.0.0.2"),
        "sitemaps": False,
        "delay_s": 0,
        "retries": 0,
        "timeout_s": 10,
        **changes,
    }
    return crawl.Settings(**given)


def _rows(settings: crawl.Settings, work: Path) -> Rows:
    batches = crawl.read(settings, "docs", Context(work=work))
    rows = [row for batch in batches for row in batch.to_pylist()]
    return {row["uri"]: row | {"fetched_at": None} for row in rows}


def _depth(uri: str) -> int:
    path = uri.split("/", 3)[3]
    return len(path.split("/")) if path else 0


def _expected(rows: Rows, total: int | None, per_host: int | None) -> dict[str, str | None]:
    """How each address ends where all of the site is known: counted by distance and address."""
    got, hosts = 0, Counter[str]()
    ends: dict[str, str | None] = {}
    found = {uri for uri in rows if _depth(uri) == 0}
    for uri in sorted(rows, key=lambda uri: (_depth(uri), uri)):
        if uri not in found:
            continue
        host = uri.split("/")[2].partition(":")[0]
        if total is not None and got >= total:
            ends[uri] = "max-total-bytes"
        elif per_host is not None and hosts[host] >= per_host:
            ends[uri] = "max-bytes-per-host"
        else:
            ends[uri] = None
            size = len(rows[uri]["html"])
            got += size
            hosts[host] += size
            found |= {
                other
                for other in rows
                if f'href="/{other.split("/", 3)[3]}"' in rows[uri]["html"].decode()
                and other.split("/")[2] == uri.split("/")[2]
            }
    return ends


def _told(rows: Rows) -> dict[str, str | None]:
    return {uri: row["drop.rule"] for uri, row in rows.items()}


@pytest.mark.parametrize(
    ("total", "per_host"), [(3000, None), (9000, None), (None, 4000), (12_000, 7000)]
)
def test_so_many_bytes_by_distance_and_address(
    total: int | None, per_host: int | None, sites: tuple[Site, Site], tmp_path: Path
) -> None:
    whole = _rows(_settings(*sites), tmp_path / "whole")
    assert len(whole) == 26
    ends = _expected(whole, total, per_host)
    assert None in ends.values()
    assert set(ends.values()) - {None}
    given = {"max_total_bytes": total, "max_bytes_per_host": per_host}
    for number in (1, 4):
        found = _rows(
            _settings(*sites, **given, connections_per_host=number), tmp_path / str(number)
        )
        assert _told(found) == ends
        assert all(row["html"] == whole[uri]["html"] for uri, row in found.items() if row["html"])


def test_what_lies_behind_the_bytes_is_not_asked_for(
    sites: tuple[Site, Site], tmp_path: Path
) -> None:
    one, _ = sites
    found = _rows(_settings(one, max_total_bytes=2000), tmp_path)
    told = _told(found)
    assert [uri for uri, rule in told.items() if rule is None] == [
        f"{one.root}/",
        f"{one.root}/0",
        f"{one.root}/1",
    ]
    assert {row["drop.value"] for row in found.values()} == {None, "2000"}
    # One request at a time, in the order of the addresses.
    assert set(one.asked) == {"/robots.txt", "/.well-known/tdmrep.json", "/", "/0", "/1"}
    # With more room only the rest is asked for.
    assert set(_told(_rows(_settings(one), tmp_path)).values()) == {None}
    assert {path for path, n in one.asked.items() if n > 1} == set()
    # And with less again nothing.
    asked = one.asked.total()
    assert _rows(_settings(one, max_total_bytes=2000), tmp_path) == found
    assert one.asked.total() == asked


def test_so_many_pages_of_a_host(sites: tuple[Site, Site], tmp_path: Path) -> None:
    found = _rows(_settings(*sites, max_pages_per_host=3, max_pages=5), tmp_path)
    kept = sorted(uri for uri, rule in _told(found).items() if rule is None)
    one, other = (site.root for site in sites)
    assert kept == [f"{one}/", f"{one}/0", f"{one}/1", f"{other}/", f"{other}/0"]
    told = _told(found)
    assert told[f"{one}/2"] == "max-pages-per-host"
    assert told[f"{other}/1"] == told[f"{other}/5"] == "max-pages"
    assert set(sites[0].asked) & {"/2", "/5"} == set()


def test_a_kill_within_a_level_of_counted_bytes_costs_nothing(
    sites: tuple[Site, Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(*sites, max_total_bytes=9000, max_bytes_per_host=6000)
    whole = _rows(settings, tmp_path / "whole")
    for site in sites:
        site.asked.clear()
    keep, kept = Frontier.keep_answer, 0

    def dies(self: Frontier, *given: Any) -> None:
        nonlocal kept
        kept += 1
        if kept in (4, 9):
            raise _KilledError
        keep(self, *given)

    monkeypatch.setattr(Frontier, "keep_answer", dies)
    for _ in range(2):
        with pytest.raises(_KilledError):
            _rows(settings, tmp_path / "killed")
    assert _rows(settings, tmp_path / "killed") == whole


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The crawl's clock, as one number: a pause is over at once, and it goes on by it."""
    now = [time.monotonic()]

    async def at_once(pause: float) -> None:
        now[0] += pause
        await asyncio.sleep(0)

    monkeypatch.setattr(crawler, "Lanes", partial(Lanes, clock=lambda: now[0], sleep=at_once))
    return now


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as site:
        site.html("/", *(f"/{n}" for n in range(6)))
        for n in range(6):
            site.html(f"/{n}", text=str(n))
        yield site


def _kept(rows: Rows) -> list[str]:
    return [uri[-1] for uri, rule in _told(rows).items() if rule is None]


def test_hours_end_the_asking_and_more_of_them_go_on(
    site: Site, clock: list[float], tmp_path: Path
) -> None:
    # Rules, reservation, the start, and three more in the hour and a half after them.
    given = {"delay_s": 1800}
    found = _rows(_settings(site, **given, max_hours=3), tmp_path)
    assert _kept(found) == ["/", "0", "1", "2"]
    assert {(row["drop.rule"], row["drop.value"]) for row in found.values()} == {
        (None, None),
        ("max-hours", "3"),
    }
    asked = site.asked.total()
    # A finished crawl is only read.
    assert _rows(_settings(site, **given, max_hours=3), tmp_path) == found
    assert site.asked.total() == asked
    # Another asking has hours of its own, and asks for what is missing.
    assert _kept(_rows(_settings(site, **given, max_hours=1.1), tmp_path)) == [
        "/",
        "0",
        "1",
        "2",
        "3",
        "4",
    ]
    assert _kept(_rows(_settings(site, **given), tmp_path)) == ["/", *"012345"]
    assert max(site.asked.values()) == 1


def test_no_pause_is_sat_out_for_which_there_is_no_time(
    site: Site, clock: list[float], tmp_path: Path
) -> None:
    site.pages["/robots.txt"] = Reply(b"User-agent: *\nCrawl-delay: 50000\n")
    begun = clock[0]
    # The start is asked for in any case, as its rules are.
    found = _rows(_settings(site, max_hours=30, delay_s=0), tmp_path)
    assert _kept(found) == ["/"]
    assert clock[0] - begun <= 30 * 3600


def test_hours_are_those_of_all_runs_and_of_a_refresh_its_own(
    site: Site, clock: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(site, delay_s=1800, max_hours=3)
    settle = Frontier.settle

    def dies(self: Frontier, ended: Any, *given: Any) -> None:
        if any(one.url.endswith("/1") for one in ended):
            raise _KilledError
        settle(self, ended, *given)

    with monkeypatch.context() as patch:
        patch.setattr(crawler, "_HARDEN_S", 0.0)
        patch.setattr(Frontier, "settle", dies)
        with pytest.raises(_KilledError):
            _rows(settings, tmp_path)
    # The hour and a half before the kill counts.
    assert _kept(_rows(settings, tmp_path)) == ["/", "0", "1", "2"]
    site.html("/1", text="is another one")
    asked = site.asked.total()
    told = crawl.refresh(settings, Context(work=tmp_path))
    assert site.asked.total() > asked + 3
    assert "1 changed" in told
    rows = _rows(settings, tmp_path)
    assert b"another" in rows[f"{site.root}/1"]["html"]
    # There was no time for these; they stay as they were.
    assert set(_kept(rows)) >= {"/", "0", "1", "2"}


def test_hours_of_a_host_leave_the_others_theirs(
    sites: tuple[Site, Site], clock: list[float], tmp_path: Path
) -> None:
    one, other = sites
    one.pages["/robots.txt"] = Reply(b"User-agent: *\nCrawl-delay: 3000\n")
    found = _told(_rows(_settings(*sites, max_hours_per_host=2, concurrency=2), tmp_path))
    assert {rule for uri, rule in found.items() if uri.startswith(other.root)} == {None}
    late = {uri: rule for uri, rule in found.items() if uri.startswith(one.root)}
    assert set(late.values()) == {None, "max-hours-per-host"}
    assert late[f"{one.root}/"] is None


def test_a_disk_that_fills_up_stops_the_crawl_and_it_goes_on(site: Site, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="`min_free_bytes` keeps") as caught:
        _rows(_settings(site, min_free_bytes=1 << 50), tmp_path)
    assert caught.value.code == "min-free-bytes"
    assert "/" not in site.asked
    rows = _rows(_settings(site, min_free_bytes=1), tmp_path)
    assert _kept(rows) == ["/", *"012345"]
    assert site.asked["/robots.txt"] == 1


def test_of_addresses_behind_a_bound_a_limit_says_nothing(site: Site, tmp_path: Path) -> None:
    context = Context(work=tmp_path, limit=4)
    settings = _settings(site, max_total_bytes=100)
    rows = [row for batch in crawl.read(settings, "docs", context) for row in batch.to_pylist()]
    assert [row["drop.rule"] for row in rows] == [None] * len(rows)
    with closing(Frontier(tmp_path / "crawl" / "frontier.sqlite")) as frontier:
        assert {end.rule for end in frontier.outcomes()} == {None, "max-total-bytes"}


def test_where_bytes_are_counted_hosts_wait_for_each_other(
    sites: tuple[Site, Site], tmp_path: Path
) -> None:
    found = _told(_rows(_settings(*sites, max_total_bytes=14_000), tmp_path / "deep"))
    kept = [uri for uri, rule in found.items() if rule is None]
    assert max(map(_depth, kept)) == 2
    times: dict[int, list[float]] = {1: [], 2: []}
    for site in sites:
        for at, path in site.log:
            if path[1:2].isdecimal():
                times[path.count("/")].append(at)
    assert max(times[1]) < min(times[2])
    # Of the host that is behind the other by its address some were asked for before that was known.
    _, other = sites
    other.log.clear()
    few = _told(_rows(_settings(*sites, max_total_bytes=3000), tmp_path / "few"))
    assert {few[f"{other.root}{path}"] for _, path in other.log if path == "/0"} == {
        "max-total-bytes"
    }


def test_where_there_is_no_time_the_rules_of_the_start_are_asked_for(
    site: Site, clock: list[float], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="found no page") as caught:
        _rows(_settings(site, max_hours=1e-9, delay_s=60), tmp_path)
    assert "max-hours" in (caught.value.where or "")
    assert "/robots.txt" in site.asked
    assert "/" not in site.asked


def test_hours_of_a_host_that_links_lead_to_begin_with_its_rules(
    site: Site, clock: list[float], tmp_path: Path
) -> None:
    with running(Site(), host="127.0.0.2") as other:
        other.pages["/robots.txt"] = Reply(b"User-agent: *\nCrawl-delay: 3600\n")
        site.html("/", *(f"{other.root}/{n}" for n in range(3)))
        for n in range(3):
            other.html(f"/{n}")
        scope = (f"{site.root}/", f"{other.root}/")
        found = _told(_rows(_settings(site, scope=scope, max_hours_per_host=2.5), tmp_path))
    # Rules, reservation, and one page within two hours and a half.
    assert found == {
        f"{site.root}/": None,
        f"{other.root}/0": None,
        f"{other.root}/1": "max-hours-per-host",
        f"{other.root}/2": "max-hours-per-host",
    }
