"""Asking a trained model: answers in order, a bad sample costs one, streams do not wait."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.query.models import image_model, png
from tilth.errors import DataError, MissingError, UsageError
from tilth.pretrain import ask
from tilth.pretrain.ask import TrainedModel, answers, lines_of, options_for
from tilth.query.predict import find_model, require_verb
from tilth.query.runs import RunView
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prediction import Prediction
from tilth.tasks.registry import declaration, task_names


def test_a_folder_or_a_run_is_found(tmp_path: Path, small: RunView) -> None:
    image_model(tmp_path)
    model = find_model(tmp_path)
    assert (model.task, model.reads) == ("image-classification", "image")
    with pytest.raises(MissingError, match="trains no model"):
        find_model(small.folder)
    with pytest.raises(MissingError, match="no run `nobody`"):
        find_model("nobody", tmp_path)


def test_the_name_of_a_run_goes_before_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    image_model(tmp_path / "it")
    (tmp_path / "runs" / "it").mkdir(parents=True)
    (tmp_path / "runs" / "it" / "run.json").write_text('{"steps": []}')
    with pytest.raises(MissingError, match="trains no model"):
        find_model("it")


def test_a_run_that_has_not_come_so_far_says_so(tmp_path: Path) -> None:
    record = {"steps": [], "recipe_yaml": "pretrain: {}\n"}
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(MissingError, match="no trained model yet"):
        find_model(tmp_path)


def test_another_tools_configuration_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(DataError, match="not that of a model which Tilth trained"):
        find_model(tmp_path)


def _model(task: str, **config: Any) -> TrainedModel:
    return TrainedModel("it", Path("somewhere"), {"task": task, **config})


@pytest.mark.parametrize("task", [name for name in task_names() if declaration(name).verb])
def test_the_verb_that_fits_is_named(task: str) -> None:
    verb = declaration(task).verb
    require_verb(_model(task), verb)
    wrong = "translate" if verb != "translate" else "classify"
    with pytest.raises(UsageError) as caught:
        require_verb(_model(task), wrong)
    assert caught.value.hint == f"tilth {verb} it"


def test_a_model_that_learnt_without_labels_answers_nothing() -> None:
    with pytest.raises(UsageError, match="image-contrastive"):
        require_verb(_model("image-contrastive"), "classify")


def test_what_is_not_given_is_as_the_model_was_measured() -> None:
    model = _model("translation", objective={"beam": 3, "length_penalty": 0.6, "mixup": 0.1})
    options = options_for(model, {"beam": None, "length_penalty": 1.5, "max_tokens": 7})
    assert (options.beam, options.length_penalty, options.max_tokens) == (3, 1.5, 7)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"temperature": 5000}, "`temperature`: input should be less than or equal to 1000, not 5"),
        ({"temperature": float("nan")}, "`temperature`: .* not nan"),
        ({"beam": 10**9}, "`beam`: input should be less than or equal to 1000"),
        ({"first": -1}, "`first`: input should be greater than or equal to 0"),
    ],
)
def test_an_option_beyond_its_bounds_is_refused(given: dict[str, float], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        options_for(_model("text-generation"), given)


def test_a_sample_that_cannot_be_read_costs_its_own_answer(tmp_path: Path) -> None:
    image_model(tmp_path / "model")
    (tmp_path / "good.png").write_bytes(png(1))
    (tmp_path / "bad.png").write_bytes(b"no image")
    names = [str(tmp_path / name) for name in ("good.png", "bad.png", "absent.png", "good.png")]
    found = list(
        answers(
            find_model(tmp_path / "model"),
            [names, [tmp_path.name.encode() + b"\xff"]],
            PredictSettings(),
        )
    )
    assert [answer.input for answer in found[:4]] == names
    assert found[0].result is not None
    assert found[0].result == found[3].result
    assert found[0].result is not None
    assert found[0].result.scores is not None
    assert set(found[0].result.scores) == {"dark", "light"}
    errors = [str(answer.error) for answer in found]
    assert "an image cannot be decoded: no image in one of PNG" in errors[1]
    assert "there is no such image file" in errors[2]
    assert "bad.png" in errors[1]
    assert "not UTF-8" in errors[4]


class _Echo:
    """Answers a text with what it was asked with; fails on one of them."""

    def predict(
        self, model: object, samples: Sequence[str], options: PredictSettings
    ) -> list[Prediction]:
        if "boom" in samples:
            raise ValueError("too loud")
        return [Prediction(text=f"{options.first + at}:{text}") for at, text in enumerate(samples)]


class _Loaded:
    task, model = _Echo(), None


def test_a_draw_depends_on_the_place_in_the_stream_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "_load", lambda folder: _Loaded())
    texts = ["a", "boom", "c", "d", "e"]
    for parts in ([texts], [texts[:1], texts[1:]], [[text] for text in texts]):
        for size in (1, 2, 32):
            options = PredictSettings(batch_size=size)
            found = list(answers(_model("text-generation"), parts, options))
            told = [answer.result.text if answer.result else "" for answer in found]
            assert told == ["0:a", "", "2:c", "3:d", "4:e"]
            assert "ValueError: too loud" in str(found[1].error)


def test_lines_come_as_soon_as_they_are_there() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        parts = lines_of(stream)
        os.write(writing, b"one\r\ntwo\nthr")
        assert next(parts) == [b"one", b"two"]
        os.write(writing, b"ee\n\nlast")
        assert next(parts) == [b"three", b""]
        os.close(writing)
        assert list(parts) == [[b"last"]]
    assert list(lines_of(io.BytesIO(b""))) == []


@pytest.mark.parametrize(
    "data",
    [
        "\ufeffone\r\nzwölf\n".encode(),
        "\ufeffone\r\nzwölf\n".encode("utf-16-le"),
        "\ufeffone\r\nzwölf\n".encode("utf-16-be"),
        "one\r\nzwölf\n".encode("utf-16-le"),
    ],
)
def test_lines_of_a_file_that_begins_with_a_mark(data: bytes) -> None:
    """The first word would be another one, and UTF-16 a text with zeros."""
    assert [one for part in lines_of(io.BytesIO(data)) for one in part] == [
        b"one",
        "zwölf".encode(),
    ]
