"""The table of operations. A line here and one module make an operation that recipes can name.

A transform needs no line: its module lies in the folder of what it changes.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Literal

from tilth.augment.registry import module_of, transforms
from tilth.errors import UsageError
from tilth.settings import BaseSettings

Kind = Literal["source", "map", "shuffle", "fit", "grid", "transform"]

STAGES = (
    "collect",
    "clean",
    "deduplicate",
    "label",
    "augment",
    "mix",
    "pretrain",
    "transfer",
    "value",
)

# A choice is near a word when more than this share of the letters of both agree, in order.
_NEAR = 0.65
_MIN_BEGINNING = 3
_MAX_LISTED = 12

# Stages whose steps are listed in a recipe and run over records, in this order.
RECORD_STAGES = ("clean", "deduplicate", "label", "mix")


@dataclass(frozen=True)
class Operation:
    """An operation that a recipe can name.

    Attributes:
        name: As written in a recipe.
        stage: The word of the line it belongs to.
        kind: Which functions its module has (see docs/concepts/operations.md).
    """

    name: str
    stage: str
    kind: Kind
    module_name: str

    @property
    def module(self) -> ModuleType:
        """The module, imported when first asked for."""
        return importlib.import_module(self.module_name)

    @property
    def settings(self) -> type[BaseSettings]:
        """The module's settings class."""
        settings: type[BaseSettings] = self.module.Settings
        return settings

    @property
    def planned(self) -> type[BaseSettings] | None:
        """What the module is given of the rest of the recipe; None for what is not a training."""
        planned: type[BaseSettings] | None = getattr(self.module, "Planned", None)
        return planned

    def code_version(self, further: Sequence[str] = ()) -> str:
        """A digest of the code that decides the operation's output.

        Args:
            further: Modules that it finds by a name in its settings, which no import shows.
        """
        return _code_digest((self.module_name, *further))


_TABLE: dict[Kind, dict[str, tuple[str, ...]]] = {
    "source": {
        "collect": (
            "crawl",
            "jsonl",
            "csv",
            "parquet",
            "parallel",
            "idx",
            "image_folder",
            "text_file",
            "audio",
            "label_studio",
            "demo_digits",
        )
    },
    "map": {
        "clean": (
            "extract",
            "normalize",
            "language",
            "signals",
            "rules",
            "redact",
            "check_image",
        ),
        "deduplicate": ("hold_out",),
        "mix": ("weights",),
    },
    "shuffle": {
        "deduplicate": ("exact", "minhash", "decontaminate"),
        "label": ("vote", "consensus"),
    },
}

# The stages that are one step have one operation, named after them.
_SINGLE: dict[str, tuple[Kind, str]] = {
    "pretrain": ("fit", "tilth.pretrain.fit"),
    "transfer": ("grid", "tilth.transfer.compare"),
    "value": ("grid", "tilth.value.arms"),
}


@cache
def operations() -> dict[str, Operation]:
    """All operations by name."""
    found = {
        name: Operation(name, stage, kind, f"tilth.{stage}.{name}")
        for kind, stages in _TABLE.items()
        for stage, names in stages.items()
        for name in names
    }
    for name in transforms():
        found[name] = Operation(name, "augment", "transform", module_of(name))
    for stage, (kind, module) in _SINGLE.items():
        found[stage] = Operation(stage, stage, kind, module)
    return found


def operation(name: str) -> Operation:
    """The operation of that name.

    Raises:
        UsageError: There is none; the hint names the closest.
    """
    found = operations().get(name)
    if found is None:
        raise UsageError(
            f"there is no operation `{name}`",
            hint=did_you_mean(name, list(operations()), "tilth list operations"),
        )
    return found


def did_you_mean(word: str, choices: Sequence[str], listed_by: str = "") -> str:
    """A hint that names the closest choice, or all where they are few, or where they are listed.

    Args:
        word: What was written.
        choices: What could have been.
        listed_by: The command that lists the choices, for where there are more than 12.
    """
    close = closest(word, choices)
    if close is not None:
        return f"did you mean `{close}`?"
    if len(choices) > _MAX_LISTED and listed_by:
        return f"`{listed_by}` lists all"
    shown = sorted(choices)[:_MAX_LISTED]
    more = f" and {len(choices) - len(shown)} more" if len(choices) > len(shown) else ""
    return "choose from " + ", ".join(f"`{choice}`" for choice in shown) + more


def choose_from(word: str, choices: Sequence[str]) -> str:
    """A hint of all choices of a closed set, in their order, the closest first where one is."""
    close = closest(word, choices)
    listed = "choose from " + ", ".join(f"`{choice}`" for choice in choices)
    return f"did you mean `{close}`? {listed}" if close is not None else listed


def require_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Refuse a value that is not of a closed set.

    Raises:
        UsageError: It is not; with the choices.
    """
    if value not in choices:
        raise UsageError(f"`{name}` does not take `{value}`", hint=choose_from(value, choices))


def closest(word: str, choices: Sequence[str]) -> str | None:
    """The choice that `word` is likely a slip of, or the beginning of; None where none is near.

    Of a dotted choice (`clean.rules`), its last part counts as much as the whole. A word that only
    shares some letters is not near: half of `speed` is in `pdf`.
    """
    word = word.lower()
    best, nearest = None, _NEAR
    for choice in choices:
        for form in {choice.lower(), choice.lower().rpartition(".")[2]}:
            near = difflib.SequenceMatcher(None, word, form).ratio()
            if len(word) >= _MIN_BEGINNING and form.startswith(word):
                near = max(near, _NEAR + len(word) / len(form) / 4)
            if near > nearest:
                best, nearest = choice, near
    return best


@cache
def _code_digest(modules: tuple[str, ...]) -> str:
    """SHA-256 over the modules and all of Tilth that they import, comments and docstrings aside.

    Automatic, so that a change of code cannot be forgotten in a version number; blind to
    comments, so that prose re-runs nothing.
    """
    digest = hashlib.sha256()
    for name in sorted(_reachable(modules)):
        path = _path(name)
        assert path is not None
        digest.update(name.encode())
        digest.update(_source_digest(path))
    return digest.hexdigest()[:16]


def _reachable(modules: Sequence[str]) -> set[str]:
    seen: set[str] = set()
    queue = list(modules)
    while queue:
        name = queue.pop()
        # The package itself (`from tilth import schema`) only says where its names are found.
        if name in seen or name == "tilth" or _path(name) is None:
            continue
        seen.add(name)
        queue.extend(_imports(name))
    return seen


@cache
def _path(name: str) -> Path | None:
    root = Path(__file__).parents[2]
    base = root.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _imports(name: str) -> tuple[str, ...]:
    path = _path(name)
    assert path is not None
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tilth"):
            found.append(str(node.module))
            found.extend(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found.extend(a.name for a in node.names if a.name.startswith("tilth"))
    return tuple(found)


@cache  # Operations share most of the modules that they stand on.
def _source_digest(path: Path) -> bytes:
    """SHA-256 of a module's syntax tree, less docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body.pop(0)
    return hashlib.sha256(ast.dump(tree).encode()).digest()
