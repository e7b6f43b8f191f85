"""Sentences with their translations, in two files line by line."""

from __future__ import annotations

import gzip

from tests.edits.common import (
    linked,
    of_header,
    of_process,
    replace,
    settings,
    source,
    touch,
    training,
    write,
)
from tests.edits.trainings import of_training, stages
from tests.edits.workspace import Draft, Edit, Modality, Step

_SIDES = {"en": ("after", "comes"), "de": ("nach", "kommt")}


def _lines(side: str, numbers: range) -> str:
    first, second = _SIDES[side]
    return "".join(f"{first} {number} {second} {number + 1}\n" for number in numbers)


def base() -> Draft:
    """One pair of files to learn from, and one that is held out."""
    draft = Draft(header={"name": "pairs", "seed": 0, "threads": 1, "error_budget": 0.05})
    for side in _SIDES:
        draft.write(f"train.{side}", _lines(side, range(24)) + _lines(side, range(2)))
        draft.write(f"test.{side}", _lines(side, range(40, 46)))
    files = [
        {
            "split": split,
            "source": {"path": f"{split}.en"},
            "target": {"path": f"{split}.de"},
            **({"lines": [1, 25]} if split == "train" else {}),
        }
        for split in ("train", "test")
    ]
    draft.sources = {"pairs": Step("parallel", {"files": files})}
    draft.steps = {
        "clean": [Step("normalize")],
        "deduplicate": [Step("exact")],
        "mix": [Step("weights")],
    }
    model = {"kind": "seq2seq", "encoder_layers": 1, "decoder_layers": 1, "width": 8, "heads": 2}
    draft.trainings = stages(
        {
            "task": "translation",
            "model": {**model, "hidden": 8},
            "data": {"vocabulary": 280, "max_length": 10},
            "objective": {"beam": 1},
            "optimizer": {"learning_rate": 0.002},
        },
        {},
        "deduplicate.exact",
    )
    return draft


def _more(draft: Draft) -> None:
    for side in _SIDES:
        draft.write(f"test.{side}", draft.text(f"test.{side}") + _lines(side, range(50, 52)))


def _both_orders(draft: Draft) -> None:
    draft.sources["pairs"].settings["files"].reverse()


def _lines_of(draft: Draft, last: int) -> None:
    for one in draft.sources["pairs"].settings["files"]:
        if one["split"] == "train":
            one["lines"] = [1, last]


def _packed(draft: Draft) -> None:
    """The same lines in a file that is packed, under the same name."""
    draft.write("test.de", gzip.compress(draft.text("test.de").encode(), mtime=0))


_PAIRS = ("collect.pairs",)
EDITS = (
    Edit("pairs more", _more, _PAIRS),
    Edit("a word of the target", replace("train.de", "kommt 4", "folgt 4"), _PAIRS),
    Edit("a word of the source", replace("test.en", "comes 42", "follows 42"), _PAIRS),
    Edit("a line less", lambda d: _lines_of(d, 24), _PAIRS),
    Edit("a line more that is there already", lambda d: _lines_of(d, 26), _PAIRS),
    Edit("the files in another order", _both_orders, _PAIRS),
    Edit("a file packed", _packed, _PAIRS),
    Edit("another form of letters", settings("clean.normalize", form="NFKC"), ("clean.normalize",)),
    Edit("a weight", settings("mix.weights", sources={"pairs": 2}), ("mix.weights",)),
    Edit(
        "the breadth of the search",
        training("pretrain", objective={"beam": 2}),
        ("pretrain", "transfer", "value"),
    ),
    Edit("the target touched", touch("train.de")),
    Edit("the source touched", touch("test.en")),
    Edit("a file behind a link", linked("test.de")),
    Edit("an unread file beside", write("train.fr", "rien\n")),
    Edit("--limit above every source", lambda d: setattr(d, "limit", 1000)),
    *of_training(target=True, method="lora"),
    *of_header(),
    *of_process(),
    Edit("a licence", source("pairs", license="CC0"), _PAIRS),
)
PAIRS = Modality("pairs", base, EDITS, points=28)
