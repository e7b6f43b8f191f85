"""A GPT, or one that says which class a text is of: as the data has classes or not."""

from __future__ import annotations

from torch import nn

from tilth.models.facts import Sizes
from tilth.models.gpt import GPTSettings
from tilth.models.gpt.classifier import GPTClassifier
from tilth.models.gpt.decoder import GPT


def make(settings: GPTSettings, sizes: Sizes) -> nn.Module:
    """The network for what the data demands."""
    if sizes.classes:
        return GPTClassifier(settings, sizes.vocabulary, sizes.classes)
    return GPT(settings, sizes.vocabulary)
