"""A crawl that is asked for again: what has changed is fetched, and nothing is lost by asking."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.inline import inline, run_inline
from tests.web.sites import Reply, Site, redirect, running
from tilth.collect import crawl
from tilth.context import Context
from tilth.engine.events import StepFinished, Warned
from tilth.errors import DataError, MissingError
from tilth.store import Dataset, refreshed
from tilth.store.manifest import read_manifest

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")

Rows = dict[str, dict[str, Any]]


class Versions:
    """A site whose pages have validators, and that sends what has changed."""

    def __init__(self, site: Site, kind: str = "etag") -> None:
        self.site, self.kind = site, kind
        self.numbers: dict[str, int] = {}

    def put(self, path: str, *links: str, text: str = "", head: str = "") -> None:
        """A page, or another version of it."""
        self.site.html(path, *links, text=text, head=head)
        page = self.site.pages[path]
        assert isinstance(page, Reply)
        number = self.numbers[path] = self.numbers.get(path, 0) + 1
        told, asked, value = {
            "etag": ("ETag", "if-none-match", f'"{number}"'),
            "weak": ("ETag", "if-none-match", f'W/"{number}"'),
            "date": (
                "Last-Modified",
                "if-modified-since",
                f"Mon, {number:02} Jan 2024 00:00:00 GMT",
            ),
            "none": ("X-Nothing", "x-nothing", ""),
        }[self.kind]
        whole = Reply(page.body, headers=(*page.headers, (told, value)))

        def answer(_: int) -> Reply:
            if value and self.site.headers[-1].get(asked) == value:
                return Reply(status=304, headers=((told, value),))
            return whole

        self.site.pages[path] = answer


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as found:
        yield found


def _settings(*sites: Site, **changes: Any) -> crawl.Settings:
    given: dict[str, Any] = {
        "start": tuple(f"{site.root}/" for site in sites),
        "allow_hosts": ("127.0.0.1", "127.0.0.2"),
        "delay_s": 0,
        "retry_s": 0.01,
        "retries": 1,
        "timeout_s": 5,
        "sitemaps": False,
        **changes,
    }
    return crawl.Settings(**given)


def _crawl(settings: crawl.Settings, work: Path) -> list[dict[str, Any]]:
    batches = crawl.read(settings, "docs", Context(work=work))
    return [row for batch in batches for row in batch.to_pylist()]


def _told(settings: crawl.Settings, work: Path) -> dict[str, str]:
    """What reading tells of each address."""
    found: dict[str, str] = {}
    list(crawl.read(settings, "docs", Context(work=work, passes_over=found.__setitem__)))
    return found


@pytest.mark.parametrize("kind", ["etag", "weak", "date", "none"])
def test_what_has_changed_is_fetched(kind: str, site: Site, tmp_path: Path) -> None:
    pages = Versions(site, kind)
    pages.put("/", "/same", "/other", "/gone", "/moved", "/wish")
    for path in ("/same", "/other", "/gone", "/moved", "/wish", "/unlinked"):
        pages.put(path, "/unlinked" if path == "/other" else "/same")
    settings = _settings(site)
    before = {row["uri"]: row for row in _crawl(settings, tmp_path)}
    archive = tmp_path / "crawl" / "warc" / "crawl-00000.warc.gz"
    first = archive.read_bytes()
    pages.put("/other", "/new", text="another text")
    pages.put("/new")
    pages.put("/wish", head='<meta name="robots" content="noai">')
    site.pages["/moved"] = redirect("/same")
    del site.pages["/gone"]
    site.asked.clear()
    told = crawl.refresh(settings, Context(work=tmp_path))
    assert told == (
        "asked again: 2 pages as before, 1 changed, 1 new, 1 gone, 3 no page any more or not "
        "linked, 0 that could not be had and stay as before"
    )
    assert max(site.asked.values()) == 1
    # Rules too.
    assert "/robots.txt" in site.asked
    after = _crawl(settings, tmp_path)
    anew = _crawl(settings, tmp_path / "anew")
    assert after == anew
    assert {row["uri"]: row for row in after}[f"{site.root}/same"] == before[f"{site.root}/same"]
    # What was archived is still there, and nothing twice.
    second = archive.read_bytes()
    assert second.startswith(first)
    assert len(second) - len(first) < len(first)
    changes = {
        "/other": "page that has changed since the crawl before",
        "/new": "page that is new since the crawl before",
        "/gone": "page of the crawl before that is gone (HTTP status 404 or 410)",
        "/moved": "page of the crawl before that is none any more, or not linked",
        "/unlinked": "page of the crawl before that is none any more, or not linked",
        "/wish": "page of the crawl before that is none any more, or not linked",
    }
    assert _told(settings, tmp_path) == {f"{site.root}{path}": why for path, why in changes.items()}


def test_validators_are_sent_and_an_answer_without_a_body_is_enough(
    site: Site, tmp_path: Path
) -> None:
    pages = Versions(site)
    pages.put("/", "/a")
    pages.put("/a")
    settings = _settings(site)
    before = _crawl(settings, tmp_path)
    size = (tmp_path / "crawl" / "warc" / "crawl-00000.warc.gz").stat().st_size
    for _ in range(2):
        site.headers.clear()
        told = crawl.refresh(settings, Context(work=tmp_path))
        assert told.startswith("asked again: 2 pages as before, 0 changed, 0 new, 0 gone, 0 no")
        sent = [one.get("if-none-match") for one in site.headers]
        assert sent == [None, None, '"1"', '"1"']
        assert _crawl(settings, tmp_path) == before
    assert (tmp_path / "crawl" / "warc" / "crawl-00000.warc.gz").stat().st_size == size


def test_what_a_site_says_of_use_is_heard_of_pages_that_are_the_same(
    site: Site, tmp_path: Path
) -> None:
    html = ("Content-Type", "text/html")
    site.html("/", "/a", "/b")
    site.pages["/a"] = Reply(b"<p>a", headers=(html, ("ETag", '"a"')))
    site.pages["/b"] = Reply(b"<p>b", headers=(html, ("ETag", '"b"')))
    settings = _settings(site)
    _crawl(settings, tmp_path)
    site.pages["/a"] = Reply(status=304, headers=(("X-Robots-Tag", "noai"),))
    site.pages["/b"] = Reply(status=304)
    site.pages["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /b\n")
    site.asked.clear()
    crawl.refresh(settings, Context(work=tmp_path))
    rules = {row["uri"]: row["drop.rule"] for row in _crawl(settings, tmp_path)}
    assert rules == {
        f"{site.root}/": None,
        f"{site.root}/a": "robots-header-noai",
        f"{site.root}/b": "robots",
    }
    assert "/b" not in site.asked


def test_a_page_that_cannot_be_had_stays_with_all_that_it_leads_to(
    site: Site, tmp_path: Path
) -> None:
    site.html("/", "/a", "/b")
    site.html("/a", "/a/1")
    site.html("/a/1")
    site.html("/b")
    settings = _settings(site)
    before = _crawl(settings, tmp_path)
    site.pages["/a"] = Reply(status=503)
    site.pages["/b"] = Reply(b"<p>b", cut=1)
    told = crawl.refresh(settings, Context(work=tmp_path))
    assert told.endswith("2 that could not be had and stay as before")
    assert _crawl(settings, tmp_path) == before
    assert set(_told(settings, tmp_path)) == {f"{site.root}/a", f"{site.root}/b"}


@pytest.mark.parametrize("is_named", [True, False])
def test_a_sitemap_that_cannot_be_had_costs_no_page(
    is_named: bool, site: Site, tmp_path: Path
) -> None:
    site.html("/")
    site.html("/a", "/b")
    site.html("/b")
    if is_named:
        site.pages["/robots.txt"] = Reply(f"Sitemap: {site.root}/sitemap.xml".encode())
    listed = Reply(f"<urlset><url><loc>{site.root}/a</loc></url></urlset>".encode())
    site.pages["/sitemap.xml"] = listed
    settings = _settings(site, sitemaps=True)
    before = _crawl(settings, tmp_path)
    for answer, left in ((Reply(status=503), 0), (listed, 0), (Reply(status=404), 2)):
        site.pages["/sitemap.xml"] = answer
        told = crawl.refresh(settings, Context(work=tmp_path))
        assert f" {left} no page any more or not linked" in told
        found = [row for row in _crawl(settings, tmp_path) if row["html"]]
        assert len(found) == len(before) - left


def test_a_site_that_dies_beside_another_keeps_its_pages(site: Site, tmp_path: Path) -> None:
    names = [f"/{n}" for n in range(20)]
    with running(Site(), host="127.0.0.2") as other:
        for one in (site, other):
            one.html("/", *names)
            for name in names:
                one.html(name, f"{name}/deep")
                one.html(f"{name}/deep")
        settings = _settings(site, other, retries=0)
        before = _crawl(settings, tmp_path)
        assert len(before) == 82
        for path in other.pages:
            other.pages[path] = Reply(cut=0, status=500)
        other.pages["/robots.txt"] = Reply(status=500)
        crawl.refresh(settings, Context(work=tmp_path))
        assert _crawl(settings, tmp_path) == before


def test_a_site_without_a_page_any_more_costs_nothing_of_what_there_was(
    site: Site, tmp_path: Path
) -> None:
    site.html("/", "/a")
    site.html("/a")
    settings = _settings(site)
    before = _crawl(settings, tmp_path)
    pages = dict(site.pages)
    site.pages.clear()
    with pytest.raises(DataError, match="has no page any more, so all is left as it was"):
        crawl.refresh(settings, Context(work=tmp_path))
    site.asked.clear()
    assert _crawl(settings, tmp_path) == before
    assert not site.asked
    site.pages |= pages
    assert "2 pages as before" in crawl.refresh(settings, Context(work=tmp_path))


_REFRESH = """
import sys
from pathlib import Path
from tilth.collect import crawl
from tilth.context import Context

work, root = sys.argv[1:]
settings = crawl.Settings(
    start=(root + "/",), allow_hosts=("127.0.0.1",), delay_s=0, sitemaps=False, retry_s=0.05
)
print(crawl.refresh(settings, Context(work=Path(work))))
"""


def test_killed_in_the_middle_it_goes_on(site: Site, tmp_path: Path) -> None:
    pages = Versions(site)
    names = [f"/{n}" for n in range(60)]
    pages.put("/", *names[:30])
    for n, name in enumerate(names):
        pages.put(name, *names[n + 30 : n + 32])
    settings = _settings(site)
    _crawl(settings, tmp_path)
    for name in names[::7]:
        pages.put(name, *names[40:42], text="more")
    del site.pages["/59"]
    asked = site.asked.copy()
    command = [sys.executable, "-c", _REFRESH, str(tmp_path), site.root]
    for _ in range(3):
        victims: list[int] = []
        at = site.asked.total() + 15

        def kill(total: int, at: int = at, victims: list[int] = victims) -> None:
            if total >= at and victims:
                os.kill(victims.pop(), signal.SIGKILL)

        site.on_request = kill
        with subprocess.Popen(command) as victim:
            victims.append(victim.pid)
            assert victim.wait(60) == -signal.SIGKILL
    site.on_request = None
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    paths = [*names, "/"]
    again = sum(site.asked[path] - asked[path] for path in paths)
    rows = _crawl(settings, tmp_path)
    assert rows == _crawl(settings, tmp_path / "anew")
    # Of each that was killed a request was under way.
    assert again <= len([row for row in rows if row["uri"] != site.root]) + 3
    number = sum(b"more" in (row["html"] or b"") for row in rows)
    assert f", {number} changed, 0 new," in done.stdout


def test_without_a_page_the_run_before_stands(site: Site, tmp_path: Path) -> None:
    site.html("/")
    text = _recipe(site)
    _run(text, tmp_path)
    before = _data(tmp_path)
    site.pages.clear()
    with pytest.raises(DataError, match="no page any more"):
        _run(text, tmp_path, refresh="collect.site")
    assert (_run(text, tmp_path), _data(tmp_path)) == ([], before)


def _recipe(site: Site, **given: Any) -> str:
    settings = {"start": [f"{site.root}/"], "allow_hosts": ["127.0.0.1"], "delay_s": 0, **given}
    settings |= {"sitemaps": False, "retries": 0}
    return yaml.safe_dump({"tilth": 1, "name": "r", "collect": {"site": {"crawl": settings}}})


def _data(folder: Path) -> list[dict[str, Any]]:
    (found,) = (folder / "data").glob("collect.site-*")
    return [row for batch in Dataset(found).batches() for row in batch.to_pylist()]


def _run(text: str, folder: Path, **options: Any) -> list[str]:
    """What is warned of."""
    told: list[Any] = []
    run_inline(text, folder, listeners=[told.append], **options)
    return [one.message for one in told if isinstance(one, Warned)]


def test_a_run_asks_again_and_reads_what_it_got(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a", "/b")
    site.html("/a")
    site.html("/b")
    text = _recipe(site)
    assert _run(text, tmp_path) == []
    before = _data(tmp_path)
    site.html("/a", text="more")
    del site.pages["/b"]
    assert _run(text, tmp_path) == []
    assert _data(tmp_path) == before
    (told,) = _run(text, tmp_path, refresh="collect.site")
    assert told.startswith("asked again: 1 page as before, 1 changed, 0 new, 1 gone")
    after = _data(tmp_path)
    assert [b"more" in row["html"] for row in after] == [False, True]
    (folder,) = (tmp_path / "data").glob("collect.site-*")
    assert dict(read_manifest(folder).passed_over.by_note) == {
        "page that has changed since the crawl before": 1,
        "page of the crawl before that is gone (HTTP status 404 or 410)": 1,
    }
    asked = site.asked.total()
    assert _run(text, tmp_path) == []
    assert (_data(tmp_path), site.asked.total()) == (after, asked)


def test_a_site_that_is_down_costs_nothing_and_later_it_goes_on(tmp_path: Path) -> None:
    names = [f"/{n}" for n in range(30)]
    site = Site()
    site.html("/", *names)
    for name in names:
        site.html(name)
    with running(site):
        port = site.port
        text = _recipe(site)
        _run(text, tmp_path)
        before = _data(tmp_path)
        site.html("/3", text="more")
        pages = dict(site.pages)

        def die(total: int) -> None:
            if total > start + 15:
                site.pages = {path: Reply(cut=0, status=500) for path in (*pages, "/robots.txt")}

        start, site.on_request = site.asked.total(), die
        with pytest.raises(MissingError, match="stopped answering"):
            _run(text, tmp_path, refresh="collect.site")
    # It is away: what was there is there, and a run without asking again uses it.
    assert _data(tmp_path) == before
    (told,) = _run(text, tmp_path)
    assert "`--refresh site` goes on asking again" in told
    assert _data(tmp_path) == before
    with pytest.raises(MissingError):
        _run(text, tmp_path, refresh="collect.site")
    assert _data(tmp_path) == before
    site.on_request, site.pages = None, pages
    site.asked.clear()
    with running(site, port):
        (told,) = _run(text, tmp_path, refresh="collect.site")
    assert told.startswith("asked again: 30 pages as before, 1 changed, 0 new, 0 gone")
    # What was asked for is not asked for once more.
    assert sum(site.asked[path] for path in pages) < 25
    assert sum(b"more" in row["html"] for row in _data(tmp_path)) == 1


def test_a_run_stopped_before_it_reads_goes_on_by_itself(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.html("/", "/a")
    site.html("/a")
    text = _recipe(site)
    _run(text, tmp_path)
    site.html("/a", text="more")

    def stopped(*_: Any) -> None:
        raise DataError("stopped", code="stopped")

    for refresh in ("collect.site", "collect.site", None):
        with monkeypatch.context() as patch:
            patch.setattr(crawl, "batches", stopped)
            with pytest.raises(DataError, match="stopped"):
                _run(text, tmp_path, refresh=refresh)
    asked = site.asked.total()
    _run(text, tmp_path)
    assert (site.asked.total(), site.asked["/a"]) == (asked, 2)
    assert sum(b"more" in row["html"] for row in _data(tmp_path)) == 1
    (folder,) = (tmp_path / "data").glob("collect.site-*")
    assert refreshed.state(folder / "work") == ""


def test_of_a_crawl_that_is_not_done_the_rest_is_asked_for(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a")
    site.html("/a")
    (told,) = _run(_recipe(site), tmp_path, refresh="collect.site")
    assert "nothing was asked again" in told
    assert (len(_data(tmp_path)), site.asked["/"]) == (2, 1)


def test_with_other_bounds_it_is_one_refresh(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a")
    site.html("/a", "/b")
    site.html("/b")
    _run(_recipe(site, max_depth=1), tmp_path)
    site.html("/a", "/b", text="more")
    site.asked.clear()
    _run(_recipe(site), tmp_path, refresh="collect.site")
    assert dict(site.asked) == dict.fromkeys(
        ["/robots.txt", "/.well-known/tdmrep.json", "/", "/a", "/b"], 1
    )
    found = max(
        (tmp_path / "data").glob("collect.site-*"), key=lambda path: path.stat().st_mtime_ns
    )
    rows = [row for batch in Dataset(found).batches() for row in batch.to_pylist()]
    assert [b"more" in row["html"] for row in rows] == [False, True, False]


def test_where_nothing_has_changed_no_later_step_runs(site: Site, tmp_path: Path) -> None:
    site.html("/", text="some words of a page " * 20)
    recipe = yaml.safe_load(_recipe(site)) | {"clean": ["extract"]}
    text = yaml.safe_dump(recipe)
    _run(text, tmp_path)
    told: list[Any] = []
    for words in ("some words", "other words"):
        site.html("/", text=f"{words} of a page " * 20)
        run_inline(text, tmp_path, refresh="collect.site", listeners=[told.append])
    done = [(one.step, one.cached) for one in told if isinstance(one, StepFinished)]
    assert done == [
        ("collect.site", False),
        ("clean.extract", True),
        ("collect.site", False),
        ("clean.extract", False),
    ]
