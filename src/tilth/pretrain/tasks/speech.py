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
from tilth.augment.keys import Keys, keys_for
from tilth.augment.sounds import Waves
from tilth.errors import DataError
from tilth.pretrain.data.speech import to_symbols
from tilth.pretrain.device import device_of
from tilth.pretrain.edit_distance import edit_distance
from tilth.pretrain.examples import Examples, Ragged
from tilth.pretrain.facts import Facts
from tilth.pretrain.features import log_mel, normalise
from tilth.pretrain.order import Ids, Index
from tilth.pretrain.predict_settings import PredictSettings
from tilth.pretrain.settings import ObjectiveSettings, TaskName
from tilth.pretrain.sound import decode_sound
from tilth.pretrain.tasks.base import Batch, Measured, one_unit_a_row, require_some

_UTTERANCES_AT_ONCE = 256


class SpeechRecognition:
    """Spell the transcript, by connectionist temporal classification (Graves et al. 2006).

    Measured: word error rate, in percent: words inserted, left out and replaced, over the words of
    the transcripts. An answer is the likeliest symbol of each step, joined; or, with
    `objective.lexicon`, that transcript of the training split which is likeliest over all ways to
    say it.

    Args:
        facts: Symbols, sample rate, transcripts of the training split.
        objective: Whether answers are chosen from the lexicon.
        audio: Changes training waveforms; None: as they are.
        features: Changes training spectra; None: as they are.
    """

    name: TaskName = "speech-recognition"
    metric, unit, scale, lower_is_better = "wer", "%", 100.0, True

    def __init__(
        self,
        facts: Facts,
        objective: ObjectiveSettings,
        audio: Transform | None = None,
        features: Transform | None = None,
    ) -> None:
        if objective.lexicon and not facts.transcripts:
            raise DataError(
                "there is no lexicon: the training split has too many different transcripts",
                hint="set objective.lexicon: false",
            )
        self.facts, self.objective = facts, objective
        self._audio, self._features = audio, features
        numbers = {symbol: number for number, symbol in enumerate(facts.classes)}
        self._space = numbers.get(" ", -1)
        self._words = facts.transcripts
        self._lexicon = [
            torch.from_numpy(to_symbols(text, numbers).astype(np.int64)) for text in self._words
        ]

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
        said = [np.asarray(symbols[row]) for row in index.tolist()]
        words = [int((text == self._space).sum()) + 1 for text in said]
        spans = np.stack([np.zeros(len(said), np.int64), np.array(words, np.int64)], axis=1)
        waves = Waves(
            [_as_float(samples[row]) for row in index.tolist()], self.facts.sample_rate, spans
        )
        keys = None if epochs is None else keys_for(seed, epochs, examples.ids[index])
        if self._audio is not None and keys is not None:
            waves = self._audio(waves, keys)
        if waves.spans is not None:
            said = [self._cut(text, *span) for text, span in zip(said, waves.spans, strict=True)]
        targets = Ragged.of(said, np.int64)
        padded, counts = targets.padded(np.arange(len(said)))
        return Batch(self.frames(waves, keys), torch.from_numpy(padded), counts)

    def frames(self, waves: Waves, keys: Keys | None = None) -> tuple[Tensor, Tensor]:
        """Utterances as normalised frames, augmented if there are keys, and their number."""
        spectra = log_mel(waves, self.facts.sizes.mels)
        if self._features is not None and keys is not None:
            spectra = self._features(spectra, keys)
        normal = normalise(spectra)
        return torch.from_numpy(normal.values), torch.from_numpy(normal.lengths)

    def _cut(self, symbols: npt.NDArray[np.uint16], first: int, end: int) -> npt.NDArray[np.uint16]:
        """The words from the first to the one before the end."""
        bounds = np.r_[-1, np.flatnonzero(symbols == self._space), len(symbols)]
        return symbols[bounds[first] + 1 : bounds[end]]

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        logs, steps = model(*batch.inputs)
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
        answer = self._choose if self.objective.lexicon else self._spell
        total.losses[index] = _ctc(logs, steps, batch.targets, batch.counts).double().numpy()
        total.numerators[index] = [
            edit_distance(found.split(), text.split())
            for found, text in zip(answer(logs, steps), self._texts(examples, index), strict=True)
        ]

    def figures(self, model: nn.Module, examples: Examples) -> dict[str, float | str]:
        """exact: share of utterances that are wholly right; cer: symbol error rate; in percent.

        Both are of the answers that are measured; `exact_greedy` and `exact_lexicon` of each way.
        """
        said = self._texts(examples)
        greedy: list[str] = []
        lexicon: list[str] = []
        for start in range(0, len(examples), _UTTERANCES_AT_ONCE):
            index = np.arange(start, min(start + _UTTERANCES_AT_ONCE, len(examples)))
            logs, steps = _hear(model, *self.collate(examples, index).inputs)
            greedy += self._spell(logs, steps)
            if self._lexicon:
                lexicon += self._choose(logs, steps)
        chosen = lexicon if self.objective.lexicon else greedy
        wrong = sum(edit_distance(a, b) for a, b in zip(chosen, said, strict=True))
        figures: dict[str, float | str] = {
            "exact": _exact(chosen, said),
            "cer": 100 * wrong / sum(map(len, said)),
            "exact_greedy": _exact(greedy, said),
        }
        if self._lexicon:
            figures["exact_lexicon"] = _exact(lexicon, said)
        return figures

    def predict(
        self, model: nn.Module, samples: Sequence[str | bytes], options: PredictSettings
    ) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = []
        for start in range(0, len(samples), options.batch_size):
            waves = []
            for place, sample in enumerate(samples[start : start + options.batch_size], start + 1):
                if isinstance(sample, str):
                    raise DataError("the bytes of a sound file are needed", where=f"sample {place}")
                try:
                    waves.append(_as_float(decode_sound(sample, self.facts.sample_rate)))
                except DataError as error:
                    raise DataError(error.what, where=f"sample {place}") from None
            logs, steps = _hear(model, *self.frames(Waves(waves, self.facts.sample_rate)))
            texts = self._choose if self.objective.lexicon else self._spell
            answers += [{"text": text} for text in texts(logs, steps)]
        return answers

    def _texts(self, examples: Examples, index: Index | None = None) -> list[str]:
        """Transcripts of some rows, or of all."""
        _, targets = _sides(examples)
        rows = range(len(targets)) if index is None else index.tolist()
        return ["".join(self.facts.classes[s] for s in targets[row].tolist()) for row in rows]

    def _spell(self, logs: Tensor, steps: Tensor) -> list[str]:
        """The likeliest symbol of each step; a run of equal ones counts once, blanks not at all."""
        texts = []
        for path, length in zip(logs.argmax(-1).numpy(), steps.tolist(), strict=True):
            best = path[:length]
            starts = np.r_[True, best[1:] != best[:-1]]
            texts.append("".join(self.facts.classes[symbol] for symbol in best[starts].tolist()))
        return texts

    def _choose(self, logs: Tensor, steps: Tensor) -> list[str]:
        """The likeliest text of the lexicon."""
        rows = len(logs)
        costs = []
        for symbols in self._lexicon:
            counts = np.full(rows, len(symbols), np.int64)
            cost = _ctc(logs, steps, symbols.expand(rows, -1), counts, impossible=math.inf)
            costs.append(cost)
        return [self._words[number] for number in torch.stack(costs).argmin(0).tolist()]


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


def _as_float(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    return samples.astype(np.float32) / np.float32(32768)


def _exact(answers: Sequence[str], said: Sequence[str]) -> float:
    right = sum(answer == text for answer, text in zip(answers, said, strict=True))
    return 100 * right / len(said)


def _sides(examples: Examples) -> tuple[Ragged, Ragged]:
    """Samples and symbols."""
    if not isinstance(examples.inputs, Ragged) or not isinstance(examples.targets, Ragged):
        raise DataError("speech recognition is learnt from sounds and their transcripts")
    return examples.inputs, examples.targets
