"""Starters with fewer steps than they have."""

from __future__ import annotations

from typing import Any


def warm_up_in_time(recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe with warm-ups that its shortened stages can end: a longer one is refused."""
    for stage in ("pretrain", "transfer"):
        block = recipe.get(stage)
        if block is not None and block["loop"]["max_steps"] is not None:
            warmup = min(block["optimizer"]["warmup_steps"], block["loop"]["max_steps"])
            block["optimizer"] |= {"warmup_steps": warmup}
    return recipe
