"""People's answers as integers, and what most of them say of each item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tilth.label.agreement import count_answers
from tilth.label.beliefs import Beliefs
from tilth.randomness import hash_of

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Repeated = Literal["last", "first"]


@dataclass(frozen=True)
class Answers:
    """Answers in the order of their items: of each annotator to an item one.

    Attributes:
        annotator_names: Who answered.
        class_names: What was answered.
        items: int64 [a], the item of each answer.
        annotators: int64 [a], who gave it, a place in `annotator_names`.
        labels: int64 [a], what it says, a place in `class_names`.
        num_items: Number of items.
        known: int64 [items], the true class of an item that is gold, else -1.
    """

    annotator_names: list[str]
    class_names: list[str]
    items: Integers
    annotators: Integers
    labels: Integers
    num_items: int
    known: Integers

    @property
    def is_gold(self) -> npt.NDArray[np.bool_]:
        """Of which items the true class is known, bool [items]."""
        return self.known >= 0

    def of(self, chosen: npt.NDArray[np.bool_]) -> Answers:
        """Some of the answers, bool [a], with their items numbered anew and the same names."""
        left, items = np.unique(self.items[chosen], return_inverse=True)
        return Answers(
            self.annotator_names,
            self.class_names,
            items.astype(np.int64),
            self.annotators[chosen],
            self.labels[chosen],
            len(left),
            self.known[left],
        )


def usable(
    answers: Sequence[Mapping[str, str | None]] | None, repeated: Repeated
) -> tuple[list[tuple[str, str]], int]:
    """The answers that count: annotator and label; one person has one vote.

    Args:
        answers: To an item, in their order.
        repeated: Which counts of an annotator's several.

    Returns:
        One answer an annotator, of those that say who and what; and how many more of these there
        are.
    """
    found: dict[str, str] = {}
    num = 0
    for answer in answers or ():
        who, what = answer["annotator"], answer["label"]
        if who is None or what is None:
            continue
        num += 1
        if repeated == "last" or who not in found:
            found[who] = what
    return list(found.items()), num - len(found)


def encode(
    annotators: Sequence[Sequence[str]],
    labels: Sequence[Sequence[str]],
    known: Sequence[str | None] | None = None,
) -> Answers:
    """Names to integers, in the order of the names.

    Args:
        annotators: Of each item, who answered.
        labels: Of each item, what they answered, in the same order.
        known: Of each item its true class, where it is known; None: of none it is.
    """
    truth = known or [None] * len(labels)
    people = sorted({name for names in annotators for name in names})
    classes = sorted({name for names in (*labels, [one for one in truth if one]) for name in names})
    person = {name: index for index, name in enumerate(people)}
    kind = {name: index for index, name in enumerate(classes)}
    sizes = np.array([len(names) for names in labels], np.int64)
    return Answers(
        people,
        classes,
        np.repeat(np.arange(len(sizes), dtype=np.int64), sizes),
        np.array([person[name] for names in annotators for name in names], np.int64),
        np.array([kind[name] for names in labels for name in names], np.int64),
        len(sizes),
        np.array([-1 if one is None else kind[one] for one in truth], np.int64),
    )


@dataclass(frozen=True)
class Most:
    """What most answers to each item say.

    Attributes:
        items: int64 [n], an item, ascending; once for each class that no other has more answers of.
        labels: int64 [n], that class.
        share: float64 [items], its share of the item's answers.
        tied: bool [items], whether several classes have it.
    """

    items: Integers
    labels: Integers
    share: Floats
    tied: npt.NDArray[np.bool_]

    def first(self) -> Integers:
        """The class of each item, int64 [items]; of several the first."""
        _, at = np.unique(self.items, return_index=True)
        return self.labels[at]


def most_given(answers: Answers) -> Most:
    """What most answers to each item say; every item has one at least."""
    counts = count_answers(
        answers.items, answers.labels, answers.num_items, len(answers.class_names)
    )
    most = np.zeros(answers.num_items, np.int64)
    np.maximum.at(most, counts.items, counts.times)
    is_most = counts.times == most[counts.items]
    items = counts.items[is_most]
    tied = np.bincount(items, minlength=answers.num_items) > 1
    return Most(items, counts.labels[is_most], most / counts.per_item(), tied)


def shares(answers: Answers) -> Beliefs:
    """Of each item's answers, the share that each class has."""
    counts = count_answers(
        answers.items, answers.labels, answers.num_items, len(answers.class_names)
    )
    share = counts.times / counts.per_item()[counts.items]
    return Beliefs(counts.items, counts.labels, share, counts.num_classes)


def majority(answers: Answers, ids: Sequence[str], seed: int) -> tuple[Integers, Floats]:
    """The class that most answers to each item say, and their share; ties go by hash.

    By order they would all go to the class that sorts first.

    Args:
        answers: To every item.
        ids: Of the items.
        seed: Of the hash.

    Returns:
        int64 and float64 [items].
    """
    most = most_given(answers)
    chosen = most.first()
    is_tied = most.tied[most.items]
    names = [answers.class_names[label] for label in most.labels[is_tied].tolist()]
    _draw(chosen, most.items[is_tied], most.labels[is_tied], names, ids, seed)
    return chosen, most.share


def single(answers: Answers, ids: Sequence[str], seed: int) -> tuple[Integers, Floats]:
    """One answer to each item, chosen by hash; of unknown confidence, which is not-a-number.

    Args:
        answers: To every item.
        ids: Of the items.
        seed: Of the hash.

    Returns:
        int64 and float64 [items].
    """
    chosen = np.zeros(answers.num_items, np.int64)
    names = [answers.annotator_names[who] for who in answers.annotators.tolist()]
    _draw(chosen, answers.items, answers.labels, names, ids, seed)
    # One answer alone says nothing about how sure it is.
    return chosen, np.full(answers.num_items, np.nan)


def _draw(
    chosen: Integers,
    items: Integers,
    labels: Integers,
    names: Sequence[str],
    ids: Sequence[str],
    seed: int,
) -> None:
    """Put one of an item's labels into its place of `chosen`: that whose name hashes lowest."""
    least: dict[int, int] = {}
    for item, label, name in zip(items.tolist(), labels.tolist(), names, strict=True):
        rank = hash_of(seed, ids[item], name)
        if item not in least or rank < least[item]:
            least[item], chosen[item] = rank, label
