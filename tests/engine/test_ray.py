"""The Ray engine makes the same bytes as worker processes. Needs the extra `ray`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.engine.conftest import digests, recipe_text, run_text
from tilth.errors import MissingError


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_the_same_bytes_on_ray(documents: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    run_text(recipe_text(documents), tmp_path / "local")
    run_text(recipe_text(documents), tmp_path / "ray", ray_address="local")
    assert digests(tmp_path / "ray") == digests(tmp_path / "local")


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="ray is installed")
def test_without_ray_the_error_names_the_extra(documents: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="ray") as caught:
        run_text(recipe_text(documents), tmp_path / "ray", ray_address="local")
    assert "tilth[ray]" in caught.value.hint
