"""Who wins where people say which of two is better: strengths by the model of Bradley and Terry.

A sample is a comparison: two fields name what was compared (systems, speakers, prompts), and the
answers say which is better. The rows stay as they are; what is found is the step's figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Final

import numpy as np
import pyarrow as pa
from pydantic import Field, StringConstraints, model_validator

from tilth import schema
from tilth.figures import Definition
from tilth.label.answers import Repeated, usable
from tilth.label.bradley_terry import fit
from tilth.labels import Label
from tilth.meta.arrow import words
from tilth.meta.named import field_of
from tilth.records import PlainObject
from tilth.settings import BaseSettings

OfField = Annotated[str, StringConstraints(pattern=r"^meta\..+")]

# Time grows with the cube of it; of more those that were compared most often.
MOST: Final = 200

_ROWS = "answers that say which of two different things is better, or neither"
_counted = partial(
    Definition,
    reference="plain lines over the samples",
    test="tests/label/test_preferences.py::test_every_figure_is_that_of_plain_lines",
)
FIGURES = (
    _counted("comparisons", "comparisons", "Answers, of each person one a sample.", _ROWS),
    _counted(
        "unusable_answers",
        "unusable answers",
        "Answers that are none of the three, or to a sample that names no two different things.",
        "all answers of all samples that came in",
        unit="answers",
    ),
    _counted("tie_share", "ties", "Comparisons that neither won.", _ROWS, share=True),
    _counted("num_compared", "things compared", "Different things.", _ROWS),
    _counted(
        "num_groups",
        "groups",
        "Things that no comparison links, directly or by way of others, are of two groups, and "
        "their strengths cannot be compared.",
        _ROWS,
    ),
    _counted("strengths.comparisons", "comparisons", "Of this one.", _ROWS),
    _counted("strengths.won_share", "won", "Of these, ties counted half.", _ROWS, share=True),
    _counted("strengths.group", "group", "The number of its group.", _ROWS),
    Definition(
        "strengths.strength",
        "strength",
        "Log-odds of winning against the mean of its group: 0.7 more is two wins in three.",
        _ROWS,
        better="higher",
        how="estimated",
        interval="by the information at the maximum, 95 %; comparisons taken to be independent",
        source='Bradley and Terry, "Rank analysis of incomplete block designs" (1952)',
        reference="scipy's optimizer",
        test="tests/label/test_bradley_terry.py::test_strengths_are_those_that_an_optimizer_finds",
    ),
)


class Settings(BaseSettings):
    """Say how strong each of the things is that people compared two at a time, with intervals.

    The rows stay as they are; the strengths are the step's figures.
    """

    first: OfField = Field(..., description="field that names the first of the two")
    second: OfField = Field(..., description="field that names the second")
    answers: tuple[Label, Label] = Field(
        ("first", "second"), description="the answers that say that the first, or second, is better"
    )
    tie: Label = Field("tie", description="the answer that says that neither is")
    repeated: Repeated = Field(
        "last", description="which of an annotator's answers to one sample counts"
    )

    @model_validator(mode="after")
    def _differ(self) -> Settings:
        if self.first == self.second:
            raise ValueError(f"`first` and `second` are both `{self.first}`")
        if len({*self.answers, self.tie}) < 3:
            raise ValueError("two of the three answers (`answers`, `tie`) are the same")
        return self


def reads(settings: Settings) -> tuple[str, ...]:
    """The answers, and what names the two."""
    return ("annotations", settings.first, settings.second)


def fills(_: Settings) -> tuple[str, ...]:
    """Nothing."""
    return ()


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """The same rows.

    Raises:
        UsageError: No source has such a field.
    """
    for name in (settings.first, settings.second):
        field_of(batch, name)
    return batch


def describe(batches: Iterator[pa.RecordBatch], settings: Settings) -> PlainObject:
    """How strong each is. See `FIGURES`."""
    worth = {settings.answers[0]: 1.0, settings.answers[1]: 0.0, settings.tie: 0.5}
    found: Counter[tuple[str, str, float]] = Counter()
    unusable = 0
    for batch in batches:
        sides = (field_of(batch, name).to_pylist() for name in (settings.first, settings.second))
        annotations = schema.column(batch, "annotations").to_pylist()
        for a, b, given in zip(*sides, annotations, strict=True):
            said, repeated = usable(given, settings.repeated)
            unusable += len(given or ()) - len(said) - repeated
            one, other = (None if side is None else words(side) for side in (a, b))
            for _, answer in said:
                if one is None or other is None or one == other or answer not in worth:
                    unusable += 1
                else:
                    found[one, other, worth[answer]] += 1
    if not found:
        return {"comparisons": 0, "unusable_answers": unusable}
    return _figures(found) | {"unusable_answers": unusable}


def _figures(found: Counter[tuple[str, str, float]]) -> PlainObject:
    num, won = Counter[str](), Counter[str]()
    for (one, other, worth), times in found.items():
        num[one] += times
        num[other] += times
        won[one] += int(2 * worth * times)
        won[other] += int(2 * (1 - worth) * times)
    names = sorted(num, key=lambda name: (-num[name], name))[:MOST]
    place = {name: at for at, name in enumerate(names)}
    rows = [
        (place[one], place[other], worth)
        for (one, other, worth), times in sorted(found.items())
        if one in place and other in place
        for _ in range(times)
    ]
    table = np.array(rows).reshape(-1, 3)
    first, second = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    strengths = fit(first, second, table[:, 2], len(names))
    groups = np.unique(strengths.group, return_inverse=True)[1]
    total = found.total()
    order = sorted(range(len(names)), key=lambda at: (groups[at], -strengths.value[at], names[at]))
    return {
        "comparisons": total,
        "tie_share": sum(n for (_, _, w), n in found.items() if w == 0.5) / total,
        "num_compared": len(num),
        "num_groups": int(groups.max()) + 1,
        "strengths": [
            {
                "name": names[at],
                "group": int(groups[at]) + 1,
                "comparisons": num[names[at]],
                "won_share": won[names[at]] / 2 / num[names[at]],
                "strength": {
                    "value": float(strengths.value[at]),
                    "low": float(strengths.low[at]),
                    "high": float(strengths.high[at]),
                },
            }
            for at in order
        ],
    }
