"""A model's folder is enough for a person without Tilth: what is beside it, and its program."""

from __future__ import annotations

import io
import json
import re
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageCms
from safetensors.torch import load_file

from tests.export.models import FAMILIES, WORDS, save
from tilth.decode.picture import decode_picture
from tilth.decode.sound import SoundError, check_sound, open_stream
from tilth.errors import UsageError
from tilth.export.model import expected_model, write_model
from tilth.pretrain.ask import answers, options_for, read_model
from tilth.pretrain.weights import load_model
from tilth.tasks.settings import ObjectiveSettings

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "export.md"
ONNX = ("mlp", "gru", "learned", "classifier", "pairs")


def _written(folder: Path, format: str, out: Path) -> Path:
    out.mkdir()
    write_model(folder, format, out, "mine")
    # What a dry run says is what there is.
    names, size = expected_model(folder, format)
    assert sorted([*names, "README.md"]) == sorted(path.name for path in out.iterdir())
    assert 0 < size < sum(path.stat().st_size for path in out.iterdir())
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
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(out / "use.py"), run_name="__main__")
    assert not ended.value.code
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


def _alone(name: str, folder: Path) -> dict[str, Any]:
    """What a program of a model's folder defines."""
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    (folder / "preprocessing.json").write_text("{}", "utf-8")
    (folder / "containers.py").write_bytes((files("tilth.decode") / "containers.py").read_bytes())
    program = folder / "use.py"
    program.write_bytes((files("tilth.export") / "alone" / f"{name}.py.txt").read_bytes())
    return runpy.run_path(str(program))


def _pictures() -> dict[str, bytes]:
    """One picture in ways that Pillow alone would see wrongly or not at all."""
    grey = np.random.default_rng(0).integers(0, 256, (6, 9), dtype=np.uint8)
    image, colour = (
        Image.fromarray(grey),
        Image.fromarray(np.stack([grey, grey.T.reshape(6, 9)] * 2, -1)),
    )
    turned = image.getexif()
    turned[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    palette = colour.convert("RGB").quantize(8)
    made: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "png": (image, {}),
        "16 bits.png": (Image.fromarray(grey.astype(np.uint16) * 257), {}),
        "16 bits.tiff": (Image.fromarray(grey.astype(np.uint16) * 200), {}),
        "one bit.png": (image.convert("1"), {}),
        "clear.png": (colour, {}),
        "clear grey.png": (colour.convert("LA"), {}),
        "clear palette.gif": (palette, {"transparency": 0}),
        "clear palette.png": (palette, {"transparency": 0}),
        "clear colour.png": (Image.new("RGB", (4, 3), (9, 8, 7)), {"transparency": (9, 8, 7)}),
        "print.jpg": (colour.convert("RGB").convert("CMYK"), {}),
        "turned.jpg": (image, {"exif": turned}),
        "profile.png": (colour.convert("RGB"), {"icc_profile": profile}),
        "damaged profile.png": (colour.convert("RGB"), {"icc_profile": profile[:200]}),
    }
    found = {}
    for name, (one, given) in made.items():
        kind = {"jpg": "JPEG"}.get(name.rpartition(".")[2], name.rpartition(".")[2].upper())
        one.save(into := io.BytesIO(), kind, **given)
        found[name] = into.getvalue()
    return found


@pytest.mark.parametrize(("name", "data"), _pictures().items())
def test_the_program_sees_a_picture_as_tilth_does(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    found, wanted = _alone("pixels", tmp_path)["seen"](tmp_path / name), decode_picture(data).image
    assert found.mode == wanted.mode
    # Two ways through a colour profile round differently.
    assert np.abs(np.asarray(found, np.int16) - np.asarray(wanted, np.int16)).max() <= 1


def test_the_program_refuses_a_picture_that_it_would_see_otherwise(tmp_path: Path) -> None:
    seen = _alone("pixels", tmp_path)["seen"]
    levels = np.arange(12, dtype=np.float32).reshape(3, 4)
    Image.fromarray(levels).save(tmp_path / "floats.tiff")
    Image.fromarray(levels.astype(np.int32) * 9999).save(tmp_path / "long.tiff")
    with pytest.raises(ValueError, match="other numbers than 8 or 16 bits"):
        seen(tmp_path / "floats.tiff")
    with pytest.raises(ValueError, match="other numbers than 8 or 16 bits"):
        seen(tmp_path / "long.tiff")
    Image.fromarray(levels.astype(np.uint8)).save(tmp_path / "keyed.png", transparency=3)
    with pytest.raises(ValueError, match="one level of grey is transparent"):
        seen(tmp_path / "keyed.png")


@pytest.mark.parametrize(("right", "silent"), [(1.0, 0.0), (0.3, 0.0), (-1.0, 0.0), (-1.0, 0.5)])
def test_the_program_hears_channels_as_tilth_does(
    right: float, silent: float, tmp_path: Path
) -> None:
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 9000).astype(np.float32)
    part = np.where(np.arange(9000) < 9000 * silent, 1.0, right).astype(np.float32)
    channels = np.stack([sound, sound * part], 1)
    soundfile.write(into := io.BytesIO(), channels, 8000, format="WAV", subtype="FLOAT")
    loudest = check_sound(into.getvalue()).loudest
    assert bool(_alone("spelt", tmp_path)["cancels"](channels)) == (loudest >= 0)
    assert (loudest >= 0) == (right < 0)


def test_the_program_says_how_it_is_asked_and_which_file_it_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    out = _written(save(tmp_path / "model", "mlp"), "onnx", tmp_path / "out")
    good, _ = _samples("mlp", tmp_path)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    monkeypatch.setattr(sys, "argv", ["use.py"])
    with pytest.raises(SystemExit, match=r"python use\.py IMAGE"):
        runpy.run_path(str(out / "use.py"), run_name="__main__")
    files = [str(tmp_path / "none.png"), str(tmp_path / "bad.png"), good]
    monkeypatch.setattr(sys, "argv", ["use.py", *files])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(out / "use.py"), run_name="__main__")
    told = capsys.readouterr()
    assert ended.value.code == 1
    assert [line.split(":")[0] for line in told.err.splitlines()] == files[:2]
    assert told.out.startswith(f"{good}\t")


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


@pytest.mark.parametrize("family", ["rotary", "learned", "classifier"])
def test_what_goes_to_hugging_face_is_said_beforehand(family: str, tmp_path: Path) -> None:
    out = _written(save(tmp_path / "model", family), "huggingface", tmp_path / "out")
    assert "AutoTokenizer" in (out / "README.md").read_text("utf-8")


def test_what_hugging_face_has_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no counterpart"):
        _written(save(tmp_path / "model", "mlp"), "huggingface", tmp_path / "out")


def test_the_lines_of_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    (block,) = re.findall(r"```python onnx\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    assert sum(bool(line) for line in block.splitlines()) <= 10
    folder = save(tmp_path / "model", "cnn")
    _written(folder, "onnx", tmp_path / "out")
    _, file = _samples("cnn", tmp_path)
    monkeypatch.chdir(tmp_path)
    Path(file).rename("picture.jpg")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "use", raising=False)
    found: dict[str, Any] = {}
    exec(compile(block, PAGE.name, "exec"), found)
    model = read_model(folder, "mine")
    (one,) = answers(model, [["picture.jpg"]], options_for(model, {}))
    assert one.result is not None
    assert found["answer"] == one.result.label
    # As a server asks it, which has threads.
    session, given = found["session"], {"pixels": found["given"]}
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: session.run(None, given)[0], range(32)))
    assert all(np.array_equal(logits, found["logits"]) for logits in told)
    monkeypatch.delitem(sys.modules, "use")


_CUT = {"FLAC": "PCM_16", "OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}
_CUT |= {"WAV": "PCM_16", "WAVEX": "FLOAT", "RF64": "PCM_16"}


@pytest.mark.parametrize("format", _CUT)
def test_the_program_hears_whole_recordings_alone(format: str, tmp_path: Path) -> None:
    hears = _alone("spelt", tmp_path)["heard_whole"]
    whole = np.random.default_rng(0).uniform(-0.5, 0.5, (30_000, 2))
    soundfile.write(into := io.BytesIO(), whole, 16_000, format=format, subtype=_CUT[format])
    data, path = into.getvalue(), tmp_path / "heard"
    path.write_bytes(data)
    channels, rate = hears(path)
    with open_stream(data) as stream:
        assert np.array_equal(channels, np.concatenate(list(stream.blocks)))
    assert rate == 16_000
    # Cut at the end, in the middle and within the first frames; and with its middle gone.
    cut = [data[:size] for size in (len(data) - 1, len(data) * 2 // 3, len(data) // 7, 60)]
    # What lost its middle and is not cut is a shorter WAV with another length, and MP3 has no sums.
    damaged = [data[:9000] + data[9700:]] if format in ("FLAC", "OGG") else []
    for wrong in [*cut, *damaged]:
        path.write_bytes(wrong)
        with pytest.raises((ValueError, soundfile.LibsndfileError, RuntimeError)):
            hears(path)
        with pytest.raises(SoundError):
            check_sound(wrong)


def test_the_program_hears_what_a_writer_left_open(tmp_path: Path) -> None:
    hears = _alone("spelt", tmp_path)["heard_whole"]
    soundfile.write(into := io.BytesIO(), np.full(4000, 0.25), 8000, format="WAV")
    # A writer that could not go back left the length open; what is no sound at all is refused.
    opened = into.getvalue()[:40] + b"\xff\xff\xff\xff" + into.getvalue()[44:]
    (tmp_path / "other").write_bytes(opened)
    assert len(hears(tmp_path / "other")[0]) == 4000
    for data in (b"", b"RIFF", b"fLaC" + bytes(100), b"words"):
        (tmp_path / "other").write_bytes(data)
        with pytest.raises(ValueError, match=r"no WAV|FLAC"):
            hears(tmp_path / "other")
