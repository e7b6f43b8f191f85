"""Split off test and validation samples by a keyed hash of the group they belong to.

The split is a pure function of the group's name and the salt: it is the same in every batch, shard
and arm of an experiment, and a sample that is added later moves no other. Whole groups stay
together, so that a speaker, a site or a patient is never on both sides.
"""

from __future__ import annotations

import hashlib
from typing import Literal
from urllib.parse import urlsplit

import pyarrow as pa
from pydantic import Field, model_validator

from tilth.errors import DataError
from tilth.schema import column, with_columns
from tilth.settings import BaseSettings

Group = Literal["uri", "id", "site", "source", "subject"]


class Settings(BaseSettings):
    """Hold out samples for test and validation, the same ones whatever else changes."""

    sources: tuple[str, ...] = Field(
        (), description="Sources to hold out from; the others are training data. Empty = all."
    )
    test: float = Field(0.0, ge=0, le=1, description="Share of the groups that go to test.")
    validation: float = Field(
        0.05, ge=0, le=1, description="Share of the groups that go to validation."
    )
    by: Group = Field(
        "uri",
        description="What stays together: uri, id, site (the host of the uri), source or subject.",
    )
    salt: str = Field("", description="Another salt gives another split of the same sizes.")

    @model_validator(mode="after")
    def _shares_fit(self) -> Settings:
        if self.test + self.validation > 1:
            raise ValueError(f"test + validation is {self.test + self.validation:g}, above 1")
        return self


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """Set `split` on the rows that have none; an official split stays as it is.

    Raises:
        DataError: A row to split has no value in the group's column.
    """
    given = column(batch, "split").to_pylist()
    sources = column(batch, "source").to_pylist()
    names = column(batch, "uri" if settings.by == "site" else settings.by).to_pylist()
    splits = []
    for split, source, name in zip(given, sources, names, strict=True):
        if split is None:
            from_here = not settings.sources or source in settings.sources
            split = _draw(_group(name, settings.by), settings) if from_here else "train"
        splits.append(split)
    return with_columns(batch, {"split": pa.array(splits, pa.string())})


def _group(name: str | None, by: Group) -> str:
    """The name of a row's group; the site of an address without a host is the address."""
    if not name:
        raise DataError(
            f"a sample has no `{by}`, so it cannot be said which samples it must stay with",
            hint="hold out `by: id`, or name in `sources` the sources that have it",
            code="no-group",
        )
    return (urlsplit(name).hostname or name) if by == "site" else name


def _draw(group: str, settings: Settings) -> str:
    """The split of a group: its 64-bit hash as a number in [0, 1), against the shares."""
    key = hashlib.blake2b(settings.salt.encode("utf-8", "surrogatepass")).digest()
    digest = hashlib.blake2b(group.encode("utf-8", "surrogatepass"), digest_size=8, key=key)
    number = int.from_bytes(digest.digest(), "big") / 2**64
    if number < settings.test:
        return "test"
    return "validation" if number < settings.test + settings.validation else "train"
