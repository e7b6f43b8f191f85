"""What is said in an utterance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tilth.augment.chain import Transform
from tilth.augment.sounds import Spectra, Waves
from tilth.decode.sound import SoundError
from tilth.errors import DataError
from tilth.models.facts import Facts
from tilth.randomness import Keys, keys_for
from tilth.statistics.intervals import Figure, ratio, share
from tilth.tasks.base import Ingredients, require_some
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prediction import Prediction
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.speech import TASK
from tilth.tasks.speech.edit_distance import edit_distance
from tilth.tasks.speech.features import log_mel, normalise
from tilth.tasks.speech.lexicon import WordLexicon
from tilth.tasks.speech.resample import decode_at
from tilth.tasks.speech.utterances import to_symbols
from tilth.training.device import device_of
from tilth.training.examples import Examples, Ragged
from tilth.training.order import Ids, Index
from tilth.training.task import Batch, Measured, PlainForward, one_unit_a_row

_UTTERANCES_AT_ONCE = 256


class SpeechRecognition(PlainForward):
    """Spell the transcript, by connectionist temporal classification (Graves et al. 2006).

    Measured: word error rate, in percent: words inserted, left out and replaced, over the words of
    the transcripts. An answer is the likeliest symbol of each step, joined; or, with
    `objective.lexicon`, what is likeliest among all sequences of words of the training split, or
    among its whole transcripts.

    Args:
        facts: Symbols, sample rate, transcripts of the training split.
        objective: What answers are chosen among.
        audio: Changes training waveforms; None: as they are.
        features: Changes training spectra; None: as they are.
    """

    name = TASK.name
    metric, unit, scale, lower_is_better = TASK.primary
    item, share, paced_by = "utterance", False, "samples"

    def __init__(
        self,
        facts: Facts,
        objective: ObjectiveSettings,
        audio: Transform | None = None,
        features: Transform | None = None,
    ) -> None:
        numbers = {symbol: number for number, symbol in enumerate(facts.classes)}
        self.facts, self.objective = facts, objective
        self._audio, self._features = audio, features
        self._space = numbers.get(" ", -1)
        known = {"words": facts.words, "transcripts": facts.transcripts, None: ()}
        self._known = known[objective.lexicon]
        if objective.lexicon and not self._known:
            raise DataError(
                f"there is no lexicon: the training split has too many different "
                f"{objective.lexicon}",
                hint="set objective.lexicon: null",
            )
        self._spelt = [to_symbols(text, numbers) for text in self._known]

    def check(self, model: nn.Module, examples: Examples) -> None:
        require_some(examples)
        outputs = int(getattr(model.get_submodule("head"), "out_features", 0))
        _, targets = _sides(examples)
        largest = int(targets.values.max(initial=0))
        if largest >= outputs:
            raise DataError(
                f"symbol {largest} is not among the model's {outputs}",
                hint="the transcripts were numbered for another model",
                code="label-out-of-range",
            )

    def collate(
        self, examples: Examples, index: Index, epochs: Index | None = None, seed: int = 0
    ) -> Batch:
        samples, symbols = _sides(examples)
        drawn = self._audio is not None or self._features is not None
        keys = keys_for(seed, epochs, examples.ids[index]) if drawn and epochs is not None else None
        if self._audio is None or keys is None:
            if examples.frames is None:
                raise DataError("these utterances have no spectra")
            spectra = Spectra(*examples.frames.padded(index))
            said = [symbols[row] for row in index.tolist()]
        else:
            waves, said = self._changed(self._audio, samples, symbols, index, keys)
            spectra = log_mel(waves, self.facts.sizes.mels)
        padded, counts = Ragged.of(said, np.int64).padded(np.arange(len(said)))
        return Batch(self._inputs(spectra, keys), torch.from_numpy(padded), counts)

    def _changed(
        self, transform: Transform, samples: Ragged, symbols: Ragged, index: Index, keys: Keys
    ) -> tuple[Waves, list[npt.NDArray[np.uint16]]]:
        """Changed waveforms, and the words that are left in them."""
        said = [np.asarray(symbols[row]) for row in index.tolist()]
        words = [max(len(self._words(text)), 1) for text in said]
        spans = np.stack([np.zeros(len(said), np.int64), np.array(words, np.int64)], axis=1)
        heard = [np.asarray(samples[row]) for row in index.tolist()]
        waves = transform(Waves(heard, self.facts.sample_rate, spans), keys)
        if waves.spans is not None:
            said = [self._cut(text, *span) for text, span in zip(said, waves.spans, strict=True)]
        return waves, said

    def _inputs(self, spectra: Spectra, keys: Keys | None = None) -> tuple[Tensor, Tensor]:
        """Utterances as normalised frames, augmented if there are keys, and their number."""
        if self._features is not None and keys is not None:
            spectra = self._features(spectra, keys)
        normal = normalise(spectra)
        return torch.from_numpy(normal.values), torch.from_numpy(normal.lengths)

    def _cut(self, symbols: npt.NDArray[np.uint16], first: int, end: int) -> npt.NDArray[np.uint16]:
        """The words from the first to the one before the end; all of them: as they are written."""
        words = self._words(symbols)
        if end - first >= len(words):
            return symbols
        return symbols[words[first][0] : words[end - 1][1]]

    def _words(self, symbols: npt.NDArray[np.uint16]) -> npt.NDArray[np.int64]:
        """Where each word begins and ends, int64 [words, 2], however many spaces part them."""
        inside = np.r_[False, symbols != self._space, False]
        return np.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2)

    def loss(self, outputs: Any, batch: Batch) -> Tensor:
        logs, steps = outputs
        return _ctc(logs, steps, batch.targets, batch.counts).sum()

    def lengths(self, examples: Examples) -> Index | None:
        return _sides(examples)[0].lengths

    def units(self, examples: Examples) -> tuple[Ids, Measured]:
        ids, measured = one_unit_a_row(examples)
        words = [len(text.split()) for text in self._texts(examples)]
        return ids, measured._replace(denominators=np.array(words, np.float64))

    def measure(self, model: nn.Module, examples: Examples, index: Index, total: Measured) -> None:
        batch = self.collate(examples, index)
        logs, steps = _hear(model, *batch.inputs)
        losses = _ctc(logs, steps, batch.targets, batch.counts, impossible=math.inf)
        # What no path of so few steps spells has no loss, which is not one of 0.
        spelt = torch.isfinite(losses).numpy()
        total.losses[index] = np.where(spelt, losses.double().numpy(), 0.0)
        total.counts[index] = np.where(spelt, batch.counts, 0)
        answers, said = self._answer(logs, steps), self._texts(examples, index)
        total.numerators[index] = [
            edit_distance(found.split(), text.split())
            for found, text in zip(answers, said, strict=True)
        ]

    def figures(
        self, model: nn.Module, examples: Examples, batch_size: int
    ) -> dict[str, Figure | str]:
        """exact: share of utterances whose words are all right; cer: character error rate.

        In percent. Blanks at the ends count nowhere, as in jiwer.

        With a lexicon `exact_greedy` is what spelling freely would give.
        """
        said = self._texts(examples)
        answers: list[str] = []
        greedy: list[str] = []
        at_once = min(batch_size, _UTTERANCES_AT_ONCE)
        for start in range(0, len(examples), at_once):
            index = np.arange(start, min(start + at_once, len(examples)))
            logs, steps = _hear(model, *self.collate(examples, index).inputs)
            answers += self._answer(logs, steps)
            greedy += self._spell(logs, steps)
        pairs = [(a.strip(), b.strip()) for a, b in zip(answers, said, strict=True)]
        wrong = [edit_distance(a, b) for a, b in pairs]
        figures: dict[str, Figure | str] = {
            "exact": _exact(answers, said),
            "cer": ratio(
                wrong, [len(text) for _, text in pairs], scale=100.0, best=0.0, worst=100.0
            ),
        }
        if self.objective.lexicon:
            figures["exact_greedy"] = _exact(greedy, said)
        return figures

    def predict(
        self, model: nn.Module, samples: Sequence[str | bytes], options: PredictSettings
    ) -> list[Prediction]:
        answers: list[Prediction] = []
        for start in range(0, len(samples), options.batch_size):
            waves = []
            for place, sample in enumerate(samples[start : start + options.batch_size], start + 1):
                if isinstance(sample, str):
                    raise DataError("the bytes of a sound file are needed", where=f"sample {place}")
                try:
                    waves.append(decode_at(sample, self.facts.sample_rate))
                except SoundError as error:
                    raise DataError(
                        f"not a sound file that can be decoded: {error}", where=f"sample {place}"
                    ) from None
            spectra = log_mel(Waves(waves, self.facts.sample_rate), self.facts.sizes.mels)
            logs, steps = _hear(model, *self._inputs(spectra))
            answers += [Prediction(text=text) for text in self._answer(logs, steps)]
        return answers

    def _texts(self, examples: Examples, index: Index | None = None) -> list[str]:
        """Transcripts of some rows, or of all."""
        _, targets = _sides(examples)
        rows = range(len(targets)) if index is None else index.tolist()
        return ["".join(self.facts.classes[s] for s in targets[row].tolist()) for row in rows]

    def _answer(self, logs: Tensor, steps: Tensor) -> list[str]:
        if self.objective.lexicon == "words":
            return self._in_words(logs, steps)
        if self.objective.lexicon == "transcripts":
            return self._choose(logs, steps)
        return self._spell(logs, steps)

    def _spell(self, logs: Tensor, steps: Tensor) -> list[str]:
        """The likeliest symbol of each step; a run of equal ones counts once, blanks not at all."""
        texts = []
        for path, length in zip(logs.argmax(-1).numpy(), steps.tolist(), strict=True):
            best = path[:length]
            starts = np.r_[True, best[1:] != best[:-1]]
            texts.append("".join(self.facts.classes[symbol] for symbol in best[starts].tolist()))
        return texts

    def _choose(self, logs: Tensor, steps: Tensor) -> list[str]:
        """The likeliest transcript, over all ways to say it; none where so few steps spell none."""
        rows = len(logs)
        costs = []
        for symbols in self._spelt:
            counts = np.full(rows, len(symbols), np.int64)
            targets = torch.from_numpy(symbols.astype(np.int64)).expand(rows, -1)
            costs.append(_ctc(logs, steps, targets, counts, impossible=math.inf))
        least = torch.stack(costs).min(0)
        return [
            "" if math.isinf(cost) else self._known[number]
            for cost, number in zip(least.values.tolist(), least.indices.tolist(), strict=True)
        ]

    def _in_words(self, logs: Tensor, steps: Tensor) -> list[str]:
        """The words of the likeliest path."""
        lexicon = WordLexicon(self._spelt, None if self._space < 0 else self._space)
        found = (
            lexicon.best(one[:length].numpy())
            for one, length in zip(logs, steps.tolist(), strict=True)
        )
        return [" ".join(self._known[word] for word in words) for words, _ in found]


def make(given: Ingredients) -> SpeechRecognition:
    """The task over what the data and the recipe say."""
    audio, features = (given.transform(kind) for kind in ("audio", "features"))
    return SpeechRecognition(given.facts, given.objective, audio, features)


def _hear(model: nn.Module, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """What is not trained on: log-probabilities and their steps, as the model gives them."""
    device = device_of(model)
    logs, steps = model(frames.to(device), lengths.to(device))
    return logs.cpu(), steps.cpu()


def _ctc(
    logs: Tensor, steps: Tensor, targets: Tensor, counts: Index, impossible: float = 0.0
) -> Tensor:
    """-log p(target | utterance) of each, float32 [n], in nats.

    Computed on the processor: the gradient of a GPU's kernel is not deterministic.

    Args:
        logs: float32 [n, steps, symbols].
        steps: int64 [n].
        targets: int64 [n, longest].
        counts: int64 [n], symbols of each target.
        impossible: What a target costs that no path of so few steps spells: infinity to compare
            answers; 0 in training, where a transform may have shortened the utterance so far.
    """
    return F.ctc_loss(
        logs.cpu().transpose(0, 1),
        targets.cpu(),
        steps.cpu(),
        torch.from_numpy(counts),
        reduction="none",
        zero_infinity=impossible == 0,
    )


def _exact(answers: Sequence[str], said: Sequence[str]) -> Figure:
    """White space parts words, however much of it there is."""
    same = (a.split() == b.split() for a, b in zip(answers, said, strict=True))
    return share([float(one) for one in same])


def _sides(examples: Examples) -> tuple[Ragged, Ragged]:
    """Samples and symbols."""
    if not isinstance(examples.inputs, Ragged) or not isinstance(examples.targets, Ragged):
        raise DataError("speech recognition is learnt from sounds and their transcripts")
    return examples.inputs, examples.targets
