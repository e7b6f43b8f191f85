"""Why records failed, and of which source nothing is left: what a run says beside its counts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tilth.clean.personal import FINDERS
from tilth.clean.redact import redact
from tilth.mix.weights import RULE as WEIGHT_RULE
from tilth.schema import DROP_RULE, ERROR
from tilth.store import Dataset
from tilth.store.manifest import Manifest

# What tells one record's failure from another's of the same cause: its values and its numbers.
_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|0[xX][0-9A-Fa-f]+|\d+")
_MAX_CAUSE, _MAX_PLACE = 200, 120


@dataclass(frozen=True)
class Cause:
    """The commonest cause for which records failed.

    Attributes:
        count: Records of this cause.
        example: What one of them failed with, short, without personal data.
        place: Where that one is.
        num_others: Other causes.
    """

    count: int
    example: str
    place: str
    num_others: int

    def __str__(self) -> str:
        others = f"; {self.num_others} other causes" if self.num_others > 1 else ""
        others = "; 1 other cause" if self.num_others == 1 else others
        return f"{self.count} for this cause: {self.example} (as {self.place}){others}"


def commonest_cause(dataset: Dataset) -> Cause | None:
    """The cause that most quarantined records of a step share; None where there is none.

    Errors that differ in numbers, in quoted values or in what follows a semicolon have one cause.
    """
    counts: Counter[str] = Counter()
    examples: dict[str, tuple[str, str]] = {}
    for batch in dataset.batches(["uri", ERROR], kind="quarantine"):
        for row in batch.to_pylist():
            place = str(row.get("uri") or "")
            error = str(row[ERROR] or "").removeprefix(f"{place}: ")
            cause = _VALUES.sub("#", error.partition(";")[0][:_MAX_CAUSE])
            counts[cause] += 1
            examples.setdefault(cause, (error, place))
    if not counts:
        return None
    ((cause, count),) = counts.most_common(1)
    error, place = examples[cause]
    return Cause(count, _safe(error, _MAX_CAUSE), _safe(place, _MAX_PLACE), len(counts) - 1)


def _safe(text: str, limit: int) -> str:
    """A short opening, with placeholders for personal data and for what steers a terminal."""
    cut, _ = redact(" ".join(text[: 2 * limit].split()), tuple(FINDERS))
    cut = cut if len(cut) <= limit else cut[: limit - 1].rstrip() + "…"
    return "".join(char if char.isprintable() else "?" for char in cut)


def sources_gone(dataset: Dataset, inputs: Iterable[Manifest]) -> list[str]:
    """A sentence for each source that reached a step and of which the step kept nothing.

    A source to which a mixture gives the weight 0 is left out on purpose: nothing is said of it.

    Args:
        dataset: What the step made.
        inputs: The manifests of what went into it.
    """
    before: Counter[str] = Counter()
    for manifest in inputs:
        before.update(manifest.sources)
    kept = dataset.manifest.sources
    gone = {name: count for name, count in sorted(before.items()) if count and not kept.get(name)}
    if not gone:
        return []
    rules = _rules_by_source(dataset)
    said = []
    for name, count in gone.items():
        if set(rules[name]) == {WEIGHT_RULE}:
            continue
        most = "".join(f", {n:,} by `{rule}`" for rule, n in rules[name].most_common(1))
        said.append(
            f"nothing is left of the source `{name}`: this step took out all {count:,} of its "
            f"samples{most}"
        )
    return said


def _rules_by_source(dataset: Dataset) -> dict[str, Counter[str]]:
    """How many samples of each source each rule dropped."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for batch in dataset.batches(["source", DROP_RULE], kind="dropped"):
        for row in batch.to_pylist():
            found[str(row["source"])][str(row[DROP_RULE])] += 1
    return found
