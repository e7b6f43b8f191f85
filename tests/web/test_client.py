"""One request, one bounded answer; nothing private is dialled."""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import tracemalloc
import warnings
import zlib
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest

from tests.web import raw_site
from tests.web.raw_site import answering
from tests.web.sites import Reply, Site, redirect, running
from tilth.web.address import AddressRefusedError, allowed_places
from tilth.web.client import (
    Answer,
    Client,
    FetchError,
    TooLargeError,
    decompress,
)
from tilth.web.resolver import CheckedResolver

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
    assert site.headers[0]["accept-encoding"] == "gzip, deflate, br, zstd"
    assert "cookie" not in site.headers[0]
    # What was sent and to whom is told too, also where the connection was given back already.
    assert {name.lower(): value for name, value in answer.request} == site.headers[0]
    assert answer.address == "127.0.0.1"


@pytest.mark.parametrize("way", ["cut", "slow"])
@pytest.mark.parametrize("status", [b"404 Not Found", b"302 Found"])
def test_a_body_that_nobody_wants_costs_no_answer(
    status: bytes, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tilth.web.client._MAX_IDLE_S", 0.05)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + status + b"\r\nLocation: /to\r\nContent-Length: 9\r\n\r\nx")
        if way == "slow":
            # Nothing more comes until the other side has had enough.
            await reader.read()
        writer.close()
        await writer.wait_closed()
        served.set()

    async def get() -> Answer:
        async with await asyncio.start_server(serve, "127.0.0.1") as server:
            root = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with Client("tilth", 30, allowed_places(_LOOPBACK, [root])) as client:
                answer = await client.get(f"{root}/", 1 << 20, html_only=True)
            await served.wait()
        return answer

    served = asyncio.Event()
    answer = asyncio.run(get())
    assert answer.status == int(status[:3])
    assert answer.header("location") == "/to"


def test_what_comes_unasked_is_not_taken_for_the_next_answer() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1\r\n\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while asked := await reader.readuntil(b"\r\n\r\n"):
                writer.write(head + asked.split()[1][1:2])
                if asked.startswith(b"GET /a"):
                    # As soon as the answer is taken, and before the next is asked for.
                    await taken.wait()
                    writer.write(head + b"?")
                    sent.set()
        writer.close()

    async def get() -> list[bytes]:
        async with await asyncio.start_server(serve, "127.0.0.1") as server:
            root = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with Client("tilth", 5, allowed_places(_LOOPBACK, [root])) as client:
                bodies = [(await client.get(f"{root}/a", 9)).body]
                taken.set()
                await sent.wait()
                return bodies + [(await client.get(f"{root}/{name}", 9)).body for name in "bc"]

    taken, sent = asyncio.Event(), asyncio.Event()
    assert asyncio.run(get()) == [b"a", b"b", b"c"]


def test_whenever_a_request_is_given_up_its_connection_is_closed() -> None:
    told: list[str] = []

    async def give_up(root: str) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context["message"]))
        async with Client("tilth", 5, allowed_places(_LOOPBACK, [root])) as client:
            # At each step of the way: where a connection is new, and where it is used again.
            for num_turns in range(20):
                await client.get(f"{root}/", 1 << 20)
                request = asyncio.ensure_future(client.get(f"{root}/", 1 << 20))
                for _ in range(num_turns):
                    await asyncio.sleep(0)
                request.cancel()
                await asyncio.wait([request])
            del request
            gc.collect()

    with running(Site()) as site, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        site.html("/")
        asyncio.run(give_up(site.root))
    assert told == []


@pytest.mark.parametrize("named", ["", "identity", "none", "utf-8", "UTF-8, identity"])
def test_what_is_no_coding_is_passed_over(named: str) -> None:
    assert decompress(b"<p>", named, 9) == b"<p>"
    assert decompress(gzip.compress(b"<p>"), f"gzip, {named}", 99) == b"<p>"


def test_codings_are_undone_the_last_first_and_so_many() -> None:
    body = b"text " * 100
    packed = gzip.compress(zlib.compress(body))
    assert decompress(packed, "deflate, gzip", 1000) == body
    assert decompress(packed, "deflate, gzip", 120, cuts=True) == body[:120]
    with pytest.raises(TooLargeError):
        decompress(packed, "deflate, gzip", 120)
    with pytest.raises(FetchError, match="was not asked for"):
        decompress(packed, "gzip, pack200", 1000)
    with pytest.raises(FetchError, match="was not asked for"):
        decompress(packed, "gzip, " * 5, 1000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw", "br", "zstd"])
def test_compressed_bodies(encoding: str) -> None:
    body = b"<html>" + b"text " * 1000
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(body[:100]) + gzip.compress(body[100:]),
        "deflate": zlib.compress(body),
        "raw": raw.compress(body) + raw.flush(),
        "br": pa.compress(body, codec="brotli", asbytes=True),
        "zstd": pa.compress(body, codec="zstd", asbytes=True),
    }[encoding]
    header = ("Content-Encoding", {"raw": "deflate"}.get(encoding, encoding))
    with running(Site(pages={"/": Reply(packed, headers=(_HTML, header))})) as site:
        assert _get(f"{site.root}/").body == body


@pytest.mark.parametrize(
    ("times", "headers"),
    [
        (1, ()),
        (2, (("Content-Encoding", "gzip"),)),
        (2, (("Content-Encoding", "gzip"), ("Content-Encoding", "gzip"))),
        # Said by a server and by whoever stands before it, and done once.
        (1, (("Content-Encoding", "gzip"), ("Content-Encoding", "gzip"))),
        (1, (("Content-Encoding", "gzip, gzip"),)),
    ],
)
def test_a_page_is_no_packed_file_whatever_its_header_says(
    times: int, headers: tuple[tuple[str, str], ...]
) -> None:
    body = packed = b"<html>" + b"text " * 1000
    for _ in range(times):
        packed = gzip.compress(packed)
    with running(Site(pages={"/": Reply(packed, headers=(_HTML, *headers))})) as site:
        assert _get(f"{site.root}/").body == body
        with pytest.raises(TooLargeError, match="once decompressed"):
            _get(f"{site.root}/", 1000)


def test_a_transfer_coding_is_undone() -> None:
    packed = gzip.compress(b"<p>packed on its way")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    chunked = head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
    with answering({"/": chunked}) as (root, _):
        assert _get(f"{root}/").body == b"<p>packed on its way"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"220 mail.test ESMTP\r\n", "its answer is no HTTP: Bad status line"),
        (raw_site.answer(b"x", b"Content-Length: 7"), "its answer is no HTTP: "),
        (raw_site.answer(b"<p>", length=b"9"), "its answer is not complete: Not enough data"),
    ],
)
def test_an_answer_that_cannot_be_read_is_told_by_no_status(raw: bytes, said: str) -> None:
    with answering({"/": raw}) as (root, _), pytest.raises(FetchError) as caught:
        _get(f"{root}/")
    assert str(caught.value).startswith(said)
    assert "400" not in str(caught.value)


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


@pytest.mark.parametrize("encoding", ["br", "zstd"])
def test_no_bomb_of_any_kind_is_unpacked(encoding: str) -> None:
    codec = {"br": "brotli"}.get(encoding, encoding)
    bomb = pa.compress(b"\0" * (256 << 20), codec=codec, asbytes=True)
    assert len(bomb) < 100_000
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    with pytest.raises(TooLargeError, match="once decompressed"):
        decompress(bomb, encoding, 1 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20
    assert pa.total_allocated_bytes() - before < 8 << 20


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "br", "zstd"])
def test_of_what_is_too_long_the_begin_may_be_had(encoding: str) -> None:
    body = b"".join(b"line %d\n" % n for n in range(200_000))
    if encoding in ("br", "zstd"):
        packed = pa.compress(body, codec={"br": "brotli"}.get(encoding, encoding), asbytes=True)
    else:
        packed = {"": body, "gzip": gzip.compress(body), "deflate": zlib.compress(body)}[encoding]
    headers = (("Content-Encoding", encoding),) if encoding else ()

    async def get(url: str) -> bytes:
        async with Client("tilth", 5, allowed_places(_LOOPBACK, [url])) as client:
            return (await client.get(url, 100_000, cuts=True)).body

    with running(Site(pages={"/": Reply(packed, headers=headers)})) as site:
        found = asyncio.run(get(f"{site.root}/"))
    assert 1000 < len(found) <= 100_000
    assert body.startswith(found)


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Security-Policy", "script-src " + "https://cdn.example " * 4000)],
        [(f"X-Word-{n}", "x") for n in range(400)],
        [("Link", "<" + "a" * 60_000 + ">"), ("Set-Cookie", "b" * 60_000)],
    ],
    ids=["long", "many", "several"],
)
def test_long_headers_cost_no_page(headers: list[tuple[str, str]]) -> None:
    reply = Reply(b"<p>x", headers=(_HTML, *headers))
    with running(Site(pages={"/": reply})) as site:
        answer = _get(f"{site.root}/")
    assert answer.body == b"<p>x"
    assert {(name, value.strip()) for name, value in headers} <= set(answer.headers)


def test_headers_without_end_are_one_error() -> None:
    reply = Reply(b"<p>x", headers=(_HTML, ("X-Word", "x" * (1 << 20))))
    with running(Site(pages={"/": reply})) as site, pytest.raises(FetchError) as caught:
        _get(f"{site.root}/")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("data", "encoding", "message"),
    [
        (gzip.compress(b"x" * 5000)[:20], "gzip", "cut short"),
        (b"\x1f\x8bnot really", "gzip", "damaged"),
        (b"\x00\x01", "br", "damaged or cut short"),
        (b"not really", "zstd", "damaged or cut short"),
        (pa.compress(b"x" * 5000, codec="zstd", asbytes=True)[:-3], "zstd", "cut short"),
        (b"\x00", "compress", "not asked for"),
        (b"\x00", "gzip, compress", "not asked for"),
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


def test_a_connection_that_breaks_off_is_not_asked_twice() -> None:
    """The library would at once, past every pause."""
    with (
        answering({"/": b""}) as (root, asked),
        pytest.raises(FetchError, match="disconnected") as caught,
    ):
        _get(f"{root}/")
    assert caught.value.transient
    assert asked == {"/": 1}


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
