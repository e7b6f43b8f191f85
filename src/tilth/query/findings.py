"""What a run found, in a sentence a stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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
    name, test, mean = result.get("metric"), result.get("test"), result.get("mean")
    if stage == "pretrain" and name and isinstance(test, dict) and name in test:
        over = ""
        if isinstance(mean, dict) and name in mean and mean.get("split") == "test":
            kind = "folds" if result.get("folds") else "seeds"
            over, test = f", mean of {len(result.get(kind) or [])} {kind}", mean
        measured = f"{test[name]:.4g} {result.get('unit') or ''}".rstrip()
        yield f"pretrain: {str(name).replace('_', ' ')} {measured} on test{over}"
    if result.get("headline"):
        yield f"{stage}: {result['headline']}"
    for arm in result.get("arms") or []:
        if isinstance(arm, dict) and arm.get("headline"):
            yield f"{stage}: {arm['headline']}"
