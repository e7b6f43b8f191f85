"""A trained model as a counterpart that `transformers` loads, in Hugging Face's format."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from tilth.errors import DataError, UsageError
from tilth.models.gpt import GPTSettings
from tilth.models.gpt.decoder import GPT
from tilth.models.gpt.hugging_face import FIXED, names_of
from tilth.models.resnet import ResNetSettings
from tilth.models.resnet.network import ResNet
from tilth.pretrain.hub_neox import write_neox
from tilth.pretrain.hub_resnet import write_resnet
from tilth.pretrain.start import CONFIG, TOKENIZER, WEIGHTS
from tilth.pretrain.weights import Loaded, load_model
from tilth.records import Json
from tilth.store.files import write_bytes, write_json
from tilth.tasks.text.tokenize import Tokenizer, end_token
from tilth.training.checkpoint import write_tensors

TOKENIZER_CONFIG: Final = "tokenizer_config.json"


def export_hub(model_folder: Path, out: Path) -> str:
    """Write a trained Tilth model as a folder that `transformers` loads.

    A GPT with learned positions is a GPT-2, one with rotary positions a GPT-NeoX, and a residual
    network with the stem `imagenet` and blocks that are not pooled a ResNet.

    Args:
        model_folder: Of a finished pretrain step.
        out: Made if need be; files of the same names are replaced.

    Returns:
        The class of `transformers` that loads it.

    Raises:
        UsageError: It has no counterpart there.
        DataError: It cannot be read.
        StorageError: The folder cannot be written.
    """
    loaded = load_model(model_folder)
    loader = loader_of(loaded, model_folder)
    settings, model = loaded.settings, loaded.model
    if isinstance(settings, ResNetSettings) and isinstance(model, ResNet):
        out.mkdir(parents=True, exist_ok=True)
        write_resnet(model, settings, loaded.facts, out)
    elif isinstance(settings, GPTSettings) and isinstance(model, GPT):
        if settings.positions == "learned":
            export_gpt2(model_folder, out)
        else:
            out.mkdir(parents=True, exist_ok=True)
            tokenizer = _tokenizer_of(loaded, model_folder)
            vocabulary = loaded.facts.sizes.vocabulary
            write_neox(model, vocabulary, end_token(tokenizer), out)
            _write_tokenizer(tokenizer, settings.context, out)
    return loader


def loader_of(loaded: Loaded, model_folder: Path) -> str:
    """The class of `transformers` that loads the counterpart of a model.

    Raises:
        UsageError: It has none.
    """
    settings, model = loaded.settings, loaded.model
    if isinstance(settings, ResNetSettings) and isinstance(model, ResNet):
        if settings.stem == "imagenet" and settings.block != "pooled":
            return "AutoModelForImageClassification"
    elif isinstance(settings, GPTSettings) and type(model) is GPT:
        return "AutoModelForCausalLM"
    raise UsageError(
        f"a {settings.kind} of task {loaded.task.name} has no counterpart in transformers",
        where=str(model_folder),
        hint="`gpt` that generates text has one, and `resnet` with `stem: imagenet` and `block: "
        "basic` or `bottleneck`; `--format onnx` and `safetensors` take every model",
    )


def export_gpt2(model_folder: Path, out: Path) -> None:
    """Write a trained Tilth model as a folder that `transformers` loads.

    Args:
        model_folder: Of a finished pretrain step.
        out: Made if need be; files of the same names are replaced.

    Raises:
        UsageError: The model is not of GPT-2's architecture.
        DataError: It cannot be read.
        StorageError: The folder cannot be written.
    """
    loaded = load_model(model_folder)
    settings = loaded.settings
    if not isinstance(settings, GPTSettings) or not isinstance(loaded.model, GPT):
        raise UsageError(
            f"a {settings.kind} of task {loaded.task.name} has no counterpart in GPT-2",
            where=str(model_folder),
            hint="export a text-generation model of kind gpt",
        )
    if settings.positions != "learned":
        raise UsageError(
            f"GPT-2 has no {settings.positions} positions",
            where=str(model_folder),
            hint="train with `model: {kind: gpt, positions: learned}`",
        )
    own = loaded.model.state_dict()
    tensors: dict[str, Tensor] = {}
    for ours, (theirs, turned) in names_of(settings.model_copy(update={"bias": True})).items():
        # A model without biases is one whose biases are 0.
        tensor = own.get(ours)
        if tensor is None:
            tensor = torch.zeros(len(own[ours.removesuffix("bias") + "weight"]))
        tensors[f"transformer.{theirs}"] = (tensor.t() if turned else tensor).float().contiguous()
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer_of(loaded, model_folder)
    end = end_token(tokenizer)
    write_json(out / CONFIG, _config_of(settings, loaded.facts.sizes.vocabulary, end))
    write_tensors(out / WEIGHTS, tensors, {"format": "pt"})
    _write_tokenizer(tokenizer, settings.context, out)


def _tokenizer_of(loaded: Loaded, model_folder: Path) -> Tokenizer:
    if loaded.tokenizer is None:
        raise DataError("the model has no tokenizer", where=str(model_folder))
    return loaded.tokenizer


def _write_tokenizer(tokenizer: Tokenizer, context: int, out: Path) -> None:
    named = tokenizer.id_to_token(end_token(tokenizer))
    write_bytes(out / TOKENIZER, tokenizer.to_str().encode())
    write_json(
        out / TOKENIZER_CONFIG,
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": named,
            "eos_token": named,
            "clean_up_tokenization_spaces": False,
            "model_max_length": context,
        },
    )


def _config_of(settings: GPTSettings, vocabulary: int, end: int) -> Json:
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": vocabulary,
        "n_positions": settings.context,
        "n_ctx": settings.context,
        "n_embd": settings.width,
        "n_layer": settings.layers,
        "n_head": settings.heads,
        "n_inner": None,
        "resid_pdrop": settings.dropout,
        "embd_pdrop": settings.dropout,
        "attn_pdrop": settings.dropout,
        "bos_token_id": end,
        "eos_token_id": end,
        "dtype": "float32",
        **{name: allowed[0] for name, allowed in FIXED.items()},
    }
