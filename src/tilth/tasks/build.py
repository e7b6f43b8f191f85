"""`build_task` makes a task from its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tilth.errors import ExtensionError
from tilth.models.facts import Facts
from tilth.tasks.base import Answering, Ingredients
from tilth.tasks.registry import declaration, load_task
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
        ExtensionError: It is a user's own, and lacks what training calls.
    """
    module = load_task(name)
    made: Answering = module.make(Ingredients(facts, objective, tokenizer, augment))
    silent = {"predict"} if not declaration(name).verb else set()
    lacking = sorted(one for one in _called() - silent if not hasattr(made, one))
    if lacking:
        raise ExtensionError(
            f"`make` of task {name} gives a {type(made).__name__} without "
            + ", ".join(f"`{one}`" for one in lacking),
            where=module.__name__.partition(".")[2],
            hint="what training asks of a task is `Task` of tilth.training.task",
        )
    return made


def _called() -> set[str]:
    """The names that a task has to have."""
    names = {name for base in Answering.__mro__ for name in getattr(base, "__annotations__", {})}
    names |= {name for base in Answering.__mro__ for name, it in vars(base).items() if callable(it)}
    return {name for name in names if not name.startswith("_")}
