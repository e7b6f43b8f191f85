"""Translation: batches, losses, scores, and a small language that is learnt from end to end."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sacrebleu import corpus_bleu, corpus_chrf
from torch import Tensor, nn
from torch.nn import functional as F

from tests.training.samples import figure, write_dataset
from tilth.context import Context
from tilth.errors import DataError
from tilth.models.build import build_model
from tilth.models.facts import Facts, Sizes
from tilth.models.mlp import MLPSettings
from tilth.models.seq2seq import Seq2SeqSettings
from tilth.pretrain.fit import Settings, fit
from tilth.pretrain.weights import load_model
from tilth.schema import sample_id
from tilth.statistics.intervals import Figure
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prepare import prepare
from tilth.tasks.settings import DataSettings, ObjectiveSettings
from tilth.tasks.text.tokenize import train_characters, train_tokenizer
from tilth.tasks.translation.pairs import encode_ended
from tilth.tasks.translation.task import Translation, score
from tilth.training.evaluate import evaluate
from tilth.training.examples import Examples, Ragged
from tilth.training.task import Batch

WORDS = {"eins": "one", "zwei": "two", "drei": "three", "vier": "four", "fünf": "five"}
TOKENIZER = train_tokenizer([f" {one} {other}" for one, other in WORDS.items()] * 9, 290)
TINY = Seq2SeqSettings(encoder_layers=1, decoder_layers=1, width=32, heads=2, hidden=32)
FACTS = Facts(sizes=Sizes(vocabulary=TOKENIZER.get_vocab_size()), max_length=16)


def pairs(count: int) -> list[tuple[str, str]]:
    """Sentences of one to five different words, and the same in the other language."""
    generator = np.random.default_rng(0)
    sentences = [
        generator.permutation(list(WORDS))[: generator.integers(1, 6)].tolist()
        for _ in range(count)
    ]
    return [(" ".join(words), " ".join(WORDS[word] for word in words)) for words in sentences]


def examples(count: int) -> Examples:
    sources, targets = zip(*pairs(count), strict=True)
    return Examples(
        Ragged.of(encode_ended(TOKENIZER, sources, 0, 16), np.uint16),
        Ragged.of(encode_ended(TOKENIZER, targets, 0, None), np.uint16),
        np.arange(count, dtype=np.uint64),
        np.ones(count, np.float32),
    )


def task(**given: Any) -> Translation:
    return Translation(FACTS, ObjectiveSettings(**given), TOKENIZER)


def test_inputs_are_the_targets_one_later() -> None:
    data = examples(8)
    batch = task().collate(data, np.array([2, 5]))
    source, lengths, inputs, counts = batch.inputs
    assert isinstance(data.inputs, Ragged)
    assert isinstance(data.targets, Ragged)
    for row, number in enumerate((2, 5)):
        wanted = data.targets[number].tolist()
        assert source[row, : lengths[row]].tolist() == data.inputs[number].tolist()
        assert batch.targets[row, : counts[row]].tolist() == wanted
        assert (batch.targets[row, counts[row] :] == -100).all()
        assert inputs[row, : counts[row]].tolist() == [0, *wanted[:-1]]
        assert wanted[-1] == 0
    assert batch.counts.tolist() == counts.tolist()


def loss_of(model: nn.Module, batch: Batch, **objective: float) -> Tensor:
    asked = task(**objective)
    return asked.loss(asked.forward(model, batch), batch)


def test_the_training_loss_is_smoothed_and_the_measured_one_is_not() -> None:
    data, model = examples(12), build_model(TINY, FACTS.sizes, seed=0).eval()
    batch = task().collate(data, np.arange(12))
    logits = model(*batch.inputs)
    targets = batch.targets[batch.targets != -100]
    plain = F.cross_entropy(logits, targets, reduction="sum")
    torch.testing.assert_close(loss_of(model, batch), plain)
    smoothed = 0.8 * plain - 0.2 * logits.log_softmax(-1).mean(-1).sum()
    torch.testing.assert_close(loss_of(model, batch, label_smoothing=0.2), smoothed)
    measured = evaluate(model, task(label_smoothing=0.2), data, batch_size=5)
    assert measured.losses.sum() == pytest.approx(plain.item(), rel=1e-5)
    assert measured.counts.sum() == len(targets)
    num_bytes = sum(len(target.encode()) for _, target in pairs(12))
    assert measured.value == pytest.approx(plain.item() / math.log(2) / num_bytes, rel=1e-5)


def test_micro_batches_are_the_batch_cut() -> None:
    data, model = examples(9), build_model(TINY, FACTS.sizes, seed=0).eval()
    batch = task().collate(data, np.arange(9))
    parts = sum(loss_of(model, part).item() for part in batch.split(4))
    assert parts == pytest.approx(loss_of(model, batch).item(), rel=1e-5)


def _values(figures: dict[str, Figure | str]) -> dict[str, float | str]:
    return {key: one if isinstance(one, str) else one.value for key, one in figures.items()}


def test_scores_are_those_of_sacrebleu() -> None:
    references = ["The cat sat on the mat.", "It rains."]
    perfect = _values(score(references, references))
    assert perfect["bleu"] == pytest.approx(100)
    assert perfect["chrf"] == pytest.approx(100)
    lower = _values(score([text.lower() for text in references], references))
    assert lower["bleu_lowercase"] == pytest.approx(100)
    assert float(lower["bleu"]) < 100
    assert "case:lc" in str(lower["bleu_lowercase_signature"])
    assert "tok:13a" in str(lower["bleu_signature"])


def test_what_does_not_fit_is_refused() -> None:
    data = examples(3)
    small = build_model(TINY, Sizes(vocabulary=5), seed=0)
    with pytest.raises(DataError, match="not among the model's 5"):
        task().check(small, data)
    mlp = build_model(MLPSettings(), Sizes(image=(1, 4, 4), classes=3), seed=0)
    with pytest.raises(DataError, match="cannot translate"):
        task().check(mlp, data)
    with pytest.raises(DataError, match="nothing to train on"):
        task().check(small, data.select(np.zeros(3, bool)))
    with pytest.raises(DataError, match="tokenizer"):
        Translation(FACTS, ObjectiveSettings(), None)


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": sample_id("pair", str(number)),
            "source": "a",
            "text": text,
            "target": target,
            "split": "test" if number >= 0.9 * count else "train",
        }
        for number, (text, target) in enumerate(pairs(count))
    ]


def test_a_small_language_is_learnt(tmp_path: Path) -> None:
    model = {"heads": 4, "hidden": 64, "dropout": 0.0, "attention_dropout": 0.0}
    optimizer = {"schedule": "cooldown", "cooldown_share": 0.5, "warmup_steps": 50}
    settings = Settings.model_validate(
        {
            "task": "translation",
            "model": {**TINY.model_dump(), **model},
            "data": {"vocabulary": 300, "max_length": 16, "validation_share": 0.1},
            "objective": {"beam": 3},
            "optimizer": {"learning_rate": 0.01, "grad_clip": 1.0, **optimizer},
            "loop": {"epochs": 40, "batch_size": 16},
        }
    )
    dataset, out, work = write_dataset(tmp_path / "data", rows(400)), tmp_path / "o", tmp_path / "w"
    out.mkdir()
    work.mkdir()
    result = fit({"data": dataset}, settings, out, Context(work))
    json.dumps(result.as_json(), allow_nan=False)
    assert result.metric == "bits_per_byte"
    assert figure(result.test, "bleu") > 90
    assert "bleu_signature" in result.test
    loaded = load_model(out)
    answers = loaded.task.predict(
        loaded.model, ["drei eins", "", b"f\xc3\xbcnf vier zwei "], PredictSettings(beam=2)
    )
    assert [answer.text for answer in answers] == ["three one", "", "five four two"]
    with pytest.raises(DataError, match="invalid UTF-8"):
        loaded.task.predict(loaded.model, [b"\xff"], PredictSettings())


@pytest.mark.parametrize("tokenizer", ["characters", "bytes-bpe"])
def test_scores_are_those_of_what_the_model_answers_to_the_references_as_given(
    tokenizer: str, tmp_path: Path
) -> None:
    """With blanks at the ends, characters that no training text has, and a text of nothing."""
    given = rows(60)
    odd = {
        30: (" vier ", " four€ "),
        31: ("", "nothing"),
        32: ("  ", "Ünknown"),
        33: ("zwei\n", ""),
    }
    for place, (source, target) in odd.items():
        given[place] |= {"text": source, "target": target, "split": "test"}
    data = DataSettings.model_validate({"tokenizer": tokenizer, "validation_share": 0})
    made = prepare(write_dataset(tmp_path / "data", given), "translation", data, tmp_path)
    held_out = made.splits["test"]
    assert isinstance(held_out, Examples)
    own = Translation(made.facts, ObjectiveSettings(beam=1), made.tokenizer)
    tested = [row for row in given if row["split"] == "test"]
    # A network with large weights, which says something before it has learnt anything: the first
    # that does, as last digits hang on the processor.
    for seed in range(30):
        model = build_model(TINY, made.facts.sizes, seed=seed).eval()
        with torch.no_grad():
            for weights in model.parameters():
                weights.mul_(4)
        asked = own.predict(model, [row["text"] for row in tested], PredictSettings(beam=1))
        answers = [answer.text or "" for answer in asked]
        if any(answers):
            break
    assert any(answers)
    found = evaluate(model, own, held_out, figures=True).figures
    references = [[row["target"] for row in tested]]
    assert found["bleu"] == pytest.approx(corpus_bleu(answers, references).score)
    assert found["chrf"] == pytest.approx(corpus_chrf(answers, references).score)


def test_what_is_measured_is_the_reference_as_it_was_given() -> None:
    """And not its tokens, which tell nothing of characters that the vocabulary lacks."""
    tokenizer = train_characters(["one two"])
    given = ["one", "tw€"]
    data = Examples(
        Ragged.of(encode_ended(tokenizer, given, 0, None), np.uint16),
        Ragged.of(encode_ended(tokenizer, given, 0, None), np.uint16),
        np.arange(2, dtype=np.uint64),
        np.ones(2, np.float32),
        references=Ragged.of([np.frombuffer(t.encode(), np.uint8) for t in given], np.uint8),
    )
    facts = Facts(sizes=Sizes(vocabulary=tokenizer.get_vocab_size()))
    own = Translation(facts, ObjectiveSettings(), tokenizer)
    _, measured = own.units(data.select(np.array([1, 0])))
    assert measured.denominators.tolist() == [5, 3]
    assert measured.numerators.tolist() == [24, 0]
    assert own._references(data) == given
