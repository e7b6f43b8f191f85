"""Where the shared test data lies, and temporary recipes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

# Where Python is told to keep nothing that it compiled, each process side by side would compile
# every test anew, and each of the hundreds that tests start all of Tilth.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# What hypothesis times is wall time, which on a busy machine says nothing of the code; growth with
# the input is measured in processor time (tests/growth).
# Examples are drawn anew each time, but where a landing is judged (CI, a variable that hypothesis
# itself goes by): there a change is refused for what it does, and not for what was drawn.
settings.register_profile(
    "tilth",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("tilth")
# Of `make mutate`: the same examples every time, and one that fails need not be made small.
settings.register_profile(
    "mutate",
    settings.get_profile("tilth"),
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)

_DATA = Path(
    os.environ.get("TILTH_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")
).resolve()


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes are named by their place: an archive's hold the time, and tests that run side by side
    must have the same names in every process."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: of processes side by side none is left alone with them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("longest") is None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public test data; tests that need it skip where it is absent.

    With TILTH_REQUIRE_DATA set (CI), its absence is a failure instead.
    """
    if not _DATA.is_dir():
        if os.environ.get("TILTH_REQUIRE_DATA"):
            pytest.fail(f"no test data in {_DATA}; set TILTH_TEST_DATA")
        pytest.skip(f"no test data in {_DATA}; set TILTH_TEST_DATA to its folder")
    return _DATA
