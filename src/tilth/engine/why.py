"""Why a step runs: what of all that it depends on is another than in its last record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tilth.engine.cells import KeptCell, Keyed, cell_path, is_kept
from tilth.engine.record import StepRecord
from tilth.engine.share import shareable_address
from tilth.recipe.identity import FORMULA, said_of
from tilth.recipe.plan import PlannedStep
from tilth.records import Json, read_if_whole
from tilth.web.secrets import masked

_LABELS = {
    "limit": "--limit",
    "seed": "the recipe's seed",
    "threads": "threads",
    "device": "device",
    "libraries": "libraries",
    "source": "the source's name",
}
_MOST_SHOWN = 40
_MOST_REASONS = 4


def why_it_runs(
    parts: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    names: Mapping[str, str],
    outside: str = "",
    said: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {}),
) -> str:
    """One line: what differs from the last record of the same step, from what to what.

    Args:
        parts: Of the step as it is to run.
        before: Those of the step of that name in the last record; None if there is none.
        names: Of the steps before it, by their roles.
        outside: What of the things that it reads outside is another, where that is known.
        said: Its settings now and then in the words of the recipe, where they are known.
    """
    if before is None:
        return "never run"
    if before.get("formula") != FORMULA:
        return "made by a version of Tilth that knew less of what it depends on: made again once"
    reasons = _settings(said_of(parts), said_of(before), *said)
    # Another model or transform is other code too.
    if not reasons and parts.get("code") != before.get("code"):
        reasons.append("its code changed")
    if parts.get("outside") != before.get("outside"):
        reasons.append(f"what it reads: {outside}" if outside else "what it reads changed")
    for key, label in _LABELS.items():
        if parts.get(key) != before.get(key):
            reasons.append(f"{label}: {_difference(before.get(key), parts.get(key))}")
    reasons += _reads(parts.get("reads") or {}, before.get("reads") or {})
    if changed := _unequal(parts.get("inputs") or {}, before.get("inputs") or {}):
        told = ", ".join(dict.fromkeys(f"`{names[role]}`" for role in changed if role in names))
        reasons.append(f"its input changed: {told}" if told else "it has fewer inputs")
    return "; ".join(reasons) or "its inputs are in another order"


def why_grid_runs(
    step: PlannedStep, cells: Sequence[Keyed], before: StepRecord, folder: Path
) -> str:
    """As `why_it_runs` of a comparison, of which only some trainings may be others.

    Args:
        step: The grid, resolved.
        cells: Its cells.
        before: Its last record.
        folder: The run's, where cells are kept.
    """
    if before.parts.get("formula") != FORMULA:
        return why_it_runs({}, before.parts, {})
    own = own_words(step, before)
    then: dict[str, Json] = {}
    earlier: Any = before.parts.get("cells") or ()
    for identity in earlier:
        if (kept := read_if_whole(KeptCell, cell_path(folder, str(identity)))) is not None:
            then[json.dumps(kept.cell, sort_keys=True)] = kept.parts
    found: dict[str, None] = {}
    for cell in cells:
        old = then.get(json.dumps(cell.cell, sort_keys=True))
        if old is not None and old != cell.parts:
            found.update(dict.fromkeys(_of_cell(step, cell, old, settings=not own)))
    reasons = [*own, *[*found][:_MOST_REASONS]]
    if not reasons and (step.parts.get("code") != before.parts.get("code")):
        reasons.append("its code changed")
    left = {cell.identity for cell in cells if not is_kept(cell, folder, step)}
    total = len({cell.identity for cell in cells})
    if left:
        reasons.append(f"{len(left)} of {total} trainings to do")
    return "; ".join(reasons) or "its inputs are in another order"


def own_words(step: PlannedStep, before: StepRecord) -> list[str]:
    """What of a stage's own settings is another, not of what the plan gives it of others."""
    own = type(step.settings).model_fields.keys()
    now, then = step.said(), before.told()
    return _settings(
        {key: value for key, value in _plain(now).items() if key in own},
        {key: value for key, value in then.items() if key in own},
    )


def _of_cell(step: PlannedStep, cell: Keyed, old: Json, *, settings: bool) -> list[str]:
    """What of a cell is another than of the one in its place; one reason an entry."""
    module, names = step.operation.module, dict(step.inputs)
    place = module.Cell.model_validate(cell.cell)
    roles = module.cell_reads(place, step.settings, step.planned, tuple(names))
    told = {str(at): names[role.partition("/")[0]] for at, role in enumerate(roles)}
    now, then = _plain(cell.parts), _plain(old)
    for parts in (now, then):
        parts["inputs"] = {str(at): one for at, one in enumerate(parts.get("inputs") or ())}
        if not settings:
            # Told of the whole, and its code is another for them.
            parts.pop("settings", None)
            parts.pop("code", None)
    return [] if now == then else [why_it_runs(now, then, told)]


def _settings(
    now: Mapping[str, Any],
    then: Mapping[str, Any],
    said: Mapping[str, Any] | None = None,
    told: Mapping[str, Any] | None = None,
) -> list[str]:
    """What differs of settings that act, in the words of the recipe where these differ too."""
    words, before = _plain(said or {}), _plain(told or {})
    found = []
    for key in _unequal(now, then):
        if key in words and key in before and words[key] != before[key]:
            found.append(f"{key}: {_difference(before[key], words[key])}")
        else:
            found.append(f"{key}: {_difference(then.get(key), now.get(key))}")
    return found


def _reads(now: Mapping[str, str], then: Mapping[str, str]) -> list[str]:
    """What came of files that code of a user's own opened, or looked for, when it last ran."""
    found = []
    for name, digest in then.items():
        new = now.get(name, digest)
        if new != digest:
            became = "is gone" if not new else "changed" if digest else "is new"
            found.append(f"`{shareable_address(name)}` {became}")
    return found


def _unequal(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    return [key for key in sorted({*now, *then}) if now.get(key) != then.get(key)]


def _difference(old: Any, new: Any) -> str:
    """Old and new value; of mappings and lists what was added, is gone, and differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        told = []
        for key in _unequal(new, old):
            if key not in old:
                told.append(_added("+", key, new[key]))
            elif key not in new:
                told.append(_added("-", key, None))
            else:
                told.append(f"{key}: {_difference(old[key], new[key])}")
        return ", ".join(told)
    if isinstance(old, list) and isinstance(new, list):
        gone, more = [x for x in old if x not in new], [x for x in new if x not in old]
        if len(old) == len(new):
            return ", ".join(map(_difference, gone, more)) or "in another order"
        return ", ".join([*(f"+ {_short(x)}" for x in more), *(f"- {_short(x)}" for x in gone)])
    return f"{_short(old)} -> {_short(new)}"


def _added(sign: str, name: str, value: Any) -> str:
    return f"{sign} {name}" + (f" ({_short(value)})" if value not in (None, {}, []) else "")


def _short(value: Any) -> str:
    if value is None:
        return "none"
    # The last run may be of a time when a recipe could hold a password.
    text = masked(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def _plain(value: Any) -> Any:
    """As it comes back from a record."""
    return json.loads(json.dumps(value))
