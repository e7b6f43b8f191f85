"""Find a run, and its steps as its record has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml

from tilth.engine.extend import open_copies
from tilth.engine.record import RECORD, RunRecord, StepRecord, earlier_records, read_record
from tilth.errors import DataError, MissingError, UsageError
from tilth.extensions import Extension
from tilth.hints import did_you_mean
from tilth.loaders import Dataset
from tilth.pretrain.result import PretrainResult
from tilth.recipe.operations import RECORD_STAGES
from tilth.records import Json, Kind, read_as
from tilth.store.manifest import MANIFEST, Manifest, read_manifest
from tilth.transfer.result import TransferResult
from tilth.value.result import ValueResult

REPORT = "report.html"
SORTING_KINDS = ("source", "map", "part", "shuffle")
_ARM_PREFIX = "value."


@dataclass(frozen=True)
class RunStep:
    """One step of a run as its record has it.

    Attributes:
        name, stage, op, kind: As in the recipe.
        identity: Content address of its output.
        digest: Of its data as this run had it; empty in a record of an earlier version.
        folder: Where its data set stands.
        inputs: Names of the steps before it.
        cached: Whether the run found it done.
        why: Why it ran.
        seconds: What it took when it was made.
        num_in, kept, dropped, quarantined: Its books; None where it does not sort samples.
        passed_over: Beside them: places that a source was pointed at and did not read.
        noted: Places that it read with a guess or a change.
        born: Samples that came into being in it, as parts of those that came in.
        settings: Its settings as plain values, and what the plan added to them.
    """

    name: str
    stage: str
    op: str
    kind: str
    identity: str
    digest: str
    folder: Path
    inputs: tuple[str, ...]
    cached: bool
    why: str
    seconds: float
    num_in: int | None
    kept: int | None
    dropped: int | None
    quarantined: int | None
    passed_over: int | None
    settings: Json = field(repr=False)
    born: int = 0
    noted: int = 0

    @property
    def sorts(self) -> bool:
        """Whether it is a step of the data line, with samples and books."""
        return self.kind in SORTING_KINDS

    @property
    def is_arm(self) -> bool:
        """Whether only an arm of the value stage needs it."""
        return self.name.startswith(_ARM_PREFIX) and "/" in self.name

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest of its output.

        Raises:
            MissingError: Its output was removed.
            DataError: It cannot be read, or is of other data than this run had: a source may have
                given others when it was fetched again.
        """
        if not (self.folder / MANIFEST).is_file():
            raise MissingError(
                f"the output of `{self.name}` is not there any more",
                where=str(self.folder),
                hint="run the recipe again",
            )
        found = read_manifest(self.folder)
        if self.digest and found.digest and found.digest != self.digest:
            raise DataError(
                f"the output of `{self.name}` was made again since, and is not what this run had",
                where=str(self.folder),
                hint="`tilth list runs` and `tilth status` say which run has it as it is now",
                code="made-again",
            )
        return found

    def dataset(self, split: str | None = None) -> Dataset:
        """Its output as a data set.

        Args:
            split: Only the samples of this one.

        Raises:
            MissingError, DataError: As of `manifest`.
            UsageError: There is no such split.
        """
        _ = self.manifest
        return Dataset(self.folder, split=split)

    @cached_property
    def pretrained(self) -> PretrainResult | None:
        """What it found, where it is the stage `pretrain`."""
        return self._result(PretrainResult) if self.stage == "pretrain" else None

    @cached_property
    def transferred(self) -> TransferResult | None:
        """What it found, where it is the stage `transfer`."""
        return self._result(TransferResult) if self.stage == "transfer" else None

    @cached_property
    def valued(self) -> ValueResult | None:
        """What it found, where it is the stage `value`."""
        return None if self.stage != "value" or self.sorts else self._result(ValueResult)

    def _result(self, kind: type[Kind]) -> Kind:
        what = f"the result of `{self.name}`"
        return read_as(kind, self.manifest.result, str(self.folder / MANIFEST), what)


@dataclass(frozen=True)
class RunView:
    """One invocation of a run: the last one, or an entry of its history.

    Attributes:
        folder: The run's folder.
        record: `run.json`, or the entry of `history/`.
        entry: Number of the history entry; None for the last invocation.
    """

    folder: Path
    record: RunRecord = field(repr=False)
    entry: int | None = None

    @property
    def name(self) -> str:
        """As `tilth show` and the like take it."""
        return self.folder.name + (f"@{self.entry}" if self.entry is not None else "")

    @cached_property
    def steps(self) -> tuple[RunStep, ...]:
        """The finished steps, in order."""
        return tuple(_step(self.folder, step) for step in self.record.steps)

    @cached_property
    def extensions(self) -> tuple[Extension, ...]:
        """What of the user's own it was made with, from the copies in its folder.

        Raises:
            MissingError: A copy is not there any more.
            DataError: One was changed.
        """
        return open_copies(self.record.extensions, self.folder)

    @cached_property
    def transforms(self) -> tuple[Json, ...]:
        """The transforms of its recipe, each {op: settings}, in order.

        Raises:
            DataError: The recipe in its record cannot be read.
        """
        try:
            found = yaml.safe_load(self.record.recipe_yaml) or {}
            return tuple(dict(one) for one in found.get("augment") or ())
        except (yaml.YAMLError, AttributeError, TypeError, ValueError):
            raise DataError(
                "the recipe in the run's record cannot be read", where=str(self.folder)
            ) from None

    def line(self) -> list[RunStep]:
        """The steps of the data line that sort samples, those of arms aside."""
        return [step for step in self.steps if step.sorts and not step.is_arm]

    def end_of_line(self) -> RunStep:
        """The step whose samples are trained on.

        Raises:
            MissingError: No step is finished.
        """
        line = self.line()
        if not line:
            raise MissingError(
                "the run has no finished step",
                where=str(self.folder),
                hint="run the recipe again; it goes on where it stopped",
            )
        return line[-1]

    def final_step(self) -> RunStep:
        """The step whose samples are the final data set; of a run that was told to end before it
        (`--only`), the last that it was to make.

        Raises:
            MissingError: The run was stopped, or failed, before it.
        """
        end = self.end_of_line()
        whole = self.record.status.startswith("done")
        last = None if whole else _last_of(self.record.recipe_yaml)
        if last not in (None, end.name):
            raise MissingError(
                f"the final data set is that of `{last}`, and the run has come to `{end.name}`",
                where=str(self.folder),
                hint=f"run the recipe again: it goes on there; or name the step `{end.name}`",
                code="not-reached",
            )
        return end

    def step(self, name: str, or_one_of: Sequence[str] = ()) -> RunStep:
        """The step of that name; `rules` stands for `clean.rules` where that is clear.

        Args:
            name: Of the step, or its end.
            or_one_of: What else might have been meant, for the hint.

        Raises:
            UsageError: There is no such step, or several.
        """
        found = self._by_name.get(name)
        if found is None:
            names = list(self._by_name)
            found = self._by_name[match_step(name, names, self._unreached(), or_one_of)]
        return found

    @cached_property
    def _by_name(self) -> dict[str, RunStep]:
        return {step.name: step for step in self.steps}

    def _unreached(self) -> list[str]:
        return [step.name for step in self.record.unreached]


def _last_of(recipe: str) -> str | None:
    """The last step of a resolved recipe's data line; None where it cannot be told."""
    try:
        tree = yaml.safe_load(recipe)
        for stage in reversed(RECORD_STAGES):
            if names := [next(iter(step)) for step in tree.get(stage) or ()]:
                count = names.count(names[-1])
                return f"{stage}.{names[-1]}" + (f"-{count}" if count > 1 else "")
        sources = list(tree["collect"])
    except (yaml.YAMLError, AttributeError, KeyError, StopIteration, TypeError):
        return None
    return f"collect.{sources[0]}" if len(sources) == 1 else "mix.weights"


def match_step(
    name: str,
    names: Sequence[str],
    unreached: Sequence[str] = (),
    or_one_of: Sequence[str] = (),
) -> str:
    """The one of `names` that a user means by `name`: it, or the only one that ends so.

    Args:
        name: What was written.
        names: Of the steps that there are.
        unreached: Of those that the run did not come to.
        or_one_of: What else might have been meant, for the hint.

    Raises:
        UsageError: None, or several, of the names fit.
    """
    if name in names:
        return name
    own = [n for n in names if not n.startswith(_ARM_PREFIX)]
    for choices in (own, list(names)):
        fitting = [n for n in choices if n.endswith((f".{name}", f"/{name}"))]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise UsageError(
                f"`{name}` is the end of several steps",
                hint="name one of " + ", ".join(f"`{n}`" for n in fitting),
                code="ambiguous-step",
            )
    if any(n == name or n.endswith(f".{name}") for n in unreached):
        raise MissingError(
            f"`{name}` was not reached in this run",
            hint="run the recipe again; `tilth status` says where it stopped",
            code="not-reached",
        )
    raise UsageError(
        f"there is no step `{name}` in this run",
        hint=did_you_mean(name, [*or_one_of, *own]) if own else "no step is finished yet",
        code="unknown-step",
    )


def _step(folder: Path, record: StepRecord) -> RunStep:
    counts = record.counts
    return RunStep(
        record.name,
        record.stage,
        record.op,
        record.kind,
        record.identity,
        record.digest,
        folder / "data" / record.folder,
        record.inputs,
        record.cached,
        record.why,
        record.seconds,
        counts.num_in if counts else None,
        counts.kept if counts else None,
        counts.dropped if counts else None,
        counts.quarantined if counts else None,
        counts.passed_over if counts else None,
        record.told(),
        counts.born if counts else 0,
        counts.noted if counts else 0,
    )


def open_run(which: str | Path, runs: str | Path = "runs") -> RunView:
    """Find a run.

    Args:
        which: Its name, the path of its folder, or either with `@N` for entry N of its history.
        runs: The folder that holds runs.

    Raises:
        MissingError: There is none, with the closest name.
        DataError: Its record cannot be read.
    """
    text = str(which).rstrip("/")
    folder, entry = _folder(text, Path(runs)), None
    if folder is None and "@" in text:
        base, _, number = text.rpartition("@")
        if number.isdecimal() and number.isascii():
            folder, entry = _folder(base, Path(runs)), int(number)
    if folder is None:
        raise _not_found(text, Path(runs))
    path = folder / RECORD
    if entry is not None:
        history = earlier_records(folder)
        if entry not in history:
            known = f"it has {spell_entries(folder)}" if history else "it has none"
            raise MissingError(f"the history of `{folder.name}` has no entry {entry}", hint=known)
        path = history[entry]
    return RunView(folder, read_record(path), entry)


def spell_entries(folder: Path) -> str:
    """The entries of a run's history as they are named: `s@1 to s@4`, `s@6`."""
    numbers = list(earlier_records(folder))
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    name = folder.name
    return ", ".join(
        f"{name}@{first}" + (f" to {name}@{last}" if last > first else "") for first, last in ranges
    )


def _folder(text: str, runs: Path) -> Path | None:
    places = [runs / text, Path(text)] if text else []
    return next((place for place in places if (place / RECORD).is_file()), None)


def _not_found(text: str, runs: Path) -> MissingError:
    if text and any((Path(text) / f"{name}.onnx").is_file() for name in ("model", "encoder")):
        return MissingError(
            "this is a model of ONNX, which Tilth writes and does not ask",
            where=text,
            hint="`use.py` in the folder asks it; `tilth export RUN --format safetensors` writes "
            "a folder that Tilth asks",
            code="no-run",
        )
    names = [run.folder.name for run in list_runs(runs)]
    hint = (
        did_you_mean(text, names, "tilth list runs")
        if names
        else f"there is no run in {runs}; `tilth run` makes one"
    )
    return MissingError(f"there is no run `{text}`", where=str(runs), hint=hint, code="no-run")


def list_runs(runs: str | Path = "runs") -> list[RunView]:
    """All runs of a folder, by name; one whose record cannot be read has that for its status."""
    found = []
    folder = Path(runs)
    for path in sorted(folder.glob(f"*/{RECORD}")) if folder.is_dir() else []:
        if path.parent.name.startswith("."):
            continue  # on its way out: see `tilth.query.removal`
        try:
            found.append(RunView(path.parent, read_record(path)))
        except DataError as error:
            found.append(RunView(path.parent, _unreadable(path.parent, error)))
    return found


def _unreadable(folder: Path, error: DataError) -> RunRecord:
    """What is known of a run whose record is damaged, or of a later version."""
    recipe = folder / "recipe.yaml"
    text = recipe.read_text("utf-8", "replace") if recipe.is_file() else ""
    return RunRecord(
        name=folder.name, status="unreadable", error=error.what, recipe_yaml=text, steps=()
    )
