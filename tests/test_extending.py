"""The guide's examples, written into a folder as they stand, make recipes that run."""

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


def _blocks() -> dict[str, str]:
    """The guide's files by their names below the folder."""
    guide = (ROOT / "docs" / "guides" / "extend.md").read_text("utf-8")
    found = dict(re.findall(r"```python\n# mine/(\S+\.py)\n(.*?)```", guide, re.DOTALL))
    assert len(found) == 8
    return found


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the guide adds, and nothing else."""
    root = tmp_path_factory.mktemp("here")
    for name, text in _blocks().items():
        path = root / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def _called(
    here: Path, *arguments: str, source: Path = ROOT / "src"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _COMMAND, *arguments],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
    )


def _tilth(here: Path, *arguments: str, code: int = 0) -> str:
    done = _called(here, *arguments)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_a_source_and_an_operation_of_ones_own(here: Path) -> None:
    lines = "ROMEO: It is the east.\nExeunt\nJULIET: Ay me!\nNURSE: MADAM!\n"
    (here / "play.dialogue").write_text(lines)
    (here / "play.yaml").write_text(
        "tilth: 1\nname: play\nextensions: [mine]\nerror_budget: 0.5\n"
        "collect: {play: {dialogue: {path: play.dialogue}}}\nclean: [shout, normalize]\n"
    )
    _tilth(here, "run", "play.yaml", code=1)  # a record is in quarantine
    record = json.loads((here / "runs" / "play" / "run.json").read_text("utf-8"))
    counts = {step["name"]: step["counts"] for step in record["steps"]}
    assert counts["collect.play"] == {
        "in": 4,
        "born": 0,
        "kept": 3,
        "dropped": 0,
        "quarantined": 1,
        "passed_over": 0,
        "noted": 0,
    }
    assert counts["clean.shout"] == {
        "in": 3,
        "born": 0,
        "kept": 2,
        "dropped": 1,
        "quarantined": 0,
        "passed_over": 0,
        "noted": 0,
    }
    assert "nobody says this line" in _tilth(here, "show", "play", "play", "--quarantined")
    listed = _tilth(here, "list", "operations", "--recipe", "play.yaml")
    assert "Read lines of dialogue" in listed
    assert "Drop texts of which too many" in listed
    assert "dialogue" not in _tilth(here, "list", "operations")
    assert "max_share" in _tilth(here, "explain", "shout", "--recipe", "play.yaml")


def test_a_shuffle_of_ones_own(here: Path) -> None:
    texts = ["The east is red", "The east is red.", "The west", "", "The east is re"] * 30
    rows = [json.dumps({"text": text}) for text in texts]
    (here / "starts.jsonl").write_text("\n".join(rows))
    (here / "starts.yaml").write_text(
        "tilth: 1\nname: starts\nextensions: [mine]\ncollect: {a: {jsonl: {path: starts.jsonl}}}\n"
        "deduplicate: [{same_start: {length: 5}}]\n"
    )
    _tilth(here, "run", "starts.yaml")
    record = json.loads((here / "runs" / "starts" / "run.json").read_text("utf-8"))
    counts = record["steps"][-1]["counts"]
    assert counts["in"] == counts["kept"] + counts["dropped"]
    assert counts["kept"] == 3
    _tilth(here, "export", "starts", "--format", "jsonl", "--to", "out")
    files = [path.read_text("utf-8") for path in (here / "out").rglob("*.jsonl")]
    kept = [json.loads(line) for text in files for line in text.splitlines()]
    assert sorted(row["text"] for row in kept) == ["", "The east is red.", "The west"]


def _pictures(here: Path) -> str:
    """Writes pictures into a folder; the beginning of a recipe with them."""
    chance = np.random.default_rng(0)
    for split in ("train", "test"):
        folder = here / "pictures" / split / "any"
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(60):
            # A sky above and the ground below, so that a negative can be told.
            levels = (chance.random((8, 8)) * 80 + 40).astype(np.uint8)
            levels[:4] += 120
            Image.fromarray(levels).save(folder / f"{number}.png")
    return "tilth: 1\nextensions: [mine]\ncollect: {pictures: {image_folder: {path: pictures}}}\n"


def test_a_task_a_model_and_a_transform_of_ones_own(here: Path) -> None:
    recipe = (
        f"{_pictures(here)}name: pictures\naugment: [{{invert: {{share: 0.1}}}}]\n"
        "pretrain: {task: image-inversion, model: {kind: linear, side: 2},\n"
        "  optimizer: {learning_rate: 0.01}, loop: {max_steps: 150, batch_size: 20}}\n"
    )
    (here / "pictures.yaml").write_text(recipe)
    _tilth(here, "run", "pictures.yaml")
    folder = here / "runs" / "pictures"
    report = json.loads((folder / "report.json").read_text("utf-8"))
    assert report["pretrain"]["task"] == "image-inversion"
    # 1 channel of 2 x 2 pixels, two answers.
    assert report["pretrain"]["model"] == {"kind": "linear", "parameters": 2 * (4 + 1)}
    assert report["pretrain"]["test"]["accuracy"] > 80
    # The model was asked for the report.
    assert report["generated"]["samples"]
    for word, told in (
        ("pretrain.task", "image-inversion"),
        ("pretrain.model.side", "linear: pixels a side"),
    ):
        assert told in _tilth(here, "explain", word, "--recipe", "pictures.yaml")
    card = next(folder.glob("data/pretrain-*/model/README.md")).read_text("utf-8")
    assert "a start for other models of images" in card
    (digest,) = report["extensions"].values()
    for text in (card, (folder / "card.md").read_text("utf-8")):
        assert f"extension mine sha256 {digest[:16]}" in text
        assert str(here) not in text

    (here / "slip.yaml").write_text(recipe.replace("linear, side", "linaer, side"))
    done = _called(here, "check", "slip.yaml")
    assert done.returncode == 2
    assert "did you mean `linear`?" in done.stderr
    (here / "slip.yaml").write_text(recipe.replace("image-inversion", "text-generation"))
    assert "needs model.kind gpt, not linear" in _called(here, "check", "slip.yaml").stderr

    # Whoever asks later needs the run and nothing else.
    (here / "mine").rename(here / "elsewhere")
    try:
        picture = str(here / "pictures" / "test" / "any" / "0.png")
        said = _tilth(here, "classify", "pictures", picture)
        assert said.startswith(("as it was", "inverted"))
        _tilth(here, "report", "pictures")
        sheet = _tilth(here, "show", "pictures", "--augmented", "-n", "2", "--epochs", "1")
        assert "augmented.html" in sheet
    finally:
        (here / "elsewhere").rename(here / "mine")


def test_the_same_files_in_tilth_itself(tmp_path: Path) -> None:
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src" / "tilth", source / "tilth")
    for name, text in _blocks().items():
        path = source / "tilth" / name
        assert not path.exists()
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    table = source / "tilth" / "recipe" / "operations.py"
    text = table.read_text("utf-8")
    for known, added in (("crawl", "dialogue"), ("extract", "shout")):
        assert text.count(f'"{known}",\n') == 1
        text = text.replace(f'"{known}",\n', f'"{known}",\n            "{added}",\n')
    table.write_text(text, "utf-8")
    (tmp_path / "mine.yaml").write_text(
        "tilth: 1\nname: mine\ncollect: {a: {dialogue: {path: a.dialogue}}}\n"
        "clean: [shout]\naugment: [invert]\n"
        "pretrain: {task: image-inversion, model: {kind: linear, side: 2}}\n"
    )
    done = _called(tmp_path, "check", "mine.yaml", source=source)
    assert done.returncode == 0, done.stderr
    assert "4 steps, no mistake" in done.stdout
