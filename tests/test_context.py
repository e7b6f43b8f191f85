"""What a long task is told of where it runs stays as it was told."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from tilth.context import Context, silent


def test_without_a_word_it_is_one_thread_the_first_seed_and_all_samples(tmp_path: Path) -> None:
    context = Context(tmp_path)
    assert (context.seed, context.threads, context.limit) == (0, 1, None)
    assert context.progress is silent


def test_it_never_changes(tmp_path: Path) -> None:
    context = Context(tmp_path, seed=3)
    with pytest.raises(FrozenInstanceError):
        context.seed = 4  # type: ignore[misc]
    assert context == Context(tmp_path, 3)
    assert context != Context(tmp_path, 4)


def test_nobody_is_told_of_silent_progress(capsys: pytest.CaptureFixture[str]) -> None:
    silent(1, None, "half")
    assert capsys.readouterr() == ("", "")
