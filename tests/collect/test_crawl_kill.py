"""Killed at any moment and run again, a crawl has every page, and each once.

`python -m tests.web.kills` is the same at any size.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.kills import Tally, archived, faults, kill_again, rows_of


def test_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    """A trial that is stopped goes on where it was, and what is lost or doubled is seen."""
    tally = Tally(150, 3, 1, (0, 0, 0))
    assert not kill_again(tally, tmp_path, until=0.0)
    assert (tally.killed, tally.total > 150) == (0, True)
    assert kill_again(tally, tmp_path)
    assert tally.killed >= 1
    assert faults(tally, tmp_path) == []
    rows = tmp_path / "killed" / "rows.json"
    text = rows.read_text("utf-8")
    rows.write_text(text.replace('"id": "', '"id": "other', 1), "utf-8")
    assert faults(tally, tmp_path) == ["other rows than undisturbed"]
    rows.write_text(text, "utf-8")
    (path,) = (tmp_path / "killed" / "crawl" / "warc").iterdir()
    path.write_bytes(path.read_bytes() * 2)
    assert faults(tally, tmp_path) == ["another archive than undisturbed"]


@pytest.mark.slow
def test_forty_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    tally = Tally(2000, 40, 2, (0, 0, 0))
    assert kill_again(tally, tmp_path)
    assert tally.killed >= 20
    assert faults(tally, tmp_path) == []
    kept = [row["uri"] for row in rows_of(tmp_path / "killed") if not row["drop.rule"]]
    assert [(kind, uri) for kind, uri, _ in archived(tmp_path / "killed")] == sorted(
        (kind, uri) for kind in ("request", "response") for uri in kept
    )
