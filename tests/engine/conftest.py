"""Small real recipes over generated JSON Lines, and a way to run them in a process of their own."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from pathlib import Path

import pytest

from tests.engine.inline import run_inline, use_inline
from tests.engine.modalities import write_recipe
from tilth.engine.run import RunOptions, RunOutcome, run_plan
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan
from tilth.store import Dataset

RECIPE = """
tilth: 1
name: small
error_budget: {budget}
collect:
  a: {{jsonl: {{path: {path}}}}}
clean:
  - normalize
  - signals: {{names: [word_count, alpha_word_ratio], functions: {functions}}}
  - rules: {{where: ["word_count >= {words}"]}}
deduplicate:
  - exact
  - minhash
"""


def write_documents(path: Path, count: int, seed: int = 0) -> None:
    """Documents of random words with exact copies and near-copies among them."""
    rng = random.Random(seed)
    vocabulary = [
        "".join(rng.choice("abcdefghijklmnop") for _ in range(rng.randint(2, 9)))
        for _ in range(2000)
    ]
    documents: list[str] = []
    for i in range(count):
        words = [rng.choice(vocabulary) for _ in range(rng.randint(5, 80))]
        if i % 50 == 7:
            words = documents[-1].split()
        if i % 50 == 9:
            words = [*documents[-2].split(), "copied"]
        documents.append(" ".join(words))
    lines = [json.dumps({"text": text}) for text in documents]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def recipe_text(path: Path, words: int = 20, budget: float = 0.01, functions: str = "[]") -> str:
    return RECIPE.format(path=path, words=words, budget=budget, functions=functions)


def parted(text: str) -> str:
    """The recipe with a step in which samples are born."""
    return text.replace("clean:\n", "clean:\n  - chunk: {at_most: 30, overlap: 5}\n", 1)


def run_text(text: str, folder: Path, **options: object) -> RunOutcome:
    """Run a recipe's text in this process."""
    return run_plan(build_plan(parse_recipe(text)), folder, RunOptions(**options))  # type: ignore[arg-type]


def dataset(folder: Path, step: str) -> Dataset:
    """The data set of a step, whatever its identity."""
    (path,) = (folder / "data").glob(f"{step}-*")
    return Dataset(path)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every data file and manifest of a run's folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "data").rglob("*"))
        if path.is_file() and "work" not in path.parts
    }


@pytest.fixture(scope="session")
def _images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    text = write_recipe("images", folder).read_text("utf-8")
    with pytest.MonkeyPatch.context() as patch:
        use_inline(patch)
        run_inline(text, folder / "run")
    return folder


@pytest.fixture
def images_run(_images: Path, tmp_path: Path) -> tuple[str, Path]:
    """The recipe `images` of `modalities`, and the folder of a run of it that is done."""
    shutil.copytree(_images / "run", tmp_path / "run")
    return (_images / "images.yaml").read_text("utf-8"), tmp_path / "run"


@pytest.fixture(scope="session")
def _documents(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("documents") / "documents.jsonl"
    write_documents(path, 3000)
    return path.read_bytes()


@pytest.fixture
def documents(tmp_path: Path, _documents: bytes) -> Path:
    """3,000 documents as JSON Lines."""
    path = tmp_path / "documents.jsonl"
    path.write_bytes(_documents)
    return path
