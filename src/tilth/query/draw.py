"""Draw a few samples to look at: those with the smallest ids, the same on every machine.

An id is a digest, so the smallest are a uniform draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tilth.pretrain.generated import Drawn
from tilth.query.runs import RunStep, RunView
from tilth.query.samples import rows_by_id
from tilth.schema import column
from tilth.splits import SPLITS
from tilth.store import Dataset

_COLUMNS = ["id", "uri", "text", "image", "audio", "target", "label"]


def draw_ids(
    dataset: Dataset, data: Mapping[str, Any], num: int, left_out: tuple[str, str] | None = None
) -> dict[str, list[str]]:
    """Ids of each split that a training stage uses, at most `num` each.

    Args:
        dataset: What the stage reads.
        data: Its `data` settings: sources, labels, and what its splits are called.
        num: Ids a split at most.
        left_out: (column, value) of a fold: the test split is all of that value, the training
            split all others.
    """
    ids: dict[str, list[str]] = {name: [] for name in SPLITS}
    columns = ["id", "split", "source", "label", *(left_out or ())[:1]]
    for batch in dataset.batches(list(dict.fromkeys(columns))):
        wanted = pc.is_valid(column(batch, "id"))
        for name, setting in (("source", "sources"), ("label", "labels")):
            if values := data.get(setting):
                chosen = pa.array([str(value) for value in values], pa.string())
                wanted = pc.and_(wanted, pc.is_in(column(batch, name), value_set=chosen))
        if left_out is None:
            marks = pc.fill_null(column(batch, "split"), "train")
            of = {name: pc.equal(marks, str(data.get(name, name))) for name in SPLITS}
        else:
            tested = pc.fill_null(pc.equal(column(batch, left_out[0]), left_out[1]), False)
            of = {"train": pc.invert(tested), "test": tested}
        for name, mask in of.items():
            mine = pc.fill_null(pc.and_(wanted, mask), False)
            found = column(batch, "id").filter(mine).to_pylist()
            ids[name] = sorted([*ids[name], *found])[:num]
    return ids


def draw_held_out(run: RunView, step: RunStep, num: int) -> Drawn:
    """Samples that a trained model was tested on; where there are none, others that it knows of.

    Args:
        run: The run.
        step: The one that trained the model.
        num: Samples at most.
    """
    dataset = run.step(step.inputs[0]).dataset()
    data = step.settings.get("data")
    drawn = draw_ids(dataset, data if isinstance(data, dict) else {}, num, _left_out(step))
    split = next((name for name in ("test", "validation") if drawn[name]), "train")
    return Drawn(split, rows_by_id(dataset, "kept", drawn[split], _COLUMNS))


def _left_out(step: RunStep) -> tuple[str, str] | None:
    """(column, value) of the fold that the model at hand was tested on."""
    name = step.settings.get("cross_validate")
    folds = step.pretrained.folds if step.pretrained is not None else ()
    return (str(name), str(folds[0].fold)) if name and folds else None
