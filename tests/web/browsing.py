"""What tests of rendered pages need of the machine: Playwright, and the system's Chromium."""

from __future__ import annotations

import os

import pytest

from tests.export.readers import peer
from tilth.errors import MissingError
from tilth.web.rendering import find_browser

# As root, in the container of the tests, there is no sandbox.
WITHOUT_SANDBOX = os.geteuid() == 0


def require_browser() -> None:
    """Skip where there is none."""
    peer("playwright.async_api")
    try:
        find_browser(without_sandbox=WITHOUT_SANDBOX)
    except MissingError as error:
        pytest.skip(str(error))
