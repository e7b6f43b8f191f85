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
    rows = [[Cell(name), Cell(version)] for name, version in versions_of(report)]
    return Again(
        str(report.seed),
        machine_facts(report.machine),
        table(("package", "version"), rows),
        as_text(report.recipe_yaml, MAX_RECIPE),
        len(report.recipe_yaml) > MAX_RECIPE,
    )


def versions_of(report: Report) -> tuple[tuple[str, str], ...]:
    """What decides outputs beside the recipe: packages, and extensions by what is in them."""
    packages = [(as_text(k, 60), as_text(v, 60)) for k, v in report.versions.items()]
    extensions = [
        (f"extension {as_text(name, 60)}", f"sha256 {as_text(digest[:16])}")
        for name, digest in report.extensions.items()
    ]
    return (*packages, *extensions)


def machine_facts(machine: Machine) -> tuple[tuple[str, str], ...]:
    """What is known of a machine, in pairs of name and words."""
    told = (
        ("cores", number(machine.cores) if machine.cores else ""),
        ("memory gib", number(machine.memory_gib) if machine.memory_gib else ""),
        ("processor", as_text(machine.processor, 120)),
        ("gpus", as_text(machine.gpus, 120)),
        ("system", as_text(machine.system, 120)),
        ("python", as_text(machine.python, 120)),
    )
    return tuple((key, text) for key, text in told if text)
