"""The loops of docs/guides/loaders.md run as they stand there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.loaders.samples import data_set
from tilth.loaders import Dataset

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "loaders.md"
BLOCKS: dict[str, str] = dict(
    # Those for other libraries' loops are run by test_peers_guide.py.
    re.findall(r"```python (?!trainer_|keras_)(\w+)\n(.*?)```", PAGE.read_text("utf-8"), re.S)
)
_KINDS = {"pictures": "image", "sound": "audio", "text": "text", "loader": "image"}


def _run(name: str, dataset: Dataset) -> dict[str, Any]:
    found: dict[str, Any] = {"train": dataset}
    exec(compile(BLOCKS[name], f"{PAGE.name}: {name}", "exec"), found)
    return found


@pytest.mark.parametrize("name", _KINDS)
def test_a_loop_of_the_guide_learns(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert BLOCKS.keys() == _KINDS.keys()
    assert BLOCKS[name].count("\n") < 40
    monkeypatch.chdir(tmp_path)
    dataset = data_set(tmp_path / "data", _KINDS[name])
    found = _run(name, dataset)
    if name != "loader":
        assert 0 < float(found["loss"].detach()) < 20
        assert all(parameter.grad is not None for parameter in found["model"].parameters())
        return
    # Run again in mid-epoch, it goes on there.
    state = {**json.loads(Path("loader.json").read_text()), "epoch": 2, "samples": 0}
    assert state["epoch"] == found["loader"].epoch - 1 == 2
    Path("loader.json").write_text(json.dumps(state))
    assert _run(name, dataset)["loader"].epoch == 3
