"""The base of every typed block of a recipe: closed, frozen, hashable."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class BaseSettings(BaseModel):
    """Settings of one operation or stage. An unknown key is an error; a value never changes.

    Collections are tuples and frozen pairs so that settings can key a cache.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)
