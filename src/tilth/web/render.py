"""Pages as their scripts make them: a browser opens what the site sent, and gives back the result.

The page itself is not asked for again: the browser is given the answer that the crawl has. What its
scripts ask for, the crawl asks for, as for all else: robots.txt of each origin first, in the line
of its host, at checked addresses alone. The time of the page stands still while an answer is under
way, and runs ahead while nothing is: what a page comes to does not hang on how fast the host is.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from tilth.errors import TilthError
from tilth.formats.http_answer import HTML_TYPES
from tilth.web.address import AddressRefusedError
from tilth.web.browser import OwnBrowser
from tilth.web.client import REDIRECTS, Answer, FetchError, TooLargeError, describe
from tilth.web.forms import without_session
from tilth.web.frontier import Outcome
from tilth.web.hosts import ForbiddenError, Hosts
from tilth.web.page_reader import Meaning
from tilth.web.patterns import AddressPattern
from tilth.web.rendering import MAX_BYTES, MAX_REQUESTS, Rendering
from tilth.web.secrets import Secrets
from tilth.web.urls import normalize, origin

if TYPE_CHECKING:
    from playwright.async_api import (
        BrowserContext,
        CDPSession,
        Page,
        Request,
        Route,
        WebSocketRoute,
    )

# Pages that are open at a time.
_MAX_OPEN = 4
# Scripts and style sheets that are kept for the pages to come, in bytes.
_MAX_KEPT = 64 << 20
_MAX_HOPS = 5
# So long the time of a page runs, in milliseconds.
_BUDGET_MS = 5000
# In which the page as it is by then is handed over.
_HAND_OVER_S = 10.0
# What can change what stands in a page, and is asked for.
_ASKED: Final = frozenset(("script", "stylesheet", "xhr", "fetch"))
_KEPT: Final = frozenset(("script", "stylesheet"))
# Headers of a script's request that are the crawl's own to say, or of the way to the host.
_OWN: Final = frozenset(
    (
        *("accept-encoding", "accept-language", "connection", "cookie", "expect", "host"),
        *("keep-alive", "range", "te", "trailer", "upgrade", "user-agent"),
    )
)
_OWN_KINDS: Final = ("content-", "if-", "proxy-", "sec-", "transfer-", "upgrade-")
# Headers of an answer that describe how it was sent, or go past the page.
_OF_THE_WAY: Final = (
    *("content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive"),
    *("set-cookie", "alt-svc", "link", "refresh", "report-to", "nel"),
)
# A picture of one pixel: where a picture fails, a page may show another one instead.
_PIXEL: Final = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)

# Connections to other browsers, which the browser's own settings forbid too.
_WITHOUT_PEERS: Final = """for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection',
    'WebTransport']) delete globalThis[name];"""
# In a world of its own, in which the page's scripts have changed nothing. Roots of shadow trees
# that the page shows are a part of what a reader sees.
_AS_IT_IS: Final = """((most) => {
    if (!document.documentElement) return {html: ''};
    const roots = [];
    const visit = (node) => {
        for (const one of node.querySelectorAll('*'))
            if (one.shadowRoot) { roots.push(one.shadowRoot); visit(one.shadowRoot); }
    };
    visit(document);
    const root = document.documentElement;
    const kind = document.doctype ? new XMLSerializer().serializeToString(document.doctype) : '';
    let html = root.outerHTML;
    if (roots.length) {
        const shell = root.cloneNode(false).outerHTML, end = shell.lastIndexOf('</');
        html = shell.slice(0, end) + root.getHTML({shadowRoots: roots}) + shell.slice(end);
    }
    const based = document.querySelector('base[href]') !== null;
    html = kind + html;
    const size = html.length;
    return {html: size > most ? null : html, size, address: location.href, based};
})"""


@dataclass(frozen=True)
class Rendered:
    """What a page came to: one of the three.

    Attributes:
        answer: It, with the body as its scripts made it.
        target: Where they lead instead.
        error: Why there is none.
        is_too_large: That is since it is larger than a page may be.
        is_lost: That is since the browser has ended.
    """

    answer: Answer | None = None
    target: str = ""
    error: str = ""
    is_too_large: bool = False
    is_lost: bool = False

    def ended(self, url: str, now: str) -> Meaning:
        """How an address ends whose page came to nothing, or elsewhere.

        Args:
            url: The address.
            now: When it was answered, in UTC, ISO 8601.
        """
        if self.target:
            ended = Outcome(url, "redirect", self.target[:2000], fetched_at=now)
            return Meaning(ended, (self.target,))
        if self.is_too_large:
            return Meaning(Outcome(url, "max-bytes", self.error))
        return Meaning(Outcome(url, error=self.error, fetched_at=now))


class Renderer:
    """Renders the pages of one crawl; an async context manager.

    Args:
        rendering: Which, and how.
        hosts: Through which all is asked for.
        secrets: Of the crawl; none of them is told to a page.
        max_bytes: Of a page, and of each answer.

    Attributes:
        browser: The browser.
    """

    def __init__(
        self, rendering: Rendering, hosts: Hosts, secrets: Secrets, max_bytes: int
    ) -> None:
        self._rendering = rendering
        self._patterns = tuple(map(AddressPattern, rendering.patterns))
        self._hosts = hosts
        self._secrets = secrets
        self._max_bytes = max_bytes
        self._open = asyncio.Semaphore(_MAX_OPEN)
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._kept_bytes = 0
        self._doors: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.browser = OwnBrowser(rendering.browser)

    async def __aenter__(self) -> Renderer:
        await self.browser.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        await self.browser.__aexit__(*raised)

    def takes(self, url: str, answer: Answer) -> bool:
        """Whether a page is rendered."""
        return answer.content_type in HTML_TYPES and any(one.fits(url) for one in self._patterns)

    async def render(self, url: str, answer: Answer) -> Rendered:
        """What a page comes to.

        Args:
            url: Its address.
            answer: What its site sent.

        Raises:
            MissingError: The browser does not start.
        """
        async with self._open:
            found = await self._tried(url, answer)
            if found.is_lost:
                # Perhaps by another page, or by the system for want of memory.
                found = await self._tried(url, answer)
            return found

    async def _tried(self, url: str, answer: Answer) -> Rendered:
        context = await self.browser.open()
        try:
            found = await self._rendered(context, url, answer)
            browser = context.browser
            is_lost = browser is not None and not browser.is_connected()
            return replace(found, is_lost=is_lost and bool(found.error))
        finally:
            await self.browser.close(context)

    async def _rendered(self, context: BrowserContext, url: str, answer: Answer) -> Rendered:
        from playwright.async_api import Error

        visit = _Visit(url, answer, self)
        try:
            async with asyncio.timeout(self._rendering.timeout_s):
                await visit.begin(context)
                await visit.settle()
        except TimeoutError:
            visit.told.add("time")
        except Error as error:
            if not visit.target:
                return Rendered(error=f"the page cannot be rendered: {describe(error)}")
        if visit.target:
            return Rendered(target=visit.target)
        try:
            async with asyncio.timeout(_HAND_OVER_S):
                found = await visit.as_it_is(self._max_bytes)
        except TimeoutError:
            after = f"{self._rendering.timeout_s:g} s"
            return Rendered(error=f"the page cannot be rendered: it is not done after {after}")
        except Error as error:
            return Rendered(error=f"the page cannot be rendered: {describe(error)}")
        return self._made(answer, found, visit)

    def _made(self, answer: Answer, found: Mapping[str, Any], visit: _Visit) -> Rendered:
        address, html = str(found.get("address", "")), found.get("html")
        if not address.startswith(("http://", "https://")):
            return Rendered(error="the page cannot be rendered: its scripts lead to no page")
        body = None if html is None else str(html).encode("utf-8", "replace")
        if body is None or len(body) > self._max_bytes:
            size = found.get("size", 0) if body is None else len(body)
            return Rendered(error=f"{size:,} bytes once rendered", is_too_large=True)
        if not found.get("based") and (at := _address(address)) not in (None, visit.shown):
            # Its scripts have changed its address, by which its links are read.
            body = _with_base(body, str(at))
        kind = ("Content-Type", f"{answer.content_type}; charset=utf-8")
        rest = (one for one in answer.headers if one[0].lower() != "content-type")
        told = tuple(sorted(visit.told))
        made = replace(answer, headers=(kind, *rest), body=body, sent=answer, told=told)
        return Rendered(made)

    async def ask(self, url: str, kind: str, headers: Mapping[str, str]) -> Answer:
        """What a page's script is answered; scripts and styles are asked for once.

        Raises:
            ForbiddenError, AddressRefusedError, FetchError, TooLargeError: It is not.
        """
        if kind not in _KEPT:
            return await self._ask(url, headers)
        # Who wants the same while it is asked for waits for it.
        door = self._doors.get(url)
        if door is None:
            door = self._doors[url] = asyncio.Lock()
        async with door:
            if (kept := self._kept.get(url)) is not None:
                self._kept.move_to_end(url)
                return kept
            answer = await self._ask(url, headers)
            if answer.status < 500:
                self._kept[url] = answer
                self._kept_bytes += len(answer.body)
                while self._kept_bytes > _MAX_KEPT:
                    self._kept_bytes -= len(self._kept.popitem(last=False)[1].body)
            return answer

    async def _ask(self, url: str, headers: Mapping[str, str]) -> Answer:
        sent = {
            name: value
            for name, value in headers.items()
            if name.lower() not in _OWN and not name.lower().startswith(_OWN_KINDS)
        }
        for _ in range(_MAX_HOPS + 1):
            # What the recipe says counts, whatever a script does.
            for name in self._secrets.headers_for(url):
                sent.pop(name.lower(), None)
            answer = await self._hosts.ask(url, self._max_bytes, sent)
            if answer.status not in REDIRECTS or answer.target is None:
                break
            if origin(answer.target) != origin(url):
                sent.pop("authorization", None)
            url = answer.target
        return answer

    def target(self, base: str, address: str) -> str | None:
        """An address that a page has asked for, as the crawl knows it; None: none of the web."""
        return self._secrets.target(base, address)


@dataclass
class _Visit:
    """One page in the browser.

    Attributes:
        url: Its address.
        answer: What its site sent.
        renderer: Asks for the rest.
        target: Where its scripts lead instead of showing it; empty: nowhere.
        told: What it was made without, as `TOLD` has it.
        shown: Its address as the browser has it.
    """

    url: str
    answer: Answer
    renderer: Renderer
    target: str = ""
    told: set[str] = field(default_factory=set)
    shown: str = ""
    _page: Page | None = None
    _protocol: CDPSession | None = None
    _is_begun: bool = False
    _requests: int = 0
    _bytes: int = 0
    _left: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self, context: BrowserContext) -> None:
        """Open the page, and let its time run."""
        await context.add_init_script(_WITHOUT_PEERS)
        await context.route("**/*", self._answered)
        await context.route_web_socket("**/*", self._closed)
        page = self._page = await context.new_page()
        context.on("page", self._shut)
        page.on("crash", lambda _: self._left.set())
        # By a script, or with the browser.
        page.on("close", lambda _: self._left.set())
        protocol = self._protocol = await context.new_cdp_session(page)
        self._expired = asyncio.Event()
        protocol.on("Emulation.virtualTimeBudgetExpired", lambda _: self._expired.set())
        await page.goto(self.url, wait_until="commit", timeout=0)
        self.shown = _address(page.url) or self.url
        await protocol.send(
            "Emulation.setVirtualTimePolicy",
            {"policy": "pauseIfNetworkFetchesPending", "budget": _BUDGET_MS},
        )

    async def settle(self) -> None:
        """Wait until its time is up, or its scripts lead elsewhere."""
        waits = [asyncio.ensure_future(one.wait()) for one in (self._expired, self._left)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    async def as_it_is(self, max_bytes: int) -> Mapping[str, Any]:
        """The page as it is now, its address, and whether it says by which its links are read."""
        protocol = self._protocol
        if protocol is None:
            raise TimeoutError
        tree = await protocol.send("Page.getFrameTree")
        frame = tree["frameTree"]["frame"]["id"]
        world = await protocol.send("Page.createIsolatedWorld", {"frameId": frame})
        found = await protocol.send(
            "Runtime.evaluate",
            {
                "expression": f"{_AS_IT_IS}({json.dumps(max_bytes)})",
                "contextId": world["executionContextId"],
                "returnByValue": True,
            },
        )
        value: Mapping[str, Any] = found["result"].get("value") or {}
        return value

    async def _shut(self, page: Page) -> None:
        """A window that the page opens leads nowhere."""
        await page.close()

    async def _closed(self, socket: WebSocketRoute) -> None:
        """A web socket is answered by nobody."""
        self.told.add("stream")
        await socket.close()

    async def _answered(self, route: Route) -> None:
        from playwright.async_api import Error

        try:
            found = await self._answer(route.request)
        except Error:
            # Of a window that is closed already.
            found = None
        except TilthError:
            # A secret that is gone by now; the next page of the crawl says so.
            found = None
            self.told.add("failed")
        # The page may be gone.
        with suppress(Error):
            if found is None:
                # So that the page stays where one that takes its place is not had.
                is_page = route.request.is_navigation_request()
                await route.abort("aborted" if is_page else "blockedbyclient")
            else:
                await route.fulfill(
                    status=found.status, headers=_told(found.headers), body=found.body
                )

    async def _answer(self, request: Request) -> Answer | None:
        """What a request of the page is answered; None: nothing."""
        kind = request.resource_type
        if request.is_navigation_request():
            return self._navigated(request)
        if kind == "image":
            return Answer(200, "", (("Content-Type", "image/gif"),), _PIXEL)
        if kind == "eventsource":
            self.told.add("stream")
        if kind not in _ASKED:
            return None
        if request.method != "GET":
            self.told.add("method")
            return None
        url = self.renderer.target(self.url, request.url)
        if url is None:
            self.told.add("forbidden")
            return None
        if self._requests >= MAX_REQUESTS or self._bytes >= MAX_BYTES:
            self.told.add("limit")
            self._left.set()
            return None
        self._requests += 1
        try:
            answer = await self.renderer.ask(url, kind, request.headers)
        except (ForbiddenError, AddressRefusedError):
            self.told.add("forbidden")
            return None
        except (FetchError, TooLargeError):
            self.told.add("failed")
            return None
        self._bytes += len(answer.body)
        if answer.status in REDIRECTS or answer.status >= 500:
            self.told.add("failed")
            return None
        return answer

    def _navigated(self, request: Request) -> Answer | None:
        """The page itself, once; another one in its place is where it leads."""
        page = self._page
        if page is None or request.frame != page.main_frame:
            return None
        if not self._is_begun:
            self._is_begun = True
            return self.answer
        if request.method != "GET":
            self.told.add("method")
            return None
        target = self.renderer.target(self.url, request.url)
        if target and without_session(target) != self.url:
            target = without_session(target)
        if target and target != self.url and not self.target:
            self.target = target
            self._left.set()
        return None


def _told(headers: Collection[tuple[str, str]]) -> dict[str, str]:
    """Headers as the browser is given them: those of a name in one."""
    found: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()
        if name not in _OF_THE_WAY:
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _address(text: str) -> str | None:
    try:
        return normalize(text)
    except ValueError:
        return None


def _with_base(body: bytes, address: str) -> bytes:
    """The page with the address by which its links are read, as where a page is saved."""
    escaped = address.replace("&", "&amp;").replace('"', "%22").replace("<", "%3C")
    head, begin, rest = body.partition(b"<head>")
    if not begin:
        return body
    return head + begin + f'<base href="{escaped}">'.encode() + rest
