"""What near copies, capitals and words come to in each of twelve scripts.

`python -m benchmarks.scripts_near` takes a hundred documents a script, each of sentences of its own
(lingua's; of Khmer, words put together at random), and of each a copy with so many of its
characters or words replaced by others of the same document, at random places. `minhash` goes over
originals and copies together: a copy is found where it goes for its own original, and a pair of two
documents is unrelated. A word is what stands between blanks; of scripts without blanks, a letter.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import pyarrow as pa
from tests.shuffles import run_shuffle

from tilth.clean.dictionary import dictionaries
from tilth.clean.signals import Settings as SignalSettings
from tilth.clean.signals import apply as measure
from tilth.deduplicate import exact, minhash
from tilth.kernels.characters import UNSPACED, WORD, character_class

Unit = Literal["characters", "words"]

# Script -> the language that stands for it, as lingua's files are called.
SCRIPTS: Mapping[str, str] = {
    "Latin": "en",
    "Cyrillic": "ru",
    "Greek": "el",
    "Arabic": "ar",
    "Hebrew": "he",
    "Devanagari": "hi",
    "Bengali": "bn",
    "Thai": "th",
    "Khmer": "km",
    "Chinese": "zh",
    "Japanese": "ja",
    "Korean": "ko",
}
# lingua has no Khmer: words of everyday use.
# fmt: off
KHMER: Sequence[str] = (
    "ខ្ញុំ", "អ្នក", "គាត់", "យើង", "គេ", "នេះ", "នោះ", "ផ្ទះ", "សាលារៀន", "គ្រូ", "សិស្ស",
    "ទឹក", "បាយ", "ត្រី", "សាច់", "ផ្លែឈើ", "ស្វាយ", "ចេក", "ដូង", "អង្ករ", "ផ្សារ",
    "ផ្លូវ", "ឡាន", "ម៉ូតូ", "កង់", "ទូក", "ស្ពាន", "ទន្លេ", "សមុទ្រ", "ភ្នំ", "ព្រៃ",
    "ដើមឈើ", "ផ្កា", "មេឃ", "ព្រះអាទិត្យ", "ព្រះច័ន្ទ", "ផ្កាយ", "ភ្លៀង", "ខ្យល់", "ក្តៅ",
    "ត្រជាក់", "ធំ", "តូច", "វែង", "ខ្លី", "ស្អាត", "ថ្មី", "ចាស់", "ល្អ", "អាក្រក់",
    "ស្រលាញ់", "ស្គាល់", "ដឹង", "ឃើញ", "ស្តាប់", "និយាយ", "សរសេរ", "អាន", "រៀន", "ធ្វើការ",
    "ដើរ", "រត់", "អង្គុយ", "ឈរ", "ដេក", "ញ៉ាំ", "ផឹក", "ទិញ", "លក់", "ឲ្យ", "យក", "មក",
    "ទៅ", "ប្រទេស", "កម្ពុជា", "ភូមិ", "ទីក្រុង", "ប្រជាជន", "ថ្ងៃ", "យប់", "ព្រឹក",
    "ល្ងាច", "ឆ្នាំ", "ខែ", "មិត្តភក្តិ", "គ្រួសារ", "ឪពុក", "ម្តាយ", "បង", "ប្អូន", "កូន",
    "ចៅ", "ជីតា", "ជីដូន",
)
# fmt: on


@lru_cache(maxsize=1)
def _sentences(archive: Path) -> Mapping[str, tuple[str, ...]]:
    """lingua's sentences by language, each once."""
    found = {}
    with tarfile.open(archive) as packed:
        for member in packed:
            folder, _, name = member.name.rpartition("/")
            file = packed.extractfile(member)
            if folder.endswith("/sentences") and file and name[:-4] in SCRIPTS.values():
                found[name[:-4]] = tuple(dict.fromkeys(file.read().decode().split("\n")))
    return found


def documents(script: str, archive: Path, count: int = 100, chars: int = 600) -> list[str]:
    """Documents of at least so many characters, no sentence in two of them."""
    rng = random.Random(0)
    sentences: Sequence[str] = (
        ["".join(rng.choices(KHMER, k=8)) + "។" for _ in range(count * chars // 20)]
        if script == "Khmer"
        else _sentences(archive)[SCRIPTS[script]]
    )
    joint = "" if script in ("Chinese", "Japanese", "Khmer") else " "
    found: list[str] = []
    begun = ""
    for sentence in sentences:
        begun += (joint if begun else "") + sentence.strip()
        if len(begun) >= chars and len(found) < count:
            found.append(begun)
            begun = ""
    return found


def edited(text: str, share: float, unit: Unit, seed: int) -> str:
    """The text with a share of its characters or words replaced by others of it."""
    rng = random.Random(seed)
    pieces = list(text) if unit == "characters" else re.split(r"(\s+)", text)
    if unit == "words":
        classes = [character_class(char) for char in text]
        if sum(bool(c & UNSPACED) for c in classes) > sum(bool(c & WORD) for c in classes) / 2:
            pieces = list(text)
    places = [
        at for at, piece in enumerate(pieces) if character_class(piece[0] if piece else " ") & WORD
    ]
    known = sorted({pieces[at] for at in places})
    for at in rng.sample(places, round(share * len(places))):
        pieces[at] = rng.choice([one for one in known if one != pieces[at]])
    return "".join(pieces)


def pairs_found(
    originals: Sequence[str], copies: Sequence[str], settings: minhash.Settings | None = None
) -> tuple[float, int]:
    """The share of copies that go for their original, and how many texts go for another one."""
    texts = [*originals, *copies]
    batch = pa.RecordBatch.from_pydict(
        {
            "id": [f"{n}" for n in range(len(texts))],
            "text": pa.array(texts, pa.large_string()),
        }
    )
    (out,) = run_shuffle(minhash, settings or minhash.Settings(), [batch])
    found = unrelated = 0
    for row in out.to_pylist():
        if row.get("drop.of") is not None:
            is_own = int(row["drop.of"]) == int(row["id"]) - len(originals)
            found += is_own
            unrelated += not is_own
    return found / len(originals), unrelated


def near(
    texts: Sequence[str], share: float, unit: Unit, shingle_characters: int | None = None
) -> tuple[float, int]:
    """What of near copies with so many edits is found, and how many unrelated texts are."""
    copies = [edited(text, share, unit, seed) for seed, text in enumerate(texts)]
    given = {"shingle_characters": shingle_characters} if shingle_characters else {}
    return pairs_found(texts, copies, minhash.Settings(**given))


def capitals(texts: Sequence[str]) -> tuple[float, float]:
    """What of copies in capitals `minhash` finds, and `exact` with `ignore_case`."""
    upper = [text.upper() for text in texts]
    batch = pa.RecordBatch.from_pydict(
        {
            "id": [f"{n}" for n in range(2 * len(texts))],
            "text": pa.array([*texts, *upper], pa.large_string()),
        }
    )
    (out,) = run_shuffle(exact, exact.Settings(ignore_case=True), [batch])
    same = sum(row.get("drop.of") is not None for row in out.to_pylist())
    return pairs_found(texts, upper)[0], same / len(texts)


def word_count(text: str) -> int:
    """The signal `word_count` of a text."""
    batch = pa.RecordBatch.from_pydict({"text": pa.array([text], pa.large_string())})
    (row,) = measure(batch, SignalSettings(names=("word_count",))).to_pylist()
    return int(row["signal.word_count"])


@dataclass(frozen=True)
class Row:
    """What one script comes to: shares of copies that are found, by what was edited.

    Attributes:
        script: Its name.
        documents: How many.
        words: Words a document, on average, and by what they are counted.
        by: The dictionary, or `letters`.
        words_edited: Of copies with 1, 2 and 5 % of the words edited, the share found.
        characters_edited: The same of characters.
        by_characters: The same with `shingle_characters: 7`.
        unrelated: Texts that went for another document, of all these runs together.
        capitals: Of copies in capitals, found by `minhash` and by `exact` with `ignore_case`.
    """

    script: str
    documents: int
    words: float
    by: str
    words_edited: tuple[float, ...]
    characters_edited: tuple[float, ...]
    by_characters: tuple[float, ...]
    unrelated: int
    capitals: tuple[float, float]


def row(script: str, archive: Path, count: int = 100) -> Row:
    """Measure one script."""
    texts = documents(script, archive, count)
    shares = (0.01, 0.02, 0.05)
    words = [near(texts, share, "words") for share in shares]
    chars = [near(texts, share, "characters") for share in shares]
    sevens = [near(texts, share, "characters", 7) for share in shares]
    classes = [character_class(char) for text in texts for char in text]
    letters = 2 * sum(bool(one & UNSPACED) for one in classes) > sum(
        bool(one & WORD) for one in classes
    )
    return Row(
        script,
        len(texts),
        round(sum(map(word_count, texts)) / len(texts), 1),
        (dictionaries() or "letters") if letters else "blanks",
        tuple(found for found, _ in words),
        tuple(found for found, _ in chars),
        tuple(found for found, _ in sevens),
        sum(unrelated for _, unrelated in (*words, *chars, *sevens)),
        capitals(texts),
    )


def main() -> None:
    """Measure all twelve and print a line of JSON each."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("TILTH_TEST_DATA", "../shared/data"))
    parser.add_argument(
        "--archive", type=Path, default=shared / "langid-lingua" / "language-testdata.tar.xz"
    )
    parser.add_argument("--documents", type=int, default=100)
    given = parser.parse_args()
    for script in SCRIPTS:
        print(json.dumps(asdict(row(script, given.archive, given.documents)), ensure_ascii=False))


if __name__ == "__main__":
    main()
