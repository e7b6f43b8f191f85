"""Answers to held-out samples: asked once, kept beside the model, and never the end of a report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.query.models import png
from tests.query.trained import trained_run
from tilth.pretrain.generated import GENERATED, Drawn, Shown, _words, generated_samples
from tilth.records import sealed
from tilth.tasks.prediction import Prediction

SHOWN = Shown(lambda text, limit: text[:limit].upper(), lambda image: f"{len(image)} bytes")
ROWS = [
    {"id": f"{at}", "uri": f"x/{at}.png", "image": png(25 * at), "label": "dark"} for at in range(9)
]
DRAWN = Drawn("test", ROWS)


@pytest.fixture
def model(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that was not asked yet."""
    run = trained_run(tmp_path_factory.mktemp("lights"))
    folder = tmp_path / "model"
    shutil.copytree(run.step("pretrain").folder / "model", folder)
    (folder / GENERATED).unlink()
    return folder


def never() -> Drawn:
    pytest.fail("it was asked before")


def test_samples_stand_beside_what_was_expected(model: Path) -> None:
    found = generated_samples(model, lambda: DRAWN, SHOWN)
    assert found is not None
    assert found.split == "test"
    assert len(found.samples) == 8
    first = found.samples[0]
    assert (first.input, first.expected) == ("X/0.PNG", "DARK")
    assert first.image == f"{len(png(0))} bytes"
    word, share = first.answer.split()
    assert word in ("DARK", "LIGHT")
    assert share.startswith("(")


@pytest.mark.parametrize(
    ("share", "said"), [(0.9961, ">99%"), (1.0, "100%"), (0.004, "<1%"), (0.5, "50%")]
)
def test_a_probability_is_not_rounded_onto_certainty(share: float, said: str) -> None:
    assert _words(Prediction(label="wet", scores={"wet": share})) == f"wet ({said})"


def test_a_model_is_asked_once(model: Path) -> None:
    made = generated_samples(model, lambda: DRAWN, SHOWN)
    assert made is not None
    assert sealed(made.as_json()) == json.loads((model / GENERATED).read_bytes())
    assert generated_samples(model, never, SHOWN) == made


def test_a_model_that_fails_says_why_and_keeps_nothing(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    found = generated_samples(model, lambda: DRAWN, SHOWN)
    assert found is not None
    assert found.samples == ()
    assert found.note.startswith("the model was not asked: ")
    assert not (model / GENERATED).exists()


def test_a_model_that_answers_nothing_is_not_asked(model: Path) -> None:
    config = json.loads((model / "config.json").read_bytes())
    (model / "config.json").write_text(json.dumps(config | {"task": "image-contrastive"}))
    assert generated_samples(model, never, SHOWN) is None


def test_no_model(tmp_path: Path) -> None:
    assert generated_samples(tmp_path, never, SHOWN) is None
