"""Settings of the stage: one change an arm, filled in from the recipe, paired by construction."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from tilth.errors import UsageError
from tilth.models.gpt import GPTSettings
from tilth.models.mlp import MLPSettings
from tilth.pretrain.settings import Settings as PretrainSettings
from tilth.settings import acting
from tilth.tasks.settings import DataSettings, TargetDataSettings
from tilth.training.settings import ALONE_ONLY, BudgetSettings, LoopSettings
from tilth.transfer.settings import MethodSettings
from tilth.transfer.settings import Settings as TransferSettings
from tilth.value.arms import cells
from tilth.value.resolve import resolve
from tilth.value.settings import Change, Planned, Settings

A_A = {"same": Change(same=True)}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"without": "a.b", "same": True},
        {"without": "a.b", "without_source": "c"},
        {"without_source": "a", "set": {"c.d": {"e": 1}}},
        {"without": "a.b", "set": {"c.d": {"e": 1}}},
        {"set": {"a.b": {"c": 1}, "d.e": {"f": 1}}},
    ],
)
def test_an_arm_is_one_change(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="an arm is one change"):
        Change(**given)


def test_numbers_that_are_equal_are_one() -> None:
    given = [{"x": 2.0, "y": [{"z": 1e3}], "w": True}, {"x": 2, "y": [{"z": 1000}], "w": True}]
    one, other = (Change.model_validate({"set": {"a.b": it}}) for it in given)
    assert acting(one) == acting(other)
    assert one.decision == other.decision == "a.b with x=2, y=[{'z': 1000}], w=True"
    assert acting(one) != acting(Change.model_validate({"set": {"a.b": {**given[0], "x": 2.5}}}))


def test_the_decision_is_named() -> None:
    out = Change(without="deduplicate.minhash")
    assert (out.decision, out.sign, out.step) == (
        "deduplicate.minhash",
        -1,
        "deduplicate.minhash",
    )
    source = Change(without_source="packages")
    assert (source.decision, source.sign, source.step) == ("the source packages", -1, "")
    changed = Change(set={"label.consensus": {"method": "single"}})
    assert (changed.decision, changed.sign) == ("label.consensus with method=single", 1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"arms": {}}, "at least 1"),
        ({"arms": {"control": A_A["same"]}}, "the recipe itself"),
        ({"arms": A_A, "curve": (0.5, 0.25)}, "three shares"),
        ({"arms": A_A, "curve": (0.5, 0.25, 1.0)}, "between 0 and 1"),
        ({"arms": A_A, "match": "epochs", "curve_of": "steps"}, "curve_of steps"),
        ({"arms": A_A, "seeds": 1}, "greater than or equal to 2"),
    ],
)
def test_settings_are_checked(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings(**given)


def test_cells_are_arms_by_seeds() -> None:
    settings = Settings(
        arms={"a": Change(without="clean.rules"), "b": Change(same=True, seeds=2)},
        seeds=3,
        curve=(0.5, 0.125, 0.25),
    )
    found = cells(settings)
    full = [(cell.seed, cell.arm) for cell in found if cell.share == 1.0]
    assert full == [
        *((0, name) for name in ("control", "a", "b")),
        *((1, name) for name in ("control", "a", "b")),
        *((2, name) for name in ("control", "a")),
    ]
    assert [cell.share for cell in found if cell.seed == 2] == [1.0, 1.0, 0.125, 0.25, 0.5]


def test_the_recipe_fills_what_is_left_empty() -> None:
    pretrain = PretrainSettings(
        model=GPTSettings(layers=3),
        data=DataSettings(sources=("a",)),
        loop=LoopSettings(epochs=2, max_seconds=60, patience=3, precision="auto"),
    )
    transfer = TransferSettings(
        sizes=(4, 8),
        data=TargetDataSettings(sources=("b",)),
        overrides={"finetune": MethodSettings(loop=BudgetSettings(epochs=7))},
    )
    planned = Planned(pretrain=pretrain, transfer=transfer)
    found = resolve(Settings(arms=A_A, budget=50), planned)
    assert found.model == GPTSettings(layers=3)
    assert found.data.sources == ("a",)
    assert found.loop.max_steps == 50
    assert found.loop.epochs is None
    # Nothing by which two arms could differ in length or arithmetic.
    assert not set(ALONE_ONLY) & set(type(found.loop).model_fields)
    assert found.loop.precision == "fp32-fast"
    assert found.target is not None
    assert found.target.size == 8
    assert found.target.data.sources == ("b",)
    assert found.target.loop.epochs == 7


@pytest.mark.parametrize(
    ("given", "planned", "message"),
    [
        ({}, Planned(pretrain=PretrainSettings()), "needs a number of steps"),
        ({"match": "epochs"}, Planned(), "match epochs needs"),
        ({"model": MLPSettings()}, Planned(), "needs model.kind gpt, not mlp"),
        ({"arms": {"p": Change(without="pretrain")}}, Planned(), "needs a target"),
    ],
)
def test_what_cannot_be_an_experiment_is_said_at_once(
    given: dict[str, Any], planned: Planned, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        cells(Settings(**{"arms": A_A, **given}), planned)


def test_settings_load_neither_torch_nor_scipy() -> None:
    code = (
        "import sys, tilth.value.arms, tilth.transfer.compare;"
        "print([m for m in ('torch', 'scipy', 'sklearn') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
