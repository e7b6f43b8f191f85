"""A crawl that keeps cookies within a site, shows a password, and asks through a proxy."""

from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from tests.web.proxies import Proxy, proxying
from tests.web.sites import Reply, Site, redirect, running
from tilth.collect import crawl
from tilth.context import Context
from tilth.errors import MissingError, UsageError

_HTML = ("Content-Type", "text/html")
# A key and a certificate of 127.0.0.1 that nobody else trusts.
_LOOPBACK = Path(__file__).parents[1] / "web" / "loopback.pem"
_SECRET = "S3ss10n-of-a-visitor"


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as running_site:
        yield running_site


def _rows(site: Site, work: Path, **changes: Any) -> dict[str, dict[str, Any]]:
    given: dict[str, Any] = {
        "start": (f"{site.root}/",),
        "allow_hosts": ("127.0.0.1",),
        "delay_s": 0,
        "retry_s": 0.01,
        "retries": 0,
        "timeout_s": 5,
        **changes,
    }
    batches = crawl.read(crawl.Settings(**given), "docs", Context(work=work))
    rows = [row for batch in batches for row in batch.to_pylist()]
    return {row["uri"].removeprefix(site.root): row for row in rows}


def _ends(rows: dict[str, dict[str, Any]]) -> dict[str, str | None]:
    return {path: row["error"] or row["drop.rule"] for path, row in rows.items()}


def _archived(work: Path) -> bytes:
    parts = sorted((work / "crawl" / "warc").glob("*.warc.gz"))
    return b"".join(gzip.decompress(part.read_bytes()) for part in parts)


def _sets(site: Site) -> None:
    """A site whose start sets a cookie without which nothing else is shown."""
    site.html("/", "/a", headers=(_HTML, ("Set-Cookie", f"sid={_SECRET}; Path=/")))
    whole, no = Reply(b"<html>page</html>"), Reply(status=403)

    def answer(_: int) -> Reply:
        return whole if f"sid={_SECRET}" in site.headers[-1].get("cookie", "") else no

    site.pages["/a"] = answer


def test_cookies_go_back_to_their_site_where_they_are_kept(site: Site, tmp_path: Path) -> None:
    _sets(site)
    assert _ends(_rows(site, tmp_path / "off"))["/a"] == "http-status"
    assert not any("cookie" in sent for sent in site.headers)
    rows = _rows(site, tmp_path / "on", cookies=True)
    assert _ends(rows) == {"/": None, "/a": None}
    # Of no use to a crawl that kept them, and asked for again by one that does.
    work = tmp_path / "changed"
    assert _ends(_rows(site, work))["/a"] == "http-status"
    assert _ends(_rows(site, work, cookies=True))["/a"] is None


def test_no_cookie_is_written_down_or_sent_to_another(site: Site, tmp_path: Path) -> None:
    with running(Site()) as other:
        _sets(site)
        site.html("/", "/a", f"{other.root}/b", headers=(_HTML, ("Set-Cookie", f"sid={_SECRET}")))
        other.html("/b", headers=(_HTML, ("Set-Cookie", "mine=1")))
        scope = (f"{site.root}/", f"{other.root}/")
        rows = _rows(site, tmp_path, cookies=True, scope=scope)
        assert _ends(rows) == {"/": None, "/a": None, f"{other.root}/b": None}
        assert not any("cookie" in sent for sent in other.headers)
        archived = _archived(tmp_path)
        assert _SECRET.encode() not in archived
        assert b"Set-Cookie: sid=***" in archived
        assert b"Cookie: ***" in archived
        assert _SECRET not in str(rows)


def test_a_site_that_asks_whether_cookies_come_back_is_asked_again(
    site: Site, tmp_path: Path
) -> None:
    page = Reply(b"<html>page</html>")
    there = Reply(status=302, headers=(("Location", "/"), ("Set-Cookie", "seen=1")))

    def answer(_: int) -> Reply:
        return page if site.headers[-1].get("cookie") == "seen=1" else there

    site.pages["/"] = answer
    assert _ends(_rows(site, tmp_path, cookies=True)) == {"/": None}
    # Who does not take them is not asked for ever.
    site.pages["/"] = lambda count: Reply(
        status=302, headers=(("Location", "/"), ("Set-Cookie", f"seen={count}"))
    )
    before = site.asked["/"]
    with pytest.raises(Exception, match="found no page"):
        _rows(site, tmp_path / "again", cookies=True)
    assert site.asked["/"] == before + 2


def test_a_crawl_that_goes_on_has_its_cookies(site: Site, tmp_path: Path) -> None:
    _sets(site)
    site.pages["/robots.txt"] = Reply(b"", 404)
    with running(Site(), host="127.0.0.2"):
        assert _ends(_rows(site, tmp_path, cookies=True, max_pages=1))["/a"] == "max-pages"
    assert _ends(_rows(site, tmp_path, cookies=True)) == {"/": None, "/a": None}
    assert site.asked["/"] == 1


def test_a_cookie_of_the_recipe_goes_before_those_of_the_site(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSENT", "given")
    _sets(site)
    _rows(site, tmp_path, cookies=True, headers={"Cookie": "consent=${CONSENT}"})
    sent = {sent.get("cookie") for sent in site.headers}
    assert sent == {"consent=given", f"consent=given; sid={_SECRET}"}
    assert b"given" not in _archived(tmp_path)


def test_everything_goes_through_the_proxy(site: Site, tmp_path: Path) -> None:
    site.html("/", "/a")
    site.html("/a")
    site.pages["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /no\n")
    with proxying(Proxy()) as proxy:
        rows = _rows(site, tmp_path, proxy=proxy.url)
    assert _ends(rows) == {"/": None, "/a": None}
    assert len(proxy.asked) == site.asked.total()
    assert ("GET", f"{site.root}/robots.txt") == proxy.asked[0]
    # Whose address that is nobody here knows.
    assert b"WARC-IP-Address" not in _archived(tmp_path)


def test_a_proxy_is_shown_its_password_and_nobody_else(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXY_USER", "greta")
    monkeypatch.setenv("PROXY_PASSWORD", "p@ss:word-")
    site.html("/")
    with proxying(Proxy("greta:p@ss:word-")) as proxy:
        named = proxy.url.replace("://", "://${PROXY_USER}:${PROXY_PASSWORD}@")
        assert _ends(_rows(site, tmp_path / "right", proxy=named)) == {"/": None}
        assert not any("proxy-authorization" in sent for sent in site.headers)
        assert set(proxy.shown) == {"Basic Z3JldGE6cEBzczp3b3JkLQ=="}
        start = (f"https://127.0.0.1:{site.port}/",)
        with pytest.raises(MissingError, match="does not answer"):
            _rows(site, tmp_path / "https", start=start, proxy=named)
        assert set(proxy.shown) == {"Basic Z3JldGE6cEBzczp3b3JkLQ=="}
        archived = _archived(tmp_path / "right")
        assert b"Z3JldGE6" not in archived
        assert b"p@ss" not in archived
        # A proxy that refuses is not a site without a robots.txt.
        asked = site.asked.total()
        with pytest.raises(MissingError, match="the proxy answers 407"):
            _rows(site, tmp_path / "none", proxy=proxy.url)
        assert site.asked.total() == asked


def test_names_are_checked_here_before_a_proxy_is_asked(site: Site, tmp_path: Path) -> None:
    with proxying(Proxy()) as proxy:
        for place in ("http://localhost:81/", "http://169.254.169.254/", "http://127.0.0.1:1/"):
            with pytest.raises(UsageError, match="may not be asked"):
                _rows(site, tmp_path / place[7:12], start=(place,), allow_hosts=(), proxy=proxy.url)
        # The proxy's own place is no place of the crawl.
        with pytest.raises(UsageError, match="may not be asked"):
            _rows(site, tmp_path / "own", start=(f"{proxy.url}/",), allow_hosts=(), proxy=proxy.url)
        assert proxy.asked == []


def test_of_https_the_proxy_sees_the_host_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = ssl.create_default_context(cafile=_LOOPBACK)
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trusted)
    with running(Site(), tls=_LOOPBACK) as site, proxying(Proxy("user:pass")) as proxy:
        site.html("/", "/page?private=1")
        site.html("/page?private=1")
        place = f"127.0.0.1:{site.port}"
        monkeypatch.setenv("PASSWORD", "pass")
        through = proxy.url.replace("://", "://user:${PASSWORD}@")
        rows = _rows(site, tmp_path, start=(f"https://{place}/",), proxy=through)
        assert {row["uri"] for row in rows.values()} == {
            f"https://{place}/",
            f"https://{place}/page?private=1",
        }
        assert all(row["html"] for row in rows.values())
        assert set(proxy.asked) == {("CONNECT", place)}
        assert not any("proxy-authorization" in sent for sent in site.headers)
    # Whom nobody vouches for is no site.
    monkeypatch.undo()
    with running(Site(), tls=_LOOPBACK) as site, proxying(Proxy()) as proxy:
        start = f"https://127.0.0.1:{site.port}/"
        with pytest.raises(MissingError, match="certificate verify failed"):
            _rows(site, tmp_path / "unknown", start=(start,), proxy=proxy.url)


def test_a_proxy_that_is_down_is_said(site: Site, tmp_path: Path) -> None:
    with proxying(Proxy()) as proxy:
        gone = proxy.url
    with pytest.raises(MissingError, match="the proxy does not answer"):
        _rows(site, tmp_path, proxy=gone)
    assert not site.asked


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("socks5://p.example:1080", "a proxy is at an http or https address"),
        ("p.example:3128", "a proxy is at an http or https address"),
        ("http://p.example", "has a port"),
        ("http://p.example:3128/path", "a scheme, a host and a port"),
        ("http://:3128", "not a host name"),
    ],
)
def test_what_is_no_proxy_is_refused(proxy: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        crawl.Settings(start=("https://a.example/",), proxy=proxy)


def test_basic_authentication_of_the_environment(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIKI_USER", "greta")
    monkeypatch.setenv("WIKI_PASSWORD", "S3cret")
    site.html("/", "/a", "/out")
    site.html("/a")
    with running(Site()) as other:
        site.pages["/out"] = redirect(f"{other.root}/")
        other.html("/")
        header = {"Authorization": "Basic ${WIKI_PASSWORD}"}
        scope = (f"{site.root}/", f"{other.root}/")
        _rows(site, tmp_path, headers=header, scope=scope)
        assert {sent.get("authorization") for sent in site.headers} == {"Basic S3cret"}
        assert {sent.get("authorization") for sent in other.headers} == {None}
        assert b"S3cret" not in _archived(tmp_path)


@pytest.mark.parametrize("status", [403, 502])
def test_a_proxy_that_refuses_to_connect_is_no_site_without_rules(
    status: int, site: Site, tmp_path: Path
) -> None:
    with proxying(Proxy(refuses=status)) as proxy:
        start = f"https://127.0.0.1:{site.port}/"
        with pytest.raises(MissingError, match=f"the proxy answers {status} to CONNECT"):
            _rows(site, tmp_path, start=(start,), proxy=proxy.url)
    assert {method for method, _ in proxy.asked} == {"CONNECT"}
    assert not site.asked


def test_a_name_that_cannot_be_resolved_here_is_not_asked_of_a_proxy(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(host: str, *_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, f"no {host} here")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with proxying(Proxy()) as proxy:
        with pytest.raises(MissingError, match=r"no intern\.example here"):
            _rows(site, tmp_path, start=("http://intern.example/",), proxy=proxy.url)
        assert proxy.asked == []


def test_variables_that_name_a_proxy_are_not_read(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.html("/")
    with proxying(Proxy()) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert _ends(_rows(site, tmp_path)) == {"/": None}
        assert proxy.asked == []


@pytest.mark.parametrize("way", ["refresh", "other"])
def test_cookies_are_forgotten_by_whoever_asks_anew(way: str, site: Site, tmp_path: Path) -> None:
    _sets(site)
    assert _ends(_rows(site, tmp_path, cookies=True)) == {"/": None, "/a": None}
    site.headers.clear()
    site.log.clear()
    if way == "other":
        _rows(site, tmp_path, cookies=True, user_agent="other/1")
    else:
        settings = crawl.Settings(
            start=(f"{site.root}/",),
            allow_hosts=("127.0.0.1",),
            delay_s=0,
            retries=0,
            retry_s=0.01,
            timeout_s=5,
            cookies=True,
        )
        crawl.refresh(settings, Context(work=tmp_path))
    shown = [sent.get("cookie", "") for sent in site.headers]
    start = [path for _, path in site.log].index("/")
    assert set(shown[: start + 1]) == {""}
    assert shown[-1] == f"sid={_SECRET}"
