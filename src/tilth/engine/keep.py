"""Keep a run's record while it goes on: plan, books, versions; what was before goes to history."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tilth.engine.extend import named
from tilth.engine.record import (
    HISTORY,
    RECORD,
    RunRecord,
    StepRecord,
    earlier_records,
    next_entry,
    read_record,
    steps_before,
)
from tilth.engine.resolve import StepState
from tilth.engine.share import shareable_address
from tilth.engine.spent import Spent
from tilth.errors import DataError, TilthError
from tilth.machine import describe_machine, num_cores
from tilth.recipe.model import Recipe
from tilth.recipe.plan import Plan, PlannedStep
from tilth.store.files import remove, storage_errors, write_bytes, write_record
from tilth.store.manifest import Manifest
from tilth.versions import version_of

STARTER = " (starter)"


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def recipe_file(recipe: Recipe, folder: Path) -> str:
    """Where a recipe came from as the record has it: a file is named relative to the folder."""
    if not recipe.origin or recipe.origin.endswith(STARTER):
        return recipe.origin
    return os.path.relpath(recipe.origin, os.path.abspath(folder))


class RecordKeeper:
    """The run's record, `run.json`: plan, books, versions; the one before goes to `history/`.

    Attributes:
        spent: What steps took that were stopped before their end.
    """

    def __init__(self, plan: Plan, folder: Path, num_workers: int) -> None:
        self._folder = folder
        self._times = _times_before(folder)
        self.spent = Spent(folder)
        self._steps_before = steps_before(folder)
        self._plan = plan
        if (folder / RECORD).is_file():
            entry = folder / HISTORY / f"{next_entry(folder):04d}.json"
            write_record(entry, read_record(folder / RECORD))
        text = plan.recipe.to_yaml()
        write_bytes(folder / "recipe.yaml", text.encode("utf-8"))
        self._steps: list[StepRecord] = []
        self._record = RunRecord(
            name=plan.recipe.name,
            about=plan.recipe.header.about,
            seed=plan.recipe.header.seed,
            limit=plan.limit,
            status="running",
            started=now(),
            recipe_yaml=text,
            recipe_file=recipe_file(plan.recipe, folder),
            machine=describe_machine(),
            workers=num_workers or num_cores(),
            versions=_versions(),
            extensions=named(plan.recipe.extensions),
            steps=(),
        )
        self._start = time.monotonic()
        self._journal = folder / f".{RECORD}.{time.time_ns()}.steps"
        self._write(self._journal.name)
        self._remove_journals(but=self._journal)

    def add(
        self,
        step: PlannedStep,
        state: StepState,
        manifest: Manifest,
        seconds: float,
        pace: tuple[float, ...],
    ) -> None:
        """Add a finished step. The time of a cached step is that of the run that made it."""
        if state.cached:
            seconds = self._times.get(step.identity, 0.0)
        entry = StepRecord(
            name=step.name,
            stage=step.operation.stage,
            op=step.operation.name,
            kind=step.operation.kind,
            identity=step.identity,
            folder=step.folder_name,
            inputs=tuple(name for _, name in step.inputs),
            parts=dict(step.parts),
            said=step.said(),
            own=step.own,
            digest=manifest.digest,
            cached=state.cached,
            why=state.why,
            seconds=round(seconds, 3),
            went_on=state.begun,
            pace=pace,
            counts=manifest.counts,
        )
        self._steps.append(entry)
        line = json.dumps(entry.as_kept(), ensure_ascii=False, allow_nan=False) + "\n"
        with storage_errors(self._journal), open(self._journal, "ab") as journal:
            journal.write(line.encode("utf-8", "surrogatepass"))
        self.spent.end(step.identity)

    @contextlib.contextmanager
    def of_its_end(self) -> Iterator[None]:
        """Write how the run ended where it fails or is stopped."""
        try:
            yield
        except TilthError as error:
            self.spent.note()
            self.finish("failed", error)
            raise
        except KeyboardInterrupt:
            self.spent.note()
            self.finish("stopped", None)
            raise

    def finish(self, status: str, error: TilthError | None) -> None:
        """Write how the run ended.

        Raises:
            StorageError: It is done, and the record cannot say so. Of a run that failed or was
                stopped why is told, whatever becomes of the record.
        """
        self._record = self._record.model_copy(
            update={
                "status": status,
                "error": shareable_address(str(error)) if error else None,
                "finished": now(),
                "seconds": round(time.monotonic() - self._start, 3),
            }
        )
        try:
            self._write(None)
        except TilthError:
            if status.startswith("done"):
                raise
            return
        # What stays of it goes with the next run's.
        with contextlib.suppress(TilthError):
            self._remove_journals()

    def _remove_journals(self, but: Path | None = None) -> None:
        found = self._folder.glob(f".{RECORD}.*.steps")
        remove(*(path for path in found if path != but))

    def _write(self, journal: str | None) -> None:
        """Write the record. Steps that were not reached keep what the last record has of them."""
        reached = {step.name for step in self._steps}
        planned = {step.name for step in self._plan.steps}
        unreached = tuple(
            before
            for name, before in self._steps_before.items()
            if name in planned and name not in reached
        )
        whole = {"steps": tuple(self._steps), "unreached": unreached, "journal": journal}
        write_record(self._folder / RECORD, self._record.model_copy(update=whole))


def _times_before(folder: Path) -> dict[str, float]:
    """Seconds that each identity took when it was made; a damaged record says nothing."""
    times: dict[str, float] = {}
    for path in [*earlier_records(folder).values(), folder / RECORD]:
        steps: tuple[StepRecord, ...] = ()
        with contextlib.suppress(FileNotFoundError, DataError):
            steps = read_record(path).steps
        for step in steps:
            if not step.cached:
                times[step.identity] = step.seconds
            else:
                times.setdefault(step.identity, step.seconds)
    return times


def _versions() -> dict[str, str]:
    """Versions of what decides outputs."""
    names = (
        *("tilth", "numpy", "numba", "pyarrow", "pydantic", "aiohttp", "trafilatura"),
        *("resiliparse", "pillow", "torch", "tokenizers", "safetensors", "scikit-learn"),
        *("lxml", "soundfile", "fastwarc", "warcio", "isal", "pypdfium2", "mammoth"),
        *("python-calamine", "pi-heif", "av", "icu4py"),
    )
    versions = {"python": platform.python_version()}
    found = {name: version_of(name) for name in names}
    return versions | {name: version for name, version in found.items() if version}
