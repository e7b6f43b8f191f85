"""Which class each item gets, how sure that is, and which items nothing in the answers decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tilth.label.answers import Answers, most_given
from tilth.label.calibration import LEAST_GOLD, Calibration, calibrate
from tilth.label.identified import identified

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

# From answers, with what is known of them, to the class of each item and the belief in it.
Take = Callable[[Answers], tuple[Integers, Floats]]

# Parts of the gold, each of which is once as unknown as the other items are.
_FOLDS: Final = 5


@dataclass(frozen=True)
class Decided:
    """What became of the items.

    Attributes:
        chosen: int64 [items], a class each.
        confidence: float64 [items], calibrated where there is gold enough; NaN: nothing is known.
        held: bool [items], whether answers differ and nothing tells who of those people is right.
        calibration: None: there is no gold, or too little.
    """

    chosen: Integers
    confidence: Floats
    held: Booleans
    calibration: Calibration | None


@dataclass(frozen=True)
class OnGold:
    """What gold items would have got, had they been no gold.

    Attributes:
        belief: float64 [gold], of the class that was taken, as of all items.
        confidence: float64 [gold], by a curve of the other parts of the gold.
        is_right: bool [gold], whether that class is the true one.
    """

    belief: Floats
    confidence: Floats
    is_right: Booleans

    @property
    def calibration(self) -> Calibration:
        """The curve of all of them."""
        return calibrate(self.belief, self.is_right)


def decide(answers: Answers, take: Take, *, learns: bool) -> Decided:
    """Decide all items.

    Args:
        answers: To all items, gold among them.
        take: The method.
        learns: Whether it judges people: then what it cannot judge is held.
    """
    chosen, belief = take(answers)
    gold = on_gold(answers, take, learns=learns)
    calibration = None if gold is None else gold.calibration
    held = undecided(answers) if learns else np.zeros(answers.num_items, bool)
    confidence = belief if calibration is None else calibration.of(belief)
    return Decided(chosen, confidence, held, calibration)


def undecided(answers: Answers) -> Booleans:
    """Items without a majority to which only people answered of whom nothing tells how often they
    are right, bool [items]."""
    is_known = identified(answers)
    num_known = np.bincount(answers.items, is_known[answers.annotators], answers.num_items)
    found: Booleans = most_given(answers).tied & (num_known == 0) & ~answers.is_gold
    return found


def on_gold(answers: Answers, take: Take, *, learns: bool) -> OnGold | None:
    """What gold items would have got, had they been no gold; None of fewer than ten.

    Args:
        answers: To all items.
        take: The method.
        learns: Whether it takes gold into account, so that it has to be hidden.
    """
    gold = np.flatnonzero(answers.is_gold)
    if len(gold) < LEAST_GOLD:
        return None
    chosen, belief = np.empty(len(gold), np.int64), np.empty(len(gold))
    for part in _parts(len(gold)) if learns else [np.arange(len(gold))]:
        known = answers.known.copy()
        known[gold[part]] = -1
        found, sure = take(replace(answers, known=known))
        chosen[part], belief[part] = found[gold[part]], sure[gold[part]]
    if np.isnan(belief).any():
        return None
    is_right = chosen == answers.known[gold]
    confidence = np.empty(len(gold))
    for part in _parts(len(gold)):
        others = np.setdiff1d(np.arange(len(gold)), part)
        confidence[part] = calibrate(belief[others], is_right[others]).of(belief[part])
    return OnGold(belief, confidence, is_right)


def _parts(num: int) -> Iterator[Integers]:
    """Items come in the order of their ids, which are hashes: every fifth is a part at random."""
    for first in range(_FOLDS):
        yield np.arange(first, num, _FOLDS)
