"""What a source has fetched is not fetched again for settings that ask for the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.inline import inline, run_inline
from tests.web.sites import Reply, Site, running
from tilth.errors import MissingError, TilthError
from tilth.store import Dataset

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as found:
        found.html("/", "/a", "/b")
        found.html("/a", "/c")
        for path in ("/b", "/c"):
            found.html(path)
        yield found


def _run(site: Site, folder: Path, limit: int | None = None, **given: Any) -> list[str]:
    """The paths of the pages that a run keeps."""
    crawl = {"start": [f"{site.root}/"], "allow_hosts": ["127.0.0.1"], "delay_s": 0}
    crawl |= {"sitemaps": False, **given}
    recipe = {"tilth": 1, "name": "r", "collect": {"site": {"crawl": crawl}}}
    text = yaml.safe_dump(recipe)
    run_inline(text, folder) if limit is None else _run_limited(text, folder, limit)
    found = max((folder / "data").glob("collect.site-*"), key=lambda path: path.stat().st_mtime_ns)
    uris = [row["uri"] for batch in Dataset(found).batches() for row in batch.to_pylist()]
    return sorted(uri.removeprefix(site.root) for uri in uris)


def _num_asked(site: Site) -> int:
    """Requests for pages."""
    return sum(site.asked[path] for path in ("/", "/a", "/b", "/c"))


def _run_limited(text: str, folder: Path, limit: int) -> None:
    from tilth.engine.run import RunOptions, run_plan
    from tilth.recipe.load import parse_recipe
    from tilth.recipe.plan import build_plan

    run_plan(build_plan(parse_recipe(text), limit=limit), folder, RunOptions())


def test_a_crawl_with_other_bounds_asks_for_what_is_new(site: Site, tmp_path: Path) -> None:
    assert _run(site, tmp_path, max_depth=1) == ["/", "/a", "/b"]
    assert _run(site, tmp_path) == ["/", "/a", "/b", "/c"]
    assert _run(site, tmp_path, limit=2) == ["/", "/a"]
    assert _num_asked(site) == 4
    # As another one it may be answered otherwise.
    assert _run(site, tmp_path, user_agent="other/1") == ["/", "/a", "/b", "/c"]
    assert _num_asked(site) == 8


def test_a_crawl_that_was_stopped_is_taken_over_too(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tilth.collect import crawl

    def stopped(*_: Any) -> None:
        raise TilthError("stopped", code="stopped")

    with monkeypatch.context() as patch:
        patch.setattr(crawl, "check_scope", stopped)
        with pytest.raises(TilthError, match="stopped"):
            _run(site, tmp_path, max_depth=1)
    assert _num_asked(site) == 3
    assert _run(site, tmp_path) == ["/", "/a", "/b", "/c"]
    assert _num_asked(site) == 4


def test_between_two_sources_of_one_host_lies_its_pause_too(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tilth.web import crawler
    from tilth.web.lanes import Lanes

    pauses: list[float] = []
    now = 0.0

    async def at_once(pause: float) -> None:
        nonlocal now
        pauses.append(pause)
        now += pause
        await asyncio.sleep(0)

    lanes = partial(Lanes, clock=lambda: now, sleep=at_once)
    monkeypatch.setattr(crawler, "Lanes", lanes)
    site.pages["/robots.txt"] = Reply(b"User-agent: *\nCrawl-delay: 5000\n")
    common = {"allow_hosts": ["127.0.0.1"], "delay_s": 0, "sitemaps": False}
    sources = {
        name: {"crawl": {"start": [f"{site.root}{path}"], "max_depth": 0, **common}}
        for name, path in (("one", "/"), ("two", "/a"))
    }
    run_inline(yaml.safe_dump({"tilth": 1, "name": "r", "collect": sources}), tmp_path)
    assert site.asked["/robots.txt"] == 2
    # Rules, reservation and a page for each; the second asks for its rules when the pause is over
    # that the first knew of, less the time that went by between them.
    assert len(pauses) == 5
    assert 4000 < min(pauses) <= max(pauses) <= 5000


def test_a_host_that_wants_to_be_left_alone_is_so_by_another_name(
    site: Site, tmp_path: Path
) -> None:
    site.pages["/b"] = Reply(b"", 503, (("Retry-After", "7200"),))
    with pytest.raises(MissingError, match="asks not to be asked"):
        _run(site, tmp_path, max_depth=1, retries=0)
    asked = site.asked.total()
    with pytest.raises(MissingError, match="asks not to be asked"):
        _run(site, tmp_path, user_agent="other/1")
    assert site.asked.total() == asked
