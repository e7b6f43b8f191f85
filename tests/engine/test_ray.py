"""The Ray engine makes the same bytes as worker processes. Needs the extra `ray`."""

from __future__ import annotations

import importlib.util
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.engine.conftest import digests, parted, recipe_text, run_text
from tilth.engine.ray import RayEngine
from tilth.errors import MissingError


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_the_same_bytes_on_ray(documents: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    text = parted(recipe_text(documents))
    run_text(text, tmp_path / "local")
    run_text(text, tmp_path / "ray", ray_address="local")
    assert digests(tmp_path / "ray") == digests(tmp_path / "local")


def test_as_many_tasks_are_out_as_the_cluster_has_processors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a stand-in for Ray, which counts what was given out and not yet fetched."""
    out: list[str] = []
    most = [0]

    def give(message: str) -> str:
        out.append(message)
        most[0] = max(most[0], len(out))
        return message

    def fetch(message: str) -> str:
        out.remove(message)
        return message

    stand_in = SimpleNamespace(
        is_initialized=lambda: True,
        remote=lambda _: SimpleNamespace(remote=give),
        cluster_resources=lambda: {"CPU": 3.0},
        wait=lambda waiting, num_returns: (waiting[-num_returns:], waiting[:-num_returns]),
        get=fetch,
        exceptions=SimpleNamespace(RayTaskError=RuntimeError),
    )
    monkeypatch.setitem(sys.modules, "ray", stand_in)
    tasks: Any = [SimpleNamespace(as_json=partial(str, n)) for n in range(10)]
    found = dict(RayEngine("local").run(tasks, lambda *_: None))
    assert found == {n: str(n) for n in range(10)}
    assert most == [3]


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="ray is installed")
def test_without_ray_the_error_names_the_extra(documents: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="ray") as caught:
        run_text(recipe_text(documents), tmp_path / "ray", ray_address="local")
    assert "tilth[ray]" in caught.value.hint
