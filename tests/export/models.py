"""Models of every family, on disk: untrained, but with weights that tell inputs apart."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import torch

from tilth.models.build import build_model
from tilth.models.facts import Facts, Sizes
from tilth.models.settings import ModelSettings, model_settings
from tilth.pretrain.weights import save_model
from tilth.recipe.load import load_recipe
from tilth.tasks.registry import declaration
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.text.tokenize import Tokenizer, train_tokenizer

WORDS: Final = ("the cat sat on the mat", "a dog ate the cat's hat", "what a hat")
_IMAGE = Sizes(image=(3, 8, 6), classes=4)
_SOUND = Sizes(mels=12, classes=6)
_TINY: dict[str, Any] = {"width": 16, "heads": 2, "dropout": 0.1}
FAMILIES: Final[dict[str, tuple[dict[str, Any], Sizes]]] = {
    "mlp": ({"kind": "mlp", "hidden": [8]}, _IMAGE),
    "cnn": ({"kind": "cnn", "channels": [4, 8], "hidden": 8}, _IMAGE),
    "resnet": (
        {"kind": "resnet", "stem_width": 4, "widths": [4, 8], "blocks": [1, 1]},
        _IMAGE,
    ),
    "gru": ({"kind": "ctc", "cell": "gru", "layers": 2, "hidden": 8, "channels": 8}, _SOUND),
    "lstm": ({"kind": "ctc", "cell": "lstm", "layers": 1, "hidden": 8, "channels": 8}, _SOUND),
    "rotary": ({"kind": "gpt", "layers": 1, "context": 24, **_TINY}, Sizes(vocabulary=280)),
    "learned": (
        {"kind": "gpt", "layers": 1, "context": 24, **_TINY, "positions": "learned", "bias": True},
        Sizes(vocabulary=280),
    ),
    "classifier": (
        {"kind": "gpt", "layers": 1, "context": 24, **_TINY},
        Sizes(vocabulary=280, classes=3),
    ),
    "pairs": (
        {"kind": "seq2seq", "encoder_layers": 1, "decoder_layers": 1, "hidden": 16, **_TINY},
        Sizes(vocabulary=280),
    ),
}
_TASKS = {
    "mlp": "image-classification",
    "cnn": "image-classification",
    "resnet": "image-classification",
    "ctc": "speech-recognition",
    "seq2seq": "translation",
}


@cache
def tokenizer() -> Tokenizer:
    """Of 280 tokens at most."""
    return train_tokenizer(WORDS * 20, 280)


def save(
    folder: Path,
    which: str | ModelSettings,
    sizes: Sizes | None = None,
    objective: ObjectiveSettings | None = None,
) -> Path:
    """A model of a family, or of those settings, in a folder as a training leaves it."""
    if isinstance(which, str):
        given, sizes = FAMILIES[which]
        settings = model_settings(given)
        if sizes.vocabulary:
            sizes = sizes.model_copy(update={"vocabulary": tokenizer().get_vocab_size()})
    else:
        settings = which
    assert sizes is not None
    model = build_model(settings, sizes, seed=1)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in model.parameters():
            spread = 0.3 if isinstance(which, str) else 0.01
            tensor.add_(torch.randn(tensor.shape, generator=generator) * spread)
    symbols = ("", *"abcdefghijklmnopqrstuvwxyz")
    channels = sizes.image[0]
    facts = Facts(
        sizes=sizes,
        classes=symbols[: sizes.classes]
        if sizes.mels
        else tuple(f"class {n}" for n in range(sizes.classes)),
        mean=tuple(0.4 + 0.1 * n for n in range(channels)),
        std=tuple(0.2 + 0.1 * n for n in range(channels)),
        sample_rate=8000 if sizes.mels else 0,
        max_length=12 if sizes.vocabulary and sizes.classes else 0,
    )
    text = "text-classification" if sizes.classes else "text-generation"
    folder.mkdir(parents=True, exist_ok=True)
    save_model(
        folder,
        model,
        _TASKS.get(settings.kind, text),
        settings,
        facts,
        objective or ObjectiveSettings(),
        tokenizer=tokenizer() if sizes.vocabulary else None,
    )
    return folder


def models_of(starter: str) -> list[tuple[ModelSettings, Sizes]]:
    """The models of a starter: of its pretraining, and of a transfer to another task.

    What the data says of them is small; layers and widths are the starter's.
    """
    recipe: dict[str, Any] = load_recipe(starter).resolved()
    stage = recipe["pretrain"]
    tasks = [stage["task"], (recipe.get("transfer") or {}).get("task") or stage["task"]]
    settings = model_settings(stage["model"])
    return [(settings, _sizes(task, stage)) for task in dict.fromkeys(tasks)]


def _sizes(task: str, stage: dict[str, Any]) -> Sizes:
    payload = declaration(task).data.payload
    if payload == "image":
        side = 224 if stage["model"].get("stem") == "imagenet" else 32
        return Sizes(image=(3, side, side), classes=10)
    if payload == "audio":
        return Sizes(mels=stage["data"]["mels"] or 40, classes=28)
    return Sizes(vocabulary=500, classes=7 if declaration(task).labels else 0)
