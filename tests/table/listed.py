"""All settings of a recipe and all options of the command line, as the code declares them."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tilth.cli.main import app
from tilth.collect.joins import Join
from tilth.models.settings import ModelSettings, settings_classes
from tilth.recipe.model import Header
from tilth.recipe.operations import operations
from tilth.settings import ActsOn, AnyOrder
from tilth.tasks.predict_settings import PredictSettings

# A key of a mapping whose keys the user makes up, as the name of an arm.
ANY = "*"


@dataclass(frozen=True)
class Setting:
    """One setting, by the place where it can stand.

    Attributes:
        path: `clean.language.keep`, `pretrain.model.gpt.layers`, `transfer.overrides.*.loop.ema`;
            an option is `tilth run --limit`, or without dashes an argument.
        annotation: Of what is given.
        field: As pydantic knows it; None of an option.
    """

    path: str
    annotation: Any
    field: FieldInfo | None = None

    @property
    def acts_on(self) -> str:
        """What it is marked to act on alone; empty: on what is made."""
        return next((mark.what for mark in self._marks if isinstance(mark, ActsOn)), "")

    @property
    def has_no_order(self) -> bool:
        """Whether it is marked so that the order of its keys or items says nothing."""
        return any(isinstance(mark, AnyOrder) for mark in self._marks)

    @property
    def is_mapping(self) -> bool:
        """Whether it has keys."""
        return get_origin(self.annotation) is dict

    @property
    def _marks(self) -> list[Any]:
        return [] if self.field is None else self.field.metadata

    def is_of(self, *kinds: type) -> bool:
        """Whether a value, or a part of one, can be of one of these types."""
        return any(kind in kinds for kind in _atoms(self.annotation))


@cache
def settings() -> dict[str, Setting]:
    """The settings by path: a recipe's header, every operation, and what a model is asked with."""
    found: dict[str, Setting] = {}

    def add(model: type[BaseModel], path: str) -> None:
        for name, field in model.model_fields.items():
            own = f"{path}.{name}"
            found[own] = Setting(own, field.annotation, field)
            for inner, inside in _models(field.annotation):
                add(inner, own + inside)

    add(Header, "recipe")
    for name, operation in operations().items():
        single = name == operation.stage
        own = operation.module.Settings if operation.kind == "source" else operation.settings
        add(own, name if single else f"{operation.stage}.{name}")
    # Every source has it, and it is read in one place.
    join = operations()["jsonl"].settings.model_fields["join"]
    found["collect.join"] = Setting("collect.join", join.annotation, join)
    add(Join, "collect.join")
    add(PredictSettings, "predict")
    return found


@cache
def options() -> dict[str, Setting]:
    """The options and arguments of each verb, by `tilth VERB --option`."""
    found: dict[str, Setting] = {}
    command: Any = typer.main.get_command(app)
    for verb, sub in [("", command), *sorted(command.commands.items())]:
        for given in sub.params:
            name = max(given.opts, key=len) if given.param_type_name == "option" else given.name
            path = " ".join(filter(None, ("tilth", verb, name)))
            found[path] = Setting(path, None)
    return found


def everything() -> dict[str, Setting]:
    """All of both."""
    return {**settings(), **options()}


def _models(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """The settings classes that a value can hold, each with its place inside the value.

    Of classes that are told apart by a `kind`, its name is a part of the place.
    """
    if annotation is ModelSettings:
        for network in settings_classes():
            yield network, f".{network.model_fields['kind'].default}"
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
    elif get_origin(annotation) in (dict, types.MappingProxyType):
        yield from ((model, f".{ANY}{inside}") for model, inside in _models_in(annotation))
    else:
        found = list(_models_in(annotation))
        several = len({model for model, _ in found}) > 1 and annotation is not ModelSettings
        for model, inside in found:
            kind = model.model_fields.get("kind") if several and not inside else None
            yield model, inside if kind is None else f".{_tag(kind)}{inside}"


def _models_in(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    for part in get_args(annotation):
        if part is not ... and get_origin(annotation) is not Literal:
            yield from _models(part)


def _tag(kind: FieldInfo) -> str:
    return str(kind.default if isinstance(kind.default, str) else get_args(kind.annotation)[0])


def _atoms(annotation: Any) -> Iterator[Any]:
    """The plain types that an annotation is made of."""
    origin = get_origin(annotation)
    if origin is Literal:
        return
    if origin is Annotated:
        yield from _atoms(get_args(annotation)[0])
    elif origin in (Union, types.UnionType) or get_args(annotation):
        for part in get_args(annotation):
            yield from _atoms(part)
    else:
        yield annotation
