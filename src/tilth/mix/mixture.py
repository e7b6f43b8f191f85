"""What a training draws by the weights: its make-up, and how varied it is.

Held-out samples are in the books of the step and in no figure of an epoch. How often a sample is
drawn, and which are drawn first, is as `tilth.training.order` has it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tilth import schema
from tilth.figures import Definition
from tilth.mix import diversity
from tilth.mix.draws import Draws, Weights
from tilth.randomness import ids_to_u64
from tilth.records import PlainObject
from tilth.schema import WEIGHT

# What a training draws unless `data.train` says otherwise; a sample without a split too.
TRAINING = "train"
NO_NAME = "(none)"

# Of how much the figures of text are: the first draws of so many epochs.
EPOCHS = 8
DRAWN_TEXTS = 500
DRAWN_CHARS = 20_000
DRAWN_WORDS = 50_000
# Texts of which each is compared with each; of more, near-duplicates are not told.
COMPARED_TEXTS = 1000
NEAR = 0.8

_TRAINING = "the samples that the step kept, of split `train` or of none"
_DRAWN = (
    f"the texts that the first {EPOCHS} epochs of the training split draw first, {DRAWN_TEXTS} of "
    f"each at most, cut after {DRAWN_CHARS:,} characters"
)
_WORDS = f"{_DRAWN}; the first {DRAWN_WORDS:,} words of each epoch at most"
_MEAN = (
    "mean over the epochs, Student's t, wider by what a text would change that none of them drew; "
    "none where every epoch draws the same texts"
)
_HILL = 'Hill, "Diversity and evenness" (1973)'

_counted = partial(
    Definition,
    rows=_TRAINING,
    reference="plain lines over the rows",
    test="tests/mix/test_mixture.py::test_every_figure_is_that_of_plain_lines",
)
_of_groups = partial(
    _counted,
    source=_HILL,
    reference="scipy's entropy",
    test="tests/mix/test_diversity.py::test_effective_numbers_are_those_of_scipy",
)
_of_words = partial(
    Definition,
    rows=_WORDS,
    how="estimated",
    interval=_MEAN,
    reference="plain lines over sets of words",
    test="tests/mix/test_diversity.py::test_figures_of_words_are_those_of_plain_lines",
)


def _groups(table: str, one: str, kept: str) -> tuple[Definition, ...]:
    """The figures of a table of sources or labels, and how many equal ones it is worth."""
    return (
        _counted(
            f"{table}.samples",
            "training samples",
            f"Samples of this {one} that a training can draw.",
            unit="samples",
        ),
        _counted(
            f"{table}.held_out",
            "held out",
            f"Samples of this {one} of another split: no training draws them.",
            rows="the samples that the step kept, of another split than `train`",
            unit="samples",
        ),
        _counted(
            f"{table}.share_of_epoch",
            "share of an epoch",
            f"Of the samples that an epoch is expected to draw, those of this {one}.",
            share=True,
            reference="what `tilth.training.order` draws over many epochs",
            test="tests/mix/test_mixture.py::test_shares_are_what_the_order_of_training_draws",
        ),
        _counted(
            f"{table}.share_of_characters",
            "share of characters",
            "Of the characters of `text` that an epoch is expected to read, uncut, those of this "
            f"{one}.",
            share=True,
        ),
        _of_groups(
            f"effective_{table}.groups",
            table,
            f"Number of {table} that a training can draw.",
            rows=f"{_TRAINING}{kept}",
            unit=table,
        ),
        _of_groups(
            f"effective_{table}.entropy",
            f"effective {table}, order 1",
            f"How many equally large {table} would be as varied: exp of the entropy of their "
            "shares of an epoch.",
            rows=f"{_TRAINING}{kept}",
            unit=table,
        ),
        _of_groups(
            f"effective_{table}.simpson",
            f"effective {table}, order 2",
            f"How many equally large {table} would be as varied: one over the probability that two "
            "draws are of one. Large ones count for more than in order 1.",
            rows=f"{_TRAINING}{kept}",
            unit=table,
        ),
    )


FIGURES = (
    _counted(
        "training_samples",
        "training samples",
        "Samples that a training can draw, each once.",
        unit="samples",
    ),
    _counted(
        "expected_draws",
        "expected draws",
        "How many samples an epoch draws on average where a training takes all of these: the sum "
        "of the weights. It draws fewer where it holds out a part itself "
        "(`data.validation_share`, without a split `validation`) or chooses among them (`data`). "
        "Of several such steps the last one's holds.",
        unit="samples",
        reference="what `tilth.training.order` draws over many epochs",
        test="tests/mix/test_mixture.py::test_shares_are_what_the_order_of_training_draws",
    ),
    _counted(
        "characters",
        "characters",
        "Characters of `text`, of each sample once, whatever its weight.",
        unit="characters",
    ),
    _counted(
        "splits.samples",
        "samples",
        "Samples of this split. A training draws those of `train` and of none.",
        rows="the samples that the step kept",
        unit="samples",
    ),
    *_groups("sources", "source", ""),
    *_groups("labels", "label", ", and have a label"),
    _counted(
        "text.texts",
        "texts",
        "Samples with a text.",
        unit="texts",
    ),
    _counted(
        "text.epochs",
        "epochs looked at",
        "Epochs from which texts are drawn: one where every epoch draws the same.",
        rows=_DRAWN,
        unit="epochs",
    ),
    _counted(
        "text.drawn_texts",
        "texts of each epoch",
        f"Texts that are drawn of each epoch: the figures below are of so many. {DRAWN_TEXTS}, or "
        "all that an epoch draws; on average, where epochs draw fewer.",
        rows=_DRAWN,
        unit="texts",
        reference="the order of training",
        test="tests/mix/test_draws.py::test_the_draws_are_the_first_of_the_order_of_training",
    ),
    Definition(
        "text.vendi_score",
        "Vendi score",
        f"How many entirely different texts would be as varied as those drawn of an epoch, which "
        f"are {DRAWN_TEXTS} at most: compare it between mixtures of as many. Similarity is the "
        "cosine of square-rooted word counts.",
        rows=_DRAWN,
        unit="texts",
        how="estimated",
        interval=_MEAN,
        source='Friedman and Dieng, "The Vendi score" (2023), definition 3.1',
        reference="eigenvalues of the similarities of scikit-learn's CountVectorizer",
        test="tests/mix/test_diversity.py::test_the_vendi_score_is_that_of_its_definition",
    ),
    _of_words(
        "text.words",
        "words",
        "Words of each epoch that the figures of words are of, on average.",
        how="counted",
        interval="",
        unit="words",
    ),
    _of_words(
        "text.entropy_bits",
        "entropy of words",
        "Shannon's entropy of the words, in so many words; more words have more.",
        unit="bits",
        source='Shannon, "A mathematical theory of communication" (1948)',
    ),
    *(
        _of_words(
            f"text.distinct_{n}",
            f"distinct {what}",
            f"Different {what} over all {what}, in so many words; more words have less.",
            share=True,
            source='after Li et al., "A diversity-promoting objective function" (2016)',
        )
        for n, what in ((1, "words"), (2, "runs of two words"), (3, "runs of three words"))
    ),
    Definition(
        "text.near_duplicate_free_share",
        "free of near-duplicates",
        f"Draws of an epoch whose text has no near-duplicate among the other texts: Jaccard "
        f"similarity {NEAR} or more of their runs of five words. Told of {COMPARED_TEXTS:,} texts "
        "at most: a sample of more does not have the copies of its texts.",
        rows=f"all texts of the training split, cut after {DRAWN_CHARS:,} characters",
        share=True,
        better="higher",
        source='Broder, "On the resemblance and containment of documents" (1997)',
        reference="plain lines over sets of runs of words",
        test="tests/mix/test_diversity.py::test_near_duplicates_are_those_of_plain_lines",
    ),
)


def describe(batches: Iterator[pa.RecordBatch]) -> PlainObject:
    """The figures of a mixture: `FIGURES`, and what they are of in words.

    Args:
        batches: Samples with `signal.weight`.
    """
    tallies = {name: _Tally() for name in ("source", "label")}
    splits: Counter[str | None] = Counter()
    text = _Text()
    for batch in batches:
        split = _plain(schema.column(batch, "split"))
        splits.update({one["values"]: one["counts"] for one in split.value_counts().to_pylist()})
        mask = pc.or_kleene(pc.is_null(split), pc.equal(split, TRAINING))
        drawn = mask.to_numpy(zero_copy_only=False)
        # As training reads them.
        weights = pc.fill_null(batch.column(WEIGHT).cast(pa.float32()), 1.0).to_numpy()
        lengths = pc.fill_null(pc.utf8_length(schema.column(batch, "text")), 0).to_numpy()
        for name, tally in tallies.items():
            tally.add(_plain(schema.column(batch, name)), drawn, weights, lengths)
        text.add(batch.filter(mask), weights[drawn], int(lengths[drawn].sum()))
    figures: PlainObject = {
        "training_samples": splits[TRAINING] + splits[None],
        "expected_draws": math.fsum(tallies["source"].expected().values()),
        "drawn_from": _drawn_from(splits),
        "characters": text.characters,
    }
    if set(splits) - {None}:
        figures["splits"] = [
            {"name": _name(one), "samples": count}
            for one, count in sorted(splits.items(), key=lambda pair: _order(*pair))
        ]
    for name, tally in tallies.items():
        if tally.is_useful:
            figures[f"{name}s"] = tally.rows(with_characters=text.characters > 0)
            named = [one for key, one in tally.expected().items() if key is not None]
            figures[f"effective_{name}s"] = diversity.effective_numbers(named)
    if text.texts:
        figures["text"] = text.figures()
    return figures


def _plain(column: pa.Array) -> pa.Array:
    return column.cast(pa.string())


def _name(name: str | None) -> str:
    return NO_NAME if name is None else name


def _order(name: str | None, count: int) -> tuple[int, bool, str]:
    """The most first, then by name; what has none last."""
    return -count, name is None, name or ""


def _drawn_from(splits: Mapping[str | None, int]) -> str:
    """Of which samples the figures of an epoch are."""
    told = "split `train`"
    if splits[None]:
        told = "split `train` and samples without a split" if splits[TRAINING] else "all samples"
    if not splits["validation"]:
        told += "; as no split is `validation`, a training first holds out `data.validation_share`"
    return told


class _Tally:
    """Samples and characters of what a training can draw, by the values of a column and weight.

    Of whole numbers, so that neither the order of the rows nor how they are cut changes a digit.
    """

    def __init__(self) -> None:
        self._held_out: Counter[str | None] = Counter()
        self._samples: Counter[tuple[str | None, float]] = Counter()
        self._characters: Counter[tuple[str | None, float]] = Counter()

    def add(
        self,
        names: pa.Array,
        drawn: npt.NDArray[np.bool_],
        weights: Weights,
        lengths: npt.NDArray[Any],
    ) -> None:
        """Count one batch."""
        coded = names.dictionary_encode(null_encoding="encode")
        values = coded.dictionary.to_pylist()
        code = coded.indices.to_numpy(zero_copy_only=False)
        for at, amount in enumerate(np.bincount(code[~drawn], minlength=len(values)).tolist()):
            self._held_out[values[at]] += amount
        different, number = np.unique(weights[drawn], return_inverse=True)
        cells, place = np.unique(code[drawn] * len(different) + number, return_inverse=True)
        amounts = np.bincount(place, minlength=len(cells)).tolist()
        characters = np.zeros(len(cells), np.int64)
        np.add.at(characters, place, lengths[drawn])
        for cell, amount, read in zip(cells.tolist(), amounts, characters.tolist(), strict=True):
            at, weight = divmod(cell, len(different))
            # The shortest decimal that training reads as the same number: 0.1, not 0.10000000149.
            key = (values[at], float(str(different[weight])))
            self._samples[key] += amount
            self._characters[key] += read

    @property
    def is_useful(self) -> bool:
        """Whether any sample has a value in this column."""
        return any(name is not None for name in self._held_out)

    def expected(self) -> dict[str | None, float]:
        """How many samples of each value an epoch is expected to draw."""
        return _weighted(self._samples)

    def rows(self, *, with_characters: bool) -> list[PlainObject]:
        """A row a value, the most samples first."""
        count = dict.fromkeys(self._held_out, 0)
        for (name, _), amount in self._samples.items():
            count[name] += amount
        seen = diversity.shares_of(self.expected())
        read = diversity.shares_of(_weighted(self._characters))
        rows: list[PlainObject] = []
        for name, amount in sorted(count.items(), key=lambda pair: _order(*pair)):
            row: PlainObject = {
                "name": _name(name),
                "samples": amount,
                "held_out": self._held_out[name],
                "share_of_epoch": seen.get(name, 0.0),
            }
            if with_characters:
                row["share_of_characters"] = read.get(name, 0.0)
            rows.append(row)
        return rows


def _weighted(amounts: Mapping[tuple[str | None, float], int]) -> dict[str | None, float]:
    """The weighted sum of each value."""
    parts: dict[str | None, list[float]] = defaultdict(list)
    for (name, weight), amount in amounts.items():
        parts[name].append(weight * amount)
    return {name: math.fsum(found) for name, found in parts.items()}


class _Text:
    """The texts of the training split: counted, and some of them kept."""

    def __init__(self) -> None:
        self.texts = 0
        self.characters = 0
        self._draws = Draws(EPOCHS, DRAWN_TEXTS, DRAWN_CHARS)
        self._all: list[tuple[float, str]] = []

    def add(self, batch: pa.RecordBatch, weights: Weights, characters: int) -> None:
        """Count one batch of training samples."""
        self.characters += characters
        column = schema.column(batch, "text")
        there = column.is_valid()
        weights = weights[there.to_numpy(zero_copy_only=False)]
        column = column.filter(there)
        self.texts += len(column)
        self._draws.add(ids_to_u64(batch.column("id").filter(there).to_pylist()), weights, column)
        if self.texts > COMPARED_TEXTS:
            self._all = []
        else:
            cut = pc.utf8_slice_codeunits(column, 0, DRAWN_CHARS).to_pylist()
            self._all += zip(weights.tolist(), cut, strict=True)

    def figures(self) -> PlainObject:
        """How varied the texts are, and of how many they are told."""
        found: PlainObject = {"texts": self.texts, **self._of_draws()}
        if self.texts > COMPARED_TEXTS:
            found["near_duplicates"] = (
                f"not told of more than {COMPARED_TEXTS:,} texts: a sample has not the copies of "
                "its texts; `deduplicate: [minhash]` finds and drops them"
            )
        elif total := math.fsum(weight for weight, _ in self._all):
            similar = diversity.near_duplicates([text for _, text in self._all], NEAR)
            pairs = zip(self._all, similar.tolist(), strict=True)
            free = math.fsum(weight for (weight, _), near in pairs if not near)
            found["near_duplicate_free_share"] = free / total
        return found

    def _of_draws(self) -> PlainObject:
        epochs = [texts for texts in self._draws.epochs() if texts]
        if len(epochs) < 2:
            return {}
        one = epochs[:1] if self._draws.are_alike else epochs
        sizes = [len(texts) for texts in one]
        scores = [diversity.vendi_score(texts) or 0.0 for texts in one]
        step = max(diversity.step_of_score(score, min(sizes)) for score in scores)
        return {
            "epochs": len(one),
            "drawn_texts": _mean(sizes),
            "vendi_score": _over_epochs(scores, step, 1, max(sizes)),
            **_words(epochs, are_alike=self._draws.are_alike),
        }


def _words(epochs: Sequence[Sequence[str]], *, are_alike: bool) -> PlainObject:
    found = [one for texts in epochs if (one := diversity.word_figures(texts, DRAWN_WORDS))]
    if are_alike and found and found[0]["words"] < DRAWN_WORDS:
        found = found[:1]
    elif len(found) < 2:
        return {}
    figures: PlainObject = {"words": _mean([int(one["words"]) for one in found])}
    names = [name for name in found[0] if all(name in one for one in found)]
    # Of so many texts, one is this share.
    part = 1 / min(one["texts"] for one in found)
    words = min(one["words"] for one in found)
    for name in names:
        values = [one[name] for one in found]
        if name == "entropy_bits":
            most = math.log2(max(one["words"] for one in found))
            step = diversity.step_of_entropy(_mean(values), part, words)
            figures[name] = _over_epochs(values, step, 0, most)
        elif name.startswith("distinct"):
            figures[name] = _over_epochs(values, part, 0, 1)
    return figures


def _over_epochs(values: Sequence[float], step: float, lowest: float, highest: float) -> Any:
    """Of one epoch, the number; of several, their mean with its interval."""
    if len(values) == 1:
        return round(values[0], 6)
    return diversity.over_samples(values, step, lowest, highest)


def _mean(values: Sequence[float]) -> float:
    """Their mean; a whole number where all are the same one."""
    return values[0] if len(set(values)) == 1 else math.fsum(values) / len(values)
