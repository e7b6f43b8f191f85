"""The pretrain stage: a data set in, a trained model and its figures out.

With `seeds`, the same training is repeated for each; with `cross_validate`, for each value that is
left out. The figures are those of all, the weights at the top are the first one's.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from tilth.context import Context, require_settled
from tilth.errors import DataError
from tilth.pretrain.parts import require_named_parts
from tilth.pretrain.result import (
    Figures,
    Intervals,
    MeanOfRuns,
    PretrainResult,
    Repeat,
    Size,
    Taken,
)
from tilth.pretrain.settings import ALONE, RANDOM, Planned, Settings
from tilth.pretrain.start import ON_THE_HUB, facts_of, fingerprint_start
from tilth.settings import BaseSettings
from tilth.store.files import remove
from tilth.tasks.registry import declaration

if TYPE_CHECKING:
    from torch import nn

    from tilth.statistics.found import Bounds
    from tilth.statistics.intervals import Reach
    from tilth.tasks.base import Answering
    from tilth.tasks.prepare import Prepared
    from tilth.training.state import TrainResult

__all__ = ["Planned", "Settings", "fingerprint", "fit", "is_by_name", "require_together", "seeded"]


def fingerprint(settings: Settings) -> str:
    """A digest of the weights to start from: the step runs anew when they were trained anew.

    Raises:
        MissingError: They are not there.
    """
    return fingerprint_start(settings.initialise)


def is_by_name(fingerprint: str) -> bool:
    """Whether a fingerprint only names what is fetched once the step runs."""
    return fingerprint.endswith(ON_THE_HUB)


def seeded(settings: Settings, seed: int) -> Settings:
    """The settings with the recipe's seed where they name none."""
    return settings.model_copy(update={"seeds": settings.seeds or (seed,)})


def require_together(settings: Settings, _: Mapping[str, BaseSettings]) -> None:
    """Refuse what the settings name of a model that it has not.

    Raises:
        UsageError: The model has no such parameters.
    """
    require_named_parts(settings)


def fit(
    inputs: Mapping[str, Path],
    settings: Settings,
    out: Path,
    context: Context,
    planned: Planned = ALONE,
) -> PretrainResult:
    """Train on the samples of `inputs["data"]`; see `tilth.training.loop`.

    Args:
        inputs: `data`, the data set's folder.
        settings: Of the stage.
        out: Takes model.safetensors, config.json, tokenizer.json, metrics.jsonl.
        context: `work` keeps prepared arrays and checkpoints; a killed training goes on there.
        planned: The recipe's transforms.

    Raises:
        MissingError: torch is not installed.
        UsageError: The settings name parameters that the model has not.
        DataError: There are no samples, or they do not fit the task.
        DataError: The weights to start from were written to while they were read.
        StepError: The loss is not a number.
    """
    # torch and what stands on it are loaded here: `tilth check` reads settings without them.
    from tilth.models.build import count_parameters
    from tilth.pretrain.groups import require_groups
    from tilth.pretrain.hub import find_model, read_tokenizer
    from tilth.pretrain.launch import launch
    from tilth.tasks.prepare import prepare
    from tilth.training.ranks import current, first_before_others

    if settings.loop.processes > 1 and current().world == 1:
        found = launch(inputs, settings, out, context, planned)
        require_settled()
        return found
    require_named_parts(settings)
    start = None if settings.initialise == RANDOM else find_model(settings.initialise)
    known = None if start is None else facts_of(start)
    tokenizer = None if start is None else read_tokenizer(start)
    if (
        start is not None
        and tokenizer is None
        and declaration(settings.task).data.payload == "text"
    ):
        raise DataError(
            "there is no tokenizer beside the weights to start from, and their rows are its tokens",
            where=settings.initialise,
            hint="add tokenizer.json, or vocab.json and merges.txt",
        )
    folds, notes = _folds(inputs["data"], settings)
    seeds = seeded(settings, context.seed).seeds
    runs: list[_Run] = []
    for fold in folds:
        context.progress(0, None, "preparing")
        with first_before_others():
            prepared = prepare(
                inputs["data"],
                settings.task,
                settings.data,
                context.work,
                tokenizer=tokenizer,
                model=known,
                window=settings.model.window,
                fold=fold,
                progress=context.progress,
            )
        notes = (*notes, *prepared.notes)
        prepared = replace(prepared, facts=prepared.facts.normalised_as(known))
        held_out = {k: rows.ids for k, rows in prepared.splits.items() if k != "train"}
        require_groups(inputs["data"], held_out, settings.group)
        for seed in seeds:
            name = _name(fold, seed, len(seeds))
            folder = out / name if runs else out
            folder.mkdir(exist_ok=True)
            told = _labelled(context, len(runs), len(folds) * len(seeds), name)
            model, task, trained = _train_one(
                prepared, settings, planned, start, seed, name, folder, told
            )
            precision = trained.result.precision
            measured = _measure(model, task, prepared, settings, inputs["data"], told, precision)
            held = Repeat(
                seed=seed,
                fold=None if fold is None else fold[1],
                validation=measured.metrics["validation"],
                test=measured.metrics["test"],
                intervals=measured.bounds,
                seconds=round(trained.result.seconds, 3),
                cpu_seconds=round(trained.result.cpu_seconds, 3),
            )
            told_of = replace(trained, notes=(*trained.notes, *measured.notes))
            counted = {split: len(rows) for split, rows in prepared.splits.items()}
            size = count_parameters(model)
            runs.append(_Run(told_of, held, measured.reach, size, counted))
    kept = runs[0]
    first, held = kept.trained, kept.held
    several = tuple(run.held for run in runs) if len(runs) > 1 else ()
    said = declaration(settings.task)
    return PretrainResult(
        task=settings.task,
        metric=task.metric,
        unit=task.unit,
        lower_is_better=task.lower_is_better,
        validation=held.validation,
        test=held.test,
        intervals=held.intervals,
        seconds=held.seconds,
        cpu_seconds=held.cpu_seconds,
        curve=tuple(first.result.curve),
        stopped=first.result.stopped,
        steps=first.result.steps,
        tokens_or_examples_seen=first.result.tokens if said.seen else first.result.examples,
        seen_unit=said.seen or said.data.items,
        precision=first.result.precision,
        device=first.result.device,
        threads=first.result.threads,
        notes=tuple(dict.fromkeys([*notes, *(n for run in runs for n in run.trained.notes)])),
        model=Size(kind=settings.model.kind, parameters=kept.parameters),
        samples=kept.samples,
        initialised=first.initialised,
        seeds=several if held.fold is None else (),
        folds=() if held.fold is None else several,
        mean=_mean_of(runs) if several else None,
    )


@dataclass(frozen=True)
class _Trained:
    """What one training did, what the user should be told, and what it began with."""

    result: TrainResult
    notes: tuple[str, ...]
    initialised: Taken | None


@dataclass(frozen=True)
class _Run:
    """One training of several.

    Attributes:
        trained: What it did.
        held: Its held-out figures.
        reach: What numbers each of them can be.
        parameters: Of its model: the vocabulary of each fold is its own.
        samples: Of each split.
    """

    trained: _Trained
    held: Repeat
    reach: Mapping[str, Reach]
    parameters: int
    samples: dict[str, int]


def _folds(
    dataset: Path, settings: Settings
) -> tuple[list[tuple[str, str] | None], tuple[str, ...]]:
    """The values to leave out, one a training, [None] for the data's own splits; and notes."""
    from tilth.schema import column
    from tilth.store import Dataset

    name = settings.cross_validate
    if not name:
        return [None], ()
    found: set[str] = set()
    without = 0
    names = list(dict.fromkeys((name, "source", "label")))
    for batch in Dataset(dataset).batches(names):
        columns = (column(batch, one).to_pylist() for one in (name, "source", "label"))
        for value, source, label in zip(*columns, strict=True):
            chosen = source in (settings.data.sources or (source,))
            if not chosen or label not in (settings.data.labels or (label,)):
                continue
            if value is None:
                without += 1
            else:
                found.add(value)
    if len(found) < 2:
        raise DataError(
            f"cross-validation needs two values of `{name}` or more, and there are {len(found)}",
            where="pretrain.cross_validate",
            hint="the source must say whose each sample is",
        )
    told = f"{without} samples have no `{name}`: they are always trained on and never tested"
    return [(name, value) for value in sorted(found)], (told,) * bool(without)


def _name(fold: tuple[str, str] | None, seed: int, num_seeds: int) -> str:
    """Folder of one training, below that of all."""
    if fold is None:
        return f"seed-{seed}"
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", fold[1])[:64]
    return f"without-{safe}" + (f"-seed-{seed}" if num_seeds > 1 else "")


def _labelled(context: Context, before: int, count: int, name: str) -> Context:
    """Say which training of several it is; its steps are counted among those of all."""
    if count == 1:
        return context

    def progress(done: float, of: float | None, note: str) -> None:
        done, of = (done, None) if of is None else (before * of + done, count * of)
        context.progress(done, of, f"{before + 1} of {count}: {name}, {note}")

    return replace(context, progress=progress)


def _train_one(
    prepared: Prepared,
    settings: Settings,
    planned: Planned,
    start: Path | None,
    seed: int,
    name: str,
    folder: Path,
    context: Context,
) -> tuple[nn.Module, Answering, _Trained]:
    """Train once and write the model."""
    context.progress(0, None, "building the model")
    from tilth.models.build import build_model
    from tilth.pretrain.weights import initialise, save_model
    from tilth.tasks.base import never_seen, spelled_twice
    from tilth.tasks.build import build_task
    from tilth.training.loop import train
    from tilth.training.state import EVENTS, METRICS

    notes: list[str] = []
    taken = None
    facts = prepared.facts
    model = build_model(settings.model, facts.sizes, seed=seed)
    if start is not None:
        taken = initialise(model, start)
        require_settled()
        notes.append(f"started from a trained model: {taken}")
    task = build_task(
        settings.task,
        facts,
        settings.objective,
        augment=planned.augment,
        tokenizer=prepared.tokenizer,
    )
    work = context.work / name
    work.mkdir(exist_ok=True)
    rows = prepared.examples("train", settings.model)
    assert rows is not None  # `prepare` refuses a data set without training samples
    notes += never_seen(settings.task, facts.classes, rows)
    notes += spelled_twice(settings.task, facts.classes, rows)
    result = train(
        model,
        task,
        rows,
        prepared.examples("validation", settings.model),
        settings.optimizer,
        settings.loop,
        seed=seed,
        threads=context.threads,
        work=work,
        progress=context.progress,
        frozen=settings.freeze,
        unfreeze=settings.unfreeze,
    )
    save_model(
        folder,
        model,
        settings.task,
        settings.model,
        facts,
        settings.objective,
        tokenizer=prepared.tokenizer,
    )
    if (work / METRICS).is_file():
        shutil.copyfile(work / METRICS, folder / METRICS)
    if (work / EVENTS).is_dir():
        remove(folder / EVENTS)
        shutil.copytree(work / EVENTS, folder / EVENTS)
    return model, task, _Trained(result, (*notes, *result.notes), taken)


@dataclass(frozen=True)
class _Measured:
    """What each split of a training was measured to be, and how sure that is.

    Attributes:
        metrics: Of each split; empty where it has no samples, or too few classes to be measured.
        bounds: Of each number among them.
        reach: What numbers each can be.
        notes: What the user should be told.
    """

    metrics: dict[str, Figures]
    bounds: dict[str, Intervals]
    reach: dict[str, Reach]
    notes: list[str]


def _measure(
    model: nn.Module,
    task: Answering,
    prepared: Prepared,
    settings: Settings,
    dataset: Path,
    context: Context,
    precision: str,
) -> _Measured:
    """Measure a trained model on what was held out, in the precision of its training."""
    from tilth.pretrain.groups import groups_of
    from tilth.tasks.base import only_class
    from tilth.training.evaluate import evaluate
    from tilth.training.state import torch_state

    found = _Measured({}, {}, {}, [])
    for split in ("validation", "test"):
        held_out = prepared.examples(split, settings.model)
        found.metrics[split], found.bounds[split] = {}, {}
        if held_out is None:
            continue
        only = only_class(settings.task, prepared.facts.classes, held_out)
        # A fold may be of one class, as a patient of one diagnosis: the mean is over all of them.
        if only is not None and not settings.cross_validate:
            found.notes.append(
                f"the {split} split has the class `{only}` alone ({len(held_out)} samples), of "
                "which a figure says nothing: it is not measured"
            )
            continue
        if len(held_out) < declaration(settings.task).at_once:
            found.notes.append(
                f"the {split} split has {len(held_out)} sample, and {settings.task} compares them "
                "with each other: it is not measured"
            )
            continue
        context.progress(0, None, f"measuring the {split} split")
        with torch_state(context.threads):
            measured = evaluate(
                model,
                task,
                held_out,
                batch_size=settings.loop.evaluation_batch_size,
                figures=True,
                precision=precision,
            )
        groups = groups_of(dataset, measured.ids, prepared.splits["train"].ids, settings.group)
        is_one = groups is not None and len(set(groups.tolist())) == 1
        found.metrics[split] = measured.metrics()
        bounds = measured.bounds(None if is_one else groups)
        if is_one:
            bounds = {name: replace(one, groups=1) for name, one in bounds.items()}
            if settings.group:
                # What was asked for is an interval over groups, and one group has none.
                bounds = {name: replace(one, low=None, high=None) for name, one in bounds.items()}
            elif not settings.cross_validate:
                found.notes.append(
                    f"the {split} split is of one subject, whom the training has not seen: its "
                    "intervals are over samples of this one, and say nothing of other subjects"
                )
        found.bounds[split] = bounds
        found.reach.update({name: one.reach for name, one in measured.all_figures().items()})
    return found


def _mean_of(runs: list[_Run]) -> MeanOfRuns:
    """The mean of each figure over all trainings."""
    split: Literal["validation", "test"] = "test" if runs[0].held.test else "validation"
    means: Figures = {}
    bounds: Intervals = {}
    for name, value in runs[0].held.of(split).items():
        if not isinstance(value, str):
            means[name] = fmean(float(run.held.of(split)[name]) for run in runs)
            bounds[name] = _over_all(runs, split, name)
    return MeanOfRuns.model_validate({"split": split, "intervals": bounds, **means})


def _over_all(runs: list[_Run], split: str, name: str) -> Bounds:
    """The interval of a figure's mean: over the seeds of each fold, then over folds."""
    from tilth.statistics.intervals import over_folds, over_seeds

    reach = runs[0].reach[name]
    values, bounds = [], []
    for fold in dict.fromkeys(run.held.fold for run in runs):
        of_fold = [run.held for run in runs if run.held.fold == fold]
        each = [float(held.of(split)[name]) for held in of_fold]
        spread = [held.bounds(split)[name] for held in of_fold]
        values.append(fmean(each))
        bounds.append(over_seeds(each, spread, reach) if len(each) > 1 else spread[0])
    return over_folds(values, bounds, reach) if len(values) > 1 else bounds[0]
