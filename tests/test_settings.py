"""Settings are closed, never change, and can key a cache."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tilth.settings import BaseSettings


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
