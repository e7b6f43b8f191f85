"""One run of each line for all tests of this room; the longer lines are `slow`."""

from __future__ import annotations

import pytest

from tests.figures.lines import LINES, Shown, made, of_lines


@pytest.fixture(scope="session", params=of_lines(*LINES))
def line(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """A line that was run, with all that is shown of it."""
    return made(request.param, tmp_path_factory)
