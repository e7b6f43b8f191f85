"""Which language a text is in: naive Bayes over byte n-grams (Lui and Baldwin 2012), 140 languages.

py3langid, because it is right for 96 % of single sentences in 72 languages where resiliparse's fast
detector is for 68 %, and it costs 5 MB and no dependency but NumPy. Its scores are made a
probability here: over the languages that are written in the text's script, by how much there is of
each on the web, at a temperature at which what is said at .7 is right seven times of ten.
"""

from __future__ import annotations

from functools import lru_cache
from math import log, sqrt
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from tilth.clean.languages import (
    letters,
    letters_by_script,
    main_script,
    pages,
    written_in,
)
from tilth.figures import Definition
from tilth.hints import require_known
from tilth.schema import SIGNAL_PREFIX, column, mark_dropped, with_columns
from tilth.settings import AnyOrder, BaseSettings

UNKNOWN: Final = "unknown"
# zxx is "no linguistic content"; Nynorsk and Bokmål are written under one code.
_SAME: Final = {"zxx": UNKNOWN, "nn": "no", "nb": "no"}
# What else the same languages are called: codes that ISO 639 has given up, single languages of a
# macro-language where the model knows that one only, and the longer codes of ISO 639-2 and 639-3.
_ALIASES: Final = _SAME | {
    "iw": "he", "in": "id", "jw": "jv", "mo": "ro", "cmn": "zh", "arb": "ar", "fil": "tl",
    "pes": "fa", "zsm": "ms", "ekk": "et", "lvs": "lv", "swh": "sw", "als": "sq", "npi": "ne",
}  # fmt: skip
# What is often written for a language and is the code of its country.
_COUNTRIES: Final = {
    "jp": "ja", "cn": "zh", "kr": "ko", "dk": "da", "cz": "cs", "gr": "el", "ua": "uk",
    "vn": "vi", "ir": "fa", "al": "sq", "ee": "et",
}  # fmt: skip

FIGURES = (
    Definition(
        "signal.language_score",
        "language score",
        "Probability of the language by the model, the script and how much there is of the "
        "language; where `unknown` stands that of the guess; 0 of a text with too few letters.",
        "the middle of the text of one sample, at most `max_chars` characters",
        how="estimated",
        source="Lui and Baldwin 2012, py3langid's model",
        reference="the same formula, plainly, over py3langid's scores",
        test="tests/clean/test_language.py::test_scores_follow_from_those_of_the_library",
    ),
)


class Settings(BaseSettings):
    """Identify the language of a text; drop what is not in one to keep, if any are named."""

    keep: Annotated[tuple[str, ...], AnyOrder()] = Field(
        (),
        description="ISO 639 codes to keep, `unknown` among them if you like; none named: all. "
        "Bokmål (nb) and Nynorsk (nn) are one language, `no`",
    )
    candidates: Annotated[tuple[str, ...], AnyOrder()] = Field(
        (),
        description="ISO 639 codes that come into question, where it is known that no text is in "
        "another language: short texts are told apart better; none named: all",
    )
    min_score: float = Field(
        0.5, ge=0, le=1, description="Probability below which the language is `unknown`"
    )
    min_letters: int = Field(
        8,
        ge=1,
        description="Letters below which a text is too short: `unknown`, score 0. A kana or a "
        "Hangul syllable says as much as 2, a Chinese character as 3",
    )
    max_chars: int = Field(
        2000, ge=100, description="Characters that are looked at, from the middle of the text"
    )

    @field_validator("keep", "candidates")
    @classmethod
    def _are_known(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        named = tuple(dict.fromkeys(_ALIASES.get(code, code) for code in given))
        known = codes() if named else ()
        for code in named:
            if code in known:
                continue
            # `pt-BR`, `PT_br`
            short = code.replace("_", "-").partition("-")[0].lower()
            near = _COUNTRIES.get(short, short)
            if near in known:
                raise ValueError(f"there is no language `{code}`; did you mean `{near}`?")
        require_known(named, known, "language")
        return named

    @model_validator(mode="after")
    def _can_be_long_enough(self) -> Settings:
        if self.min_letters > self.max_chars:
            raise ValueError(
                f"of {self.max_chars} characters (`max_chars`), none has `min_letters` "
                f"({self.min_letters}) letters: all would be `unknown`"
            )
        if self.candidates:
            if UNKNOWN in self.candidates:
                raise ValueError(
                    "`unknown` is no candidate: it is what a text is called of which none is sure"
                )
            never = sorted(set(self.keep) - set(self.candidates) - {UNKNOWN})
            if never:
                raise ValueError(f"of `keep`, {never} are none of the `candidates`")
        return self


def reads(_: Settings) -> tuple[str, ...]:
    """The column that it looks at."""
    return ("text",)


def fills(_: Settings) -> tuple[str, ...]:
    """The signals that it measures."""
    return (SIGNAL_PREFIX + "language", SIGNAL_PREFIX + "language_score")


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@lru_cache(maxsize=1)
def _classes() -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    """The code of each of the model's classes, and the places of each code's second class."""
    found = tuple(_SAME.get(code, code) for code in _identifier().nb_classes)
    again = tuple((found.index(c), i) for i, c in enumerate(found) if found.index(c) != i)
    return found, again


def codes() -> tuple[str, ...]:
    """All languages that it can find, `unknown` among them."""
    return tuple(sorted(set(_classes()[0])))


@lru_cache(maxsize=256)
def _before(script: str | None, candidates: tuple[str, ...]) -> npt.NDArray[np.float32] | None:
    """What each class has, in logits, before a text is read; of those out of question, minus
    infinity. None where all are out of question."""
    model = _identifier().nb_classes
    logits = np.array([_WEIGHT_OF_PAGES * log(10) * pages(code) for code in model], np.float32)
    for place, code in enumerate(_classes()[0]):
        written = script is None or script in _scripts_of(model[place])
        if not written or (candidates and code not in candidates):
            logits[place] = -np.inf
    return logits if np.isfinite(logits).any() else None


def _scripts_of(code: str) -> frozenset[str]:
    """What is no language, such as code, is written in any script that several languages share."""
    return _SHARED if code == "zxx" else written_in(code)


# The temperature of the model's scores, over the root of the text's bytes, and the weight of the
# pages. By least log loss over half of lingua's test data (75 languages; sentences, pairs of words,
# words) the two are 1.64 and 0.2. There each language is as frequent as English, which no
# collection has: at 0.4 what is said is still meant, and as many sentences are right.
_TEMPERATURE: Final = 1.85
_WEIGHT_OF_PAGES: Final = 0.4
_SHARED: Final = frozenset({"Latn", "Cyrl", "Arab", "Deva"})


def identify(text: str, settings: Settings) -> tuple[str, float]:
    """The language code of a text and its probability.

    Args:
        text: Any text.
        settings: Says when the answer is `unknown`.

    Returns:
        Code and probability in [0, 1]; an unsure guess is `unknown` with the guess's probability.
    """
    skipped = max(0, len(text) - settings.max_chars) // 2
    sample = text[skipped : skipped + settings.max_chars]
    counts = letters_by_script(sample)
    if letters(counts) < settings.min_letters:
        return UNKNOWN, 0.0
    before = _before(main_script(counts), settings.candidates)
    if before is None:
        return UNKNOWN, 0.0  # no candidate is written so
    identifier = _identifier()
    encoded = identifier._encode(sample)
    scores = identifier._raw_score(encoded) * (_TEMPERATURE / sqrt(len(encoded) or 1)) + before
    likely = np.exp(scores - scores.max())
    classes, again = _classes()
    for first, second in again:
        likely[first] += likely[second]
        likely[second] = 0.0
    best = int(likely.argmax())
    code, score = classes[best], float(likely[best] / likely.sum())
    # Rounded, so that the sum's last bits, which differ between processors, decide nothing.
    score = round(min(score, 1.0), 6)
    return (UNKNOWN if score < settings.min_score else code), score


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """Add `signal.language` and `signal.language_score`; rows without text have nulls and stay."""
    found = [
        (None, None) if text is None else identify(text, settings)
        for text in column(batch, "text").to_pylist()
    ]
    batch = with_columns(
        batch,
        {
            SIGNAL_PREFIX + "language": pa.array([code for code, _ in found], pa.string()),
            SIGNAL_PREFIX + "language_score": pa.array([s for _, s in found], pa.float64()),
        },
    )
    if not settings.keep:
        return batch
    strange = np.array([code is not None and code not in settings.keep for code, _ in found], bool)
    values = [f"language={code}, language_score={score}" for code, score in found]
    return mark_dropped(batch, strange, f"language in {sorted(settings.keep)}", values)
