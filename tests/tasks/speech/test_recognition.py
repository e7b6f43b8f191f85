"""Speech recognition: learnt, measured, answered; augmented by (seed, epoch, id)."""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal

import numpy as np
import pytest
import torch

from tests.table.seen import heard, utterances
from tests.tasks.speech.speech_samples import encode, say, speech_dataset
from tilth.errors import DataError
from tilth.models.build import build_model
from tilth.models.ctc import CTCSettings
from tilth.models.facts import Facts, Sizes
from tilth.tasks.base import Answering
from tilth.tasks.build import build_task
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prepare import Prepared, prepare
from tilth.tasks.settings import DataSettings, ObjectiveSettings
from tilth.tasks.speech.task import SpeechRecognition
from tilth.training.evaluate import evaluate
from tilth.training.examples import Examples, Ragged
from tilth.training.loop import train
from tilth.training.settings import LoopSettings, OptimizerSettings

Lexicon = Literal["words", "transcripts"] | None
LEXICONS: tuple[Lexicon, ...] = (None, "words", "transcripts")
AUGMENT: list[dict[str, Any]] = [{"speed": {}}, {"warp": {}}, {"spec_augment": {}}]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("speech")
    data = DataSettings(validation_share=0)
    return prepare(speech_dataset(folder / "data"), "speech-recognition", data, folder)


def split(prepared: Prepared, name: str) -> Examples:
    data = prepared.splits[name]
    assert isinstance(data, Examples)
    return data


def task_of(prepared: Prepared, *, lexicon: Lexicon = None, augment: Any = ()) -> Answering:
    objective = ObjectiveSettings(lexicon=lexicon)
    return build_task("speech-recognition", prepared.facts, objective, augment=augment)


@pytest.fixture(scope="module")
def model(made: Prepared) -> torch.nn.Module:
    model = build_model(
        CTCSettings(layers=1, hidden=16, channels=16, dropout=0), made.facts.sizes, seed=0
    )
    train(
        model,
        task_of(made),
        split(made, "train"),
        None,
        OptimizerSettings(learning_rate=1e-2, grad_clip=5),
        LoopSettings(batch_size=12, max_steps=200),
        seed=0,
    )
    return model


def test_it_learns_to_spell(made: Prepared, model: torch.nn.Module) -> None:
    found = evaluate(model, task_of(made), split(made, "test"), figures=True, batch_size=5)
    assert found.value == 0
    assert found.figures == {"exact": 100, "cer": 0}
    assert found.loss < 0.2
    chosen = evaluate(model, task_of(made, lexicon="words"), split(made, "test"), figures=True)
    assert chosen.value == 0
    assert chosen.figures == {"exact": 100, "cer": 0, "exact_greedy": 100}


def test_it_answers(made: Prepared, model: torch.nn.Module) -> None:
    samples = [encode(say(text)) for text in ("ab", "cb", "abc")]
    with torch.inference_mode():
        for lexicon in LEXICONS:
            answers = task_of(made, lexicon=lexicon).predict(
                model, samples, PredictSettings(batch_size=2)
            )
            assert [answer.text for answer in answers] == ["ab", "cb", "abc"]
    with pytest.raises(DataError, match="decoded") as error:
        task_of(made).predict(model, [samples[0], b"x"], PredictSettings())
    assert error.value.where == "sample 2"


@pytest.mark.parametrize("lexicon", ["words", "transcripts"])
def test_the_lexicon_is_all_that_is_answered(made: Prepared, lexicon: Lexicon) -> None:
    fresh = build_model(CTCSettings(layers=1, hidden=8, channels=8), made.facts.sizes, seed=3)
    with torch.inference_mode():
        answers = task_of(made, lexicon=lexicon).predict(
            fresh.eval(), [encode(say("aaaa"))], PredictSettings()
        )
    assert answers[0].text in made.facts.transcripts
    with pytest.raises(DataError, match="no lexicon"):
        build_task("speech-recognition", Facts(), ObjectiveSettings(lexicon=lexicon))


class _Said(torch.nn.Module):
    """Hears what it was made to hear, whatever is said."""

    def __init__(self, logs: torch.Tensor) -> None:
        super().__init__()
        self.head = torch.nn.Linear(1, logs.shape[2])
        self.logs = logs

    def forward(self, frames: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.logs, torch.full((len(frames),), self.logs.shape[1])


def _spelt(path: tuple[int, ...], classes: tuple[str, ...]) -> str:
    return "".join(classes[symbol] for symbol, _ in itertools.groupby(path))


@pytest.mark.parametrize("seed", range(6))
def test_what_a_lexicon_answers_is_the_best_of_all_paths(seed: int) -> None:
    """Of a transcript the sum over its paths counts, of words the best path."""
    classes, steps = ("", " ", "a", "b"), 5
    facts = Facts(
        sizes=Sizes(classes=4, mels=16),
        classes=classes,
        sample_rate=8000,
        transcripts=("a b", "aa", "b", "bab", "ab ba"),
        words=("a", "aa", "ab", "b", "ba", "bab"),
    )
    generator = torch.Generator().manual_seed(seed)
    logs = (torch.randn(3, steps, 4, generator=generator) * 2).log_softmax(-1)
    for row in range(3):
        sums = dict.fromkeys(facts.transcripts, 0.0)
        best = ("", -math.inf)
        for path in itertools.product(range(4), repeat=steps):
            text = _spelt(path, classes)
            score = float(logs[row, range(steps), path].sum())
            if text in sums:
                sums[text] += math.exp(score)
            if all(word in facts.words for word in text.split(" ")) and score > best[1]:
                best = (text, score)
        expected = {"transcripts": max(sums, key=lambda one: sums[one]), "words": best[0]}
        for lexicon in ("transcripts", "words"):
            objective = ObjectiveSettings.model_validate({"lexicon": lexicon})
            task = build_task("speech-recognition", facts, objective)
            (answer,) = task.predict(
                _Said(logs[row : row + 1]), [encode(say("ab"))], PredictSettings()
            )
            assert answer.text == expected[lexicon]
    # In a single step neither "aa" nor "bab" can be said: then nothing was.
    task = build_task(
        "speech-recognition",
        facts.model_copy(update={"transcripts": ("aa", "bab")}),
        ObjectiveSettings(lexicon="transcripts"),
    )
    (nothing,) = task.predict(_Said(logs[:1, :1]), [encode(say("ab"))], PredictSettings())
    assert nothing.text == ""


def test_what_no_path_spells_has_no_loss_and_not_one_of_nothing() -> None:
    """Of two utterances of two steps, one is said to have three symbols: it is not in the mean."""
    classes = ("", "a", "b")
    logs = torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    said = [np.array([1, 2, 1], np.uint16), np.array([1], np.uint16)]
    data = Examples(
        Ragged.of([np.zeros(4, np.float32)] * 2, np.float32),
        Ragged.of(said, np.uint16),
        np.arange(2, dtype=np.uint64),
        np.ones(2, np.float32),
        frames=Ragged(np.zeros((4, 3), np.float32), np.array([0, 2, 4])),
    )
    facts = Facts(sizes=Sizes(classes=3, mels=3), classes=classes, sample_rate=8000)
    task = SpeechRecognition(facts, ObjectiveSettings())
    found = evaluate(_Said(logs), task, data)
    # All paths that spell `a` in two steps, one by one.
    one = logs[1].double().exp()
    share = one[0, 1] * one[1, 1] + one[0, 1] * one[1, 0] + one[0, 0] * one[1, 1]
    assert found.loss == pytest.approx(-math.log(float(share)), rel=1e-5)
    assert found.counts.tolist() == [0, 1]
    # Both are still measured by their words.
    assert found.denominators.tolist() == [1, 1]


def test_words_are_counted_however_many_spaces_part_them() -> None:
    """A span is cut at as many pauses as there are between words, and the words go along."""
    texts = ["ab  ca bc", " ab ca bc", "ab ca bc "] * 8
    data = utterances(texts)
    whole, _ = heard([], data)
    cut, left = heard([{"span": {"probability": 1}}], data)
    assert {text.strip() for text in left} >= {"ab", "ca", "bc", "ca bc"}
    for before, after, text, words in zip(whole, cut, texts, left, strict=True):
        assert words == text or words in text.strip()
        share = len(words.replace(" ", "")) / len(text.replace(" ", ""))
        assert len(after) / len(before) == pytest.approx(share, abs=0.2)


def test_spectra_are_laid_down_as_they_would_be_made(made: Prepared) -> None:
    data, rows = split(made, "train"), np.array([5, 0, 7])
    laid, lengths = task_of(made).collate(data, rows).inputs
    # A speed that changes nothing: through samples, as augmented speech goes.
    unchanged = task_of(made, augment=[{"speed": {"max_change": 0}}])
    anew, again = unchanged.collate(data, rows, np.zeros(3, np.int64)).inputs
    assert torch.equal(lengths, again)
    torch.testing.assert_close(laid, anew, atol=1e-4, rtol=1e-4)


def test_augmented_by_seed_epoch_and_id(made: Prepared) -> None:
    task, data = task_of(made, augment=AUGMENT), split(made, "train")
    rows = np.array([3, 1, 4])
    plain = task.collate(data, rows).inputs[0]
    first, again = (task.collate(data, rows, np.zeros(3, np.int64)).inputs for _ in range(2))
    later = task.collate(data, rows, np.ones(3, np.int64)).inputs
    assert torch.equal(first[0], again[0])
    assert first[0].shape != plain.shape or not torch.equal(first[0], plain)
    assert first[0].shape != later[0].shape or not torch.equal(first[0], later[0])
    # Alone as in a batch.
    alone, length = task.collate(data, rows[1:2], np.zeros(1, np.int64)).inputs
    torch.testing.assert_close(alone[0], first[0][1, : length[0]], atol=1e-4, rtol=1e-4)


def test_a_batch_may_be_cut(made: Prepared, model: torch.nn.Module) -> None:
    task = task_of(made)
    batch = task.collate(split(made, "train"), np.arange(8))
    with torch.inference_mode():
        whole = task.loss(task.forward(model, batch), batch)
        parts = sum(task.loss(task.forward(model, part), part) for part in batch.split(3))
    torch.testing.assert_close(whole, parts)


def test_symbols_that_the_model_lacks(made: Prepared) -> None:
    sizes = made.facts.sizes.model_copy(update={"classes": 2})
    fresh = build_model(CTCSettings(), sizes, seed=0)
    with pytest.raises(DataError, match="symbol 3 is not among the model's 2"):
        task_of(made).check(fresh, split(made, "train"))
