"""From the report's document to what the template shows: the page, section by section."""

from __future__ import annotations

from dataclasses import dataclass

from tilth.query.disk import spell_bytes
from tilth.query.report import Report
from tilth.report.evidence import MAX_HEADLINE
from tilth.report.overview import took
from tilth.report.sections import SECTIONS, Section
from tilth.report.steps import Line, as_text, build_line, build_steps, when
from tilth.report.terms import book
from tilth.report.text import ABSENT, count, number, plural
from tilth.report.valuing import Verdict, verdicts


@dataclass(frozen=True)
class Filled:
    """A section with what it shows of a run; None where the run has nothing of it."""

    section: Section
    content: object | None


@dataclass(frozen=True)
class Page:
    """Everything the template prints, in the order it prints it."""

    name: str
    about: str
    status: str
    error: str
    facts: tuple[tuple[str, str], ...]
    line: Line | None
    transfer: str
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    sections: tuple[Filled, ...]


def build_page(report: Report) -> Page:
    """The page of a report; what the run lacks is None or empty."""
    return Page(
        name=as_text(report.name),
        about=as_text(report.about, 500),
        status=as_text(report.status, 80),
        error=as_text(report.error, 1_000),
        facts=_facts(report),
        line=build_line(build_steps(report.steps)),
        transfer=as_text(report.transfer.headline, MAX_HEADLINE) if report.transfer else "",
        verdicts=verdicts(report.value) if report.value else (),
        notes=tuple(as_text(note, 300) for note in report.report_notes[:40]),
        sections=tuple(Filled(section, section.build(report)) for section in SECTIONS),
    )


def _facts(report: Report) -> tuple[tuple[str, str], ...]:
    machine = report.machine
    size = [plural(machine.cores, "core")] if machine.cores else []
    size += [f"{number(machine.memory_gib)} GiB"] if machine.memory_gib else []
    # A trial run on a few samples must not be taken for the whole.
    limited = "" if report.limit is None else f"{count(report.limit)} samples a source"
    facts = (
        ("finished", when(report.finished)),
        (book("total.seconds"), took(report)),
        ("on", ", ".join(size)),
        (book("total.bytes"), spell_bytes(report.disk.bytes)),
        ("seed", str(report.seed)),
        ("limited to", limited),
        ("tilth", as_text(report.tilth)),
    )
    return tuple((key, text) for key, text in facts if text not in ("", ABSENT))
