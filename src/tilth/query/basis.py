"""All that a step's output depends on, one thing a line: what its identity is made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tilth.collect import crawl
from tilth.engine.resolve import StepState
from tilth.recipe.plan import PlannedStep
from tilth.settings import ActsOn
from tilth.store.manifest import Manifest
from tilth.web.secrets import masked

# What settings act on that say how, and not of what.
_SAYS_HOW = ("politeness", "speed", "words")
# How many of a grid's cells are named before the others are counted.
_CELLS = 12


@dataclass(frozen=True)
class Basis:
    """What one step stands on.

    Attributes:
        step: Its name.
        identity: The digest of all the parts; empty while what comes in is not made.
        parts: (name, value) of each, as text; of data and of files outside digests.
    """

    step: str
    identity: str
    parts: tuple[tuple[str, str], ...]


def basis_of(state: StepState, made: Mapping[str, Manifest]) -> Basis:
    """What a step stands on, as far as it is known before anything runs.

    Args:
        state: The step.
        made: What is there of the steps before it, by name.
    """
    step, parts = state.step, dict(state.step.parts)
    names = dict(step.inputs)
    inputs = parts.pop("inputs", {})
    reads = {**parts.pop("reads", {}), **(state.manifest.reads if state.manifest else {})}
    cells = parts.pop("cells", [])
    lines = [
        ("operation", str(parts.pop("operation"))),
        *_settings(step, parts.pop("settings", {})),
        *_flat("planned", parts.pop("planned", {})),
        *((f"library {name}", version) for name, version in parts.pop("libraries", {}).items()),
        *((name, _text(value)) for name, value in parts.items()),
        *((f"file {path}", digest or "was not there") for path, digest in reads.items()),
        *((f"data of {names[role]}", digest) for role, digest in inputs.items()),
        *(("cell", identity) for identity in cells[:_CELLS]),
    ]
    if len(cells) > _CELLS:
        lines.append(("cells", f"and {len(cells) - _CELLS} more"))
    if not step.identity:
        for name in dict.fromkeys(names.values()):
            there = made[name].digest if name in made else "not made yet"
            lines.append((f"data of {name}", there))
    return Basis(step.name, step.identity, tuple(lines))


def rests_on(state: StepState) -> str:
    """What the word `cached` rests on, in one line."""
    parts, settings = state.step.parts, state.step.settings
    said = ["settings", "code", "libraries"]
    if state.step.operation.kind == "source" and _asks_nobody(settings):
        said.append("its address, which is not asked again")
    elif parts.get("outside"):
        said.append("what it reads outside")
    if state.manifest is not None and state.manifest.reads:
        said.append("files that its code opened")
    said += dict.fromkeys(f"`{name}`" for _, name in state.step.inputs)
    return "as before: " + ", ".join(said)


def _asks_nobody(settings: object) -> bool:
    """Whether what an address gave is kept, and nothing says what it should be."""
    if isinstance(settings, crawl.Settings):
        return True
    named = (settings, *getattr(settings, "join", ()))
    return any(getattr(one, "url", None) and not getattr(one, "sha256", None) for one in named)


def _settings(step: PlannedStep, acting: Any) -> Iterator[tuple[str, str]]:
    """Those that act; of those that name what is read what they name, which itself does not."""
    said = step.settings.model_dump(mode="json")
    if isinstance(acting, Mapping):
        held = {name for name in said if said[name] and not acting.get(name)}
        yield from _flat("settings", {key: acting[key] for key in acting if key not in held})
        marks = {name: field.metadata for name, field in type(step.settings).model_fields.items()}
        for name in sorted(held):
            if not any(isinstance(mark, ActsOn) and mark.what in _SAYS_HOW for mark in marks[name]):
                yield f"settings.{name}", f"{_text(said[name])} (by what it holds)"
    else:
        yield "settings", _text(acting)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Settings under dotted names; of a list its items as they are."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    else:
        yield name, _text(value)


def _text(value: object) -> str:
    return masked(value if isinstance(value, str) else json.dumps(value))
