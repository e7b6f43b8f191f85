"""Language: codes, probabilities, short texts, and the accuracy on real sentences."""

from __future__ import annotations

import math
import tarfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tilth.clean import language
from tilth.clean.language import Settings, identify
from tilth.clean.languages import letters, letters_by_script, main_script, pages, written_in

ENGLISH = "The quick brown fox jumps over the lazy dog and then it runs back into the forest."
GERMAN = "Der schnelle braune Fuchs springt über den faulen Hund und läuft in den Wald zurück."


def run(texts: list[str | None], settings: Settings | None = None) -> list[dict[str, object]]:
    batch = pa.RecordBatch.from_pydict({"text": pa.array(texts, pa.large_string())})
    rows: list[dict[str, object]] = language.apply(batch, settings or Settings()).to_pylist()
    return rows


def test_languages_and_scores() -> None:
    english, german, null = run([ENGLISH, GERMAN, None])
    assert english["signal.language"] == "en"
    assert german["signal.language"] == "de"
    assert 0.9 < float(str(german["signal.language_score"])) <= 1
    assert null["signal.language"] is None


@pytest.mark.parametrize("text", ["", "ok", "12 34 56 78 90 12 34 56 78 90", "{}[]()" * 20])
def test_too_little_text_is_unknown(text: str) -> None:
    assert identify(text, Settings()) == ("unknown", 0.0)


@pytest.fixture(scope="module")
def library() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


WORDS = (
    *("the", "and", "der", "und", "ist", "le", "est", "für", "å", "это", "не", "日本語", "です"),
    *("مرحبا", "नमस्ते", "123", "—", "\n", "ß" * 9, "ok"),
)


def _plainly(library: Any, text: str, candidates: tuple[str, ...]) -> tuple[str, float]:
    """The likeliest language that is written in the text's script, one after the other."""
    script = main_script(letters_by_script(text))
    data = library._encode(text)
    shares: dict[str, float] = defaultdict(float)
    for model, score in zip(library.nb_classes, library._raw_score(data).tolist(), strict=True):
        code = {"zxx": "unknown", "nn": "no", "nb": "no"}.get(model, model)
        scripts = written_in(model) if model != "zxx" else {"Latn", "Cyrl", "Arab", "Deva"}
        if (script is None or script in scripts) and (not candidates or code in candidates):
            tempered = 1.85 * score / math.sqrt(len(data) or 1)
            shares[code] += math.exp(tempered) * 10 ** (0.4 * pages(model))
    best = max(shares, key=lambda code: shares[code], default="unknown")
    return (best, shares[best] / sum(shares.values())) if shares else ("unknown", 0.0)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from([(), ("en", "de", "ru"), ("ja", "zh")]),
)
def test_scores_follow_from_those_of_the_library(
    library: Any, text: str, least: float, candidates: tuple[str, ...]
) -> None:
    code, score = identify(text, Settings(min_score=least, max_chars=100, candidates=candidates))
    middle = text[(len(text) - 100) // 2 :][:100] if len(text) > 100 else text
    if letters(letters_by_script(middle)) < 8:
        assert (code, score) == ("unknown", 0.0)
        return
    guess, sure = _plainly(library, middle, candidates)
    assert score == pytest.approx(sure, abs=1e-4)
    assert code == ("unknown" if score < least else guess)


def test_unsure_is_unknown() -> None:
    code, score = identify(GERMAN, Settings(min_score=1.0))
    assert code in ("unknown", "de")
    assert score > 0.9


def test_keep_drops_the_others_with_the_reason() -> None:
    rows = run([ENGLISH, GERMAN, "ok", None], Settings(keep=("en",)))
    assert [row["drop.rule"] is None for row in rows] == [True, False, False, True]
    assert rows[1]["drop.rule"] == "language in ['en']"
    assert str(rows[1]["drop.value"]).startswith("language=de, language_score=1.0")
    rows = run([ENGLISH, "ok"], Settings(keep=("en", "unknown")))
    assert all(row["drop.rule"] is None for row in rows)


def test_the_middle_of_a_long_text_decides() -> None:
    text = GERMAN + ENGLISH * 100 + GERMAN
    assert identify(text, Settings(max_chars=500))[0] == "en"


# A sentence of about ten letters; of Chinese, Japanese and Korean of about six.
SHORT = {
    "en": ("I see the dog", "Where is he?", "It is cold"),
    "ru": ("Я иду домой", "Где мой дом?", "Она моя мама"),
    "el": ("Πάω σπίτι μου", "Πού είναι;", "Κάνει κρύο"),
    "ar": ("هذا كتاب جديد", "أين المدرسة؟", "نحن في البيت"),
    "he": ("אני הולך הביתה", "איפה הבית?", "קר היום מאוד"),
    "hi": ("यह मेरा घर है", "तुम कहाँ हो?", "मुझे चाय चाहिए"),
    "bn": ("আমি বাড়ি যাই", "তুমি কোথায়?", "আজ খুব ঠান্ডা"),
    "th": ("ฉันไปบ้าน", "เขาอยู่ที่ไหน", "วันนี้หนาวมาก"),
    "km": ("ខ្ញុំទៅផ្ទះ", "គាត់នៅឯណា", "ថ្ងៃនេះត្រជាក់"),
    "zh": ("今天天气很好。", "你叫什么名字?", "我喜欢喝茶"),
    "ja": ("今日は良い天気。", "犬が走っています", "どこですか"),
    "ko": ("오늘은 좋은 날씨", "나는 책을 읽어요", "집에 가요"),
}


@pytest.mark.parametrize("code", SHORT)
def test_a_short_sentence_is_enough(code: str) -> None:
    assert [identify(text, Settings())[0] for text in SHORT[code]] == [code] * 3


def test_the_script_decides_what_comes_into_question() -> None:
    # Kana are Japanese, Hangul is Korean, whatever else of Chinese or Latin stands beside them.
    for text, code in (
        ("東京大学の学生", "ja"),
        ("カタカナだけ", "ja"),
        ("서울 Apple Store 앞에서", "ko"),
        ("打开Windows设置窗口", "zh"),
    ):
        guess, score = identify(text, Settings())
        assert guess == code
        assert score > 0.9
    # A word of Latin letters in a text of another script, and one of another in a Latin text.
    assert identify("Twitter पर साझा करें", Settings())[0] == "hi"
    assert identify("The word мир is Russian for peace and for the world", Settings())[0] == "en"


def test_marks_are_letters_too() -> None:
    # Ten characters, seven of them letters to `str.isalpha`: vowels and tones of Thai are marks.
    assert identify("สวัสดีครับ", Settings())[0] == "th"
    assert identify("สวัสดี", Settings()) == ("unknown", 0.0)


def test_candidates_are_all_that_comes_into_question() -> None:
    text = "Casa de papel"
    both = Settings(candidates=("es", "pt"), min_score=0)
    one, free = identify(text, Settings(candidates=("pt",))), identify(text, Settings(min_score=0))
    assert one == ("pt", 1.0)
    assert identify(text, both)[1] > free[1]
    # None of the candidates is written in the text's script.
    assert identify("Это не по-испански", both) == ("unknown", 0.0)
    for wrong, told in (
        ({"candidates": ("es", "unknown")}, "no candidate"),
        ({"candidates": ("es",), "keep": ("es", "fr")}, r"`keep`, \['fr'\] are none"),
        ({"candidates": ("spanish",)}, "spanish"),
    ):
        with pytest.raises(ValidationError, match=told):
            Settings.model_validate(wrong)
    assert Settings(candidates=("es",), keep=("unknown",)).keep == ("unknown",)


def _of_lingua(shared_data: Path, kind: str, each: int) -> list[tuple[str, str]]:
    """Every so many-th line of each language that the model knows, with its code."""
    found = []
    with tarfile.open(shared_data / "langid-lingua/language-testdata.tar.xz") as archive:
        for member in archive.getmembers():
            place, _, name = member.name.rpartition("/")
            code = {"nb": "no", "nn": "no"}.get(name[:-4], name[:-4])
            file = archive.extractfile(member) if place.endswith(kind) else None
            if file is not None and code in language.codes():
                lines = file.read().decode().splitlines()
                found += [(code, line) for line in lines[:: len(lines) // each]]
    return found


def test_a_score_means_what_it_says(shared_data: Path) -> None:
    """Two words each of 72 languages: of those that are said at .7, seven in ten are right. Of the
    library's own scores they are .15 off, and .63 of the pairs are named; .78 are now."""
    settings = Settings(min_score=0, min_letters=1)
    found = [
        (*identify(text, settings), code)
        for code, text in _of_lingua(shared_data, "word-pairs", 20)
    ]
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for guess, score, code in found:
        bins[min(int(score * 10), 9)].append((score, guess == code))
    off = sum(abs(sum(score - right for score, right in one)) for one in bins.values())
    assert off / len(found) < 0.06
    assert sum(guess == code and score >= 0.5 for guess, score, code in found) / len(found) > 0.74


def test_accuracy_on_real_sentences(shared_data: Path) -> None:
    """Single sentences of Leipzig Wortschatz: 97 % right when measured, 96 % over 72 languages."""
    right = total = 0
    with tarfile.open(shared_data / "langid-lingua/language-testdata.tar.xz") as archive:
        for member in archive.getmembers():
            kind, _, name = member.name.rpartition("/")
            code = name.removesuffix(".txt")
            file = archive.extractfile(member) if kind.endswith("sentences") else None
            if file is None or code not in ("en", "de", "fr", "es", "zh", "ru", "ar", "hi", "tr"):
                continue
            for sentence in file.read().decode().splitlines()[:60]:
                right += identify(sentence, Settings(min_score=0))[0] == code
                total += 1
    assert total == 540
    assert right / total >= 0.95


def test_only_languages_that_it_knows_can_be_kept() -> None:
    assert Settings(keep=("nb",)).keep == Settings(keep=("nn", "no")).keep == ("no",)
    assert Settings(keep=("iw", "cmn", "zxx")).keep == ("he", "zh", "unknown")
    for wrong, told in (("jp", "ja"), ("eng", "en"), ("EN", "en"), ("pt-BR", "pt"), ("cz", "cs")):
        with pytest.raises(ValidationError, match=f"no language `{wrong}`; did you mean `{told}`"):
            Settings(keep=(wrong,))
    norwegian = "Dette er en helt vanlig setning som er skrevet på norsk bokmål av en nordmann."
    (row,) = run([norwegian], Settings(keep=("nb",)))
    assert row["drop.rule"] is None


def test_every_language_that_it_can_find_can_be_kept() -> None:
    assert Settings(keep=language.codes()).keep == language.codes()
    assert "nn" not in language.codes()


def test_letters_that_no_text_can_have_are_refused() -> None:
    with pytest.raises(ValidationError, match="all would be `unknown`"):
        Settings(min_letters=101, max_chars=100)
