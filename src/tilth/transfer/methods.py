"""Run one cell of a comparison: one method, one subset of the target, one seed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tilth.context import Context
from tilth.errors import UsageError
from tilth.models.lora import adapt
from tilth.pretrain.weights import load_model
from tilth.tasks.build import build_task
from tilth.tasks.settings import ITEMS, TASKS, require_fit
from tilth.training.evaluate import Evaluation
from tilth.transfer.clusters import parts, pseudo_parts
from tilth.transfer.settings import Method, Settings
from tilth.transfer.target import (
    Carried,
    choose,
    frozen_for_probe,
    learn,
    paired_loop,
    prepare_once,
    rows_of,
    split_of,
    start,
)
from tilth.transfer.tfidf import WHAT, classify_by_words

# The test subset is the same for all seeds.
_TEST_SEED = 0


def run_method(
    cell: Mapping[str, Any], inputs: Mapping[str, Path], settings: Settings, context: Context
) -> dict[str, Any]:
    """See `tilth.transfer.compare.run_cell`."""
    begun, cpu_before = time.perf_counter(), time.process_time()
    method: Method = cell["method"]
    size, seed = int(cell["size"]), context.seed * 1_000 + int(cell["seed"])
    loaded = load_model(inputs["model"])
    task_name = settings.task or loaded.task.name
    try:
        require_fit(task_name, loaded.settings)
    except ValueError as error:
        raise UsageError(str(error), where="transfer.task") from None
    carried = Carried(
        loaded.settings,
        None if method == "scratch" else loaded.model.state_dict(),
        loaded.tokenizer,
        loaded.facts,
    )
    prepared = prepare_once(
        inputs["data"], task_name, settings.data, context.work, tokenizer=loaded.tokenizer
    )
    facts = carried.read_as_trained(prepared.facts)
    task = build_task(
        task_name,
        facts,
        settings.objective or loaded.objective,
        augment=settings.augment,
        tokenizer=prepared.tokenizer,
    )
    whole = split_of(prepared, "train", "the target")
    chosen = choose(whole, size, seed, per_class=settings.sizes_per_class)
    data = rows_of(chosen, carried.model)
    held_out = split_of(prepared, "test", "the target")
    test_size = None if settings.test_size is None else min(settings.test_size, len(held_out))
    test = rows_of(choose(held_out, test_size, _TEST_SEED), carried.model)

    if method == "tfidf-svm":
        measured = classify_by_words(inputs["data"], task_name, data, test, seed)
        seconds = round(time.perf_counter() - begun, 4)
        return {
            **_reported(measured, settings.metric),
            **_parts(measured, settings, inputs["data"]),
            "figures": measured.figures,
            "samples": size,
            "test_samples": len(measured.ids),
            "items": ITEMS[TASKS[task_name].data],
            "steps": 0,
            "epochs": 0.0,
            "nine_tenths": None,
            "seconds": seconds,
            "cpu_seconds": round(time.process_time() - cpu_before, 4),
            "training_seconds": seconds,
            "what": WHAT,
            "notes": [],
        }

    model = start(carried, facts, seed)
    frozen: tuple[str, ...] = ()
    what = "the pretrained weights, all of them trained"
    if method == "scratch":
        what = "the pretrained architecture (and tokenizer, for text), freshly initialised"
    elif method == "probe":
        frozen, what = frozen_for_probe(model, task_name)
    elif method == "lora":
        frozen = adapt(model, settings.lora_rank, seed=seed)
        what = (
            f"the pretrained weights, frozen but for the head; beside every other linear layer a "
            f"product of rank {settings.lora_rank} is trained"
        )
    optimizer, loop = settings.recipe_of(method)
    own = settings.own_of(method)
    if own.freeze:
        frozen = (*frozen, *own.freeze)
        what += f"; frozen as well: {', '.join(own.freeze)}"
    if own.unfreeze:
        named = [f"{prefix} after {100 * share:.0f} %" for prefix, share in own.unfreeze.items()]
        what += f"; trained later: {', '.join(named)}"
    learnt = learn(
        model,
        task,
        data,
        test,
        optimizer,
        paired_loop(loop),
        seed=seed,
        threads=context.threads,
        frozen=frozen,
        unfreeze=own.unfreeze,
        figures=True,
        # Whether it was given enough steps to be a fair opponent (see `transfer.headline`).
        late=method == "scratch",
        late_figures=bool(settings.metric),
    )
    evaluation, late = learnt.evaluation, learnt.late
    assert evaluation is not None
    return {
        **_reported(evaluation, settings.metric),
        **_parts(evaluation, settings, inputs["data"]),
        "loss": evaluation.loss,
        "figures": evaluation.figures,
        "samples": size,
        "test_samples": len(evaluation.ids),
        "items": ITEMS[TASKS[task_name].data],
        "steps": learnt.result.steps,
        "epochs": round(learnt.epochs, 4),
        "nine_tenths": None if late is None else _reported(late, settings.metric)["value"],
        "seconds": round(time.perf_counter() - begun, 4),
        "cpu_seconds": round(time.process_time() - cpu_before, 4),
        "training_seconds": round(learnt.result.seconds, 4),
        "what": what,
        "notes": list(learnt.result.notes),
    }


# Units and directions of the figures that a comparison may be read from.
FIGURES: Mapping[str, tuple[str, float, bool]] = {
    "bleu": ("BLEU", 100.0, False),
    "bleu_lowercase": ("BLEU", 100.0, False),
    "chrf": ("chrF", 100.0, False),
    "exact": ("%", 100.0, False),
    "macro_f1": ("%", 100.0, False),
    "top5": ("%", 100.0, False),
    "wer": ("%", 100.0, True),
    "cer": ("%", 100.0, True),
}


def _parts(evaluation: Evaluation, settings: Settings, dataset: Path) -> dict[str, Any]:
    """The metric's parts by cluster of the test set."""
    if settings.metric not in ("", evaluation.metric):
        # A figure without parts has no unit either: `_reported` has refused it.
        figure, scale = evaluation.by_item[settings.metric], FIGURES[settings.metric][1]
        return pseudo_parts(evaluation.ids, figure, dataset, settings.group, scale)
    return parts(
        evaluation.ids, evaluation.numerators, evaluation.denominators, dataset, settings.group
    )


def _reported(evaluation: Evaluation, metric: str) -> dict[str, Any]:
    """The metric that the comparison is read from: the task's own, or one of its figures."""
    if not metric or metric == evaluation.metric:
        return {
            "value": evaluation.value,
            "metric": evaluation.metric,
            "unit": evaluation.unit,
            "scale": evaluation.scale,
            "lower_is_better": evaluation.lower_is_better,
        }
    value = evaluation.figures.get(metric)
    if metric not in FIGURES or not isinstance(value, int | float):
        named = [name for name in evaluation.figures if name in FIGURES]
        raise UsageError(
            f"this task has no figure `{metric}`",
            where="transfer.metric",
            hint="choose from " + ", ".join([evaluation.metric, *named]),
        )
    unit, scale, lower = FIGURES[metric]
    return {
        "value": float(value),
        "metric": metric,
        "unit": unit,
        "scale": scale,
        "lower_is_better": lower,
    }
