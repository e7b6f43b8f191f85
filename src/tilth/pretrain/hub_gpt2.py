"""A GPT with learned positions as a GPT-2 in Hugging Face's format.

Source: Radford et al. 2019, and `GPT2LMHeadModel` of transformers.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from tilth.models.gpt import GPTSettings
from tilth.models.gpt.decoder import GPT
from tilth.models.gpt.hugging_face import FIXED, names_of
from tilth.records import Json

TOKENIZER_CONFIG: Final = "tokenizer_config.json"


def gpt2_tensors(model: GPT) -> dict[str, Tensor]:
    """The weights by their names there, float32."""
    own = model.state_dict()
    tensors: dict[str, Tensor] = {}
    names = names_of(model.settings.model_copy(update={"bias": True}))
    for ours, (theirs, turned) in names.items():
        # A model without biases is one whose biases are 0.
        tensor = own.get(ours)
        if tensor is None:
            tensor = torch.zeros(len(own[ours.removesuffix("bias") + "weight"]))
        tensors[f"transformer.{theirs}"] = (tensor.t() if turned else tensor).float().contiguous()
    return tensors


def tokenizer_config(named: str, context: int) -> Json:
    """What `transformers` is told of a tokenizer.

    Args:
        named: The token that ends a text.
        context: Tokens that the model reads at once.
    """
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": named,
        "eos_token": named,
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
    }


def gpt2_config(settings: GPTSettings, vocabulary: int, end: int) -> Json:
    """The configuration of a model that generates text.

    Args:
        settings: With learned positions.
        vocabulary: Number of tokens.
        end: The token that ends a text.
    """
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
