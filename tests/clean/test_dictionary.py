"""Words of scripts without blanks: ICU's where it is installed, else letters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tilth.clean import chunk, dictionary, signals
from tilth.clean.dictionary import dictionaries, with_dictionaries, words_of
from tilth.kernels.characters import UNSPACED, character_class
from tilth.kernels.words import (
    KATAKANA_FIRST,
    KATAKANA_LAST,
    plain_words,
    split_words,
    text_buffers,
)

SENTENCES = {
    "Chinese": ("村子北边有一条小河。", ["村子", "北边", "有", "一条", "小河", "。"]),
    "Japanese": ("設計のデータです。", ["設計", "の", "データ", "です", "。"]),
    "Thai": ("ภาษาไทย 12 คำ", ["ภาษา", "ไทย", "12", "คำ"]),
    "Khmer": ("ប្រទេសកម្ពុជា។", ["ប្រទេស", "កម្ពុជា", "។"]),
    "Lao": ("ພາສາລາວ", ["ພາສາ", "ລາວ"]),
    "Korean": ("한국어 문장.", ["한국어", "문장", "."]),
    "English": ("don't stop.", ["don", "'", "t", "stop", "."]),
}


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where the extra is not installed."""
    dictionaries.cache_clear()
    monkeypatch.setattr(dictionary, "PACKAGE", "no-such-package")
    yield
    dictionaries.cache_clear()


def split(texts: list[str], found: object = words_of) -> list[list[str]]:
    data, offsets = text_buffers(pa.array(texts, pa.large_string()))
    words, starts, ends = found(data, offsets)  # type: ignore[operator]
    raw = data.tobytes()
    return [[raw[starts[w] : ends[w]].decode() for w in range(a, b)] for a, b in pairwise(words)]


def test_with_the_extra_they_are_those_of_dictionaries() -> None:
    pytest.importorskip("icu4py")
    texts = [text for text, _ in SENTENCES.values()]
    assert split(texts) == [words for _, words in SENTENCES.values()]
    assert dictionaries().startswith("icu4py ")


KANA = "かがはばぱうゔカガハバパウヴきょーを設計データ です。ภาษาไทยဦမြန်한가각é\n"


@given(st.lists(st.text(KANA, max_size=30), max_size=4))
@example(["ทウé가"])
@example(["ทガ", "ีท"])
def test_words_are_the_same_however_their_letters_are_composed(texts: list[str]) -> None:
    pytest.importorskip("icu4py")
    composed = [unicodedata.normalize("NFC", text) for text in texts]
    apart = [unicodedata.normalize("NFD", text) for text in texts]
    found = split(apart)
    assert ["".join(words) for words in found] == ["".join(text.split()) for text in apart]
    together = [[unicodedata.normalize("NFC", word) for word in words] for words in found]
    assert together == split(composed)


def test_a_sentence_in_nfd_has_the_words_of_nfc() -> None:
    pytest.importorskip("icu4py")
    text = "ガラスの窓がデザインされ、だいじょうぶですと電話で聞いた。"
    (found,) = split([unicodedata.normalize("NFD", text)])
    composed = [unicodedata.normalize("NFC", word) for word in found]
    assert composed == split([text])[0]
    assert {"ガラス", "窓", "電話"} <= set(composed)


@pytest.mark.usefixtures("without")
def test_without_it_each_letter_is_one() -> None:
    texts = [text for text, _ in SENTENCES.values()]
    assert split(texts) == [list(plain_words(text)) for text in texts]
    assert dictionaries() == ""
    assert split(["村子北边。"]) == [["村", "子", "北", "边", "。"]]


def plain(text: str) -> list[str]:
    """The plain twin: runs of letters put together by a breaker of their own."""
    from icu4py.breakers import WordBreaker

    found: list[str] = []
    run: list[str] = []
    place = 0
    for token in [*plain_words(text), ""]:
        start = text.index(token, place) if token else len(text)
        char = token[:1] or " "
        is_one = bool(character_class(char) & UNSPACED)
        is_one |= KATAKANA_FIRST <= ord(char) <= KATAKANA_LAST
        if run and (not is_one or start > place):
            found += WordBreaker("".join(run), "") if len(run) > 1 else run
            run = []
        if is_one:
            run.append(token)
        elif token:
            found.append(token)
        place = start + len(token)
    return found


@given(
    st.lists(
        st.text("ab1 ,。\n日本語村子北边データのคำภาษาไทยប្រទេស😀\u200b\u0301", max_size=40),
        max_size=5,
    )
)
@settings(max_examples=150, deadline=None)
def test_they_equal_their_plain_twin(texts: list[str]) -> None:
    pytest.importorskip("icu4py")

    def by_dictionaries(data: object, offsets: object) -> object:
        return with_dictionaries(data, split_words(data, offsets))  # type: ignore[arg-type]

    assert split(texts, by_dictionaries) == list(map(plain, texts))


def counted(text: str) -> dict[str, float]:
    batch = pa.RecordBatch.from_pydict({"text": pa.array([text], pa.large_string())})
    names = ("word_count", "mean_word_length")
    row = signals.apply(batch, signals.Settings(names=names)).to_pylist()[0]
    return {name: row[f"signal.{name}"] for name in names}


def test_signals_and_chunks_count_the_same_words() -> None:
    pytest.importorskip("icu4py")
    text = "村子北边有一条小河。" * 2
    assert counted(text) == {"word_count": 10, "mean_word_length": 1.8}
    # At the end of a sentence, which is in its second half.
    assert chunk.chunks_of(text, chunk.Settings(at_most=6)) == ["村子北边有一条小河。"] * 2


@pytest.mark.usefixtures("without")
def test_without_the_extra_signals_count_letters() -> None:
    text = "村子北边有一条小河。" * 2
    assert counted(text) == {"word_count": 18, "mean_word_length": 1}
    assert len(chunk.chunks_of(text, chunk.Settings(at_most=10))) == 2


def test_it_is_told_how_words_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pa.array([text for text, _ in SENTENCES.values()], pa.large_string())
    batch = signals.apply(pa.RecordBatch.from_pydict({"text": texts}), signals.Settings())
    shares = batch["signal.unspaced_ratio"].to_pylist()
    assert shares == [1, 5 / 8, 1, 1, 1, 0, 0]
    for found, words in (
        ("", "each letter counts as a word (`pip"),
        ("x 1", "words are those of x 1"),
    ):
        monkeypatch.setattr(signals, "dictionaries", lambda found=found: found)
        (told,) = signals.tells(iter([batch]), signals.Settings())
        assert told.startswith(f"5 texts are in scripts that put no blanks between words: {words}")
    assert signals.tells(iter([batch.slice(5)]), signals.Settings()) == []
    named = signals.Settings(names=("char_count",))
    assert signals.tells(iter([batch.select(["text"])]), named) == []


def test_a_text_without_such_letters_is_not_copied() -> None:
    pytest.importorskip("icu4py")
    data, offsets = text_buffers(pa.array(["plain “English” — text", "Русский текст"]))
    words = split_words(data, offsets)
    assert with_dictionaries(data, words) is words
    assert all(map(np.array_equal, words_of(data, offsets), words))
