"""The names of figures on the page, each with what it is: what a reader sees on hover or a tap.

The sections on training, transfer and value make tables whose heads are words for people; here they
are looked up, so that who makes a table need not know where a figure is declared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from tilth.figures import Definition
from tilth.query.figures import BOOKS, METRICS, definitions, said
from tilth.report.evidence import Evidence
from tilth.report.figures import Cell, Table, Term

# Heads and facts of the three sections that are not the headings of their figures.
SHOWN: Mapping[str, Mapping[str, str]] = {
    "pretrain": {
        "parameters": "model.parameters",
        "seen in training": "tokens_or_examples_seen",
        "training time": "seconds",
        "processor time of training": "cpu_seconds",
    },
    "transfer": {
        "gain": "effects.mean",
        "corrected": "effects.mean",
        "over test sets too, corrected": "effects.mean",
        "p": "effects.p",
        "p (holm)": "effects.adjusted_p",
        "wins": "effects.wins",
        "mean": "summary.mean",
        "low": "summary.mean",
        "high": "summary.mean",
        "gained": "last_tenth.gain",
        "data multiplier": "multiplier.value",
        "worth so many times the data": "multipliers.value",
        "processor time": "figures.cpu_seconds",
        "cost": "cost_s",
    },
    "value": {
        "effect": "arms.mean",
        "corrected": "arms.mean",
        "over seeds": "arms.mean",
        "over test sets": "arms.mean",
        "over both": "arms.mean",
        "over both, corrected": "arms.mean",
        "mean": "arms.mean",
        "low": "arms.mean",
        "high": "arms.mean",
        "p": "arms.p",
        "p (holm)": "arms.adjusted_p",
        "wins": "arms.wins",
        "control": "control.mean",
        "unique examples": "arms.unique_examples",
        "epochs": "arms.epochs",
        "more to decide it": "arms.more_seeds",
        "worth": "arms.data_multiplier.value",
        "cost": "cost_s",
    },
}
# Heads the names of figures, a row each.
_FIGURE = "figure"
# `effect [95 %]`, `data multiplier at 40 samples`: what is shown of a figure, and where.
_BESIDE = re.compile(r"\s*(?:[\[(]| at \d).*$")


def book(name: str, shown: str = "") -> Term:
    """A figure of the books under its heading, or another.

    Args:
        name: As in `tilth.query.books`.
        shown: What stands on the page.
    """
    one = definitions(BOOKS)[name]
    return Term(shown or one.heading, said(one))


def with_terms(found: Evidence, stage: str) -> Evidence:
    """A section whose facts, heads of tables and names of metrics say what they are.

    Args:
        found: What the section shows.
        stage: pretrain, transfer or value.
    """
    known = {one.heading.lower(): one for one in definitions(METRICS).values()}
    of_stage = definitions(stage)
    known |= {one.heading.lower(): one for one in of_stage.values()}
    known |= {shown: of_stage[name] for shown, name in SHOWN[stage].items() if name in of_stage}
    charts = (replace(one, table=one.table and _table(one.table, known)) for one in found.charts)
    return replace(
        found,
        facts=tuple((_term(key, known), text) for key, text in found.facts),
        charts=tuple(charts),
        tables=tuple((title, _table(made, known)) for title, made in found.tables),
    )


def _table(made: Table, known: Mapping[str, Definition]) -> Table:
    """A table whose heads are terms, and the first field of each row where it names a figure."""
    columns = tuple(_term(name, known) for name in made.columns)
    if made.columns[:1] != (_FIGURE,):
        return replace(made, columns=columns)
    rows = tuple((Cell(_term(row[0].text, known)), *row[1:]) for row in made.rows)
    return replace(made, columns=columns, rows=rows)


def _term(shown: str, known: Mapping[str, Definition]) -> str:
    one = known.get(shown.lower()) or known.get(_BESIDE.sub("", shown).lower())
    return shown if one is None else Term(shown, said(one))
