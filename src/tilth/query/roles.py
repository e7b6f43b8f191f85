"""Which field of some records is likely the text, the label, the id, and what speaks for it.

What is doubtful is not taken: it is named beside. No value of a field is ever quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tilth.foreign import visible
from tilth.formats.signatures import HEAD_BYTES, kind_of
from tilth.reading.records import SPLITS
from tilth.records import PlainObject
from tilth.spell import plural

# What fields are called, the likeliest first.
_TEXTS: Final = (
    *("text", "content", "body", "document", "article", "sentence", "message", "review"),
    *("comment", "question", "prompt", "description", "abstract", "full_text", "raw_text"),
)
_LABELS: Final = (
    *("label", "class", "category", "labels", "sentiment", "intent", "topic", "class_name"),
    *("target", "tag", "genre", "emotion", "stars", "rating", "y", "coarse_label", "fine_label"),
)
_TARGETS: Final = ("target", "translation", "transcript", "transcription")
_PERHAPS_TARGETS: Final = ("summary", "answer", "response", "output", "completion")
_IDS: Final = ("id", "_id", "uuid", "guid", "key", "doc_id", "record_id", "document_id")
_NUMBERS: Final = ("nr", "no", "num", "number", "ref", "index", "idx", "sku")
_ID: Final = re.compile(r"(?:[-_ .]|(?<=[a-z]))(?:ID|Id|Nr|No)$|[-_ .](?:id|nr|no|key|number)$")
_SPLITS: Final = ("split", "set", "partition", "subset", "fold")
_ADDRESSES: Final = ("url", "uri", "link", "source_url")
_LICENSES: Final = ("license", "licence")
_SUBJECTS: Final = ("subject", "speaker", "speaker_id", "author", "user", "user_id", "patient")
_ANSWERS: Final = ("annotations", "answers", "annotators")
_URL: Final = re.compile(r"https?://\S+\Z", re.I)
# Distinct values above which a field is no class, and records for each below which it is none.
_MAX_CLASSES: Final = 1000
_LEAST_EACH: Final = 2
# Letters of a text on average, below which it is rather a name.
_LEAST_LETTERS: Final = 15
# Share of the records that must have a field that each is quarantined without.
_MOST: Final = 0.99
_MAX_DISTINCT: Final = 2000
_MAX_LISTED: Final = 6


@dataclass
class Stats:
    """What some records have in a field.

    Attributes:
        present: Records in which it says something.
        texts: Of these, in how many it is text.
        letters: Letters of these texts.
        with_blanks: Texts of several words.
        urls: Texts that are an address.
        pictures, sounds: Values that are one, as bytes.
        lists: Values that are a list of objects with `annotator` and `label`.
        values: Distinct values, as text; no more of them than matter.
    """

    present: int = 0
    texts: int = 0
    letters: int = 0
    with_blanks: int = 0
    urls: int = 0
    pictures: int = 0
    sounds: int = 0
    answers: int = 0
    nested: int = 0
    values: set[str] = field(default_factory=set)

    def saw(self, value: Any) -> None:
        """Take in a value that says something."""
        self.present += 1
        if isinstance(value, str):
            self.texts += 1
            self.letters += len(value)
            self.with_blanks += len(value.split(maxsplit=1)) > 1
            self.urls += _URL.match(value) is not None
        data = value.get("bytes") if isinstance(value, Mapping) else value
        if isinstance(data, bytes):
            group = kind_of(data[:HEAD_BYTES], "", is_whole=len(data) <= HEAD_BYTES).group
            self.pictures += group == "picture"
            self.sounds += group == "sound"
            self.nested += 1
        elif isinstance(value, Mapping | list):
            self.nested += 1
            self.answers += isinstance(value, list) and bool(value) and all(map(_is_answer, value))
        elif len(self.values) <= _MAX_DISTINCT:
            self.values.add(str(value))

    @property
    def mean_letters(self) -> float:
        """Letters of a text on average."""
        return self.letters / self.texts if self.texts else 0.0

    @property
    def is_text(self) -> bool:
        """Whether it may be what a sample says."""
        return (
            self.texts == self.present
            and self.urls < self.present / 2
            and (self.mean_letters >= _LEAST_LETTERS or self.with_blanks > self.present / 2)
        )


def _is_answer(value: Any) -> bool:
    return isinstance(value, Mapping) and {"annotator", "label"} <= set(value)


@dataclass
class Roles:
    """A guess.

    Attributes:
        fields: Key of the setting `fields` -> field; none for the text: the records have none.
        why: Key -> what speaks for it, in a sentence.
        doubts: What may be meant otherwise, in sentences.
        image: Field with pictures that take the text's place; empty: none.
        has_splits: Whether every record names its split.
    """

    fields: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    image: str = ""
    has_splits: bool = False


def stats_of(records: Sequence[PlainObject]) -> dict[str, Stats]:
    """Of each field, `a.b` of one inside an object `a`, what the records have in it."""
    found: dict[str, Stats] = {}
    for record in records:
        for name, value in _each(record):
            if name and value is not None and value != "":
                found.setdefault(name, Stats()).saw(value)
    return found


def _each(record: PlainObject) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, Mapping) and not isinstance(value.get("bytes"), bytes):
            for part, one in value.items():
                # Deeper than that is for who knows the records.
                yield (f"{name}.{part}", one) if not isinstance(one, Mapping) else ("", None)
        else:
            yield str(name), value


def guess(records: Sequence[PlainObject]) -> Roles:
    """Which fields are what."""
    return _Guess(records).roles


class _Guess:
    """One guess, from the field that decides most to those that decide least."""

    def __init__(self, records: Sequence[PlainObject]) -> None:
        self._num = len(records)
        self._stats = stats_of(records)
        self.roles = Roles()
        others = [] if self._find_picture() else self._find_text()
        self._find_split()
        self._find_label()
        self._find_others()
        left = [name for name in others if name in self._free()]
        self._others("text", left, "is text, too")
        if left:
            both = {self.roles.fields["text"], left[0]}
            names = ", ".join(shown(name) for name in self._stats if name in both)
            self.roles.doubts.append(
                f"several fields may be joined to one text, as `text: [{names}]`"
            )

    def _all(self, stats: Stats) -> str:
        """`in all of the first 1,000 records`."""
        most = "all" if stats.present == self._num else f"{stats.present:,}"
        return f"in {most} of the first {self._num:,} records"

    def _take(self, key: str, name: str, why: str) -> None:
        self.roles.fields[key], self.roles.why[key] = name, why

    def _free(self) -> dict[str, Stats]:
        taken = set(self.roles.fields.values()) | {self.roles.image}
        return {name: one for name, one in self._stats.items() if name not in taken}

    def _named(self, names: Sequence[str]) -> list[str]:
        """The free fields of these names, the likeliest first; of a dotted one the last part."""
        free = self._free()
        last = {name: name.rpartition(".")[2].lower() for name in free}
        found = [name for name in free if last[name] in names]
        return sorted(found, key=lambda name: (names.index(last[name]), "." in name))

    def _find_picture(self) -> bool:
        for name, stats in self._stats.items():
            if stats.sounds >= _MOST * max(1, stats.present):
                self.roles.doubts.append(
                    f"`{shown(name)}` holds sounds, which no table's source reads: "
                    "write them out as files"
                )
        found = [n for n, one in self._stats.items() if one.pictures >= _MOST * self._num > 0]
        if found:
            self.roles.image = found[0]
            self.roles.why["image"] = f"holds pictures, {self._all(self._stats[found[0]])}"
            self._others("image", found[1:], "holds pictures, too")
        return bool(found)

    def _find_text(self) -> list[str]:
        """The text; gives what else may be it, the longest first."""
        candidates = {name: one for name, one in self._stats.items() if one.is_text}
        if not candidates:
            candidates = {
                name: one
                for name, one in self._stats.items()
                if one.texts == one.present and name.rpartition(".")[2].lower() in _TEXTS
            }
        if not candidates:
            return []
        most = max(one.present for one in candidates.values())
        whole = {n: one for n, one in candidates.items() if one.present >= _MOST * most}
        named = [name for name in self._named(_TEXTS) if name in whole]
        longest = max(whole, key=lambda name: whole[name].mean_letters)
        # A name counts where what is called otherwise is not far longer: a title beside a body.
        near = [n for n in named if 4 * whole[n].mean_letters >= whole[longest].mean_letters]
        name = near[0] if near else longest
        stats = whole[name]
        is_longest = name == longest
        why = "is the longest text field" if is_longest else "is called as texts are"
        about = f"{plural(round(stats.mean_letters), 'character')} on average"
        self._take("text", name, f"{why}, {self._all(stats)}: {about}")
        return sorted(set(candidates) - {name}, key=lambda n: -candidates[n].mean_letters)

    def _find_split(self) -> None:
        for name in self._named(_SPLITS):
            stats = self._stats[name]
            if {value.strip().lower() for value in stats.values} <= set(SPLITS):
                self._take("split", name, f"names known splits, {self._all(stats)}")
                self.roles.has_splits = stats.present == self._num
                return
            self.roles.doubts.append(
                f"`{shown(name)}` may be the split, but not all of its values are train, "
                "validation or test"
            )

    def _find_label(self) -> None:
        for name in self._named(_ANSWERS):
            if self._stats[name].answers >= _MOST * self._stats[name].present:
                why = f"lists answers of annotators, {self._all(self._stats[name])}"
                self._take("annotations", name, why)
        found = [name for name in self._named(_LABELS) if self._is_class(self._free()[name])]
        if found and self._stats[found[0]].present >= _MOST * self._num:
            stats = self._stats[found[0]]
            why = f"has {plural(len(stats.values), 'value')}, {self._all(stats)}"
            self._take("label", found[0], why)
            found = found[1:]
        self._others("label", found, "may be a label, too")
        unnamed = [
            name
            for name, one in self._free().items()
            if name not in found and self._is_class(one) and one.present >= _MOST * self._num
        ]
        self._others("label", unnamed, "has few values, as classes have")

    def _is_class(self, stats: Stats) -> bool:
        num = len(stats.values)
        is_plain = not stats.nested and not stats.urls
        return is_plain and 2 <= num <= _MAX_CLASSES and num * _LEAST_EACH <= stats.present

    def _is_once(self, stats: Stats) -> bool:
        """Whether each record has a value of its own."""
        return not stats.nested and len(stats.values) == min(self._num, _MAX_DISTINCT + 1)

    def _is_id(self, name: str, stats: Stats) -> bool:
        """Whether a field is an id, by its name's ending and as it tells records apart."""
        last = name.rpartition(".")[2]
        is_called = _ID.search(last) is not None or last.lower() in _NUMBERS
        return self._num > 1 and is_called and self._is_once(stats)

    def _find_others(self) -> None:
        for name in self._named(_TARGETS):
            stats = self._stats[name]
            if stats.is_text and stats.present >= _MOST * self._num:
                self._take(
                    "target", name, f"is text and called a target's name, {self._all(stats)}"
                )
                break
        self._others("target", self._named(_PERHAPS_TARGETS), "may be the target")
        for name in self._named(_IDS):
            stats = self._stats[name]
            if self._is_once(stats):
                self._take("id", name, f"names each record once, {self._all(stats)}")
                break
            self.roles.doubts.append(
                f"`{shown(name)}` is called as an id is, but does not name each record once"
            )
        if "id" not in self.roles.fields:
            ids = [name for name, one in self._free().items() if self._is_id(name, one)]
            self._others("id", ids, "names each record once")
        for key, names in (("uri", _ADDRESSES), ("license", _LICENSES)):
            for name in self._named(names)[:1]:
                stats = self._stats[name]
                if stats.texts == stats.present and (key == "license" or stats.urls):
                    self._take(key, name, f"is called so, {self._all(stats)}")
        self._others("subject", self._named(_SUBJECTS), "may say whose data it is")

    def _others(self, key: str, names: Sequence[str], why: str) -> None:
        for name in names[:_MAX_LISTED]:
            self.roles.doubts.append(f"`{shown(name)}` {why}: `{key}: {shown(name)}`")
        if len(names) > _MAX_LISTED:
            self.roles.doubts.append(f"{len(names) - _MAX_LISTED} more fields may be the {key}")


def shown(name: str) -> str:
    """A field's name, safe in a line of comment."""
    return visible(name).replace("\n", "[U+000A]")[:80]
