"""Settings and cells of the stage."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tilth.settings import acting
from tilth.training.settings import BudgetSettings
from tilth.transfer.compare import Cell, cells
from tilth.transfer.settings import MethodSettings, Settings


def test_cells_are_methods_by_sizes_by_seeds() -> None:
    settings = Settings(sizes=(4, 8), methods=("scratch", "finetune"), seeds=2)
    found = cells(settings)
    assert len(found) == 8
    assert found[0] == Cell(method="scratch", size=4, seed=0)
    assert [cell.seed for cell in found] == [0] * 4 + [1] * 4


@pytest.mark.parametrize("sizes", [(8, 4), (4, 4), (0, 4), ()])
def test_sizes_ascend(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError):
        Settings(sizes=sizes)


def test_a_method_may_have_its_own_loop() -> None:
    own = MethodSettings(loop=BudgetSettings(max_steps=5))
    settings = Settings(overrides={"probe": own})
    assert settings.recipe_of("probe") == (settings.optimizer, own.loop)
    assert settings.recipe_of("scratch") == (settings.optimizer, settings.loop)


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({"methods": ["lora"]}, {"methods": ["lora"], "lora_rank": 8}),
        ({}, {"overrides": {"probe": {}, "scratch": {"optimizer": {}}}}),
        (
            {"loop": {"epochs": 2}},
            {"loop": {"epochs": 2}, "overrides": {"probe": {"loop": {"epochs": 2}}}},
        ),
    ],
)
def test_what_holds_anyway_may_be_written_out(given: dict[str, Any], same: dict[str, Any]) -> None:
    one, other = Settings.model_validate(given), Settings.model_validate(same)
    assert acting(one) == acting(other)
    differing = {**same, "overrides": {**same.get("overrides", {}), "lora": {"freeze": ["a"]}}}
    differing["methods"] = list(dict.fromkeys(["lora", *one.methods]))
    assert acting(Settings.model_validate(differing))["overrides"] == {
        "lora": {"optimizer": None, "loop": None, "freeze": ["a"], "unfreeze": {}}
    }
