"""A trained model on disk: safetensors weights, with everything readable in JSON beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from tilth.errors import DataError, MissingError
from tilth.models.build import build_model
from tilth.models.facts import Facts
from tilth.models.settings import ModelSettings, model_settings
from tilth.pretrain.hub import is_hub_folder, read_hub_model
from tilth.pretrain.result import Taken
from tilth.pretrain.start import CONFIG, TOKENIZER, WEIGHTS
from tilth.store.files import read_json, write_bytes, write_json
from tilth.tasks.base import Answering
from tilth.tasks.build import build_task
from tilth.tasks.settings import ObjectiveSettings, TaskName
from tilth.tasks.text.tokenize import Tokenizer, load_tokenizer
from tilth.training.checkpoint import write_tensors

_EMBEDDINGS = ("tokens.weight", "positions.weight")


@dataclass(frozen=True)
class Description:
    """What stands beside a model's weights.

    Attributes:
        task: The task it was trained for.
        settings: The architecture.
        facts: What its training data said: sizes, names of the outputs, normalisation.
        objective: What was asked of it beside the task.
        tokenizer: Of text.
    """

    task: TaskName
    settings: ModelSettings
    facts: Facts
    objective: ObjectiveSettings
    tokenizer: Tokenizer | None


@dataclass(frozen=True)
class Loaded:
    """A model read from its folder.

    Attributes:
        model: In evaluation mode.
        task: The task it was trained for.
        settings, facts, objective, tokenizer: As of `Description`.
    """

    model: nn.Module
    task: Answering
    settings: ModelSettings
    facts: Facts
    objective: ObjectiveSettings
    tokenizer: Tokenizer | None


def save_model(
    folder: Path,
    model: nn.Module,
    task: TaskName,
    settings: ModelSettings,
    facts: Facts,
    objective: ObjectiveSettings,
    *,
    tokenizer: Tokenizer | None = None,
) -> None:
    """Write weights, configuration and tokenizer. Equal weights give equal bytes.

    Raises:
        StorageError: The folder cannot be written.
    """
    config = {
        "task": task,
        "model": settings.model_dump(mode="json"),
        "facts": facts.model_dump(mode="json"),
        "objective": objective.model_dump(mode="json"),
    }
    write_json(folder / CONFIG, config)
    if tokenizer is not None:
        write_bytes(folder / TOKENIZER, tokenizer.to_str().encode())
    write_tensors(folder / WEIGHTS, dict(model.state_dict()), {"format": "pt"})


def load_model(folder: Path) -> Loaded:
    """Read a model that `save_model` wrote.

    Raises:
        MissingError: There is none.
        DataError: Its files are damaged or do not fit each other.
    """
    if not (folder / WEIGHTS).is_file():
        raise _no_model(folder)
    said = read_description(folder)
    try:
        model = build_model(said.settings, said.facts.sizes, seed=0)
        model.load_state_dict(_tensors(folder))
        task = build_task(said.task, said.facts, said.objective, tokenizer=said.tokenizer)
    except (ValueError, RuntimeError) as error:
        raise _unreadable(folder, error) from error
    model.eval()
    return Loaded(model, task, said.settings, said.facts, said.objective, said.tokenizer)


def read_description(folder: Path) -> Description:
    """Read what stands beside the weights of a model, and not these.

    Raises:
        MissingError: There is no model.
        DataError: Its files are damaged.
    """
    if not (folder / CONFIG).is_file():
        raise _no_model(folder)
    try:
        config: dict[str, Any] = read_json(folder / CONFIG)
        return Description(
            config["task"],
            model_settings(config["model"]),
            Facts.model_validate(config["facts"]),
            ObjectiveSettings.model_validate(config["objective"]),
            load_tokenizer(folder / TOKENIZER) if (folder / TOKENIZER).is_file() else None,
        )
    except (KeyError, ValueError, ValidationError) as error:
        raise _unreadable(folder, error) from error


def _no_model(folder: Path) -> MissingError:
    return MissingError(
        f"there is no trained model here ({CONFIG} and {WEIGHTS})",
        where=str(folder),
        hint="name the folder of a finished pretrain step",
    )


def _unreadable(folder: Path, error: Exception) -> DataError:
    return DataError(f"this model cannot be read: {error}", where=str(folder))


def initialise(model: nn.Module, folder: Path, *, skip: Sequence[str] = ()) -> Taken:
    """Copy every tensor of equal name and shape from a trained model, and say which.

    Of token and position embeddings, whose rows stand for themselves, those that both have.

    Args:
        model: Keeps its own values for the rest.
        folder: Of the trained model, Tilth's or a GPT-2 in Hugging Face's format.
        skip: Prefixes of names that are not taken, such as `head.`.

    Raises:
        MissingError: There is no trained model.
        DataError: It is damaged, or has nothing in common with this one.
    """
    if is_hub_folder(folder):
        hub = read_hub_model(folder)
        if hub.tokenizer is None:
            raise DataError(
                "there is no tokenizer beside the weights",
                where=str(folder),
                hint="add tokenizer.json, or vocab.json and merges.txt",
            )
        hub.reader.require_shape(model, hub.settings, str(folder))
        given = hub.tensors
    elif (folder / WEIGHTS).is_file():
        given = _tensors(folder)
    else:
        raise MissingError(f"there is no {WEIGHTS} to start from", where=str(folder))
    taken, resized, skipped, missing = [], [], [], []
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            source = given.get(name)
            if source is None or name.startswith(tuple(skip)):
                missing.append(name)
            elif source.shape == tensor.shape:
                tensor.copy_(source)
                taken.append(name)
            elif name in _EMBEDDINGS and source.shape[1:] == tensor.shape[1:]:
                rows = min(len(source), len(tensor))
                tensor[:rows] = source[:rows]
                resized.append(f"{name} {list(source.shape)} to {list(tensor.shape)}")
            else:
                skipped.append(f"{name} {list(source.shape)} != {list(tensor.shape)}")
    if not taken and not resized:
        raise DataError(
            "the model to start from has no tensor of a name and shape that this one has",
            where=str(folder),
            hint="give both the same `model` settings",
            code="checkpoint-shape",
        )
    return Taken(tuple(taken), tuple(resized), tuple(skipped), tuple(missing))


def _tensors(folder: Path) -> dict[str, Tensor]:
    try:
        return dict(load_file(folder / WEIGHTS))
    except (SafetensorError, OSError) as error:
        raise DataError(f"{WEIGHTS} cannot be read: {error}", where=str(folder)) from error
