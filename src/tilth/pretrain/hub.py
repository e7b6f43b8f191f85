"""GPT-2 in Hugging Face's format: safetensors, config.json, tokenizer files. See `hub_export` too.

Reading needs no `transformers`. Pickled weights (`pytorch_model.bin`) are refused: a
pickle runs whatever code its author put into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from tilth.errors import DataError, MissingError, missing_extra
from tilth.models.settings import GPTSettings
from tilth.pretrain.start import FILES, local_folder
from tilth.store.files import read_json
from tilth.tasks.text.tokenize import load_tokenizer, ready

WEIGHTS, _INDEX, CONFIG = "model.safetensors", "model.safetensors.index.json", "config.json"
TOKENIZER, _VOCABULARY, _MERGES = "tokenizer.json", "vocab.json", "merges.txt"
_END_TEXT = "<|endoftext|>"
_MAX_VOCABULARY = 1 << 16  # tokens are kept as uint16

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


@dataclass(frozen=True)
class HubModel:
    """A GPT-2 as Tilth has it.

    Attributes:
        settings: The architecture; dropout is the residual stream's.
        vocabulary: Number of tokens.
        tensors: By our names, float32.
        tokenizer: None where the folder has none.
    """

    settings: GPTSettings
    vocabulary: int
    tensors: dict[str, Tensor]
    tokenizer: Tokenizer | None


def is_hub_folder(folder: Path) -> bool:
    """Whether a folder holds a model in Hugging Face's format, of whatever kind."""
    if not (folder / CONFIG).is_file():
        return False
    return "model_type" in _read_config(folder)


def find_model(name: str) -> Path:
    """The folder of a model: a folder here, or one of the hub, fetched at most once.

    Args:
        name: A folder, or `owner/model` or `model` as on huggingface.co.

    Raises:
        MissingError: There is no such folder, and it cannot be fetched.
    """
    folder = local_folder(name)
    if folder is not None:
        return folder
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise missing_extra("huggingface_hub", "train") from None
    try:
        # Its own cache and settings (HF_HOME, HF_HUB_OFFLINE, HF_ENDPOINT) hold.
        return Path(snapshot_download(name, allow_patterns=list(FILES)))
    except Exception as error:  # many kinds, of the hub, the network and the cache
        raise MissingError(
            f"neither a folder nor a model that can be fetched: {str(error).splitlines()[0]}",
            where=name,
            hint="name a folder with config.json and model.safetensors",
        ) from error


def read_gpt2(folder: Path) -> HubModel:
    """Read a GPT-2 in Hugging Face's format.

    Raises:
        MissingError: There is no config.json, or no safetensors weights.
        DataError: It is not a GPT-2, computes what ours does not, or its files are damaged.
    """
    if not (folder / CONFIG).is_file():
        raise MissingError(f"there is no {CONFIG}", where=str(folder))
    config = _read_config(folder)
    settings, vocabulary = _settings_of(config, folder)
    given = {name.removeprefix("transformer."): t for name, t in _read_tensors(folder).items()}
    tensors = {}
    for ours, (theirs, turned) in names_of(settings).items():
        tensor = given.get(theirs)
        if tensor is None:
            raise DataError(f"there is no tensor {theirs}", where=str(folder))
        tensors[ours] = (tensor.t() if turned else tensor).float().contiguous()
    output = given.get("lm_head.weight")
    if output is not None and not torch.equal(output.float(), tensors["tokens.weight"]):
        raise DataError(
            "the output layer is not the token embedding, and the two are one matrix here",
            where=str(folder),
        )
    tokenizer = read_tokenizer(folder)
    if tokenizer is not None and tokenizer.get_vocab_size() != vocabulary:
        size = tokenizer.get_vocab_size()
        if size > vocabulary:
            raise DataError(
                f"the tokenizer has {size:,} tokens and the model {vocabulary:,}",
                where=str(folder),
            )
        # Rows that no text leads to: some pad the matrix to a round size.
        vocabulary, tensors["tokens.weight"] = size, tensors["tokens.weight"][:size].clone()
    return HubModel(settings, vocabulary, tensors, tokenizer)


def read_tokenizer(folder: Path) -> Tokenizer | None:
    """The tokenizer of a folder: tokenizer.json, or GPT-2's vocab.json and merges.txt.

    Raises:
        DataError: It is damaged.
    """
    if (folder / TOKENIZER).is_file():
        return load_tokenizer(folder / TOKENIZER)
    if not (folder / _VOCABULARY).is_file() or not (folder / _MERGES).is_file():
        return None
    try:
        bpe = models.BPE.from_file(str(folder / _VOCABULARY), str(folder / _MERGES))
    except Exception as error:  # the library raises bare Exception
        raise DataError(f"not a vocabulary: {error}", where=str(folder)) from error
    tokenizer = Tokenizer(bpe)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if tokenizer.token_to_id(_END_TEXT) is not None:
        tokenizer.add_special_tokens([_END_TEXT])
    return ready(tokenizer)


def require_gpt2_shape(model: GPTSettings, given: GPTSettings, folder: Path) -> None:
    """Refuse to start a model from a GPT-2 of another architecture.

    Dropout may differ, and the context may be shorter: positions behind it are left out.

    Raises:
        DataError: The two do not fit.
    """
    wanted = given.model_copy(update={"dropout": model.dropout, "context": model.context})
    if model != wanted or model.context > given.context:
        raise DataError(
            "the weights are of another architecture than `model`",
            where=str(folder),
            hint=f"set `model: {{kind: gpt, layers: {given.layers}, width: {given.width}, "
            f"heads: {given.heads}, context: {given.context}, positions: learned, bias: true}}`; "
            "the context may be shorter",
            code="checkpoint-shape",
        )


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = read_json(folder / CONFIG)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", where=str(folder / CONFIG)) from error
    if not isinstance(config, dict):
        raise DataError("not a JSON object", where=str(folder / CONFIG))
    return config


def _settings_of(config: Mapping[str, Any], folder: Path) -> tuple[GPTSettings, int]:
    """The architecture and the vocabulary's size.

    Raises:
        DataError: It is none of ours.
    """
    where = str(folder / CONFIG)
    if config.get("model_type") != "gpt2":
        raise DataError(f"a model of type {config.get('model_type')}, not gpt2", where=where)
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
    if vocabulary > _MAX_VOCABULARY:
        raise DataError(
            f"{vocabulary:,} tokens; {_MAX_VOCABULARY:,} at most can be read", where=where
        )
    return settings, vocabulary


def names_of(settings: GPTSettings) -> dict[str, tuple[str, bool]]:
    """Our name of every tensor to theirs (less `transformer.`), and whether theirs is turned."""
    names = {ours: (theirs, False) for ours, theirs in _OTHERS.items()}
    for layer in range(settings.layers):
        for ours, (theirs, turned) in _BLOCK.items():
            names[f"blocks.{layer}.{ours}"] = (f"h.{layer}.{theirs}", turned)
    return names


def _read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of the folder's safetensors file or files, by their names."""
    parts = [WEIGHTS]
    if not (folder / WEIGHTS).is_file() and (folder / _INDEX).is_file():
        parts = sorted(set(read_json(folder / _INDEX)["weight_map"].values()))
    tensors: dict[str, Tensor] = {}
    for name in parts:
        # The index is data from outside: it may not name a file elsewhere.
        path = folder / Path(name).name
        if not path.is_file():
            pickled = sorted(one.name for one in folder.glob("*.bin"))
            raise MissingError(
                f"there is no {path.name}",
                where=str(folder),
                hint=f"{pickled[0]} is a pickle, which is not read: it could run any code; "
                "convert it with `transformers`' save_pretrained"
                if pickled
                else "the folder needs config.json and model.safetensors",
            )
        try:
            tensors |= load_file(path)
        except (SafetensorError, OSError) as error:
            raise DataError(f"cannot be read: {error}", where=str(path)) from error
    return tensors
