"""A model's folder is enough for a person without Tilth: what is beside it, and its program."""

from __future__ import annotations

import json
import re
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from safetensors.torch import load_file

from tests.export.models import FAMILIES, WORDS, save
from tilth.errors import UsageError
from tilth.export.model import write_model
from tilth.pretrain.ask import answers, options_for, read_model
from tilth.pretrain.weights import load_model
from tilth.tasks.settings import ObjectiveSettings

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "export.md"
ONNX = ("mlp", "gru", "learned", "classifier", "pairs")


def _written(folder: Path, format: str, out: Path) -> Path:
    out.mkdir()
    write_model(folder, format, out, "mine")
    return out


def _samples(family: str, folder: Path) -> list[str]:
    """Texts, or names of files, that the model can be asked."""
    rng = np.random.default_rng(0)
    if family in ("mlp", "cnn", "resnet"):
        # One is turned and has another size, as a phone leaves it.
        image = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8))
        turned = image.resize((20, 14)).getexif()
        turned[0x0112] = 6
        image.save(folder / "a.png")
        image.resize((20, 14)).save(folder / "b.jpg", exif=turned)
        return [str(folder / name) for name in ("a.png", "b.jpg")]
    if family in ("gru", "lstm"):
        for name, rate in (("a", 8000), ("b", 16000)):
            swept = np.sin(np.cumsum(rng.uniform(0.05, 1.5, 6 * rate // 10)))
            loud = np.r_[np.zeros(rate // 5), swept, np.zeros(rate // 4)]
            channels = np.stack([loud * 0.5, loud * 0.4], axis=1)
            soundfile.write(folder / f"{name}.wav", channels, rate)
        return [str(folder / f"{name}.wav") for name in ("a", "b")]
    return [*WORDS, " <|end|> the", "hat " * 30]


@pytest.mark.parametrize("family", ONNX)
def test_the_program_answers_as_tilth_does(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    folder = save(tmp_path / "model", family)
    out = _written(folder, "onnx", tmp_path / "out")
    program = (out / "use.py").read_text("utf-8")
    assert not re.search(r"^\s*(import|from) (tilth|torch)", program, re.M)
    samples = _samples(family, tmp_path)
    monkeypatch.setattr(sys, "argv", ["use.py", *samples])
    runpy.run_path(str(out / "use.py"), run_name="__main__")
    told = capsys.readouterr().out.removesuffix("\n").split("\n")

    model = read_model(folder, "mine")
    most = {"max_tokens": 50} if family == "learned" else {}
    options = options_for(model, {"beam": 1, "temperature": 0, **most})
    found = [one.result for one in answers(model, [samples], options)]
    assert len(found) == len(told) == len(samples)
    for sample, one, line in zip(samples, found, told, strict=True):
        assert one is not None
        cells = line.split("\t")
        if one.label:
            assert one.scores is not None
            assert cells[-2] == one.label
            assert float(cells[-1]) == pytest.approx(one.scores[one.label], abs=2e-4)
        else:
            assert line == (f"{sample}\t{one.text}" if family == "gru" else one.text)
    assert len({line.split("\t")[-1] for line in told}) > 1


@pytest.mark.parametrize("family", FAMILIES)
def test_safetensors_are_the_weights_and_tilth_reads_the_folder(
    family: str, tmp_path: Path
) -> None:
    folder = save(tmp_path / "model", family)
    (folder / "README.md").write_text("# mine\n\nOf CC0 pages.\n", "utf-8")
    out = _written(folder, "safetensors", tmp_path / "out")
    assert load_file(out / "model.safetensors").keys() == load_model(out).model.state_dict().keys()
    card = (out / "README.md").read_text("utf-8")
    assert card.startswith("# mine\n\nOf CC0 pages.\n\n## This folder\n")
    assert all(f"`{path.name}`" in card for path in out.iterdir() if path.name != "README.md")
    told = json.loads((out / "preprocessing.json").read_text("utf-8"))
    known = load_model(folder).facts
    assert told["classes"] == list(known.classes)
    if known.sizes.image[0]:
        assert (told["channels"], told["height"], told["width"]) == known.sizes.image
        assert (told["mean"], told["std"]) == (list(known.mean), list(known.std))
    if known.sample_rate:
        assert (told["sample_rate"], told["window"], told["hop"], told["fft"]) == (
            8000,
            200,
            80,
            256,
        )
    if known.sizes.vocabulary:
        assert (out / told["tokenizer"]).is_file()


def test_a_card_says_what_the_file_does_not(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    folder = save(tmp_path / "model", "mlp", objective=ObjectiveSettings(views="mirror"))
    out = _written(folder, "onnx", tmp_path / "out")
    card = (out / "README.md").read_text("utf-8")
    assert "| `model.onnx` | in | `pixels` | tensor(float) | [batch, 3, 8, 6] |" in card
    assert "in batches of 1, 3 and 7, its answers were at most" in card
    assert "mean over views of an image (`views: mirror`)" in card
    assert card.startswith("# mine\n")


def test_what_hugging_face_has_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no counterpart"):
        _written(save(tmp_path / "model", "mlp"), "huggingface", tmp_path / "out")


def test_the_ten_lines_of_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    (block,) = re.findall(r"```python onnx\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    assert sum(bool(line) for line in block.splitlines()) <= 10
    folder = save(tmp_path / "model", "cnn")
    _written(folder, "onnx", tmp_path / "out")
    file, _ = _samples("cnn", tmp_path)
    monkeypatch.chdir(tmp_path)
    Path(file).rename("picture.png")
    found: dict[str, Any] = {}
    exec(compile(block, PAGE.name, "exec"), found)
    model = read_model(folder, "mine")
    (one,) = answers(model, [["picture.png"]], options_for(model, {}))
    assert one.result is not None
    assert found["answer"] == one.result.label
    # As a server asks it, which has threads.
    session, given = found["session"], {"pixels": found["pixels"]}
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: session.run(None, given)[0], range(32)))
    assert all(np.array_equal(logits, found["logits"]) for logits in told)
