"""Ask a trained model: texts or files in, an answer for each out, in their order, as they come.

What cannot be read, or makes the model fail, costs its own answer and no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pydantic import ValidationError

from tilth.decode.marked import pieces_in_utf8
from tilth.decode.text import UndecodableError, decode_text
from tilth.errors import DataError, MissingError, TilthError, UsageError, missing_extra
from tilth.extensions import Extension, active
from tilth.tasks.declare import Payload
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prediction import Prediction
from tilth.tasks.registry import declaration, task_names
from tilth.tasks.settings import ObjectiveSettings

if TYPE_CHECKING:
    from tilth.pretrain.weights import Loaded

CONFIG = "config.json"

# A single image or recording is smaller; a disk image named by mistake is not.
_MAX_FILE_BYTES = 1 << 30


@dataclass(frozen=True)
class TrainedModel:
    """A trained model on disk, not loaded yet.

    Attributes:
        name: As the user named it.
        folder: Holds config.json and model.safetensors.
        config: What config.json says.
        extensions: Of the run that made it. Whoever asks it does so while they are at hand.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    extensions: tuple[Extension, ...] = ()

    @property
    def task(self) -> str:
        """The task it was trained for."""
        return str(self.config["task"])

    @property
    def reads(self) -> Payload:
        """What a sample is: a text itself, or the name of an image or sound file."""
        return declaration(self.task).data.payload


@dataclass(frozen=True)
class Answer:
    """What the model made of one sample.

    Attributes:
        input: The text, or the file's name.
        result: What `Task.predict` gave; None where it failed.
        error: Why it failed.
    """

    input: str
    result: Prediction | None
    error: TilthError | None = None


def read_model(folder: Path, name: str) -> TrainedModel:
    """The trained model in a folder, which is not loaded yet.

    Args:
        folder: Holds config.json and model.safetensors.
        name: As the user named it.

    Raises:
        MissingError: It is not there.
        DataError: config.json is not one of Tilth's.
    """
    try:
        config = json.loads((folder / CONFIG).read_bytes())
    except FileNotFoundError:
        raise MissingError(
            "the trained model is not there any more",
            where=str(folder),
            hint="run the recipe again",
            code="no-model",
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{CONFIG} cannot be read: {error}", where=str(folder)) from None
    if not isinstance(config, dict) or config.get("task") not in task_names():
        raise DataError(
            f"{CONFIG} is not that of a model which Tilth trained",
            where=str(folder),
            hint="a model of another kind is carried over with `pretrain.initialise`; one whose "
            "task is of an extension is asked by the name of its run",
        )
    try:
        ObjectiveSettings.model_validate(config.get("objective") or {})
    except ValidationError as error:
        raise DataError(f"{CONFIG} cannot be read: {error}", where=str(folder)) from None
    return TrainedModel(name, folder, config, active())


def options_for(model: TrainedModel, given: Mapping[str, Any]) -> PredictSettings:
    """The options that were given; for others what the model was trained to be asked with.

    Args:
        model: Its objective says the beam and length penalty that its figures were measured with.
        given: By the names of `PredictSettings`; None: not given.

    Raises:
        UsageError: A value is out of bounds.
    """
    objective = model.config.get("objective") or {}
    known = {name: objective[name] for name in ("beam", "length_penalty") if name in objective}
    try:
        return PredictSettings.model_validate(
            known | {name: value for name, value in given.items() if value is not None}
        )
    except ValidationError as error:
        first = error.errors()[0]
        name, said = first["loc"][0], first["msg"].lower()
        raise UsageError(f"`{name}`: {said}, not {first['input']!r}", code="bad-value") from None


def answers(
    model: TrainedModel, samples: Iterable[Sequence[str | bytes]], options: PredictSettings
) -> Iterator[Answer]:
    """Answer samples part by part, each part as soon as it is there.

    Args:
        model: To ask.
        samples: Parts of a stream: texts, or names of files; bytes are UTF-8.
        options: How to answer. Samples count from `options.first` over all parts.

    Raises:
        MissingError: torch, or the model, is not there.
        DataError: The model is damaged.
    """
    loaded = _load(model.folder)
    place = options.first
    for part in samples:
        for start in range(0, len(part), options.batch_size):
            batch = part[start : start + options.batch_size]
            yield from _answer(loaded, model.reads, batch, options, place)
            place += len(batch)


def answer_contents(
    model: TrainedModel, contents: Sequence[str | bytes], options: PredictSettings
) -> list[Prediction]:
    """Answers to texts, or to the bytes of files that are in memory already.

    Raises:
        TilthError: A sample cannot be answered.
    """
    return _predict(_load(model.folder), list(contents), options, options.first)


def lines_of(stream: BinaryIO) -> Iterator[list[bytes]]:
    """The lines of a text, without its mark and their ends, in parts: what is there, as soon as it
    is. One in UTF-16 comes as UTF-8."""
    rest = b""
    read = getattr(stream, "read1", stream.read)
    for piece in pieces_in_utf8(iter(lambda: read(1 << 16), b""), unmarked=True):
        *whole, rest = (rest + piece).split(b"\n")
        if whole:
            yield [line.removesuffix(b"\r") for line in whole]
    if rest:
        yield [rest.removesuffix(b"\r")]


def _load(folder: Path) -> Loaded:
    try:
        from tilth.pretrain.weights import load_model
    except ImportError as error:
        raise missing_extra(error.name or "torch", "train") from None
    return load_model(folder)


def _answer(
    loaded: Loaded, reads: str, samples: Sequence[str | bytes], options: PredictSettings, first: int
) -> list[Answer]:
    """One batch; where it fails, sample by sample, to find the one at fault."""
    found: list[Answer | None] = [None] * len(samples)
    names, payloads, places = [], [], []
    for place, sample in enumerate(samples):
        name = sample if isinstance(sample, str) else sample.decode("utf-8", "backslashreplace")
        names.append(name)
        try:
            payloads.append(_payload(sample, name, reads))
            places.append(place)
        except TilthError as error:
            found[place] = Answer(name, None, error)
    # A draw depends on the place, so a batch with a hole in it is asked one by one.
    together = len(places) == len(samples)
    try:
        results = _predict(loaded, payloads, options, first) if together else None
    except Exception as error:
        if len(samples) == 1:
            return [Answer(names[0], None, _told(error, names[0]))]
        results = None
    if results is not None:
        return [Answer(name, result) for name, result in zip(names, results, strict=True)]
    for payload, place in zip(payloads, places, strict=True):
        try:
            (result,) = _predict(loaded, [payload], options, first + place)
            found[place] = Answer(names[place], result)
        except Exception as error:
            found[place] = Answer(names[place], None, _told(error, names[place]))
    return [answer for answer in found if answer is not None]


def _predict(
    loaded: Loaded, payloads: list[str | bytes], options: PredictSettings, first: int
) -> list[Prediction]:
    import torch

    from tilth.training.precision import precision_of_evaluation

    asked = options.model_copy(update={"first": first})
    with torch.inference_mode(), precision_of_evaluation():
        return loaded.task.predict(loaded.model, payloads, asked)


def _payload(sample: str | bytes, name: str, reads: str) -> str | bytes:
    """The text, or the bytes of the file that is named."""
    if isinstance(sample, bytes):
        try:
            sample = decode_text(sample)
        except UndecodableError as error:
            raise DataError(f"not UTF-8 text: {error}", where=name[:200]) from None
    if reads == "text":
        return sample
    path = Path(sample).expanduser()
    try:
        if path.is_dir():
            raise DataError(f"a folder, where one {reads} file is asked for", where=str(path))
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise DataError(f"too large for one {reads} file", where=str(path))
        return path.read_bytes()
    except FileNotFoundError:
        raise MissingError(f"there is no such {reads} file", where=str(path)) from None
    except (OSError, ValueError) as error:
        raise DataError(f"the file cannot be read: {error}", where=str(path)) from None


def _told(error: Exception, name: str) -> TilthError:
    """The error of one sample, which says which one it was."""
    where = name if len(name) <= 200 else name[:199] + "…"
    if isinstance(error, TilthError):
        told = DataError(error.what, where=where, hint=error.hint, code=error.code)
    else:
        told = DataError(f"{type(error).__name__}: {error}", where=where)
    told.__cause__ = error
    return told
