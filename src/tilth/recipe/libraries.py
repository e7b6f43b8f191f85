"""What decides a step's output and is not Tilth's: versions of libraries, and the device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from tilth.extensions import find
from tilth.machine import training_device
from tilth.recipe.code import imports_of, reachable
from tilth.settings import BaseSettings
from tilth.versions import versions_of

# What they bring is kept: it is read again with another library, and never fetched again for one.
_FETCHING = ("tilth.web.client", "tilth.web.crawler", "tilth.demo.site")
# What they give is what the standard library gives of the same records, whatever compiles them.
_READING = ("tilth.kernels.cells", "tilth.kernels.digests", "tilth.kernels.json_lines")


def libraries_of(modules: Iterable[str]) -> dict[str, str]:
    """The versions that decide what some modules come to, with all that they import.

    Args:
        modules: Of Tilth or of extensions, by full name, as `Operation.modules` gives them.

    Returns:
        Versions by distribution, empty for one that is not installed; Python's, without its last
        number, and that of its table of characters among them.
    """
    return dict(_libraries(tuple(modules)))


@cache  # Many sources are read by one operation.
def _libraries(modules: tuple[str, ...]) -> Mapping[str, str]:
    imports: dict[bool, set[str]] = {True: set(), False: set()}
    for name in reachable(modules, without=(*_FETCHING, *_READING)):
        imports[find(name) is None].update(imports_of(name))
    return versions_of(imports[True], of_tilth=True) | versions_of(imports[False])


def device_of(*settings: BaseSettings | None) -> str:
    """Where the trainings of a stage compute: `cpu` or `cuda`; of several both, joined by `+`.

    `auto` is what training will make of it; torch is loaded only where there may be a GPU.

    Args:
        settings: Of the stage, and what the plan gives it: the device of each training in them
            counts.
    """
    wanted = {one for part in settings for one in _devices(part)} or {"auto"}
    return "+".join(sorted({training_device(one) for one in wanted}))


def _devices(value: object) -> Iterator[str]:
    if isinstance(value, BaseSettings):
        for name, inner in value:
            if name == "device" and isinstance(inner, str):
                yield inner
            else:
                yield from _devices(inner)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _devices(inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _devices(inner)
