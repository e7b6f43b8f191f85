"""The browser by itself: whom it reaches, with nothing but how it is started before it."""

from __future__ import annotations

import asyncio

import pytest

from tests.web.browsing import WITHOUT_SANDBOX, listening, require_browser
from tilth.errors import MissingError
from tilth.web.browser import OwnBrowser
from tilth.web.rendering import BrowserSettings, find_browser

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
            await page.set_content("<p>")
            await page.evaluate(f"() => {{ {_PEERS.replace('OTHER', page_of[7:-1])} }}")
            # Whoever is asked through the proxy has been asked by then.
            await page.evaluate(
                f"() => fetch('{page_of}').catch(() => new Promise(done => setTimeout(done, 500)))"
            )
            with pytest.raises(Error, match="ERR_"):
                await page.goto(page_of)
            await browser.close(context)
            return browser.proxy.refused

    with listening() as other:
        assert asyncio.run(reach(f"http://127.0.0.1:{other.port}/")) > 2
        assert other.came == []


@pytest.mark.slow
def test_a_browser_starts_with_its_sandbox_or_not_at_all() -> None:
    """As root Chromium refuses to, and only where it is told to keep it."""
    require_browser()

    async def start() -> None:
        path = find_browser(without_sandbox=WITHOUT_SANDBOX)
        async with OwnBrowser(BrowserSettings(path, False, "a/1")) as browser:
            await browser.close(await browser.open())

    if not WITHOUT_SANDBOX:
        asyncio.run(start())
        return
    with pytest.raises(MissingError, match="Chromium sandboxing failed"):
        asyncio.run(start())
