"""The cells of grids: each is kept under an identity of its own, across the recipes of a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, JsonValue

from tilth.errors import DataError
from tilth.reads import as_now
from tilth.recipe.code import code_digest
from tilth.recipe.identity import FORMULA, digest_of_parts
from tilth.recipe.libraries import libraries_of
from tilth.recipe.plan import PlannedStep
from tilth.records import Json, Record, read_as, read_if_whole
from tilth.store.manifest import Manifest

CELLS = "cells"


class KeptCell(Record):
    """The result of a cell as it is kept.

    Attributes:
        cell: Which it was, in the grid that it was run for.
        result: What it came to.
        parts: What its identity is made of.
        reads: As of a manifest.
    """

    cell: JsonValue
    result: JsonValue
    parts: Json = Field(default_factory=dict)
    reads: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Keyed:
    """A cell that is to be there.

    Attributes:
        cell: As its module reads it.
        parts: All that its result depends on.
        identity: 24 hex digits of the parts.
    """

    cell: JsonValue
    parts: Json
    identity: str


def keyed_cells(step: PlannedStep, inputs: Mapping[str, Manifest], seed: int) -> list[Keyed]:
    """The cells of a grid in their order.

    Args:
        step: The grid.
        inputs: What it stands on, by role.
        seed: The recipe's.
    """
    module, found = step.operation.module, []
    for cell in module.cells(step.settings, step.planned):
        reads = module.cell_reads(cell, step.settings, step.planned, tuple(inputs))
        further = module.cell_modules(cell, step.settings, step.planned)
        modules = step.operation.modules(further)
        parts: Json = {
            "formula": FORMULA,
            "operation": step.operation.name,
            "settings": module.cell_parts(cell, step.settings, step.planned),
            # By their places: an arm's data is what it is, whatever the arm is called.
            "inputs": [_digest(inputs, role) for role in reads],
            "seed": seed,
            "code": code_digest(modules),
            "libraries": {**libraries_of(modules)},
            "device": step.parts["device"],
        }
        found.append(Keyed(cell.as_json(), parts, digest_of_parts(parts)))
    return found


def _digest(inputs: Mapping[str, Manifest], what: str) -> str:
    """Of an input, or of one file of it (`model/config.json`); empty where it has no such file."""
    role, _, name = what.partition("/")
    if not name:
        return inputs[role].digest
    file = inputs[role].model.get(name)
    return "" if file is None else file.sha256


def cell_path(folder: Path, identity: str) -> Path:
    """Where the result of a cell stands, below the run's folder."""
    return folder / CELLS / f"{identity}.json"


def num_kept(cells: Sequence[Keyed], folder: Path, step: PlannedStep) -> int:
    """How many of a grid's cells have a result."""
    return sum(is_kept(cell, folder, step) for cell in cells)


def reads_of_cells(cells: Sequence[Keyed], folder: Path) -> dict[str, str]:
    """What code of a user's own opened in cells that are kept."""
    kept = (read_if_whole(KeptCell, cell_path(folder, cell.identity)) for cell in cells)
    return {name: digest for one in kept if one for name, digest in one.reads.items()}


def is_kept(cell: Keyed, folder: Path, step: PlannedStep) -> bool:
    """Whether the result of this very cell is there, and whole, and what it read is as it was.

    Args:
        cell: Of a grid.
        folder: The run's.
        step: The grid.
    """
    path = cell_path(folder, cell.identity)
    kept = read_if_whole(KeptCell, path)
    if kept is None or kept.parts != cell.parts:
        return False
    if kept.reads and as_now(kept.reads, [folder]) != kept.reads:
        return False
    try:
        read_as(step.operation.module.Outcome, kept.result, str(path))
    except DataError:
        return False
    return True
