"""Near copies in twelve scripts, by the measurement that the documentation prints."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from benchmarks.scripts_near import SCRIPTS, capitals, documents, edited, near

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
FOLDER = Path(os.environ.get("TILTH_TEST_DATA", SHARED)) / "langid-lingua"


@pytest.mark.parametrize("script", SCRIPTS)
def test_near_copies_and_capitals_are_found(script: str) -> None:
    archive = FOLDER / "language-testdata.tar.xz"
    if script != "Khmer" and not archive.exists():
        pytest.skip(f"no langid-lingua in {FOLDER.parent}; set TILTH_TEST_DATA")
    texts = documents(script, archive, count=20)
    assert len(texts) == 20
    assert near(texts, 0.01, "words") == (1, 0)
    assert near(texts, 0.01, "characters", shingle_characters=7) == (1, 0)
    found, unrelated = near(texts, 0.02, "characters", shingle_characters=7)
    assert found >= 0.95
    assert unrelated == 0
    assert capitals(texts) == (1, 1)


def test_edits_are_as_many_as_is_said() -> None:
    text = "one two three four " * 25
    changed = [
        a != b for a, b in zip(text.split(), edited(text, 0.05, "words", 0).split(), strict=True)
    ]
    assert sum(changed) == 5
    assert sum(a != b for a, b in zip(text, edited(text, 0.1, "characters", 0), strict=True)) == 38
    chinese = "村子北边有一条小河。" * 10
    assert sum(a != b for a, b in zip(chinese, edited(chinese, 0.1, "words", 0), strict=True)) == 9
