"""Split off test and validation samples by a keyed hash of the group they belong to.

The split is a pure function of the group's name and the salt: it is the same in every batch, shard
and arm of an experiment, and a sample that is added later moves no other. Whole groups stay
together, so that a speaker, a site or a patient is never on both sides.

A sample is known by its `key`, made where it was collected: the record's own id, else its content
as it was read, so that neither the name of its file, nor its place there, nor what `clean` does to
it moves it to another side; two samples of equal content are on one side. A page of the web, and
a record that states its address, is known by that: what stands there changes from day to day.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

import pyarrow as pa
from pydantic import Field, StringConstraints, model_validator

from tilth.errors import DataError
from tilth.kernels.folding import composed, without_case
from tilth.meta.arrow import words
from tilth.meta.named import field_of
from tilth.schema import META, column, with_columns
from tilth.settings import AnyOrder, BaseSettings

Group = Literal["uri", "id", "site", "source", "subject"]
OfField = Annotated[str, StringConstraints(pattern=r"^meta\..+")]
# The columns that name a group: the first that a row has.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "uri": ("key", "uri"),
    "id": ("key", "id"),
    "site": ("key", "uri"),
    "source": ("source",),
    "subject": ("subject",),
}


class Settings(BaseSettings):
    """Hold out samples for test and validation, the same ones whatever else changes.

    Samples that have a split already keep it.
    """

    sources: Annotated[tuple[str, ...], AnyOrder()] = Field(
        (), description="Sources to hold out from; the others are training data. Empty = all."
    )
    test: float = Field(0.0, ge=0, le=1, description="Share of the groups that go to test.")
    validation: float = Field(
        0.05, ge=0, le=1, description="Share of the groups that go to validation."
    )
    by: Group | OfField = Field(
        "uri",
        description="What stays together: uri (the address; a record without one is known by its "
        "own id, else by its content), id (each record by itself), site (the host of the uri), "
        "source, subject, or a field such as meta.patient; a subject or a value of a field is "
        "the same whatever its case.",
    )
    test_from: Literal["all", "labelled"] = Field(
        "all",
        description="Samples that test is drawn from: all, or only those that have a label here, "
        "before any is made of answers: of these `test` is the share (with `by: id`). A copy "
        "without a label stays where training sees it, unless `exact` has dropped it.",
    )
    salt: str = Field("", description="Another salt gives another split of the same sizes.")

    @model_validator(mode="after")
    def _shares_fit(self) -> Settings:
        if self.test + self.validation > 1 + 1e-9:
            raise ValueError(f"test + validation is {self.test + self.validation:g}, above 1")
        if self.test_from == "labelled" and self.by != "id":
            raise ValueError(
                "`test_from: labelled` needs `by: id`: a group with and without labels would be on "
                "both sides"
            )
        if self.test_from == "labelled" and not self.test:
            raise ValueError("`test_from` does nothing without a share of `test`")
        return self


def reads(settings: Settings) -> tuple[str, ...]:
    """The columns of the groups and of labels, where not every sample has one."""
    by = () if settings.by in ("uri", "id", "site", "source") else (settings.by,)
    return (*by, "label") if settings.test_from == "labelled" else by


def fills(_: Settings) -> tuple[str, ...]:
    """The split."""
    return ("split",)


def unasked(settings: Settings) -> tuple[str, ...]:
    """The share of validation, where the recipe does not name it."""
    if "validation" in settings.model_fields_set or not settings.validation:
        return ()
    share = f"{settings.validation:g}"
    return (f"validation: {share} of the groups (default; `validation: 0` holds none out for it)",)


def survey(batches: Iterator[pa.RecordBatch], settings: Settings) -> list[str]:
    """Which of the splits that are asked for no sample is drawn to, and sources without effect.

    Raises:
        DataError: Every sample that could be held out has a split already; or one to split has no
            value in the group's column.
    """
    num_rows, counts, of_sources = 0, Counter[str](), set[str]()
    for batch in batches:
        num_rows += batch.num_rows
        drawn = _drawn(batch, settings)
        counts.update(drawn.values())
        of_sources.update(column(batch, "source").take(pa.array(drawn, pa.int64())).to_pylist())
    if num_rows and not counts:
        raise DataError(
            "every sample has a split already, so that none is held out",
            hint="leave `hold_out` out (training validates on a share of train where there is no "
            "validation split), or take the split away from the source that states it",
            code="nothing-to-hold-out",
        )
    asked = {"test": settings.test, "validation": settings.validation}
    told = [
        f"`sources` names `{name}`, of which no sample is left without a split: none is held out"
        for name in settings.sources
        if num_rows and name not in of_sources
    ]
    if not any(asked.values()):
        told.append("`test` and `validation` are 0: nothing is held out")
    return told + [
        f"of {counts.total()} samples none is drawn to {name}, whose share is {share:g}"
        for name, share in asked.items()
        if share and counts and not counts[name]
    ]


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """Set `split` on the rows that have none; an official split stays as it is.

    Raises:
        DataError: A row to split has no value in the group's column.
    """
    drawn = _drawn(batch, settings)
    given = column(batch, "split").to_pylist()
    splits = [drawn.get(row, split or "train") for row, split in enumerate(given)]
    return with_columns(batch, {"split": pa.array(splits, pa.string())})


def _drawn(batch: pa.RecordBatch, settings: Settings) -> dict[int, str]:
    """The split of each row that has none and is of the sources to hold out from."""
    sources = column(batch, "source").to_pylist()
    columns = [_words(batch, name) for name in _COLUMNS.get(settings.by, (settings.by,))]
    names = [next(filter(None, values), None) for values in zip(*columns, strict=True)]
    is_labelled = column(batch, "label").is_valid().to_pylist()
    return {
        row: _draw(_group(names[row], settings.by), settings, is_labelled[row])
        for row, split in enumerate(column(batch, "split").to_pylist())
        if split is None and (not settings.sources or sources[row] in settings.sources)
    }


def _words(batch: pa.RecordBatch, name: str) -> list[str | None]:
    """A column's values as text."""
    values = field_of(batch, name) if name.startswith(META) else column(batch, name)
    return [None if one is None else words(one) for one in values.to_pylist()]


def _group(name: str | None, by: str) -> str:
    """The name of a row's group; the site of an address without a host is the address.

    However it is composed, it is one name; and of people and fields, however its case is written.
    """
    if not name:
        raise DataError(
            f"a sample has no `{_COLUMNS.get(by, (by,))[-1]}`, so it cannot be said which samples "
            "it must stay with",
            hint="hold out `by: uri`, or name in `sources` the sources that have it",
            code="no-group",
        )
    if by == "site":
        return composed(urlsplit(name).hostname or name)
    return without_case(name) if by == "subject" or by.startswith(META) else composed(name)


def _draw(group: str, settings: Settings, is_labelled: bool) -> str:
    """The split of a group: its 64-bit hash as a number in [0, 1), against the shares."""
    key = hashlib.blake2b(settings.salt.encode("utf-8", "surrogatepass")).digest()
    digest = hashlib.blake2b(group.encode("utf-8", "surrogatepass"), digest_size=8, key=key)
    number = int.from_bytes(digest.digest(), "big") / 2**64
    if number < settings.test:
        return "test" if is_labelled or settings.test_from == "all" else "train"
    return "validation" if number < settings.test + settings.validation else "train"
