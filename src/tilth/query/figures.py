"""What every figure is: the definitions of all rooms, found where they are declared.

A figure is declared beside the code that makes it (`tilth.figures`): an operation's in its module,
a stage's in the module `figures` of its room, a metric with its task, the books' in
`tilth.query.books`, and those of a ledger of annotation in `tilth.query.annotation`. Terminal,
report, `explain` and the page of figures all look it up here.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from tilth.figures import Definition
from tilth.query import annotation, books
from tilth.recipe.operations import operations
from tilth.tasks.declare import Metric
from tilth.tasks.registry import metrics

# Whose figures are no operation's: those that every step has, those of the tasks, and those of a
# ledger of annotation, which is no run.
BOOKS, METRICS, LEDGER = "books", "metrics", "annotate"
STAGES = ("pretrain", "transfer", "value")


def owners() -> tuple[str, ...]:
    """Whose figures there may be: the books, the operations and stages, the tasks, the ledger."""
    return (BOOKS, *operations(), METRICS, LEDGER)


def definitions(owner: str) -> Mapping[str, Definition]:
    """The figures of an owner by name; none of one that declares none.

    Args:
        owner: One of `owners`.
    """
    if owner == BOOKS:
        return _declared(books.FIGURES)
    if owner == METRICS:
        return {name: _of_metric(metric) for name, metric in metrics().items()}
    if owner == LEDGER:
        return _declared(annotation.FIGURES)
    if owner in STAGES:
        return _of_stage(owner)
    op = operations().get(owner)
    return {} if op is None else _declared(getattr(op.module, "FIGURES", ()))


def _declared(found: Iterable[object]) -> dict[str, Definition]:
    """What a module declares; in a user's own module anything may stand."""
    return {one.name: one for one in found if isinstance(one, Definition)}


@lru_cache(maxsize=len(STAGES))
def _of_stage(stage: str) -> dict[str, Definition]:
    name = f"tilth.{stage}.figures"
    if importlib.util.find_spec(name) is None:
        return {}
    return _declared(importlib.import_module(name).FIGURES)


def _of_metric(metric: Metric) -> Definition:
    return Definition(
        metric.name,
        metric.heading,
        metric.about or f"{metric.words[0].upper()}{metric.words[1:]}.",
        metric.rows or "the samples of a held-out split",
        unit=metric.unit,
        better="lower" if metric.lower_is_better else "higher",
        how="measured",
        interval=metric.interval,
        source=metric.source,
        reference=metric.reference,
        test=metric.test,
    )


def find(known: Mapping[str, Definition], names: Sequence[str]) -> tuple[Definition | None, int]:
    """What a figure is, and how deep in a table of one quantity it stands: 0 for itself.

    Args:
        known: The figures of its owner.
        names: The keys of the tables that it stands in, and its own.
    """
    for end in range(len(names), 0, -1):
        if (found := known.get(".".join(names[:end]))) is not None:
            return found, len(names) - end
    return None, 0


def named(word: str) -> list[tuple[str, Definition]]:
    """Every figure of that name, with its owner; the end of a name is enough.

    Where none has the name, those that are shown under it.

    Args:
        word: `annotators.estimated_accuracy`, `estimated_accuracy`, `consensus.fleiss_kappa`; or as
            the report says it: `estimated accuracy`, `Fleiss' kappa`, `macro F1`.
    """
    known = [(owner, name, one) for owner in owners() for name, one in definitions(owner).items()]
    found = [
        (owner, one)
        for owner, name, one in known
        if word and word in (name, f"{owner}.{name}", name.rpartition(".")[2])
    ]
    return found or [
        (owner, one) for owner, _, one in known if word.strip().casefold() in _read(one)
    ]


def _read(one: Definition) -> tuple[str, str]:
    """Its name where it is shown, with what stands behind it in brackets and without."""
    heading = one.heading.casefold()
    return heading, heading.partition(" (")[0]


def owner_words(owner: str) -> str:
    """Whose figures they are: `the books of every step`, `label: consensus`."""
    if owner == BOOKS:
        return "the books of every step, and of the whole line"
    if owner == METRICS:
        return "trainings: metrics of the tasks"
    if owner == LEDGER:
        return "the ledger of annotation"
    op = operations()[owner]
    return f"the stage {owner}" if owner in STAGES else f"the operation {owner} of {op.stage}"


def said(one: Definition) -> str:
    """What a figure is in a few sentences, as the report says it on hover."""
    better = f"{one.better.capitalize()} is better." if one.better else ""
    about = one.about if one.about.endswith((".", "?", "!")) else f"{one.about}."
    unit = f"Unit: {one.unit}." if one.unit else ""
    return " ".join(f"{about} Of: {one.rows}. {spell_how(one)}. {unit} {better}".split())


def spell_how(one: Definition) -> str:
    """Whether it is exact, and how its interval is made: `Measured; 95 % interval: jackknife`."""
    interval = f"; 95 % interval: {one.interval}" if one.interval else ""
    return f"{one.how.capitalize()}{interval}"
