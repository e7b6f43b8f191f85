"""The base of every typed block of a recipe: closed, frozen, hashable."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_jsonable_python

Acts = Literal["data", "cells", "summary", "outside", "politeness", "speed", "words"]
# What changes nothing of what is made, or nothing that a fingerprint does not hold already.
_IDLE: frozenset[Acts] = frozenset(("outside", "politeness", "speed", "words"))


@dataclass(frozen=True)
class ActsOn:
    """What a setting acts on, beside its type in `Annotated`; one that does not say: on data.

    Attributes:
        what: data: on what the step makes. cells: on the trainings of a comparison. summary: on
            what is said of the cells alone. outside: on what is read, all of which is in the
            operation's `fingerprint`. politeness, speed: on how it comes about. words: on nothing
            but what is shown.
    """

    what: Acts


@dataclass(frozen=True)
class AnyOrder:
    """Beside the type of a mapping or a list: in what order its keys or items stand says nothing.

    Nor does an item that stands there twice. Of whatever does not say so the order counts, for the
    first match may decide; nobody else can know it of an extension's settings.
    """


class BaseSettings(BaseModel):
    """Settings of one operation or stage. An unknown key is an error; a value never changes.

    A number is finite: no setting means anything at infinity, and JSON cannot hold it.

    Collections are tuples and frozen pairs so that settings can key a cache.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, str_strip_whitespace=False, allow_inf_nan=False
    )

    def normal(self) -> BaseSettings:
        """The same settings in the one way of writing them that an identity is made of.

        Overridden where what means the same can be written in more than one way: a blank in an
        expression, `./` before a path.
        """
        return self

    def _unread_with(self, given: Mapping[str, Any]) -> set[str]:  # noqa: ARG002
        """Settings of these that nothing reads any more where others are given: not taken over."""
        return set()


def acting(settings: BaseSettings, but: Collection[Acts] = ()) -> Any:
    """What an identity is made of: the settings that act, in their normal form, as JSON.

    A mapping of which the order counts is the list of its pairs, so that it is not lost where JSON
    is written with its keys sorted.

    Args:
        settings: Of an operation or a stage.
        but: Leave out what acts on one of these too. What acts on politeness, speed or words alone
            is always left out, as is what stands in a fingerprint.
    """
    left_out = {*_IDLE, *but}
    settings, found = settings.normal(), {}
    for name, field in type(settings).model_fields.items():
        marks = field.metadata
        if any(isinstance(mark, ActsOn) and mark.what in left_out for mark in marks):
            continue
        free = any(isinstance(mark, AnyOrder) for mark in marks)
        found[name] = _acting(getattr(settings, name), but, any_order=free)
    # Keys of the user's own, where settings take any.
    return found | {name: _acting(value) for name, value in sorted(_others(settings).items())}


def _others(settings: BaseSettings) -> dict[str, Any]:
    return settings.model_extra or {}


def _acting(value: object, but: Collection[Acts] = (), *, any_order: bool = False) -> Any:
    if isinstance(value, BaseSettings):
        return acting(value, but)
    if isinstance(value, Mapping):
        pairs = [[_acting(key), _acting(one, but)] for key, one in value.items()]
        return dict(pairs) if any_order else pairs
    if isinstance(value, tuple | list):
        items = [_acting(one, but) for one in value]
        return _sorted(items) if any_order else items
    if isinstance(value, set | frozenset):
        return _sorted([_acting(one, but) for one in value])
    plain = to_jsonable_python(value)
    return _acting(plain) if isinstance(plain, dict | list) else plain


def _sorted(items: list[Any]) -> list[Any]:
    """By what they print as JSON, each once."""
    printed = {json.dumps(item): item for item in items}
    return [printed[text] for text in sorted(printed)]


def fill(given: dict[str, object], name: str, base: BaseSettings) -> None:
    """Lay what is given of one part over the part that it falls back to, in place.

    What is not given at all stays so, and so does what is no mapping: a validator refuses it.

    Args:
        given: Settings as a recipe writes them.
        name: Of the part.
        base: What the part falls back to.
    """
    part = given.get(name)
    if isinstance(part, Mapping):
        given[name] = laid_over(base, part)


def part_of(cls: type[BaseSettings], name: str, given: object) -> BaseSettings:
    """One part of settings as it is once given; what cannot be used is told elsewhere, and is here
    the part's default.

    Args:
        cls: The settings.
        name: Of the part, which has a default.
        given: As a recipe writes it; None: not at all.
    """
    default: BaseSettings = cls.model_fields[name].get_default(call_default_factory=True)
    if not isinstance(given, Mapping):
        return default
    try:
        return type(default).model_validate(given)
    except ValidationError:
        return default


def laid_over(base: BaseSettings, given: Mapping[str, Any]) -> dict[str, object]:
    """Plain settings in which what is given changes only itself, and all else is the base's.

    Mappings in them are laid over each other too, so that of many weights one can be changed. Of
    settings of another class, as a network of another `kind` has them, nothing is kept.

    Args:
        base: Whole settings.
        given: Some of the same settings, as a recipe writes them.
    """
    if _is_another(base, given):
        return dict(given)
    whole = base.model_dump(mode="json", exclude=base._unread_with(given))
    return {**whole, **{name: _laid(getattr(base, name, None), it) for name, it in given.items()}}


def _is_another(base: BaseSettings, given: Mapping[str, Any]) -> bool:
    """Whether a `kind` is given that settings of another class are for."""
    kind = getattr(base, "kind", None)
    known = get_args(type(base).model_fields["kind"].annotation) if kind is not None else ()
    return given.get("kind", kind) not in (kind, *known)


def _laid(base: object, given: object) -> object:
    if not isinstance(given, Mapping):
        return given
    if isinstance(base, BaseSettings):
        return laid_over(base, given)
    # A mapping that can be a key is a tuple of pairs.
    if isinstance(base, tuple) and all(isinstance(one, tuple) and len(one) == 2 for one in base):
        base = dict(base)
    if not isinstance(base, Mapping):
        return given
    both = {name: _plain(one) for name, one in base.items()}
    return {**both, **{name: _laid(base.get(name), one) for name, one in given.items()}}


def _plain(value: object) -> object:
    return value.model_dump(mode="json") if isinstance(value, BaseSettings) else value


def is_default(settings: BaseSettings, name: str) -> bool:
    """Whether a setting has the value that it has where nobody gives it."""
    default = type(settings).model_fields[name].get_default(call_default_factory=True)
    return bool(getattr(settings, name) == default)
