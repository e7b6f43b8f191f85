"""All that a step's output depends on, one thing a line: what its identity is made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tilth.collect import crawl
from tilth.engine.resolve import StepState
from tilth.web.secrets import masked

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


def basis_of(state: StepState) -> Basis:
    """What a step stands on, as far as it is known before anything runs."""
    step, parts = state.step, dict(state.step.parts)
    names = dict(step.inputs)
    inputs = parts.pop("inputs", {})
    reads = {**parts.pop("reads", {}), **(state.manifest.reads if state.manifest else {})}
    cells = parts.pop("cells", [])
    lines = [
        ("operation", str(parts.pop("operation"))),
        *_flat("settings", parts.pop("settings", {})),
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
        lines += [(f"data of {name}", "not made yet") for name in names.values()]
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
    said += [f"`{name}`" for _, name in state.step.inputs]
    return "as before: " + ", ".join(said)


def _asks_nobody(settings: object) -> bool:
    """Whether what an address gave is kept, and nothing says what it should be."""
    if isinstance(settings, crawl.Settings):
        return True
    return bool(getattr(settings, "url", None)) and not getattr(settings, "sha256", None)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Settings under dotted names; of a list its items as they are."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    else:
        yield name, _text(value)


def _text(value: object) -> str:
    return masked(value if isinstance(value, str) else json.dumps(value))
