"""Text classification: batches, scores, answers, and a language model's weights put to use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tasks.text.texts import labelled_dataset
from tests.training.samples import figure
from tilth.context import Context
from tilth.errors import DataError
from tilth.models.build import build_model
from tilth.models.gpt import GPTSettings
from tilth.pretrain.fit import fit
from tilth.pretrain.settings import Settings
from tilth.pretrain.weights import load_model
from tilth.statistics.intervals import macro_f1
from tilth.tasks.base import Answering
from tilth.tasks.build import build_task
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prepare import Prepared, prepare
from tilth.tasks.settings import DataSettings, ObjectiveSettings
from tilth.training.evaluate import evaluate
from tilth.training.examples import Examples

MODEL = GPTSettings(layers=1, width=32, heads=2, context=32)
DATA = DataSettings(vocabulary=300, max_length=32, validation_share=0)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("labelled")
    return prepare(labelled_dataset(folder / "data"), "text-classification", DATA, folder)


def task(prepared: Prepared, augment: tuple[dict[str, Any], ...] = ()) -> Answering:
    return build_task(
        "text-classification",
        prepared.facts,
        ObjectiveSettings(),
        augment=augment,
        tokenizer=prepared.tokenizer,
    )


def rows(prepared: Prepared, split: str = "train") -> Examples:
    found = prepared.splits[split]
    assert isinstance(found, Examples)
    return found


def test_a_batch_is_padded_with_end_tokens(prepared: Prepared) -> None:
    batch = task(prepared).collate(rows(prepared), np.array([3, 0, 5]))
    tokens, lengths = batch.inputs
    assert tokens.shape == (3, int(lengths.max()))
    for row, length in zip(tokens, lengths, strict=True):
        assert (row[length - 1 :] == 0).all()
        assert (row[1 : length - 1] != 0).all()
    assert batch.counts.tolist() == [1, 1, 1]


def test_training_rows_are_augmented_and_others_not(prepared: Prepared) -> None:
    changing, data, index = (
        task(prepared, ({"text_mask": {"share": 0.5}},)),
        rows(prepared),
        np.arange(6),
    )
    plain = task(prepared).collate(data, index).inputs[0]
    assert torch.equal(changing.collate(data, index).inputs[0], plain)
    first, again, later = (
        changing.collate(data, index, np.full(6, epoch), seed=1).inputs[0] for epoch in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, plain)
    assert not torch.equal(first, later)


def test_a_text_longer_than_the_context_is_refused(prepared: Prepared) -> None:
    short = MODEL.model_copy(update={"context": 8})
    model = build_model(short, prepared.facts.sizes, seed=0)
    with pytest.raises(DataError, match=r"set data\.max_length to 8"):
        task(prepared).check(model, rows(prepared))


def test_a_text_is_answered_as_far_as_the_model_reads(prepared: Prepared) -> None:
    """Longer than any that was trained on, it is read to the end of the context, and no further."""
    sizes = prepared.facts.sizes
    model = build_model(MODEL.model_copy(update={"context": 8}), sizes, seed=0).eval()
    with torch.inference_mode():
        long, longer, other = task(prepared).predict(
            model, ["a " * 30, "a " * 90, "b " * 30], PredictSettings()
        )
    assert long == longer != other


def test_accuracy_and_macro_f1_are_those_of_the_answers(prepared: Prepared) -> None:
    model = build_model(MODEL, prepared.facts.sizes, seed=3)
    data = rows(prepared, "test")
    found = evaluate(model, task(prepared), data, batch_size=5, figures=True)
    with torch.inference_mode():
        batch = task(prepared).collate(data, np.arange(len(data)))
        answers = model.eval()(*batch.inputs).argmax(1).numpy()
    assert found.value == pytest.approx(100 * (answers == data.labels).mean())
    assert found.figures["macro_f1"] == pytest.approx(macro_f1(data.labels, answers).value)


def test_macro_f1_is_scikit_learns() -> None:
    from sklearn.metrics import f1_score

    generator = np.random.default_rng(0)
    for _ in range(20):
        labels, found = generator.integers(0, 6, (2, 30))
        expected = f1_score(labels, found, average="macro")
        assert macro_f1(labels, found).value == pytest.approx(100 * float(expected))


def test_a_language_model_becomes_a_classifier(tmp_path: Path) -> None:
    """The whole way: pretrain on the texts, start from that, learn the classes, answer."""
    data = {"data": labelled_dataset(tmp_path / "data", 120)}
    loop = {"batch_size": 8, "max_steps": 150}
    optimizer = {"learning_rate": 3e-3}
    given = {"model": MODEL, "loop": loop, "optimizer": optimizer}
    held_out = {"validation_share": 0}
    classes = {"task": "text-classification", "initialise": str(tmp_path / "lm")}
    for name, extra in (
        ("lm", {"data": {**held_out, "vocabulary": 300}}),
        ("classes", {**classes, "data": {**held_out, "max_length": 32}}),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}-work").mkdir()
        settings = Settings.model_validate({**given, **extra})
        context = Context(work=tmp_path / f"{name}-work", threads=1)
        result = fit(data, settings, tmp_path / name, context)
    assert "2 fresh" in result.notes[0]
    assert figure(result.test, "accuracy") > 90
    assert figure(result.test, "macro_f1") > 90
    loaded = load_model(tmp_path / "classes")
    with torch.inference_mode():
        answers = loaded.task.predict(
            loaded.model, ["please where is my card", b"pin code"], PredictSettings()
        )
    assert [answer.label for answer in answers] == ["card", "pin"]
    assert answers[0].scores is not None
    assert sum(answers[0].scores.values()) == pytest.approx(1, abs=1e-4)
    with pytest.raises(DataError, match="not UTF-8"):
        loaded.task.predict(loaded.model, [b"\xff"], PredictSettings())
