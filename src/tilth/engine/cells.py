"""The cells of grids: each is kept under an identity of its own, across the recipes of a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, JsonValue

from tilth.engine.reads import as_now
from tilth.errors import DataError
from tilth.recipe.identity import FORMULA, digest_of_parts
from tilth.recipe.plan import PlannedStep
from tilth.records import Json, Record, read_as, read_if_whole
from tilth.settings import acting

CELLS = "cells"


class KeptCell(Record):
    """The result of a cell as it is kept.

    Attributes:
        cell: Which it is, in its grid.
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


def keyed_cells(step: PlannedStep, inputs: Mapping[str, str], seed: int) -> list[Keyed]:
    """The cells of a grid in their order.

    Args:
        step: The grid.
        inputs: Digests of what it stands on, by role.
        seed: The recipe's.
    """
    module, found = step.operation.module, []
    for cell in module.cells(step.settings, step.planned):
        roles = tuple(inputs)
        own: Json = {"cell": cell.as_json(), "settings": acting(step.settings)}
        own["planned"] = acting(step.planned) if step.planned else {}
        if hasattr(module, "cell_parts"):
            roles = module.cell_reads(cell, step.settings, step.planned, tuple(inputs))
            own = module.cell_parts(cell, step.settings, step.planned)
        parts: Json = {
            "formula": FORMULA,
            "operation": step.operation.name,
            "cell": own,
            "inputs": {role: inputs[role] for role in roles},
            "seed": seed,
            **{name: step.parts[name] for name in ("code", "libraries", "device", "transforms")},
        }
        found.append(Keyed(cell.as_json(), parts, digest_of_parts(parts)))
    return found


def cell_path(folder: Path, identity: str) -> Path:
    """Where the result of a cell stands, below the run's folder."""
    return folder / CELLS / f"{identity}.json"


def num_kept(cells: Sequence[Keyed], folder: Path, step: PlannedStep) -> int:
    """How many of a grid's cells have a result."""
    return sum(is_kept(cell, folder, step) for cell in cells)


def is_kept(cell: Keyed, folder: Path, step: PlannedStep) -> bool:
    """Whether the result of this very cell is there, and whole, and what it read is as it was.

    Args:
        cell: Of a grid.
        folder: The run's.
        step: The grid.
    """
    path = cell_path(folder, cell.identity)
    kept = read_if_whole(KeptCell, path)
    if kept is None or kept.cell != cell.cell:
        return False
    if kept.reads and as_now(kept.reads) != kept.reads:
        return False
    try:
        read_as(step.operation.module.Outcome, kept.result, str(path))
    except DataError:
        return False
    return True
