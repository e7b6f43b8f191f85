"""What is learnt, one task a file, and `build_task`, which makes one from its name.

base      the protocol: batch, loss, measure
images    which class an image is of
language  what comes next in a text
"""

from __future__ import annotations

from tilth.augment.chain import Transform
from tilth.errors import UsageError
from tilth.pretrain.facts import Facts
from tilth.pretrain.settings import ObjectiveSettings, TaskName
from tilth.pretrain.tasks.base import Batch, Measured, Task
from tilth.pretrain.tasks.images import ImageClassification
from tilth.pretrain.tasks.language import TextGeneration
from tilth.pretrain.tokenize import Tokenizer

__all__ = ["Batch", "Measured", "Task", "build_task"]


def build_task(
    name: TaskName,
    facts: Facts,
    objective: ObjectiveSettings,
    *,
    augment: Transform | None = None,
    tokenizer: Tokenizer | None = None,
) -> Task:
    """The task of this name.

    Args:
        name: Of the task.
        facts: What the data says.
        objective: Label smoothing, beam, and the like.
        augment: Changes training samples; None: as they are.
        tokenizer: Of text.
    """
    if name == "text-generation":
        return TextGeneration(tokenizer)
    if name == "image-classification":
        return ImageClassification(facts, objective, augment)
    raise UsageError(f"there is no task `{name}`")
