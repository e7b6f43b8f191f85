"""Tilth: from raw sources to pretraining data, a trained model, and what each decision was worth.

`import tilth` is light; what a name needs is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tilth.api import Results, Run, load_recipe, open_run, plan, run
    from tilth.errors import TilthError
    from tilth.loaders import Dataset
    from tilth.query.plans import PlanView
    from tilth.recipe.model import Recipe

__all__ = [
    "Dataset",
    "PlanView",
    "Recipe",
    "Results",
    "Run",
    "TilthError",
    "load_recipe",
    "open_run",
    "plan",
    "run",
]

_HOMES = {
    "Dataset": "tilth.loaders",
    "PlanView": "tilth.query.plans",
    "Recipe": "tilth.recipe.model",
    "Results": "tilth.api",
    "Run": "tilth.api",
    "TilthError": "tilth.errors",
    "load_recipe": "tilth.api",
    "open_run": "tilth.api",
    "plan": "tilth.api",
    "run": "tilth.api",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("tilth")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'tilth' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
