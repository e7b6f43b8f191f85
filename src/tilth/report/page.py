"""From the report's document to what the template shows: the page, section by section."""

from __future__ import annotations

from dataclasses import dataclass

from tilth.machine import Machine
from tilth.query.disk import spell_bytes
from tilth.query.report import Report
from tilth.report.evidence import Evidence
from tilth.report.figures import Cell, Chart, Table, table
from tilth.report.generated import Generated, generated
from tilth.report.pretraining import pretraining
from tilth.report.steps import (
    BooksRow,
    CostRow,
    Line,
    Step,
    as_text,
    books_rows,
    build_line,
    build_steps,
    cost_table,
    funnel,
)
from tilth.report.text import ABSENT, count, duration, number, plural
from tilth.report.transferring import transfer
from tilth.report.valuing import Verdict, value, verdicts

MAX_RECIPE = 30_000


@dataclass(frozen=True)
class Page:
    """Everything the template prints, in the order it prints it."""

    name: str
    about: str
    status: str
    error: str
    facts: tuple[tuple[str, str], ...]
    line: Line | None
    verdicts: tuple[Verdict, ...]
    steps: tuple[Step, ...]
    funnel: Chart | None
    books: tuple[BooksRow, ...]
    arm_books: tuple[BooksRow, ...]
    pretrain: Evidence | None
    transfer: Evidence | None
    value: Evidence | None
    generated: Generated | None
    costs: tuple[CostRow, ...]
    seconds: str
    versions: Table
    machine: tuple[tuple[str, str], ...]
    seed: str
    recipe: str
    recipe_cut: bool
    notes: tuple[str, ...]


def build_page(report: Report) -> Page:
    """The page of a report; what the run lacks is None or empty."""
    steps = tuple(build_steps(report.steps))
    return Page(
        name=as_text(report.name),
        about=as_text(report.about, 500),
        status=as_text(report.status, 80),
        error=as_text(report.error, 1_000),
        facts=_facts(report),
        line=build_line(steps),
        verdicts=verdicts(report.value) if report.value else (),
        steps=steps,
        funnel=funnel(steps),
        books=tuple(books_rows(steps)),
        arm_books=tuple(books_rows(build_steps(report.arm_steps))),
        pretrain=pretraining(report.pretrain) if report.pretrain else None,
        transfer=transfer(report.transfer) if report.transfer else None,
        value=value(report.value) if report.value else None,
        generated=generated(report.generated) if report.generated else None,
        costs=tuple(cost_table(steps)),
        seconds=duration(report.seconds),
        versions=_versions(report),
        machine=machine_facts(report.machine),
        seed=str(report.seed),
        recipe=as_text(report.recipe_yaml, MAX_RECIPE),
        recipe_cut=len(report.recipe_yaml) > MAX_RECIPE,
        notes=tuple(as_text(note, 300) for note in report.report_notes[:40]),
    )


def _facts(report: Report) -> tuple[tuple[str, str], ...]:
    machine = report.machine
    size = [plural(machine.cores, "core")] if machine.cores else []
    size += [f"{number(machine.memory_gib)} GiB"] if machine.memory_gib else []
    # A trial run on a few samples must not be taken for the whole.
    limited = "" if report.limit is None else f"{count(report.limit)} samples a source"
    facts = (
        ("finished", _when(report.finished)),
        ("took", duration(report.seconds)),
        ("on", ", ".join(size)),
        ("data sets", spell_bytes(report.disk.bytes)),
        ("seed", str(report.seed)),
        ("limited to", limited),
        ("tilth", as_text(report.tilth)),
    )
    return tuple((key, text) for key, text in facts if text not in ("", ABSENT))


def _when(value: str | None) -> str:
    """An ISO time without its microseconds and its T."""
    text = as_text(value, 40)
    return text[:16].replace("T", " ") + (" UTC" if text.endswith(("Z", "+00:00")) else "")


def _versions(report: Report) -> Table:
    rows = [[Cell(as_text(k, 60)), Cell(as_text(v, 60))] for k, v in report.versions.items()]
    return table(("package", "version"), rows)


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
