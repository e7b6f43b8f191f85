"""A task has what training calls, or is refused before anything is learnt."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.training.samples import IMAGE
from tilth.errors import ExtensionError
from tilth.models.facts import Facts
from tilth.tasks.build import build_task
from tilth.tasks.images.classification import task
from tilth.tasks.settings import ObjectiveSettings

_NAMES = "check collate figures forward item lengths loss lower_is_better measure metric name"
_NAMES += " paced_by predict scale share unit units"


@pytest.mark.parametrize("lost", _NAMES.split())
def test_what_a_task_lacks_is_named(lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    has = {name: None for name in _NAMES.split() if name != lost}
    monkeypatch.setattr(task, "make", lambda given: SimpleNamespace(**has))
    with pytest.raises(ExtensionError, match=f"gives a SimpleNamespace without `{lost}`"):
        build_task(IMAGE.name, Facts(), ObjectiveSettings())


def test_nothing_is_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "make", lambda given: None)
    with pytest.raises(ExtensionError, match="gives a NoneType without `check`, `collate`"):
        build_task(IMAGE.name, Facts(), ObjectiveSettings())
