"""Models in Hugging Face's format: safetensors, config.json, tokenizer files. See `hub_export` too.

Which types can be read the models declare; today GPT-2 alone (`tilth.models.gpt`). Reading needs no
`transformers`. Pickled weights (`pytorch_model.bin`) are refused: a pickle runs whatever code its
author put into it.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from tilth.errors import DataError, MissingError, missing_extra
from tilth.models.registry import hub_readers
from tilth.models.settings import ModelSettings
from tilth.pretrain.start import (
    CONFIG,
    FILES,
    PARTS,
    TOKENIZER,
    cached_folder,
    local_folder,
    weights_of,
)
from tilth.store.files import read_json
from tilth.tasks.text.tokenize import load_tokenizer, ready

_END_TEXT = "<|endoftext|>"
_MAX_VOCABULARY = 1 << 16  # tokens are kept as uint16


@dataclass(frozen=True)
class HubModel:
    """A model of the hub as Tilth has it.

    Attributes:
        reader: The module that knows its type, and whether a model can start from it.
        settings: The architecture; dropout is the residual stream's.
        vocabulary: Number of tokens.
        tensors: By our names, float32.
        tokenizer: None where the folder has none.
    """

    reader: ModuleType
    settings: ModelSettings
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
    # What the cache has is what was planned with; a later one there would be another model.
    folder = local_folder(name) or cached_folder(name)
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


def read_hub_model(folder: Path) -> HubModel:
    """Read a model in Hugging Face's format.

    Raises:
        MissingError: There is no config.json, or no safetensors weights.
        DataError: No model declares its type, it computes what ours does not, or its files are
            damaged.
    """
    if not (folder / CONFIG).is_file():
        raise MissingError(f"there is no {CONFIG}", where=str(folder))
    config = _read_config(folder)
    where, readers = str(folder / CONFIG), hub_readers()
    hub_type = str(config.get("model_type"))
    if hub_type not in readers:
        raise DataError(f"a model of type {hub_type}, not {' or '.join(readers)}", where=where)
    reader = importlib.import_module(readers[hub_type])
    settings, vocabulary = reader.settings_of(config, where)
    if vocabulary > _MAX_VOCABULARY:
        raise DataError(
            f"{vocabulary:,} tokens; {_MAX_VOCABULARY:,} at most can be read", where=where
        )
    tensors = reader.tensors_of(settings, _read_tensors(folder), str(folder))
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
    return HubModel(reader, settings, vocabulary, tensors, tokenizer)


def read_tokenizer(folder: Path) -> Tokenizer | None:
    """The tokenizer of a folder: tokenizer.json, or GPT-2's vocab.json and merges.txt.

    Raises:
        DataError: It is damaged.
    """
    if (folder / TOKENIZER).is_file():
        return load_tokenizer(folder / TOKENIZER)
    vocabulary, merges = (folder / name for name in PARTS)
    if not vocabulary.is_file() or not merges.is_file():
        return None
    try:
        bpe = models.BPE.from_file(str(vocabulary), str(merges))
    except Exception as error:  # the library raises bare Exception
        raise DataError(f"not a vocabulary: {error}", where=str(folder)) from error
    tokenizer = Tokenizer(bpe)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if tokenizer.token_to_id(_END_TEXT) is not None:
        tokenizer.add_special_tokens([_END_TEXT])
    return ready(tokenizer)


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = read_json(folder / CONFIG)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", where=str(folder / CONFIG)) from error
    if not isinstance(config, dict):
        raise DataError("not a JSON object", where=str(folder / CONFIG))
    return config


def _read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of the folder's safetensors file or files, by their names."""
    tensors: dict[str, Tensor] = {}
    for path in weights_of(folder):
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
