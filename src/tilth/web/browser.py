"""The browser that renders pages: the system's Chromium, driven by Playwright, without a way out.

It asks nobody itself. What its pages ask for is answered by the crawl (see `render`); all that is
not asked for in a way that the crawl can see (a service worker, a web socket, the browser's own
errands) comes to a proxy on loopback that opens no connection to anyone. Names are not resolved,
and nothing goes around a proxy: neither loopback nor UDP.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

from tilth.errors import MissingError
from tilth.web.rendering import BrowserSettings

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Playwright

_LOOPBACK = "127.0.0.1"
_ARGUMENTS = (
    # No name is ever resolved here, whoever asks for it.
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {_LOOPBACK}",
    # By the name that it has, and by that which it had in versions before.
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--no-pings",
    # A page that takes more ends with its renderer.
    "--js-flags=--max-old-space-size=512",
)
_MAX_HEAD = 16 << 10
_HEAD_S = 10.0
_CLOSE_S = 5.0
_LAUNCH_S = 60.0
_FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class ClosedProxy:
    """A proxy on loopback that answers 403 to whatever it is asked, and dials nobody.

    Attributes:
        refused: How often it was asked.
    """

    def __init__(self) -> None:
        self.refused = 0

    async def start(self) -> str:
        """Its address."""
        self._server = await asyncio.start_server(self._refuse, _LOOPBACK, 0, limit=_MAX_HEAD)
        return f"http://{_LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Listen no more."""
        self._server.close()

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.refused += 1
        # What is asked says nothing, but an answer that comes before it is taken for none.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_HEAD_S):
                await reader.readuntil(b"\r\n\r\n")
        with suppress(OSError):
            writer.write(_FORBIDDEN)
            await writer.drain()
        writer.close()


class OwnBrowser:
    """The browser of one crawl, started when first asked for; an async context manager.

    Each page has a profile of its own, which is gone with it.

    Args:
        settings: How it is started.

    Attributes:
        proxy: All that it can reach.
    """

    def __init__(self, settings: BrowserSettings) -> None:
        self._settings = settings
        self._starting = asyncio.Lock()
        self._driver: Playwright | None = None
        self._browser: Browser | None = None
        self.proxy = ClosedProxy()

    async def __aenter__(self) -> OwnBrowser:
        self._address = await self.proxy.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What does not end by itself ends with its driver.
        with suppress(Exception):
            async with asyncio.timeout(_CLOSE_S):
                if self._browser is not None:
                    await self._browser.close()
        if self._driver is not None:
            with suppress(Exception):
                await self._driver.stop()
        self.proxy.close()

    async def open(self) -> BrowserContext:
        """A new profile.

        Raises:
            MissingError: The browser does not start.
        """
        async with self._starting:
            if self._browser is None or not self._browser.is_connected():
                self._browser = await self._start()
        return await self._browser.new_context(
            user_agent=self._settings.user_agent,
            service_workers="block",
            accept_downloads=False,
        )

    async def _start(self) -> Browser:
        # Reading a recipe needs no browser.
        from playwright.async_api import Error, async_playwright

        try:
            if self._driver is None:
                self._driver = await async_playwright().start()
            return await self._driver.chromium.launch(
                executable_path=self._settings.path,
                chromium_sandbox=not self._settings.without_sandbox,
                # It, and not the bypass for loopback that Chromium has by itself, holds for all.
                proxy={"server": self._address, "bypass": "<-loopback>"},
                args=list(_ARGUMENTS),
                timeout=1000 * _LAUNCH_S,
                # A signal ends the run, and the run the browser.
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )
        except (Error, OSError) as error:
            told = " ".join(str(error).split())[:300]
            raise MissingError(
                f"the browser does not start: {told}",
                where=self._settings.path,
                hint="without user namespaces it has no sandbox; `chromium --headless --dump-dom "
                "about:blank` shows what it lacks",
                code="missing-browser",
            ) from error

    async def close(self, context: BrowserContext) -> None:
        """End a profile; where that takes long, all of the browser, which is started anew."""
        try:
            async with asyncio.timeout(_CLOSE_S):
                await context.close()
        except Exception:
            browser, self._browser = self._browser, None
            if browser is not None:
                with suppress(Exception):
                    async with asyncio.timeout(_CLOSE_S):
                        await browser.close()
