"""What a run found, in a sentence a stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tilth.pretrain.quoted import sentence
from tilth.query.runs import RunView


def findings(run: RunView) -> tuple[str, ...]:
    """The test result of pretrain, the headline of transfer, that of each arm of value."""
    return tuple(
        sentence
        for step in run.steps
        if not step.sorts and isinstance(result := step.manifest.get("result"), dict)
        for sentence in _sentences(step.stage, result)
    )


def _sentences(stage: str, result: Mapping[str, Any]) -> Iterator[str]:
    if stage == "pretrain" and (measured := sentence(result)):
        yield f"pretrain: {measured}"
    if result.get("headline"):
        yield f"{stage}: {result['headline']}"
    for arm in result.get("arms") or []:
        if isinstance(arm, dict) and arm.get("headline"):
            yield f"{stage}: {arm['headline']}"
