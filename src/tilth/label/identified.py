"""Of whom the answers tell how often they are right: what can be known without a true label.

That two people differ on a fifth of their items says how often one of them errs, and not who. Of
three who answer the same items there are three such numbers for three unknown ones. In general (one
accuracy each, Dawid and Skene's model with one coin) the accuracies of people who meet follow from
how often pairs of them agree just if the pairs close an odd ring: a triangle, or five in a ring; in
a chain or a square those of every second one can be raised and those of the others lowered, and all
pairs agree as often as before. Whoever answered enough gold is known by that, and with him whoever
he meets.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tilth.kernels.groups import group_roots
from tilth.label.answers import Answers
from tilth.label.one_coin import LEAST_COMPARED


def identified(answers: Answers) -> npt.NDArray[np.bool_]:
    """Of which annotators accuracies follow from the answers, bool [annotators].

    Only people count who answered 10 items or more that somebody else answered too, or 10 gold
    items.

    Args:
        answers: Of each annotator to an item one, in the order of items.
    """
    people = len(answers.annotator_names)
    per_item = np.bincount(answers.items, minlength=answers.num_items)
    is_shared = per_item[answers.items] >= 2
    num_shared = np.bincount(answers.annotators[is_shared], minlength=people)
    is_gold = answers.known[answers.items] >= 0
    num_gold = np.bincount(answers.annotators[is_gold], minlength=people)
    is_measured = num_gold >= LEAST_COMPARED
    counts = is_measured | (num_shared >= LEAST_COMPARED)
    taken = counts[answers.annotators]
    items, who = answers.items[taken], answers.annotators[taken]
    if not len(items):
        return np.zeros(people, bool)
    starts = np.flatnonzero(np.diff(items, prepend=-1))
    nth = np.arange(len(items)) - np.repeat(starts, np.diff(starts, append=len(items)))
    first = np.repeat(who[starts], np.diff(starts, append=len(items)))
    # All with an item's first are enough for who meets; of three or more the triangle is closed.
    third = np.flatnonzero(nth == 2)
    pairs = first[nth > 0] * people + who[nth > 0], who[third - 1] * people + who[third]
    met = np.unique(np.concatenate(pairs))
    a, b = met // people, met % people
    itself = np.flatnonzero(is_measured)
    # Each person twice, on either side; who meets, stands on opposite sides. An odd ring, or being
    # known, puts somebody on both.
    sides = group_roots(
        np.concatenate([a, a + people, itself]),
        np.concatenate([b + people, b, itself + people]),
        2 * people,
    )
    on_both: npt.NDArray[np.bool_] = counts & (sides[:people] == sides[people:])
    return on_both
