"""A crawl ends with a row for every address, whatever the site does."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.web.sites import Reply, Site, redirect, running
from tilth.collect import crawl
from tilth.context import Context, Note
from tilth.errors import DataError, MissingError, StorageError, UsageError
from tilth.settings import acting
from tilth.web.frontier import Frontier

_HTML = ("Content-Type", "text/html")


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as running_site:
        yield running_site


def _settings(site: Site, **changes: Any) -> crawl.Settings:
    given: dict[str, Any] = {
        "start": (f"{site.root}/",),
        "allow_hosts": ("127.0.0.1",),
        "delay_s": 0,
        "retry_s": 0.01,
        "retries": 2,
        "timeout_s": 5,
        **changes,
    }
    return crawl.Settings(**given)


def _rows(
    site: Site, work: Path, limit: int | None = None, **changes: Any
) -> dict[str, dict[str, Any]]:
    """The rows by path, which every address has once."""
    context = Context(work=work, limit=limit)
    rows = [
        row
        for batch in crawl.read(_settings(site, **changes), "docs", context)
        for row in batch.to_pylist()
    ]
    uris = [row["uri"] for row in rows]
    assert uris == sorted(set(uris))
    return {row["uri"].removeprefix(site.root): row for row in rows}


def _ends(rows: dict[str, dict[str, Any]]) -> dict[str, tuple[str | None, str | None]]:
    return {path: (row["drop.rule"], row["drop.value"]) for path, row in rows.items()}


def test_every_address_ends_as_a_row(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a", "/b", "/gone", "/moved", "/file.pdf", "/private/x", "http://other.org/")
    site.html("/a", "/b#top", "/", text="page a")
    site.html("/b", text="page b")
    site.html("/private/x")
    site.html("/target", text="reached")
    site.pages["/moved"] = redirect("/target", 301)
    site.pages["/file.pdf"] = Reply(b"%PDF", headers=(("Content-Type", "application/pdf"),))
    site.pages["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /private/\n")
    rows = _rows(site, tmp_path)
    assert _ends(rows) == {
        "/": (None, None),
        "/a": (None, None),
        "/b": (None, None),
        "/file.pdf": ("content-type", "application/pdf"),
        "/gone": ("http-status", "404"),
        "/moved": ("redirect", f"{site.root}/target"),
        "/private/x": ("robots", "disallowed"),
        "/target": (None, None),
    }
    assert b"page a" in rows["/a"]["html"]
    assert rows["/a"]["content_type"] == "text/html; charset=utf-8"
    assert rows["/a"]["consent"] == "robots.txt: allowed"
    assert len(rows["/a"]["fetched_at"]) == len("2026-01-02")
    assert rows["/gone"]["html"] is None
    assert "/private/x" not in site.asked
    assert max(site.asked.values()) == 1
    assert all(agent.startswith("tilth/") for agent in site.agents)


def test_a_complete_crawl_is_only_read(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a")
    site.html("/a")
    first = _rows(site, tmp_path)
    asked = sum(site.asked.values())
    assert _rows(site, tmp_path) == first
    assert sum(site.asked.values()) == asked
    # Other settings are another crawl.
    assert set(_rows(site, tmp_path, max_pages=1)) == {"/", "/a"}
    assert sum(site.asked.values()) > asked


def test_two_crawls_give_the_same_bytes(site: Site, tmp_path: Path) -> None:
    names = [f"/{n}" for n in range(40)]
    site.html("/", *names)
    for n, name in enumerate(names):
        site.html(name, f"/{(n * 7) % 60}", wait_s=0.001 * (n % 5))
    settings = _settings(site, max_pages=45)
    runs = [
        list(crawl.read(settings, "docs", Context(work=tmp_path / str(run)))) for run in range(2)
    ]
    for batches in runs:
        days = {day for batch in batches for day in batch.column("fetched_at").to_pylist()}
        assert len(days) <= 3  # One day and null; two over midnight.
    assert [b.drop_columns(["fetched_at"]) for b in runs[0]] == [
        b.drop_columns(["fetched_at"]) for b in runs[1]
    ]


def test_opt_outs(site: Site, tmp_path: Path) -> None:
    site.html("/", "/meta", "/header", "/ai", "/tdm", "/other")
    site.html("/meta", "/behind", head='<meta name="robots" content="noindex, nofollow">')
    site.html("/header", "/seen", headers=(_HTML, ("X-Robots-Tag", "noindex")))
    site.html("/ai", headers=(_HTML, ("X-Robots-Tag", "noai, noimageai")))
    site.html("/tdm", head='<meta name="tdm-reservation" content="1">')
    site.html("/other", headers=(_HTML, ("X-Robots-Tag", "googlebot: noindex")))
    site.html("/behind")
    site.html("/seen")
    rows = _rows(site, tmp_path / "drop")
    assert _ends(rows) == {
        "/": (None, None),
        "/ai": ("robots-header-noai", "noai, noimageai"),
        "/header": ("robots-header-noindex", "noindex"),
        "/meta": ("robots-meta-noindex", "noindex, nofollow"),
        "/other": (None, None),
        "/seen": (None, None),
        "/tdm": ("tdm-reservation", "1"),
    }
    assert rows["/meta"]["html"] is None
    assert rows["/meta"]["consent"] == "robots.txt: none; meta robots: noindex, nofollow"
    recorded = _rows(site, tmp_path / "record", opt_outs="record")
    assert recorded["/meta"]["drop.rule"] is None
    assert recorded["/meta"]["html"]
    assert "noindex" in recorded["/meta"]["consent"]
    assert "/behind" not in recorded


def test_canonical_pages(site: Site, tmp_path: Path) -> None:
    site.html("/", "/copy")
    site.html("/copy", head='<link rel="canonical" href="/page">')
    site.html("/page", head='<link rel="canonical" href="/page">')
    rows = _rows(site, tmp_path / "drop")
    assert _ends(rows)["/copy"] == ("canonical", f"{site.root}/page")
    assert _ends(rows)["/page"] == (None, None)
    assert _ends(_rows(site, tmp_path / "keep", canonical="keep"))["/copy"] == (None, None)


def test_redirects_to_private_addresses_are_refused(site: Site, tmp_path: Path) -> None:
    port = site.port
    targets = [f"http://localhost:{port}/x", f"http://[::ffff:127.0.0.1]:{port}/x"]
    targets += [f"http://2130706434:{port}/x", f"http://0x7f000003:{port}/x"]
    site.html("/", *(f"/{n}" for n in range(len(targets))))
    for n, target in enumerate(targets):
        site.pages[f"/{n}"] = redirect(target)
    hosts = ["localhost", "[::ffff:7f00:1]", "127.0.0.2", "127.0.0.3"]
    scope = (f"{site.root}/", *(f"http://{host}:{port}/" for host in hosts))
    rows = _rows(site, tmp_path, scope=scope)
    refused = {
        row["uri"]: row["drop.value"] for row in rows.values() if row["drop.rule"] == "address"
    }
    assert set(refused) == {f"http://{host}:{port}/x" for host in hosts}
    assert refused[f"http://127.0.0.2:{port}/x"] == "127.0.0.2"
    assert "/x" not in site.asked


def test_a_start_at_a_private_address_is_refused(site: Site, tmp_path: Path) -> None:
    site.html("/")
    with pytest.raises(UsageError, match="not a public address") as caught:
        _rows(site, tmp_path, allow_hosts=())
    assert "allow_hosts" in caught.value.hint
    assert not site.asked


def test_failures_are_tried_again_and_cost_one_page(site: Site, tmp_path: Path) -> None:
    site.html("/", "/flaky", "/broken", "/cut", "/slow", "/bad")
    good = Reply(b"<p>good at last")
    site.pages["/flaky"] = lambda count: good if count == 3 else Reply(status=503)
    site.pages["/broken"] = Reply(b"oops", 500)
    site.pages["/cut"] = Reply(b"<p>" * 1000, cut=5)
    site.pages["/slow"] = Reply(b"<p>", wait_s=1.0)
    site.pages["/bad"] = Reply(b"\x1f\x8bxx", headers=(_HTML, ("Content-Encoding", "gzip")))
    rows = _rows(site, tmp_path, timeout_s=0.4)
    assert rows["/flaky"]["html"] == b"<p>good at last"
    assert site.asked["/flaky"] == 3
    errors = {path: row["error"] for path, row in rows.items() if row["error"]}
    assert set(errors) == {"/broken", "/cut", "/slow", "/bad"}
    assert errors["/broken"] == "HTTP status 500"
    assert errors["/slow"] == "no complete answer within 0.4 s"
    assert "damaged" in errors["/bad"]
    assert site.asked["/broken"] == 3
    assert all(rows[path]["html"] is None for path in errors)


def test_bounds(site: Site, tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * (4 << 20))
    site.html("/", "/large", "/bomb", f"/{'x' * 300}")
    site.html("/large", text="x" * 60_000)
    site.pages["/bomb"] = Reply(bomb, headers=(_HTML, ("Content-Encoding", "gzip")))
    ends = _ends(_rows(site, tmp_path, max_bytes=50_000, max_url_length=200))
    assert ends["/large"][0] == "max-bytes"
    assert ends["/bomb"][0] == "max-bytes"
    assert ends[f"/{'x' * 300}"] == ("url-length", str(len(site.root) + 301))


def test_a_trap_is_bounded(site: Site, tmp_path: Path) -> None:
    class Trap(dict[str, Any]):
        """Every page links two deeper ones, and itself."""

        def get(self, path: str, default: Any = None) -> Any:
            if path in ("/robots.txt", "/sitemap.xml"):
                return default
            links = f'<a href="{path}a/">x</a><a href="{path}b/">y</a><a href="{path}">z</a>'
            return Reply(links.encode())

    site.pages = Trap()
    deep = _ends(_rows(site, tmp_path / "deep", max_depth=3))
    assert sum(rule is None for rule, _ in deep.values()) == 1 + 2 + 4 + 8
    assert sum(rule == "max-depth" for rule, _ in deep.values()) == 16
    wide = _ends(_rows(site, tmp_path / "wide", max_pages=10))
    assert sum(rule is None for rule, _ in wide.values()) == 10
    # Of a level that exceeds the budget the first addresses are taken, in their order.
    assert wide["/a/a/a/"] == wide["/a/b/a/"] == (None, None)
    assert wide["/b/b/b/"] == ("max-pages", "10")


def test_a_limit_bounds_pages_and_rows(site: Site, tmp_path: Path) -> None:
    site.html("/", *(f"/{n}" for n in range(20)))
    for n in range(20):
        site.html(f"/{n}")
    rows = _rows(site, tmp_path, limit=5)
    assert len(rows) == 5
    assert all(row["html"] for row in rows.values())


def test_a_limit_above_the_budget_is_none(site: Site, tmp_path: Path) -> None:
    """What is cached of the one must be what the other gives, to the last row."""
    site.html("/", *(f"/{n}" for n in range(20)))
    for n in range(20):
        site.html(f"/{n}")
    whole = _rows(site, tmp_path / "whole", max_pages=8)
    assert len(whole) == 21
    for limit in (8, 100):
        assert _rows(site, tmp_path / str(limit), limit=limit, max_pages=8) == whole
    assert len(_rows(site, tmp_path / "less", limit=7, max_pages=8)) == 7
    # Of a part of the scope that nobody found it is said, where all was looked at.
    scope = (f"{site.root}/", f"{site.root}/lost/")
    for above in (None, 100):
        with pytest.raises(DataError):
            _rows(site, tmp_path / f"scope {above}", limit=above, max_pages=90, scope=scope)


def test_sitemaps(site: Site, tmp_path: Path) -> None:
    site.html("/docs/")
    site.html("/docs/unlinked")
    urls = f"{site.root}/docs/unlinked</loc></url><url><loc>{site.root}/other"
    site.pages["/map.xml"] = Reply(f"<urlset><url><loc>{urls}</loc></url></urlset>".encode())
    lines = f"Sitemap: {site.root}/map.xml\nSitemap: /lost.xml\n"
    site.pages["/robots.txt"] = Reply(lines.encode())
    start = (f"{site.root}/docs/",)
    rows = _rows(site, tmp_path / "with", start=start)
    assert set(rows) == {"/docs/", "/docs/unlinked", "/lost.xml"}
    assert rows["/lost.xml"]["error"] == "the sitemap cannot be read: HTTP status 404"
    assert set(_rows(site, tmp_path / "without", start=start, sitemaps=False)) == {"/docs/"}


def test_the_delay_of_robots_txt_is_kept(site: Site, tmp_path: Path) -> None:
    times: list[float] = []
    site.on_request = lambda _: times.append(time.monotonic())
    site.html("/", "/a", "/b")
    site.html("/a")
    site.html("/b")
    site.pages["/robots.txt"] = Reply(b"User-agent: *\nCrawl-delay: 0.25\n")
    _rows(site, tmp_path, sitemaps=False)
    assert times[3] - times[2] > 0.2


def test_the_delay_is_kept_from_one_level_of_links_to_the_next(site: Site, tmp_path: Path) -> None:
    times: list[float] = []
    site.on_request = lambda _: times.append(time.monotonic())
    site.html("/", "/a")
    site.html("/a", "/b")
    site.html("/b")
    _rows(site, tmp_path, sitemaps=False, delay_s=0.2)
    pages = times[-3:]  # robots.txt and tdmrep.json come first
    assert len(times) == 5
    assert min(after - before for before, after in pairwise(pages)) > 0.18


def test_a_site_that_is_down(site: Site, tmp_path: Path) -> None:
    with running(Site()) as closed:
        pass
    with pytest.raises(MissingError, match="does not answer") as caught:
        _rows(closed, tmp_path)
    assert "curl" in caught.value.hint
    closed.html("/")
    with running(closed, closed.port):
        assert set(_rows(closed, tmp_path)) == {"/"}


def test_a_robots_file_that_fails_forbids_everything(site: Site, tmp_path: Path) -> None:
    site.html("/")
    site.pages["/robots.txt"] = Reply(b"", 503)
    with pytest.raises(MissingError, match="503"):
        _rows(site, tmp_path)
    assert "/" not in site.asked


def test_a_site_that_goes_down_is_taken_up_again(tmp_path: Path) -> None:
    site = Site()
    names = [f"/{n:03d}" for n in range(120)]
    site.html("/", *names)
    for name in names:
        site.html(name)
    whole = {"/", *names}
    down = False

    def answer(path: str) -> Any:
        page = site.pages[path]
        assert isinstance(page, Reply)
        return lambda _: Reply(b"", 503) if down else page

    def count(total: int) -> None:
        nonlocal down
        down = total > 60

    site.pages = {path: answer(path) for path in whole} | {
        "/robots.txt": lambda _: Reply(b"", 503 if down else 404)
    }
    site.on_request = count
    with running(site):
        with pytest.raises(MissingError, match="stopped answering") as caught:
            _rows(site, tmp_path, retries=0)
        assert "are done and kept" in caught.value.where
        site.on_request, down = None, False
        before = site.asked.copy()
        rows = _rows(site, tmp_path, retries=0)
    assert set(rows) == whole
    assert all(row["html"] and not row["error"] for row in rows.values())
    # What was done is not asked for again.
    assert sum((site.asked - before)[name] for name in names) < 100


def test_one_dead_host_of_two_costs_its_own_address(site: Site, tmp_path: Path) -> None:
    with running(Site()) as closed:
        pass
    site.html("/")
    rows = _rows(site, tmp_path, start=(f"{site.root}/", f"{closed.root}/"))
    assert rows["/"]["html"]
    assert "does not answer" in rows[f"{closed.root}/"]["error"]


def test_a_crawl_without_a_page_says_why_and_is_tried_anew(site: Site, tmp_path: Path) -> None:
    site.pages["/docs/"] = redirect("/elsewhere/")
    start = (f"{site.root}/docs/",)
    with pytest.raises(DataError, match="found no page") as caught:
        _rows(site, tmp_path, start=start)
    assert "redirect" in caught.value.where
    assert "scope" in caught.value.hint
    site.html("/docs/")
    assert set(_rows(site, tmp_path, start=start)) == {"/docs/"}


def test_a_damaged_record_costs_one_row(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a", "/b")
    site.html("/a")
    site.html("/b")
    _rows(site, tmp_path)
    archive = tmp_path / "crawl" / "warc" / "crawl-00000.warc.gz"
    with closing(Frontier(tmp_path / "crawl" / "frontier.sqlite")) as frontier:
        (start,) = (
            end.place.start
            for end in frontier.outcomes()
            if end.url == f"{site.root}/" and end.place
        )
    data = bytearray(archive.read_bytes())
    data[start + 20 : start + 60] = bytes(40)
    archive.write_bytes(data)
    rows = _rows(site, tmp_path)
    assert [path for path, row in rows.items() if row["error"]] == ["/"]
    assert rows["/a"]["html"]


def test_an_unwritable_folder_is_told(site: Site, tmp_path: Path) -> None:
    site.html("/")
    (tmp_path / "crawl").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="cannot be used"):
        _rows(site, tmp_path)


def test_it_runs_under_an_event_loop(site: Site, tmp_path: Path) -> None:
    site.html("/")

    async def notebook() -> set[str]:
        return set(_rows(site, tmp_path))

    assert asyncio.run(notebook()) == {"/"}


def test_progress_is_told(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a")
    site.html("/a")
    told: list[tuple[float, float | None, str]] = []
    context = Context(work=tmp_path, progress=lambda *given: told.append(given))
    list(crawl.read(_settings(site), "docs", context))
    assert told[-1][:2] == (2, 2)
    assert told[-1][2].endswith("pages/s")


def test_settings_are_checked() -> None:
    settings = crawl.Settings(start=("HTTP://Example.org",), allow_hosts=("LocalHost.",))
    assert settings.start == ("http://example.org/",)
    assert settings.allow_hosts == ("localhost",)
    assert crawl.fingerprint(settings) == ""
    for wrong in ({"start": ()}, {"start": ("example.org",)}, {"start": ("file:///etc",)}):
        with pytest.raises(ValidationError):
            crawl.Settings.model_validate(wrong)
    with pytest.raises(ValidationError):
        crawl.Settings.model_validate({"start": ["http://example.org/"], "max_page": 3})


def test_a_leftover_of_another_crawl_is_done_away_with(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a")
    site.html("/a")
    _rows(site, tmp_path)
    site.html("/")
    site.asked.clear()
    # A site may answer another crawler otherwise.
    assert set(_rows(site, tmp_path, user_agent="other/1")) == {"/"}
    shutil.rmtree(tmp_path / "crawl")
    assert set(_rows(site, tmp_path, user_agent="other/1")) == {"/"}


@pytest.mark.parametrize(
    "given",
    [
        {"timeout_s": 7},
        {"delay_s": 0.01},
        {"concurrency": 3},
        {"retries": 1},
        {"retry_s": 0.02},
        {"max_pages": 9_999, "limit": 5},
    ],
    ids=lambda given: next(iter(given)),
)
def test_how_politely_a_site_was_asked_is_no_reason_to_ask_it_again(
    given: dict[str, Any], site: Site, tmp_path: Path
) -> None:
    site.html("/", "/a")
    site.html("/a")
    began: list[bool] = []
    changes = dict(given)
    for more in ({}, changes):
        limit = 5 if "limit" in given else None
        settings = _settings(site, **{name: one for name, one in more.items() if name != "limit"})
        context = Context(tmp_path, limit=limit, begins_anew=lambda: began.append(True))
        assert sum(batch.num_rows for batch in crawl.read(settings, "docs", context)) == 2
    assert site.asked["/a"] == 1
    assert len(began) == 1
    assert ("max_pages" in given) or acting(settings) == acting(_settings(site))


@pytest.mark.parametrize(
    "given",
    [
        {"max_depth": 3},
        {"max_bytes": 1 << 12},
        {"max_url_length": 99},
        {"max_pages": 50},
        {"sitemaps": False},
        {"opt_outs": "record"},
        {"canonical": "keep"},
        {"user_agent": "another/1"},
        {"headers": {"X-Team": "a"}},
        {"allow_hosts": ("127.0.0.1", "localhost")},
        {"scope": ("http://127.0.0.1/",)},
    ],
    ids=lambda given: next(iter(given)),
)
def test_what_decides_which_pages_there_are_makes_another_crawl(given: dict[str, Any]) -> None:
    site = Site()
    one, other = _settings(site), _settings(site, **given)
    assert crawl.fetched(one, None) != crawl.fetched(other, None)
    assert crawl.fetched(one, 7) == crawl.fetched(_settings(site, max_pages=7), None)


def test_of_another_crawl_no_earlier_sample_stays(site: Site, tmp_path: Path) -> None:
    site.html("/")
    began: list[bool] = []
    for changes in ({}, {}, {"sitemaps": False}):
        context = Context(tmp_path, begins_anew=lambda: began.append(True))
        list(crawl.read(_settings(site, **changes), "docs", context))
    assert len(began) == 2


def test_a_part_of_the_scope_in_which_nothing_is_found_is_an_error(
    site: Site, tmp_path: Path
) -> None:
    site.html("/", "/docs/a")
    site.html("/docs/a")
    scope = (f"{site.root}/docs/", f"{site.root}/dosc/")
    with pytest.raises(DataError, match="/dosc/`, which is not there"):
        _rows(site, tmp_path / "a", scope=scope)
    assert set(_rows(site, tmp_path / "b", scope=scope[:1])) == {"/", "/docs/a"}
    # Cut short, it may be there all the same.
    assert set(_rows(site, tmp_path / "c", scope=scope, max_pages=1)) == {"/", "/docs/a"}
    assert set(_rows(site, tmp_path / "d", limit=1, scope=scope)) == {"/"}


def test_what_is_left_out_is_not_asked_for(site: Site, tmp_path: Path) -> None:
    """By whatever way it is found, and with it the rules of a host of which nothing is wanted."""
    with running(Site(), host="127.0.0.2") as other:
        site.html(
            "/", "/a/1", "/moved", f"{other.root}/a/1", head='<link rel=canonical href="/a/3">'
        )
        site.pages["/moved"] = redirect("/a/2")
        places = f"<urlset><url><loc>{site.root}/a/4</loc></url></urlset>"
        kind = (("Content-Type", "application/xml"),)
        site.pages["/sitemap.xml"] = Reply(places.encode(), headers=kind)
        given: dict[str, Any] = {"scope": (f"{site.root}/", f"{other.root}/")}
        given |= {"allow_hosts": ("127.0.0.1", "127.0.0.2"), "exclude": ("/a/*",)}
        rows = _rows(site, tmp_path, **given)
        excluded = {path for path, (rule, value) in _ends(rows).items() if rule == "excluded"}
        assert excluded == {*(f"/a/{n}" for n in range(1, 5)), f"{other.root}/a/1"}
        assert not any(path.startswith("/a/") for path in site.asked)
        assert not other.asked


def test_what_is_left_out_takes_no_others_place(site: Site, tmp_path: Path) -> None:
    names = [f"/{n}" for n in range(20)]
    site.html("/", *names)
    for name in names:
        site.html(name)
    kept = ["/", "/18", "/19"]
    given = {"exclude": tuple(f"/{n}" for n in range(18))}
    for limit, bounds in ((3, {}), (None, {"max_pages": 3})):
        rows = _rows(site, tmp_path / str(limit), limit, **given, **bounds)
        assert [path for path, row in rows.items() if row["html"]] == kept


def test_patterns_that_fit_nothing_are_told(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a", "/b")
    site.html("/a")

    def told(**given: Any) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []

        def note(place: str, reason: str) -> None:
            assert isinstance(reason, Note)
            found.append((place, reason))

        settings = _settings(site, **given)
        list(crawl.read(settings, "docs", Context(work=tmp_path, passes_over=note)))
        return found

    both = {"include": ("/a", "/b", "/aa"), "exclude": ("/b", "*.pdf")}
    expected = [
        ("/aa", "pattern of `include` that fits no address found"),
        ("*.pdf", "pattern of `exclude` that fits no address found"),
    ]
    assert told(**both) == expected
    # Of a crawl that is there already too.
    assert told(**both) == expected
    # Behind the last page there may be some.
    assert told(**both, max_pages=1) == []
    assert told(include=("/a", "/b")) == []


def test_pages_that_lead_from_one_to_the_next_keep_the_pace(site: Site, tmp_path: Path) -> None:
    for number in range(4):
        site.html(f"/{number or ''}", f"/{number + 1}")
    site.html("/4")
    started = time.monotonic()
    assert len(_rows(site, tmp_path, delay_s=0.1)) == 5
    assert time.monotonic() - started >= 0.4
