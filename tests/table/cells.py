"""Single trainings of transfer and value, as a recipe asks for them, on data made in a second."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.table.whole import Tree, changed, read
from tests.transfer.conftest import pretrain
from tests.transfer.samples import digit_rows, text_rows, write_dataset
from tilth.context import Context
from tilth.pretrain.settings import Settings as PretrainSettings
from tilth.recipe.model import Recipe
from tilth.schema import sample_id
from tilth.transfer import compare
from tilth.transfer.result import TransferOutcome
from tilth.value import arms
from tilth.value.result import ValueOutcome

SOURCES = {name: {"jsonl": {"path": "x"}} for name in ("a", "b", "digits", "first", "second")}
# Ten classes: what a model that knows nothing loses, in nats.
BLIND = math.log(10)

DIGITS: Tree = {
    "collect": SOURCES,
    "pretrain": {
        "task": "image-classification",
        "model": {"kind": "mlp", "hidden": [16], "dropout": 0},
        "optimizer": {"learning_rate": 0.003},
        "loop": {"max_steps": 20, "batch_size": 16},
    },
    "transfer": {
        "sizes": [40],
        "methods": ["scratch", "finetune"],
        "seeds": 2,
        "metric": "loss",
        "optimizer": {"learning_rate": 0.003},
        "loop": {"max_steps": 10, "batch_size": 8},
    },
    "value": {
        "arms": {"again": {"same": True}},
        "seeds": 2,
        "budget": 10,
        "metric": "loss",
        "leakage": "remove",
        "target": "none",
    },
}
TEXTS: Tree = {
    "collect": SOURCES,
    "pretrain": {
        "model": {"kind": "gpt", "layers": 2, "width": 16, "heads": 2, "context": 24},
        "data": {"vocabulary": 300, "sources": ["first"]},
        "optimizer": {"learning_rate": 0.003},
        "loop": {"max_steps": 20, "batch_size": 8},
    },
    "transfer": {
        "data": {"sources": ["second"]},
        "sizes": [8],
        "methods": ["scratch", "finetune"],
        "seeds": 2,
        "optimizer": {"learning_rate": 0.003},
        "loop": {"max_steps": 6, "batch_size": 8},
    },
    "value": {
        "arms": {"again": {"same": True}},
        "seeds": 2,
        "budget": 6,
        "leakage": "remove",
        "target": "none",
    },
}


@dataclass(frozen=True)
class Place:
    """A data set, a model trained on it as a recipe says, and a folder for what is prepared."""

    tree: Tree
    data: Path
    model: Path
    work: Path

    def transferred(
        self, tree: Tree, method: str = "finetune", *, seed: int = 0, size: int | None = None
    ) -> TransferOutcome:
        """One cell of `transfer`, on the smallest size if none is given."""
        recipe = read(tree)
        assert recipe.transfer is not None
        settings: Any = recipe.transfer.settings
        cell = compare.Cell.model_validate(
            {"method": method, "size": size or settings.sizes[0], "seed": seed}
        )
        inputs = {"data": self.data, "model": self.model}
        return compare.run_cell(cell, inputs, settings, self.context, compare.Planned())

    def valued(
        self, tree: Tree, arm: str = "control", *, seed: int = 0, share: float = 1.0, **data: Path
    ) -> ValueOutcome:
        """One cell of `value`; arms with other data than the control's are given by name."""
        recipe = read(tree)
        assert recipe.value is not None
        settings: Any = recipe.value.settings
        inputs = {"control": self.data, **data}
        cell = arms.Cell(arm=arm, seed=seed, share=share)
        return arms.run_cell(cell, inputs, settings, self.context, planned_of(recipe))

    def measured(self, section: str, tree: Tree | None = None) -> float:
        """The figure of the training that a section of the recipe decides: in DIGITS its loss.

        Args:
            section: `transfer`, `transfer.overrides.*` (of finetune), `value`, `value.target`.
            tree: The recipe, if it is not this place's own.
        """
        tree = self.tree if tree is None else tree
        if section.startswith("transfer"):
            return self.transferred(tree).measured.value
        return self.valued(tree).measured.value

    @property
    def context(self) -> Context:
        return Context(self.work, threads=1)


def with_setting(tree: Tree, path: str, value: Any) -> Tree:
    """The recipe with a setting of transfer or value: where it stands under a method or a target,
    that is there too."""
    path = path.replace("overrides.*", "overrides.finetune")
    if path.startswith("value.target"):
        tree = targeted(tree)
    return changed(tree, path.replace(".", "/"), value)


def targeted(tree: Tree) -> Tree:
    """The recipe whose experiment carries each arm over to a target."""
    if isinstance(tree["value"].get("target"), dict):
        return tree
    size = {"size": tree["transfer"]["sizes"][0]}
    return changed(tree, "value/target", size)


def section_of(path: str) -> str:
    """`transfer.overrides.*` of `transfer.overrides.*.loop.ema`."""
    known = ("transfer.overrides.*", "transfer", "value.target", "value.arms.*", "value")
    return next(one for one in known if path.startswith(one + "."))


def planned_of(recipe: Recipe) -> arms.Planned:
    stages = (recipe.pretrain, recipe.transfer)
    before = {step.name: step.settings for step in stages if step is not None}
    augment = [{s.operation.name: s.settings.model_dump(mode="json")} for s in recipe.transforms]
    return arms.Planned.model_validate({"augment": augment, **before})


def digits_place(folder: Path) -> Place:
    """300 digits, every third held out."""
    rows = digit_rows(limit=300, test=100)
    for place, row in enumerate(rows):
        row["subject"] = f"person {place % 7}"
    return _place(DIGITS, write_dataset(folder / "data", rows), folder)


def texts_place(folder: Path) -> Place:
    """Two sources of one grammar, labelled by their first letter."""
    rows = text_rows("first", 60, style=1) + text_rows("second", 40, style=1)
    for row in rows:
        row["label"] = "early" if row["text"][0] < "k" else "late"
    return _place(TEXTS, write_dataset(folder / "data", rows), folder)


def _place(tree: Tree, data: Path, folder: Path) -> Place:
    step = read(tree).pretrain
    assert step is not None
    assert isinstance(step.settings, PretrainSettings)
    (folder / "model").parent.mkdir(parents=True, exist_ok=True)
    work = folder / "work"
    work.mkdir()
    return Place(tree, data, pretrain(step.settings, data, folder), work)


def copies(data_rows: list[Any], source: str) -> list[Any]:
    """The same rows again under another source and other ids."""
    return [{**row, "source": source, "id": sample_id(source, row["id"])} for row in data_rows]


def is_near(one: float, other: float) -> bool:
    """Whether two losses are the same but for how sums are rounded."""
    return bool(np.isclose(one, other, rtol=1e-4))
