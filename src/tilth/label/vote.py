"""Labelling functions vote on what a document is; a label model weighs them.

A function is a rule of thumb with one label: it votes where its measure lies within bounds and
abstains otherwise. How often each is right is estimated from how they agree (`one_coin`), without a
single true label. A shuffle whose keys are vote patterns: what comes together is a few hundred
patterns with counts, however many documents there are.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache, partial
from importlib.resources import files as package_files
from itertools import starmap
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pyarrow import types
from pydantic import Field, field_validator, model_validator

from tilth import schema
from tilth.errors import UsageError
from tilth.figures import Definition
from tilth.hints import did_you_mean, require_known, spelled_alike
from tilth.label import one_coin
from tilth.label.one_coin import LEAST_COMPARED
from tilth.labels import Label
from tilth.records import PlainObject
from tilth.schema import VOTED, VOTES
from tilth.settings import BaseSettings

_MAX_LISTED_PATTERNS = 20

_DOCUMENTS = "all documents that came in, those with a label before too"
_VOTED = "documents without a label before that a function votes on"
_counted = partial(
    Definition,
    rows=_DOCUMENTS,
    reference="plain lines over the documents",
    test="tests/label/test_vote.py::test_every_figure_is_that_of_plain_lines",
)
_SNORKEL = 'Ratner et al., "Snorkel" (2017): LFAnalysis'

FIGURES = (
    _counted("documents", "documents", "Documents that were voted on.", unit="documents"),
    _counted(
        "labelled_before",
        "labelled before",
        "Documents that had a label already and keep it, whatever the votes.",
        unit="documents",
    ),
    _counted("labels", "labels", "Documents by the label that they have now.", unit="documents"),
    _counted(
        "coverage",
        "coverage",
        "Documents on which a function votes.",
        share=True,
        source=_SNORKEL,
    ),
    _counted(
        "conflict",
        "conflict",
        "Documents on which functions vote for different labels.",
        share=True,
        source=_SNORKEL,
    ),
    _counted(
        "tied_share",
        "tied",
        "Documents of which two labels or more are equally likely: they got the first by name.",
        rows=_VOTED,
        share=True,
        how="estimated",
    ),
    _counted(
        "mean_confidence",
        "mean confidence",
        "Mean of what the label model takes each label's probability to be. It ranks documents and "
        "is no probability: functions do not err independently, as the model has them do.",
        rows=_VOTED,
        how="estimated",
        source='Ratner et al., "Data programming" (2016)',
    ),
    _counted(
        "num_conflicts",
        "number of conflicts",
        "Different sets of votes that have more than one label.",
        unit="sets of votes",
    ),
    _counted(
        "conflicts.documents",
        "documents",
        "Documents with exactly these votes; of the twenty most frequent conflicts.",
        unit="documents",
    ),
    _counted("functions.votes", "votes", "Documents on which this function votes.", unit="votes"),
    _counted(
        "functions.coverage",
        "coverage",
        "Documents on which this function votes.",
        share=True,
        source=_SNORKEL,
    ),
    _counted(
        "functions.overlap",
        "overlap",
        "Documents on which this function votes and another too.",
        share=True,
        source=_SNORKEL,
    ),
    _counted(
        "functions.conflict",
        "conflict",
        "Documents on which this function votes and another for another label.",
        share=True,
        source=_SNORKEL,
    ),
    _counted(
        "functions.won",
        "won",
        "Votes of this function that became the label of their document. None does where the "
        "document had a label before.",
        rows="all votes of the function",
        share=True,
    ),
    _counted(
        "functions.compared_votes",
        "compared votes",
        "Votes of this function beside another's: what its estimated accuracy rests on.",
        unit="votes",
    ),
    Definition(
        "functions.estimated_accuracy",
        "estimated accuracy",
        "Share of this function's votes that is right by a label model, which knows no true label: "
        "it goes by how three functions or more agree, this one among them.",
        "votes of the function beside another's",
        share=True,
        better="higher",
        how="estimated",
        source='Dawid and Skene (1979), one accuracy each; Ratner et al., "Data programming"',
        reference="EM in loops",
        test="tests/label/test_one_coin.py::test_it_equals_its_plain_twin",
    ),
)
_WORD = re.compile(r"\w+")


class Function(BaseSettings):
    """A rule of thumb that votes for one label, or abstains."""

    name: str = Field(description="what it looks at", pattern=r"^[a-z][a-z0-9_-]*$")
    label: Label = Field(description="what it votes for", pattern=r"^[^\s=]+$")
    lines: str | None = Field(
        None, description="pattern; measures the share of non-blank lines in which it is found"
    )
    matches: str | None = Field(
        None, description="pattern; measures how often it is found in 100 words"
    )
    signal: str | None = Field(None, description="name of a signal that an earlier step measured")
    at_least: float | None = Field(None, description="votes where the measure is not below this")
    at_most: float | None = Field(None, description="votes where the measure is not above this")
    because: str = Field("", description="why, for whoever reads it")

    @field_validator("lines", "matches")
    @classmethod
    def _is_pattern(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"not a pattern: {error}") from error
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Function:
        if sum(given is not None for given in (self.lines, self.matches, self.signal)) != 1:
            raise ValueError(f"`{self.name}` needs one of `lines`, `matches`, `signal`")
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"`{self.name}` needs `at_least` or `at_most`")
        # A share is from 0 to 1, and nothing is found less than never.
        lowest = -math.inf if self.signal is not None else 0.0
        highest = 1.0 if self.lines is not None else math.inf
        least = lowest if self.at_least is None else self.at_least
        most = highest if self.at_most is None else self.at_most
        if least > most or least > highest or most < lowest:
            raise ValueError(f"`{self.name}` would never vote: no measure lies within its bounds")
        return self

    @property
    def reads_text(self) -> bool:
        """Whether it measures the text, and not a signal."""
        return self.signal is None


class Settings(BaseSettings):
    """Labelling functions vote on what a document is; their estimated accuracies weigh the votes.

    Writes label, label_confidence, label_origin and `signal.votes`. Rows that have a label already
    keep it.
    """

    sets: tuple[str, ...] = Field(
        ("documents",), description="shipped sets of functions: documents"
    )
    functions: tuple[Function, ...] = Field((), description="your own functions")
    otherwise: Label = Field(
        "other", description="label where every function abstains", pattern=r"^[^\s=]+$"
    )
    max_chars: int = Field(
        50_000, description="characters of a document that are looked at", ge=100
    )

    @model_validator(mode="after")
    def _has_functions(self) -> Settings:
        require_known(self.sets, shipped_sets(), "set of functions")
        names = [function.name for function in voters(self)]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise ValueError(f"two functions are called `{twice[0]}`")
        if not names:
            raise ValueError("no function votes; give `sets` or `functions`")
        default = type(self).model_fields["max_chars"].default
        if self.max_chars != default and not any(f.reads_text for f in voters(self)):
            raise ValueError("`max_chars` bounds the text, and every function reads a signal")
        return self


class _FunctionSet(BaseSettings):
    """A file of functions."""

    about: str
    functions: tuple[Function, ...]


def shipped_sets() -> tuple[str, ...]:
    """Names of the sets of functions in the package."""
    folder = package_files("tilth.label") / "function_sets"
    return tuple(sorted(file.name.removesuffix(".yaml") for file in folder.iterdir()))


def voters(settings: Settings) -> tuple[Function, ...]:
    """All functions of a step: the sets' first, in order."""
    shipped = (function for name in settings.sets for function in _load(name).functions)
    return (*shipped, *settings.functions)


def reads(settings: Settings) -> tuple[str, ...]:
    """The text, where a function measures it, and the signals that functions read."""
    functions = voters(settings)
    signals = [schema.SIGNAL_PREFIX + f.signal for f in functions if f.signal is not None]
    return (*(["text"] if any(f.reads_text for f in functions) else []), *signals)


def fills(_: Settings) -> tuple[str, ...]:
    """The columns that say what a sample is, and the votes."""
    return ("label", "label_confidence", "label_origin", VOTES)


def survey(batches: Iterator[pa.RecordBatch], settings: Settings) -> list[str]:
    """Whether nothing is left to label, how many samples have answers that nobody reads, and which
    labels differ only in case."""
    num_rows = unlabelled = answered = 0
    counts = Counter[str](dict.fromkeys(gives_labels(settings), 0))
    for batch in batches:
        num_rows += batch.num_rows
        labels = schema.column(batch, "label")
        is_open = pc.is_null(labels)
        for one in pc.value_counts(labels.drop_null()).to_pylist():
            counts[one["values"]] += one["counts"]
        unlabelled += pc.sum(is_open).as_py() or 0
        answers = pc.fill_null(pc.list_value_length(schema.column(batch, "annotations")), 0)
        answered += pc.sum(pc.and_(is_open, pc.greater(answers, 0))).as_py() or 0
    told = []
    if num_rows and not unlabelled:
        told.append("every sample has a label already, and `vote` labels none")
    if answered:
        told.append(
            f"people's answers are not read by `vote` (samples without a label that have some: "
            f"{answered}); `consensus` reads them"
        )
    return told + spelled_alike(counts, "sample", "class")


def gives_labels(settings: Settings) -> tuple[str, ...]:
    """All labels that a sample can get."""
    return tuple(sorted({f.label for f in voters(settings)} | {settings.otherwise}))


def fingerprint(settings: Settings) -> str:
    """The shipped functions that are used: the step runs anew when one was changed."""
    return "\0".join(f.model_dump_json() for name in settings.sets for f in _load(name).functions)


def keys(batch: pa.RecordBatch, settings: Settings) -> pa.Table:
    """The vote pattern of each row: key, id."""
    patterns = cast_votes(batch, settings)
    return pa.table({"key": pa.array(patterns, pa.string()), "id": batch.column("id")})


def reduce(table: pa.Table, settings: Settings) -> pa.Table:
    """How many rows have each pattern: votes, count."""
    del settings
    counts = Counter(table.column("key").to_pylist())
    patterns = sorted(counts)
    return pa.table(
        {
            "votes": pa.array(patterns, pa.string()),
            "count": pa.array([counts[pattern] for pattern in patterns], pa.int64()),
        }
    )


def resolve(table: pa.Table, settings: Settings) -> pa.Table:
    """The label of each pattern, for every shard: shard, votes, label, confidence."""
    counts = dict(
        zip(table.column("votes").to_pylist(), table.column("count").to_pylist(), strict=True)
    )
    patterns, labels, fit = _weigh(counts, settings)
    names = [
        labels[k] if pattern else settings.otherwise
        for pattern, k in zip(patterns, fit.best().tolist(), strict=True)
    ]
    confidence = [
        float(row.max()) if pattern else None
        for pattern, row in zip(patterns, fit.posterior, strict=True)
    ]
    return pa.table(
        {
            "shard": pa.array([-1] * len(patterns), pa.int32()),
            "votes": pa.array(patterns, pa.string()),
            "label": pa.array(names, pa.string()),
            "confidence": pa.array(confidence, pa.float64()),
        }
    )


def apply(batch: pa.RecordBatch, decisions: pa.Table, settings: Settings) -> pa.RecordBatch:
    """Write the label of each row's vote pattern, and the votes themselves."""
    columns = (decisions.column(name).to_pylist() for name in ("votes", "label", "confidence"))
    found = {pattern: (label, sure) for pattern, label, sure in zip(*columns, strict=True)}
    patterns = cast_votes(batch, settings)
    labels = schema.column(batch, "label").to_pylist()
    confidences = schema.column(batch, "label_confidence").to_pylist()
    origins = schema.column(batch, "label_origin").to_pylist()
    for row, pattern in enumerate(patterns):
        if labels[row] is None:
            labels[row], confidences[row] = found[pattern]
            origins[row] = VOTED
    return schema.with_columns(
        batch,
        {
            "label": labels,
            "label_confidence": confidences,
            "label_origin": origins,
            VOTES: pa.array(patterns, pa.string()),
        },
    )


def describe(batches: Iterator[pa.RecordBatch], settings: Settings) -> PlainObject:
    """What each function did, the labels, and the conflicts. See `FIGURES`."""
    cells: Counter[_Cell] = Counter()
    for batch in batches:
        names = (VOTES, "label", "label_origin", "label_confidence")
        columns = (schema.column(batch, name).to_pylist() for name in names)
        cells.update(starmap(_Cell.of, zip(*columns, strict=True)))
    if not cells:
        return {"documents": 0}
    counts: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for cell, count in cells.items():
        counts[cell.votes] += count
        given[cell.label] += count
    total = counts.total()
    patterns, _, fit = _weigh(counts, settings)
    is_tied = dict(zip(patterns, fit.is_tied().tolist(), strict=True))
    sure = {cell: count for cell, count in cells.items() if cell.confidence is not None}
    num_sure = sum(sure.values())
    sum_sure = math.fsum((cell.confidence or 0) * count for cell, count in sure.items())
    tied = sum(count for cell, count in sure.items() if is_tied[cell.votes])
    # What no other function could contradict shows nothing of how often it is right.
    is_open = len({function.label for function in voters(settings)}) > 1
    is_told = (fit.in_touch > 2) & is_open & (fit.compared >= LEAST_COMPARED)
    functions: list[PlainObject] = []
    for voter, function in enumerate(voters(settings)):
        compared, right = float(fit.compared[voter]), float(fit.right[voter])
        functions.append(
            {
                "function": function.name,
                "label": function.label,
                **_shares(function, cells),
                "compared_votes": int(compared),
                "estimated_accuracy": right / compared if is_told[voter] else None,
                "because": function.because,
            }
        )
    conflicts = {
        pattern: count
        for pattern, count in counts.items()
        if len({vote.rpartition("=")[2] for vote in pattern.split()}) > 1
    }
    listed = sorted(conflicts.items(), key=lambda pair: (-pair[1], pair[0]))
    labelled: dict[str, int] = dict(sorted(given.items(), key=lambda pair: (-pair[1], pair[0])))
    figures: PlainObject = {
        "documents": total,
        "labelled_before": sum(count for cell, count in cells.items() if not cell.is_voted),
        "labels": labelled,
        "coverage": 1 - counts[""] / total,
        "conflict": sum(conflicts.values()) / total,
        "tied_share": tied / num_sure if num_sure else None,
        "mean_confidence": sum_sure / num_sure if num_sure else None,
        "em_converged": fit.converged,
        "functions": functions,
        "num_conflicts": len(conflicts),
        "conflicts": [
            {"votes": pattern, "documents": count}
            for pattern, count in listed[:_MAX_LISTED_PATTERNS]
        ],
    }
    if why := _not_shown(figures, functions, is_open=is_open):
        figures["not_shown"] = why
    return figures


def _not_shown(
    figures: PlainObject, functions: list[PlainObject], *, is_open: bool
) -> dict[str, str]:
    """Why figures are None, by their names."""
    why = {
        name: "no document got its label from a vote"
        for name in ("tied_share", "mean_confidence")
        if figures[name] is None
    }
    if any(one["won"] is None for one in functions):
        why["functions.won"] = "of functions that never voted"
    if not is_open:
        why["functions.estimated_accuracy"] = "all functions vote for the same label"
    elif any(one["estimated_accuracy"] is None for one in functions):
        why["functions.estimated_accuracy"] = (
            f"of functions with fewer than {LEAST_COMPARED} votes beside another's, or beside one "
            "same function only"
        )
    return why


class _Cell(NamedTuple):
    """What is told of a document: how it was voted on, and what came of it."""

    votes: str
    label: str
    is_voted: bool
    confidence: float | None

    @classmethod
    def of(
        cls, votes: str | None, label: str | None, origin: str | None, confidence: float | None
    ) -> _Cell:
        """The confidence of a label that was there before is none of the votes'."""
        is_voted = origin == VOTED
        return cls(votes or "", label or "", is_voted, confidence if is_voted else None)


def cast_votes(batch: pa.RecordBatch, settings: Settings) -> list[str]:
    """The votes on each row, such as ``signatures=reference sentences=prose``; empty: none.

    Raises:
        UsageError: a function reads a signal that no earlier step has measured, or that is words.
    """
    functions = voters(settings)
    columns: dict[str, list[Any]] = {}
    for function in functions:
        if function.signal is not None:
            name = schema.SIGNAL_PREFIX + function.signal
            if name not in batch.schema.names:
                raise UsageError(
                    f"no signal `{function.signal}`, which the function `{function.name}` reads",
                    hint=_signals_there(function.signal, batch),
                    code="unknown-signal",
                )
            kind = batch.column(name).type
            if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
                raise UsageError(
                    f"the signal `{function.signal}` holds words, and the function "
                    f"`{function.name}` compares it with numbers",
                    hint="votes are cast on numbers; `rules` can compare words",
                    code="not-a-number",
                )
            columns[function.signal] = batch.column(name).to_pylist()
    patterns = []
    for row, text in enumerate(schema.column(batch, "text").to_pylist()):
        text = (text or "")[: settings.max_chars]
        lines = [line for line in text.splitlines() if line and not line.isspace()]
        num_words = len(_WORD.findall(text))
        votes = []
        for function in functions:
            if function.signal is not None:
                measure = columns[function.signal][row]
            else:
                measure = _measure(function, text, lines, num_words)
            if _is_within(measure, function):
                votes.append(f"{function.name}={function.label}")
        patterns.append(" ".join(votes))
    return patterns


def _signals_there(name: str, batch: pa.RecordBatch) -> str:
    prefix = schema.SIGNAL_PREFIX
    measured = [one.removeprefix(prefix) for one in batch.schema.names if one.startswith(prefix)]
    return did_you_mean(name, measured) if measured else "put the step `signals` into `clean`"


def _measure(function: Function, text: str, lines: list[str], num_words: int) -> float | None:
    """The function's measure of a text; None where there is nothing to measure."""
    if function.lines is not None:
        search = re.compile(function.lines).search
        return sum(search(line) is not None for line in lines) / len(lines) if lines else None
    if function.matches is not None and num_words:
        found = sum(1 for _ in re.compile(function.matches).finditer(text))
        return 100 * found / num_words
    return None


def _is_within(measure: Any, function: Function) -> bool:
    if not isinstance(measure, int | float):
        return False
    above = function.at_least is None or measure >= function.at_least
    return above and (function.at_most is None or measure <= function.at_most)


def _weigh(counts: dict[str, int], settings: Settings) -> tuple[list[str], list[str], one_coin.Fit]:
    """Patterns in order, labels in order, and the label model over them."""
    functions = voters(settings)
    labels = sorted({function.label for function in functions} | {settings.otherwise})
    patterns = sorted(counts)
    place = {f"{function.name}={function.label}": j for j, function in enumerate(functions)}
    votes = np.full((len(patterns), len(functions)), -1, np.int64)
    for row, pattern in enumerate(patterns):
        for vote in pattern.split():
            votes[row, place[vote]] = labels.index(vote.rpartition("=")[2])
    weights = np.array([counts[pattern] for pattern in patterns], np.float64)
    return patterns, labels, one_coin.fit(votes, weights, len(labels))


def _shares(function: Function, cells: Counter[_Cell]) -> PlainObject:
    """Of all documents, those it voted on, with another, against another; and how often it won."""
    voted = overlap = conflict = won = 0
    for cell, count in cells.items():
        votes = dict(vote.rsplit("=", 1) for vote in cell.votes.split())
        if function.name in votes:
            voted += count
            overlap += count if len(votes) > 1 else 0
            conflict += count if len(set(votes.values())) > 1 else 0
            won += count if cell.is_voted and cell.label == function.label else 0
    total = cells.total()
    return {
        "votes": voted,
        "coverage": voted / total,
        "overlap": overlap / total,
        "conflict": conflict / total,
        "won": won / voted if voted else None,
    }


@lru_cache(maxsize=16)
def _load(name: str) -> _FunctionSet:
    file = package_files("tilth.label") / "function_sets" / f"{name}.yaml"
    return _FunctionSet.model_validate(yaml.safe_load(file.read_text("utf-8")))
