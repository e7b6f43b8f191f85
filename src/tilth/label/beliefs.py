"""How likely each class is of each item, and which one is taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Sums that ought to be a half are one, whatever their last bits.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Beliefs:
    """Classes that may be an item's true one; what is not listed is not thought of.

    Attributes:
        items: int64 [pairs], an item.
        classes: int64 [pairs], a class, at most once an item.
        probability: float64 [pairs], how likely it is the item's.
        num_classes: Number of classes.
    """

    items: Integers
    classes: Integers
    probability: Floats
    num_classes: int

    def likeliest(self, num_items: int) -> tuple[Integers, Floats]:
        """The likeliest class of each item and its probability, int64 and float64 [items].

        Of equally likely ones the first; -1 where no class was thought of.
        """
        highest = np.zeros(num_items)
        np.maximum.at(highest, self.items, self.probability)
        is_best = self.probability == highest[self.items]
        chosen = np.full(num_items, self.num_classes)
        np.minimum.at(chosen, self.items[is_best], self.classes[is_best])
        return np.where(chosen < self.num_classes, chosen, -1), highest

    def middle(self, num_items: int, ranks: Integers) -> tuple[Integers, Floats]:
        """The median class of each item and its probability: no other is, by expectation, fewer
        grades from the true one.

        Args:
            num_items: Number of items.
            ranks: int64 [classes], the place of each class from the lowest on.

        Returns:
            int64 and float64 [items]; -1 where no class was thought of.
        """
        order = np.lexsort((ranks[self.classes], self.items))
        items, classes = self.items[order], self.classes[order]
        probability = self.probability[order]
        sums = np.cumsum(probability)
        whole = np.bincount(items, probability, num_items)
        before = np.cumsum(whole) - whole
        reaches = sums - before[items] >= whole[items] / 2 - _ROUNDING
        of, at = np.unique(items[reaches], return_index=True)
        first = np.flatnonzero(reaches)[at]
        chosen, sure = np.full(num_items, -1), np.zeros(num_items)
        chosen[of], sure[of] = classes[first], probability[first]
        return chosen, sure
