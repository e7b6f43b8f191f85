"""HTTP for the crawler: one request, one bounded answer.

Redirects are not followed here, so that each hop passes the frontier with its scope, its
robots.txt and its address check. Bodies are decompressed here and not by the HTTP library, so that
a compressed page of a few kilobytes cannot fill the memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import TracebackType

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from tilth.errors import MissingError
from tilth.formats.http_answer import (
    FEED_TYPES,
    HTML_TYPES,
    MAX_CODINGS,
    NO_CODINGS,
    XML_TYPES,
    AnswerError,
    TooLongError,
    decode,
)
from tilth.web.address import (
    AddressRefusedError,
    Places,
    Served,
    check_url,
    literal_address,
    place_of,
)
from tilth.web.cookies import Cookies, without_value
from tilth.web.proxy import Proxy
from tilth.web.resolver import CheckedResolver
from tilth.web.secrets import Secrets
from tilth.web.urls import as_sent

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GZIPS = frozenset({"gzip", "x-gzip"})
_CODINGS = frozenset({*_GZIPS, "deflate", "br", "zstd"})
# How a body begins that is packed so, and no page does.
_GZIP = b"\x1f\x8b\x08"
# Pages, and what may be a feed.
_PAGE_TYPES = frozenset((*HTML_TYPES, *FEED_TYPES, *XML_TYPES))
# Characters of a foreign error's words that are kept.
_MAX_MESSAGE = 300
# Of a status line or a field of a header, in bytes, and fields of one: policies of a site for its
# scripts alone come to tens of kilobytes.
_MAX_FIELD, _MAX_FIELDS = 128 << 10, 2048
# The body of an answer that is no page is read this far, so that its connection can be used again.
_MAX_IDLE_BODY = 64 << 10
_MAX_IDLE_S = 1.0
# So long an address of a name is used again, of so many names at a time.
_DNS_S, _MAX_CHECKED = 300, 1 << 16
# What a proxy answers that wants a password (RFC 9110, 15.5.8).
_PROXY_ASKS = 407
# Connections in a row on which bytes stand that nobody has asked for.
_MAX_STALE = 64


class FetchError(Exception):
    """No usable answer.

    Attributes:
        transient: Another try may help.
    """

    def __init__(self, message: str, *, transient: bool) -> None:
        super().__init__(message)
        self.transient = transient


class TimedOutError(FetchError):
    """No complete answer within the time that one may take."""


class TooLargeError(Exception):
    """A body above the bound, as sent or once decompressed."""


@dataclass(frozen=True)
class Answer:
    """A complete answer of a server.

    Attributes:
        status: HTTP status.
        reason: Its phrase.
        headers: Names and values, as received.
        body: The decompressed body; empty where it was not asked for.
        target: Of a redirect: where it leads, as `Secrets.target`; None where to no web page.
        request: Names and values of the request's headers as sent, secrets by their names.
        address: The IP address that was dialled; empty: it is not known, or a proxy's.
        has_new_cookies: It has set cookies that the request did not have.
        sent: Of a page whose body is as its scripts made it: what the server sent.
        told: What it was made without, by the keys of `render.TOLD`.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    target: str | None = None
    request: tuple[tuple[str, str], ...] = ()
    address: str = ""
    has_new_cookies: bool = False
    sent: Answer | None = None
    told: tuple[str, ...] = ()

    def header(self, name: str) -> str:
        """The first header of a name (lower case), or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    @cached_property
    def digest(self) -> bytes:
        """What the body is known by: its SHA-1."""
        return hashlib.sha1(self.body, usedforsecurity=False).digest()

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters."""
        return self.header("content-type").partition(";")[0].strip().lower()


class Client:
    """A pool of connections under one set of bounds; an async context manager.

    Args:
        user_agent: The User-Agent header.
        timeout_s: Seconds for one request with its answer.
        allowed: Hosts and ports that may be at addresses that are not public.
        served: Hosts that a server of this run answers for.
        connections: Connections open at a time.
        secrets: Headers and filled-in addresses for the origins that the recipe names.
        cookies: Keep what sites set, and send it back to them; None: nothing is kept or sent.
        proxy: Asks the hosts instead, but for served ones.
    """

    def __init__(
        self,
        user_agent: str,
        timeout_s: float,
        allowed: Places = frozenset(),
        served: Served | None = None,
        connections: int = 16,
        secrets: Secrets | None = None,
        cookies: Cookies | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self._cookies = cookies
        self._proxy = proxy
        self._resolver = CheckedResolver(allowed, served or {})
        # When a host's name was resolved last, where a proxy is asked.
        self._checked: dict[tuple[str, int], float] = {}
        self.secrets = secrets or Secrets()
        self._allowed = allowed
        self._served = served or {}
        self._connections = connections
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._headers = {
            "User-Agent": user_agent,
            "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1",
            "Accept-Encoding": "gzip, deflate, br, zstd",
        }

    async def __aenter__(self) -> Client:
        self._session = aiohttp.ClientSession(
            connector=_Connector(
                # All that is dialled then is the proxy; what it is asked for is checked before.
                resolver=CheckedResolver(
                    self._proxy.places if self._proxy else self._allowed, self._served
                ),
                limit=self._connections,
                ttl_dns_cache=_DNS_S,
            ),
            headers=self._headers,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=_MAX_FIELD,
            max_field_size=_MAX_FIELD,
            max_headers=_MAX_FIELDS,
            middlewares=(_once,),
            response_class=_Response,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def get(
        self,
        url: str,
        max_bytes: int,
        *,
        html_only: bool = False,
        besides: Callable[[str], bool] | None = None,
        part: tuple[int, int] | None = None,
        cuts: bool = False,
        conditions: Mapping[str, str] | None = None,
    ) -> Answer:
        """Fetch one address; redirects are answers like any other.

        Args:
            url: A normalised address.
            max_bytes: Bound on the body, compressed and decompressed.
            cuts: Of a longer body as much is wanted as may be had.
            html_only: Leave out the body of what is no HTML page with status 200, and cannot be a
                feed.
            besides: Of which other media types the body of an answer with status 200 is wanted.
            part: First byte and number of bytes of the part that is asked for (RFC 9110 section
                14); then an answer of status 206 has a body, and no other.
            conditions: Headers by which only what has changed is asked for (RFC 9110, 13.1).

        Raises:
            AddressRefusedError: The address is not public, and its host not allowed at the port.
            FetchError: No answer, or an unreadable one.
            TooLargeError: The body is above the bound.
            MissingError: A secret is no longer set.
        """
        try:
            return await self._get(
                url,
                max_bytes,
                html_only=html_only,
                besides=besides,
                part=part,
                cuts=cuts,
                conditions=conditions,
            )
        except FetchError as error:
            told = self.secrets.hide(str(error))
            raise type(error)(told, transient=error.transient) from error

    async def post(self, url: str, document: bytes, max_bytes: int) -> Answer:
        """Send a document of JSON to one address, once; the answer has a body whatever its status.

        Args:
            url: A normalised address.
            document: What is sent.
            max_bytes: Bound on the answer's body.

        Raises:
            AddressRefusedError, FetchError, TooLargeError, MissingError: As of `get`.
        """
        kind = "application/json"
        try:
            return await self._get(
                url,
                max_bytes,
                conditions={"Content-Type": kind, "Accept": kind},
                document=document,
            )
        except FetchError as error:
            told = self.secrets.hide(str(error))
            raise type(error)(told, transient=error.transient) from error

    async def _get(
        self,
        url: str,
        max_bytes: int,
        *,
        html_only: bool = False,
        besides: Callable[[str], bool] | None = None,
        part: tuple[int, int] | None = None,
        cuts: bool = False,
        conditions: Mapping[str, str] | None = None,
        document: bytes | None = None,
    ) -> Answer:
        asked = {**(conditions or {}), **self.secrets.headers_for(url)}
        if self._cookies is not None and (kept := self._cookies.sent_to(url)):
            own = next((name for name in asked if name.lower() == "cookie"), "Cookie")
            asked[own] = "; ".join(filter(None, (asked.get(own), kept)))
        if part is not None:
            # Of what the file is, and not of a form of it that was packed for the way.
            asked["Range"] = f"bytes={part[0]}-{part[0] + part[1] - 1}"
            asked["Accept-Encoding"] = "identity"
        try:
            check_url(url, self._allowed)
            through, shown = await self._way_to(url)
            if url.startswith("http:"):
                # The request itself goes to the proxy; of https it is CONNECT alone.
                asked.update(shown)
            async with self._session.request(
                "GET" if document is None else "POST",
                URL(self.secrets.filled(url), encoded=True),
                data=document,
                headers=asked,
                allow_redirects=False,
                proxy=through,
                proxy_headers=shown,
            ) as got:
                if through and got.status == _PROXY_ASKS:
                    raise FetchError(f"the proxy answers {_PROXY_ASKS}", transient=False)
                # A server may send back what it was sent: in a redirect, for one.
                sent = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in got.raw_headers]
                headers = tuple((name, self.secrets.named(value)) for name, value in sent)
                has_new = False
                if self._cookies is not None:
                    has_new = self._cookies.take(url, _values(sent, "set-cookie"))
                    headers = tuple(
                        (k, without_value(v) if k.lower() == "set-cookie" else v)
                        for k, v in headers
                    )
                target = None
                if got.status in REDIRECTS:
                    # From the header as sent: in the named one a name may be a stranger's text.
                    target = self.secrets.target(url, as_sent(next(_values(sent, "location"), "")))
                request = self.secrets.headers_told(url, got.request_info.headers.items())
                peer = got.peer if isinstance(got, _Response) and not through else ""
                reason = got.reason or ""
                answer = Answer(got.status, reason, headers, b"", target, request, peer, has_new)
                if part is not None:
                    wanted = got.status == 206
                elif html_only:
                    kind = answer.content_type
                    is_wanted = kind in _PAGE_TYPES or (besides is not None and besides(kind))
                    wanted = got.status == 200 and is_wanted
                elif document is not None:
                    wanted = True
                else:
                    # Of a site's own file each success counts, as what it says may forbid.
                    wanted = 200 <= got.status < 300
                if not wanted:
                    await _drain(got)
                    return answer
                raw, is_cut = await _read(got, max_bytes, cuts=cuts)
                coding = ",".join(_values(headers, "content-encoding"))
                body = decompress(raw, coding, max_bytes, is_cut=is_cut, cuts=cuts)
                if answer.content_type in HTML_TYPES:
                    body = _page_of(body, max_bytes)
                return replace(answer, body=body)
        except AddressRefusedError:
            raise
        except TimeoutError as error:
            raise TimedOutError(
                f"no complete answer within {self._timeout.total:g} s", transient=True
            ) from error
        except aiohttp.ClientProxyConnectionError as error:
            cause = f"the proxy does not answer: {describe(error.os_error)}"
            raise FetchError(cause, transient=True) from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, AddressRefusedError):
                raise error.os_error from error
            raise FetchError(describe(error.os_error), transient=True) from error
        except (FetchError, TooLargeError, MissingError):
            raise
        except aiohttp.ClientHttpProxyError as error:
            # Its own words hold its address.
            cause = f"the proxy answers {error.status} to CONNECT"
            raise FetchError(cause, transient=error.status >= 500) from error
        except (aiohttp.InvalidURL, ValueError) as error:
            cause = f"not an address to fetch: {describe(error)}"
            raise FetchError(cause, transient=False) from error
        except (aiohttp.ClientResponseError, aiohttp.ClientPayloadError) as error:
            raise FetchError(_no_answer(error), transient=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise FetchError(describe(error), transient=True) from error
        except Exception as error:
            # What a server sends passes through three parsers of others. Whatever one of them
            # raises, it is about this answer alone.
            cause = f"the answer cannot be read: {describe(error)}"
            raise FetchError(cause, transient=False) from error

    async def _way_to(self, url: str) -> tuple[str | None, dict[str, str]]:
        """The proxy that is asked for an address, and what it is shown; None: it is asked itself.

        The host's name is resolved and checked here before the proxy is asked. Where that resolves
        it to, nobody here sees.

        Raises:
            AddressRefusedError, FetchError: It may not be asked.
        """
        place = host, port = place_of(url)
        if self._proxy is None or host in self._served:
            return None, {}
        now = time.monotonic()
        is_known = now - self._checked.get(place, -_DNS_S) < _DNS_S
        if literal_address(host) is None and not is_known:
            try:
                await self._resolver.resolve(host, port)
            except AddressRefusedError:
                raise
            except OSError as error:
                raise FetchError(describe(error), transient=True) from error
            if len(self._checked) >= _MAX_CHECKED:
                self._checked.clear()
            self._checked[place] = now
        return self._proxy.url, self._proxy.headers


class _Connector(aiohttp.TCPConnector):
    """Connections of which none holds an answer that nobody has asked for.

    Bytes behind an answer that come when its connection is idle would be taken for the next
    answer, and each page on it from then on for another.
    """

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        for _ in range(_MAX_STALE):
            connection = await super().connect(req, traces, timeout)
            # Two turns of the loop: in the first it is seen that something has come, and in the
            # second it is read.
            try:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            except BaseException:
                # Given up just now.
                connection.close()
                raise
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()
        raise FetchError("it answers before it is asked", transient=True)


class _Response(aiohttp.ClientResponse):
    """A response that knows the address that it came from, its connection given back or not."""

    peer = ""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        transport = connection.transport
        place = None if transport is None else transport.get_extra_info("peername")
        if place:
            # Of a link-local one, the interface is no part of it.
            self.peer = str(place[0]).partition("%")[0]
        return await super().start(connection)


def _values(headers: Iterable[tuple[str, str]], name: str) -> Iterator[str]:
    """The values of all headers of a name (lower case)."""
    return (value for key, value in headers if key.lower() == name)


async def _once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """One request and no second: the library asks again at once where a connection breaks off.

    Raises:
        FetchError: It broke off.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        raise FetchError(describe(error), transient=True) from error


def decompress(
    data: bytes, encoding: str, max_bytes: int, *, is_cut: bool = False, cuts: bool = False
) -> bytes:
    """Undo a Content-Encoding, never holding more than the bound.

    Args:
        data: What was sent.
        encoding: The header: gzip, deflate, br, zstd (RFC 9110 section 8.4.1, 7932, 8878), or
            several, in the order in which they were applied.
        max_bytes: The most that it may come to.
        is_cut: It ends before its end, and that is no error.
        cuts: Of more as much is wanted as may be had.

    Raises:
        FetchError: Another encoding than was asked for, or damaged data.
        TooLargeError: More than `max_bytes`.
    """
    named = encoding.lower().replace(",", " ").split()
    codings = [coding for coding in named if coding not in NO_CODINGS]
    if len(codings) > MAX_CODINGS or not _CODINGS.issuperset(codings):
        raise FetchError(f"content encoding {encoding[:40]!r} was not asked for", transient=False)
    try:
        for number, coding in enumerate(reversed(codings)):
            if number and coding in _GZIPS and not data.startswith(_GZIP):
                # Said twice, by the server and by whoever stands before it, and done once.
                continue
            data = bytes(decode(data, coding, max_bytes, is_cut=is_cut, cuts=cuts))
            # What was cut for its length ends before its end for the next one too.
            is_cut = is_cut or len(data) >= max_bytes
        return data
    except TooLongError as error:
        raise TooLargeError(str(error)) from error
    except AnswerError as error:
        raise FetchError(str(error), transient=True) from error


def _page_of(body: bytes, max_bytes: int) -> bytes:
    """A page, packed once more than its header says: by a transfer coding, or stored so.

    Raises:
        FetchError, TooLargeError: As of `decompress`.
    """
    for _ in range(MAX_CODINGS):
        if body.startswith(_GZIP):
            body = decompress(body, "gzip", max_bytes)
    return body


def _no_answer(error: aiohttp.ClientResponseError | aiohttp.ClientPayloadError) -> str:
    """Why an answer cannot be read, in the words of its parser, without the status that it makes up
    for it."""
    if isinstance(error, aiohttp.ClientResponseError):
        return f"its answer is no HTTP: {describe(error.message)}"
    cause = error.__cause__
    message = getattr(cause, "message", "") or str(cause or error)
    return f"its answer is not complete: {describe(message)}"


async def _read(
    got: aiohttp.ClientResponse, max_bytes: int, *, cuts: bool = False
) -> tuple[bytes, bool]:
    """The body as sent, up to the bound, and whether it is cut there."""
    if (got.content_length or 0) > max_bytes and not cuts:
        raise TooLargeError(f"{got.content_length:,} bytes, bound {max_bytes:,}")
    pieces: list[bytes] = []
    size = 0
    async for piece in got.content.iter_any():
        size += len(piece)
        pieces.append(piece)
        if size > max_bytes:
            if cuts:
                # What is left is not read, and the connection not used again.
                got.close()
                return b"".join(pieces)[:max_bytes], True
            raise TooLargeError(f"over {max_bytes:,} bytes")
    return b"".join(pieces), False


async def _drain(got: aiohttp.ClientResponse) -> None:
    """Read a body that nobody wants, or drop the connection where it is long, slow or damaged.

    What the answer means is known without it.
    """
    size = 0
    try:
        async with asyncio.timeout(_MAX_IDLE_S):
            async for piece in got.content.iter_any():
                size += len(piece)
                if size > _MAX_IDLE_BODY:
                    break
            else:
                return
    except (aiohttp.ClientError, OSError):
        # A slow one among them: TimeoutError is an OSError.
        pass
    got.close()


def describe(error: BaseException | str | None) -> str:
    """A foreign error's words as one short line, or its name where it has none."""
    words = " ".join(str(error)[: 2 * _MAX_MESSAGE].split())
    return words[:_MAX_MESSAGE] or type(error).__name__
