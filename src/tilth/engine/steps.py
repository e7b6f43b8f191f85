"""Run one step: cut it into tasks, run those that are not committed, check the books, commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypedDict, assert_never

import pyarrow as pa
from pydantic import JsonValue

from tilth.engine import shuffle
from tilth.engine.again import before_of
from tilth.engine.books import Books
from tilth.engine.cells import Keyed, cell_path, is_kept, reads_of_cells
from tilth.engine.events import Listener, StepProgress, Warned
from tilth.engine.map import batches_of
from tilth.engine.outside import keep_outside
from tilth.engine.read import WasRead
from tilth.engine.reads import are_as_they_were, forget_reads, reads_of
from tilth.engine.resolve import fetched_alike, memo_of
from tilth.engine.tasks import (
    Describe,
    Fit,
    MapShard,
    ReadSource,
    RunCell,
    ShuffleKeys,
    ShuffleReduce,
    ShuffleResolve,
    Summarize,
    Survey,
    Task,
)
from tilth.errors import DataError, UsageError, source_changed
from tilth.extensions import Reference
from tilth.meta.kinds import TEXT, plainly
from tilth.meta.stream import is_field, written
from tilth.recipe.identity import digest_of_outside
from tilth.recipe.plan import Plan, PlannedStep, data_folder
from tilth.records import Json, read_as
from tilth.schema import PAYLOADS, SIGNAL_PREFIX
from tilth.spell import plural
from tilth.store import Dataset, refreshed
from tilth.store.digests import remembering
from tilth.store.files import move, remove, storage_errors, sweep
from tilth.store.manifest import (
    MODEL,
    Manifest,
    PassedOver,
    Shard,
    digest_of,
    files_of,
    write_manifest,
)
from tilth.store.parquet import is_empty, nulls_of, schema_of
from tilth.store.shard import forget_ledger, forget_shards, ledger, shard_name, shard_path

# What sources say when they hold not one record.
_EMPTY = "empty-source"


Listen = Callable[[int, float, float | None, str], None]


class _Common(TypedDict):
    """What every task is told."""

    step: str
    op: str
    settings: Json
    planned: Json | None
    folder: Path
    index: int
    outside: str | None
    memo: Path | None
    extensions: tuple[Reference, ...]


class _Phase(TypedDict):
    """What every phase of a shuffle is told."""

    partitions: int
    again: bool


class Engine(Protocol):
    """Runs tasks somewhere."""

    def run(self, tasks: Iterable[Task], listen: Listen) -> Iterator[tuple[int, JsonValue]]:
        """Run tasks; yields (position, result) as they finish."""

    def close(self) -> None:
        """Let go of the workers."""


class Options(Protocol):
    """The settings of a run that steps look at."""

    shard_rows: int
    shard_bytes: int


class StepRunner:
    """Runs the steps of one plan in one run's folder."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        engine: Engine,
        emit: Listener,
        options: Options,
        extensions: tuple[Reference, ...] = (),
    ) -> None:
        self.plan = plan
        self.folder = folder
        self._engine = engine
        self._emit = emit
        self._options = options
        self._extensions = extensions
        self._made: dict[str, PlannedStep] = {}

    def made(self, step: PlannedStep) -> None:
        """Take in a step whose output is there: those after it read it."""
        self._made[step.name] = step

    def step(self, name: str) -> PlannedStep:
        """A step that is made."""
        return self._made[name]

    def place(self, name: str) -> Path:
        """The folder of a step that is made."""
        return data_folder(self.folder, self._made[name])

    def run(self, step: PlannedStep, cells: Sequence[Keyed] = ()) -> None:
        """Run the step to its manifest.

        Args:
            step: Which; the steps before it are made.
            cells: Of a grid, all of them.

        Raises:
            TilthError: It failed; what it had committed stays.
        """
        folder = data_folder(self.folder, step)
        if step.operation.kind == "source" and not folder.exists():
            self._take_over(step, folder)
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        # The run's lock says that no worker is left that could be writing.
        sweep(folder)
        if not self._goes_on(step, folder):
            begin_anew(folder, but_work=step.operation.kind == "source")
        for path in shuffle.forget_damaged(folder, keys=step.operation.kind == "shuffle"):
            self._emit(Warned(step.name, f"{path} is not what was committed: it is made again"))
        manifest = Manifest(
            step=step.name,
            op=step.operation.name,
            identity=step.identity,
            parts=dict(step.parts),
            own=step.own,
            inputs=tuple(name for _, name in step.inputs),
        )
        match step.operation.kind:
            case "source" | "map" | "part" | "shuffle":
                manifest = self._records(step, folder, manifest)
            case "fit":
                by_name = step.operation.is_by_name(step.settings)
                result = self._all(step, [self._fit_task(step, folder)])[0]
                settled = digest_of_outside(
                    step.operation.fingerprint(step.settings) if by_name else None
                )
                made = {"result": result, "model": files_of(folder / MODEL), "settled": settled}
                manifest = manifest.model_copy(update=made)
            case "grid":
                summary = self._grid(step, folder, cells)
                names = tuple(cell.identity for cell in cells)
                manifest = manifest.model_copy(update={"result": summary, "cells": names})
            case "transform":
                raise ValueError(f"{step.name} is no step: training applies it")
            case _:
                assert_never(step.operation.kind)
        with remembering(memo_of(self.folder, step)):
            keep_outside(folder, step.operation.fingerprint(step.settings))
        whole = {"digest": digest_of(manifest), "reads": self._opened(step, folder, cells)}
        write_manifest(folder, manifest.model_copy(update=whole))
        self.tidy(step)

    def refresh(self, step: PlannedStep) -> None:
        """Ask a source's sites again for what it has fetched; its data set is as it was until then.

        Raises:
            TilthError: It failed; what was fetched stays, and called again it goes on.
        """
        folder = data_folder(self.folder, step)
        if not folder.exists():
            self._take_over(step, folder)
        if refreshed.state(folder / "work") == "fetched":
            return  # The run stopped before that was read.
        refreshed.begin(folder / "work")
        task = self._source_task(step, folder).model_copy(update={"refresh": True})
        (told,) = self._all(step, [task])
        refreshed.fetched(folder / "work")
        self._emit(Warned(step.name, str(told)))

    def _take_over(self, step: PlannedStep, folder: Path) -> None:
        """Give a source what it fetched when it was made by other code, or for other settings that
        it says ask for the same: what it has is not fetched again."""
        others = [other for other in folder.parent.glob(f"{step.stem}-*") if other != folder]
        others = sorted(other for other in others if (other / "work").is_dir())
        found = next((other for other in others if fetched_alike(other, step)), None)
        serves = getattr(step.operation.module, "serves", None)
        if found is None and serves is not None:
            # What another step of this run is made of is its own.
            taken = {data_folder(self.folder, one) for one in self._made.values()}
            free = (other for other in others if other not in taken)
            found = next((other for other in free if serves(step.settings, other / "work")), None)
        if found is not None:
            folder.mkdir(parents=True)
            move(found / "work", folder / "work")

    def _goes_on(self, step: PlannedStep, folder: Path) -> bool:
        """Whether what a stopped run left of the step is of what its files hold now."""
        try:
            return are_as_they_were(folder, step.name)
        except DataError:
            return False

    def _opened(self, step: PlannedStep, folder: Path, cells: Sequence[Keyed]) -> dict[str, str]:
        """What code of the user's own opened in the step, or in the cells of a grid.

        Raises:
            DataError: It is not what the step's identity says, or changed meanwhile.
        """
        found = reads_of(folder, step.name) | reads_of_cells(cells, self.folder)
        planned = step.parts.get("reads", {})
        other = [name for name, digest in found.items() if planned.get(name, digest) != digest]
        if other:
            begin_anew(folder, but_work=step.operation.kind == "source")
            raise source_changed(step.name, other)
        return found

    def tidy(self, step: PlannedStep) -> None:
        """Remove what a finished step needs no more; also of one that was killed before it did."""
        folder = data_folder(self.folder, step)
        sweep(folder, below=False)  # what was on its way out when it was killed
        forget_ledger(folder)
        forget_reads(folder)
        if step.operation.kind != "source":  # A source's own state (what was fetched) is kept.
            remove(folder / "work")
        elif refreshed.state(folder / "work") == "fetched":
            refreshed.forget(folder / "work")
        sweep(folder / MODEL)  # its card, and what it answered, are written by reports

    def _records(self, step: PlannedStep, folder: Path, manifest: Manifest) -> Manifest:
        kind = step.operation.kind
        expected: int | None = None
        passed = PassedOver()
        if kind == "source":
            passed = self._read(step, folder)
        else:
            inputs = [Dataset(self.place(name)) for _, name in step.inputs]
            shards = [path for dataset in inputs for path in dataset.shards()]
            # What the steps before kept by their own books, not what stands in the files.
            expected = sum(dataset.num_rows for dataset in inputs)
            if expected:
                self._tell_of_types(step)
                self._look_ahead(step, folder, shards)
            if kind == "shuffle":
                self._shuffle(step, folder, shards, shuffle.partitions_for(expected))
            self._map(step, folder, shards, expected, _fields_together(inputs))
        entries = ledger(folder)
        books = Books.of(entries.values())
        books.check(step.name, expected)
        # A shard that was empty when it came in has no file at all.
        kept = sorted(name for name, entry in entries.items() if entry.kept)
        if _differ(entries[name].columns for name in kept):
            schema_of([shard_path(folder, name, "kept") for name in kept])
        self._look_back(step, [shard_path(folder, name, "kept") for name in kept])
        figures: JsonValue = {}
        module = step.operation.module
        lost = [
            tuple(sorted(n for n, entry in entries.items() if is_asked and getattr(entry, name)))
            for name in ("dropped", "quarantine")
            for is_asked in [getattr(module, f"DESCRIBES_{name.upper()}", False)]
        ]
        if hasattr(module, "describe") and (kept or any(lost)):
            self._say(step, "describing what was kept")
            dropped, aside = lost
            task = Describe(
                **self._common(step, folder), shards=tuple(kept), dropped=dropped, quarantine=aside
            )
            (figures,) = self._all(step, [task])
            for sentence in (
                module.doubts(figures, step.settings) if hasattr(module, "doubts") else ()
            ):
                self._emit(Warned(step.name, sentence))
        return manifest.model_copy(
            update={
                "counts": books.counts(
                    sum(passed.by_reason.values()), sum(passed.by_note.values())
                ),
                "passed_over": passed,
                "by_rule": dict(books.by_rule.most_common()),
                "sources": dict(sorted(books.sources.items())),
                # The whole of them stands above.
                "shards": tuple(one.model_copy(update={"by_rule": {}}) for one in entries.values()),
                "figures": figures,
            }
        )

    def _look_ahead(self, step: PlannedStep, folder: Path, shards: list[Path]) -> None:
        """Tell of what the step will not find in the samples, before it begins.

        Raises:
            DataError: The operation cannot do what its settings say. Of a part of the data only,
                and of an arm that takes data away, it is told.
        """
        module = step.operation.module
        told: list[str] = [*unasked(step)]
        for name in module.reads(step.settings) if hasattr(module, "reads") else ():
            if is_empty(shards, name):
                plain = name.removeprefix(SIGNAL_PREFIX)
                told.append(
                    f"no sample has a value in `{plain}`, which `{step.operation.name}` reads"
                )
            # A sample that is compared with none would pass for one that has no copy.
            elif (
                name in PAYLOADS
                and step.operation.kind == "shuffle"
                and (without := nulls_of(shards).get(name))
            ):
                told.append(
                    f"{plural(without, 'sample')} without `{name}`, which "
                    f"`{step.operation.name}` reads"
                )
        if hasattr(module, "survey"):
            try:
                task = Survey(**self._common(step, folder), inputs=tuple(shards))
                (sentences,) = self._all(step, [task])
                told += map(str, sentences if isinstance(sentences, list) else ())
            except DataError as error:
                if self.plan.limit is None and "/" not in step.name:
                    raise
                told.append(f"{error.what}; {error.hint}")
        for sentence in told:
            self._emit(Warned(step.name, sentence))

    def _look_back(self, step: PlannedStep, shards: list[Path]) -> None:
        """Tell of what the settings ask for and nothing that was kept has."""
        module = step.operation.module
        found = module.finds(step.settings) if shards and hasattr(module, "finds") else {}
        for name, sentence in found.items():
            if is_empty(shards, name):
                self._emit(Warned(step.name, sentence))
        if shards and hasattr(module, "tells"):
            whole = schema_of(shards)
            columns = pa.schema([field for field in whole if field.name in module.TELLS_BY])
            for sentence in module.tells(batches_of(shards, columns), step.settings):
                self._emit(Warned(step.name, sentence))

    def _tell_of_types(self, step: PlannedStep) -> None:
        """Tell of fields that become text since what comes in has them of several types."""
        names = [name for _, name in step.inputs]
        shards = {name: [*Dataset(self.place(name)).shards()] for name in dict.fromkeys(names)}
        if len(shards) < 2:
            return
        kinds: dict[str, dict[str, pa.DataType]] = {}
        for name, paths in shards.items():
            for field in schema_of(paths) if paths else ():
                if is_field(field.name) and not pa.types.is_null(field.type):
                    kinds.setdefault(field.name, {})[name] = field.type
        several = {name: of for name, of in kinds.items() if len(set(of.values())) > 1}
        together = schema_of([path for paths in shards.values() for path in paths])
        for name, of in several.items():
            if together.field(name).type == TEXT:
                told = ", ".join(f"{plainly(kind)} in `{one}`" for one, kind in of.items())
                self._emit(Warned(step.name, f"`{name}` is {told}: it is text from here on"))

    def _read(self, step: PlannedStep, folder: Path) -> PassedOver:
        """Read a source; of one that holds nothing, nothing is kept either.

        Returns:
            What it passed over.

        Raises:
            DataError: It is empty. What was fetched must not be taken for it again by the next run.
        """
        try:
            (found,) = self._all(step, [self._source_task(step, folder)])
            if not ledger(folder):
                raise DataError(
                    "the source is empty",
                    where=step.name,
                    hint="check its path or address; nothing was read",
                    code=_EMPTY,
                )
        except DataError as error:
            if error.code == _EMPTY:
                remove(folder)
            raise
        read = read_as(WasRead, found, step.name)
        for sentence in read.told:
            self._emit(Warned(step.name, sentence))
        return read.passed

    def _common(self, step: PlannedStep, folder: Path, index: int = 0) -> _Common:
        return {
            "step": step.name,
            "op": step.operation.name,
            "settings": step.settings.model_dump(mode="json"),
            "planned": None if step.planned is None else step.planned.model_dump(mode="json"),
            "folder": folder,
            "index": index,
            "outside": step.parts.get("outside"),
            "memo": memo_of(self.folder, step),
            "extensions": self._extensions,
        }

    def _source_task(self, step: PlannedStep, folder: Path) -> ReadSource:
        return ReadSource(
            **self._common(step, folder),
            source=step.parts["source"],
            work=folder / "work",
            seed=self.plan.recipe.header.seed,
            limit=self.plan.limit,
            shard_rows=self._options.shard_rows,
            shard_bytes=self._options.shard_bytes,
            before=before_of(folder.parent, step.stem, step.identity, step.parts),
        )

    def _fit_task(self, step: PlannedStep, folder: Path) -> Fit:
        return Fit(
            **self._common(step, folder),
            inputs=self._inputs(step),
            work=folder / "work",
            seed=self.plan.recipe.header.seed,
            threads=self.plan.recipe.header.threads,
        )

    def _cell_task(self, step: PlannedStep, folder: Path, index: int, cell: Keyed) -> RunCell:
        return RunCell(
            **self._common(step, folder, index),
            inputs=self._inputs(step),
            work=folder / "work",
            seed=self.plan.recipe.header.seed,
            threads=1,
            cell=cell.cell,
            parts=cell.parts,
            place=cell_path(self.folder, cell.identity),
        )

    def _inputs(self, step: PlannedStep) -> dict[str, Path]:
        return {role: self._artifact(name) for role, name in step.inputs}

    def _artifact(self, name: str) -> Path:
        """A data set's folder, or the folder of a trained model."""
        folder = self.place(name)
        return folder / MODEL if self._made[name].operation.kind == "fit" else folder

    def _map(
        self, step: PlannedStep, folder: Path, shards: list[Path], total: int, fields: str
    ) -> None:
        done = ledger(folder)
        tasks = [
            MapShard(**self._common(step, folder, index), input=path, fields=fields)
            for index, path in enumerate(shards)
            if shard_name(index) not in done
        ]
        books = Books.of(done.values())

        def tell() -> None:
            so_far = books.num_in + books.born
            self._emit(StepProgress(step.name, books.num_in, total, so_far, books.kept, ""))

        tell()
        for _, entry in self._results(step, tasks, _ignore):
            books.add(read_as(Shard, entry, step.name))
            tell()

    def _shuffle(
        self, step: PlannedStep, folder: Path, shards: list[Path], partitions: int
    ) -> None:
        if shuffle.is_decided(folder):
            return
        for again in shuffle.rounds_of(step.operation.module):
            if not again and shuffle.is_found(folder):
                continue
            turn = ", second round" if again else ""
            asked: _Phase = {"partitions": partitions, "again": again}
            keys = [
                ShuffleKeys(**self._common(step, folder, index), input=shards[index], **asked)
                for index in shuffle.shards_without_keys(
                    folder, len(shards), partitions, again=again
                )
            ]
            self._all(step, keys, f"keys{turn}")
            left = shuffle.partitions_left(folder, partitions, again=again)
            reduce = [ShuffleReduce(**self._common(step, folder, index), **asked) for index in left]
            self._all(step, reduce, f"partitions{turn}")
            resolve = ShuffleResolve(**self._common(step, folder), **asked)
            self._all(step, [resolve], f"resolve{turn}")

    def _grid(self, step: PlannedStep, folder: Path, cells: Sequence[Keyed]) -> JsonValue:
        # Two cells may come to the same: an arm's data may be that of the control.
        first = {cell.identity: (index, cell) for index, cell in reversed([*enumerate(cells)])}
        tasks = [
            self._cell_task(step, folder, index, cell)
            for index, cell in sorted(first.values(), key=lambda one: one[0])
            if not is_kept(cell, self.folder, step)
        ]
        self._all(step, tasks, "cells", already=len(cells) - len(tasks))
        self._say(step, "summing up")
        task = Summarize(
            **self._common(step, folder),
            cells=tuple(cell.cell for cell in cells),
            places=tuple(cell_path(self.folder, cell.identity) for cell in cells),
        )
        (summary,) = self._all(step, [task])
        return summary

    def _all(
        self, step: PlannedStep, tasks: Sequence[Task], unit: str = "", already: int = 0
    ) -> list[JsonValue]:
        """Run tasks to the end; results in order of the tasks."""
        results: dict[int, JsonValue] = {}
        total = len(tasks) + already
        if unit:
            self._emit(StepProgress(step.name, already, total, 0, 0, unit))

        def listen(_: int, done: float, of: float | None, note: str) -> None:
            # One task speaks for itself; of many, finished ones are counted.
            if len(tasks) == 1 and not unit:
                self._emit(StepProgress(step.name, done, of, 0, 0, note))

        for index, result in self._results(step, tasks, listen):
            results[index] = result
            if unit:
                done = len(results) + already
                self._emit(StepProgress(step.name, done, total, 0, 0, unit))
        return [results[index] for index in range(len(tasks))]

    def _results(
        self, step: PlannedStep, tasks: Sequence[Task], listen: Listen
    ) -> Iterator[tuple[int, JsonValue]]:
        """What tasks give; a mistake of the recipe that only the data shows names its line."""
        try:
            yield from self._engine.run(tasks, listen)
        except UsageError as error:
            place = ", ".join(part for part in (step.place, step.name) if part)
            error.where = f"{place}: {error.where}"
            raise

    def _say(self, step: PlannedStep, note: str) -> None:
        """Name a phase that counts nothing, lest the phase before be shown until it ends."""
        self._emit(StepProgress(step.name, 0, None, 0, 0, note))


def unasked(step: PlannedStep) -> tuple[str, ...]:
    """What a step of record operations decides where the recipe says nothing, in sentences."""
    of = getattr(step.operation.module, "unasked", None)
    return () if of is None else tuple(map(str, of(step.settings)))


def begin_anew(folder: Path, *, but_work: bool) -> None:
    """Forget what a stopped run left of a step; what a source has fetched is kept."""
    forget_shards(folder)
    forget_reads(folder)
    if not but_work:
        remove(folder / "work")


def _differ(columns: Iterable[Mapping[str, str]]) -> bool:
    """Whether a column is of two types, of which one may not hold the other's values."""
    types: dict[str, str] = {}
    return any(
        types.setdefault(name, kind) != kind for one in columns for name, kind in one.items()
    )


def _fields_together(inputs: Sequence[Dataset]) -> str:
    """The columns `meta.NAME` of all that comes in, where not every shard has them all alike."""
    shards = [path for dataset in inputs for path in dataset.shards()]
    kept = {
        tuple(sorted(one for one in shard.columns.items() if is_field(one[0])))
        for dataset in inputs
        for shard in dataset.manifest.shards
    }
    # Of one source all shards are alike; two may have the same columns in another order.
    firsts = [path for dataset in inputs for path in dataset.shards()[:1]]
    orders = {tuple(filter(is_field, schema_of([path]).names)) for path in firsts}
    return written(schema_of(shards)) if len(kept) > 1 or len(orders) > 1 else ""


def _ignore(index: int, done: float, total: float | None, note: str) -> None:
    """Progress within a shard is not shown: shards are small."""
