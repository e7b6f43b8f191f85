"""What a data set of the Hugging Face hub says of itself: its tables, classes, pictures and sound.

It stands in three places that say the same: in the metadata `huggingface` of a Parquet or Arrow
file, in `dataset_info.json`, and in the head of README.md, where it is written otherwise.
Source: huggingface.co/docs/datasets, "Dataset features"; `Features._to_yaml_list` of `datasets`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tilth.formats import front_matter

# A card with the names of 20,000 classes has a megabyte.
MAX_BYTES: Final = 1 << 22
_MAX_CHARS: Final = 1 << 20
Kind = Literal["class", "classes", "image", "audio", "other"]


class CardError(ValueError):
    """It says something that is not a data set's."""


@dataclass(frozen=True)
class Feature:
    """What a column holds.

    Attributes:
        kind: `class`: whole numbers that stand for `names`; `classes`: lists of these; `image` and
            `audio`: encoded bytes, or a struct with `bytes`.
        names: Of the classes, in the order of their numbers.
    """

    kind: Kind
    names: tuple[str, ...] = ()


Features = Mapping[str, Feature]


@dataclass(frozen=True)
class Config:
    """One of a data set's tables.

    Attributes:
        files: Split -> patterns of its files, in order; empty: the names of the files tell.
        folder: Where they lie; empty: anywhere.
        is_default: Whether it is the one that is read where none is named.
        features: Of its columns, as far as the card tells.
        num_rows: Of its splits, as far as the card tells.
    """

    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folder: str = ""
    is_default: bool = False
    features: Features = field(default_factory=dict)
    num_rows: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """A README.md.

    Attributes:
        configs: By name; empty: the names of the files tell.
        license: As the hub spells it.
    """

    configs: Mapping[str, Config] = field(default_factory=dict)
    license: str | None = None


def read_card(text: str) -> Card:
    """What the head of a README.md says.

    Raises:
        CardError: It has one that cannot be read.
    """
    fields, _ = front_matter.split(text.removeprefix("\ufeff"), _MAX_CHARS)
    if fields is None:
        raise CardError("its head is no YAML that can be read")
    told = {_name(info, "default"): info for info in _listed(fields.get("dataset_info"))}
    given = {_name(one, "default"): one for one in _listed(fields.get("configs"))}
    try:
        configs = {
            name: Config(
                _files(given.get(name, {})),
                str(given.get(name, {}).get("data_dir") or "").strip("/"),
                bool(given.get(name, {}).get("default")) or name == "default",
                _of_yaml(told.get(name, {}).get("features")),
                _num_rows(told.get(name, {}).get("splits")),
            )
            for name in dict.fromkeys([*given, *told])
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CardError(f"its `configs` or `dataset_info` cannot be read: {error}"[:200]) from None
    said = fields.get("license")
    return Card(configs, said if isinstance(said, str) and said != "unknown" else None)


def read_infos(data: bytes) -> dict[str, Config]:
    """What a dataset_info.json says, or a dataset_infos.json of several tables, by their names.

    Raises:
        CardError: It is neither.
    """
    try:
        found = json.loads(data)
        if "features" in found:
            return {"default": _of_info(found)}
        return {str(name): _of_info(one) for name, one in found.items()}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CardError(f"not the description of a data set: {error}"[:200]) from None


def features_of(metadata: Mapping[bytes, bytes] | None) -> Features:
    """What the metadata of a Parquet or Arrow file says.

    Raises:
        CardError: It says something else.
    """
    data = (metadata or {}).get(b"huggingface")
    if data is None:
        return {}
    try:
        return _of_info(json.loads(data)["info"]).features
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CardError(f"its metadata `huggingface` cannot be read: {error}"[:200]) from None


def _listed(given: Any) -> list[Mapping[str, Any]]:
    found = given if isinstance(given, list) else [] if given is None else [given]
    if not all(isinstance(one, dict) for one in found):
        raise CardError("its `configs` or `dataset_info` are no list of mappings")
    return found


def _name(config: Mapping[str, Any], otherwise: str) -> str:
    return str(config.get("config_name", otherwise))


def _files(config: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    given = config.get("data_files")
    if given is None:
        return {}
    if isinstance(given, str) or (isinstance(given, list) and isinstance(given[0], str)):
        return {"train": _patterns(given)}
    if isinstance(given, dict):
        return {str(split): _patterns(one) for split, one in given.items()}
    found = {str(one["split"]): _patterns(one["path"]) for one in given}
    if len(found) != len(given):
        raise CardError("its `data_files` name a split twice")
    return found


def _patterns(given: Any) -> tuple[str, ...]:
    found = (given,) if isinstance(given, str) else tuple(given)
    for one in found:
        if not isinstance(one, str):
            raise CardError("its `data_files` are no patterns")
        if "://" in one or one.startswith("/") or ".." in one.split("/"):
            raise CardError(f"its `data_files` lead out of it: `{one[:80]}`")
    return found


def _num_rows(given: Any) -> dict[str, int]:
    if not given:
        return {}
    listed = given.values() if isinstance(given, dict) else given
    return {str(one["name"]): int(one["num_examples"]) for one in listed if "num_examples" in one}


def _of_info(info: Any) -> Config:
    features = info.get("features") or {}
    found = {name: _of_json(one) for name, one in features.items()}
    return Config(features=found, num_rows=_num_rows(info.get("splits")))


def _of_json(given: Any) -> Feature:
    # A list of one feature is a sequence of it, as `datasets` wrote them first.
    kind = given.get("_type") if isinstance(given, dict) else "Sequence"
    if kind == "ClassLabel":
        return Feature("class", _class_names(given.get("names")))
    if kind in ("Image", "Audio"):
        return Feature("image" if kind == "Image" else "audio")
    if kind in ("Sequence", "List", "LargeList"):
        inside = given[0] if isinstance(given, list) else given.get("feature")
        if isinstance(inside, dict) and inside.get("_type") == "ClassLabel":
            return Feature("classes", _class_names(inside.get("names")))
    return Feature("other")


def _of_yaml(given: Any) -> dict[str, Feature]:
    return {str(one["name"]): _of_yaml_type(one) for one in given or ()}


def _of_yaml_type(one: Mapping[str, Any]) -> Feature:
    """`dtype: image`, or `dtype: {class_label: ...}`, or `sequence: {class_label: ...}`."""
    for key in ("sequence", "list", "large_list"):
        inside = one.get(key)
        if isinstance(inside, dict):
            named = inside.get("class_label") or (inside.get("dtype") or {})
            named = named.get("class_label", named) if isinstance(named, dict) else {}
            if "names" in named:
                return Feature("classes", _class_names(named["names"]))
    kind = one.get("dtype")
    if isinstance(kind, dict):
        if "class_label" in kind:
            return Feature("class", _class_names(kind["class_label"].get("names")))
        kind = next(iter(kind), None)
    if kind in ("image", "audio"):
        return Feature("image" if kind == "image" else "audio")
    return Feature("other")


def _class_names(given: Any) -> tuple[str, ...]:
    """Names as a list, or by their numbers.

    Raises:
        CardError: A number has none, or one is no text, such as a `no` without quotes.
    """
    if isinstance(given, dict):
        by_number = {int(number): name for number, name in given.items()}
        if sorted(by_number) != list(range(len(by_number))):
            raise CardError("the numbers of its classes are not 0, 1, 2, ...")
        given = [by_number[number] for number in range(len(by_number))]
    if not isinstance(given, list) or not given:
        raise CardError("a class label without names")
    for name in given:
        if isinstance(name, bool) or not isinstance(name, str | int):
            raise CardError(f"the name of a class is {name!r}, not text: put it in quotes")
    return tuple(map(str, given))
