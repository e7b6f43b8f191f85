"""Every metric of a task against a library that is not ours, over random and over edge inputs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import Any

import jiwer
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sklearn.metrics import accuracy_score, f1_score, log_loss, top_k_accuracy_score
from torch import Tensor, nn

from tilth.models.facts import Facts, Sizes
from tilth.statistics.intervals import macro_f1
from tilth.tasks.images.classification.task import ImageClassification
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.speech.task import SpeechRecognition
from tilth.tasks.speech.utterances import BLANK, to_symbols
from tilth.tasks.text.generation.task import TextGeneration
from tilth.tasks.text.tokenize import (
    Tokenizer,
    encode,
    train_characters,
    train_tokenizer,
    untold_bytes,
)
from tilth.tasks.translation.pairs import encode_ended
from tilth.tasks.translation.task import Translation, parts_of_bleu, score
from tilth.training.evaluate import Evaluation, evaluate
from tilth.training.examples import Documents, Examples, Ragged

Floats = npt.NDArray[np.float64]


class _Looked(nn.Module):
    """Gives an image, which is one pixel, the scores of its number."""

    def __init__(self, scores: Floats) -> None:
        super().__init__()
        self.head = nn.Linear(1, scores.shape[1])
        self.scores = torch.from_numpy(scores).float()

    def forward(self, pixels: Tensor) -> Tensor:
        return self.scores[(pixels.flatten() * 255).round().long()]


def _classified(scores: Floats, labels: Sequence[int], batch_size: int) -> Evaluation:
    n, classes = scores.shape
    names = tuple(str(number) for number in range(classes))
    facts = Facts(
        sizes=Sizes(image=(1, 1, 1), classes=classes), classes=names, mean=(0.0,), std=(1.0,)
    )
    data = Examples(
        np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1),
        np.array(labels, np.int64),
        np.arange(n, dtype=np.uint64),
        np.ones(n, np.float32),
    )
    task = ImageClassification(facts, ObjectiveSettings())
    return evaluate(_Looked(scores), task, data, batch_size=batch_size, figures=True)


# How many samples, how many classes, how many of these occur, and what else is drawn.
_CLASSED = st.tuples(
    st.integers(1, 40), st.integers(2, 14), st.integers(1, 14), st.integers(0, 2**32 - 1)
)


def _drawn(given: tuple[int, int, int, int]) -> tuple[Floats, list[int]]:
    n, classes, occurring, seed = given
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(n, classes)).astype(np.float32).astype(np.float64)
    assume(len(np.unique(scores)) == scores.size)  # of ties no library says which is likelier
    return scores, generator.integers(0, min(occurring, classes), n).tolist()


@settings(max_examples=40, deadline=None)
@given(_CLASSED, st.integers(1, 40))
def test_accuracy_and_top5_are_scikit_learns(
    given: tuple[int, int, int, int], batch_size: int
) -> None:
    scores, labels = _drawn(given)
    found, every = _classified(scores, labels, batch_size), list(range(scores.shape[1]))
    assert found.value == pytest.approx(100 * accuracy_score(labels, scores.argmax(1)))
    assert ("top5" in found.figures) == (len(every) >= 10)
    if "top5" in found.figures:
        expected = top_k_accuracy_score(labels, scores, k=5, labels=every)
        assert found.figures["top5"] == pytest.approx(100 * float(expected))


@settings(max_examples=40, deadline=None)
@given(_CLASSED)
def test_the_loss_of_classes_is_scikit_learns(given: tuple[int, int, int, int]) -> None:
    scores, labels = _drawn(given)
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    expected = log_loss(labels, shares, labels=list(range(scores.shape[1])))
    assert _classified(scores, labels, 7).loss == pytest.approx(expected, rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=30))
def test_macro_f1_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    """Of a class that is only a label, or only an answer, it is 0."""
    labels, answers = (np.array(side, np.int64) for side in zip(*pairs, strict=True))
    expected = f1_score(labels, answers, average="macro", zero_division=0)
    assert macro_f1(labels, answers).value == pytest.approx(100 * float(expected))


class _Said(nn.Module):
    """Says what it is told to, text by text, whatever it hears."""

    def __init__(self, paths: Sequence[npt.NDArray[np.int64]], symbols: int) -> None:
        super().__init__()
        self.head = nn.Linear(1, symbols)
        self.paths, self.at = paths, 0

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        del lengths
        mine = [self.paths[(self.at + row) % len(self.paths)] for row in range(len(frames))]
        self.at += len(frames)
        steps = torch.tensor([len(path) for path in mine])
        scores = torch.zeros(len(mine), int(steps.max()), self.head.out_features)
        for row, path in enumerate(mine):
            scores[row, torch.arange(len(path)), torch.from_numpy(path)] = 20.0
        return scores.log_softmax(-1), steps


def _heard(answers: Sequence[str], said: Sequence[str], batch_size: int) -> Evaluation:
    symbols = (BLANK, *sorted({*"".join([*answers, *said])}))
    numbers = {symbol: number for number, symbol in enumerate(symbols)}
    # A blank before each symbol: two equal ones stay two. As many steps as any transcript needs.
    longest = 2 * max(len(text) for text in (*answers, *said)) + 1
    paths = [np.zeros(longest, np.int64) for _ in answers]
    for path, text in zip(paths, answers, strict=True):
        path[1 : 2 * len(text) : 2] = to_symbols(text, numbers)
    n = len(said)
    data = Examples(
        Ragged.of([np.zeros(4, np.float32)] * n, np.float32),
        Ragged.of([to_symbols(text, numbers) for text in said], np.uint16),
        np.arange(n, dtype=np.uint64),
        np.ones(n, np.float32),
        frames=Ragged(np.zeros((2 * n, 3), np.float32), 2 * np.arange(n + 1)),
    )
    facts = Facts(sizes=Sizes(classes=len(symbols), mels=3), classes=symbols, sample_rate=8000)
    model = _Said(paths, len(symbols))
    task = SpeechRecognition(facts, ObjectiveSettings())
    return evaluate(model, task, data, batch_size=batch_size, figures=True)


def _texts(letters: str, least: int) -> st.SearchStrategy[str]:
    return st.text(letters, min_size=least, max_size=12)


def _pairs(letters: str) -> st.SearchStrategy[list[tuple[str, str]]]:
    """Answers, some empty, and transcripts of a word or more, as the source must give them."""
    said = _texts(letters, 1).filter(lambda text: text.split())
    return st.lists(st.tuples(_texts(letters, 0), said), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(_pairs("abcA é雪 "), st.integers(1, 8))
def test_word_and_character_error_rates_are_jiwers(
    pairs: list[tuple[str, str]], batch_size: int
) -> None:
    """Above 100 % too, of empty answers, and with blanks at the ends and between."""
    answers, said = map(list, zip(*pairs, strict=True))
    found = _heard(answers, said, batch_size)
    assert found.value == pytest.approx(100 * jiwer.wer(said, answers))
    assert found.figures["cer"] == pytest.approx(100 * jiwer.cer(said, answers))


@settings(max_examples=30, deadline=None)
@given(_pairs("ab \t\n\u00a0\u3000"))
def test_any_white_space_parts_words(pairs: list[tuple[str, str]]) -> None:
    """As jiwer has it once all white space is made blanks, which it does where it is told to."""
    answers, said = map(list, zip(*pairs, strict=True))
    blanks = jiwer.Compose(
        [jiwer.SubstituteRegexes({r"\s+": " "}), jiwer.Strip(), jiwer.ReduceToListOfListOfWords()]
    )
    expected = jiwer.wer(said, answers, reference_transform=blanks, hypothesis_transform=blanks)
    assert _heard(answers, said, 3).value == pytest.approx(100 * expected)


@settings(max_examples=40, deadline=None)
@given(_pairs("ab "))
def test_wholly_right_is_where_jiwer_finds_no_error(pairs: list[tuple[str, str]]) -> None:
    answers, said = map(list, zip(*pairs, strict=True))
    right = [jiwer.wer(one, other) == 0 for other, one in pairs]
    assert _heard(answers, said, 3).figures["exact"] == pytest.approx(100 * np.mean(right))


_SENTENCES = st.text("ab C.,’ü€ ", max_size=20)


def _with(tokenizer: str, package: str) -> str:
    """What parts the words where it is installed; the extras `ja` and `ko` bring it."""
    return tokenizer if find_spec(package) else "char"


# As they are written, and as sacreBLEU parts them.
_SCRIPTS = st.sampled_from(
    [
        (_SENTENCES, "13a"),
        (st.text("雪は降る ab", max_size=12).map("かな".__add__), _with("ja-mecab", "MeCab")),
        (
            st.text("눈이 많내린다ab", max_size=12).map("나라말".__add__),
            _with("ko-mecab", "mecab_ko"),
        ),
        (st.text("หิมะตกหนัก ab", max_size=12).map("ภาษาไทย".__add__), "char"),
        (st.text("ព្រិលធ្លាក់ab", max_size=12).map("ភាសាខ្មែរ".__add__), "char"),
        (st.text("雪中梅花開。a ", max_size=12).map("很冷的雪".__add__), "zh"),
    ]
)


def _of_a_script(drawn: tuple[st.SearchStrategy[str], str]) -> st.SearchStrategy[Any]:
    sentences, parted = drawn
    pairs = st.lists(st.tuples(sentences, sentences), min_size=1, max_size=8)
    return st.tuples(pairs, st.just(parted))


@settings(max_examples=40, deadline=None)
@given(_SCRIPTS.flatmap(_of_a_script))
def test_bleu_and_chrf_are_sacrebleus(drawn: tuple[list[tuple[str, str]], str]) -> None:
    """Of empty texts too, of one alone, and of scripts that put no blanks between words."""
    pairs, parted = drawn
    assume(parted == "13a" or _mostly_unparted(other for _, other in pairs))
    found, references = map(list, zip(*pairs, strict=True))
    scores = score(found, references)
    metrics = {
        "bleu": BLEU(tokenize=parted),
        "bleu_lowercase": BLEU(tokenize=parted, lowercase=True),
        "chrf": CHRF(),
    }
    for name, metric in metrics.items():
        value = scores[name]
        assert not isinstance(value, str)
        expected = metric.corpus_score(found, [references]).score
        assert value.value == pytest.approx(expected, abs=1e-9)
        assert scores[f"{name}_signature"] == str(metric.get_signature())


def _mostly_unparted(texts: Iterable[str]) -> bool:
    letters = [one for text in texts for one in text if one.isalpha()]
    return sum(one > "\u0dff" for one in letters) > len(letters) / 2


@pytest.mark.parametrize(
    ("references", "parted"),
    [
        (["The snow lies deep.", "雪"], "13a"),
        (["今天下雪了。", "GPT-4 和 Windows 的新版本"], "zh"),
        # One kana in a Chinese text, as names of shops have it; Chinese characters in Japanese.
        (["我们去美の味吃饭，味道很好，价格也不贵。"], "zh"),
        (["東京大学の学生が来た。"], _with("ja-mecab", "MeCab")),
        (["눈이 아주 많이 내린다."], _with("ko-mecab", "mecab_ko")),
        (["หิมะตกหนักมาก"], "char"),
        (["ព្រិលធ្លាក់ខ្លាំង"], "char"),
        (["ຫິມະຕົກໜັກ"], "char"),
        (["Идёт снег.", "Χιονίζει."], "13a"),
        ([""], "13a"),
    ],
)
def test_the_references_say_how_they_are_parted(references: list[str], parted: str) -> None:
    assert parts_of_bleu(references) == parted
    assert f"tok:{parted}" in str(score(references, references)["bleu_signature"])


def test_what_is_right_to_the_last_character_is_100_in_every_script() -> None:
    for text in (
        "雪中梅花開",
        "これは雪です",
        "หิมะตกหนักมาก",
        "눈이 아주 많이 내린다",
        "the snow lies deep",
    ):
        value = score([text], [text])["bleu"]
        assert not isinstance(value, str)
        assert value.value == pytest.approx(100)


class _Unigram(nn.Module):
    """Every token by its own share, whatever stands before it."""

    context = 8

    def __init__(self, shares: Floats) -> None:
        super().__init__()
        self.tokens = nn.Embedding(len(shares), 1)
        self.logs = torch.from_numpy(np.log(shares))

    def forward(self, tokens: Tensor, *further: Tensor) -> Tensor:
        if not further:  # of windows of text
            return self.logs.expand(*tokens.shape, -1)
        return self.logs.expand(int(further[2].sum()), -1)  # of pairs: of all targets in a row


_KNOWN = ["the snow lies deep", "and crisp"]
_TOKENIZERS = (train_characters(_KNOWN), train_tokenizer(_KNOWN * 3, 270))


def _bits(texts: Sequence[str], tokenizer: Tokenizer, shares: Floats) -> float:
    """What the code of the texts is long: each token, its end, and what tokens do not tell."""
    known = set("".join(_KNOWN)) if tokenizer is _TOKENIZERS[0] else None
    bits = 0.0
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        bits -= sum(math.log2(shares[one]) for one in [*ids, 0])
        if known is not None:
            bits += sum(8 * len(one.encode()) for one in text if one not in known)
    return bits


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text("the snowü雪€\n", max_size=30), min_size=1, max_size=6),
    st.sampled_from(_TOKENIZERS),
    st.integers(0, 2**32 - 1),
)
def test_bits_per_byte_are_the_length_of_the_code_by_that_of_the_text(
    texts: list[str], tokenizer: Tokenizer, seed: int
) -> None:
    """Of documents that are packed, and of pairs, whose references are read whole."""
    assume(any(texts))
    shares = np.random.default_rng(seed).dirichlet(np.ones(tokenizer.get_vocab_size()))
    shares = np.maximum(shares, 1e-9)
    shares /= shares.sum()
    model, n = _Unigram(shares), len(texts)
    expected = _bits(texts, tokenizer, shares) / len("".join(texts).encode())

    tokens = encode(tokenizer, texts)
    ids, weights = np.arange(n, dtype=np.uint64), np.ones(n, np.float32)
    documents = Documents(
        np.concatenate(tokens),
        np.concatenate([[0], np.cumsum([len(one) for one in tokens])]).astype(np.int64),
        np.array([len(text.encode()) for text in texts]),
        ids,
        weights,
        untold=untold_bytes(tokenizer, texts, tokens),
    )
    found = evaluate(model, TextGeneration(tokenizer), documents.pack(8), batch_size=3)
    assert found.value == pytest.approx(expected, rel=1e-5)

    ended = Ragged.of(encode_ended(tokenizer, texts, 0, None), np.uint16)
    given = Ragged.of([np.frombuffer(text.encode(), np.uint8) for text in texts], np.uint8)
    data = Examples(ended, ended, ids, weights, references=given)
    facts = Facts(sizes=Sizes(vocabulary=len(shares)), max_length=4)
    task = Translation(facts, ObjectiveSettings(), tokenizer)
    _, total = task.units(data)
    task.measure(model, data, np.arange(n), total)
    value = total.numerators.sum() / total.denominators.sum()
    assert value == pytest.approx(expected, rel=1e-5)
