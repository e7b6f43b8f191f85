"""The guide's examples, written into a copy of Tilth as they stand, make a recipe that runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
_COMMAND = "from tilth.cli.main import main; main()"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source with what the guide adds, and nothing else."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(
        ROOT / "src" / "tilth", root / "src" / "tilth", ignore=shutil.ignore_patterns("__pycache__")
    )
    guide = (ROOT / "docs" / "guides" / "extend.md").read_text("utf-8")
    blocks = re.findall(r"```python\n# (src/tilth/\S+\.py)\n(.*?)```", guide, re.DOTALL)
    assert len(blocks) == 6
    for name, text in blocks:
        path = root / name
        assert not path.exists()
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    table = root / "src" / "tilth" / "recipe" / "operations.py"
    text = table.read_text("utf-8")
    assert text.count('"crawl",\n') == 1
    indent = "            "
    table.write_text(text.replace('"crawl",\n', f'"crawl",\n{indent}"dialogue",\n'), "utf-8")
    return root


def _called(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _COMMAND, *arguments],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src")},
        capture_output=True,
        text=True,
    )


def _tilth(copy: Path, *arguments: str, code: int = 0) -> str:
    done = _called(copy, *arguments)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_a_source_of_ones_own(copy: Path) -> None:
    (copy / "play.dialogue").write_text("ROMEO: It is the east.\nExeunt\nJULIET: Ay me!\n")
    (copy / "play.yaml").write_text(
        "tilth: 1\nname: play\nerror_budget: 0.5\n"
        "collect: {play: {dialogue: {path: play.dialogue}}}\nclean: [normalize]\n"
    )
    _tilth(copy, "run", "play.yaml", code=1)  # a record is in quarantine
    record = json.loads((copy / "runs" / "play" / "run.json").read_text("utf-8"))
    counts = record["steps"][0]["counts"]
    assert counts == {"in": 3, "kept": 2, "dropped": 0, "quarantined": 1}
    assert "nobody says this line" in _tilth(copy, "show", "play", "play", "--quarantined")


def _pictures(copy: Path) -> str:
    """Writes pictures into a folder; the beginning of a recipe with them."""
    chance = np.random.default_rng(0)
    for split in ("train", "test"):
        folder = copy / "pictures" / split / "any"
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(60):
            # A sky above and the ground below, so that a negative can be told.
            levels = (chance.random((8, 8)) * 80 + 40).astype(np.uint8)
            levels[:4] += 120
            Image.fromarray(levels).save(folder / f"{number}.png")
    return "tilth: 1\ncollect: {pictures: {image_folder: {path: pictures}}}\n"


def test_a_task_and_an_image_operation_of_ones_own(copy: Path) -> None:
    (copy / "pictures.yaml").write_text(
        f"{_pictures(copy)}name: pictures\n"
        "augment: [{invert: {share: 0.1}}]\n"
        "pretrain: {task: image-inversion, model: {kind: mlp, hidden: [16]},\n"
        "  optimizer: {learning_rate: 0.01}, loop: {max_steps: 150, batch_size: 20}}\n"
    )
    _tilth(copy, "run", "pictures.yaml")
    report = json.loads((copy / "runs" / "pictures" / "report.json").read_text("utf-8"))
    assert report["pretrain"]["task"] == "image-inversion"
    assert report["pretrain"]["test"]["accuracy"] > 80
    assert "invert" in _tilth(copy, "list", "operations")
    assert "image-inversion" in _tilth(copy, "explain", "pretrain.task")
    picture = str(copy / "pictures" / "test" / "any" / "0.png")
    assert _tilth(copy, "classify", "pictures", picture).startswith(("as it was", "inverted"))
    card = next((copy / "runs" / "pictures").glob("data/pretrain-*/model/README.md"))
    assert "a start for other models of images" in card.read_text("utf-8")


def test_a_model_of_ones_own(copy: Path) -> None:
    recipe = (
        f"{_pictures(copy)}name: linear\n"
        "pretrain: {task: image-inversion, model: {kind: linear, side: 2},\n"
        "  optimizer: {learning_rate: 0.01}, loop: {max_steps: 150, batch_size: 20}}\n"
    )
    (copy / "linear.yaml").write_text(recipe)
    _tilth(copy, "run", "linear.yaml")
    report = json.loads((copy / "runs" / "linear" / "report.json").read_text("utf-8"))
    # 1 channel of 2 x 2 pixels, two answers.
    assert report["pretrain"]["model"] == {"kind": "linear", "parameters": 2 * (4 + 1)}
    assert report["pretrain"]["test"]["accuracy"] > 80
    assert "linear: pixels a side" in _tilth(copy, "explain", "pretrain.model.side")
    (copy / "slip.yaml").write_text(recipe.replace("linear, side", "linaer, side"))
    done = _called(copy, "check", "slip.yaml")
    assert done.returncode == 2
    assert "did you mean `linear`?" in done.stderr
    (copy / "slip.yaml").write_text(recipe.replace("image-inversion", "text-generation"))
    assert "needs model.kind gpt, not linear" in _called(copy, "check", "slip.yaml").stderr
    picture = str(copy / "pictures" / "test" / "any" / "0.png")
    assert _tilth(copy, "classify", "linear", picture).startswith(("as it was", "inverted"))
