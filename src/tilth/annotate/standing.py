"""What came back so far, row by row: which answers there are, and which rows are none, and why.

All of it follows from the ledger's events. The last word on a task counts; of what one person said
of one sample in several rounds the first round's, so that no order of imports changes it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from tilth.annotate.ledger import Import, Kind, Ledger, Round
from tilth.hints import did_you_mean
from tilth.labels import as_label

# Why a row is no answer; what varies from row to row stands behind a colon.
UNKNOWN: Final = "no item of this ledger has this name"
NOBODY: Final = "it does not say who answered"
NO_ANSWER: Final = "it holds no answer"
NO_CLASS: Final = "it names no class of its round"
BEFORE: Final = "its annotator had this sample in an earlier round, and counts once"
CHANGED: Final = "its annotator answered this item otherwise before; the last answer counts"


class Task(NamedTuple):
    """What a name of an order stands for."""

    round: int
    sample: str
    kind: Kind
    known: str | None


class Told(NamedTuple):
    """A row that is no answer, or not as it stands: of which import, where, and why."""

    number: int
    place: str
    why: str


@dataclass(frozen=True)
class Answer:
    """One answer to one task.

    Attributes:
        counts: Whether it is the annotator's word on the sample; one to an item that stood in the
            round twice is compared with the first, and one to a sample that the annotator had in
            an earlier round is nothing.
    """

    task: str
    of: Task
    annotator: str
    label: str
    seconds: float | None
    number: int
    place: str
    counts: bool = True


@dataclass(frozen=True)
class Standing:
    """Where a ledger stands.

    Attributes:
        answers: One a task and annotator; those that were asked for, in the order of tasks.
        again: To samples that their annotators had in an earlier round.
        told: Rows that are none, or were changed.
        repeated: Rows that say what an earlier one said already.
    """

    answers: list[Answer]
    again: list[Answer]
    told: list[Told]
    repeated: dict[int, int] = field(default_factory=dict)

    def by_round(self) -> dict[int, list[Answer]]:
        """The answers that were asked for, by round."""
        found: dict[int, list[Answer]] = defaultdict(list)
        for answer in self.answers:
            found[answer.of.round].append(answer)
        return found


def standing_of(ledger: Ledger) -> Standing:
    """Go through all that came back."""
    tasks = dict(_tasks(ledger.rounds))
    classes = {one.number: frozenset(one.classes) for one in ledger.rounds}
    told: list[Told] = []
    repeated: dict[int, int] = defaultdict(int)
    last: dict[tuple[str, str], Answer] = {}
    for one in ledger.imports:
        told += [Told(one.number, place, why) for place, why, _ in one.unread]
        told += [Told(one.number, place, why) for place, why in one.notes]
        for item, annotator, said, seconds, place in _rows(one):
            task = tasks.get(item)
            label = None if said is None else as_label(said)
            if why := _why_none(task, annotator, label, classes):
                told.append(Told(one.number, place, why))
                continue
            assert task is not None
            assert label is not None
            before = last.get((item, annotator))
            if before is not None and before.label == label:
                repeated[one.number] += 1
                continue
            if before is not None:
                told.append(Told(one.number, place, f"{CHANGED}: {item}"))
            last[item, annotator] = Answer(item, task, annotator, label, seconds, one.number, place)
    return _sorted_out(last.values(), told, dict(repeated))


def _tasks(rounds: tuple[Round, ...]) -> Iterator[tuple[str, Task]]:
    for one in rounds:
        for name, sample, kind, known in zip(
            one.tasks, one.samples, one.kinds, one.known, strict=True
        ):
            yield name, Task(one.number, sample, kind, known)


def _rows(one: Import) -> Iterator[tuple[str, str, str | None, float | None, str]]:
    yield from zip(one.items, one.annotators, one.labels, one.seconds, one.places, strict=True)


def _why_none(
    task: Task | None, annotator: str, label: str | None, classes: dict[int, frozenset[str]]
) -> str:
    """Why a row is no answer; empty: it is one."""
    if task is None:
        return UNKNOWN
    if not annotator:
        return NOBODY
    if label is None:
        return NO_ANSWER
    known = classes[task.round]
    if known and label not in known:
        return f"{NO_CLASS}: `{label[:80]}`; {did_you_mean(label[:80], sorted(known))}"
    return ""


def _sorted_out(answers: Iterable[Answer], told: list[Told], repeated: dict[int, int]) -> Standing:
    """Which of one person's answers to one sample counts."""
    by_sample: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for answer in answers:
        by_sample[answer.of.sample, answer.annotator].append(answer)
    asked, again = [], []
    for given in by_sample.values():
        given.sort(key=lambda one: (one.of.round, one.of.kind == "repeat", one.task))
        first = given[0]
        for answer in given:
            if answer.of.round != first.of.round:
                again.append(answer)
                told.append(Told(answer.number, answer.place, BEFORE))
            else:
                asked.append(answer if answer is first else replace(answer, counts=False))
    asked.sort(key=lambda one: (one.of.round, one.task, one.annotator))
    told.sort(key=lambda one: one.number)
    return Standing(asked, again, told, repeated)
