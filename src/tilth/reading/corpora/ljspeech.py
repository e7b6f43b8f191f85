"""LJSpeech: `metadata.csv` beside a folder `wavs`.

Ito and Johnson 2017, "The LJ Speech Dataset". A line is
`ID|Transcription|Normalized Transcription`; quotation marks are text.
"""

from __future__ import annotations

from tilth.errors import RecordError
from tilth.reading.corpora.corpus import (
    NO_WORDS,
    Corpus,
    Given,
    Said,
    composed,
    stem,
    text_of,
)
from tilth.schema import Row

COLUMNS: tuple[str, ...] = ("target",)
META: tuple[str, ...] = ("meta.transcription",)
LISTS = "metadata.csv"
HAS_PARTS, IS_SPELT = False, True
_LIST, _FOLDER = "metadata.csv", "wavs/"
_WHAT = "`ID|TRANSCRIPTION` or `ID|TRANSCRIPTION|NORMALIZED`"


def is_list(name: str) -> bool:
    """Whether a path is that of a list of this layout."""
    return name.rpartition("/")[2] == _LIST


def is_like(names: list[str]) -> bool:
    """Whether a corpus looks like this layout."""
    folders = {name[: -len(_LIST)] + _FOLDER for name in names if is_list(name)}
    return any(name[: name.rfind("/") + 1] in folders for name in names)


def catalogue(given: Given) -> Corpus:
    """What `metadata.csv` says; the target is the normalized transcription where there is one."""
    corpus = Corpus(stem)
    for listing in given.listings:
        for place, line in listing.lines():
            try:
                name, *texts = text_of(line).split("|")
                if not name.strip() or len(texts) not in (1, 2):
                    raise RecordError(f"a line of {1 + len(texts)} parts, not {_WHAT}")
            except RecordError as error:
                corpus.faults.append((place, str(error)))
                continue
            plain, *normalized = (" ".join(text.split()) for text in texts)
            target = "".join(normalized) or plain
            row = Row(target=target, **{"meta.transcription": plain} if normalized else {})
            key = stem(composed(listing.folder + _FOLDER + name.strip()))
            corpus.add(key, Said(place, row, "" if target else NO_WORDS))
    corpus.require_some(_WHAT)
    return corpus
