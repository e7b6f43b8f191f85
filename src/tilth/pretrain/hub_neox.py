"""A GPT with rotary positions as a GPT-NeoX in Hugging Face's format.

Ours is theirs with `use_parallel_residual` off, rotary over the whole head, and one embedding for
input and output. Source: Black et al. 2022, section 2.1, and `GPTNeoXForCausalLM` of transformers.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tilth.models.gpt import GPTSettings
from tilth.models.gpt.decoder import GPT
from tilth.records import Json

# Ours to theirs, below `blocks.<n>.` and `gpt_neox.layers.<n>.`; each has a weight and a bias.
_BLOCK: Mapping[str, str] = {
    "attention_norm": "input_layernorm",
    "attention.inputs": "attention.query_key_value",
    "attention.outputs": "attention.dense",
    "mlp_norm": "post_attention_layernorm",
    "expand": "mlp.dense_h_to_4h",
    "contract": "mlp.dense_4h_to_h",
}


def neox_tensors(model: GPT) -> dict[str, Tensor]:
    """The weights of a model with rotary positions by their names there, float32."""
    settings, own = model.settings, model.state_dict()
    tensors = {"gpt_neox.embed_in.weight": own["tokens.weight"].float()}
    names = {
        f"blocks.{n}.{a}": f"layers.{n}.{b}"
        for n in range(settings.layers)
        for a, b in _BLOCK.items()
    }
    for ours, theirs in {**names, "norm": "final_layer_norm"}.items():
        weight = own[f"{ours}.weight"]
        # A model without biases is one whose biases are 0.
        bias = own.get(f"{ours}.bias", torch.zeros(len(weight)))
        for kind, tensor in (("weight", weight), ("bias", bias)):
            if theirs.endswith("query_key_value"):
                tensor = _by_head(tensor, settings.heads)
            tensors[f"gpt_neox.{theirs}.{kind}"] = tensor.float().contiguous()
    return tensors


def _by_head(tensor: Tensor, heads: int) -> Tensor:
    """All queries, then keys, then values, to those of a head side by side."""
    rest = tensor.shape[1:]
    return tensor.reshape(3, heads, -1, *rest).transpose(0, 1).reshape(tensor.shape)


def neox_config(settings: GPTSettings, vocabulary: int, end: int) -> Json:
    """The configuration of a model that generates text.

    Args:
        settings: With rotary positions.
        vocabulary: Number of tokens.
        end: The token that ends a text.
    """
    return {
        "architectures": ["GPTNeoXForCausalLM"],
        "model_type": "gpt_neox",
        "vocab_size": vocabulary,
        "hidden_size": settings.width,
        "intermediate_size": 4 * settings.width,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "max_position_embeddings": settings.context,
        "hidden_act": "gelu_pytorch_tanh",
        "hidden_dropout": settings.dropout,
        "attention_dropout": settings.dropout,
        "layer_norm_eps": 1e-5,
        "attention_bias": True,
        "use_parallel_residual": False,
        "tie_word_embeddings": True,
        # Of version 5, then what earlier ones called it.
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "partial_rotary_factor": 1.0,
        },
        "rotary_emb_base": 10_000,
        "rotary_pct": 1.0,
        "bos_token_id": end,
        "eos_token_id": end,
        "dtype": "float32",
    }
