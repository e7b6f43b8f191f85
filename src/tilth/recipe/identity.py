"""What a step's identity is made of, and why one differs from another.

Equal identity, equal output: it holds what acts and nothing else, and of inputs and of what lies
outside the contents, not the names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from tilth.records import Json
from tilth.web.secrets import masked

# What identities are made of has changed: steps of another formula are made again once.
FORMULA = 2


def digest_of_parts(parts: Mapping[str, Any]) -> str:
    """24 hex digits of plain values; the order of a mapping's keys is none."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def digest_of_outside(fingerprint: str | None) -> str:
    """What is kept of an operation's fingerprint: its SHA-256, or nothing of nothing.

    It is compared and no more read, the record goes with what is shared, and files may be called
    after people.
    """
    if not fingerprint:
        return ""
    return hashlib.sha256(fingerprint.encode("utf-8", "surrogatepass")).hexdigest()


def said_of(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among the parts of a recorded step, and what the plan added to them.

    Args:
        parts: A record of an early version has all in `settings`.
    """
    return {**parts.get("settings", {}), **parts.get("planned", {})}


def why_it_runs(
    parts: Json,
    before: Mapping[str, Any] | None,
    names: Mapping[str, str],
    outside: str = "",
    shown: Callable[[str], str] = masked,
) -> str:
    """One line: what differs from the last record of the same step, from what to what.

    Args:
        parts: Of the step as it is to run.
        before: Those of the step of that name in the last record; None if there is none.
        names: Of the steps before it, by their roles.
        outside: What of the things that it reads outside is another, where that is known.
        shown: What may be printed of the name of a file.
    """
    if before is None:
        return "never run"
    if before.get("formula") != FORMULA:
        return "made by a version of Tilth that knew less of what it depends on: made again once"
    reasons = []
    settings, old = said_of(parts), said_of(before)
    for key in sorted({*settings, *old}):
        if settings.get(key) != old.get(key):
            reasons.append(f"{key}: {_difference(old.get(key), settings.get(key))}")
    if parts.get("code") != before.get("code"):
        reasons.append("its code changed")
    if parts.get("outside") != before.get("outside"):
        reasons.append(f"what it reads: {outside}" if outside else "what it reads changed")
    for key, label in _LABELS.items():
        if parts.get(key) != before.get(key):
            reasons.append(f"{label}: {_difference(before.get(key), parts.get(key))}")
    for name in _unequal(parts, before, "reads"):
        reasons.append(f"`{shown(name)}` {_became(parts, before, name)}")
    if (cells := _new_cells(parts, before)) and not reasons:
        reasons.append(cells)
    changed = _unequal(parts, before, "inputs")
    if changed:
        told = ", ".join(f"`{names[role]}`" for role in changed if role in names)
        reasons.append(f"its input changed: {told}" if told else "it has fewer inputs")
    return "; ".join(reasons) or "its inputs are in another order"


def _became(parts: Mapping[str, Any], before: Mapping[str, Any], name: str) -> str:
    """What came of a file that code of a user's own opened, or looked for."""
    now, then = ((one.get("reads") or {}).get(name) for one in (parts, before))
    if now == "" and then:
        return "is gone"
    return "is new" if now and then == "" else "changed"


def _new_cells(parts: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """What of a grid's cells is another than before: their data, or code."""
    now, then = parts.get("cells") or [], before.get("cells") or []
    new = len(set(now) - set(then))
    return f"{new} of its {len(now)} cells are others" if now != then else ""


_LABELS = {
    "limit": "--limit",
    "seed": "the recipe's seed",
    "threads": "threads",
    "device": "device",
    "libraries": "libraries",
    "source": "the source's name",
}


def _unequal(parts: Mapping[str, Any], before: Mapping[str, Any], what: str) -> list[str]:
    new, old = parts.get(what) or {}, before.get(what) or {}
    return [name for name in sorted({*new, *old}) if new.get(name) != old.get(name)]


def _difference(old: Any, new: Any) -> str:
    """Old and new value, of mappings and lists only the parts that differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [k for k in sorted({*old, *new}) if old.get(k) != new.get(k)]
        return ", ".join(f"{k}: {_difference(old.get(k), new.get(k))}" for k in keys)
    if isinstance(old, list) and isinstance(new, list):
        old, new = [x for x in old if x not in new], [x for x in new if x not in old]
        if len(old) == len(new):
            return ", ".join(map(_difference, old, new)) or "in another order"
    return f"{_short(old)} -> {_short(new)}"


def _short(value: Any) -> str:
    # The last run may be of a time when a recipe could hold a password.
    text = masked(json.dumps(value))
    return text if len(text) <= 40 else text[:37] + "..."
