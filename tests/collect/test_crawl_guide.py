"""The guide names the tests of the crawl: all that there are, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

_TESTS = Path(__file__).parents[1]
_GUIDE = _TESTS.parent / "docs" / "guides" / "crawl.md"
_DEFINED = re.compile(r"^def (test_\w+)", re.M)


def _defined(paths: list[Path]) -> set[str]:
    return {name for path in paths for name in _DEFINED.findall(path.read_text("utf-8"))}


def test_every_test_of_the_crawl_is_named_and_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", _GUIDE.read_text("utf-8")))
    here = set(_TESTS.glob("collect/test_crawl*.py")) - {Path(__file__)}
    assert _defined(sorted(here)) - named == set()
    assert named - _defined(sorted(_TESTS.rglob("test_*.py"))) == set()
