"""Pages as their scripts make them: read, archived, asked for again, gone on with."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from warcio.archiveiterator import ArchiveIterator

import tilth
from tests.engine.inline import use_inline
from tests.web.browsing import (
    JSON,
    SCRIPT,
    WITHOUT_SANDBOX,
    Told,
    require_browser,
    rows_of,
    scripted,
    settings_of,
)
from tests.web.sites import Reply, Site, running
from tilth.collect import crawl, web_archive
from tilth.context import Context
from tilth.recipe.load import parse_recipe
from tilth.web.rendering import TOLD

_LOOPBACK = Path(__file__).parent / "loopback.pem"
_SHOW = b"""
fetch('/data.json').then(got => got.json()).then(data => {
    document.body.insertAdjacentHTML('beforeend', `<p>${data.words}</p>`);
    setTimeout(() => {
        document.body.insertAdjacentHTML('beforeend', '<a href="found">found</a>');
    }, 3000);
});
"""


def _app(site: Site) -> None:
    site.html("/docs/", "/docs/app")
    site.pages["/docs/app"] = Reply(
        b'<!doctype html><html><head><title>App</title><script src="/app.js" defer></script>'
        b"</head><body></body></html>"
    )
    site.pages["/app.js"] = Reply(_SHOW, headers=SCRIPT)
    site.pages["/data.json"] = Reply(b'{"words": "from the server"}', headers=JSON)
    site.html("/docs/found")


@pytest.mark.slow
def test_of_https_each_path_is_seen_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_browser()
    trusted = ssl.create_default_context(cafile=_LOOPBACK)
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trusted)
    with running(Site(), tls=_LOOPBACK) as site:
        site.pages["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /api/private")
        ask = "fetch('/api/{0}').then(got => got.text()).then(got => document.body.append(got));"
        scripted(site, "/docs/", ask.format("private") + ask.format("public"))
        for name in ("private", "public"):
            site.pages[f"/api/{name}"] = Reply(f"what is {name}".encode(), headers=JSON)
        told: Told = []
        start = f"https://127.0.0.1:{site.port}/docs/"
        rows = list(rows_of(site, tmp_path, told, start=(start,)).values())
        assert rows[0]["html"].endswith(b"</script>what is public</body></html>")
        assert [reason for _, reason in told] == [TOLD["forbidden"]]
        assert "/api/private" not in site.asked


@pytest.mark.slow
def test_the_recipe_for_scripts_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one of the guide, as it stands there but for its addresses, its pace and the sandbox."""
    require_browser()
    page = (Path(__file__).parents[2] / "docs" / "guides" / "crawl.md").read_text("utf-8")
    (recipe,) = (one for one in re.findall(r"```yaml\n(.*?)```", page, re.S) if "render:" in one)
    with running(Site()) as site:
        recipe = recipe.replace("https://shop.example.org", site.root)
        here = f"      delay_s: 0\n      allow_hosts: ['127.0.0.1:{site.port}']\n"
        here += "      render_without_sandbox: true\n" * WITHOUT_SANDBOX
        recipe = recipe.replace("      user_agent", f"{here}      user_agent")
        scripted(site, "/things/", "document.body.append('made by a script')")
        use_inline(monkeypatch)
        done = tilth.run(parse_recipe(f"name: things\n{recipe}"), runs=tmp_path, progress=False)
        (row,) = done.dataset().to_arrow().to_pylist()
    assert b"made by a script</body>" in row["html"]


@dataclass
class App:
    """A site of scripts, and a crawl of it."""

    site: Site
    work: Path
    rows: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    require_browser()
    work = tmp_path_factory.mktemp("app")
    with running(Site()) as site:
        _app(site)
        yield App(site, work, rows_of(site, work))


@pytest.mark.slow
def test_a_page_is_what_its_scripts_make_of_it(app: App) -> None:
    assert set(app.rows) == {"/docs/", "/docs/app", "/docs/found"}
    page = app.rows["/docs/app"]
    assert page["html"].decode() == (
        '<!DOCTYPE html><html><head><title>App</title><script src="/app.js" defer=""></script>'
        '</head><body><p>from the server</p><a href="found">found</a></body></html>'
    )
    assert page["content_type"] == "text/html; charset=utf-8"
    # In the line of the host, and by the crawler's name.
    assert app.site.agents == {"tilth/0.1 (pretraining data crawler)"}


@pytest.mark.slow
def test_what_was_rendered_is_read_without_a_browser(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILTH_CHROMIUM", "/nowhere")
    asked = app.site.asked.total()
    assert rows_of(app.site, app.work) == app.rows
    assert app.site.asked.total() == asked


@pytest.mark.slow
def test_the_archive_has_what_was_sent_and_what_was_made_of_it(app: App, tmp_path: Path) -> None:
    found = []
    with open(app.work / "crawl/warc/crawl-00000.warc.gz", "rb") as file:
        for record in ArchiveIterator(file, check_digests="raise"):
            head = record.rec_headers
            if (head.get_header("WARC-Target-URI") or "").endswith("/docs/app"):
                found.append((record.rec_type, head, record.content_stream().read()))
    assert [kind for kind, _, _ in found] == ["response", "request", "conversion"]
    (_, sent, body), _, (_, made, html) = found
    assert body == app.site.pages["/docs/app"].body  # type: ignore[union-attr]
    assert html == app.rows["/docs/app"]["html"]
    assert made.get_header("WARC-Refers-To") == sent.get_header("WARC-Record-ID")
    assert made.get_header("Content-Type") == "text/html; charset=utf-8"
    told: list[tuple[str, str]] = []
    context = Context(work=tmp_path, passes_over=lambda *said: told.append(said))
    settings = web_archive.Settings(path=str(app.work / "crawl/warc"))
    rows = [row for one in web_archive.read(settings, "it", context) for row in one.to_pylist()]
    assert body in [row["html"] for row in rows]
    assert html not in [row["html"] for row in rows]
    assert sum("text/html" in reason for _, reason in told) == 3


@pytest.mark.slow
def test_what_is_rendered_otherwise_is_asked_for_again_and_nothing_else(
    tmp_path: Path,
) -> None:
    require_browser()
    with running(Site()) as site:
        _app(site)
        sent = rows_of(site, tmp_path, render=False)
        assert "/docs/found" not in sent
        rows = rows_of(site, tmp_path, render=("*/app",))
        assert "/docs/found" in rows
        assert site.asked["/docs/app"] == 2
        assert site.asked["/docs/"] == 1
        assert rows_of(site, tmp_path, render=()) == sent
        assert site.asked["/docs/app"] == 3


@pytest.mark.slow
def test_a_refresh_renders_again(tmp_path: Path) -> None:
    """What the server sends is the same, and what comes of it is not."""
    require_browser()
    with running(Site()) as site:
        _app(site)
        before = rows_of(site, tmp_path)
        site.pages["/data.json"] = Reply(b'{"words": "from today"}', headers=JSON)
        told = crawl.refresh(settings_of(site), Context(work=tmp_path))
        assert "2 pages as before, 1 changed, 0 new" in told
        after = rows_of(site, tmp_path)
        assert b"from today" in after["/docs/app"]["html"]
        assert after["/docs/found"] == before["/docs/found"]


@pytest.mark.slow
def test_killed_while_it_renders_it_goes_on_and_no_browser_stays(app: App, tmp_path: Path) -> None:
    """What comes of it is what an undisturbed crawl has, of the same site at the same port."""
    site, crawls = app.site, list[subprocess.Popen[bytes]]()
    asked = dict(site.asked)

    def kill(_: int) -> None:
        if site.asked["/data.json"] > asked["/data.json"] and crawls:
            crawls[0].kill()

    mark = f"TILTH_TEST_MARK={tmp_path}"
    program = (
        "import sys; from pathlib import Path; from tilth.collect import crawl; "
        "from tilth.context import Context\n"
        "settings = crawl.Settings.model_validate_json(sys.argv[1])\n"
        "list(crawl.read(settings, 'docs', Context(work=Path(sys.argv[2]))))"
    )
    given = settings_of(site).model_dump_json()
    site.on_request = kill
    try:
        with subprocess.Popen(
            [sys.executable, "-c", program, given, str(tmp_path)],
            env={**os.environ, "TILTH_TEST_MARK": str(tmp_path)},
        ) as crawling:
            crawls.append(crawling)
            assert crawling.wait(120) == -signal.SIGKILL
    finally:
        site.on_request = None
    wait_until(lambda: not _marked(mark), 30)
    assert rows_of(site, tmp_path) == app.rows
    # What was under way is asked for again, and nothing before it.
    again = {path: count - asked[path] for path, count in site.asked.items()}
    assert (again["/docs/"], again["/docs/app"], again["/docs/found"]) == (1, 2, 1)


@pytest.mark.slow
def test_a_browser_that_ends_costs_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is started anew, once for a page, and the page is not asked for again."""
    require_browser()
    monkeypatch.setenv("TILTH_TEST_MARK", str(tmp_path))
    ended: list[str] = []

    def end(_: int) -> None:
        if not site.asked["/data.json"] or ended:
            return
        for number in _marked(f"TILTH_TEST_MARK={tmp_path}"):
            command = Path(f"/proc/{number}/cmdline").read_bytes()
            if b"--proxy-server=" in command and b"--type=" not in command:
                ended.append(number)
                os.kill(int(number), signal.SIGKILL)

    with running(Site()) as site:
        _app(site)
        site.on_request = end
        rows = rows_of(site, tmp_path)
        assert ended
        assert b"<p>from the server</p>" in rows["/docs/app"]["html"]
        assert (site.asked["/docs/app"], site.asked["/data.json"]) == (1, 2)


def _marked(mark: str) -> list[str]:
    """Processes with a variable in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def wait_until(is_so: Callable[[], bool], most_s: float) -> None:
    end = time.monotonic() + most_s
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)
