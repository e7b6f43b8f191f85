"""Read a speech corpus in the layout that it comes in: its sounds, and what its lists say of them.

A corpus is gone through twice: for its lists and the names of its sounds first, for an archive may
have the lists behind the sounds. A long recording is decoded twice as well: to its end before one
stretch of it is kept, since a damaged frame shifts all that follows, and then stretch by stretch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, Final

import pyarrow as pa
from pydantic import Field, model_validator

from tilth.context import Context, silent
from tilth.decode.sound import Sound, SoundError, reads_m4a
from tilth.decode.stretches import Stretch, cut_sound, fits
from tilth.errors import DataError
from tilth.foreign import visible
from tilth.reading import inputs, limits, members, records
from tilth.reading.corpora import common_voice
from tilth.reading.corpora.corpus import OF_NO_LAYOUT, Corpus, Given, Listing, Said, Time
from tilth.reading.corpora.layouts import LAYOUTS, NAMES, Name
from tilth.reading.places import is_hidden
from tilth.reading.whole_sound import M4A, SUFFIXES, WITHOUT_M4A, require_time, whole_sound
from tilth.schema import Row
from tilth.settings import AnyOrder

# What a recording may have, all channels together: 37 hours at 16 kHz.
MOST_SAMPLES: Final = 1 << 31
# So far a stretch may reach beyond its recording's end, seconds, as Kaldi's extract-segments.
OVERSHOOT_S: Final = Decimal("0.5")
BEYOND: Final = "the end of a stretch, up to half a second, that its recording has no more"
_ANY = ("",)
_MAX_SHOWN = 5


class Settings(inputs.FileSettings):
    """Read a speech corpus in its own layout, from a folder or archives (tar, zip).

    Speech Commands, LibriSpeech, Common Voice, LJSpeech, a data folder of Kaldi, or recordings with
    subtitles (SRT, WebVTT) beside them. A sound of which no list says anything, one that cannot be
    decoded to its end, and a line that cannot be read are quarantined; a line whose sound is not
    there is passed over.
    """

    layout: Name = Field(description=f"how it lies there: {', '.join(NAMES)}")
    parts: Annotated[tuple[str, ...], AnyOrder()] = Field(
        (),
        description="parts to read, as `[train-clean-100, dev-clean]`: folders of LibriSpeech, "
        "data folders of Kaldi, tables of Common Voice (train, dev, test, validated, invalidated, "
        "other); empty: all, of Common Voice train, dev and test",
    )
    max_record_bytes: int = Field(
        1 << 30,
        description="bytes that a sound file or a list may have, which is held in memory; a longer "
        "one is quarantined",
        ge=64,
        le=inputs.MAX_RECORD_BYTES,
    )

    @model_validator(mode="after")
    def _has_parts(self) -> Settings:
        if self.parts and not LAYOUTS[self.layout].HAS_PARTS:
            having = [name for name in NAMES if LAYOUTS[name].HAS_PARTS]
            raise ValueError(f"`parts` are of {', '.join(having)}; `{self.layout}` has none")
        tables = common_voice.PARTS if self.layout == "common_voice" else self.parts
        if unknown := [part for part in self.parts if part not in tables]:
            raise ValueError(
                f"`{unknown[0]}` is no table of Common Voice; there are {', '.join(tables)}"
            )
        return self


@dataclass(frozen=True)
class _Wanted(members.Wanted):
    """Which files of a corpus are read: lists and sounds.

    Attributes:
        is_list: Whether a path is that of a list.
        without: Why a sound is none of the corpus; empty where it is one.
    """

    is_list: Callable[[str], bool] = lambda _: False
    without: Callable[[str], str] = lambda _: ""

    def refuses(self, name: str) -> str:
        if is_hidden(name):
            return inputs.HIDDEN
        if self.is_list(name):
            return ""
        return self.without(name) if name.lower().endswith(SUFFIXES) else OF_NO_LAYOUT


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files, lists included; of a `url` without a digest the address.

    Raises:
        MissingError: There is no such folder or archive.
    """
    found = members.fingerprint(settings, _Wanted(_ANY, is_list=LAYOUTS[settings.layout].is_list))
    # Paths in the tables of Kaldi may be those of this machine.
    return f"{found}\n{_root(settings)}" if settings.layout == "kaldi" else found


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    layout = LAYOUTS[settings.layout]
    license = ("license",) if settings.license else ()
    return ("audio", *layout.COLUMNS, *license, *layout.META)


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """One row a sound, its bytes as they are; or one a stretch of it, cut to the sample.

    A stretch has every sample that a part of its time falls on: from floor(start x rate) to before
    ceil(end x rate), at the recording's rate, channels and depth.

    Raises:
        MissingError: No such file.
        DataError: Not one sound, lists of another layout, a damaged archive, or a file that changed
            meanwhile.
    """
    layout = LAYOUTS[settings.layout]
    where = settings.path or settings.url or ""
    wanted = _Wanted(_ANY, is_list=layout.is_list)
    batcher = records.Batcher(
        source,
        ("audio", *layout.COLUMNS),
        {"license": settings.license},
        context.limit,
        spelt=layout.IS_SPELT,
    )
    with inputs.opened(settings, _ANY, context, wanted.reads) as found:
        for file in found:
            if not wanted.reads(file):
                context.passes_over(file.uri, wanted.refuses(_inside(file)))
        there = _Survey(found, wanted, settings.max_record_bytes, context)
        _require_layout(settings, there, found)
        corpus = layout.catalogue(
            Given(
                there.listings,
                there.sounds,
                where,
                _root(settings),
                settings.parts,
                _telling(context, {one.uri for one in there.listings if not one.data}),
            )
        )
        there.listings.clear()
        corpus.tell_lost(there.sounds, context.passes_over)
        faults = [*there.faults, *corpus.faults]
        takes = limits.sharing(context.limit, lambda: _kinds(len(faults), there.names, corpus))
        for place, cause in faults:
            if takes(limits.BAD):
                yield from batcher.add_error(cause, place)
        chosen = _Chosen(corpus, takes, layout.is_list)
        read_on = members.read_members(
            [file for file in found if wanted.reads(file) and not layout.is_list(_inside(file))],
            replace(wanted, without=lambda name: _without(corpus, name)),
            settings.max_record_bytes,
            _telling(context),
            chosen.takes,
        )
        for member in read_on:
            for row, place, cause in _rows(member, chosen, corpus, context):
                if cause:
                    yield from batcher.add_error(cause, place)
                else:
                    yield from batcher.add(row, place, len(row["audio"]))
            if batcher.is_full:
                break
        if batcher.num_rows == 0:
            raise inputs.empty_source(where)
        yield from batcher.flush()


def _inside(file: inputs.SourceFile) -> str:
    return file.name.replace(os.sep, "/")


def _root(settings: Settings) -> str:
    """The corpus's folder on this machine; empty: it is none."""
    path = os.path.abspath(os.path.expanduser(settings.path or ""))
    return path if settings.path is not None and os.path.isdir(path) else ""


def _telling(context: Context, told: Collection[str] = ()) -> Context:
    """A context that is not told again of files that are passed over with a reason."""

    def passes_over(place: str, reason: str) -> None:
        if reason != inputs.NOTHING_IN_IT and place not in told:
            context.passes_over(place, reason)

    return replace(context, passes_over=passes_over)


class _Survey:
    """What is there: the lists, read, and the names of the sounds.

    Attributes:
        listings: The lists.
        names: Of sounds, in the order in which they are read; empty where there is none.
        faults: Lists that cannot be read: place and cause.
    """

    def __init__(
        self, found: list[inputs.SourceFile], wanted: _Wanted, most: int, context: Context
    ) -> None:
        self.listings: list[Listing] = []
        self.names: list[str] = []
        self.faults: list[tuple[str, str]] = []
        self._is_list, self._last, self._tell = wanted.is_list, "", context.passes_over
        quiet = replace(context, passes_over=self._passes_over, progress=silent)
        for file in filter(wanted.reads, found):
            before = len(self.names) + len(self.listings) + len(self.faults)
            for member in members.read_members([file], wanted, most, quiet, self._takes):
                if member.error:
                    self.faults.append((member.uri, member.error))
                else:
                    self.listings.append(Listing(member.name, member.uri, member.data))
            if len(self.names) + len(self.listings) + len(self.faults) == before:
                context.passes_over(file.uri, inputs.NOTHING_IN_IT)

    @property
    def sounds(self) -> list[str]:
        """The names that there are."""
        return [name for name in self.names if name]

    def _passes_over(self, place: str, reason: str) -> None:
        # An empty list says something: that nothing is in it.
        if reason == inputs.EMPTY:
            self.listings.append(Listing(self._last, place, b""))
            self._tell(place, reason)

    def _takes(self, name: str) -> bool:
        self._last = name
        if self._is_list(name):
            return True
        self.names.append(name)
        return False


def _require_layout(settings: Settings, there: _Survey, found: list[inputs.SourceFile]) -> None:
    """The corpus has lists of its layout, and sounds.

    Raises:
        DataError: It has not.
    """
    where, layout = settings.path or settings.url or "", LAYOUTS[settings.layout]
    is_there = there.listings or there.faults or settings.layout == "speech_commands"
    if is_there and there.sounds:
        return
    names = [name for name in members.each_name(found, members.Wanted(_ANY)) if name]
    like = [one for one in NAMES if one != settings.layout and LAYOUTS[one].is_like(names)]
    shown = ", ".join(visible(name) for name in names[:_MAX_SHOWN]) or "nothing"
    hint = f"it looks like `layout: {like[0]}`" if len(like) == 1 else f"there are {shown}"
    lacking = f"no list of this layout ({layout.LISTS})" if not is_there else "no sound file"
    raise DataError(
        f"`layout: {settings.layout}` does not fit: there is {lacking}",
        where=where,
        hint=hint,
        code="empty-source",
    )


def _without(corpus: Corpus, name: str) -> str:
    """Why a sound is none of the corpus; empty where it is one."""
    if corpus.first(corpus.key(name)) is not None:
        return ""
    reason, belongs = corpus.without(name)
    return "" if belongs else reason


def _kinds(num_faults: int, names: list[str], corpus: Corpus) -> Iterator[limits.Kind]:
    """Of every record, in the order of the source."""
    for _ in range(num_faults):
        yield limits.BAD
    for name in names:
        if not name or not _without(corpus, name):
            yield from _kinds_of(corpus.of(name) if name else [])


def _kinds_of(several: list[Said]) -> list[limits.Kind]:
    kinds = [limits.BAD if said.error else limits.kind_of(said.row) for said in several]
    return kinds or [limits.BAD]


class _Chosen:
    """Which records of a sound are read, within the limit."""

    def __init__(self, corpus: Corpus, takes: limits.Takes, is_list: Callable[[str], bool]) -> None:
        self._corpus, self._takes, self._is_list = corpus, takes, is_list
        self.said: list[Said] = []

    def takes(self, name: str) -> bool:
        """Whether the next sound is read at all; `said` is what is read of it."""
        if self._is_list(name):
            return False
        several = self._corpus.of(name) if name else []
        taken = [self._takes(kind) for kind in _kinds_of(several)]
        self.said = [said for said, is_taken in zip(several, taken, strict=False) if is_taken]
        return any(taken)


_Found = tuple[Row, str, str]


def _rows(
    member: members.Member, chosen: _Chosen, corpus: Corpus, context: Context
) -> Iterator[_Found]:
    """Rows of a sound, each with its place and what is wrong."""
    if member.name.lower().endswith(M4A) and not reads_m4a():
        context.passes_over(member.uri, WITHOUT_M4A)
        return
    if not chosen.said:
        yield Row(), member.uri, member.error or corpus.without(member.name)[0]
    stretches = []
    for said in chosen.said:
        if said.time is not None:
            stretches.append((said, said.time))
            continue
        row = Row({"id": _id(member, said), "audio": member.data, **said.row})
        cause = member.error or (f"{said.place}: {said.error}" if said.error else "")
        yield _checked(row, member.uri, cause, context)
    if stretches:
        stretches.sort(key=lambda one: one[1].start)
        yield from _cut(member, stretches, context)


def _id(member: members.Member, said: Said) -> str:
    return f"{member.name}:{said.name}" if said.name else member.name


def _checked(row: Row, place: str, cause: str, context: Context) -> _Found:
    """A row, once its sound was decoded to its end."""
    if cause:
        return row, place, cause
    try:
        sound = whole_sound(row["audio"])
        require_time(sound.seconds, row.get("target") or "")
    except records.RecordError as error:
        return row, place, str(error)
    for part in sound.unheard:
        context.passes_over(place, part)
    return row, place, ""


def _cut(
    member: members.Member, stretches: list[tuple[Said, Time]], context: Context
) -> Iterator[_Found]:
    """The stretches of a recording, in the order of their starts."""
    error, sound = member.error, None
    try:
        sound = None if error else whole_sound(member.data, MOST_SAMPLES)
    except records.RecordError as wrong:
        error = str(wrong)
    found: list[Stretch | str] = []
    for said, time in stretches:
        cause = error or (f"{said.place}: {said.error}" if said.error else "")
        found.append(_stretch(time, sound) if sound is not None and not cause else cause)
    cuts = cut_sound(member.data, [one for one in found if isinstance(one, Stretch)])
    for (said, time), one in zip(stretches, found, strict=True):
        place = f"{member.uri}#t={_fragment(time)}"
        if isinstance(one, str) or error:
            yield Row(), place, error or str(one)
            continue
        try:
            row = Row({"id": f"{_id(member, said)}#{_fragment(time)}", "audio": next(cuts)})
        except SoundError as wrong:
            error = str(wrong)
            yield Row(), place, error
            continue
        if sound is not None and time.end is not None and one.end < time.end * sound.sample_rate:
            context.passes_over(place, BEYOND)
        yield _checked(row | said.row, place, "", context)


def _stretch(time: Time, sound: Sound) -> Stretch | str:
    """The samples of a stretch, or why it has none."""
    rate, last = sound.sample_rate, sound.samples
    first = int((time.start * rate).to_integral_value(ROUND_FLOOR))
    end = last if time.end is None else int((time.end * rate).to_integral_value(ROUND_CEILING))
    length = f"the recording, which has {sound.seconds:.3f} s"
    if first >= last:
        return f"it begins behind the end of {length}"
    if end - last > OVERSHOOT_S * rate:
        return f"it ends behind {length}"
    if time.channel is not None and time.channel >= sound.channels:
        return f"channel {time.channel} of {sound.channels}, counted from 0"
    stretch = Stretch(first, min(end, last), time.channel)
    if not fits(stretch, sound.channels):
        return "a stretch of more samples than a sound may have"
    return stretch


def _fragment(time: Time) -> str:
    """Seconds as in W3C, Media Fragments URI 1.0, section 4.2.1."""
    ends = [time.start] if time.end is None else [time.start, time.end]
    return ",".join(format(end.normalize(), "f") for end in ends)
