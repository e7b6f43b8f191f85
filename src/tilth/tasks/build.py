"""`build_task` makes a task from its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tilth.models.facts import Facts
from tilth.tasks.base import Answering, Ingredients
from tilth.tasks.registry import load_task
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.text.tokenize import Tokenizer


def build_task(
    name: str,
    facts: Facts,
    objective: ObjectiveSettings,
    *,
    augment: Sequence[Mapping[str, Any]] = (),
    tokenizer: Tokenizer | None = None,
) -> Answering:
    """The task of this name.

    Args:
        name: Of the task.
        facts: What the data says.
        objective: Label smoothing, beam, and the like.
        augment: The recipe's transforms, each {op: settings}; the task takes those of its kind.
        tokenizer: Of text.

    Raises:
        UsageError: There is no task of this name.
    """
    made: Answering = load_task(name).make(Ingredients(facts, objective, tokenizer, augment))
    return made
