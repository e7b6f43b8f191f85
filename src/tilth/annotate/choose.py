"""Which samples a round orders: items, the gold planted among them, and what stands there twice.

Every draw is a hash of the recipe's seed and the sample's id, so that the same data, ledger and
settings order the same; the next round goes on where the last one ended. A task's name is such a
hash, and tasks stand in the order of their names, so that neither says what a task is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import NamedTuple

from tilth.annotate.acceptance import Work
from tilth.annotate.ledger import Kind, Ledger
from tilth.annotate.standing import Answer, Standing
from tilth.errors import DataError
from tilth.label.text_distance import distance
from tilth.randomness import hash_of
from tilth.recipe.annotate import Annotate, Choice, number_of_planted
from tilth.spell import plural


class Candidate(NamedTuple):
    """A sample that may be ordered.

    Attributes:
        known: Its known answer, where it may be gold.
        quality: Of its label, where this is taken to be wrong.
    """

    sample: str
    known: str | None
    is_labelled: bool
    stratum: str
    quality: float | None = None


@dataclass(frozen=True)
class Planned:
    """One task of a round."""

    task: str
    sample: str
    kind: Kind
    known: str | None


@dataclass(frozen=True)
class Chosen:
    """A round's tasks in the order of their names, the answers to each, and what is to be known."""

    tasks: tuple[Planned, ...]
    annotators: int
    told: tuple[str, ...] = ()

    def count(self, kind: Kind) -> int:
        """How many tasks are of a kind."""
        return sum(one.kind == kind for one in self.tasks)


def choose(
    candidates: Iterable[Candidate],
    asked: Annotate,
    how: Choice,
    num_items: int | None,
    ledger: Ledger,
    standing: Standing,
    works: Sequence[Work],
    *,
    name: str,
    seed: int,
) -> Chosen:
    """Choose a round.

    Args:
        candidates: The data; of an id that stands there twice the first.
        asked: The settings.
        how: Which items.
        num_items: At most so many; None: all that there are.
        ledger: What was ordered.
        standing: What came back.
        works: What it was worth.
        name: Of the recipe.
        seed: Of the recipe.

    Raises:
        DataError: There is nothing to order.
    """
    known = {one.sample: one for one in reversed([*candidates])}
    number = len(ledger.rounds) + 1
    ordered = {sample for one in ledger.rounds for sample in one.samples}
    words: list[str] = []

    def rank(sample: str, purpose: str) -> int:
        return hash_of(seed, purpose, sample)

    is_gold = [one for one in known.values() if one.known is not None and one.quality is None]
    gold = {one.sample for one in is_gold} if asked.gold else set()
    if how in ("disputed", "lacking"):
        wanted = _again(how, asked, ledger, standing, works, known)
        annotators = max(wanted.values(), default=asked.annotators)
    elif how == "suspect":
        annotators = asked.annotators
        wanted = {
            one.sample: annotators
            for one in known.values()
            if one.quality is not None and one.sample not in ordered
        }
    else:
        annotators = asked.annotators
        wanted = {
            one.sample: annotators
            for one in known.values()
            if one.sample not in ordered
            and one.sample not in gold
            and (asked.relabel or not one.is_labelled)
        }
    # Equal but where labels are suspected, whose worst go first.
    items = sorted(wanted, key=lambda name: (known[name].quality or 0, rank(name, "annotate")))
    if num_items is not None and num_items < len(items):
        if how == "stratified":
            items = _by_strata(items, known, num_items)
        items = items[:num_items]
    elif num_items is not None and num_items > len(items):
        words.append(f"{num_items:,} items were asked for, and there are {len(items):,}")
    if not items:
        raise _nothing(how, known, ordered)
    planted = _planted(asked, gold - ordered, known, len(items), lambda s: rank(s, "gold"), words)
    num_twice = min(number_of_planted(asked.repeats, len(items)), len(items))
    twice = sorted(items, key=lambda sample: rank(sample, f"repeat {number}"))[:num_twice]
    kinds: list[tuple[str, Kind]] = [
        *((sample, "item") for sample in items),
        *((sample, "gold") for sample in planted),
        *((sample, "repeat") for sample in twice),
    ]
    tasks = [
        Planned(
            f"{hash_of(seed, 'task', name, number, sample, kind == 'repeat'):016x}",
            sample,
            kind,
            known[sample].known if kind == "gold" else None,
        )
        for sample, kind in kinds
    ]
    return Chosen(tuple(sorted(tasks, key=lambda one: one.task)), annotators, tuple(words))


def _planted(
    asked: Annotate,
    unused: set[str],
    known: Mapping[str, Candidate],
    num_items: int,
    rank: Callable[[str], int],
    words: list[str],
) -> list[str]:
    """The gold of a round: none that an earlier one had, for nobody is asked a sample twice.

    Raises:
        DataError: No sample has a known answer that can be given.
    """
    if not asked.gold:
        return []
    classes = {*asked.classes}
    answers = {sample: known[sample].known for sample in unused}
    usable = [sample for sample, said in answers.items() if not classes or said in classes]
    if stray := sorted({str(said) for said in answers.values()} - classes) if classes else []:
        told = ", ".join(f"`{name}`" for name in stray[:5])
        words.append(
            f"{plural(len(answers) - len(usable), 'sample')} with a known answer that is no class "
            f"({told}) cannot be gold"
        )
    wanted = number_of_planted(asked.gold, num_items)
    if not any(one.known is not None for one in known.values()) or (not usable and stray):
        raise DataError(
            f"no sample has a `{asked.gold_from}` that is one of the classes, so that none is gold",
            hint="`gold: 0` plants none; `gold_from` names the column of the known answers",
            code="no-gold",
        )
    if len(usable) < wanted:
        words.append(
            f"{wanted:,} gold items are wanted, and {len(usable):,} are left that no earlier round "
            "had"
        )
    chosen = sorted(usable, key=rank)[:wanted]
    there = {known[sample].known for sample in usable}
    if lacking := [name for name in asked.classes if name not in there]:
        told = ", ".join(f"`{name}`" for name in lacking[:5])
        words.append(f"no gold is left of {told}: nobody is tried on it")
    return chosen


def _by_strata(items: Sequence[str], known: Mapping[str, Candidate], num: int) -> list[str]:
    """So many items, of each stratum its share (largest remainders), in the order of the items."""
    counts = Counter(known[sample].stratum for sample in items)
    exact = {name: num * count / len(items) for name, count in counts.items()}
    quota = {name: int(value) for name, value in exact.items()}
    by_rest = sorted(exact, key=lambda name: (quota[name] - exact[name], name))
    for name in by_rest[: num - sum(quota.values())]:
        quota[name] += 1
    taken: list[str] = []
    for sample in items:
        stratum = known[sample].stratum
        if quota[stratum]:
            quota[stratum] -= 1
            taken.append(sample)
    return taken


def _again(
    how: Choice,
    asked: Annotate,
    ledger: Ledger,
    standing: Standing,
    works: Sequence[Work],
    known: Mapping[str, Candidate],
) -> dict[str, int]:
    """Items of earlier rounds to order once more, and how many answers each is to get."""
    good: dict[str, list[Answer]] = defaultdict(list)
    returned = {(work.round, work.annotator) for work in works if work.verdict == "return"}
    for answer in standing.answers:
        if answer.counts and (answer.of.round, answer.annotator) not in returned:
            good[answer.of.sample].append(answer)
    came: Counter[tuple[int, str]] = Counter(
        (answer.of.round, answer.of.sample) for answer in standing.answers if answer.counts
    )
    open_: Counter[str] = Counter()
    items: dict[str, None] = {}
    for one in ledger.rounds:
        for sample, kind in zip(one.samples, one.kinds, strict=True):
            if kind == "item" and sample in known:
                items[sample] = None
                if one.number not in ledger.closed:
                    open_[sample] += max(0, one.annotators - came[one.number, sample])
    if how == "disputed":
        # What is out already is waited for, or its round closed.
        return {
            sample: asked.annotators
            for sample in items
            if not open_[sample] and _agreement(good[sample], asked) < asked.min_agreement
        }
    lacking = {sample: asked.annotators - len(good[sample]) - open_[sample] for sample in items}
    return {sample: num for sample, num in lacking.items() if num > 0}


def _agreement(answers: Sequence[Answer], asked: Annotate) -> float:
    """How far the answers to an item agree; of free text how alike they are, pair by pair."""
    if asked.classes or len(answers) < 2:
        return agreement_of(answers)
    texts = [one.label for one in answers]
    return fmean(1 - distance(*pair, asked.accept.text_metric) for pair in combinations(texts, 2))


def agreement_of(answers: Sequence[Answer]) -> float:
    """The share of the most given answer; of fewer than two 1."""
    if len(answers) < 2:
        return 1.0
    return max(Counter(one.label for one in answers).values()) / len(answers)


def _nothing(how: Choice, known: Mapping[str, Candidate], ordered: set[str]) -> DataError:
    if not known:
        what = "the data has no sample with anything to show"
        return DataError(what, hint="`annotate: {show: [...]}` names columns", code="no-items")
    if how == "disputed":
        what = "no item of the earlier rounds is disputed"
        hint = "`min_agreement` says from what share on; an item whose answers are still out is not"
    elif how == "lacking":
        what = "no item of the earlier rounds lacks answers"
        hint = "`--close ROUND` waits no more for what did not come back"
    elif how == "suspect":
        what = "no label that is taken to be wrong is left that no round had"
        hint = "`signal.label_error` of `label_errors` says which are"
    elif ordered:
        what = f"every sample was ordered before ({len(ordered):,}), or has a label"
        hint = (
            "--choose disputed or --choose lacking orders more answers; `relabel: true` more items"
        )
    else:
        what = "every sample has a label, so that none is to be labelled"
        hint = "`annotate: {relabel: true}` orders them all the same"
    return DataError(what, hint=hint, code="no-items")
