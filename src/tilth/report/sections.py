"""The sections of the page, in their order: an entry each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tilth.query.report import Report
from tilth.report.again import again
from tilth.report.evidence import Evidence
from tilth.report.generated import Generated, generated
from tilth.report.model_card import model_card
from tilth.report.overview import costs, funnel_of
from tilth.report.pretraining import pretraining
from tilth.report.steps import build_steps
from tilth.report.terms import with_terms
from tilth.report.transferring import transfer
from tilth.report.valuing import value


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        anchor: Its address on the page.
        link: What the contents call it.
        title: Its heading.
        build: Makes what it shows; None where the run has nothing of it. It knows the report alone.
        template: Prints what was built, as `content`: an `Evidence` unless another one is named.
        missing: What is said where there is nothing.
    """

    anchor: str
    link: str
    title: str
    build: Callable[[Report], object | None]
    template: str = "evidence.html.j2"
    missing: str = "Not in this run."


@dataclass(frozen=True)
class Pretraining:
    """What pretraining gave, what the model makes of samples, and the model's card."""

    evidence: Evidence
    generated: Generated | None
    card: str


def _pretraining(report: Report) -> Pretraining | None:
    if report.pretrain is None:
        return None
    made = None
    if report.generated:
        made = generated(report.generated, report.pretrain.kept_in_full)
    evidence = with_terms(pretraining(report.pretrain), "pretrain")
    return Pretraining(evidence, made, model_card(report))


def _transfer(report: Report) -> Evidence | None:
    return with_terms(transfer(report.transfer), "transfer") if report.transfer else None


def _value(report: Report) -> Evidence | None:
    return with_terms(value(report.value), "value") if report.value else None


SECTIONS = (
    Section(
        "funnel",
        "Funnel",
        "The funnel",
        funnel_of,
        "funnel.html.j2",
        "No step of this run counted samples.",
    ),
    Section(
        "steps",
        "Steps",
        "Step by step",
        lambda report: build_steps(report.steps) or None,
        "steps.html.j2",
        "This report has no steps.",
    ),
    Section("pretrain", "Pretraining", "Pretraining", _pretraining, "pretraining.html.j2"),
    Section("transfer", "Transfer", "Transfer", _transfer, "effects.html.j2"),
    Section("value", "Value", "What the data decisions were worth", _value, "effects.html.j2"),
    Section(
        "cost",
        "Cost",
        "Where the time went",
        costs,
        "cost.html.j2",
        "No step's time is in this report.",
    ),
    Section("again", "Make it again", "Make it again", again, "again.html.j2"),
)
