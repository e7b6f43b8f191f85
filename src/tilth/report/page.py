"""From the report's document to what the template shows: the page, section by section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tilth.query.disk import spell_bytes
from tilth.report.evidence import Evidence
from tilth.report.figures import Cell, Chart, Table, table
from tilth.report.generated import Generated, generated
from tilth.report.pretraining import pretraining
from tilth.report.steps import (
    Line,
    Step,
    as_dict,
    as_list,
    as_text,
    books_rows,
    build_line,
    build_steps,
    cost_table,
    funnel,
)
from tilth.report.text import ABSENT, count, duration, finite, number
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
    books: tuple[dict[str, Any], ...]
    arm_books: tuple[dict[str, Any], ...]
    pretrain: Evidence | None
    transfer: Evidence | None
    value: Evidence | None
    generated: Generated | None
    costs: tuple[dict[str, Any], ...]
    seconds: str
    versions: Table
    machine: tuple[tuple[str, str], ...]
    seed: str
    recipe: str
    recipe_cut: bool
    notes: tuple[str, ...]


def build_page(report: Mapping[str, Any]) -> Page:
    """The page of a tidied report; what the report lacks is None or empty."""
    steps = tuple(build_steps(report))
    recipe = report.get("recipe_yaml")
    recipe = recipe if isinstance(recipe, str) else ""
    part = {name: as_dict(report.get(name)) for name in ("pretrain", "transfer", "value")}
    return Page(
        name=as_text(report.get("name")) or "a run without a name",
        about=as_text(report.get("about"), 500),
        status=as_text(report.get("status"), 80),
        error=as_text(report.get("error"), 1_000),
        facts=_facts(report),
        line=build_line(steps),
        verdicts=tuple(verdicts(part["value"])),
        steps=steps,
        funnel=funnel(steps),
        books=tuple(books_rows(steps)),
        arm_books=tuple(books_rows(build_steps({"steps": report.get("arm_steps")}))),
        pretrain=pretraining(part["pretrain"]) if part["pretrain"] else None,
        transfer=transfer(part["transfer"]) if part["transfer"] else None,
        value=value(part["value"]) if part["value"] else None,
        generated=generated(as_dict(report.get("generated"))),
        costs=tuple(cost_table(steps)),
        seconds=duration(report.get("seconds")),
        versions=_versions(report),
        machine=_machine(as_dict(report.get("machine"))),
        seed=as_text(report.get("seed")) or ABSENT,
        recipe=as_text(recipe, MAX_RECIPE),
        recipe_cut=len(recipe) > MAX_RECIPE,
        notes=tuple(as_text(note, 300) for note in as_list(report.get("report_notes"))[:40]),
    )


def _facts(report: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    machine = as_dict(report.get("machine"))
    cores, memory = finite(machine.get("cores")), finite(machine.get("memory_gib"))
    size = [f"{number(cores)} core{'s' if cores != 1 else ''}"] if cores else []
    size += [f"{number(memory)} GiB"] if memory else []
    facts = (
        ("finished", _when(report.get("finished"))),
        ("took", duration(report.get("seconds"))),
        ("on", ", ".join(size)),
        ("data sets", _disk(as_dict(report.get("disk")))),
        ("seed", as_text(report.get("seed"))),
        ("limited to", _limit(report.get("limit"))),
        ("tilth", as_text(report.get("tilth"))),
    )
    return tuple((key, text) for key, text in facts if text not in ("", ABSENT))


def _disk(disk: Mapping[str, Any]) -> str:
    num_bytes = finite(disk.get("bytes"))
    return "" if num_bytes is None else spell_bytes(int(num_bytes))


def _limit(value: Any) -> str:
    """A trial run on a few samples must not be taken for the whole."""
    return f"{count(value)} samples a source" if finite(value) is not None else ""


def _when(value: Any) -> str:
    """An ISO time without its microseconds and its T."""
    text = as_text(value, 40)
    return text[:16].replace("T", " ") + (" UTC" if text.endswith(("Z", "+00:00")) else "")


def _versions(report: Mapping[str, Any]) -> Table:
    versions = as_dict(report.get("versions"))
    rows = [[Cell(as_text(k, 60)), Cell(as_text(v, 60))] for k, v in versions.items()]
    return table(("package", "version"), rows)


def _machine(machine: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (as_text(key, 40).replace("_", " "), number(item) if finite(item) is not None else text)
        for key, item in list(machine.items())[:20]
        if (text := as_text(item, 120))
    )
