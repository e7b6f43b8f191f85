"""Pages as their scripts make them, and what scripts cannot do: a real browser, and real sites."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError
from warcio.archiveiterator import ArchiveIterator

import tilth
from tests.engine.inline import use_inline
from tests.web.browsing import WITHOUT_SANDBOX, require_browser
from tests.web.sites import Reply, Site, redirect, running
from tilth.collect import crawl
from tilth.context import Context, Note
from tilth.errors import RecipeError
from tilth.recipe.load import load_recipe, parse_recipe
from tilth.web import render
from tilth.web.browser import OwnBrowser
from tilth.web.rendering import TOLD, BrowserSettings, find_browser, fits

_LOOPBACK = Path(__file__).parent / "loopback.pem"
_SCRIPT = (("Content-Type", "text/javascript"),)
_JSON = (("Content-Type", "application/json"),)
_SHOW = b"""
fetch('/data.json').then(got => got.json()).then(data => {
    document.body.insertAdjacentHTML('beforeend', `<p>${data.words}</p>`);
    setTimeout(() => {
        document.body.insertAdjacentHTML('beforeend', '<a href="found">found</a>');
    }, 3000);
});
"""

# Where a script may want to go that no crawl goes.
_TRIES = """
alert(1); confirm(2); prompt(3); window.print(); window.open('/docs/popup');
for (const at of ['file:///etc/passwd', 'data:text/html,x', 'chrome://version', 'javascript:0'])
    try { location.href = at; } catch (error) { }
const frame = document.createElement('iframe');
frame.src = 'file:///etc/passwd';
document.body.append(frame, 'after all');
"""
# A port that is not allowed, by all ways that there are.
_REACHES = """
const say = text => document.body.append(String(text) + '; ');
const places = ['http://OTHER/a', 'https://OTHER/', 'http://10.0.0.1/', 'http://localhost:PORT/',
    'http://[::1]:PORT/', '/away', 'file:///etc/passwd'];
Promise.allSettled(places.map(one => fetch(one))).then(all => say(all.map(one => one.status)));
new WebSocket('ws://OTHER/ws').onclose = () => say('no socket');
new EventSource('http://OTHER/events').onerror = () => say('no stream');
"""
_WORKS = """
navigator.serviceWorker.register('/docs/worker.js').catch(() => 0);
const asks = `for (const one of ['http://OTHER/w', 'SITE/secret/w']) fetch(one).catch(() => 0)`;
const at = URL.createObjectURL(new Blob([asks]));
new Worker(at);
new SharedWorker(at);
"""
# UDP past the proxy, and a browser that asks by itself.
_PEERS = """
const peer = new RTCPeerConnection({iceServers: [{urls: 'stun:OTHER'},
    {urls: 'turn:OTHER?transport=tcp', username: 'a', credential: 'b'}]});
peer.createDataChannel('x');
peer.createOffer().then(one => peer.setLocalDescription(one));
try { new WebTransport('https://OTHER/').ready.catch(() => 0); } catch (error) { }
fetch('http://OTHER/').catch(() => 0);
new WebSocket('ws://OTHER/');
"""


@dataclass
class Listener:
    """A port of this machine that the recipe does not allow: who comes there, by TCP and by UDP."""

    port: int = 0
    came: list[str] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        found = Listener(tcp.getsockname()[1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", found.port))
            tcp.settimeout(0.05)
            udp.settimeout(0.05)
            over = threading.Event()

            def wait(one: socket.socket, name: str) -> None:
                while not over.is_set():
                    try:
                        if name == "tcp":
                            one.accept()[0].close()
                        else:
                            one.recvfrom(2048)
                    except TimeoutError:
                        continue
                    found.came.append(name)

            threads = [
                threading.Thread(target=wait, args=(tcp, "tcp")),
                threading.Thread(target=wait, args=(udp, "udp")),
            ]
            for thread in threads:
                thread.start()
            try:
                yield found
            finally:
                over.set()
                for thread in threads:
                    thread.join()


def _settings(site: Site, **changes: Any) -> crawl.Settings:
    given: dict[str, Any] = {
        "start": (f"{site.root}/docs/",),
        "allow_hosts": ("127.0.0.1",),
        "sitemaps": False,
        "delay_s": 0,
        "retry_s": 0.01,
        "retries": 0,
        "timeout_s": 10,
        "render": True,
        **changes,
    }
    if given["render"]:
        given["render_without_sandbox"] = WITHOUT_SANDBOX
    return crawl.Settings(**given)


Told = list[tuple[str, str]]


def _rows(
    site: Site, work: Path, told: Told | None = None, **changes: Any
) -> dict[str, dict[str, Any]]:
    def passes_over(place: str, reason: str) -> None:
        if told is not None:
            assert isinstance(reason, Note)
            told.append((place.removeprefix(site.root), reason))

    context = Context(work=work, passes_over=passes_over)
    batches = crawl.read(_settings(site, **changes), "docs", context)
    rows = [row for batch in batches for row in batch.to_pylist()]
    return {row["uri"].removeprefix(site.root): row for row in rows}


def _scripted(site: Site, path: str, script: str, text: str = "") -> None:
    site.html(path, text=f"{text}<script>{script}</script>")


def _ends(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Per path: kept, the rule and value, or the error."""
    ends = {}
    for path, row in rows.items():
        rule = row["drop.rule"]
        ends[path] = row["error"] or (f"{rule} {row['drop.value']}" if rule else "kept")
    return ends


def _app(site: Site) -> None:
    site.html("/docs/", "/docs/app")
    site.pages["/docs/app"] = Reply(
        b'<!doctype html><html><head><title>App</title><script src="/app.js" defer></script>'
        b"</head><body></body></html>"
    )
    site.pages["/app.js"] = Reply(_SHOW, headers=_SCRIPT)
    site.pages["/data.json"] = Reply(b'{"words": "from the server"}', headers=_JSON)
    site.html("/docs/found")


@dataclass
class Hostile:
    """What a crawl of pages that do their worst came to."""

    rows: dict[str, dict[str, Any]]
    told: dict[str, set[str]]
    asked: dict[str, int]
    came: list[str]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    """One crawl for all of them, since starting a browser takes a second."""
    require_browser()
    with running(Site()) as site, listening() as other:
        there = f"http://127.0.0.1:{other.port}"
        site.pages["/robots.txt"] = Reply(
            b"User-agent: *\nDisallow: /secret", headers=(("Content-Type", "text/plain"),)
        )
        _scripted(site, "/docs/leaves", "location.href = '/docs/file.zip'")
        _scripted(site, "/docs/reloads", "location.reload()", "reloaded")
        _scripted(site, "/docs/blank", "location.href = 'about:blank'")
        _scripted(site, "/docs/tries", _TRIES, "here")
        _scripted(
            site,
            "/docs/reaches",
            _REACHES.replace("OTHER", f"127.0.0.1:{other.port}").replace("PORT", str(other.port)),
            f'<img src="{there}/i.png"><link rel=preload as=font href="{there}/f"><iframe '
            f'src="{there}/x"></iframe><link rel=preconnect href="{there}"><video src="{there}/v">'
            f'</video><object data="{there}/o"></object><script src="{there}/s.js"></script>'
            '<script src="/away.js"></script><link rel=dns-prefetch href="//name.invalid">',
        )
        site.pages["/away"] = site.pages["/away.js"] = redirect(f"{there}/b")
        _scripted(
            site,
            "/docs/works",
            _WORKS.replace("OTHER", f"127.0.0.1:{other.port}").replace("SITE", site.root),
        )
        site.pages["/docs/worker.js"] = Reply(
            f"fetch('{there}/service'); fetch('/secret/service')".encode(), headers=_SCRIPT
        )
        _scripted(
            site,
            "/docs/sends",
            "fetch('/post', {method: 'POST', body: 'x'}); navigator.sendBeacon('/beacon', 'x')",
            "sent",
        )
        _scripted(site, "/docs/asks", "fetch('/secret/a'); fetch('/broken')", "kept")
        site.pages["/broken"] = Reply(status=500)
        _scripted(
            site,
            "/docs/endless",
            "const more = n => fetch('/more?' + n).finally(() => more(n + 1)); more(0)",
            "and on",
        )
        _scripted(site, "/docs/grows", "document.body.append('x'.repeat(3 << 20))")
        _scripted(
            site,
            "/docs/opts-out",
            "document.head.insertAdjacentHTML('beforeend', '<meta name=robots content=noindex>')",
        )
        site.html(
            "/docs/is-out",
            head='<meta name="robots" content="noindex"><script>fetch("/never")</script>',
        )
        _scripted(site, "/docs/deep/er", "history.pushState({}, '', '/docs/')", "<a href=rel>r</a>")
        _scripted(
            site,
            "/docs/shadow",
            "document.querySelector('x-y').attachShadow({mode: 'open'}).innerHTML = "
            "'<p>in the shadow</p>'",
            "<x-y></x-y>",
        )
        _scripted(site, "/docs/last", "document.write(1 + 1)", "it is ")
        site.html("/docs/", *sorted(one for one in site.pages if one.startswith("/docs/")))
        told: Told = []
        patch = pytest.MonkeyPatch()
        patch.setattr(render, "MAX_REQUESTS", 20)
        try:
            rows = _rows(
                site,
                tmp_path_factory.mktemp("hostile"),
                told,
                max_bytes=2 << 20,
                connections_per_host=3,
            )
        finally:
            patch.undo()
        by_page: dict[str, set[str]] = {}
        for page, reason in told:
            by_page.setdefault(page, set()).add(reason)
        return Hostile(rows, by_page, dict(site.asked), list(other.came))


@pytest.mark.slow
def test_each_page_ends_in_one_way_whatever_its_scripts_do(hostile: Hostile) -> None:
    ends = _ends(hostile.rows)
    root = hostile.rows["/docs/"]["uri"].removesuffix("/docs/")
    other = {
        "/docs/blank": "the page cannot be rendered: its scripts lead to no page",
        "/docs/file.zip": "http-status 404",
        "/docs/grows": "max-bytes",
        "/docs/is-out": "robots-meta-noindex noindex",
        "/docs/leaves": f"redirect {root}/docs/file.zip",
        "/docs/opts-out": "robots-meta-noindex noindex",
        "/docs/rel": "http-status 404",
        "/docs/worker.js": "content-type text/javascript",
    }
    assert ends.pop("/docs/grows").startswith(other.pop("/docs/grows"))
    assert {path: end for path, end in ends.items() if end != "kept"} == other
    for path, text in {
        "/docs/last": "</script>2",
        "/docs/reloads": "reloaded",
        "/docs/tries": "</iframe>after all",
        "/docs/shadow": "<p>in the shadow</p></template>",
    }.items():
        assert text in hostile.rows[path]["html"].decode(), path
    assert f'<base href="{root}/docs/">' in hostile.rows["/docs/deep/er"]["html"].decode()


@pytest.mark.slow
def test_what_a_page_was_rendered_without_is_told(hostile: Hostile) -> None:
    assert hostile.told == {
        "/docs/asks": {TOLD["forbidden"], TOLD["failed"]},
        "/docs/endless": {TOLD["limit"]},
        "/docs/reaches": {TOLD["forbidden"], TOLD["stream"]},
        "/docs/sends": {TOLD["method"]},
        "/docs/works": {TOLD["forbidden"]},
    }


@pytest.mark.slow
def test_a_page_reaches_nobody_whom_the_crawl_may_not_ask(hostile: Hostile) -> None:
    assert hostile.came == []
    html = hostile.rows["/docs/reaches"]["html"].decode()
    assert ",".join(["rejected"] * 7) + ";" in html
    assert "no socket; " in html
    # What robots.txt forbids, what is sent, and what a page wants that is not kept.
    never = ("/secret", "/post", "/beacon", "/never")
    assert not [path for path in hostile.asked if path.startswith(never)]
    assert hostile.asked["/docs/worker.js"] == 1
    assert [hostile.asked.get(f"/more?{number}") for number in (0, 19, 20)] == [1, 1, None]


@pytest.mark.slow
def test_each_address_is_asked_for_once(hostile: Hostile) -> None:
    assert {path: count for path, count in hostile.asked.items() if count != 1} == {}


@pytest.mark.slow
def test_a_page_takes_no_longer_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_browser()
    monkeypatch.setattr(render, "_HAND_OVER_S", 3.0)
    with running(Site()) as site:
        site.html("/docs/", "/docs/hangs", "/docs/waits")
        _scripted(site, "/docs/hangs", "setTimeout(() => { while (true); }, 100)")
        _scripted(site, "/docs/waits", "fetch('/slow')", "as it was")
        site.pages["/slow"] = Reply(b"{}", headers=_JSON, wait_s=12)
        told: Told = []
        rows = _rows(
            site,
            tmp_path,
            told,
            render=("*/hangs", "*/waits"),
            render_timeout_s=5,
            timeout_s=30,
            connections_per_host=2,
        )
        assert _ends(rows) == {
            "/docs/": "kept",
            "/docs/hangs": "the page cannot be rendered: it is not done after 5 s",
            "/docs/waits": "kept",
        }
        assert b"as it was" in rows["/docs/waits"]["html"]
        assert told == [("/docs/waits", TOLD["time"])]


@pytest.mark.slow
def test_the_browser_alone_reaches_nobody() -> None:
    """With nothing between a page and the network but how the browser is started."""
    require_browser()
    from playwright.async_api import Error

    async def reach(page_of: str) -> int:
        path = find_browser(without_sandbox=WITHOUT_SANDBOX)
        async with OwnBrowser(BrowserSettings(path, WITHOUT_SANDBOX, "a/1")) as browser:
            context = await browser.open()
            page = await context.new_page()
            with pytest.raises(Error, match="ERR_"):
                await page.goto(page_of)
            await page.set_content("<p>")
            await page.evaluate(f"() => {{ {_PEERS.replace('OTHER', page_of[7:-1])} }}")
            # Whoever is asked through the proxy has been asked by then.
            await page.evaluate(
                f"() => fetch('{page_of}').catch(() => new Promise(done => setTimeout(done, 500)))"
            )
            await browser.close(context)
            return browser.proxy.refused

    with listening() as other:
        assert asyncio.run(reach(f"http://127.0.0.1:{other.port}/")) > 2
        assert other.came == []


@pytest.mark.slow
def test_of_https_each_path_is_seen_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_browser()
    trusted = ssl.create_default_context(cafile=_LOOPBACK)
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trusted)
    with running(Site(), tls=_LOOPBACK) as site:
        site.pages["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /api/private")
        ask = "fetch('/api/{0}').then(got => got.text()).then(got => document.body.append(got));"
        _scripted(site, "/docs/", ask.format("private") + ask.format("public"))
        for name in ("private", "public"):
            site.pages[f"/api/{name}"] = Reply(f"what is {name}".encode(), headers=_JSON)
        told: Told = []
        start = f"https://127.0.0.1:{site.port}/docs/"
        rows = list(_rows(site, tmp_path, told, start=(start,)).values())
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
        _scripted(site, "/things/", "document.body.append('made by a script')")
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
        yield App(site, work, _rows(site, work))


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
    assert _rows(app.site, app.work) == app.rows
    assert app.site.asked.total() == asked


@pytest.mark.slow
def test_the_archive_has_what_was_sent_and_what_was_made_of_it(app: App) -> None:
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


@pytest.mark.slow
def test_what_is_rendered_otherwise_is_asked_for_again_and_nothing_else(
    tmp_path: Path,
) -> None:
    require_browser()
    with running(Site()) as site:
        _app(site)
        sent = _rows(site, tmp_path, render=False)
        assert "/docs/found" not in sent
        rows = _rows(site, tmp_path, render=("*/app",))
        assert "/docs/found" in rows
        assert site.asked["/docs/app"] == 2
        assert site.asked["/docs/"] == 1
        assert _rows(site, tmp_path, render=()) == sent
        assert site.asked["/docs/app"] == 3


@pytest.mark.slow
def test_a_refresh_renders_again(tmp_path: Path) -> None:
    """What the server sends is the same, and what comes of it is not."""
    require_browser()
    with running(Site()) as site:
        _app(site)
        before = _rows(site, tmp_path)
        site.pages["/data.json"] = Reply(b'{"words": "from today"}', headers=_JSON)
        told = crawl.refresh(_settings(site), Context(work=tmp_path))
        assert "2 pages as before, 1 changed, 0 new" in told
        after = _rows(site, tmp_path)
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
    given = _settings(site).model_dump_json()
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
    assert _rows(site, tmp_path) == app.rows
    # What was under way is asked for again, and nothing before it.
    again = {path: count - asked[path] for path, count in site.asked.items()}
    assert (again["/docs/"], again["/docs/app"], again["/docs/found"]) == (1, 2, 1)


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


def test_settings_of_the_browser_without_a_page_for_it_are_refused() -> None:
    for given in ({"render_timeout_s": 5}, {"render_without_sandbox": True}):
        with pytest.raises(ValidationError, match="belongs to `render`"):
            crawl.Settings(start=("http://a.example/",), **given)
    with pytest.raises(ValidationError, match="begins with none of"):
        crawl.Settings(start=("http://a.example/",), render=("docs",))
    for word, patterns in ((True, ("*",)), (False, ())):
        given = {"start": ["http://a.example/"], "render": word}
        assert crawl.Settings.model_validate(given).render == patterns


def test_what_is_missing_is_said_by_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tmp_path / "a.yaml"
    text = "name: a\ncollect: {site: {crawl: {start: ['https://a.example/'], render: true}}}\n"

    def problem() -> tuple[str, str]:
        recipe.write_text(text)
        with pytest.raises(RecipeError) as found:
            load_recipe(recipe)
        one = found.value.problems[0]
        return one.code, one.hint

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert problem() == ("missing-extra", "pip install 'tilth[render]'")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    monkeypatch.setenv("TILTH_CHROMIUM", str(tmp_path / "none"))
    assert problem() == (
        "missing-browser",
        "apt install chromium, or name one: export TILTH_CHROMIUM=/path/to/chromium",
    )
    monkeypatch.setenv("TILTH_CHROMIUM", sys.executable)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    code, hint = problem()
    assert code == "sandbox"
    assert "`render_without_sandbox: true`" in hint
    text = text.replace("true}", "true, render_without_sandbox: true}")
    recipe.write_text(text)
    assert load_recipe(recipe)


@pytest.mark.slow
def test_a_pattern_that_fits_no_page_is_told(tmp_path: Path) -> None:
    require_browser()
    with running(Site()) as site:
        site.html("/docs/", text="<script>document.body.append('made')</script>")
        told: Told = []
        rows = _rows(site, tmp_path, told, render=("/shop/*",))
        # And what fits none is as it was sent.
        assert rows["/docs/"]["html"] == site.pages["/docs/"].body  # type: ignore[union-attr]
        assert told == [("/shop/*", "pattern of `render` that fits no address found")]
    assert fits(("/shop/*", "*/app"), "https://a.example/docs/app")
    assert not fits((), "https://a.example/")
