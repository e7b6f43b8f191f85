"""The examples of docs/guides/loaders.md for other libraries' loops run as they stand there.

In processes of their own: Keras has one backend in each.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.loaders.samples import data_set

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guides" / "loaders.md"
# By the process that they run in: what must be there, the backend of Keras, the data of each.
EXAMPLES: Final = {
    "trainer": (
        ("transformers", "accelerate"),
        "torch",
        {"trainer_text": "text", "trainer_pictures": "image", "trainer_sound": "audio"},
    ),
    "keras on TensorFlow": (
        ("keras", "tensorflow"),
        "tensorflow",
        {"keras_tensorflow": "image", "keras_sound": "audio"},
    ),
    "keras on PyTorch": (
        ("keras",),
        "torch",
        {"keras_torch": "image", "keras_text": "text"},
    ),
}
BLOCKS: dict[str, str] = dict(
    re.findall(r"```python ((?:trainer|keras)_\w+)\n(.*?)```", PAGE.read_text("utf-8"), re.S)
)
_PROGRAM = """
import json, math, sys
from pathlib import Path
from tilth.loaders import Dataset

for name, (folder, block) in json.loads(Path("blocks.json").read_text("utf-8")).items():
    found = {"train": Dataset(Path(folder), "train")}
    exec(compile(block, name, "exec"), found)
    losses = found["history"].history["loss"] if "history" in found else [found["loss"]]
    assert losses and all(math.isfinite(one) and 0 < one < 20 for one in losses), (name, losses)
    print("trained", name)
"""


def test_every_example_is_tried_and_short() -> None:
    assert BLOCKS.keys() == {name for *_, kinds in EXAMPLES.values() for name in kinds}
    assert all(block.count("\n") < 40 for block in BLOCKS.values())


@pytest.mark.parametrize("which", EXAMPLES)
def test_the_examples_train(which: str, tmp_path: Path) -> None:
    needs, backend, kinds = EXAMPLES[which]
    lacking = [package for package in needs if importlib.util.find_spec(package) is None]
    if lacking and os.environ.get("TILTH_REQUIRE_PEERS"):
        pytest.fail(f"not installed: {', '.join(lacking)}")
    if lacking:
        pytest.skip(f"not installed: {', '.join(lacking)}")
    blocks = {}
    for name, kind in kinds.items():
        data_set(tmp_path / name, kind)
        blocks[name] = (str(tmp_path / name), BLOCKS[name])
    (tmp_path / "blocks.json").write_text(json.dumps(blocks), "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        cwd=tmp_path,
        env=os.environ | {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert all(f"trained {name}" in done.stdout for name in kinds)
