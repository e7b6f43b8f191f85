"""One small real run that trains on images with augmentation, made once for many tests."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tilth
from tests.engine.inline import use_inline
from tests.query.models import png
from tilth.query.runs import RunView, open_run

RECIPE = """
tilth: 1
name: lights
about: grey images, dark and light
seed: 3
collect:
  images:
    parquet:
      path: {path}
      image: image
      fields: {{label: label, license: license, subject: subject, split: split}}
augment:
  - shift: {{max_x: 1, max_y: 1}}
  - noise: {{std: 0.05}}
pretrain:
  task: image-classification
  model: {{kind: mlp, hidden: [8], dropout: 0}}
  data: {{validation_share: 0.1}}
  loop: {{batch_size: 16, max_steps: 20, eval_every: 10, precision: fp32}}
  {more}
"""
_made: dict[str, RunView] = {}


def write_images(path: Path, num: int = 120) -> None:
    """Images of one grey level each, some of them held out."""
    rng = random.Random(0)
    levels = [rng.randrange(256) for _ in range(num)]
    table = pa.table(
        {
            "image": [png(level) for level in levels],
            "label": ["light" if level > 127 else "dark" for level in levels],
            "license": ["CC0-1.0"] * num,
            "subject": [("ann", "bob", "cleo")[at % 3] for at in range(num)],
            "split": ["test" if at % 5 == 0 else "train" for at in range(num)],
        }
    )
    pq.write_table(table, path)


def trained_run(folder: Path, more: str = "") -> RunView:
    """The run `lights`, with further settings of pretrain."""
    if more not in _made:
        folder.mkdir(parents=True, exist_ok=True)
        write_images(folder / "images.parquet")
        recipe = folder / "lights.yaml"
        recipe.write_text(RECIPE.format(path=folder / "images.parquet", more=more))
        with pytest.MonkeyPatch.context() as patch:
            use_inline(patch)
            tilth.run(recipe, runs=folder / "runs", progress=False)
        _made[more] = open_run("lights", folder / "runs")
    return _made[more]
