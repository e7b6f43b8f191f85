"""The verbs that ask a model: arguments, files and standard input in, lines or JSON out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from tests.query.models import image_model, png
from tests.query.trained import trained_run
from tilth.cli import predict
from tilth.cli.main import app
from tilth.pretrain import ask
from tilth.tasks.declare import Verb
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prediction import Prediction


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model in `model` and two images."""
    image_model(tmp_path / "model")
    for name, level in (("a.png", 10), ("b.png", 240)):
        (tmp_path / name).write_bytes(png(level))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _call(*arguments: str, given: str | bytes = "") -> Any:
    return CliRunner().invoke(app, list(arguments), input=given, catch_exceptions=False)


def test_images_are_named_by_arguments_by_a_file_and_by_standard_input(model: Path) -> None:
    as_arguments = _call("classify", "model", "a.png", "b.png")
    assert as_arguments.exit_code == 0
    lines = [line.split("\t") for line in as_arguments.stdout.splitlines()]
    assert [line[2] for line in lines] == ["a.png", "b.png"]
    assert all(line[0] in ("dark", "light") and 0.5 <= float(line[1]) <= 1 for line in lines)
    (model / "names.txt").write_text("a.png\n\nb.png\n")
    for found in (
        _call("classify", "model", "--file", "names.txt"),
        _call("classify", "model", given="a.png\r\nb.png"),
    ):
        assert found.stdout == as_arguments.stdout


def test_json_is_an_object_a_line_with_the_errors_in_their_place(model: Path) -> None:
    found = _call("classify", "model", "a.png", "nothing.png", "b.png", "--json", "--top", "1")
    assert found.exit_code == 1
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert [row["input"] for row in rows] == ["a.png", "nothing.png", "b.png"]
    assert len(rows[0]["scores"]) == 1
    assert rows[1]["error"]["code"] == "missing"
    assert "error[missing]" in found.stderr


def test_the_verb_that_fits_is_said_before_anything_is_loaded(model: Path) -> None:
    found = _call("translate", "model", "Guten Tag")
    assert found.exit_code == 2
    assert "hint   tilth classify model" in found.stderr
    assert _call("classify", "model", "--file", "absent.txt").exit_code == 3
    assert _call("classify", "nothing").exit_code == 3


class _Shout:
    """Stands for a model of text: what it gets, in capitals, with the seed and the place."""

    def predict(
        self, model: object, samples: Sequence[str], options: PredictSettings
    ) -> list[Prediction]:
        return [
            Prediction(text=f"{text.upper()} {options.seed}/{options.first + at}\nend")
            for at, text in enumerate(samples)
        ]


class _Loaded:
    task, model = _Shout(), None


@pytest.fixture
def text_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders `lm`, `mt` and `asr` that stand for models of text and speech."""
    tasks = {"lm": "text-generation", "mt": "translation", "asr": "speech-recognition"}
    for name, task in tasks.items():
        (tmp_path / name).mkdir()
        config = {"task": task, "objective": {"beam": 2}}
        (tmp_path / name / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(ask, "_load", lambda folder: _Loaded())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_generate_goes_on_with_prompts(text_model: Path) -> None:
    found = _call("generate", "lm", "be", "-n", "2", "--seed", "5", "--top-p", "0.9")
    assert found.stdout == "beBE 5/0\nend\n\nbeBE 5/1\nend\n"
    rows = _call("generate", "lm", "--json", given="one\ntwo\n").stdout.splitlines()
    assert [json.loads(row)["input"] for row in rows] == ["one", "two"]


def test_a_model_cannot_send_control_sequences_to_the_terminal(text_model: Path) -> None:
    assert "\x1b" not in _call("translate", "mt", "red \x1b[31m").stdout
    assert "\\u001b" in _call("translate", "mt", "red \x1b[31m", "--json").stdout


@pytest.mark.parametrize(
    "option", ["--top-p=2", "--temperature=-1", "--repetition-penalty=0.5", "--max-tokens=0"]
)
def test_options_out_of_range_are_refused(text_model: Path, option: str) -> None:
    assert _call("generate", "lm", "be", option).exit_code == 2


def test_translate_gives_a_line_for_a_line(text_model: Path) -> None:
    found = _call("translate", "mt", given="ja\n\nnein\n")
    assert found.stdout == "JA 0/0 end\n 0/1 end\nNEIN 0/2 end\n"


def test_an_answer_without_probabilities_is_an_answer(text_model: Path) -> None:
    (text_model / "words").mkdir()
    (text_model / "words" / "config.json").write_text(json.dumps({"task": "text-classification"}))
    assert _call("classify", "words", "a").stdout == "A 0/0 end\ta\n"
    (row,) = _call("classify", "words", "a", "--json", "--top", "2").stdout.splitlines()
    assert json.loads(row) == {"input": "a", "text": "A 0/0\nend"}


def test_a_task_can_name_the_verbs_that_ask_and_no_others() -> None:
    assert {"", *(verb.name for verb in predict.VERBS)} == set(get_args(Verb))


def test_transcribe_names_the_file(text_model: Path) -> None:
    (text_model / "x.wav").write_bytes(b"riff")
    assert _call("transcribe", "asr", "x.wav").stdout == "x.wav\tRIFF 0/0 end\n".replace(
        "RIFF", str(b"RIFF")
    )


def test_lines_that_stream_are_answered_before_the_next_is_there(model: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from tilth.cli.main import main; main()", "classify", "model"],
        cwd=model,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for name in ("a.png", "b.png"):
        process.stdin.write(name + "\n")
        process.stdin.flush()
        assert process.stdout.readline().endswith(f"{name}\n")
    process.stdin.close()
    process.stdout.close()
    assert process.wait(timeout=30) == 0


def test_a_sheet_of_augmented_images_is_written(tmp_path: Path) -> None:
    run = trained_run(tmp_path)
    found = _call("show", str(run.folder), "--augmented", "-n", "3", "--epochs", "2", "--json")
    document = json.loads(found.stdout)
    page = Path(document["sheet"]).read_text("utf-8")
    assert page.count("data:image/png;base64,") == 3 * 3
    assert all(sample["id"][:12] in page for sample in document["samples"])
    assert _call("show", str(run.folder), "--augmented", "--to", "a.gif").exit_code == 2
    assert _call("show", str(run.folder), "pretrain", "--augmented").exit_code == 2
    assert "collect.images" in _call("show", str(run.folder)).stderr
    assert _call("export", str(run.folder), "--to", str(tmp_path / "x")).exit_code == 0
    assert (tmp_path / "x" / "train").is_dir()
    card = (run.folder / "data").glob("pretrain-*/model/README.md")
    assert "pipeline_tag: image-classification" in next(card).read_text("utf-8")


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.5, "0.5000"), (0.99999, "0.99999"), (2e-6, "0.000002"), (1.0, "1.0000"), (0.0, "0.0000")],
)
def test_a_probability_does_not_look_like_certainty(share: float, shown: str) -> None:
    assert predict._probability(share) == shown
