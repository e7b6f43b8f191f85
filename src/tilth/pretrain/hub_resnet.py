"""A residual network as Hugging Face has it: `ResNetForImageClassification`.

Theirs begins as ResNet-50 does (`stem: imagenet`), with basic or bottleneck blocks.
Source: He et al. 2016, and `transformers`' own module.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from torch import Tensor

from tilth.models.facts import Facts
from tilth.models.resnet import ResNetSettings
from tilth.models.resnet.network import ResNet
from tilth.pretrain.start import CONFIG, WEIGHTS
from tilth.store.files import write_json
from tilth.training.checkpoint import write_tensors

_BOTTLENECK = 4
_BILINEAR = 2  # as Pillow numbers it
IMAGE_CONFIG: Final = "preprocessor_config.json"


def write_resnet(model: ResNet, settings: ResNetSettings, facts: Facts, out: Path) -> None:
    """Write weights, configuration, and how a picture becomes pixels.

    Args:
        model, settings: With the stem `imagenet`, and no pooled blocks.
        facts: Names of the classes, and normalisation.
        out: A folder that is there.

    Raises:
        StorageError: It cannot be written.
    """
    own, tensors = model.state_dict(), {}
    for name, tensor in own.items():
        tensors[_theirs(name, settings)] = tensor
    for kind in ("weight", "bias"):
        tensors[f"classifier.1.{kind}"] = own[f"head.{kind}"] * settings.logit_scale
    found: dict[str, Tensor] = {name: one.contiguous() for name, one in tensors.items()}
    write_tensors(out / WEIGHTS, found, {"format": "pt"})
    names = facts.classes
    scale = _BOTTLENECK if settings.block == "bottleneck" else 1
    channels, height, width = facts.sizes.image
    write_json(
        out / CONFIG,
        {
            "architectures": ["ResNetForImageClassification"],
            "model_type": "resnet",
            "num_channels": channels,
            "embedding_size": settings.stem_width,
            "hidden_sizes": [scale * one for one in settings.widths],
            "depths": list(settings.blocks),
            "layer_type": settings.block,
            "hidden_act": "relu",
            "downsample_in_first_stage": False,
            "downsample_in_bottleneck": False,
            "id2label": {str(number): name for number, name in enumerate(names)},
            "label2id": {name: number for number, name in enumerate(names)},
            "dtype": "float32",
        },
    )
    write_json(
        out / IMAGE_CONFIG,
        {
            "image_processor_type": "ViTImageProcessor",
            "do_resize": True,
            "size": {"height": height, "width": width},
            "resample": _BILINEAR,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": list(facts.mean),
            "image_std": list(facts.std),
        },
    )


def _theirs(name: str, settings: ResNetSettings) -> str:
    """Their name of one of our tensors."""
    parts = name.replace(".norm.", ".normalization.").split(".")
    if parts[0] == "head":
        return f"classifier.1.{parts[1]}"
    if parts[0] == "stem":
        return ".".join(["resnet.embedder.embedder", *parts[2:]])
    block, stage = int(parts[1]), 0
    while block >= settings.blocks[stage]:
        block -= settings.blocks[stage]
        stage += 1
    parts[2] = "layer" if parts[2] == "layers" else parts[2]
    return ".".join([f"resnet.encoder.stages.{stage}.layers.{block}", *parts[2:]])
