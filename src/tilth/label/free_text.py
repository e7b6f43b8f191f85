"""Of several people's texts of one sample (transcripts, translations) the one nearest to all.

A map: the medoid of a sample's texts hangs on these alone. It is a text that somebody wrote, and
never one put together of several. Where half of the people wrote one text and half another, each is
as near to all as the other: nothing tells which is right, and the sample is held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import Field

from tilth import schema
from tilth.figures import Definition
from tilth.kernels.edits import edit_distance
from tilth.label.answers import Repeated, usable
from tilth.label.text_distance import Metric, chrf, distance, units
from tilth.randomness import hash_of
from tilth.records import PlainObject
from tilth.settings import BaseSettings
from tilth.spell import distinct

DESCRIBES_DROPPED = True
DESCRIBES_BY = ("annotations",)

_MAX_LISTED: Final = 50
# Of one sample so many different texts are compared, each with each; of more those that most wrote.
MOST_TEXTS: Final = 64
# Totals that ought to be equal are, whatever their last bits.
_ROUNDING: Final = 1e-9

_ROWS = "samples that have answers, dropped here or not"
_PAIRS = f"pairs of answers of different people; of {_ROWS}"
_figure = partial(
    Definition,
    reference="plain lines over the samples",
    test="tests/label/test_free_text.py::test_every_figure_is_that_of_plain_lines",
)
FIGURES = (
    _figure("items", "items", "Samples that people wrote a text of.", _ROWS, unit="samples"),
    _figure("answers", "answers", "Texts, of each person one.", f"answers to {_ROWS}"),
    _figure(
        "identical_share",
        "identical",
        "Pairs of answers to one sample that are the same text.",
        _PAIRS,
        share=True,
        better="higher",
    ),
    _figure(
        "wer",
        "WER between annotators",
        "Edits of words between two people's texts of one sample, of the words of either: each is "
        "the hypothesis once. It may exceed 100 %.",
        _PAIRS,
        share=True,
        better="lower",
        source="edits / words of the reference",
    ),
    _figure(
        "cer",
        "CER between annotators",
        "As WER, in characters with one blank between words.",
        _PAIRS,
        share=True,
        better="lower",
        source="edits / characters of the reference",
    ),
    _figure(
        "chrf",
        "chrF between annotators",
        "Mean chrF of two people's texts of one sample, either as the reference in turn; 0 to 1.",
        _PAIRS,
        better="higher",
        source='Popovic, "chrF: character n-gram F-score for automatic MT evaluation" (2015)',
    ),
    _figure("annotators.answers", "answers", "Texts of this person.", f"answers to {_ROWS}"),
    _figure(
        "annotators.wer",
        "WER to others",
        "Edits of words between this person's texts and those of others, of the others' words.",
        _PAIRS,
        share=True,
        better="lower",
    ),
    _figure(
        "annotators.cer",
        "CER to others",
        "Edits of characters between this person's texts and those of others, of the others'.",
        _PAIRS,
        share=True,
        better="lower",
    ),
    _figure(
        "annotators.chrf",
        "chrF to others",
        "Mean chrF of this person's texts, those of others as references; 0 to 1.",
        _PAIRS,
        better="higher",
    ),
)


class Settings(BaseSettings):
    """Make one text of several people's texts of a sample, as transcripts or translations.

    Taken is the medoid: the one that lies nearest to all, which is one that somebody wrote. A
    sample that has a text there already keeps it. One without answers stays as it is.
    """

    metric: Metric = Field(
        "wer",
        description="how near texts are: wer, edits of words; cer, of characters, as for scripts "
        "without blanks; chrf, shared runs of characters, as for translations",
    )
    to: Literal["target", "text"] = Field("target", description="column that the text is put into")
    repeated: Repeated = Field(
        "last", description="which of an annotator's answers to one sample counts"
    )
    undecided: Literal["hold", "decide"] = Field(
        "hold",
        description="of a sample of two texts, each from half of its people: hold drops it; decide "
        "takes one by hash",
    )
    min_agreement: float = Field(
        0.0,
        ge=0,
        le=1,
        description="drop samples whose answers are less alike, by the mean over pairs of people: "
        "1 less edits by the longer text's length, or chrF",
    )


class Taken(NamedTuple):
    """The text of a sample, how far its answers agree, and whether another is as near to all."""

    text: str
    agreement: float
    is_tied: bool


def medoid(texts: Sequence[str], metric: Metric, name: str) -> Taken:
    """The text that lies nearest to all; of several as near ones that whose hash is lowest.

    Args:
        texts: One or more, of each person one.
        metric: How near they are.
        name: Of the sample, for the hash.
    """
    times = Counter(texts)
    kept = sorted(times, key=lambda text: (-times[text], hash_of(0, name, text)))[:MOST_TEXTS]
    totals, apart = np.zeros(len(kept)), 0.0
    for a, b in combinations(range(len(kept)), 2):
        far = distance(kept[a], kept[b], metric)
        totals[a] += times[kept[b]] * far
        totals[b] += times[kept[a]] * far
        apart += times[kept[a]] * times[kept[b]] * far
    num = sum(times[text] for text in kept)
    best = int(np.flatnonzero(totals <= totals.min() + _ROUNDING)[0])
    is_tied = len(kept) == 2 and abs(totals[0] - totals[1]) <= _ROUNDING
    return Taken(kept[best], 1 - apart / (num * (num - 1) / 2) if num > 1 else 1.0, is_tied)


def reads(_: Settings) -> tuple[str, ...]:
    """The answers."""
    return ("annotations",)


def fills(settings: Settings) -> tuple[str, ...]:
    """The column of the text."""
    return (settings.to,)


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """Write the text of each row that has answers and none yet; drop what is held or disagrees."""
    texts = schema.column(batch, settings.to).to_pylist()
    held, apart = np.zeros(batch.num_rows, bool), np.zeros(batch.num_rows, bool)
    agreements: list[str | None] = [None] * batch.num_rows
    for row, (name, answers) in enumerate(
        zip(
            batch.column("id").to_pylist(),
            schema.column(batch, "annotations").to_pylist(),
            strict=True,
        )
    ):
        found, _ = usable(answers, settings.repeated)
        if texts[row] is not None or not found:
            continue
        taken = medoid([what for _, what in found], settings.metric, name)
        texts[row] = taken.text
        held[row] = taken.is_tied and settings.undecided == "hold"
        apart[row] = taken.agreement < settings.min_agreement
        agreements[row] = distinct(taken.agreement, (settings.min_agreement,))
    kind = schema.SCHEMA[settings.to]
    batch = schema.with_columns(batch, {settings.to: pa.array(texts, kind)})
    differ = ["2 texts, each from half" if one else None for one in held.tolist()]
    batch = schema.mark_dropped(batch, held, "who is right can be told", differ)
    least = repr(settings.min_agreement).removesuffix(".0")
    return schema.mark_dropped(batch, apart, f"agreement >= {least}", agreements)


@dataclass
class _With:
    """One person's texts against others', or all against all."""

    answers: int = 0
    edits: int = 0
    of: int = 0
    pairs: int = 0
    chrf: float = 0.0

    def figures(self, metric: Metric) -> PlainObject:
        """By the metric."""
        if metric == "chrf":
            return {"chrf": self.chrf / self.pairs if self.pairs else None}
        return {metric: self.edits / self.of if self.of else None}


def describe(batches: Iterator[pa.RecordBatch], settings: Settings) -> PlainObject:
    """How near people's texts are, and each one's to the others'. See `FIGURES`."""
    people: dict[str, _With] = {}
    items = answers = pairs = same = 0
    for batch in batches:
        for given in schema.column(batch, "annotations").to_pylist():
            found, _ = usable(given, settings.repeated)
            if not found:
                continue
            items += 1
            answers += len(found)
            for who, _ in found:
                people.setdefault(who, _With()).answers += 1
            for (who, one), (whom, other) in combinations(found[:MOST_TEXTS], 2):
                pairs += 1
                same += one == other
                _compare(people[who], people[whom], one, other, settings.metric)
    if not items:
        return {"metric": settings.metric, "items": 0}
    whole = _With()
    for person in people.values():
        whole.edits, whole.of = whole.edits + person.edits, whole.of + person.of
        whole.pairs, whole.chrf = whole.pairs + person.pairs, whole.chrf + person.chrf
    most = sorted(people, key=lambda who: (-people[who].answers, who))[:_MAX_LISTED]
    return {
        "metric": settings.metric,
        "items": items,
        "answers": answers,
        "identical_share": same / pairs if pairs else None,
        **whole.figures(settings.metric),
        "num_annotators": len(people),
        "annotators": [
            {
                "annotator": who,
                "answers": people[who].answers,
                **people[who].figures(settings.metric),
            }
            for who in most
        ],
    }


def _compare(mine: _With, theirs: _With, one: str, other: str, metric: Metric) -> None:
    mine.pairs += 1
    theirs.pairs += 1
    if metric == "chrf":
        mine.chrf += chrf(one, other)
        theirs.chrf += chrf(other, one)
        return
    a, b = units(one, metric), units(other, metric)
    edits = edit_distance(a, b)
    mine.edits, mine.of = mine.edits + edits, mine.of + len(b)
    theirs.edits, theirs.of = theirs.edits + edits, theirs.of + len(a)
