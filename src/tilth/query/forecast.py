"""What a step that pays for something will ask for and what it costs, before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from tilth.engine.resolve import StepState
from tilth.recipe.plan import data_folder
from tilth.store import Dataset


def forecast_of(state: StepState, states: Mapping[str, StepState], folder: Path) -> str:
    """The operation's own sentence over what comes in; empty where it pays for nothing.

    Args:
        state: Of the step.
        states: Of all steps by name.
        folder: Of the run.

    Raises:
        TilthError: What comes in cannot be read.
    """
    tell = getattr(state.step.operation.module, "forecast", None)
    if tell is None or state.cached:
        return ""
    before = [states[name] for _, name in state.step.inputs]
    open_ = [one.step.name for one in before if not one.cached]
    if open_:
        return f"how much is asked is known once `{open_[0]}` is finished (`--only {open_[0]}`)"
    reads = (*state.step.operation.module.reads(state.step.settings), "label", "label_origin")

    def batches() -> Iterator[pa.RecordBatch]:
        for one in before:
            data = Dataset(data_folder(folder, one.step))
            there = {*data.columns()}
            wanted = dict.fromkeys(("id", "uri", "source", *reads))
            yield from data.batches([name for name in wanted if name in there])

    return str(tell(batches(), state.step.settings))
