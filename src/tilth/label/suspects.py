"""Labels that are likely to be wrong, as a report tells of them: how many, of what, and which."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa

from tilth import schema
from tilth.decode.thumbnail import image_uri
from tilth.figures import Definition
from tilth.foreign import shorten
from tilth.records import PlainObject
from tilth.schema import SIGNAL_PREFIX

QUALITY = SIGNAL_PREFIX + "label_quality"
IS_ERROR = SIGNAL_PREFIX + "label_error"
LIKELIEST = SIGNAL_PREFIX + "likeliest_label"
GIVEN = SIGNAL_PREFIX + "given_label"
COLUMNS = ("id", "uri", "label", GIVEN, LIKELIEST, IS_ERROR, QUALITY, "text", "image")

_MAX_LISTED = 20
_MAX_EXCERPT = 200
_PAPER = 'Northcutt, Jiang and Chuang, "Confident Learning" (2021)'
_JUDGED = "samples with a label whose label was judged, dropped ones too"

_counted = partial(
    Definition,
    rows=_JUDGED,
    reference="plain lines over the samples",
    test="tests/label/test_label_errors.py::test_every_figure_is_that_of_plain_lines",
)

FIGURES = (
    _counted("judged", "judged", "Samples whose label was judged.", unit="samples"),
    _counted(
        "not_judged",
        "not judged",
        "Samples with a label that was not judged: of a class with too few, or without a "
        "prediction.",
        rows="samples with a label, dropped ones too",
        unit="samples",
    ),
    Definition(
        "label_errors",
        "label errors",
        "Labels that are taken to be wrong: as many of each pair of classes as the estimated joint "
        "distribution of given and true labels says, those with the largest margins.",
        _JUDGED,
        unit="samples",
        better="lower",
        how="estimated",
        source=f"{_PAPER}, section 3.2, prune by noise rate",
        reference="cleanlab's list, and the paper's equations in loops",
        test="tests/label/test_confident.py::test_it_is_cleanlabs_list",
    ),
    Definition(
        "label_error_share",
        "share of label errors",
        "Label errors among the labels that were judged.",
        _JUDGED,
        share=True,
        better="lower",
        how="estimated",
        source=f"{_PAPER}, section 3.2, prune by noise rate",
        reference="cleanlab's list, and the paper's equations in loops",
        test="tests/label/test_confident.py::test_it_is_cleanlabs_list",
    ),
    _counted(
        "agreement",
        "label is the likeliest class",
        "Samples whose given label is the class that the model finds likeliest.",
        share=True,
        better="higher",
    ),
    _counted(
        "pairs.samples",
        "samples",
        "Label errors with this given label, of which this class is the likeliest; of the twenty "
        "most frequent pairs.",
        rows="label errors",
        unit="samples",
    ),
    _counted(
        "likeliest_errors.quality",
        "label quality",
        "From 0 (surely wrong) to 1: half of 1 plus the probability of the label less that of the "
        "likeliest other class (the normalised margin). It ranks labels and is no probability.",
        rows="the twenty label errors of the lowest quality",
        how="estimated",
        better="higher",
        source=f'{_PAPER}; Kuan and Mueller, "Model-agnostic label quality scoring" (2022)',
    ),
)


@dataclass
class Told:
    """What was found, as samples come by."""

    _labelled: int = 0
    _judged: int = 0
    _agreeing: int = 0
    _errors: int = 0
    _pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    # The worst so far, the least bad of them first; the number of each keeps samples apart.
    _worst: list[tuple[float, str, int, PlainObject, bytes | None]] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in samples that came out of `label_errors`, dropped ones too."""
        columns = [schema.column(batch, name).to_pylist() for name in COLUMNS[:-2]]
        payloads = [schema.column(batch, name) for name in COLUMNS[-2:]]
        for row, (name, uri, now, before, likeliest, error, quality) in enumerate(
            zip(*columns, strict=True)
        ):
            given = before or now
            self._labelled += given is not None
            if given is None or quality is None:
                continue
            self._judged += 1
            self._agreeing += given == likeliest
            if error != 1:
                continue
            self._errors += 1
            self._pairs[given, likeliest] += 1
            rank = (-quality, _backwards(name))
            if len(self._worst) == _MAX_LISTED and rank <= self._worst[0][:2]:
                continue
            text, image = (column[row].as_py() for column in payloads)
            shown: PlainObject = {
                "sample": name,
                "given": given,
                "likeliest": likeliest,
                "quality": quality,
                "what": shorten(text[: 2 * _MAX_EXCERPT], _MAX_EXCERPT) if text else uri,
            }
            push = heapq.heappush if len(self._worst) < _MAX_LISTED else heapq.heappushpop
            push(self._worst, (*rank, self._errors, shown, None if text else image))

    def figures(self) -> PlainObject:
        """What is told of them: `FIGURES`."""
        found: PlainObject = {
            "judged": self._judged,
            "not_judged": self._labelled - self._judged,
            "label_errors": self._errors,
        }
        if not self._judged:
            return found
        pairs = sorted(self._pairs.items(), key=lambda pair: (-pair[1], pair[0]))
        listed = []
        for *_, shown, image in sorted(self._worst, key=lambda one: one[:3], reverse=True):
            picture = None if image is None else image_uri(image)
            listed.append({**({"image": picture} if picture else {}), **shown})
        return {
            **found,
            "label_error_share": self._errors / self._judged,
            "agreement": self._agreeing / self._judged,
            "pairs": [
                {"given": given, "likeliest": likeliest, "samples": count}
                for (given, likeliest), count in pairs[:_MAX_LISTED]
            ],
            "likeliest_errors": listed,
        }


def _backwards(name: str) -> str:
    """Of equal quality the first by name is the worst."""
    return "".join(chr(0x10FFFF - ord(char)) for char in name)
