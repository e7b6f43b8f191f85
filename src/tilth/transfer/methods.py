"""Run one cell of a comparison: one method, one subset of the target, one seed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tilth.context import Context
from tilth.errors import UsageError
from tilth.pretrain.settings import ModelSettings
from tilth.pretrain.weights import load_model
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
    task_for,
)

# The test subset is the same for all seeds.
_TEST_SEED = 0


def run_method(
    cell: Mapping[str, Any], inputs: Mapping[str, Path], settings: Settings, context: Context
) -> dict[str, Any]:
    """See `tilth.transfer.compare.run_cell`."""
    begun = time.perf_counter()
    method: Method = cell["method"]
    size, seed = int(cell["size"]), context.seed * 1_000 + int(cell["seed"])
    loaded = load_model(inputs["model"])
    if settings.task not in (None, loaded.task.name):
        raise UsageError(
            f"the pretrained model is of task {loaded.task.name}, the target of {settings.task}",
            where="transfer.task",
            hint="leave `task` out",
        )
    carried = Carried(
        TypeAdapter(ModelSettings).validate_python(loaded.config["model"]),
        None if method == "scratch" else loaded.model.state_dict(),
        loaded.tokenizer,
        loaded.classes,
        tuple(loaded.config["mean"]),
        tuple(loaded.config["std"]),
    )
    prepared = prepare_once(
        inputs["data"], loaded.task.name, settings.data, context.work, tokenizer=loaded.tokenizer
    )
    whole = split_of(prepared, "train", "the target")
    data = rows_of(choose(whole, size, seed), carried.model)
    held_out = split_of(prepared, "test", "the target")
    test_size = None if settings.test_size is None else min(settings.test_size, len(held_out))
    test = rows_of(choose(held_out, test_size, _TEST_SEED), carried.model)

    frozen: tuple[str, ...] = ()
    what = "the pretrained weights, all of them trained"
    if method == "scratch":
        what = "the pretrained architecture (and tokenizer, for text), freshly initialised"
    elif method == "probe":
        frozen, what = frozen_for_probe(carried.model)
    optimizer, loop = settings.recipe_of(method)
    learnt = learn(
        start(carried, prepared.sizes, prepared.classes, seed),
        task_for(loaded.task.name, carried.mean, carried.std, settings.augment),
        data,
        test,
        optimizer,
        paired_loop(loop),
        seed=seed,
        threads=context.threads,
        frozen=frozen,
    )
    evaluation = learnt.evaluation
    assert evaluation is not None
    return {
        "value": evaluation.value,
        "loss": evaluation.loss,
        "metric": evaluation.metric,
        "unit": evaluation.unit,
        "scale": evaluation.scale,
        "lower_is_better": evaluation.lower_is_better,
        "samples": size,
        "test_samples": len(evaluation.ids),
        "steps": learnt.result.steps,
        "epochs": round(learnt.epochs, 4),
        "cut_short": loop.epochs is not None and learnt.result.stopped != "epochs",
        "seconds": round(time.perf_counter() - begun, 4),
        "training_seconds": round(learnt.result.seconds, 4),
        "what": what,
        "notes": list(learnt.result.notes),
    }
