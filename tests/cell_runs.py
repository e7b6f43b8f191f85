"""What tests of cells share: a run's result without its times, and settings that are watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

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
