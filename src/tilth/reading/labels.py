"""What is told of the labels of a source: classes that are likely one, and who says nothing."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tilth.hints import spelled_alike
from tilth.schema import spell_labels
from tilth.spell import plural

# No classes are so many; of what else is called a label nothing is told.
_MOST_COUNTED: Final = 10_000
# How programs write that there is nothing, in a table that has only text; of the second ones, other
# letters than these are a word (`none`), or part of one.
_NOTHING: Final = frozenset({"nan", "-nan", "null", "(null)", "n/a", "#n/a", "#na", "<na>"})
_NOTHING_SO: Final = frozenset({"None", "NA", "NaT"})


class Labels:
    """The labels of a source, as its batches go by."""

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._answers = Counter[str]()
        # Answers that do not say what, and who.
        self._without = {"label": 0, "annotator": 0}

    def fit(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with its labels, and those of its answers, in their one spelling."""
        batch = spell_labels(batch)
        if "label" in batch.schema.names:
            _count(batch.column("label"), self._counts)
        if "annotations" in batch.schema.names:
            answers = batch.column("annotations").flatten()
            for part in self._without:
                self._without[part] += pc.struct_field(answers, part).null_count
            _count(pc.struct_field(answers, "label"), self._answers)
        return batch

    def told(self) -> list[str]:
        """What is to be told of them: classes that are likely one, or a missing label's name."""
        told = [
            f"{plural(number, 'answer')} without {article} {part}; `consensus` leaves out such an "
            "answer, and takes the others of its sample"
            for (part, number), article in zip(self._without.items(), ("a", "an"), strict=True)
            if number
        ]
        for counts, noun in ((self._counts, "sample"), (self._answers, "answer")):
            if len(counts) > _MOST_COUNTED:
                continue
            told += spelled_alike(counts, noun, "class")
            told += [
                f"`{label}` is the label of {plural(number, noun)}; is it that of a missing one? "
                "An empty cell is"
                for label, number in sorted(counts.items())
                if label.lower() in _NOTHING or label in _NOTHING_SO
            ]
        return told


def _count(labels: pa.Array, counts: Counter[str]) -> None:
    found = pc.value_counts(labels.drop_null())
    numbers = zip(*(found.field(name).to_pylist() for name in ("values", "counts")), strict=True)
    for label, number in numbers:
        if len(counts) <= _MOST_COUNTED:
            counts[label] += number
