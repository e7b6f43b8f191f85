"""Read sound files with their transcripts: WAV and FLAC, in folders or archives.

Small speech sets say in the *name* of a file who says what (`7_jackson_32.wav`); larger ones have a
file of transcripts beside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from tilth.collect import files, members, records
from tilth.collect.sound_header import read_header
from tilth.context import Context
from tilth.errors import DataError
from tilth.schema import Row, SplitName
from tilth.settings import BaseSettings

SUFFIXES = (".wav", ".flac")
_GROUPS = ("target", "label", "subject", "index", "split")
_MAX_PATTERN = 500


class Words(BaseSettings):
    """How the part of a name that says what is said becomes a transcript."""

    spelling: dict[str, str] = Field(
        {}, description="part -> word, as {'0': zero, '1': one}; empty: the parts are the words"
    )
    separator: str = Field("_", description="what stands between the parts", min_length=1)


class Settings(files.FileSettings):
    """Read sound files (WAV, FLAC) and what is said in them, from folders or archives (tar, zip).

    A file that is no sound file, is cut off, or whose name does not say what it should is
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
    transcripts: str | None = Field(
        None,
        description="file with `name TAB text` a line, name being the sound file's, with or "
        "without folder and ending",
    )
    splits: dict[SplitName, tuple[int, int]] = Field(
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
        return self

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups of `name`."""
        return tuple(re.compile(self.name).groupindex) if self.name is not None else ()


def fingerprint(settings: Settings) -> str:
    """Names, sizes and times of the files; for a `url`, the address and digest."""
    found = files.fingerprint_files(settings, members.Wanted(SUFFIXES).endings)
    if settings.transcripts is not None:
        found += "\n" + files.fingerprint_paths([_transcript_file(settings.transcripts)])
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


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """One row a sound file: its bytes as they are, transcript, label, speaker and split.

    Raises:
        MissingError: no such file.
        DataError: not one sound file, a damaged archive, or a file that changed meanwhile.
    """
    groups = settings.groups
    columns = ["audio"]
    columns += ["target"] if "target" in groups or settings.transcripts else []
    columns += ["label", "label_origin"] if "label" in groups else []
    columns += ["subject"] if "subject" in groups else []
    columns += ["split"] if "split" in groups or settings.splits else []
    batcher = records.Batcher(source, tuple(columns), {"license": settings.license}, context.limit)
    transcripts = _read_transcripts(settings)
    wanted = members.Wanted(SUFFIXES, settings.only or "")
    with files.opened(settings, wanted.endings, context) as found:
        places: dict[str, int] = {}
        if settings.splits and "index" not in groups:
            names = sorted(members.list_names(found, wanted))
            places = {name: place for place, name in enumerate(names)}
        read_on = members.read_members(found, wanted, settings.max_record_bytes, context.progress)
        for member in read_on:
            try:
                row = _row(member, settings, transcripts, places)
            except records.RecordError as error:
                yield from batcher.add_error(str(error), member.uri)
            else:
                yield from batcher.add(row, member.uri, len(member.data))
            if batcher.is_full:
                break
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise files.empty_source(settings.path or settings.url or "")


def _row(
    member: members.Member,
    settings: Settings,
    transcripts: dict[str, str],
    places: dict[str, int],
) -> Row:
    """The columns of one sound file.

    Raises:
        RecordError: it was not read or is no sound, or its name does not say what it should.
    """
    if member.error:
        raise records.RecordError(member.error)
    read_header(member.data)
    row: Row = {"id": member.name, "audio": member.data}
    index = places.get(member.name, -1)
    if settings.name is not None:
        match = re.search(f"(?:^|/)(?:{settings.name})$", member.name)
        if match is None:
            raise records.RecordError(f"its name does not fit `{settings.name}`")
        said = {name: value for name, value in match.groupdict().items() if value is not None}
        if "target" in said:
            row["target"] = _transcript(said["target"], settings.words)
        if "label" in said:
            row |= {"label": said["label"], "label_origin": "given"}
        if "subject" in said:
            row["subject"] = said["subject"]
        if "split" in said:
            row["split"] = records.as_split(said["split"])
        if "index" in said:
            index = _as_index(said["index"])
    if settings.transcripts is not None:
        keys = [member.name, Path(member.name).name, Path(member.name).stem]
        text = next((transcripts[key] for key in keys if key in transcripts), None)
        if text is None:
            raise records.RecordError(f"no line for it in {settings.transcripts}")
        row["target"] = text
    if settings.splits:
        row["split"] = _split(index, settings.splits)
    return row


def _transcript(said: str, words: Words) -> str:
    parts = [part for part in said.split(words.separator) if part]
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


def _transcript_file(path: str) -> files.SourceFile:
    return files.SourceFile(Path(path).expanduser(), Path(path).name, path)


def _read_transcripts(settings: Settings) -> dict[str, str]:
    """Names to texts.

    Raises:
        DataError: a line is not `name TAB text` in UTF-8, or a name stands there twice.
    """
    if settings.transcripts is None:
        return {}
    file = _transcript_file(settings.transcripts)
    found: dict[str, str] = {}
    with files.open_bytes(file) as stream:
        for number, (line, size) in enumerate(files.read_lines(stream, 1 << 16), start=1):
            try:
                name, tab, text = line.decode().partition("\t")
            except UnicodeDecodeError as error:
                raise _bad_line(records.describe_unicode(error), file, number) from None
            if not tab or size > 1 << 16:
                raise _bad_line("a line that is not `name TAB text`", file, number)
            if name in found:
                raise _bad_line(f"`{name[:80]}` for the second time", file, number)
            found[name] = " ".join(text.split())
    return found


def _bad_line(cause: str, file: files.SourceFile, number: int) -> DataError:
    return DataError(
        cause, where=f"{file.uri}:{number}", hint="correct the file of transcripts", code="columns"
    )
