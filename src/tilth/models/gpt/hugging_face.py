"""GPT-2 as Hugging Face has it: its configuration, and the names of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from tilth.errors import DataError
from tilth.models.gpt import GPTSettings
from tilth.models.gpt.decoder import GPT

# Ours to theirs, below `blocks.<n>.` and `transformer.h.<n>.`; `True` where theirs is a Conv1D,
# whose matrix lies the other way round.
_BLOCK: Mapping[str, tuple[str, bool]] = {
    "attention_norm.weight": ("ln_1.weight", False),
    "attention_norm.bias": ("ln_1.bias", False),
    "attention.inputs.weight": ("attn.c_attn.weight", True),
    "attention.inputs.bias": ("attn.c_attn.bias", False),
    "attention.outputs.weight": ("attn.c_proj.weight", True),
    "attention.outputs.bias": ("attn.c_proj.bias", False),
    "mlp_norm.weight": ("ln_2.weight", False),
    "mlp_norm.bias": ("ln_2.bias", False),
    "expand.weight": ("mlp.c_fc.weight", True),
    "expand.bias": ("mlp.c_fc.bias", False),
    "contract.weight": ("mlp.c_proj.weight", True),
    "contract.bias": ("mlp.c_proj.bias", False),
}
_OTHERS: Mapping[str, str] = {
    "tokens.weight": "wte.weight",
    "positions.weight": "wpe.weight",
    "norm.weight": "ln_f.weight",
    "norm.bias": "ln_f.bias",
}
# Settings of theirs that change what is computed, and the only value that ours computes.
FIXED: Mapping[str, tuple[Any, ...]] = {
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "tie_word_embeddings": (True,),
    "layer_norm_epsilon": (1e-5,),
}


def settings_of(config: Mapping[str, Any], where: str) -> tuple[GPTSettings, int]:
    """The architecture and the vocabulary's size.

    Args:
        config: Their configuration, of `model_type` gpt2.
        where: The file that it was read from, for messages.

    Raises:
        DataError: It computes what ours does not, or is damaged.
    """
    for name, allowed in FIXED.items():
        if config.get(name, allowed[0]) not in allowed:
            raise DataError(
                f"`{name}` is {config[name]}, and only {' or '.join(map(str, allowed))} is "
                "computed here",
                where=where,
            )
    try:
        width = int(config["n_embd"])
        inner = config.get("n_inner")
        if inner not in (None, 4 * width):
            raise DataError(f"`n_inner` is {inner}, not 4 x {width}", where=where)
        vocabulary = int(config["vocab_size"])
        settings = GPTSettings(
            layers=config["n_layer"],
            width=width,
            heads=config["n_head"],
            context=config["n_positions"],
            dropout=config.get("resid_pdrop", 0.1),
            positions="learned",
            bias=True,
        )
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise DataError(f"not a GPT-2's configuration: {error}", where=where) from error
    return settings, vocabulary


def tensors_of(settings: GPTSettings, given: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Their tensors by our names, float32.

    Args:
        settings: The architecture.
        given: Theirs, with or without `transformer.` before the name.
        where: Where they were read, for messages.

    Raises:
        DataError: One is not there, or the output layer is not the token embedding.
    """
    given = {name.removeprefix("transformer."): tensor for name, tensor in given.items()}
    tensors = {}
    for ours, (theirs, turned) in names_of(settings).items():
        tensor = given.get(theirs)
        if tensor is None:
            raise DataError(f"there is no tensor {theirs}", where=where)
        tensors[ours] = (tensor.t() if turned else tensor).float().contiguous()
    output = given.get("lm_head.weight")
    if output is not None and not torch.equal(output.float(), tensors["tokens.weight"]):
        raise DataError(
            "the output layer is not the token embedding, and the two are one matrix here",
            where=where,
        )
    return tensors


def names_of(settings: GPTSettings) -> dict[str, tuple[str, bool]]:
    """Our name of every tensor to theirs (less `transformer.`), and whether theirs is turned."""
    names = {ours: (theirs, False) for ours, theirs in _OTHERS.items()}
    for layer in range(settings.layers):
        for ours, (theirs, turned) in _BLOCK.items():
            names[f"blocks.{layer}.{ours}"] = (f"h.{layer}.{theirs}", turned)
    return names


def require_shape(model: nn.Module, given: GPTSettings, where: str) -> None:
    """Refuse to start a GPT from a GPT-2 of another architecture.

    Dropout may differ, and the context may be shorter: positions behind it are left out.

    Args:
        model: Any; one of another kind takes what fits.
        given: The architecture of the GPT-2.
        where: Where that was read, for messages.

    Raises:
        DataError: The two do not fit.
    """
    if not isinstance(model, GPT):
        return
    own = model.settings
    wanted = given.model_copy(update={"dropout": own.dropout, "context": own.context})
    if own != wanted or own.context > given.context:
        raise DataError(
            "the weights are of another architecture than `model`",
            where=where,
            hint=f"set `model: {{kind: gpt, layers: {given.layers}, width: {given.width}, "
            f"heads: {given.heads}, context: {given.context}, positions: learned, bias: true}}`; "
            "the context may be shorter",
            code="checkpoint-shape",
        )
