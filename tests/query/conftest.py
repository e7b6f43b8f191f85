"""One small real run with a history, made once: copies, near-copies, short texts, a broken line."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

import tilth
from tests.engine.inline import inline, use_inline
from tilth.query.runs import RunView, open_run

# For tests whose runs need no processes of their own.
__all__ = ["inline"]

RECIPE = """
tilth: 1
name: small
about: four hundred made-up documents
error_budget: 0.01
collect:
  docs: {{jsonl: {{path: {path}}}}}
clean:
  - normalize
  - signals: {{names: [word_count, alpha_ratio]}}
  - rules: {{where: ["word_count >= {words}", "alpha_ratio >= 0.5"]}}
deduplicate:
  - hold_out: {{test: 0.1, validation: 0.05, by: id}}
  - exact
  - minhash
"""
NUM_DOCUMENTS = 400


def write_documents(path: Path) -> None:
    """Documents of random words with copies and near-copies; the last line is broken."""
    rng = random.Random(0)
    vocabulary = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 9))) for _ in range(800)]
    documents: list[str] = []
    for i in range(NUM_DOCUMENTS):
        text = " ".join(rng.choices(vocabulary, k=rng.randint(5, 60)))
        if i % 50 == 7:
            text = documents[-1]
        if i % 50 == 9:
            text = documents[-2] + " copied"
        documents.append(text)
    # Each text has a stray blank and a control sequence that `normalize` edits.
    lines = [json.dumps({"text": f"  {text}\u001b[31m"}) for text in documents]
    path.write_text("\n".join([*lines, '{"text": "cut in ha']) + "\n", "utf-8")


def recipe_file(folder: Path, words: int = 12) -> Path:
    """A recipe file over `docs.jsonl` of the folder."""
    path = folder / f"small-{words}.yaml"
    path.write_text(RECIPE.format(path=folder / "docs.jsonl", words=words), "utf-8")
    return path


# The tests of the command ask for the same folder; it takes seconds to make.
_made: list[Path] = []


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with documents, two recipes and `runs/small`, run with each of them."""
    if not _made:
        folder = tmp_path_factory.mktemp("workplace")
        write_documents(folder / "docs.jsonl")
        with pytest.MonkeyPatch.context() as patch:
            use_inline(patch)
            for words in (20, 12):
                tilth.run(recipe_file(folder, words), runs=folder / "runs", progress=False)
        _made.append(folder)
    return _made[0]


@pytest.fixture(scope="session")
def small(workplace: Path) -> RunView:
    """The last invocation of the run, with `word_count >= 12`."""
    return open_run("small", workplace / "runs")


@pytest.fixture(scope="session")
def earlier(workplace: Path) -> RunView:
    """The one before, with `word_count >= 20`."""
    return open_run("small@1", workplace / "runs")
