"""Which pages of a crawl are rendered, by which browser, within which bounds, and what is said."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tilth.context import Note
from tilth.errors import MissingError, UsageError, missing_extra
from tilth.web.patterns import AddressPattern

VARIABLE = "TILTH_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# Where macOS has them.
_APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
# What one page may ask for, in requests and in bytes together.
MAX_REQUESTS, MAX_BYTES = 200, 64 << 20

TOLD: Final[Mapping[str, Note]] = {
    "forbidden": Note("rendered without what robots.txt, or its address, forbids its scripts"),
    "failed": Note("rendered without an answer to its scripts, which failed"),
    "method": Note("rendered without what its scripts send (POST and the like)"),
    "limit": Note(f"rendered without what is beyond {MAX_REQUESTS} requests or 64 MiB"),
    "stream": Note("rendered without what comes by web sockets and event streams"),
    "time": Note("rendered as it was when `render_timeout_s` was over"),
}


def _found() -> Iterator[str]:
    for name in _NAMES:
        if (path := shutil.which(name)) is not None:
            yield path
    yield from _APPLICATIONS


def find_browser(*, without_sandbox: bool) -> str:
    """Where the browser is: at $TILTH_CHROMIUM, else Chromium or Chrome on the path.

    Args:
        without_sandbox: The recipe says that it may go without a sandbox.

    Raises:
        MissingError: It is not there, or Playwright is not installed.
        UsageError: It would have no sandbox, which as root no browser of its kind has.
    """
    if importlib.util.find_spec("playwright") is None:
        raise missing_extra("playwright", "render")
    named = os.environ.get(VARIABLE)
    path = next((one for one in ([named] if named else _found()) if os.access(one, os.X_OK)), None)
    if path is None:
        raise MissingError(
            f"no browser is at ${VARIABLE}, {named}" if named else "`render` needs Chromium",
            hint=f"apt install chromium, or name one: export {VARIABLE}=/path/to/chromium",
            code="missing-browser",
        )
    if os.geteuid() == 0 and not without_sandbox:
        raise UsageError(
            "as root the browser would run scripts of strangers without its sandbox",
            hint="run it as another user; `render_without_sandbox: true` where all of it is in a "
            "container of its own",
            code="sandbox",
        )
    return path


@dataclass(frozen=True)
class BrowserSettings:
    """How the browser is started.

    Attributes:
        path: Its program.
        without_sandbox: It goes without a sandbox.
        user_agent: By which it calls itself.
    """

    path: str
    without_sandbox: bool
    user_agent: str


@dataclass(frozen=True)
class Rendering:
    """Which pages of a crawl are rendered, and how.

    Attributes:
        patterns: Addresses; what fits one of them is.
        browser: How the browser is started.
        timeout_s: Seconds that a page may take.
    """

    patterns: tuple[str, ...]
    browser: BrowserSettings
    timeout_s: float


def fits(patterns: Collection[str], url: str) -> bool:
    """Whether an address is one of those that are rendered."""
    return any(AddressPattern(pattern).fits(url) for pattern in patterns)
