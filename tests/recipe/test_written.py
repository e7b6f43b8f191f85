"""What a recipe sets is what a worker is given, or is refused before the run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from tilth.errors import ExtensionError
from tilth.recipe.load import load_recipe, starters
from tilth.recipe.written import require_written
from tilth.settings import BaseSettings


class _Plain(BaseSettings):
    rate: float = 0.5
    names: tuple[str, ...] = ("a",)
    weights: dict[str, float] = Field(default_factory=dict)
    nothing: int | None = None


class _Left(BaseSettings):
    kept: int = 1
    left: int = Field(default=2, exclude=True)


class _Alias(BaseSettings):
    model_config = ConfigDict(extra="forbid", frozen=True)
    long: int = Field(default=1, alias="short")


class _Secret(BaseSettings):
    word: SecretStr = SecretStr("")


class _Again(BaseSettings):
    amount: int = 1

    @field_validator("amount")
    @classmethod
    def _more(cls, given: int) -> int:
        return given + 1


class _Sets(BaseSettings):
    words: frozenset[str] = frozenset()


class _Deep(BaseSettings):
    inner: dict[str, tuple[set[str], ...]] = Field(default_factory=dict)


@dataclass(frozen=True)
class _Noted:
    words: frozenset[str]


class _Other(BaseModel):
    words: set[str]


class _Listed(BaseSettings):
    of: list[Any] = Field(default_factory=list)


class _Wrong(BaseSettings):
    most: int = Field(default=-3, ge=0)


class _Bytes(BaseSettings):
    mark: bytes = b""


@pytest.mark.parametrize(
    "settings", [_Plain(), _Plain(rate=1e-300, names=(), weights={"b": 1.5, "a": 2}, nothing=0)]
)
def test_what_comes_back_as_it_was_is_fine(settings: BaseSettings) -> None:
    require_written(settings, "own")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (_Left(left=3), "`left` of `own` is 3 and is read again as 2"),
        (_Alias(short=3), "is refused as it was written down"),
        (_Secret(word=SecretStr("opensesame")), "`word` of `own` is SecretStr"),
        (_Again(), "`amount` of `own` is 1 and is read again as 2"),
        (_Again(amount=3), "`amount` of `own` is 4 and is read again as 5"),
        (_Sets(words=frozenset("ab")), "`words` of `own` is a set"),
        (_Deep(inner={"a": ({"b"},)}), "`inner` of `own` is a set"),
        (_Listed(of=[{"b"}]), "`of` of `own` is a set"),
        (_Listed(of=[_Noted(words=frozenset("a"))]), "`of` of `own` is a set"),
        (_Listed(of=[_Other(words={"a"})]), "`of` of `own` is a set"),
        (_Bytes(mark=b"\xff\xfe"), "cannot be written down"),
        (_Listed(of=[math.inf]), "`of` of `own` is inf, which is no number"),
        (_Listed(of=[{"a": math.nan}]), "`of` of `own` is nan, which is no number"),
        (_Wrong(), "`most` of `own` has a default that it refuses"),
    ],
)
def test_what_would_run_as_nobody_asked_is_refused(settings: BaseSettings, told: str) -> None:
    with pytest.raises(ExtensionError) as refused:
        require_written(settings, "own")
    assert told in refused.value.what
    assert "opensesame" not in str(refused.value)


@pytest.mark.parametrize("name", sorted(starters()))
def test_all_settings_of_the_starters_come_back(name: str) -> None:
    for step in load_recipe(name).steps():
        require_written(step.settings, step.name)
