"""What scripts of pages try, and cannot do: a real browser, and a site that does its worst."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.web.browsing import (
    JSON,
    SCRIPT,
    Told,
    ends_of,
    listening,
    require_browser,
    rows_of,
    scripted,
)
from tests.web.sites import Reply, Site, redirect, running
from tilth.web import render
from tilth.web.rendering import TOLD

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
        scripted(site, "/docs/leaves", "location.href = '/docs/file.zip'")
        scripted(site, "/docs/reloads", "location.reload()", "reloaded")
        scripted(site, "/docs/blank", "location.href = 'about:blank'")
        scripted(site, "/docs/tries", _TRIES, "here")
        scripted(
            site,
            "/docs/reaches",
            _REACHES.replace("OTHER", f"127.0.0.1:{other.port}").replace("PORT", str(other.port)),
            f'<img src="{there}/i.png"><link rel=preload as=font href="{there}/f"><iframe '
            f'src="{there}/x"></iframe><link rel=preconnect href="{there}"><video src="{there}/v">'
            f'</video><object data="{there}/o"></object><script src="{there}/s.js"></script>'
            '<script src="/away.js"></script><link rel=dns-prefetch href="//name.invalid">',
        )
        site.pages["/away"] = site.pages["/away.js"] = redirect(f"{there}/b")
        scripted(
            site,
            "/docs/works",
            _WORKS.replace("OTHER", f"127.0.0.1:{other.port}").replace("SITE", site.root),
        )
        site.pages["/docs/worker.js"] = Reply(
            f"fetch('{there}/service'); fetch('/secret/service')".encode(), headers=SCRIPT
        )
        scripted(
            site,
            "/docs/sends",
            "fetch('/post', {method: 'POST', body: 'x'}); navigator.sendBeacon('/beacon', 'x')",
            "sent",
        )
        scripted(site, "/docs/asks", "fetch('/secret/a'); fetch('/broken')", "kept")
        site.pages["/broken"] = Reply(status=500)
        scripted(
            site,
            "/docs/endless",
            "const more = n => fetch('/more?' + n).finally(() => more(n + 1)); more(0)",
            "and on",
        )
        scripted(site, "/docs/grows", "document.body.append('x'.repeat(3 << 20))")
        scripted(
            site,
            "/docs/opts-out",
            "document.head.insertAdjacentHTML('beforeend', '<meta name=robots content=noindex>')",
        )
        site.html(
            "/docs/is-out",
            head='<meta name="robots" content="noindex"><script>fetch("/never")</script>',
        )
        scripted(site, "/docs/deep/er", "history.pushState({}, '', '/docs/')", "<a href=rel>r</a>")
        scripted(
            site,
            "/docs/shadow",
            "document.querySelector('x-y').attachShadow({mode: 'open'}).innerHTML = "
            "'<p>in the shadow</p>'",
            "<x-y></x-y>",
        )
        # What is sent for both is the same, and in the archive once.
        shell = Reply(b"<body><script>document.body.append(location.pathname)</script></body>")
        site.pages["/docs/one"] = site.pages["/docs/two"] = shell
        scripted(site, "/docs/last", "document.write(1 + 1)", "it is ")
        site.html("/docs/", *sorted(one for one in site.pages if one.startswith("/docs/")))
        told: Told = []
        patch = pytest.MonkeyPatch()
        patch.setattr(render, "MAX_REQUESTS", 20)
        try:
            rows = rows_of(
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
    ends = ends_of(hostile.rows)
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
    for path in ("/docs/one", "/docs/two"):
        assert hostile.rows[path]["html"].endswith(f"</script>{path}</body></html>".encode())
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
        scripted(site, "/docs/hangs", "setTimeout(() => { while (true); }, 100)")
        scripted(site, "/docs/waits", "fetch('/slow')", "as it was")
        site.pages["/slow"] = Reply(b"{}", headers=JSON, wait_s=12)
        told: Told = []
        rows = rows_of(
            site,
            tmp_path,
            told,
            render=("*/hangs", "*/waits"),
            render_timeout_s=5,
            timeout_s=30,
            connections_per_host=2,
        )
        assert ends_of(rows) == {
            "/docs/": "kept",
            "/docs/hangs": "the page cannot be rendered: it is not done after 5 s",
            "/docs/waits": "kept",
        }
        assert b"as it was" in rows["/docs/waits"]["html"]
        assert told == [("/docs/waits", TOLD["time"])]
