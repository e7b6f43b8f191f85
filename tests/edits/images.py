"""Pictures in folders, and a set in the IDX format beside them: two classes."""

from __future__ import annotations

import gzip
import io
import json
import struct

import numpy as np
import PIL.Image

from tests.edits.common import (
    append,
    backwards,
    linked,
    move,
    of_header,
    of_process,
    replace,
    settings,
    source,
    swapped,
    touch,
    version,
    write,
)
from tests.edits.trainings import of_training, stages
from tests.edits.workspace import TRAININGS, Change, Draft, Edit, Modality, Step

_SIDE = 6
_TINT = '''"""Tint."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tilth.randomness import Keys
from tilth.settings import BaseSettings

Images = npt.NDArray[np.float32]
BY = float(Path("tint.txt").read_text())


class Settings(BaseSettings):
    """Darker or lighter."""


def transform(images: Images, keys: Keys, settings: Settings) -> Images:
    """The images, tinted."""
    return (images * np.float32(BY)).astype(np.float32)
'''


def _pixels(number: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    pixels = np.random.default_rng(number).integers(0, 90, (_SIDE, _SIDE)).astype(np.uint8)
    pixels[number % 2 * 3] += 120
    return pixels


def png(number: int, level: int = 6) -> bytes:
    """A picture; the level of compression changes its bytes alone."""
    out = io.BytesIO()
    PIL.Image.fromarray(_pixels(number)).save(out, "PNG", compress_level=level)
    return out.getvalue()


def _idx(first: int, count: int = 6) -> tuple[bytes, bytes]:
    numbers = range(first, first + count)
    pictures = struct.pack(">IIII", 0x803, count, _SIDE, _SIDE)
    pictures += b"".join(_pixels(number).tobytes() for number in numbers)
    labels = struct.pack(">II", 0x801, count) + bytes(number % 2 for number in numbers)
    return pictures, labels


def _export(numbers: range, *, indent: int | None = None, changed: bool = False) -> str:
    """What three people said of pictures."""
    tasks = []
    for number in numbers:
        said = [str((number + (who == 2) + changed) % 2) for who in range(3)]
        answers = [
            {"from_name": "kind", "type": "choices", "value": {"choices": [one]}} for one in said
        ]
        given = [{"completed_by": who, "result": [one]} for who, one in enumerate(answers)]
        data = {"image": f"{number}.png"}
        tasks.append({"id": number, "data": data, "annotations": given})
    return json.dumps(tasks, indent=indent)


def _elsewhere(number: int) -> Change:
    """The link leads to another folder, with the same pictures or with one that is another."""

    def change(draft: Draft) -> None:
        for path in [one for one in draft.files if one.startswith("shots/")]:
            draft.files[f"later/{path.removeprefix('shots/')}"] = draft.files[path]
        draft.write("later/test/dog/03.png", png(number))
        draft.files["pics"] = "later"

    return change


def base() -> Draft:
    """Pictures of two kinds, some of them held out by their folder."""
    draft = Draft(header={"name": "images", "seed": 0, "threads": 1, "error_budget": 0.05})
    for number in range(24):
        split = "test" if number % 4 > 1 else "train"
        draft.write(f"shots/{split}/{('cat', 'dog')[number % 2]}/{number:02}.png", png(number))
    draft.write("shots/odd/even/cat/30.png", png(30))
    draft.write("shots/notes/cat/40.png", png(40))
    draft.write("shots/README.txt", "mine\n")
    draft.files["pics"] = "shots"
    draft.header["extensions"] = ["own"]
    draft.write("own/augment/images/tint.py", _TINT)
    draft.write("tint.txt", "0.5")
    for number in range(80, 86):
        draft.write(f"asked/{number}.png", png(number))
    draft.write("asked/unasked.png", png(90))
    draft.write("asked/export.json", _export(range(80, 86)))
    draft.write("x", _idx(50)[0])
    draft.write("y", _idx(50)[1])
    draft.sources = {
        "pics": Step(
            "image_folder",
            {
                "path": "pics",
                "include": "(train|test|odd)/",
                "class_names": {"cat": "0", "dog": "1"},
                "splits": {"Odd": "test", "odd": "train"},
            },
        ),
        "set": Step(
            "idx",
            {"files": [{"split": "train", "images": {"path": "x"}, "labels": {"path": "y"}}]},
        ),
        "asked": Step("label_studio", {"path": "asked/export.json", "split": "train"}),
    }
    draft.steps = {
        "clean": [Step("check_image")],
        "deduplicate": [Step("exact", {"of": "image"})],
        "label": [Step("consensus")],
        "augment": [Step("flip"), Step("tint")],
        "mix": [Step("weights", {"labels": {"0": 0.5}})],
    }
    draft.trainings = stages(
        {
            "task": "image-classification",
            "model": {"kind": "mlp", "hidden": [6]},
            "optimizer": {"learning_rate": 0.002},
        },
        {},
        "mix.weights",
    )
    return draft


def _packed(draft: Draft) -> None:
    draft.write("x", gzip.compress(_idx(50)[0], mtime=0))


_PICTURE = "shots/train/cat/00.png"
_ASKED = ("collect.asked",)
_PICS, _SET, _STAGES = ("collect.pics",), ("collect.set",), ("pretrain", "transfer", "value")
EDITS = (
    Edit("a picture more", write("shots/train/cat/60.png", png(60)), _PICS),
    Edit("a copy of a picture", write("shots/train/dog/61.png", png(1)), _PICS),
    Edit("a picture changed", write(_PICTURE, png(62)), _PICS),
    Edit("a picture written otherwise", write(_PICTURE, png(0, 0)), _PICS),
    Edit(
        "a picture in another class",
        move("shots/train/dog/01.png", "shots/train/cat/01.png"),
        _PICS,
    ),
    Edit("a folder renamed", move("shots/train/dog", "shots/train/hound"), _PICS),
    Edit("the link leads to other pictures", _elsewhere(63), _PICS),
    Edit("the link leads to the same pictures", _elsewhere(3)),
    Edit("two pictures change places", swapped(_PICTURE, "shots/train/dog/01.png"), _PICS),
    Edit("a picture that people were asked of", write("asked/82.png", png(64)), _ASKED),
    Edit("other answers", write("asked/export.json", _export(range(80, 86), changed=True)), _ASKED),
    Edit(
        "answers written otherwise",
        write("asked/export.json", _export(range(80, 86), indent=1)),
        _ASKED,
    ),
    Edit("a picture that nobody was asked of", write("asked/unasked.png", png(65))),
    Edit("an asked picture touched", touch("asked/82.png")),
    Edit("the pictures of the set", write("x", _idx(70)[0]), _SET),
    Edit("the labels of the set", write("y", _idx(51)[1]), _SET),
    Edit("the set packed", _packed, _SET),
    Edit(
        "splits in another order",
        backwards(lambda d: d.sources["pics"].settings["splits"]),
        _PICS,
    ),
    Edit(
        "a largest picture above all",
        settings("clean.check_image", max_pixels=1000),
        ("clean.check_image",),
    ),
    Edit("a transform", settings("augment.flip", horizontal=0.25), _STAGES),
    Edit("a transform more", lambda d: d.steps["augment"].append(Step("shift")), _STAGES),
    Edit("transforms in another order", lambda d: d.steps["augment"].reverse(), _STAGES),
    Edit("a weight", settings("mix.weights", labels={"0": 2}), ("mix.weights",)),
    Edit(
        "classes in another order", backwards(lambda d: d.sources["pics"].settings["class_names"])
    ),
    Edit("a picture that is ruled out", write("shots/notes/cat/40.png", png(41))),
    Edit("a picture more that is ruled out", write("shots/notes/dog/42.png", png(42)), _PICS),
    Edit("an unread file beside", write("shots/README.txt", "whose\n"), _PICS),
    Edit("a hidden file beside", write("shots/train/cat/.DS_Store", "x"), _PICS),
    Edit("what a transform reads as it is imported", write("tint.txt", "0.9"), _STAGES),
    Edit(
        "how a transform tints",
        replace("own/augment/images/tint.py", "(BY))", "(BY) ** 2)"),
        _STAGES,
    ),
    Edit("a comment in a transform", append("own/augment/images/tint.py", "# so be it\n")),
    Edit("a picture touched", touch(_PICTURE)),
    Edit("the set touched", touch("x")),
    Edit("a picture behind a link", linked(_PICTURE)),
    Edit("a picture made read-only", lambda d: d.modes.update({_PICTURE: 0o444})),
    Edit("--limit above every source", lambda d: setattr(d, "limit", 1000)),
    *of_training(target=True, method="probe"),
    version("pillow", "clean.*", "collect.*", *TRAININGS, must=("clean.check_image",)),
    *of_header(),
    *of_process(),
    Edit("a licence", source("pics", license="CC0"), _PICS),
)
IMAGES = Modality("images", base, EDITS, points=42, share=2)
