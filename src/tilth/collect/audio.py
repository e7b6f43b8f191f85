"""Read sound files with their transcripts: WAV, FLAC, MP3, OGG, M4A, in folders or archives.

Small speech sets say in the *name* of a file who says what (`7_jackson_32.wav`); larger ones have a
file of transcripts beside.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from tilth.context import Context
from tilth.decode.sound import reads_m4a
from tilth.decode.stream import Undecided
from tilth.decode.text import AUTO, UndecodableError, decode_text
from tilth.errors import DataError
from tilth.foreign import visible
from tilth.labels import as_label
from tilth.reading import inputs, limits, members, records
from tilth.reading.by_file import ByFile
from tilth.reading.fetching import AnyPlace
from tilth.reading.named import Named
from tilth.reading.whole_sound import (
    M4A,
    SUFFIXES,
    WITHOUT_M4A,
    require_time,
    whole_sound,
)
from tilth.schema import Row
from tilth.settings import AnyOrder, BaseSettings
from tilth.splits import SplitName

_GROUPS = ("target", "label", "subject", "index", "split")
_MAX_PATTERN = 500
# Names that an error lists.
_MAX_SHOWN = 5


class Words(BaseSettings):
    """How the part of a name that says what is said becomes a transcript."""

    spelling: Annotated[dict[str, str], AnyOrder()] = Field(
        {}, description="part -> word, as {'0': zero, '1': one}; empty: the parts are the words"
    )
    separator: str = Field("_", description="what stands between the parts", min_length=1)


class Settings(inputs.FileSettings):
    """Read sound files and what is said in them, from folders or archives (tar, zip).

    WAV, FLAC, MP3, OGG (Vorbis, Opus) and, with the extra `m4a`, M4A: what a file is its content
    says, whatever its ending. Each is decoded to its end: one that is no sound file, is cut off or
    damaged, is too short for its transcript, or whose name does not say what it should is
    quarantined by its name.
    """

    name: str | None = Field(
        None,
        description="regular expression for the end of a file's path, with named groups "
        "(?P<target>), label, subject (the speaker), split, index",
    )
    only: str | None = Field(
        None,
        description="regular expression for a file's path: files that have it nowhere do not "
        "belong to this source, as `_jackson_` for one speaker of several",
    )
    words: Words = Field(Words(), description="how the group `target` becomes a transcript")
    transcripts: AnyPlace = Field(
        None,
        description="file with `name TAB text` a line, name being the sound file's, with or "
        "without folder and ending; empty lines are passed over",
    )
    splits: Annotated[dict[SplitName, tuple[int, int]], AnyOrder()] = Field(
        {},
        description="split -> first and last index in it, as {test: [0, 4], train: [5, 49]}; the "
        "index is the group `index` of the name, or else the file's place in the order of names, "
        "from 0",
    )

    @field_validator("name", "only")
    @classmethod
    def _known_groups(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if len(value) > _MAX_PATTERN:
            raise ValueError(f"an expression of more than {_MAX_PATTERN} characters")
        try:
            groups = re.compile(value).groupindex
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        unknown = sorted(set(groups) - set(_GROUPS))
        if unknown:
            raise ValueError(f"no group `{unknown[0]}`; there are {', '.join(_GROUPS)}")
        return value

    @model_validator(mode="after")
    def _one_transcript(self) -> Settings:
        if self.transcripts is not None and "target" in self.groups:
            raise ValueError("`transcripts` and the group `target` exclude each other")
        if self.splits and "split" in self.groups:
            raise ValueError("`splits` and the group `split` exclude each other")
        if self.words != Words() and "target" not in self.groups:
            raise ValueError("`words` belongs to the group `target` of `name`")
        ranges = sorted(self.splits.values())
        if not all(0 <= first <= last for first, last in ranges):
            raise ValueError("`splits` are the first and the last index, counted from 0")
        if any(one[1] >= next_one[0] for one, next_one in pairwise(ranges)):
            raise ValueError("`splits` overlap: an index is in one of them")
        return self

    def places_read(self) -> tuple[str | None, ...]:
        return (self.path, self.transcripts)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups of `name`."""
        return tuple(re.compile(self.name).groupindex) if self.name is not None else ()


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files; of a `url` without a digest the address."""
    found = members.fingerprint(settings, members.Wanted(SUFFIXES, settings.only or "", "only"))
    if settings.transcripts is not None:
        file = inputs.named(settings.transcripts, settings)
        found += "\n" + inputs.fingerprint_paths([file], settings.digest)
    return found


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    groups = settings.groups
    columns = {
        "audio": True,
        "target": "target" in groups or settings.transcripts,
        "label": "label" in groups,
        "label_origin": "label" in groups,
        "subject": "subject" in groups,
        "split": "split" in groups or settings.splits,
        "license": settings.license,
    }
    return tuple(name for name, given in columns.items() if given)


def reads_all(settings: Settings) -> str:
    """Why sounds that are as they were are read again where others changed; empty: they are not.

    Those in archives are read whenever a file of the source changed.
    """
    if settings.transcripts is not None:
        return "`transcripts` may say something else of each"
    if settings.splits and "index" not in settings.groups:
        return "`splits` goes by the place in the order of all names"
    return ""


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """One row a sound file: its bytes as they are, transcript, label, speaker and split.

    Raises:
        MissingError: no such file.
        DataError: not one sound file, a setting that says nothing of any of them, a damaged
            archive, or a file that changed meanwhile.
    """
    groups = settings.groups
    columns = ["audio"]
    columns += ["target"] if "target" in groups or settings.transcripts else []
    columns += ["label", "label_origin"] if "label" in groups else []
    columns += ["subject"] if "subject" in groups else []
    columns += ["split"] if "split" in groups or settings.splits else []
    batcher = records.Batcher(source, tuple(columns), {"license": settings.license}, context.limit)
    transcripts = _read_transcripts(settings, context)
    wanted = members.Wanted(SUFFIXES, settings.only or "", "only")
    where = settings.path or settings.url or ""
    with inputs.opened(settings, wanted.endings, context, wanted.reads) as found:
        places: dict[str, int] = {}
        if settings.splits and "index" not in groups:
            names = sorted(members.list_names(found, wanted))
            places = {name: place for place, name in enumerate(names)}
        said = _Said(settings, transcripts, places)
        tells = context.spreads or bool(settings.splits or groups)
        shared = context.limit is not None and tells
        takes = limits.sharing(
            context.limit if shared else None,
            lambda: map(said.kind_of, members.each_name(found, wanted)),
        )
        by_file = ByFile(context, batcher, is_on=not reads_all(settings))
        read_on = members.read_members(
            found,
            wanted,
            settings.max_record_bytes,
            context,
            lambda name: takes(said.kind_of(name)),
            by_file,
            (M4A,),
        )
        skipped = "" if reads_m4a() else M4A
        for member in read_on:
            if member.is_known:
                yield from by_file.again()
                continue
            if skipped and member.name.lower().endswith(skipped):
                context.passes_over(member.uri, WITHOUT_M4A)
                continue
            try:
                if member.error:
                    raise records.RecordError(member.error)
                sound = whole_sound(member.data)
                row = {"id": member.name, "audio": member.data, **said.columns(member.name)}
                require_time(sound.seconds, row.get("target") or "")
                for part in sound.unheard:
                    context.passes_over(member.uri, part)
            except records.RecordError as error:
                yield from batcher.add_error(str(error), member.uri)
            else:
                yield from batcher.add(row, member.uri, len(member.data))
            if batcher.is_full:
                break
        if batcher.num_rows == 0:
            raise members.none_found(wanted, found, where)
        if shared or not batcher.is_full:
            said.check(where)
        yield from batcher.flush()


class _Said:
    """What the names of sound files say, and the transcripts beside.

    Args:
        settings: How the names are read.
        transcripts: Names to texts.
        places: Of the files in the order of their names, where the split goes by that.
    """

    def __init__(
        self, settings: Settings, transcripts: dict[str, str], places: dict[str, int]
    ) -> None:
        self._settings = settings
        self._transcripts = transcripts
        self._places = places
        self._splits = dict.fromkeys(settings.splits)
        self._parts = Named("words.spelling", settings.words.spelling, "part")
        given = [one for one in ("name", "transcripts") if getattr(settings, one) is not None]
        self._unmet = dict.fromkeys(given)
        self._names: list[str] = []

    def kind_of(self, name: str) -> limits.Kind:
        """Of what split and class a file is, by its name; empty: of none that can be read."""
        try:
            return limits.kind_of(self.columns(name)) if name else limits.BAD
        except records.RecordError:
            return limits.BAD

    def check(self, where: str) -> None:
        """Once all names were read.

        Raises:
            DataError: `name` or `transcripts` are of other files, `splits` or `words` name what
                none has.
        """
        if not self._names:
            return
        for setting in self._unmet:
            raise DataError(
                f"`{setting}: {getattr(self._settings, setting)}` says nothing of any file",
                where=where,
                hint=f"there are {', '.join(map(visible, self._names))}",
                code="unknown-name",
            )
        self._parts.check(where)
        for split in self._splits:
            first, last = self._settings.splits[split]
            raise DataError(
                f"`splits: {{{split}: [{first}, {last}]}}` has no file: none has such an index",
                where=where,
                hint="the index is the group `index` of `name`, or the place in the order of "
                "names, from 0",
                code="unknown-name",
            )

    def columns(self, name: str) -> Row:
        """The columns of one sound file, but for the sound.

        Raises:
            RecordError: Its name does not say what it should.
        """
        settings, row = self._settings, Row()
        if len(self._names) < _MAX_SHOWN:
            self._names.append(name)
        index = self._places.get(name, -1)
        if settings.name is not None:
            match = re.search(f"(?:^|/)(?:{settings.name})$", name)
            if match is None:
                raise records.RecordError(f"its name does not fit `{settings.name}`")
            self._unmet.pop("name", None)
            said = {group: value for group, value in match.groupdict().items() if value is not None}
            if "target" in said:
                row["target"] = self._transcript(said["target"])
            if "label" in said and (label := as_label(said["label"])) is not None:
                row |= {"label": label, "label_origin": "given"}
            if "subject" in said:
                row["subject"] = said["subject"]
            if "split" in said:
                row["split"] = records.as_split(said["split"])
            if "index" in said:
                index = _as_index(said["index"])
        if settings.transcripts is not None:
            keys = [_composed(one) for one in (name, Path(name).name, Path(name).stem)]
            text = next((self._transcripts[key] for key in keys if key in self._transcripts), None)
            if text is None:
                raise records.RecordError(f"no line for it in {settings.transcripts}")
            self._unmet.pop("transcripts", None)
            row["target"] = text
        if settings.splits:
            row["split"] = _split(index, settings.splits)
            self._splits.pop(row["split"], None)
        return row

    def _transcript(self, said: str) -> str:
        words = self._settings.words
        parts = [part for part in said.split(words.separator) if part]
        self._parts.saw(*parts)
        unknown = [part for part in parts if words.spelling and part not in words.spelling]
        if unknown or not parts:
            raise records.RecordError(f"no word for `{(unknown or [said])[0][:40]}` of its name")
        return " ".join(words.spelling.get(part, part) for part in parts)


def _as_index(value: str) -> int:
    if not value.isdecimal() or len(value) > 9:
        raise records.RecordError(f"index `{value[:40]}` is not a number")
    return int(value)


def _split(index: int, splits: dict[SplitName, tuple[int, int]]) -> str:
    for name, (first, last) in splits.items():
        if first <= index <= last:
            return name
    raise records.RecordError(f"index {index} is in none of `splits`")


def _read_transcripts(settings: Settings, context: Context) -> dict[str, str]:
    """Names to texts.

    Raises:
        DataError: a line is not `name TAB text`, or a name stands there twice.
    """
    if settings.transcripts is None:
        return {}
    file = inputs.fetched(inputs.named(settings.transcripts, settings), settings, context)
    found: dict[str, str] = {}
    with inputs.open_bytes(file) as raw:
        stream = Undecided(raw, AUTO, partial(context.passes_over, file.uri))
        for number, (line, size) in enumerate(inputs.read_any_lines(stream, 1 << 16), start=1):
            if not line.strip():
                continue
            try:
                name, tab, text = decode_text(line).partition("\t")
            except UndecodableError as error:
                raise _bad_line(str(error), file, number) from None
            if not tab or size > 1 << 16:
                raise _bad_line("a line that is not `name TAB text`", file, number)
            name = _composed(name)
            if name in found:
                raise _bad_line(f"`{name[:80]}` for the second time", file, number)
            found[name] = " ".join(text.split())
    return found


def _composed(name: str) -> str:
    """A name in one spelling: some systems keep `é` as a letter and its accent (UAX #15, NFC)."""
    return unicodedata.normalize("NFC", name)


def _bad_line(cause: str, file: inputs.SourceFile, number: int) -> DataError:
    return DataError(
        cause, where=f"{file.uri}:{number}", hint="correct the file of transcripts", code="columns"
    )
