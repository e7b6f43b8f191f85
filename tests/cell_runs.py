"""What tests of cells share: a run's result without its times, and settings that are watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, get_args, get_origin

from hypothesis import HealthCheck, Phase, settings

from tilth.recipe.operations import operations
from tilth.settings import BaseSettings
from tilth.transfer.result import Outcome

# Trainings, each of a tenth of a second. To make a failing example smaller would take minutes.
AS_THEY_COME = settings(
    deadline=None,
    suppress_health_check=(HealthCheck.function_scoped_fixture, HealthCheck.too_slow),
    phases=(Phase.explicit, Phase.generate),
)
Kind = TypeVar("Kind", bound=BaseSettings)
_TIMES = {"seconds", "cpu_seconds", "training_seconds"}


def came_to(outcome: Outcome) -> dict[str, Any]:
    """All that a cell's result says but how long it took."""
    return {name: one for name, one in outcome.as_json().items() if name not in _TIMES}


def whole_transform(spec: dict[str, Any]) -> dict[str, Any]:
    """A transform as the plan gives it, of what a recipe gives."""
    [(name, given)] = spec.items()
    return {name: operations()[name].settings.model_validate(given).model_dump(mode="json")}


@contextmanager
def fields_read(of: tuple[type[BaseSettings], ...]) -> Iterator[set[str]]:
    """Which fields of settings of these classes are read inside, as `Class.field`."""
    found: set[str] = set()
    plain: Callable[[Any, str], Any] = BaseSettings.__getattribute__

    def watched(self: Any, name: str) -> Any:
        if type(self) in of and name in type(self).model_fields:
            found.add(f"{type(self).__name__}.{name}")
        return plain(self, name)

    BaseSettings.__getattribute__ = watched  # type: ignore[method-assign]
    try:
        yield found
    finally:
        del BaseSettings.__getattribute__


def rebuilt(kind: type[Kind], found: Mapping[str, Any]) -> Kind:
    """Settings of what `acting` gave of them: all that it left out is at its default."""
    fields = kind.model_fields
    return kind.model_validate({n: _given(fields[n].annotation, one) for n, one in found.items()})


def _given(annotation: Any, value: Any) -> Any:
    options = list(_options(annotation))
    models = [o for o in options if isinstance(o, type) and issubclass(o, BaseSettings)]
    if isinstance(value, dict):
        fitting = [model for model in models if value.keys() <= model.model_fields.keys()]
        if not fitting:  # a mapping of which the order says nothing
            return value
        return {n: _given(fitting[0].model_fields[n].annotation, one) for n, one in value.items()}
    if isinstance(value, list) and any(get_origin(one) is dict for one in options):
        if any(get_origin(one) is tuple for one in options):
            return [_mapping(one) for one in value]
        return _mapping(value)
    return value


def _options(annotation: Any) -> Iterator[Any]:
    """The types that a value may be of, and those of what is in it."""
    yield annotation
    for one in get_args(annotation):
        yield from _options(one)


def _mapping(pairs: list[Any]) -> dict[str, Any]:
    """A mapping of which the order counts is a list of pairs."""
    return {name: _mapping(one) if isinstance(one, list) else one for name, one in pairs}
