"""Order a round: choose its items, write its folder, and write it down in the ledger.

The folder appears whole, and then the round counts. A kill between the two leaves a folder that the
ledger does not know; the same command writes it again, and the same, for all of it follows from
the data, the ledger and the seed.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from tilth.annotate.acceptance import judge
from tilth.annotate.choose import Candidate, Chosen, Planned, choose
from tilth.annotate.forms import FORMS, MEDIA, Asked, Fields
from tilth.annotate.ledger import Ledger, Round, add, next_number, now, open_ledger, writing
from tilth.annotate.money import cost_of
from tilth.annotate.settle import settle
from tilth.annotate.source import Source
from tilth.annotate.standing import standing_of
from tilth.clean.personal import FINDERS, Kind
from tilth.clean.redact import redact
from tilth.errors import DataError, MissingError, UsageError
from tilth.export.rows import ending_of
from tilth.hints import require_choice
from tilth.label.suspects import IS_ERROR, QUALITY
from tilth.labels import as_label
from tilth.meta.arrow import words
from tilth.recipe.annotate import Annotate, Choice
from tilth.records import Record, read_if_whole
from tilth.schema import META
from tilth.spell import plural
from tilth.store.files import atomic_folder, elsewhere, write_json

ORDER: Final = "order.json"
_PAYLOADS: Final = ("text", "image", "audio")
_FILES: Final = ("image", "audio")
_KINDS: Final[tuple[Kind, ...]] = tuple(FINDERS)
_NAMES: Final[dict[Kind, str]] = {
    "email": "e-mail addresses",
    "iban": "bank account numbers",
    "card": "card numbers",
    "ip": "IP addresses",
    "phone": "telephone numbers",
}
_MAX_GUIDELINES: Final = 64 << 20


class OrderNote(Record):
    """What the folder of an order says of itself; nothing of what is planted."""

    recipe: str
    round: int
    tasks: int
    annotators: int
    question: str
    classes: list[str]


@dataclass(frozen=True)
class Ordered:
    """A round that was written, or would be.

    Attributes:
        round: Its number.
        folder: Where it is.
        form: Of its files.
        step: Whose samples it is of.
        choose: How its items were chosen.
        tasks: Tasks in all: items, gold and repeats.
        annotators: Answers that each is to get.
        answers: In all.
        cost: What these cost, where a price is known, with its currency.
        told: What is to be known.
        done: Whether it was written.
    """

    round: int
    folder: str
    form: str
    step: str
    choose: str
    tasks: int
    items: int
    gold: int
    repeats: int
    annotators: int
    answers: int
    cost: str
    told: tuple[str, ...]
    done: bool


def order(
    source: Source,
    *,
    form: str = "csv",
    items: int | None = None,
    how: Choice | None = None,
    to: str | Path | None = None,
    dry_run: bool = False,
) -> Ordered:
    """Write the next round.

    Args:
        source: The recipe's finished data.
        form: Of the files: label_studio, ground_truth, mturk, csv or jsonl.
        items: At most so many, beside what is planted; None: all that there are.
        how: Which, in the place of the recipe's `choose`.
        to: A folder that is not there; NAME-round-N if None.
        dry_run: Write nothing.

    Raises:
        UsageError: There is no such form, or the folder is there already.
        MissingError: The guidelines are not there.
        DataError: There is nothing to order, no gold, or the ledger is damaged.
        StorageError: A folder cannot be written, or another process writes the ledger.
    """
    require_choice("format", form, FORMS)
    _ = source.asked
    if dry_run:
        made = _Order(source, open_ledger(source.ledger), form, items, how, to)
        for _ in made.fields(None):
            pass
        return made.ordered(done=False)
    # What is not there is told before a ledger is begun.
    source.columns()
    with writing(source.ledger):
        made = _Order(source, open_ledger(source.ledger), form, items, how, to)
        _write(made)
        settle(open_ledger(source.ledger), source.asked.accept)
        return made.ordered(done=True)


def _write(made: _Order) -> None:
    with elsewhere("--to DIR names a folder that can be written"), atomic_folder(made.to) as folder:
        asked = made.question()
        FORMS[made.form](folder, made.fields(folder), asked)
        guidelines = made.source.asked.guidelines
        if guidelines is not None:
            path = Path(guidelines).expanduser()
            shutil.copyfile(path, folder / f"guidelines{path.suffix.lower()}")
        write_json(folder / ORDER, made.note().as_json())
    if people := made.people_before():
        with open(made.not_for, "w", encoding="utf-8", errors="replace", newline="") as file:
            os.fchmod(file.fileno(), 0o600)
            csv.writer(file).writerows([("item", "annotator"), *people])
    add(made.source.ledger, made.round())


@dataclass
class _Order:
    """A round before it is one."""

    source: Source
    ledger: Ledger
    form: str
    items: int | None
    how: Choice | None
    given: str | Path | None
    found: Counter[Kind] = field(default_factory=Counter)
    as_it_is: Counter[Kind] = field(default_factory=Counter)
    empty: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.asked: Annotate = self.source.asked
        self.number = next_number(self.ledger.rounds)
        self.to = Path(self.given or f"{self.source.name}-round-{self.number}").expanduser()
        self._require_free()
        self._require_guidelines()
        self.not_for = self.source.ledger / f"not-for-{self.number:04d}.csv"
        self.shown = self._shown()
        self._standing = standing_of(self.ledger)
        self.chosen: Chosen = self._choose()

    def _require_free(self) -> None:
        """The folder is not there, but for one that a stopped try for this round left.

        Raises:
            UsageError: It is.
        """
        if not self.to.exists():
            return
        left = read_if_whole(OrderNote, self.to / ORDER) if self.to.is_dir() else None
        if left is None or (left.recipe, left.round) != (self.source.name, self.number):
            raise UsageError(
                "the folder of the order is there already, and nothing is overwritten",
                where=str(self.to),
                hint="--to DIR names another one",
                code="exists",
            )

    def _require_guidelines(self) -> None:
        given = self.asked.guidelines
        if given is None:
            return
        path = Path(given).expanduser()
        if not path.is_file():
            hint = f"tried {path.absolute()}"
            raise MissingError(f"there is no file `{given}` of guidelines", hint=hint)
        if path.stat().st_size > _MAX_GUIDELINES:
            raise DataError("the guidelines are larger than 64 MiB", where=given)

    def _shown(self) -> tuple[str, ...]:
        """The columns that annotators see.

        Raises:
            DataError: The data has none of them.
        """
        there = self.source.columns()
        shown = self.asked.show or tuple(name for name in _PAYLOADS if name in there)
        lacking = [name for name in shown if name not in there]
        if lacking or not shown:
            raise DataError(
                f"the samples have no `{lacking[0]}` to show"
                if lacking
                else "the samples have no text, picture or sound to show",
                where=self.source.step,
                hint="`annotate: {show: [...]}` names columns: " + ", ".join(sorted(there)),
                code="nothing-to-show",
            )
        return shown

    def _choose(self) -> Chosen:
        asked, standing = self.asked, self._standing
        works = judge(self.ledger, standing.answers, asked.accept)
        return choose(
            self._candidates(),
            asked,
            self.how or asked.choose,
            self.items,
            self.ledger,
            standing,
            works,
            name=self.source.name,
            seed=self.source.seed,
        )

    def _candidates(self) -> Iterator[Candidate]:
        asked = self.asked
        how = self.how or asked.choose
        by = asked.stratify_by if how == "stratified" else "source"
        gold = asked.gold_from if asked.gold else "label"
        there = self.source.columns()
        suspected = (IS_ERROR, QUALITY) if how == "suspect" else ()
        all_ = dict.fromkeys(("id", "label", gold, by, *suspected, *self.shown))
        wanted = [name for name in all_ if name in there]
        if asked.gold and gold not in there:
            raise DataError(
                f"the samples have no `{gold}`, so that none is gold",
                where=self.source.step,
                hint="`gold_from` names the column of the known answers; `gold: 0` plants none",
                code="no-gold",
            )
        if by not in there and how == "stratified":
            raise DataError(
                f"the samples have no `{by}` to choose by",
                where=self.source.step,
                hint="`stratify_by` names another column; `source` is what every sample has",
                code="no-strata",
            )
        if suspected and not there.issuperset(suspected):
            raise DataError(
                "nothing says which labels are suspect",
                where=self.source.step,
                hint="`label_errors` in `label` judges them, and `step: label.label_errors` orders "
                "what it found",
                code="no-suspects",
            )
        for batch in self.source.batches(wanted):
            own = dict.fromkeys(("id", "label", gold, by, *suspected))
            values = {n: batch.column(n).to_pylist() for n in own if n in wanted}
            nothing = [None] * batch.num_rows
            has_any = np.any([batch.column(name).is_valid() for name in self.shown], axis=0)
            for is_shown, sample, label, known, stratum, error, quality in zip(
                has_any.tolist(),
                values["id"],
                values.get("label", nothing),
                values.get(gold, nothing),
                values.get(by, nothing),
                values.get(IS_ERROR, nothing),
                values.get(QUALITY, nothing),
                strict=True,
            ):
                if not is_shown:
                    self.empty.add(sample)
                    continue
                said = None if known is None else as_label(words(known))
                in_stratum = "" if stratum is None else words(stratum)
                yield Candidate(
                    sample,
                    said if asked.gold else None,
                    label is not None,
                    in_stratum,
                    quality if error == 1 else None,
                )

    def question(self) -> Asked:
        """What is asked of each task."""
        shown = [name.removeprefix(META) for name in self.shown]
        return Asked(self.asked.question, self.asked.classes, shown, self.chosen.annotators)

    def fields(self, folder: Path | None) -> Iterator[Fields]:
        """The tasks as they go out, in the order of their names; files go into the folder."""
        rows: dict[str, dict[str, str]] = {}
        tasks: dict[str, list[Planned]] = {}
        for one in self.chosen.tasks:
            tasks.setdefault(one.sample, []).append(one)
        for batch in self.source.batches(["id", *self.shown]):
            self._fill(batch, tasks, rows, folder)
        # A repeat is what its item is.
        return (rows[one.task] for one in self.chosen.tasks if one.task in rows)

    def _fill(
        self,
        batch: pa.RecordBatch,
        tasks: dict[str, list[Planned]],
        rows: dict[str, dict[str, str]],
        folder: Path | None,
    ) -> None:
        for at, sample in enumerate(batch.column("id").to_pylist()):
            for one in tasks.pop(sample, ()):
                row = {"item": one.task}
                for name in self.shown:
                    value = batch.column(name)[at].as_py()
                    row[name.removeprefix(META)] = self._out(name, value, one.task, folder)
                rows[one.task] = row

    def _out(self, name: str, value: object, task: str, folder: Path | None) -> str:
        """A value as it leaves: a text without what is personal, or the path of a file."""
        if value is None:
            return ""
        if isinstance(value, bytes):
            path = f"{MEDIA}/{task}.{ending_of(value)}"
            if folder is not None:
                (folder / MEDIA).mkdir(exist_ok=True)
                (folder / path).write_bytes(value)
            return path
        text = value if isinstance(value, str) else words(value)
        clean, counts = redact(text, _KINDS)
        allowed = name in self.asked.allow
        (self.as_it_is if allowed else self.found).update(counts)
        return text if allowed else clean

    def note(self) -> OrderNote:
        """What the folder says of itself."""
        return OrderNote(
            recipe=self.source.name,
            round=self.number,
            tasks=len(self.chosen.tasks),
            annotators=self.chosen.annotators,
            question=self.asked.question,
            classes=[*self.asked.classes],
        )

    def round(self) -> Round:
        """The event."""
        tasks = self.chosen.tasks
        return Round(
            number=self.number,
            ordered_at=now(),
            step=self.source.step,
            choose=self.how or self.asked.choose,
            question=self.asked.question,
            classes=[*self.asked.classes],
            annotators=self.chosen.annotators,
            price="" if self.asked.price is None else repr(self.asked.price),
            currency=self.asked.currency or "",
            form=self.form,
            to=str(self.to),
            tasks=[one.task for one in tasks],
            samples=[one.sample for one in tasks],
            kinds=[one.kind for one in tasks],
            known=[one.known for one in tasks],
        )

    def ordered(self, *, done: bool) -> Ordered:
        """What is said of it."""
        chosen = self.chosen
        answers = len(chosen.tasks) * chosen.annotators
        made = self.round()
        return Ordered(
            self.number,
            str(self.to),
            self.form,
            self.source.step,
            self.how or self.asked.choose,
            len(chosen.tasks),
            chosen.count("item"),
            chosen.count("gold"),
            chosen.count("repeat"),
            chosen.annotators,
            answers,
            cost_of(made.price, made.currency, answers),
            (*chosen.told, *self._of_samples(), *self._of_what_leaves()),
            done,
        )

    def people_before(self) -> list[tuple[str, str]]:
        """Who answered a sample of this round before, by name: task and annotator."""
        tasks: dict[str, list[str]] = {}
        for one in self.chosen.tasks:
            tasks.setdefault(one.sample, []).append(one.task)
        return sorted(
            (task, self.ledger.people.names.get(answer.annotator, answer.annotator))
            for answer in self._standing.answers
            if answer.counts
            for task in tasks.get(answer.of.sample, ())
        )

    def _of_samples(self) -> Iterator[str]:
        if self.empty:
            yield f"{plural(len(self.empty), 'sample')} with nothing to show cannot be ordered"
        if people := self.people_before():
            yield (
                f"{plural(len({name for _, name in people}), 'annotator')} answered items of this "
                f"round before; where a platform lets you say who gets what, {self.not_for} names "
                "who is not to get which (by name: it is for you alone)"
            )

    def _of_what_leaves(self) -> Iterator[str]:
        """What left in the place of what is personal, and what leaves as it is."""
        for counts, what in (
            (self.found, "placeholders stand for {} in what is shown; `allow` lets a column leave"),
            (self.as_it_is, "{} leave as they are, as `allow` says"),
        ):
            found = [f"{num:,} {_NAMES[kind]}" for kind, num in counts.items() if num]
            if found:
                yield what.format(" and ".join(found))
        names = [name for name in self.shown if name in _FILES]
        if names:
            yield (
                f"{plural(len(self.chosen.tasks), 'file')} of {' and '.join(names)} leave as they "
                "are, with what a camera or a recorder wrote into them"
            )
