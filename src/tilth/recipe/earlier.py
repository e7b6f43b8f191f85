"""Settings that earlier versions had: read where they say nothing, and told why they are gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The stages that were given others' settings among their own, for the plan to fill in.
_TRAININGS = ("pretrain", "transfer", "value")
_PLANNED = ("augment", "pretrain", "transfer")

_ALONE: Mapping[str, Any] = {
    "max_seconds": None,
    "eval_every": 0,
    "patience": 0,
    "min_improvement": 0.0,
    "checkpoint_every": 0,
    "tensorboard": False,
    "processes": 1,
}
_READ: Mapping[str, Any] = {
    "vocabulary": None,
    "tokenizer": None,
    "tokenizer_sources": [],
    "sample_rate": None,
    "mels": None,
    "image_size": None,
    "channels": None,
}
_VALIDATED: Mapping[str, Any] = {"validation": "validation", "validation_share": 0}
_LONG = "two trainings that are compared are equally long, on any machine and with any data"
_AS_TRAINED = "samples are read as those that the model was trained on"
_NEVER = "nothing is validated while a model is carried over"

# Where a setting was, the value that says what holds anyway, and why it is gone. `*`: any key.
_GONE: tuple[tuple[str, Mapping[str, Any], str], ...] = (
    ("transfer.loop", _ALONE, _LONG),
    ("transfer.overrides.*.loop", _ALONE, _LONG),
    ("value.loop", {**_ALONE, "max_tokens": None}, _LONG),
    ("value.target.loop", _ALONE, _LONG),
    ("transfer.data", _READ, _AS_TRAINED),
    ("value.target.data", _READ, _AS_TRAINED),
    ("transfer.data", _VALIDATED, _NEVER),
    ("value.target.data", _VALIDATED, _NEVER),
)


def as_now(tree: Mapping[str, Any], *, ran: bool) -> dict[str, Any]:
    """A recipe's tree without what earlier versions had and this one has not.

    Args:
        tree: As written.
        ran: It is the copy of a recipe that ran, of which nothing is asked any more. In a recipe
            that is to run, only what holds anyway is left out.
    """
    found = {
        stage: {name: one for name, one in block.items() if one or name not in _PLANNED}
        if stage in _TRAININGS and isinstance(block, Mapping)
        else block
        for stage, block in tree.items()
    }
    for place, names, _ in _GONE:
        found = _without(found, place.split("."), names, ran)
    return found


def _without(tree: Any, place: list[str], names: Mapping[str, Any], ran: bool) -> Any:
    if not isinstance(tree, Mapping):
        return tree
    if not place:
        return {
            name: value
            for name, value in tree.items()
            if name not in names or not (ran or value == names[name])
        }
    first, *rest = place
    return {
        name: _without(value, rest, names, ran) if first in ("*", name) else value
        for name, value in tree.items()
    }


def why_gone(place: tuple[str | int, ...]) -> str:
    """Why a setting is not there; empty: it never was.

    Args:
        place: Its keys from the top of the recipe.
    """
    *outer, name = map(str, place)
    for pattern, names, why in _GONE:
        keys = pattern.split(".")
        same = len(keys) == len(outer) and all(map(_fits, keys, outer))
        if same and name in names:
            return why
    return ""


def _fits(key: str, one: str) -> bool:
    return key in ("*", one)
