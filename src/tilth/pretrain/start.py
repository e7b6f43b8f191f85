"""What a training starts from: a folder here, or a name on the hub. This module loads no torch."""

from __future__ import annotations

from pathlib import Path

from tilth.errors import DataError, MissingError, TilthError
from tilth.models.facts import Facts
from tilth.pretrain.settings import RANDOM
from tilth.store.digests import digests_of
from tilth.store.files import read_json
from tilth.store.hub_cache import storage_of

WEIGHTS, INDEX, CONFIG = "model.safetensors", "model.safetensors.index.json", "config.json"
# A tokenizer in one file, or GPT-2's in two.
TOKENIZER, PARTS = "tokenizer.json", ("vocab.json", "merges.txt")
# What a name is followed by that nobody knows the files of yet.
ON_THE_HUB = " on the hub"
# All that may be read of a model's folder, Tilth's or in Hugging Face's format.
FILES = ("*.safetensors", INDEX, CONFIG, TOKENIZER, *PARTS)


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


def cached_folder(name: str) -> Path | None:
    """The folder of a name on the hub in the cache of `huggingface_hub`; nobody is asked.

    Returns:
        None where it is not there, or not whole: it is fetched.
    """
    storage = storage_of("models", name)
    try:
        revision = (storage / "refs" / "main").read_text("utf-8").strip()
        folder = storage / "snapshots" / Path(revision).name
        read = _files_read(folder)
    except (OSError, ValueError, TilthError):
        return None
    # Of a fetch that was cut off any file may be missing.
    names = {path.name for path in read}
    return folder if CONFIG in names and names & {TOKENIZER, *PARTS} else None


def weights_of(folder: Path) -> list[Path]:
    """The files of a model's weights, there or not: one, or those that an index names.

    Raises:
        DataError: The index is damaged.
    """
    index = folder / INDEX
    if (folder / WEIGHTS).is_file() or not index.is_file():
        return [folder / WEIGHTS]
    try:
        names = set(read_json(index)["weight_map"].values())
        # The index is data from outside: it may not name a file elsewhere.
        return sorted(folder / Path(name).name for name in names)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"not an index of weights: {error}", where=str(index)) from error


def _files_read(folder: Path) -> list[Path]:
    """The files of a model that are read, in the order of their names: of two ways of writing the
    weights, or the tokenizer, only the one that goes first.

    Raises:
        MissingError: There are no weights.
        DataError: Their index is damaged.
    """
    weights = weights_of(folder)
    for path in weights:
        if not path.is_file():
            other = sorted(one.name for one in folder.glob("*.safetensors"))
            raise MissingError(
                f"there is no {path.name} beside {other[0]}"
                if other
                else "there are no weights (*.safetensors) to start from",
                where=str(folder),
                hint="name the `model` folder of a finished pretrain step, or one in Hugging "
                "Face's format; pickled weights (*.bin) are not read",
            )
    parts = [folder / name for name in PARTS]
    tokenizer = [folder / TOKENIZER] if (folder / TOKENIZER).is_file() else parts
    beside = [folder / CONFIG, *(tokenizer if all(one.is_file() for one in tokenizer) else [])]
    return sorted({*weights, *(one for one in beside if one.is_file())})


def fingerprint_start(initialise: str) -> str:
    """The digests of the files that a training starts from; part of the step's identity.

    Of a name on the hub those in the cache of `huggingface_hub`. Where it has them not, the name
    stands for itself, as an address does: asking the hub would need the network to plan a run.

    Args:
        initialise: The setting: `random`, a folder, or a name on the hub.

    Raises:
        MissingError: The folder is not there, or holds no weights that can be read.
        DataError: The index of its weights is damaged.
    """
    if initialise == RANDOM:
        return ""
    folder = local_folder(initialise) or cached_folder(initialise)
    if folder is None:
        return initialise + ON_THE_HUB
    read = _files_read(folder)
    lines = []
    for path, digest in zip(read, digests_of(read), strict=True):
        if isinstance(digest, OSError):
            raise MissingError(f"cannot be read: {digest.strerror}", where=str(path))
        lines.append(f"{path.name} {digest}")
    return "\n".join(lines)


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
