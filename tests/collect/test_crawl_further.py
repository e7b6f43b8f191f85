"""What failed is asked for again by settings that are more patient, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.inline import inline, run_inline
from tests.web.sites import Reply, Site, running
from tilth.engine.resolve import UNCHANGED, Resolver
from tilth.errors import MissingError
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan
from tilth.store import Dataset
from tilth.store.manifest import KINDS
from tilth.web import crawler
from tilth.web.lanes import Lanes

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")

_BUSY = Reply(b"", 503)


def _after(tries: int, page: Reply) -> Callable[[int], Reply]:
    return lambda count: page if count > tries else _BUSY


@pytest.fixture
def site() -> Iterator[Site]:
    """A page that answers at the third try, and a page that only that one leads to."""
    with running(Site()) as found:
        found.html("/", "/a", "/late", "/gone")
        found.html("/a")
        found.pages["/late"] = _after(2, Reply(b'<a href="/behind">x</a>'))
        found.html("/behind")
        yield found


def _recipe(site: Site, **given: Any) -> str:
    crawl = {"start": [f"{site.root}/"], "allow_hosts": ["127.0.0.1"], "delay_s": 0, "retry_s": 0}
    crawl |= {"sitemaps": False, "retries": 0, "timeout_s": 5, **given}
    header = {"tilth": 1, "name": "r", "error_budget": 1.0}
    return yaml.safe_dump({**header, "collect": {"site": {"crawl": crawl}}})


def _ends(folder: Path) -> dict[str, str]:
    """How each address ended, by its path."""
    (found,) = (folder / "data").glob("collect.site-*")
    ends = {}
    for kind in KINDS:
        for batch in Dataset(found).batches(kind=kind):
            for row in batch.to_pylist():
                path = "/" + row["uri"].split("/", 3)[3]
                ends[path] = row.get("error") or row.get("drop.rule") or kind
    return ends


def _run(site: Site, folder: Path, **given: Any) -> dict[str, str]:
    run_inline(_recipe(site, **given), folder)
    return _ends(folder)


def _why(site: Site, folder: Path, **given: Any) -> str:
    plan = build_plan(parse_recipe(_recipe(site, **given)))
    before = sorted(folder.rglob("*"))
    why = Resolver(plan, folder).state("collect.site").why
    # To look is to leave everything as it is.
    assert sorted(folder.rglob("*")) == before
    return why


def test_more_tries_ask_for_what_failed_and_for_nothing_else(site: Site, tmp_path: Path) -> None:
    assert _run(site, tmp_path) == {
        "/": "kept",
        "/a": "kept",
        "/gone": "http-status",
        "/late": "HTTP status 503",
    }
    site.asked.clear()
    # As patient, or less: what there is is all that there will be.
    for given in ({}, {"timeout_s": 3}):
        assert _why(site, tmp_path, **given) == UNCHANGED
        _run(site, tmp_path, **given)
    assert not site.asked
    told = "1 request failed, and may be answered with `retries: 1`"
    assert _why(site, tmp_path, retries=1) == told
    site.pages["/late"] = _after(1, Reply(b'<a href="/behind">x</a>'))
    assert _run(site, tmp_path, retries=1) == {
        "/": "kept",
        "/a": "kept",
        "/behind": "kept",
        "/gone": "http-status",
        "/late": "kept",
    }
    assert set(site.asked) == {"/late", "/behind"}
    # Nothing is left that could be had.
    site.asked.clear()
    for given in ({"retries": 1}, {"retries": 9, "timeout_s": 60}, {}):
        assert _why(site, tmp_path, **given) == UNCHANGED
        assert _run(site, tmp_path, **given)["/late"] == "kept"
    assert not site.asked


def test_what_fails_again_is_told_and_not_asked_for_for_ever(site: Site, tmp_path: Path) -> None:
    site.pages["/late"] = _BUSY
    for given in ({}, {"retries": 1}, {"retries": 1}):
        assert _run(site, tmp_path, **given)["/late"] == "HTTP status 503"
    assert site.asked["/late"] == 1 + 2
    # Less patient, and then as patient as before: it had its tries.
    assert _run(site, tmp_path)["/late"] == "HTTP status 503"
    assert site.asked["/late"] == 3
    assert max(site.asked[path] for path in ("/", "/a", "/gone")) == 1


def test_a_page_that_was_too_slow_is_had_with_more_time(site: Site, tmp_path: Path) -> None:
    site.pages["/late"] = Reply(b"<p>slow", wait_s=0.4)
    assert "0.1 s" in _run(site, tmp_path, timeout_s=0.1)["/late"]
    assert _run(site, tmp_path, timeout_s=5)["/late"] == "kept"


@pytest.mark.parametrize(
    ("setting", "less", "more"),
    [("retry_s", 0, 0.01), ("delay_s", 0, 0.001), ("connections_per_host", 2, 1)],
)
def test_gentler_is_more_patient_too(
    setting: str, less: float, more: float, site: Site, tmp_path: Path
) -> None:
    site.pages["/late"] = _after(1, Reply(b"<p>"))
    assert _run(site, tmp_path, **{setting: less})["/late"] == "HTTP status 503"
    assert _run(site, tmp_path, **{setting: more})["/late"] == "kept"


def test_a_sitemap_that_nothing_names_and_that_failed_is_asked_for_again(
    site: Site, tmp_path: Path
) -> None:
    site.html("/listed")
    listed = Reply(f"<urlset><loc>{site.root}/listed</loc></urlset>".encode())
    site.pages["/sitemap.xml"] = _after(1, listed)
    site.html("/late")
    assert "/listed" not in _run(site, tmp_path, sitemaps=True)
    assert _run(site, tmp_path, sitemaps=True, retries=1)["/listed"] == "kept"
    assert site.asked["/"] == 1


def test_with_the_site_down_what_there_was_is_there(site: Site, tmp_path: Path) -> None:
    before = _run(site, tmp_path)
    # Its rules are known still, and it answers for nothing.
    pages, site.pages = site.pages, dict.fromkeys((*site.pages, "/robots.txt"), _BUSY)
    (data,) = (tmp_path / "data").glob("collect.site-*")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tilth.web.hosts._SUSPICIOUS", 1)
        with pytest.raises(MissingError, match="stopped answering"):
            _run(site, tmp_path, retries=1)
    assert _ends(tmp_path) == before
    assert "not finished" in _why(site, tmp_path, retries=1)
    # Who asks less has what was there.
    assert _why(site, tmp_path) == UNCHANGED
    assert _run(site, tmp_path) == before
    site.pages = pages
    assert _run(site, tmp_path, retries=1)["/behind"] == "kept"
    assert data.is_dir()


def test_a_crawl_that_was_stopped_goes_on_with_more_patience(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tilth.collect import crawl
    from tilth.errors import TilthError

    def stopped(*_: Any) -> None:
        raise TilthError("stopped", code="stopped")

    with monkeypatch.context() as patch:
        patch.setattr(crawl, "check_scope", stopped)
        with pytest.raises(TilthError, match="stopped"):
            _run(site, tmp_path)
    site.pages["/late"] = _after(1, Reply(b"<p>"))
    assert _run(site, tmp_path, retries=1)["/late"] == "kept"
    assert site.asked["/a"] == 1


def test_hours_begin_anew_for_what_is_asked_for_again(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]

    async def at_once(pause: float) -> None:
        now[0] += pause
        await asyncio.sleep(0)

    monkeypatch.setattr(crawler, "Lanes", partial(Lanes, clock=lambda: now[0], sleep=at_once))
    site.html("/", "/a", "/late", "/z")
    site.html("/z")
    site.pages["/late"] = _after(1, Reply(b"<p>"))
    given = {"delay_s": 1800, "max_hours": 2.4}
    # Rules, reservation, the start, and two more; the last would come half an hour later.
    ends = _run(site, tmp_path, **given)
    assert (ends["/late"], ends["/z"]) == ("HTTP status 503", "max-hours")
    ends = _run(site, tmp_path, **given, retries=1)
    assert (ends["/late"], ends["/z"]) == ("kept", "kept")
    assert site.asked["/a"] == 1
