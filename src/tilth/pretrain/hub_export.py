"""A trained model as a counterpart that `transformers` loads, in Hugging Face's format."""

from __future__ import annotations

from pathlib import Path

from tilth.errors import DataError, UsageError
from tilth.models.gpt import GPTSettings
from tilth.models.gpt.classifier import GPTClassifier
from tilth.models.gpt.decoder import GPT
from tilth.models.resnet import ResNetSettings
from tilth.models.resnet.network import ResNet
from tilth.pretrain.hub_classifier import require_foldable, write_classifier
from tilth.pretrain.hub_gpt2 import (
    TOKENIZER_CONFIG,
    gpt2_config,
    gpt2_tensors,
    tokenizer_config,
)
from tilth.pretrain.hub_neox import neox_config, neox_tensors
from tilth.pretrain.hub_resnet import write_resnet
from tilth.pretrain.start import CONFIG, TOKENIZER, WEIGHTS
from tilth.pretrain.weights import Loaded, load_model
from tilth.store.files import write_bytes, write_json
from tilth.tasks.text.tokenize import Tokenizer, end_token
from tilth.training.checkpoint import write_tensors


def export_hub(model_folder: Path, out: Path) -> str:
    """Write a trained Tilth model as a folder that `transformers` loads.

    A GPT that generates or classifies text is a GPT-2 where its positions are learned, a GPT-NeoX
    where they are rotary; a residual network with the stem `imagenet` and blocks that are not
    pooled is a ResNet.

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
    elif isinstance(model, GPTClassifier):
        write_classifier(model, loaded.facts, _tokenizer_of(loaded, model_folder), out)
    elif isinstance(settings, GPTSettings) and isinstance(model, GPT):
        if settings.positions == "learned":
            export_gpt2(model_folder, out)
        else:
            out.mkdir(parents=True, exist_ok=True)
            tokenizer = _tokenizer_of(loaded, model_folder)
            vocabulary = loaded.facts.sizes.vocabulary
            write_json(out / CONFIG, neox_config(settings, vocabulary, end_token(tokenizer)))
            write_tensors(out / WEIGHTS, neox_tensors(model), {"format": "pt"})
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
    elif isinstance(model, GPTClassifier):
        require_foldable(model)
        return "AutoModelForSequenceClassification"
    elif isinstance(settings, GPTSettings) and type(model) is GPT:
        return "AutoModelForCausalLM"
    raise UsageError(
        f"a {settings.kind} of task {loaded.task.name} has no counterpart in transformers",
        where=str(model_folder),
        hint="`gpt` has one, and `resnet` with `stem: imagenet` and `block: basic` or "
        "`bottleneck`; `--format onnx` and `safetensors` take every model",
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
    if not isinstance(settings, GPTSettings) or type(loaded.model) is not GPT:
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
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer_of(loaded, model_folder)
    end = end_token(tokenizer)
    write_json(out / CONFIG, gpt2_config(settings, loaded.facts.sizes.vocabulary, end))
    write_tensors(out / WEIGHTS, gpt2_tensors(loaded.model), {"format": "pt"})
    _write_tokenizer(tokenizer, settings.context, out)


def _tokenizer_of(loaded: Loaded, model_folder: Path) -> Tokenizer:
    if loaded.tokenizer is None:
        raise DataError("the model has no tokenizer", where=str(model_folder))
    return loaded.tokenizer


def _write_tokenizer(tokenizer: Tokenizer, context: int, out: Path) -> None:
    named = str(tokenizer.id_to_token(end_token(tokenizer)))
    write_bytes(out / TOKENIZER, tokenizer.to_str().encode())
    write_json(out / TOKENIZER_CONFIG, tokenizer_config(named, context))
