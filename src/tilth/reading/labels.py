"""One rule for what a label is, whatever source, table or person it comes from.

Blanks around a label are no part of it, nor are signs that nobody sees (a byte order mark, a space
without width). A whole number is one class however it is written: a column of `1` and `2` with a
gap comes back from a data frame as `1.0` and `2.0`. `01` is another, as of postcodes, and `true` is
a word unless its column is of truth values. Letters with accents are composed (UAX #15, NFC). A
label of which nothing is left is none.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tilth.hints import spelled_alike
from tilth.spell import plural

# No classes are so many; of what else is called a label nothing is told.
_MOST_COUNTED: Final = 10_000
_UNSEEN: Final = r"\s\u200b\u2060\ufeff"
_AROUND: Final = re.compile(rf"\A[{_UNSEEN}]+|[{_UNSEEN}]+\Z")
_WHOLE: Final = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
# How programs write that there is nothing, in a table that has only text; of the second ones, other
# letters than these are a word (`none`), or part of one.
_NOTHING: Final = frozenset({"nan", "-nan", "null", "(null)", "n/a", "#n/a", "#na", "<na>"})
_NOTHING_SO: Final = frozenset({"None", "NA", "NaT"})


def as_label(text: str) -> str | None:
    """A label in its one spelling; None: nothing is left of it."""
    label = unicodedata.normalize("NFC", _AROUND.sub("", text))
    whole = _WHOLE.fullmatch(label)
    if whole is not None:
        label = whole[1]
    return ("0" if label == "-0" else label) or None


class Labels:
    """The labels of a source, as its batches go by."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}
        self._counts = Counter[str]()
        self._answers = Counter[str]()
        # Answers that do not say what, and who.
        self._without = {"label": 0, "annotator": 0}

    def fit(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with its labels, and those of its answers, in their one spelling."""
        changed: dict[str, pa.Array] = {}
        names = batch.schema.names
        if "label" in names:
            column = batch.column("label")
            found = self._spelt(column, self._counts)
            if found is not None:
                changed["label"] = found
                for name in ("label_origin", "label_confidence"):
                    if name in names and found.null_count > column.null_count:
                        given = batch.column(name)
                        none = pa.nulls(len(given), given.type)
                        changed[name] = pc.if_else(pc.is_null(found), none, given)
        if "annotations" in names:
            column = batch.column("annotations")
            answers = column.flatten()
            for part in self._without:
                self._without[part] += pc.struct_field(answers, part).null_count
            found = self._spelt(pc.struct_field(answers, "label"), self._answers)
            if found is not None:
                parts = [pc.struct_field(answers, "annotator"), found]
                values = pa.StructArray.from_arrays(parts, fields=list(answers.type))
                sizes = pc.fill_null(pc.list_value_length(column), 0)
                places = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(sizes)])
                changed["annotations"] = pa.ListArray.from_arrays(
                    places.cast(pa.int32()), values, column.type, mask=pc.is_null(column)
                )
        for name, array in changed.items():
            batch = batch.set_column(names.index(name), batch.schema.field(name), array)
        return batch

    def _spelt(self, column: pa.Array, counts: Counter[str]) -> pa.Array | None:
        """A column of labels in their one spelling; None: they are. Counts them."""
        found = pc.value_counts(column.drop_null())
        given = found.field("values").to_pylist()
        turned: dict[str, str | None] = {}
        for text, number in zip(given, found.field("counts").to_pylist(), strict=True):
            label = as_label(text)
            if label != text:
                turned[text] = label
            if label is not None and len(counts) <= _MOST_COUNTED:
                counts[label] += number
        if not turned:
            return None
        values = [turned.get(text, text) for text in column.to_pylist()]
        return pa.array(values, column.type)

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
