"""The smallest effect that matters: by metric, where nobody has named one."""

from __future__ import annotations

from typing import get_args

import pytest

from tilth.models.facts import Facts, Sizes
from tilth.query.explain import explain
from tilth.tasks.build import build_task
from tilth.tasks.settings import ObjectiveSettings, TaskName
from tilth.transfer.methods import FIGURES
from tilth.transfer.smallest import SMALLEST_EFFECTS, smallest_effect_of


def test_every_metric_has_one() -> None:
    facts = Facts(sizes=Sizes(classes=2, image=(1, 2, 2)), classes=("a", "b"), mean=(0,), std=(1,))
    measured = {*FIGURES, "loss"}
    for name in get_args(TaskName):
        if name != "translation":  # which cannot be built without a tokenizer
            measured.add(build_task(name, facts, ObjectiveSettings()).metric)
    assert measured | {"bits_per_byte"} == set(SMALLEST_EFFECTS)


def test_what_is_given_goes_first() -> None:
    assert smallest_effect_of("accuracy", None) == 0.5
    assert smallest_effect_of("bits_per_byte", None) == 0.01
    assert smallest_effect_of("accuracy", 0.0) == 0.0
    assert smallest_effect_of("accuracy", 2) == 2


@pytest.mark.parametrize("stage", ["transfer", "value"])
def test_explain_says_the_default_of_each_metric(stage: str) -> None:
    settings = {info.name: info for info in explain(stage)[0].settings}
    said = settings["smallest_effect"]
    assert said.default == "nothing"
    assert "nothing: 0.01 of bits_per_byte, loss; 0.5 of accuracy, top5" in said.description
