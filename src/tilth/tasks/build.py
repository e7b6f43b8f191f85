"""`build_task` makes a task from its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tilth.augment.chain import from_recipe
from tilth.errors import UsageError
from tilth.models.facts import Facts
from tilth.tasks.base import Answering
from tilth.tasks.images.classification import ImageClassification
from tilth.tasks.images.contrastive import ImageContrastive
from tilth.tasks.images.rotation import ImageRotation
from tilth.tasks.settings import TASKS, ObjectiveSettings, TaskName
from tilth.tasks.speech.recognition import SpeechRecognition
from tilth.tasks.text.classification import TextClassification
from tilth.tasks.text.generation import TextGeneration
from tilth.tasks.text.tokenize import Tokenizer
from tilth.tasks.translation.task import Translation


def build_task(
    name: TaskName,
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
