"""The sheet shows what training sees, and any view of it can be made again."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tilth
from tests.query.models import SIDE
from tests.query.trained import trained_run
from tests.tasks.speech.speech_samples import encode, say
from tilth.errors import MissingError, UsageError
from tilth.models.facts import Facts, Sizes
from tilth.query.augmented import AugmentedSample, augmented_sheet, write_png
from tilth.query.runs import RunView, open_run
from tilth.randomness import ids_to_u64
from tilth.tasks.build import build_task
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.sheet import View
from tilth.training.examples import Examples

SPOKEN = """
tilth: 1
name: spoken
collect:
  said:
    audio:
      path: {path}
      name: \\d+_(?P<target>[-a-z]+)\\.wav
      words: {{separator: "-"}}
augment:
  - span: {{probability: 1}}
pretrain:
  task: speech-recognition
  model: {{kind: ctc, layers: 1, hidden: 8, channels: 8}}
  data: {{validation_share: 0}}
  loop: {{batch_size: 4, max_steps: 2, precision: fp32}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunView:
    return trained_run(tmp_path_factory.mktemp("augmented"))


def _pixels(view: View) -> Any:
    return np.asarray(Image.open(io.BytesIO(view.png)))


def test_a_view_is_what_the_task_gives_to_training(run: RunView) -> None:
    sheet = augmented_sheet(run, n=3, num_epochs=2)
    assert (sheet.kind, sheet.steps, sheet.seed) == ("images", ("shift", "noise"), 3)
    rows = np.stack([_pixels(sample.original) for sample in sheet.samples])[:, None]
    steps: Any = run.step("pretrain").settings["augment"]
    facts = Facts(sizes=Sizes(image=(1, SIDE, SIDE), classes=2), mean=(0.0,), std=(1.0,))
    task = build_task("image-classification", facts, ObjectiveSettings(), augment=steps)
    ids = ids_to_u64([sample.id for sample in sheet.samples])
    data = Examples(rows, np.zeros(3, np.int64), ids, np.ones(3, np.float32), None)
    for place, epoch in enumerate(sheet.epochs):
        batch = task.collate(data, np.arange(3), np.full(3, epoch, np.int64), sheet.seed)
        seen = np.rint(batch.inputs[0].numpy()[:, 0] * 255).astype(np.uint8)
        shown = np.stack([_pixels(sample.views[place]) for sample in sheet.samples])
        assert np.array_equal(seen, shown)


def test_any_view_can_be_made_again_by_seed_epoch_and_id(run: RunView) -> None:
    many = augmented_sheet(run, n=5, num_epochs=4)
    (one,) = augmented_sheet(run, num_epochs=1, first_epoch=2, samples=[many.samples[3].id]).samples
    assert one.views[0] == many.samples[3].views[2]
    assert one.original == many.samples[3].original


def test_a_sheet_of_images_is_a_picture(run: RunView, tmp_path: Path) -> None:
    sheet = augmented_sheet(run, n=2, num_epochs=3)
    write_png(sheet, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.width > picture.height > 2 * SIDE
    text = AugmentedSample("id", "uri", None, View("words"), ())
    with pytest.raises(UsageError, match="no picture"):
        write_png(type(sheet)("r", "tokens", (), 0, (), (text,)), tmp_path / "no.png")


def test_what_cannot_be_shown_is_said(run: RunView, small: RunView) -> None:
    with pytest.raises(UsageError, match="augments nothing"):
        augmented_sheet(small)
    with pytest.raises(MissingError, match="no such sample"):
        augmented_sheet(run, samples=["00"])


@pytest.mark.usefixtures("inline")
def test_speech_is_shown_with_the_words_that_are_left(tmp_path: Path) -> None:
    """Words cut off at pauses are gone from the picture and from the text below it."""
    (tmp_path / "said").mkdir()
    pause = np.zeros(1600, np.float32)
    for number in range(12):
        words = [say(word) for word in ("ab", "cb", "a")]
        wave = np.concatenate([part for word in words for part in (word, pause)])
        (tmp_path / "said" / f"{number}_ab-cb-a.wav").write_bytes(encode(wave))
    recipe = tmp_path / "spoken.yaml"
    recipe.write_text(SPOKEN.format(path=tmp_path / "said"))
    tilth.run(recipe, runs=tmp_path / "runs", progress=False, workers=1)
    sheet = augmented_sheet(open_run("spoken", tmp_path / "runs"), n=4, num_epochs=6)
    assert (sheet.kind, sheet.steps) == ("audio", ("span",))
    widths: dict[str, set[int]] = {}
    for sample in sheet.samples:
        assert sample.original.text == "ab cb a"
        for view in (sample.original, *sample.views):
            widths.setdefault(view.text, set()).add(_pixels(view).shape[1])
    assert {"ab", "cb a"} & set(widths)
    assert set(widths) <= {"ab cb a", "ab cb", "cb a", "ab", "cb", "a"}
    assert all(max(widths[text]) < min(widths["ab cb a"]) for text in widths if text != "ab cb a")
