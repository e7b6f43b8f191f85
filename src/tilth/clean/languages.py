"""What is known of a language before a text is read: its script, and how much there is of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

LATIN: Final = "Latn"
_HAN: Final = "Hani"
_KANA: Final = "Kana"

# Blocks of Unicode that hold letters and their marks, by the script's code in ISO 15924: each from
# the first to the last hexadecimal number. What is in no block belongs to no script.
_BLOCKS: Final = {
    LATIN: "41-5A 61-7A AA-AA BA-BA C0-D6 D8-F6 F8-2AF 1D00-1D25 1D62-1D65 1D6B-1D77 1D79-1DBE "
    "1E00-1EFF 2C60-2C7F A722-A7FF AB30-AB5A FF21-FF3A FF41-FF5A",
    "Grek": "370-3FF 1F00-1FFF",
    "Cyrl": "400-52F 1C80-1C8F 2DE0-2DFF A640-A69F",
    "Armn": "531-589 FB13-FB17",
    "Hebr": "591-5F4 FB1D-FB4F",
    "Arab": "610-61A 620-65F 66E-6D3 6D5-6DC 6DF-6E8 6EA-6EF 6FA-6FF 750-77F 870-8FF FB50-FDFF "
    "FE70-FEFC",
    "Deva": "900-963 971-97F A8E0-A8FF",
    "Beng": "980-9E3 9F0-9F1",
    "Guru": "A00-A65 A70-A75",
    "Gujr": "A80-AE5",
    "Orya": "B00-B65 B71-B71",
    "Taml": "B80-BE5",
    "Telu": "C00-C65",
    "Knda": "C80-CE5",
    "Mlym": "D00-D65 D7A-D7F",
    "Sinh": "D80-DE5 DF2-DF3",
    "Thai": "E01-E3A E40-E4E",
    "Laoo": "E81-ECF EDC-EDF",
    "Tibt": "F00-F00 F40-FBC",
    "Mymr": "1000-103F 1050-108F A9E0-A9EF A9FA-A9FE AA60-AA7F",
    "Geor": "10A0-10FF 1C90-1CBF 2D00-2D2F",
    "Hang": "1100-11FF 3130-318F A960-A97F AC00-D7FF",
    "Ethi": "1200-1368 1380-139F 2D80-2DDF AB01-AB2E",
    "Khmr": "1780-17D3 17D7-17DD",
    _KANA: "3041-3096 309D-309F 30A1-30FA 30FC-30FF 31F0-31FF FF66-FF9F",
    _HAN: "3005-3007 3105-312F 3400-4DBF 4E00-9FFF F900-FAFF 20000-323AF",
}
_RANGES: Final = sorted(
    (int(first, 16), int(last, 16), script)
    for script, blocks in _BLOCKS.items()
    for first, _, last in (block.partition("-") for block in blocks.split())
)
_FIRST: Final = np.array([first for first, _, _ in _RANGES], np.uint32)
_LAST: Final = np.array([last for _, last, _ in _RANGES], np.uint32)
_SCRIPT_OF: Final = np.array([list(_BLOCKS).index(script) for _, _, script in _RANGES])
# A character of these says as much as some letters of an alphabet: a word has two or three letters
# in Korean and one or two in Chinese, four or five in English.
_LETTERS: Final = {_HAN: 3, _KANA: 2, "Hang": 2}

# Languages by the scripts that they are written in, where that is another than Latin, or Latin too.
_WRITTEN: Final = {
    "Grek": "el grc",
    "Cyrl": "be bg kk ky mk mn ru sr uk tg tt ba uz",
    "Armn": "hy",
    "Hebr": "he hbo",
    "Arab": "ar arz ary fa ps ug ur uzs sdh ku",
    "Deva": "hi mr ne sa gom",
    "Beng": "bn as",
    "Guru": "pa",
    "Gujr": "gu",
    "Orya": "or",
    "Taml": "ta",
    "Telu": "te",
    "Knda": "kn",
    "Mlym": "ml",
    "Sinh": "si",
    "Thai": "th",
    "Laoo": "lo",
    "Tibt": "dz",
    "Mymr": "my",
    "Geor": "ka",
    "Hang": "ko",
    "Ethi": "am",
    "Khmr": "km",
    _KANA: "ja",
    _HAN: "zh ja wuu yue",
}
_LATIN_TOO: Final = frozenset(["sr", "uz", "ku", "tt"])

# How many pages of Common Crawl are in a language (CLD2's counts of its crawl CC-MAIN-2018-39): the
# logarithm to the base of ten, to the nearest half. What is not here has ten thousand at most.
_PAGES: Final = {
    language: power
    for power, languages in {
        9.0: "en", 8.5: "ru", 8.0: "de ja zh fr es it pt",
        7.5: "pl nl cs tr sv vi id ar fa", 7.0: "ko ro el hu uk da fi no nn th bg sk zxx",
        6.5: "ca he sr hr lt et hi sl ms bn lv", 6.0: "ta az sq bs ur is la ka hy ml gl mk",
        5.5: "eu te kk be kn mn mr ne my uz af gu sw si tl tt km",
        5.0: "cy ky so tg eo pa ku ps ga lo am mt or mg fo lb oc sa",
        4.5: "rw ht br fy gd jv ha tk ba xh gug qu ug",
    }.items()
    for language in languages.split()
}  # fmt: skip
_FEW: Final = 4.0


def pages(language: str) -> float:
    """The logarithm, to the base of ten, of how many of three billion web pages are in it."""
    return _PAGES.get(language, _FEW)


def written_in(language: str) -> frozenset[str]:
    """The scripts, as ISO 15924 names them, that a language is written in."""
    found = {script for script, those in _WRITTEN.items() if language in those.split()}
    return frozenset(found | {LATIN} if not found or language in _LATIN_TOO else found)


def letters_by_script(text: str) -> dict[str, int]:
    """How many letters, and marks on them, a text has of each script that it has any of."""
    if text.isascii():
        return {LATIN: sum(map(str.isalpha, text))}
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    places = np.searchsorted(_FIRST, points, "right") - 1
    inside = (places >= 0) & (points <= _LAST[places])
    counts = np.bincount(_SCRIPT_OF[places[inside]], minlength=len(_BLOCKS)).tolist()
    return {script: count for script, count in zip(_BLOCKS, counts, strict=True) if count}


def letters(counts: Mapping[str, int]) -> int:
    """How many letters of an alphabet say as much as those that were counted."""
    return sum([count * _LETTERS.get(script, 1) for script, count in counts.items()])


def main_script(counts: Mapping[str, int]) -> str | None:
    """The script that a text is in: None where it has no letter of any.

    Names and terms in Latin letters stand in texts of every script, and hardly the other way round:
    what has a third of its letters in another script is in that one. Kana are Japanese, and so
    are the Chinese characters between them.
    """
    latin = counts.get(LATIN, 0)
    others = {script: count for script, count in counts.items() if script != LATIN}
    if others.get(_KANA, 0) * 10 >= others.get(_HAN, 1):
        others[_KANA] += others.pop(_HAN, 0)
    script = max(others, key=lambda one: others[one], default=None)
    if script is not None and 2 * others[script] >= latin:
        return script
    return LATIN if latin else None
