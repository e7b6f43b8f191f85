"""The pretrain stage: a data set in, a trained model and its figures out.

With `seeds`, the same training is repeated for each: the figures are those of all, the weights kept
are the first one's.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tilth.context import Context
from tilth.pretrain.settings import Settings

if TYPE_CHECKING:
    from torch import nn

    from tilth.pretrain.prepare import Prepared
    from tilth.pretrain.tasks import Task

__all__ = ["Settings", "fit"]


def fit(
    inputs: Mapping[str, Path], settings: Settings, out: Path, context: Context
) -> dict[str, Any]:
    """Train on the samples of `inputs["data"]`; see `tilth.pretrain.loop`.

    Args:
        inputs: `data`, the data set's folder.
        settings: Of the stage.
        out: Takes model.safetensors, config.json, tokenizer.json or classes.json, metrics.jsonl.
        context: `work` keeps prepared arrays and checkpoints; a killed training goes on there.

    Returns:
        metric, unit, lower_is_better, curve, validation, test, model, stopped, steps,
        tokens_or_examples_seen, seconds, precision, threads, notes, and with several seeds
        `seeds`: each one's figures.

    Raises:
        MissingError: torch is not installed.
        DataError: There are no samples, or they do not fit the task.
        StepError: The loss is not a number.
    """
    # torch and what stands on it are loaded here: `tilth check` reads settings without them.
    from tilth.pretrain.models import count_parameters
    from tilth.pretrain.prepare import prepare

    context.progress(0, None, "preparing")
    prepared = prepare(
        inputs["data"], settings.task, settings.data, context.work, progress=context.progress
    )
    seeds = settings.seeds or (context.seed,)
    results = []
    for number, seed in enumerate(seeds):
        folder = out if number == 0 else out / f"seed-{seed}"
        folder.mkdir(exist_ok=True)
        results.append(_train_one(prepared, settings, seed, folder, context, number, len(seeds)))
    model, task, first = results[0]
    return {
        "metric": task.metric,
        "unit": task.unit,
        "lower_is_better": task.lower_is_better,
        **first,
        "model": {"kind": settings.model.kind, "parameters": count_parameters(model)},
        "samples": {split: len(rows) for split, rows in prepared.splits.items()},
        "unreadable": list(prepared.unreadable),
        **_over_seeds(seeds, [figures for _, _, figures in results], task.metric),
    }


def _train_one(
    prepared: Prepared,
    settings: Settings,
    seed: int,
    folder: Path,
    context: Context,
    number: int,
    total: int,
) -> tuple[nn.Module, Task, dict[str, Any]]:
    """Train with one seed and write the model; returns (model, task, figures)."""
    from tilth.augment.chain import from_recipe
    from tilth.pretrain.evaluate import evaluate
    from tilth.pretrain.loop import train
    from tilth.pretrain.models import build_model
    from tilth.pretrain.state import METRICS, torch_state
    from tilth.pretrain.tasks import build_task
    from tilth.pretrain.weights import initialise, save_model

    notes: list[str] = []
    model = build_model(settings.model, prepared.sizes, seed=seed)
    if settings.initialise != "random":
        taken = initialise(model, Path(settings.initialise))
        notes.append(
            f"{len(taken.taken)} tensors taken from {settings.initialise}, "
            f"{len(taken.skipped)} of another shape skipped, {len(taken.missing)} fresh"
        )
    task = build_task(
        settings.task,
        mean=prepared.mean,
        std=prepared.std,
        augment=from_recipe(settings.augment),
    )
    work = context.work / f"seed-{seed}"
    work.mkdir(exist_ok=True)

    def progress(done: float, of: float | None, note: str) -> None:
        label = note if total == 1 else f"seed {number + 1} of {total}, {note}"
        context.progress(done, of, label)

    rows = prepared.examples("train", settings.model)
    assert rows is not None  # `prepare` refuses a data set without training samples
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
        progress=progress,
    )
    save_model(
        folder,
        model,
        task,
        settings.model,
        prepared.sizes,
        tokenizer=prepared.tokenizer,
        classes=prepared.classes,
    )
    if (work / METRICS).is_file():
        shutil.copyfile(work / METRICS, folder / METRICS)
    figures: dict[str, Any] = {
        "curve": result.curve,
        "stopped": result.stopped,
        "steps": result.steps,
        "tokens_or_examples_seen": result.tokens,
        "seconds": round(result.seconds, 3),
        "precision": result.precision,
        "threads": result.threads,
        "notes": [*notes, *result.notes],
    }
    for split in ("validation", "test"):
        held_out = prepared.examples(split, settings.model)
        with torch_state(context.threads):
            figures[split] = {} if held_out is None else evaluate(model, task, held_out).metrics()
    return model, task, figures


def _over_seeds(
    seeds: tuple[int, ...], figures: list[dict[str, Any]], metric: str
) -> dict[str, Any]:
    """Each seed's figures and their mean, where there are several."""
    if len(seeds) == 1:
        return {}
    rows = [
        {
            "seed": seed,
            "test": one["test"],
            "validation": one["validation"],
            "seconds": one["seconds"],
        }
        for seed, one in zip(seeds, figures, strict=True)
    ]
    split = "test" if figures[0]["test"] else "validation"
    mean = fmean(one[split][metric] for one in figures) if figures[0][split] else None
    return {"seeds": rows, "mean": {"split": split, metric: mean}}
