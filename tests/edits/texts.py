"""Labelled texts: a language model that starts from another one, then classes."""

from __future__ import annotations

import json
from functools import cache

from tests.edits.common import (
    append,
    linked,
    of_header,
    of_process,
    replace,
    settings,
    source,
    touch,
    version,
    write,
)
from tests.edits.records import sentence
from tests.edits.trainings import checkpoint, of_training, stages
from tests.edits.workspace import TRAININGS, Draft, Edit, Modality, Step

_GPT = {"kind": "gpt", "layers": 1, "width": 8, "heads": 2, "context": 16}


def _rows(count: int, first: int = 0) -> str:
    rows = [
        {
            "id": f"r{number}",
            "text": sentence("ab"[number % 2], number % 50, 7),
            "label": ("wet", "dry")[number % 2],
            "split": ("train", "train", "test")[number % 3],
        }
        for number in range(first, first + count)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def _plain() -> Draft:
    draft = Draft(header={"name": "texts", "seed": 0, "threads": 1, "error_budget": 0.05})
    draft.write("a.jsonl", _rows(36) + _rows(1, 54) + _rows(1, 57))
    draft.write("sig.py", "def shout(text: str) -> int:\n    return text.count('!')\n")
    draft.write("rules.yaml", "about: mine\nrules:\n- keep: word_count >= 3\n")
    fields = {"id": "id", "label": "label", "split": "split"}
    draft.sources = {"a": Step("jsonl", {"path": "a.jsonl", "fields": fields})}
    draft.steps = {
        "clean": [
            Step("signals", {"names": ["word_count"], "functions": ["sig.py:shout"]}),
            Step("rules", {"files": ["rules.yaml"]}),
        ],
        "deduplicate": [Step("exact")],
        "mix": [Step("weights", {"labels": {"wet": 0.5}})],
    }
    draft.trainings = stages(
        {
            "task": "text-generation",
            "model": _GPT,
            "data": {"vocabulary": 270},
            "optimizer": {"learning_rate": 0.002},
        },
        {"task": "text-classification", "data": {"max_length": 12}},
        "deduplicate.exact",
        target="none",
    )
    return draft


@cache
def _models() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Two models that training may start from."""
    return checkpoint(_plain(), 1), checkpoint(_plain(), 2)


def base() -> Draft:
    """Training starts from a model that lies beside the recipe."""
    draft = _plain()
    for folder in ("ck", "copy"):
        for name, data in _models()[0].items():
            draft.write(f"{folder}/{name}", data)
    draft.trainings["pretrain"]["initialise"] = "ck"
    del draft.trainings["pretrain"]["data"]["vocabulary"]
    return draft


def _other_weights(draft: Draft) -> None:
    for name, data in _models()[1].items():
        draft.write(f"ck/{name}", data)


def _from(draft: Draft, place: str) -> None:
    draft.trainings["pretrain"]["initialise"] = place


def _masked(draft: Draft) -> None:
    """A transform that only the classes' task takes."""
    draft.steps["augment"] = [Step("text_mask", {"share": 0.3})]


EDITS = (
    Edit("rows more", append("a.jsonl", _rows(4, 40)), ("collect.a",)),
    Edit("a word changed", replace("a.jsonl", "meadow", "orchard"), ("collect.a",)),
    Edit("a row that is there already", append("a.jsonl", _rows(1, 60)), ("collect.a",)),
    Edit("a weight", settings("mix.weights", labels={"wet": 2}), ("mix.weights",)),
    Edit("a rule", replace("rules.yaml", ">= 3", ">= 8"), ("clean.rules",)),
    Edit("a rule that keeps the same", replace("rules.yaml", ">= 3", "> 2"), ("clean.rules",)),
    Edit("a function", replace("sig.py", "'!'", "'a'"), ("clean.signals",)),
    Edit("a function that gives the same", replace("sig.py", "'!'", '"?"'), ("clean.signals",)),
    Edit("other weights to start from", _other_weights, ("pretrain",)),
    Edit("a transform of the target alone", _masked, ("transfer",)),
    Edit("a.jsonl touched", touch("a.jsonl")),
    Edit("the weights touched", touch("ck/model.safetensors")),
    Edit("a comment in rules", append("rules.yaml", "# so be it\n")),
    Edit("a comment in a function's file", append("sig.py", "# so be it\n")),
    Edit("an unread file beside the weights", write("ck/optimizer.bin", "x")),
    Edit("./ before the weights", lambda d: _from(d, "./ck")),
    Edit("the same weights elsewhere", lambda d: _from(d, "copy"), ("pretrain",)),
    Edit("a source behind a link", linked("a.jsonl")),
    *of_training(target=False, method="probe"),
    version("tokenizers", *TRAININGS, must=("pretrain", "transfer")),
    version("trafilatura"),
    *of_header(),
    *of_process(anew=True),
    Edit("a licence", source("a", license="CC0"), ("collect.a",)),
)
TEXTS = Modality("texts", base, EDITS, points=36, share=2)
