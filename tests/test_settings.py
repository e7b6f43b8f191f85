"""Settings are closed, never change, and can key a cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from tilth.settings import ActsOn, AnyOrder, BaseSettings, acting, fill, laid_over, part_of


class _Settings(BaseSettings):
    name: str = "a"
    sizes: tuple[int, ...] = ()


def test_a_key_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="nmae") as caught:
        _Settings.model_validate({"nmae": "b"})
    assert caught.value.errors()[0]["type"] == "extra_forbidden"


def test_a_value_never_changes() -> None:
    settings = _Settings(name="b")
    with pytest.raises(ValidationError, match="frozen"):
        settings.name = "c"  # type: ignore[misc]
    assert settings.name == "b"


def test_equal_settings_are_one_key() -> None:
    one, other = _Settings(sizes=(1, 2)), _Settings.model_validate({"sizes": [1, 2]})
    assert one == other
    assert len({one, other, _Settings(sizes=(2, 1))}) == 2


def test_white_space_is_what_was_written() -> None:
    """A prompt may end in a blank, and a separator may be nothing else."""
    assert _Settings(name=" a ").name == " a "


class _Rate(BaseSettings):
    kind: Literal["slow", "fast"] = "slow"
    rate: float = 0.1
    weights: tuple[tuple[str, float], ...] = (("a", 1.0), ("b", 2.0))
    named: dict[str, float] = Field(default_factory=dict)


class _Whole(BaseSettings):
    inner: _Rate = _Rate()
    size: int = 4


def test_what_is_given_changes_only_itself() -> None:
    base = _Whole(inner=_Rate(rate=0.5, named={"x": 1.0}), size=9)
    assert _Whole.model_validate(laid_over(base, {})) == base
    over = _Whole.model_validate(laid_over(base, {"inner": {"named": {"y": 2}}}))
    assert over == _Whole(inner=_Rate(rate=0.5, named={"x": 1, "y": 2}), size=9)
    pairs = laid_over(base, {"inner": {"weights": {"b": 5}}})["inner"]
    assert isinstance(pairs, dict)
    assert pairs["weights"] == {"a": 1.0, "b": 5}


def test_of_another_kind_nothing_is_kept() -> None:
    assert laid_over(_Rate(rate=0.5), {"kind": "other"}) == {"kind": "other"}
    # Of another kind that the same class has, all that is not given stays.
    assert laid_over(_Rate(rate=0.5), {"kind": "fast"})["rate"] == 0.5
    assert laid_over(_Rate(rate=0.5), {"kind": "slow", "named": {}})["rate"] == 0.5


def test_what_is_no_mapping_is_left_for_the_validator() -> None:
    given: dict[str, object] = {"inner": 3}
    fill(given, "inner", _Rate())
    fill(given, "absent", _Rate())
    assert given == {"inner": 3}
    assert laid_over(_Whole(), {"inner": 3})["inner"] == 3


def test_a_part_is_as_given_or_else_its_default() -> None:
    assert part_of(_Whole, "inner", {"rate": 3}) == _Rate(rate=3)
    assert part_of(_Whole, "inner", {"rat": 3}) == _Rate()
    assert part_of(_Whole, "inner", None) == _Rate()


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_a_number_is_finite(number: float) -> None:
    for given in ({"rate": number}, {"named": {"x": number}}, {"weights": [["a", number]]}):
        with pytest.raises(ValidationError, match="finite number"):
            _Rate.model_validate(given)


class _Inner(BaseSettings):
    rate: float = 0.0
    shown: Annotated[str, ActsOn("words")] = ""
    smallest: Annotated[float | None, ActsOn("summary")] = None
    file: Annotated[str, ActsOn("outside")] = Field("", description="what a fingerprint holds")


class _Outer(BaseSettings):
    path: str = ""
    inner: _Inner = _Inner()
    arms: Annotated[dict[str, _Inner], AnyOrder()] = Field(default_factory=dict)
    splits: dict[str, str] = Field(default_factory=dict)
    names: Annotated[tuple[str, ...], AnyOrder()] = ()
    ranges: Annotated[dict[str, tuple[int, int]], AnyOrder()] = Field(default_factory=dict)
    anything: Any = None
    every_s: Annotated[int | None, Field(gt=0), ActsOn("speed")] = None

    def normal(self) -> _Outer:
        return self.model_copy(update={"path": self.path.removeprefix("./")})


def test_what_acts_on_nothing_that_is_made_is_no_part_of_an_identity() -> None:
    one = _Outer(every_s=3, inner=_Inner(shown="a", file="c"), arms={"x": _Inner(shown="b")})
    other = _Outer(every_s=4)
    assert acting(one) == {**acting(other), "arms": {"x": {"rate": 0.0, "smallest": None}}}
    assert acting(one, but=["summary"])["arms"] == {"x": {"rate": 0.0}}
    assert acting(_Outer(inner=_Inner(rate=1))) != acting(other)


def test_what_is_written_in_another_way_is_the_same() -> None:
    assert acting(_Outer(path="./a")) == acting(_Outer(path="a")) != acting(_Outer(path="b"))
    assert acting(_Outer(inner=_Inner.model_validate({"rate": 2}))) == acting(
        _Outer(inner=_Inner(rate=2.0))
    )


def test_the_order_counts_but_where_it_is_said_to_say_nothing() -> None:
    def given(names: str) -> tuple[object, object, object]:
        found = acting(
            _Outer(
                splits=dict.fromkeys(names, "t"),
                arms=dict.fromkeys(names, _Inner()),
                names=(*names, *names),
            )
        )
        return found["splits"], found["arms"], found["names"]

    (splits, *others), (turned, *also) = given("ab"), given("ba")
    assert splits != turned
    assert others == also


def test_the_order_inside_what_has_none_counts() -> None:
    ranges = {"a": (3, 1), "b": (2, 2)}
    assert acting(_Outer(ranges=ranges))["ranges"] == {"a": [3, 1], "b": [2, 2]}


class _Plain(BaseModel):
    first: dict[str, int]


@pytest.mark.parametrize("wrapped", [lambda one: one, lambda one: [one], lambda one: {"in": one}])
def test_nothing_is_lost_of_what_tilth_does_not_know(wrapped: Callable[[Any], Any]) -> None:
    given: list[Any] = [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {1: 2}, {"1": 2}, 2, 2.0, True, "2"]
    given += [_Plain(first={"a": 1, "b": 2}), _Plain(first={"b": 2, "a": 1})]
    texts = {json.dumps(acting(_Outer(anything=wrapped(one))), sort_keys=True) for one in given}
    assert len(texts) == len(given)


def test_a_set_is_sorted() -> None:
    names = {f"name {number}" for number in range(20)}
    assert acting(_Outer(anything=names))["anything"] == sorted(names)
