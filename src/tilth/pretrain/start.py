"""What a training starts from: a folder here, or a name on the hub. This module loads no torch."""

from __future__ import annotations

from pathlib import Path

from tilth.errors import DataError, MissingError
from tilth.models.facts import Facts
from tilth.pretrain.settings import RANDOM
from tilth.store.files import read_json, sha256_file

# The files of a trained model: all that is read of one, whoever goes on with it.
CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.json", "model.safetensors"
# All that is read of a model's folder, Tilth's or in Hugging Face's format.
FILES = (
    "*.safetensors",
    "model.safetensors.index.json",
    "config.json",
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
)


def local_folder(name: str) -> Path | None:
    """The folder of a model that is here; None: a name on the hub.

    Raises:
        MissingError: It can only be a folder, and there is none.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise MissingError("there is no such folder to start from", where=name)
    return None


def fingerprint_start(initialise: str) -> str:
    """A digest of the files that a training starts from; part of the step's identity.

    A name on the hub stands for itself, as an address does without a digest: asking the hub would
    need the network to plan a run.

    Args:
        initialise: The setting: `random`, a folder, or a name on the hub.

    Raises:
        MissingError: The folder is not there, or holds no weights.
    """
    folder = None if initialise == RANDOM else local_folder(initialise)
    if folder is None:
        return ""
    found = {path for pattern in FILES for path in folder.glob(pattern) if path.is_file()}
    if not any(path.suffix == ".safetensors" for path in found):
        raise MissingError(
            "there are no weights (*.safetensors) to start from",
            where=initialise,
            hint="name the `model` folder of a finished pretrain step, or one in Hugging Face's "
            "format; pickled weights (*.bin) are not read",
        )
    return "\n".join(f"{path.name} {sha256_file(path)}" for path in sorted(found))


def facts_of(folder: Path) -> Facts | None:
    """What a trained model says of its data; None: it says nothing, as one of the hub.

    Raises:
        DataError: Its configuration is damaged.
    """
    file = folder / CONFIG
    try:
        config = read_json(file) if file.is_file() else {}
        return Facts.model_validate(config["facts"]) if "facts" in config else None
    except (TypeError, ValueError) as error:
        raise DataError(f"this model cannot be read: {error}", where=str(file)) from error


def trained_on(initialise: str) -> Facts | None:
    """What the model says of its data that a training starts from, if it lies here.

    Args:
        initialise: The setting.

    Raises:
        MissingError: The folder is not there.
        DataError: As of `facts_of`.
    """
    folder = None if initialise == RANDOM else local_folder(initialise)
    return None if folder is None else facts_of(folder)
