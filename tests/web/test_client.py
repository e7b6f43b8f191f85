"""One request, one bounded answer; nothing private is dialled."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from typing import Any

import pytest

from tests.web.sites import Reply, Site, redirect, running
from tilth.web.address import AddressRefusedError, allowed_places
from tilth.web.client import (
    Answer,
    CheckedResolver,
    Client,
    FetchError,
    TooLargeError,
    decompress,
)

_HTML = ("Content-Type", "text/html; charset=UTF-8")
_LOOPBACK = ("127.0.0.1",)


def _get(
    url: str,
    max_bytes: int = 1 << 20,
    *,
    allow: tuple[str, ...] = _LOOPBACK,
    timeout_s: float = 5.0,
    html_only: bool = False,
    served: dict[str, tuple[str, int]] | None = None,
) -> Answer:
    async def get() -> Answer:
        async with Client(
            "tilth-test/1", timeout_s, allowed_places(allow, [url]), served
        ) as client:
            return await client.get(url, max_bytes, html_only=html_only)

    return asyncio.run(get())


def test_an_answer_is_complete() -> None:
    with running(Site()) as site:
        site.html("/", "/a")
        answer = _get(f"{site.root}/")
    assert answer.status == 200
    assert answer.content_type == "text/html"
    assert b'href="/a"' in answer.body
    assert site.agents == {"tilth-test/1"}
    assert site.headers[0]["accept-encoding"] == "gzip, deflate"
    assert "cookie" not in site.headers[0]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw"])
def test_compressed_bodies(encoding: str) -> None:
    body = b"<html>" + b"text " * 1000
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(body[:100]) + gzip.compress(body[100:]),
        "deflate": zlib.compress(body),
        "raw": raw.compress(body) + raw.flush(),
    }[encoding]
    header = ("Content-Encoding", "gzip" if encoding == "gzip" else "deflate")
    with running(Site(pages={"/": Reply(packed, headers=(_HTML, header))})) as site:
        assert _get(f"{site.root}/").body == body


def test_a_compression_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * (64 << 20))
    assert len(bomb) < 100_000
    with (
        running(
            Site(pages={"/": Reply(bomb, headers=(_HTML, ("Content-Encoding", "gzip")))})
        ) as site,
        pytest.raises(TooLargeError, match="once decompressed"),
    ):
        _get(f"{site.root}/", 1 << 20)
    # Many members of little each, too.
    with pytest.raises(TooLargeError):
        decompress(gzip.compress(b"\0" * 1000) * 100, "gzip", 50_000)


@pytest.mark.parametrize(
    ("data", "encoding", "message"),
    [
        (gzip.compress(b"x" * 5000)[:20], "gzip", "cut short"),
        (b"\x1f\x8bnot really", "gzip", "damaged"),
        (b"\x00", "br", "not asked for"),
        (b"\x00", "gzip, gzip", "not asked for"),
    ],
)
def test_unreadable_encodings(data: bytes, encoding: str, message: str) -> None:
    with pytest.raises(FetchError, match=message):
        decompress(data, encoding, 1 << 20)


def test_a_large_body_is_refused() -> None:
    with running(Site(pages={"/": Reply(b"x" * 50_000)})) as site, pytest.raises(TooLargeError):
        _get(f"{site.root}/", 10_000)


def test_only_pages_are_read_where_only_pages_are_wanted() -> None:
    pages = {
        "/a.zip": Reply(b"x" * 200_000, headers=(("Content-Type", "application/zip"),)),
        "/gone": Reply(b"<p>gone", 404),
    }
    with running(Site(pages=dict(pages))) as site:
        assert _get(f"{site.root}/a.zip", html_only=True).body == b""
        assert _get(f"{site.root}/a.zip", html_only=False).body == b"x" * 200_000
        gone = _get(f"{site.root}/gone")
    assert (gone.status, gone.body) == (404, b"")


def test_a_slow_server_is_given_up() -> None:
    with (
        running(Site(pages={"/": Reply(b"x", wait_s=3.0)})) as site,
        pytest.raises(FetchError, match=r"within 0\.3 s") as caught,
    ):
        _get(f"{site.root}/", timeout_s=0.3)
    assert caught.value.transient


def test_a_broken_connection_is_transient() -> None:
    with (
        running(Site(pages={"/": Reply(b"x" * 1000, cut=10)})) as site,
        pytest.raises(FetchError) as caught,
    ):
        _get(f"{site.root}/")
    assert caught.value.transient
    with pytest.raises(FetchError) as caught:
        _get(f"{site.root}/")
    assert caught.value.transient


def test_redirects_are_answers() -> None:
    with running(Site(pages={"/": redirect("http://127.0.0.1:1/x")})) as site:
        answer = _get(f"{site.root}/")
    assert (answer.status, answer.header("location")) == (302, "http://127.0.0.1:1/x")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "127.1"]
)
def test_loopback_is_not_dialled(host: str) -> None:
    with running(Site()) as site:
        site.html("/")
        with pytest.raises(AddressRefusedError):
            _get(f"http://{host}:{site.port}/", allow=())
    assert not site.asked


def test_a_name_is_checked_at_what_it_resolves_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that is dialled is the one that was checked: a second answer comes too late."""
    answers = iter(["8.8.8.8", "127.0.0.1"])

    async def found(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", found)

    async def resolve() -> None:
        resolver = CheckedResolver(frozenset(), {})
        first = await resolver.resolve("rebinding.example", 80)
        assert [result["host"] for result in first] == ["8.8.8.8"]
        with pytest.raises(AddressRefusedError):
            await resolver.resolve("rebinding.example", 80)

    asyncio.run(resolve())


def test_a_served_host_keeps_its_name() -> None:
    with running(Site()) as site:
        site.html("/x")
        served = {"docs.localhost": ("127.0.0.1", site.port)}
        answer = _get("http://docs.localhost/x", allow=("docs.localhost",), served=served)
    assert answer.status == 200
    assert site.headers[0]["host"] == "docs.localhost"
