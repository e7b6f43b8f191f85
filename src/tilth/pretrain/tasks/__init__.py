"""What is learnt, one task a file, and `build_task`, which makes one from its name.

base      the protocol: batch, loss, measure
images    which class an image is of
rotation  by how much an image was turned
contrastive  which two views are of one image
language  what comes next in a text
text_classification  which class a text is of
translation  from one language to another
speech    what is said in an utterance
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tilth.augment.chain import from_recipe
from tilth.errors import UsageError
from tilth.pretrain.facts import Facts
from tilth.pretrain.settings import TASKS, ObjectiveSettings, TaskName
from tilth.pretrain.tasks.base import Batch, Measured, Task
from tilth.pretrain.tasks.contrastive import ImageContrastive
from tilth.pretrain.tasks.images import ImageClassification
from tilth.pretrain.tasks.language import TextGeneration
from tilth.pretrain.tasks.rotation import ImageRotation
from tilth.pretrain.tasks.speech import SpeechRecognition
from tilth.pretrain.tasks.text_classification import TextClassification
from tilth.pretrain.tasks.translation import Translation
from tilth.pretrain.tokenize import Tokenizer

__all__ = ["Batch", "Measured", "Task", "build_task"]


def build_task(
    name: TaskName,
    facts: Facts,
    objective: ObjectiveSettings,
    *,
    augment: Sequence[Mapping[str, Any]] = (),
    tokenizer: Tokenizer | None = None,
) -> Task:
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
    if name not in TASKS:
        raise UsageError(f"there is no task `{name}`")
    if name == "text-generation":
        return TextGeneration(tokenizer)
    if name == "text-classification":
        return TextClassification(facts, objective, tokenizer, from_recipe(augment, "tokens"))
    if TASKS[name].data == "images":
        images = ImageClassification(facts, objective, from_recipe(augment, "images"))
        if name == "image-rotation":
            return ImageRotation(images)
        return ImageContrastive(images, objective) if name == "image-contrastive" else images
    if name == "translation":
        return Translation(facts, objective, tokenizer)
    audio, features = (from_recipe(augment, kind) for kind in ("audio", "features"))
    return SpeechRecognition(facts, objective, audio, features)
