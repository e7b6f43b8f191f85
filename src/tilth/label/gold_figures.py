"""What gold items tell: how often labels and people are right, and what confidence is worth."""

from __future__ import annotations

import numpy as np

from tilth.label.answers import Answers
from tilth.label.decide import Take, on_gold
from tilth.records import PlainObject
from tilth.statistics.exact import exact_share

_MAX_LISTED = 50
# Of so many parts of the gold, from the least sure to the surest, it is told how often it is right.
_BINS = 4


def figures_on_gold(answers: Answers, take: Take, *, learns: bool) -> PlainObject:
    """What gold says of the labels and of each annotator.

    Args:
        answers: To all items, gold among them.
        take: What made the labels.
        learns: Whether it weighs people by how right they seem to be.
    """
    gold = int(answers.is_gold.sum())
    figures: PlainObject = {"gold_items": gold, "annotators_on_gold": _people_on_gold(answers)}
    found = on_gold(answers, take, learns=learns)
    if found is None:
        return figures | {"confidence": "unknown"}
    right = int(found.is_right.sum())
    figures["confidence"] = f"calibrated by {gold} gold items"
    figures["labels_right_on_gold"] = _interval(right, gold)
    figures["mean_confidence_on_gold"] = float(found.confidence.mean())
    figures["reliability"] = [
        {
            "mean_confidence": float(found.confidence[part].mean()),
            "gold_items": len(part),
            "right": _interval(int(found.is_right[part].sum()), len(part)),
        }
        for part in np.array_split(np.argsort(found.confidence, kind="stable"), _BINS)
    ]
    return figures


def _people_on_gold(answers: Answers) -> list[PlainObject]:
    """How often those with most answers to gold are right there, the best first."""
    is_of_gold = answers.is_gold[answers.items]
    who = answers.annotators[is_of_gold]
    is_right = (answers.labels == answers.known[answers.items])[is_of_gold]
    people = len(answers.annotator_names)
    num = np.bincount(who, minlength=people)
    right = np.bincount(who, is_right, people).astype(np.int64)
    most = sorted(np.flatnonzero(num).tolist(), key=lambda one: (-num[one], one))
    shown = sorted(most[:_MAX_LISTED], key=lambda one: -right[one] / num[one])
    return [
        {
            "annotator": answers.annotator_names[one],
            "gold_answers": int(num[one]),
            "accuracy_on_gold": _interval(int(right[one]), int(num[one])),
        }
        for one in shown
    ]


def _interval(right: int, of: int) -> PlainObject:
    low, high = exact_share(right, of)
    return {"value": right / of, "low": low, "high": high}
