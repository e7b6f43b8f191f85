"""Pages that a browser renders: which, for how long, and with or without its sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.table.entries import effect, extreme, idle, name, refused, unordered
from tests.table.sources import read
from tests.table.whole import said
from tests.web.browsing import WITHOUT_SANDBOX, require_browser
from tests.web.sites import Site, running
from tilth.errors import UsageError


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as found:
        script = "<script>document.addEventListener('DOMContentLoaded', () => "
        script += "document.body.append('ma' + 'de'))</script>"
        found.html("/", "/a/1", text=script)
        found.html("/a/1", text=script)
        yield found


def rows(site: Site, work: Path, **given: Any) -> dict[str, dict[str, Any]]:
    """The row of each address, by its path."""
    settings: dict[str, Any] = {"start": [f"{site.root}/"], "allow_hosts": ["127.0.0.1"]}
    settings |= {"sitemaps": False, "delay_s": 0, "retry_s": 0, "retries": 0, "timeout_s": 20}
    if given.get("render"):
        settings["render_without_sandbox"] = WITHOUT_SANDBOX
    found = read("crawl", work, settings | given)
    return {row["uri"].removeprefix(site.root): row for row in found}


def made(found: dict[str, dict[str, Any]]) -> list[str]:
    """Pages that were rendered."""
    end = b"made</body></html>"
    return [path for path, row in found.items() if (row["html"] or b"").endswith(end)]


def wrong(**given: Any) -> str:
    return said({"collect": {"a": {"crawl": {"start": ["http://a.org/"], **given}}}})


@pytest.mark.slow
@effect("collect.crawl.render")
@unordered("collect.crawl.render")
def test_what_fits_is_rendered(site: Site, tmp_path: Path) -> None:
    require_browser()
    assert made(rows(site, tmp_path / "none")) == []
    assert made(rows(site, tmp_path / "some", render=["/a/*"])) == ["/a/1"]
    both = rows(site, tmp_path / "some", render=["/", "/a/*"])
    assert made(both) == ["/", "/a/1"]
    asked = site.asked.total()
    for given in (["/a/*", "/", "/a/*"], True):
        assert rows(site, tmp_path / "some", render=given) == both
    assert site.asked.total() == asked


@name("collect.crawl.render")
def test_what_is_no_pattern_is_refused() -> None:
    for bad in ("docs/*", "", "ftp://a.org/*", "https://a.org", "/a#b", "/" + "a" * 2000):
        assert "render" in wrong(render=[bad])


@pytest.mark.slow
@effect("collect.crawl.render_timeout_s")
@extreme("collect.crawl.render_timeout_s")
@idle("collect.crawl.render_timeout_s")
def test_a_page_may_take_so_long(site: Site, tmp_path: Path) -> None:
    """Of pages that are done in any such time nothing changes."""
    require_browser()
    known = rows(site, tmp_path / "long", render=["/"])
    assert made(known) == ["/"]
    asked = site.asked.total()
    assert rows(site, tmp_path / "long", render=["/"], render_timeout_s=86_400) == known
    assert site.asked.total() == asked
    short = rows(site, tmp_path / "short", render=["/a/*"], render_timeout_s=1e-6)
    assert "it is not done after 1e-06 s" in short["/a/1"]["error"]
    for bad in (0, -1, 86_401, float("inf")):
        assert "render_timeout_s" in wrong(render=True, render_timeout_s=bad)


@refused("collect.crawl.render_timeout_s", "collect.crawl.render_without_sandbox")
def test_of_a_browser_that_opens_nothing_nothing_is_said() -> None:
    assert "belongs to `render`" in wrong(render_timeout_s=5)
    assert "belongs to `render`" in wrong(render_without_sandbox=True)


@pytest.mark.slow
@effect("collect.crawl.render_without_sandbox")
@idle("collect.crawl.render_without_sandbox")
def test_without_a_sandbox_it_gives_the_same(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a crawl that is done is the same with one, for which it needs no browser."""
    require_browser()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(UsageError, match="without its sandbox"):
        rows(site, tmp_path, render=["/a/*"], render_without_sandbox=False)
    without = rows(site, tmp_path, render=["/a/*"], render_without_sandbox=True)
    assert made(without) == ["/a/1"]
    assert rows(site, tmp_path, render=["/a/*"], render_without_sandbox=False) == without
