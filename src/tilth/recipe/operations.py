"""The table of operations. A line here and one module make an operation that recipes can name.

A transform needs no line: its module lies in the folder of what it changes. Nor does an operation
of an extension: its module lies in the folder of its stage.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, create_model

from tilth.augment.registry import KINDS, module_of, transforms
from tilth.collect.joins import DESCRIPTION, Join, filled_by, join_fingerprint, joins_of
from tilth.errors import ExtensionError, UsageError
from tilth.extensions import Extension, active, find, load_module
from tilth.hints import did_you_mean
from tilth.recipe.code import code_version
from tilth.settings import BaseSettings

Kind = Literal["source", "map", "part", "shuffle", "fit", "grid", "transform"]

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
        """The module, imported when first asked for.

        Raises:
            ExtensionError: It is a user's own and raises, or lacks what it must have.
        """
        module = load_module(self.module_name)
        if (found := find(self.module_name)) is not None:
            self._require_functions(module, found[0].shown_file(found[1]))
        return module

    def _require_functions(self, module: ModuleType, file: str) -> None:
        settings = getattr(module, "Settings", None)
        if not isinstance(settings, type) or not issubclass(settings, BaseSettings):
            raise ExtensionError(
                f"`{file}` has no `class Settings(BaseSettings)`",
                hint="from tilth.settings import BaseSettings; what is no operation has a name "
                "that begins with _",
            )
        functions = dict(_FUNCTIONS[self.kind])
        if self.kind == "shuffle" and any(name in vars(module) for name in _AGAIN):
            functions |= _AGAIN
        lacking = [name for name in functions if not callable(vars(module).get(name))]
        if lacking:
            raise ExtensionError(
                f"`{file}` lacks {', '.join(f'`{name}`' for name in lacking)}",
                hint=f"the functions of a {self.kind} are in docs/concepts/operations.md",
            )
        for name, num in functions.items():
            try:
                inspect.signature(vars(module)[name]).bind(*[None] * num)
            except TypeError:
                raise ExtensionError(
                    f"`{name}` of `{file}` cannot be called with {num} "
                    f"argument{'s' if num > 1 else ''}",
                    hint=f"what a {self.kind} is given is in docs/concepts/operations.md",
                ) from None

    @property
    def settings(self) -> type[BaseSettings]:
        """The module's settings class; of a source with `join` besides.

        Raises:
            ExtensionError: As of `module`, or a user's own source has a `join` of its own.
        """
        settings: type[BaseSettings] = self.module.Settings
        return _joined(settings) if self.kind == "source" else settings

    def mapping(self, given: object) -> object:
        """Settings as a recipe has them, as a mapping where one word stands for them.

        Args:
            given: A text is the setting that the class names as `SHORT`, if it names one.
        """
        if not isinstance(given, str):
            return given
        try:
            short = getattr(self.settings, "SHORT", None)
        except ExtensionError:  # said where the settings are read
            return {}
        return given if short is None else {short: given}

    def warning(self, settings: BaseSettings) -> str:
        """What should be known of settings before a run; empty: nothing."""
        warns = getattr(self.module, "warns", None)
        return "" if warns is None else str(warns(settings))

    @property
    def planned(self) -> type[BaseSettings] | None:
        """What the module is given of the rest of the recipe; None for what is not a training."""
        planned: type[BaseSettings] | None = getattr(self.module, "Planned", None)
        return planned

    @property
    def takes_threads(self) -> bool:
        """Whether the recipe's `threads` decide its output: of a comparison each cell has one."""
        return self.kind == "fit"

    def seeded(self, settings: BaseSettings, seed: int) -> tuple[BaseSettings, int | None]:
        """The settings with the recipe's seed where they fall back to it, and what is drawn by it.

        Args:
            settings: Of the operation.
            seed: The recipe's.

        Returns:
            Settings; and the seed, or None where nothing is drawn by it beside them. A record
            operation and a transform are never given it, and Tilth's sources draw nothing by it;
            an extension's source says so with `draws(settings)`.
        """
        module = self.module
        if self.kind == "fit":
            return module.seeded(settings, seed), None
        draws = self.kind == "grid"
        if self.kind == "source" and find(self.module_name) is not None:
            draws = not hasattr(module, "draws") or module.draws(settings)
        return settings, seed if draws else None

    def modules(self, further: Sequence[str] = ()) -> tuple[str, ...]:
        """The modules that decide the operation's output, with all that they import.

        Args:
            further: Modules that it finds by a name in its settings, which no import shows.
        """
        engine = list(_ENGINE[self.kind])
        if self.kind in ("source", "map", "part", "shuffle") and hasattr(self.module, "describe"):
            engine.append("tilth.engine.describe")
        return (self.module_name, *engine, *further)

    def fingerprint(self, settings: BaseSettings) -> str | None:
        """What lies outside that the operation reads: files, rule sets, functions, weights.

        Args:
            settings: Of the operation.

        Returns:
            A text that is another when what would be read is; None: it reads nothing outside.

        Raises:
            ExtensionError: The module's `fingerprint` gives no text.
        """
        fingerprint = getattr(self.module, "fingerprint", None)
        if fingerprint is None:
            return None
        outside = fingerprint(settings)
        if not isinstance(outside, str):
            raise ExtensionError(
                f"`fingerprint` of `{self.name}` gives a {type(outside).__name__}, not a str",
                hint="it gives a text that changes when what lies outside does, or an empty one",
            )
        # Of a step without one not even the module counts that knows of them.
        joins: tuple[Join, ...] = getattr(settings, "join", ())
        if self.kind == "source" and joins:
            outside = f"{outside}\n{join_fingerprint(settings)}"
        return outside

    def fills(self, settings: BaseSettings) -> tuple[str, ...] | None:
        """The columns that a sample may have after it; None: the module does not say.

        Args:
            settings: Of the operation.
        """
        own = getattr(self.module, "fills", None)
        if own is None:
            return None
        joined = [name for join in joins_of(settings) for name in filled_by(join)]
        return tuple(dict.fromkeys((*own(settings), *joined)))

    def is_by_name(self, settings: BaseSettings) -> bool:
        """Whether what lies outside is only named yet: it is fetched when the step runs.

        Args:
            settings: Of the operation.
        """
        named = getattr(self.module, "is_by_name", None)
        return named is not None and bool(named(self.fingerprint(settings) or ""))

    def code_version(self, further: Sequence[str] = ()) -> str:
        """A digest of the code that decides the operation's output; `further` as of `modules`."""
        return code_version(self.modules(further))


_TABLE: dict[Kind, dict[str, tuple[str, ...]]] = {
    "source": {
        "collect": (
            "crawl",
            "files",
            "jsonl",
            "csv",
            "parquet",
            "parallel",
            "idx",
            "image_folder",
            "text_file",
            "audio",
            "speech_corpus",
            "label_studio",
            "web_archive",
            "common_crawl",
            "hub",
            "webdataset",
            "moses",
            "tmx",
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
        "label": ("annotations", "free_text", "language_model", "preferences"),
        "mix": ("weights",),
    },
    "part": {"clean": ("select", "chunk")},
    "shuffle": {
        "deduplicate": ("exact", "minhash", "decontaminate"),
        "label": ("vote", "consensus", "label_errors", "distil"),
    },
}

# The stages that are one step have one operation, named after them.
_SINGLE: dict[str, tuple[Kind, str]] = {
    "pretrain": ("fit", "tilth.pretrain.fit"),
    "transfer": ("grid", "tilth.transfer.compare"),
    "value": ("grid", "tilth.value.arms"),
}


# What the module of a kind has beside `Settings`, and how much each function is given.
_FUNCTIONS: dict[Kind, dict[str, int]] = {
    "source": {"fingerprint": 1, "read": 3},
    "map": {"apply": 2},
    "part": {"part": 2},
    "shuffle": {"keys": 2, "reduce": 2, "resolve": 2, "apply": 3},
    "fit": {"fit": 5, "seeded": 2},
    "grid": {"cells": 2, "run_cell": 5, "summarize": 2},
    "transform": {"transform": 3},
}
# What a shuffle of two rounds has besides.
_AGAIN = {"keys_again": 3, "reduce_again": 2, "resolve_again": 2}


# What of the engine makes the output of a kind; all else of it only sees to it that it is made.
_ENGINE: dict[Kind, tuple[str, ...]] = {
    "source": ("tilth.engine.read",),
    "map": ("tilth.engine.map",),
    "part": ("tilth.engine.map",),
    "shuffle": ("tilth.engine.shuffle", "tilth.engine.map"),
    "fit": ("tilth.engine.train",),
    "grid": ("tilth.engine.train",),
    "transform": (),
}


def _as_list(given: Any) -> Any:
    """One table is a list of one; `metadata` stands for those that lie among the files."""
    if given == "metadata":
        return [{}]
    return [given] if isinstance(given, Mapping | Join) else given


@lru_cache(maxsize=256)
def _joined(settings: type[BaseSettings]) -> type[BaseSettings]:
    """Settings of a source, with `join`.

    Raises:
        ExtensionError: They have a setting of that name.
    """
    if "join" in settings.model_fields:
        name = settings.__module__.rpartition(".")[2]
        raise ExtensionError(
            f"`{name}` has a setting `join`, which every source has",
            hint="call it otherwise",
        )
    joined: type[BaseSettings] = create_model(
        settings.__name__,
        __base__=settings,
        __module__=settings.__module__,
        __doc__=settings.__doc__,
        join=(
            Annotated[tuple[Join, ...], BeforeValidator(_as_list)],
            Field((), description=DESCRIPTION),
        ),
    )
    return joined


def operations() -> dict[str, Operation]:
    """All operations by name, those of the extensions at hand too."""
    return _found(active())


@lru_cache(maxsize=32)
def _found(extensions: tuple[Extension, ...]) -> dict[str, Operation]:
    """Tilth's own go first."""
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
    for extension in extensions:
        for op in operations_in(extension):
            found.setdefault(op.name, op)
    return found


def operations_in(extension: Extension) -> Iterator[Operation]:
    """The operations of an extension, by where they lie; none is imported.

    Of the record stages, what has `keys` is a shuffle, what has `part` and no `apply` parts
    records, and everything else is a map.
    """
    for stage in ("collect", *RECORD_STAGES):
        for name in extension.modules(stage):
            place = f"{stage}.{name}"
            kind: Kind = "source" if stage == "collect" else "map"
            if kind == "map" and extension.defines(place, "keys"):
                kind = "shuffle"
            elif kind == "map" and extension.defines(place, "part"):
                kind = "map" if extension.defines(place, "apply") else "part"
            yield Operation(name, stage, kind, extension.full_name(place))
    for what in KINDS:
        for name in extension.modules(f"augment.{what}"):
            place = extension.full_name(f"augment.{what}.{name}")
            yield Operation(name, "augment", "transform", place)


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
