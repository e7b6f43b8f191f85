"""What a step's identity is made of.

Equal identity, equal output: it holds what acts and nothing else, and of inputs and of what lies
outside the contents, not the names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

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
