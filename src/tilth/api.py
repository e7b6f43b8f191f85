"""The line from Python: load a recipe, see the plan, run it, and use what came out.

recipe = tilth.load_recipe("quickstart")
print(tilth.plan(recipe))
run = tilth.run(recipe)
run.dataset("train").to_polars()
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tilth.engine.events import Event
from tilth.engine.record import HISTORY
from tilth.engine.run import RunOptions, run_plan
from tilth.errors import UsageError
from tilth.extensions import using
from tilth.loaders import Dataset
from tilth.loaders.augment import Augment
from tilth.pretrain.result import PretrainResult
from tilth.query import runs as run_queries
from tilth.query.books import totals
from tilth.query.disk import Disk, disk_of
from tilth.query.document import report_document, with_disk
from tilth.query.export_selection import final_split
from tilth.query.findings import findings
from tilth.query.lines import PlainLines
from tilth.query.plans import PlanView, plan_recipe, renamed
from tilth.query.removal import Removal, plan_removal
from tilth.query.removal import remove as remove_planned
from tilth.query.runs import RunView
from tilth.query.samples import Shown, show_samples
from tilth.query.status import RunStatus, run_status
from tilth.query.trace import Trace, trace_sample
from tilth.query.verify import Verified, verify_run
from tilth.recipe.load import load_recipe
from tilth.recipe.model import Recipe
from tilth.report.write import write_model_card, write_report
from tilth.splits import SPLITS
from tilth.store.manifest import Kind
from tilth.transfer.result import TransferResult
from tilth.value.result import ValueResult

__all__ = ["Results", "Run", "load_recipe", "open_run", "plan", "run"]

Progress = bool | Callable[[Event], None]


@dataclass(frozen=True)
class Results:
    """What the training stages of a run found; None of a stage that it has not, or not yet."""

    pretrain: PretrainResult | None
    transfer: TransferResult | None
    value: ValueResult | None


class Run:
    """A run on disk: its data sets, samples, results and report.

    Args:
        view: Where it is and what its record says.
    """

    def __init__(self, view: RunView) -> None:
        self.view = view

    def __repr__(self) -> str:
        return f"Run({self.view.name!r}, {self.view.record.status})"

    def __str__(self) -> str:
        return "\n".join([f"{self.name}: {self.view.record.status}", *self.findings])

    @property
    def name(self) -> str:
        """Its name, as `open_run` takes it."""
        return self.view.name

    @property
    def folder(self) -> Path:
        """Its folder."""
        return self.view.folder

    @property
    def status(self) -> RunStatus:
        """How it stands: steps, books, what is left, what went wrong."""
        return run_status(self.view)

    @property
    def disk(self) -> Disk:
        """The disk that its folder takes, by step."""
        return disk_of(self.view)

    @property
    def quarantined(self) -> int:
        """Records that failed, over the whole line, as its report has them."""
        books = totals(self.view.line())
        return books.quarantined if books else 0

    @property
    def findings(self) -> tuple[str, ...]:
        """What the training stages found, a sentence each, as the report and the terminal say."""
        return findings(self.view)

    @property
    def results(self) -> Results:
        """What pretrain, transfer and value found: `run.results.pretrain.test["accuracy"]`."""
        own = [step for step in self.view.steps if not step.is_arm]
        return Results(
            next((s.pretrained for s in own if s.pretrained is not None), None),
            next((s.transferred for s in own if s.transferred is not None), None),
            next((s.valued for s in own if s.valued is not None), None),
        )

    @property
    def report_path(self) -> Path:
        """Where its report is, or will be."""
        return report_folder(self.view) / run_queries.REPORT

    def dataset(self, which: str = "train") -> Dataset:
        """A data set: of a step, or the train, validation or test split at the end of the line.

        Raises:
            UsageError: There is no such step.
            MissingError: It has no samples of that split, the run has not come to the end of the
                line, or the output was removed.
        """
        if which in SPLITS:
            found = final_split(self.view, which)
        else:
            found = self.view.step(which, SPLITS).dataset()
        augment = Augment(self.view.transforms, self.view.extensions)
        return Dataset(found.path, found.split, augment=augment)

    def show(
        self,
        step: str,
        kind: Kind = "kept",
        *,
        rule: str | None = None,
        n: int = 20,
        offset: int = 0,
    ) -> Shown:
        """Samples of a step; see `tilth show`."""
        return show_samples(self.view, step, kind, rule=rule, n=n, offset=offset)

    def trace(self, sample: str) -> Trace:
        """The life of one sample, by id, prefix of it, or address; see `tilth trace`."""
        return trace_sample(self.view, sample)

    def verify(self, *, forget: bool = False) -> Verified:
        """Read all its data sets and say what is not as it was committed; see `tilth verify`.

        Args:
            forget: Forget the data sets that are damaged: the next run makes them again.

        Raises:
            UsageError: `forget` of an entry of a history.
            StorageError: With `forget`: a run is going on in its folder, or it cannot be changed.
            DataError: A data set is of a later version.
        """
        return verify_run(self.view, forget=forget)

    def remove(
        self, *, unused: bool = False, history: bool = True, dry_run: bool = False
    ) -> Removal:
        """Remove the run, or its data sets that none of its records needs; see `tilth remove`.

        Args:
            unused: Only such data sets.
            history: With `unused`: what only the run's history needs stays too.
            dry_run: Remove nothing; print what is returned to see what would go.

        Raises:
            StorageError: A run is going on in its folder, or it cannot be changed.
            UsageError: It is an entry of a history, a link leads elsewhere, or `history` is false
                without `unused`.
        """
        found = plan_removal(self.name, self.folder.parent, unused=unused, history=history)
        return found if dry_run or not found.parts else remove_planned(found)

    def write_report(self) -> Path:
        """Write report.html, report.json and both cards anew; returns the path of the page.

        Raises:
            StorageError: The folder cannot be written.
        """
        with using(self.view.extensions):
            document = report_document(self.view)
            if document.model is not None and self.view.entry is None:
                # The model's card lies in a data set, whose bytes the report tells.
                write_model_card(document, self.folder / document.model.folder)
                document = with_disk(document, self.view)
            return write_report(document, report_folder(self.view))


def report_folder(view: RunView) -> Path:
    """Where a run's report goes; an entry of the history has a folder of its own."""
    if view.entry is None:
        return view.folder
    return view.folder / HISTORY / f"{view.entry:04d}"


def _recipe(recipe: Recipe | str | Path) -> Recipe:
    return recipe if isinstance(recipe, Recipe) else load_recipe(recipe)


def plan(
    recipe: Recipe | str | Path,
    *,
    runs: str | Path = "runs",
    name: str | None = None,
    limit: int | None = None,
    only: str | None = None,
    refresh: str | None = None,
) -> PlanView:
    """What will run, what is done already, and why; reads no data. Print it to see it.

    Args:
        recipe: A recipe, its file, or a starter's name.
        runs: The folder that holds runs.
        name: Another name for the run than the recipe's.
        limit: Samples to read of each source at most.
        only: A step to end with.
        refresh: A crawl that asks its sites again for what it has.

    Raises:
        RecipeError: The recipe has mistakes.
        MissingError: A source is not there.
        UsageError: There is no step `only` and no crawl `refresh`, `name` is none for a folder, or
            `limit` is below 1.
    """
    given = renamed(_recipe(recipe), name)
    return plan_recipe(given, runs=runs, limit=limit, only=only, refresh=refresh)


def run(
    recipe: Recipe | str | Path,
    *,
    runs: str | Path = "runs",
    name: str | None = None,
    limit: int | None = None,
    only: str | None = None,
    refresh: str | None = None,
    workers: int = 0,
    ray: str | None = None,
    progress: Progress = True,
) -> Run:
    """Run what is not done yet, then write the report. Safe to kill and to call again.

    Args:
        recipe: A recipe, its file, or a starter's name.
        runs: The folder that holds runs; the run's folder in it has the recipe's name.
        name: Another name for the run.
        limit: Samples to read of each source at most.
        only: Run this step and what it stands on, no more.
        refresh: A crawl that asks its sites again for what it has: what has changed is fetched.
        workers: Processes side by side; 0: one a processor core. Changes no output.
        ray: Run on the Ray cluster at this address instead (`auto`, `host:port`; `local` starts
            one here), as many tasks side by side as it has processors; extra `ray`. Changes no
            output.
        progress: Lines on standard error, nothing, or a function called with each event.

    Raises:
        TilthError: A step failed; what was committed is kept, and running again goes on there.
        UsageError: As of `plan`, or `workers` are below 0, or given beside `ray`.
    """
    view = plan(recipe, runs=runs, name=name, limit=limit, only=only, refresh=refresh)
    return run_planned(view, workers=workers, ray=ray, progress=progress)


def run_planned(
    view: PlanView, *, workers: int = 0, ray: str | None = None, progress: Progress = True
) -> Run:
    """Run what was planned, as `run` does; nothing is loaded or planned again.

    What is done already is looked at once more, under the run's lock: another process may have gone
    on with the run since. A source that changed since is an error of its step.

    Args:
        view: From `plan`.
        workers, ray, progress: As in `run`.

    Raises:
        TilthError: As in `run`.
    """
    if workers < 0:
        raise UsageError(f"the number of workers is 0 or more, not {workers}")
    if workers and ray is not None:
        raise UsageError(
            "`workers` and `ray` exclude each other",
            hint="on a Ray cluster as many tasks run side by side as it has processors",
        )
    folder = Path(view.folder)
    with _listening(progress) as listeners:
        options = RunOptions(
            num_workers=workers,
            only=view.only,
            refresh=view.refresh,
            ray_address=ray,
            listeners=listeners,
        )
        run_plan(view.plan, folder, options)
    found = Run(run_queries.open_run(folder))
    found.write_report()
    return found


@contextlib.contextmanager
def _listening(progress: Progress) -> Iterator[list[Callable[[Event], None]]]:
    if progress is True:
        with PlainLines(lambda line: print(line, file=sys.stderr, flush=True)) as lines:
            yield [lines]
    else:
        yield [progress] if callable(progress) else []


def open_run(name: str | Path, runs: str | Path = "runs") -> Run:
    """A run that is on disk.

    Args:
        name: Its name, the path of its folder, or either with `@N` for entry N of its history.
        runs: The folder that holds runs.

    Raises:
        MissingError: There is none.
        DataError: Its record is damaged, or of a later version of Tilth.
    """
    return Run(run_queries.open_run(name, runs))
