"""Deliver scikit-learn's handwritten digits as an annotation vendor would, with simulated people.

The images are real (1,797 digits of 8 x 8 pixels; Alpaydin and Kaynak, UCI 1998). The annotators
are not: each gives the true class except with a stated probability, when they give another class at
random. They are called ``simulated-...`` and the export ``simulated-annotations.json`` so that this
shows wherever their answers do.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from tilth.collect import label_studio
from tilth.context import Context
from tilth.errors import missing_extra
from tilth.randomness import number_of
from tilth.records import Json
from tilth.settings import BaseSettings
from tilth.spell import distinct
from tilth.store.digests import digest_of
from tilth.store.files import write_bytes

EXPORT = "simulated-annotations.json"

_LICENSE = "CC-BY-4.0"
_NUM_CLASSES = 10


class Settings(BaseSettings):
    """Handwritten digits from scikit-learn with simulated annotators of stated error rates.

    Written out as a vendor delivers (Label Studio JSON, PNG files) and read back like any delivery.
    The test split carries the true class, marked as the expert's ground truth, and no other.
    """

    error_rates: tuple[float, ...] = Field(
        (0.05, 0.1, 0.2, 0.3, 0.45),
        description="one simulated annotator each: the share of answers that are wrong",
        min_length=1,
        max_length=1000,
    )
    annotators_per_item: int = Field(3, description="answers an item gets", ge=1)
    test_share: float = Field(
        0.2, description="share of items held out, with the true class", ge=0, lt=1
    )
    seed: int = Field(0, description="decides who answers what, and which items are held out")

    @field_validator("error_rates")
    @classmethod
    def _are_shares(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 <= rate <= 1 for rate in rates):
            raise ValueError("an error rate lies between 0 and 1")
        return rates

    @model_validator(mode="after")
    def _enough_people(self) -> Settings:
        if self.annotators_per_item > len(self.error_rates):
            raise ValueError(
                f"{self.annotators_per_item} answers an item need as many annotators; "
                f"`error_rates` has {len(self.error_rates)}"
            )
        return self


def fingerprint(settings: Settings) -> str:
    """The digest of the digits file in scikit-learn.

    Raises:
        MissingError: scikit-learn is not installed.
    """
    del settings
    found = importlib.util.find_spec("sklearn")
    if found is None or found.origin is None:
        raise missing_extra("scikit-learn", "train")
    path = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"
    return digest_of(path) if path.exists() else ""


def fills(_: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    return label_studio.fills(label_studio.Settings(path="", license=_LICENSE))


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """Write the delivery to the work folder, then read it as any Label Studio export.

    Raises:
        MissingError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise missing_extra("scikit-learn", "train") from None
    digits = load_digits()
    export = write_delivery(
        np.asarray(digits.images), np.asarray(digits.target), settings, context.work / "delivery"
    )
    # The place of a row is shown to people and is part of its identity, so it must not hold the
    # path of this machine's work folder.
    for batch in label_studio.read(
        label_studio.Settings(path=str(export), license=_LICENSE), source, context
    ):
        yield _without_folder(batch, str(export.parent) + os.sep)


def write_delivery(
    images: npt.NDArray[np.float64],
    classes: npt.NDArray[np.int64],
    settings: Settings,
    folder: Path,
) -> Path:
    """Write PNG files and a Label Studio JSON export.

    Args:
        images: [n, height, width], 0 (white) to 16 (black).
        classes: int64 [n], the true classes, 0 to 9.
        settings: Who answers, and how well.
        folder: Where to; made if need be.

    Returns:
        The export's path.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    held_out = _held_out(classes, settings)
    tasks = []
    for index, true_class in enumerate(classes.tolist()):
        name = f"images/digit-{index:04d}.png"
        pixels = np.rint(images[index] * (255 / 16)).astype(np.uint8)
        PIL.Image.fromarray(pixels).save(folder / name, compress_level=1)
        if held_out[index]:
            split, answers = "test", [_answer(label_studio.EXPERT, true_class, truth=True)]
        else:
            split, answers = "train", list(_answers(index, true_class, settings))
        data = {"image": name, "split": split}
        tasks.append({"id": index + 1, "data": data, "annotations": answers})
    path = folder / EXPORT
    write_bytes(path, ("[" + ",\n".join(map(json.dumps, tasks)) + "]\n").encode())
    return path


def annotator_name(index: int, error_rate: float) -> str:
    """What a simulated annotator is called, such as ``simulated-2 (10% wrong)``."""
    return f"simulated-{index + 1} ({distinct(100 * error_rate, (0, 100), 6)}% wrong)"


def _answers(index: int, true_class: int, settings: Settings) -> Iterator[Json]:
    people = range(len(settings.error_rates))
    chosen = sorted(people, key=lambda who: number_of(settings.seed, "who", index, who))
    for who in sorted(chosen[: settings.annotators_per_item]):
        rate = settings.error_rates[who]
        answer = true_class
        if number_of(settings.seed, "wrong", index, who) < rate:
            step = 1 + int(number_of(settings.seed, "which", index, who) * (_NUM_CLASSES - 1))
            answer = (true_class + step) % _NUM_CLASSES
        yield _answer(annotator_name(who, rate), answer, truth=False)


def _answer(annotator: str, value: int, *, truth: bool) -> Json:
    choice: Json = {
        "from_name": "digit",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [str(value)]},
    }
    return {
        "completed_by": {"username": annotator},
        "was_cancelled": False,
        "ground_truth": truth,
        "result": [choice],
    }


def _held_out(classes: npt.NDArray[np.int64], settings: Settings) -> npt.NDArray[np.bool_]:
    """The test items, the same share of every class, bool [n]."""
    held_out = np.zeros(len(classes), bool)
    for value in range(_NUM_CLASSES):
        members = np.flatnonzero(classes == value).tolist()
        members.sort(key=lambda index: number_of(settings.seed, "test", index))
        held_out[members[: round(len(members) * settings.test_share)]] = True
    return held_out


def _without_folder(batch: pa.RecordBatch, folder: str) -> pa.RecordBatch:
    arrays = list(batch.columns)
    for name in ("uri", "error"):
        at = batch.schema.get_field_index(name)
        values = [value and value.replace(folder, "") for value in batch.column(at).to_pylist()]
        arrays[at] = pa.array(values, batch.schema.field(at).type)
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)
