"""The reference of the Python API, made from the types and their docstrings.

`python -m tests.reference` (`make reference`) writes it into docs/reference/api.md, and the figures
into the page beside it (`tests.figures_page`).
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import is_dataclass
from functools import cache, cached_property
from itertools import groupby
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from pydantic import BaseModel

import tilth
from tests import figures_page, sources_page
from tilth import errors
from tilth.settings import BaseSettings

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "api.md"
MARK = "<!-- From here on made by `make reference`. -->\n"
# Under which heading the types of a module stand, and in which order.
GROUPS = {
    "Runs": (
        "api",
        "query.runs",
        "query.status",
        "query.found",
        "query.disk",
        "query.removal",
        "query.verify",
    ),
    "What the stages found": (
        "pretrain.result",
        "training.curve",
        "transfer.result",
        "value.result",
        "statistics.found",
    ),
    "Data sets": (
        "loaders.dataset",
        "loaders.torch_samples",
        "loaders.torch_loader",
        "store.manifest",
    ),
    "Samples": ("query.samples", "query.trace"),
    "Recipes and plans": (
        "recipe.model",
        "recipe.annotate",
        "query.plans",
        "query.basis",
        "web.previewed",
    ),
    "Records": ("engine.record", "engine.extend", "machine", "records"),
    "Events": ("engine.events",),
    "Errors": ("errors",),
}
# Not public, though public types have them: an attribute of such a type is left out.
OPAQUE = {"Plan", "Operation", "BaseSettings", "Extension"}
# What a setting acts on, and whether its order counts, is no part of its type.
_MARK = re.compile(r"^Annotated\[(.+), (?:ActsOn\(.\w+.\)|AnyOrder\(\))\]$")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")


def public_types() -> list[type]:
    """Every class that the names of `tilth.__all__` give, by way of whatever attribute."""
    waiting = [one for one in vars(errors).values() if inspect.isclass(one)]
    for name in tilth.__all__:
        one = getattr(tilth, name)
        waiting += [one] if inspect.isclass(one) else _types_in(one, _signature(one))
    found: dict[type, None] = {}
    while waiting:
        kind = waiting.pop(0)
        if kind in found or kind.__name__ in OPAQUE or not kind.__module__.startswith("tilth."):
            continue
        found[kind] = None
        waiting += _bases(kind)
        for _, declared, _ in _members(kind):
            waiting += _types_in(kind, declared)
    return list(found)


def _bases(kind: type) -> list[type]:
    """What a class stands on, but for one of its own name, whose members are told as its own."""
    return [base for base in kind.__bases__ if base.__name__ != kind.__name__]


def members(kind: type) -> list[str]:
    """The public attributes and methods that a class adds to those it stands on."""
    return [name for name, _, _ in _members(kind)]


def reference() -> str:
    """The part of the page that is made, as Markdown."""
    names = [getattr(tilth, name) for name in tilth.__all__]
    functions: list[FunctionType] = [one for one in names if inspect.isfunction(one)]
    parts = ["## Functions"]
    for function in functions:
        about, given, raised = _read(function)
        parts += [f"### `{function.__name__}`", f"`{_signature(function)}`"]
        parts += [_wrapped(about + _raises(raised))]
        parts += [_items(given.items())]
    types = public_types()
    left = {kind.__name__ for kind in types}
    assert len(left) == len(types), "two public types have one name"
    for title, modules in GROUPS.items():
        parts.append(f"## {title}")
        for module in modules:
            here = [kind for kind in types if kind.__module__ == f"tilth.{module}"]
            for kind in sorted(here, key=lambda kind: inspect.getsourcelines(kind)[1]):
                parts += _section(kind)
                left.discard(kind.__name__)
    assert not left, f"under no heading: {left}"
    declared = [(f.__module__, _signature(f)) for f in functions]
    declared += [(kind.__module__, text) for kind in types for _, text, _ in _members(kind)]
    aliases = {
        k: v for where, text in declared for k, v in _meant(where, text) if isinstance(v, str)
    }
    parts += ["## Words for types"]
    parts += [_items((f"{name} = {aliases[name]}", "") for name in sorted(aliases))]
    return "\n\n".join(filter(None, parts)) + "\n"


def _section(kind: type) -> Iterator[str]:
    bases = [base.__name__ for base in _bases(kind) if base.__module__.startswith("tilth.")]
    more = " and ".join(f"`{name}`" for name in bases if name not in OPAQUE)
    yield f"### `{kind.__name__}`"
    about = f"{_read(kind)[0]} From `{kind.__module__}`"
    further = ", and:" if members(kind) else "."
    yield _wrapped(about + (f". All that {more} has{further}" if more else "."))
    yield _items((declared, words) for _, declared, words in _members(kind))


def _members(kind: type) -> Iterator[tuple[str, str, str]]:
    """Name, declaration and words of each public attribute that a class itself declares."""
    for base in set(kind.__bases__) - set(_bases(kind)):
        yield from _members(base)
    told = _read(kind)[1]
    for name, declared in _fields(kind).items():
        if name.startswith("_") or name == "model_config" or OPAQUE & set(_NAME.findall(declared)):
            continue
        words = told.get(name, "")
        if issubclass(kind, BaseSettings):
            words = kind.model_fields[name].description or ""
        yield name, f"{name}: {declared}", words
    for name, value in vars(kind).items():
        function = _function_of(value)
        if name.startswith("_") or function is None:
            continue
        about, _, raised = _read(function)
        declared = _signature(function)
        if function is not value:  # a property
            declared = f"{name}: {function.__annotations__['return']}"
        yield name, declared, about + _raises(raised)


def _function_of(value: object) -> FunctionType | None:
    if isinstance(value, property):
        value = value.fget
    if isinstance(value, cached_property):
        value = value.func
    return value if isinstance(value, FunctionType) else None


def _fields(kind: type) -> dict[str, str]:
    """The attributes of a class with their types, as they are written."""
    if issubclass(kind, BaseModel) or is_dataclass(kind):
        written = vars(kind).get("__annotations__", {})
        return {name: _MARK.sub(r"\1", declared) for name, declared in written.items()}
    # Of a class without declarations: its own values, and what its start sets.
    found = {
        name: f"{type(value).__name__} = {value!r}"
        for name, value in vars(kind).items()
        if isinstance(value, int | str)
    }
    start = vars(kind).get("__init__")
    if start is not None:
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(start)))):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
                name, value = node.targets[0].attr, node.value
                if name.startswith("_"):
                    continue
                made = value.func if isinstance(value, ast.Call) else None
                of = made.id if isinstance(made, ast.Name) else start.__annotations__[name]
                found.setdefault(name, of)
    return found


def _read(documented: Any) -> tuple[str, dict[str, str], list[str]]:
    """A docstring: its opening, what it says of each name, and what is raised."""
    text = inspect.cleandoc(documented.__doc__ or "")
    opening, *parts = re.split(r"^(Args|Attributes|Raises|Returns):\n", text, flags=re.M)
    named: dict[str, str] = {}
    raised: list[str] = []
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        for entry in re.split(r"^    (?=\S)", body.partition("\n\n")[0], flags=re.M)[1:]:
            names, _, words = entry.partition(": ")
            if title == "Raises":
                raised += names.split(", ")
            elif title != "Returns":
                named |= dict.fromkeys(" ".join(names.split()).split(", "), " ".join(words.split()))
    return " ".join(opening.split("\n\n")[0].split()), named, raised


def _raises(raised: list[str]) -> str:
    return f" Raises {', '.join(f'`{name}`' for name in raised)}." if raised else ""


def _signature(function: Callable[..., Any]) -> str:
    """As it is called, with its types as they are written."""
    signature = inspect.signature(function)
    given = [one for one in signature.parameters.values() if one.name != "self"]
    text = str(signature.replace(parameters=given))
    for annotation in [*(one.annotation for one in given), signature.return_annotation]:
        text = text.replace(repr(annotation), annotation)
    return f"{function.__name__}{text}"


def _types_in(where: Any, declared: str) -> list[type]:
    return [v for _, v in _meant(where.__module__, declared) if inspect.isclass(v)]


def _meant(module: str, text: str) -> Iterator[tuple[str, type | str]]:
    """What the names in the text of a type mean: classes, and aliases with their definitions."""
    for name in _NAME.findall(re.sub(r"'[^']*'|\"[^\"]*\"", "", text)):
        home, value = _looked_up(importlib.import_module(module), name)
        definition = _definition(home, name)
        if inspect.isclass(value):
            yield name, value
        elif definition and home.__name__.startswith("tilth."):
            yield name, definition
            yield from _meant(home.__name__, definition)


def _looked_up(module: ModuleType, name: str) -> tuple[ModuleType, object]:
    """What a name means in a module, and the module that defines it."""
    if name in _imported(module):
        home, known_as = _imported(module)[name]
        return _looked_up(importlib.import_module(home), known_as)
    return module, getattr(module, name, None)


@cache
def _imported(module: ModuleType) -> dict[str, tuple[str, str]]:
    """What a module imports from Tilth by name: the module that has it, and its name there."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tilth"):
            for alias in node.names:
                found.setdefault(alias.asname or alias.name, (str(node.module), alias.name))
    return found


def _definition(module: ModuleType, name: str) -> str:
    """How a module defines an alias; empty where it defines none of that name."""
    for node in _tree(module).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        if any(isinstance(one, ast.Name) and one.id == name for one in targets):
            value = getattr(node, "value", None)
            return ast.unparse(value) if isinstance(value, ast.expr) else ""
    return ""


@cache
def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def _items(found: Iterable[tuple[str, str]]) -> str:
    """A list of what is declared, what has the same words together."""
    lines = []
    for words, group in groupby(found, key=lambda one: one[1]):
        declared = [f"`{one}`" for one, _ in group]
        for head in [", ".join(declared)] if words else declared:
            lines.append(_wrapped(f"- {head}" + (f": {words}" if words else ""), "  "))
    return "\n".join(lines)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, 116, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


def main() -> None:
    """Write the parts of both pages that are made."""
    figures_page.write()
    sources_page.write()
    written = PAGE.read_text("utf-8").partition(MARK)[0]
    PAGE.write_text(f"{written}{MARK}\n{reference()}", "utf-8")


if __name__ == "__main__":
    main()
