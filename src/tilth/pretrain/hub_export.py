"""A trained model as a GPT-2 in Hugging Face's format, which `transformers` loads."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from tilth.errors import DataError, UsageError
from tilth.models.gpt import GPTSettings
from tilth.models.gpt.decoder import GPT
from tilth.models.gpt.hugging_face import FIXED, names_of
from tilth.pretrain.start import CONFIG, TOKENIZER, WEIGHTS
from tilth.pretrain.weights import load_model
from tilth.records import Json
from tilth.store.files import write_bytes, write_json
from tilth.tasks.text.tokenize import end_token
from tilth.training.checkpoint import write_tensors


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
    tokenizer = loaded.tokenizer
    if tokenizer is None:
        raise DataError("the model has no tokenizer", where=str(model_folder))
    end = end_token(tokenizer)
    write_json(out / CONFIG, _config_of(settings, loaded.facts.sizes.vocabulary, end))
    write_tensors(out / WEIGHTS, tensors, {"format": "pt"})
    write_bytes(out / TOKENIZER, tokenizer.to_str().encode())
    named = tokenizer.id_to_token(end)
    write_json(
        out / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": named,
            "eos_token": named,
            "clean_up_tokenization_spaces": False,
            "model_max_length": settings.context,
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
