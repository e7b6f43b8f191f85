"""The section that says how to make the run again: seed, machine, versions, recipe."""

from __future__ import annotations

from dataclasses import dataclass

from tilth.machine import Machine
from tilth.query.report import Report
from tilth.report.figures import Cell, Table, table
from tilth.report.steps import as_text
from tilth.report.text import number

MAX_RECIPE = 30_000


@dataclass(frozen=True)
class Again:
    """What a run is made again with."""

    seed: str
    machine: tuple[tuple[str, str], ...]
    versions: Table
    recipe: str
    recipe_cut: bool


def again(report: Report) -> Again:
    """What the run was made with, the recipe cut where it is long."""
    rows = [[Cell(as_text(k, 60)), Cell(as_text(v, 60))] for k, v in report.versions.items()]
    return Again(
        str(report.seed),
        machine_facts(report.machine),
        table(("package", "version"), rows),
        as_text(report.recipe_yaml, MAX_RECIPE),
        len(report.recipe_yaml) > MAX_RECIPE,
    )


def machine_facts(machine: Machine) -> tuple[tuple[str, str], ...]:
    """What is known of a machine, in pairs of name and words."""
    told = (
        ("cores", number(machine.cores) if machine.cores else ""),
        ("memory gib", number(machine.memory_gib) if machine.memory_gib else ""),
        ("processor", as_text(machine.processor, 120)),
        ("system", as_text(machine.system, 120)),
        ("python", as_text(machine.python, 120)),
    )
    return tuple((key, text) for key, text in told if text)
