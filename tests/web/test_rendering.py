"""Which pages are rendered, and what that needs of the machine."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from tests.web.browsing import Told, require_browser, rows_of
from tests.web.sites import Reply, Site, running
from tilth.collect import crawl
from tilth.context import Context
from tilth.errors import MissingError, TilthError, UsageError
from tilth.recipe.load import parse_recipe
from tilth.web.rendering import fits


def test_settings_of_the_browser_without_a_page_for_it_are_refused() -> None:
    for given in ({"render_timeout_s": 5}, {"render_without_sandbox": True}):
        with pytest.raises(ValidationError, match="belongs to `render`"):
            crawl.Settings(start=("http://a.example/",), **given)
    with pytest.raises(ValidationError, match="begins with none of"):
        crawl.Settings(start=("http://a.example/",), render=("docs",))
    for word, patterns in ((True, ("*",)), (False, ())):
        one = crawl.Settings.model_validate({"start": ["http://a.example/"], "render": word})
        assert one.render == patterns


def test_what_is_missing_is_said_by_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And ends a crawl before it asks for anything."""
    with running(Site()) as site:
        given = {"start": [f"{site.root}/"], "allow_hosts": ["127.0.0.1"], "render": True}

        def told(kind: type[TilthError]) -> str:
            text = yaml.safe_dump({"name": "a", "collect": {"site": {"crawl": given}}})
            (step,) = parse_recipe(text).steps()
            with pytest.raises(kind) as found:
                list(crawl.read(crawl.Settings.model_validate(given), "a", Context(work=tmp_path)))
            assert step.warning == f"{found.value.what} ({found.value.hint})"
            return found.value.hint

        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
        assert told(MissingError) == "pip install 'tilth[render]'"
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
        monkeypatch.setenv("TILTH_CHROMIUM", str(tmp_path / "none"))
        assert "TILTH_CHROMIUM=/path/to/chromium" in told(MissingError)
        monkeypatch.setenv("TILTH_CHROMIUM", sys.executable)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        assert "`render_without_sandbox: true`" in told(UsageError)
        assert not site.asked
    assert (
        crawl.warns(crawl.Settings.model_validate(given | {"render_without_sandbox": True})) == ""
    )


@pytest.mark.slow
def test_a_pattern_that_fits_no_page_is_told(tmp_path: Path) -> None:
    require_browser()
    with running(Site()) as site:
        site.html("/docs/", text="<script>document.body.append('made')</script>")
        told: Told = []
        rows = rows_of(site, tmp_path, told, render=("/shop/*",))
        # And what fits none is as it was sent.
        assert rows["/docs/"]["html"] == site.pages["/docs/"].body  # type: ignore[union-attr]
        assert told == [("/shop/*", "pattern of `render` that fits no address found")]
    assert fits(("/shop/*", "*/app"), "https://a.example/docs/app")
    assert not fits((), "https://a.example/")


@pytest.mark.slow
def test_no_secret_is_told_to_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_browser()
    monkeypatch.setenv("RENDER_KEY", "opensesame")
    with running(Site()) as site:
        script = "document.body.append(location.href); fetch('/me').then(one => one.text())"
        script += ".then(one => document.body.append(' ' + one))"
        site.pages["/docs/?key=opensesame"] = Reply(f"<body><script>{script}</script>".encode())
        site.pages["/me"] = Reply(b"who asks")
        start = (f"{site.root}/docs/?key=${{RENDER_KEY}}",)
        rows = rows_of(site, tmp_path, start=start, headers={"X-Key": "${RENDER_KEY}"})
        (row,) = rows.values()
        assert row["html"].endswith(b" who asks</body></html>")
        assert b"opensesame" not in row["html"]
        # What the page asks for is asked for as all else of its site.
        assert site.headers[-1]["x-key"] == "opensesame"
