"""Small models on disk, made in a moment: untrained, but for their last layer's bias."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

SIDE = 4


def png(level: int) -> bytes:
    """A grey image of one level."""
    out = io.BytesIO()
    Image.new("L", (SIDE, SIDE), level).save(out, "PNG")
    return out.getvalue()


def image_model(folder: Path) -> Path:
    """A perceptron over images of 4 x 4 pixels with the classes dark and light."""
    from tilth.models.build import build_model
    from tilth.models.facts import Facts, Sizes
    from tilth.models.mlp import MLPSettings
    from tilth.pretrain.weights import save_model
    from tilth.tasks.settings import ObjectiveSettings

    folder.mkdir(parents=True, exist_ok=True)
    facts = Facts(
        sizes=Sizes(image=(1, SIDE, SIDE), classes=2),
        classes=("dark", "light"),
        mean=(0.5,),
        std=(0.25,),
    )
    settings = MLPSettings(hidden=(8,), dropout=0)
    model = build_model(settings, facts.sizes, seed=0)
    save_model(folder, model, "image-classification", settings, facts, ObjectiveSettings())
    return folder
