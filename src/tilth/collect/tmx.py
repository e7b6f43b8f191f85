"""Read translation memories (TMX 1.4): of each unit the two languages that the recipe names.

What programs for translators and OPUS hand around; see `tilth.formats.tmx` for how it is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

import pyarrow as pa
from pydantic import Field, model_validator

from tilth.context import Context, PassesOver
from tilth.errors import DataError, RecordError
from tilth.foreign import visible
from tilth.formats import tmx
from tilth.formats.streams import SourceFile, with_packed
from tilth.formats.tmx import Stray, Unit, Variant
from tilth.reading import inputs, records
from tilth.reading.carry import Carrier
from tilth.reading.fields import Meta, carried
from tilth.reading.named import Named
from tilth.schema import Row
from tilth.splits import SplitName

SUFFIXES: Final = with_packed(".tmx")
# As BCP 47 has it; how it is written is of no account.
LANGUAGE: Final = r"^[A-Za-z]{1,8}(?:[-_][A-Za-z0-9]{1,8})*$"
LACKING: Final = "a unit without one of the two languages"
FURTHER: Final = "a further text of a unit in one of the two languages"
SUB_FLOW: Final = "a text (`sub`) within a code of a segment"
_MOST_SHOWN: Final = 8


class Settings(inputs.FileSettings):
    """Read translation memories in TMX, plain or packed, as pairs of two languages.

    Of inline tags `hi` is a part of the text, and the codes of `bpt`, `ept`, `it`, `ph` are none. A
    unit is quarantined where an element stands within another that cannot hold it. A DOCTYPE is not
    fetched; one that declares entities is refused. Where a file is damaged, the units before that
    place are kept, and one row with the error says its line.
    """

    source: Annotated[str, Field(pattern=LANGUAGE)] = Field(
        description="language that is translated from, as `en`, which is also `en-GB`; becomes "
        "`text`"
    )
    target: Annotated[str, Field(pattern=LANGUAGE)] = Field(
        description="language that is translated to; becomes `target`"
    )
    meta: Meta = "all"
    split: SplitName | None = Field(None, description="split of all pairs")

    @model_validator(mode="after")
    def _are_two(self) -> Settings:
        if _tag(self.source) == _tag(self.target):
            raise ValueError("`source` and `target` are one language")
        return self


def fingerprint(settings: Settings) -> str:
    """Names and digests of the files; of a `url` without a digest the address."""
    return inputs.fingerprint_files(settings, SUFFIXES)


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    columns = {"text": True, "target": True, "split": settings.split, "license": settings.license}
    return (*(name for name, given in columns.items() if given), *carried(settings.meta))


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The pairs as rows, file after file, unit after unit.

    Raises:
        MissingError: There is no such file.
        DataError: Not one pair, a file that is no TMX or declares entities, or one that changed
            meanwhile.
    """
    batcher = records.Batcher(
        source,
        ("text", "target", "split"),
        {"license": settings.license, "split": settings.split},
        context.limit,
    )
    carrier = Carrier(context, settings.meta, {}, ())
    languages: dict[str, None] = {}
    listed = () if isinstance(settings.meta, str) else settings.meta
    names = Named("meta", listed, "field")
    with inputs.opened(settings, SUFFIXES, context) as found:
        meter = inputs.Meter(found, context)
        for file in found:
            carrier.begin(file.uri)
            units, told = _units(file, settings), len(languages)
            for place, unit in units:
                if batcher.is_full:
                    break
                if isinstance(unit, RecordError):
                    yield from batcher.add_error(str(unit), place)
                    continue
                if isinstance(unit, Stray):
                    context.passes_over(place, unit.reason)
                    continue
                if len(languages) < _MOST_SHOWN:
                    languages |= dict.fromkeys(one.language for one in unit.variants)
                pair = _pair(unit, settings, place, context.passes_over)
                if pair is None:
                    continue
                try:
                    row = _row(unit, *pair, settings)
                    fields = _fields(unit, *pair)
                    names.saw_fields(fields)
                    carrier.fill(fields, row)
                except RecordError as error:
                    yield from batcher.add_error(str(error), place)
                else:
                    row["id"] = f"{file.name}:{unit.number}:{row['target']}"
                    yield from batcher.add(row, place, unit.num_bytes)
            meter.finish(file, batcher.num_rows, is_told=len(languages) > told)
        if not batcher.is_full:
            names.check(settings.path or settings.url or "")
        yield from batcher.flush()
    if batcher.num_rows == 0:
        raise _nothing(settings, list(languages))


def _nothing(settings: Settings, languages: list[str]) -> DataError:
    where = settings.path or settings.url or ""
    if not languages:
        return inputs.empty_source(where)
    return DataError(
        f"not one unit has both {settings.source} and {settings.target}",
        where=where,
        hint=f"there are {', '.join(one or 'texts without a language' for one in languages)}",
        code="unknown-name",
    )


def _units(
    file: SourceFile, settings: Settings
) -> Iterator[tuple[str, Unit | Stray | RecordError]]:
    """The units of a file with their places; at last what ends it before its end, if something."""
    last = 0
    try:
        with inputs.open_bytes(file) as stream:
            for unit in tmx.units(stream, settings.max_record_bytes, file.uri):
                last = max(last, unit.line)
                yield f"{file.uri}:{unit.line}", unit
    except tmx.BrokenError as error:
        cause = f"{error} in line {error.line:,}; what follows the unit of line {last:,} is lost"
        yield f"{file.uri}:{error.line}", RecordError(cause)
    except DataError as error:
        if error.code != "damaged-file" or not last:
            raise
        cause = f"{error.what}; what follows the unit of line {last:,} is lost"
        yield file.uri, RecordError(cause)


def _pair(
    unit: Unit, settings: Settings, place: str, tell: PassesOver
) -> tuple[Variant, Variant] | None:
    """What a unit has in the two languages, or nothing; all else that it has is told."""
    if unit.cause:
        # What is read of it is not whole.
        return Variant(settings.source), Variant(settings.target)
    sides = []
    for wanted in (settings.source, settings.target):
        fitting = [one for one in unit.variants if _is(one.language, wanted)]
        exact = [one for one in fitting if _tag(one.language) == _tag(wanted)]
        if not fitting:
            tell(place, LACKING)
            return None
        chosen = (exact or fitting)[0]
        if len(fitting) > 1:
            tell(place, FURTHER)
        if chosen.has_sub_flow:
            tell(place, SUB_FLOW)
        sides.append(chosen)
    for language in dict.fromkeys(one.language for one in unit.variants):
        if not (_is(language, settings.source) or _is(language, settings.target)):
            tell(place, third(language))
    return sides[0], sides[1]


def third(language: str) -> str:
    """Why a text of a unit is not read that is in neither of the two languages."""
    shown = f"in the language {visible(language)[:40]}" if language else "without a language"
    return f"a text {shown}, which is neither `source` nor `target`"


def _row(unit: Unit, source: Variant, target: Variant, settings: Settings) -> Row:
    """The columns of a pair.

    Raises:
        RecordError: The unit is too long, or a side is empty.
    """
    if unit.cause == tmx.LONG:
        raise RecordError(inputs.too_long(unit.num_bytes, settings.max_record_bytes))
    if unit.cause:
        raise RecordError(unit.cause)
    for name, side in (("source", source), ("target", target)):
        if not side.text:
            raise RecordError(f"the {name} side ({side.language}) is empty")
    row: Row = {"text": source.text, "target": target.text}
    return row


def _fields(unit: Unit, source: Variant, target: Variant) -> Row:
    """What else a unit has: its fields, the languages, and what its sides have."""
    found = dict(unit.fields)
    found |= {"source_language": source.language, "target_language": target.language}
    for name, side in (("source", source), ("target", target)):
        if side.fields:
            found[name] = {key: _plain(value) for key, value in side.fields.items()}
    return {
        key: _plain(value) if isinstance(value, list) else value for key, value in found.items()
    }


def _plain(value: object) -> object:
    """A value as JSON can hold it."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if isinstance(value, str) else str(value)


def _tag(language: str) -> str:
    return language.replace("_", "-").lower()


def _is(language: str, wanted: str) -> bool:
    """Whether a language is the wanted one, or a kind of it (RFC 4647, 3.3.1)."""
    given, asked = _tag(language), _tag(wanted)
    return given == asked or given.startswith(f"{asked}-")
