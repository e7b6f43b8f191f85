"""What a run found, in a sentence a stage."""

from __future__ import annotations

from collections.abc import Iterator

from tilth.extensions import using
from tilth.pretrain.quoted import sentence
from tilth.query.runs import RunStep, RunView


def findings(run: RunView) -> tuple[str, ...]:
    """The test result of pretrain, the headline of transfer, that of each arm of value.

    Raises:
        MissingError: The output of a stage was removed.
        DataError: Its result cannot be read.
    """
    with using(run.extensions):
        return tuple(said for step in run.steps for said in _sentences(step))


def _sentences(step: RunStep) -> Iterator[str]:
    if step.pretrained is not None and (measured := sentence(step.pretrained)):
        yield f"pretrain: {measured}"
    if step.transferred is not None and step.transferred.headline:
        yield f"transfer: {step.transferred.headline}"
    for arm in step.valued.arms if step.valued is not None else ():
        if arm.headline:
            yield f"value: {arm.headline}"
