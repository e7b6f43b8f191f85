"""Weights per source and label: how often a sample is seen, and how varied the mixture is.

A weight is the expected number of times that the sample is seen in an epoch: 1 once, 2 twice, 0.5
in every other epoch on average. Nothing is copied or thinned here; training draws for each (seed,
epoch, id), so that another weight is another mixture of the same stored samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field, field_validator

from tilth import schema
from tilth.errors import DataError, UsageError
from tilth.hints import did_you_mean
from tilth.labels import Label
from tilth.meta.arrow import words
from tilth.meta.kinds import plainly
from tilth.meta.named import field_of
from tilth.mix import mixture
from tilth.records import PlainObject
from tilth.schema import VOTED, WEIGHT
from tilth.settings import AnyOrder, BaseSettings

RULE = "weight > 0"
_MAX_WEIGHT = 1000

FIGURES = mixture.FIGURES


def _as_pairs(value: Any) -> Any:
    """A mapping as sorted pairs, which can be hashed."""
    return tuple(sorted(value.items())) if isinstance(value, Mapping) else value


Weights = Annotated[tuple[tuple[str, float], ...], BeforeValidator(_as_pairs)]
LabelWeights = Annotated[tuple[tuple[Label, float], ...], BeforeValidator(_as_pairs)]
Values = Annotated[tuple[tuple[str, Weights], ...], BeforeValidator(_as_pairs)]


class Settings(BaseSettings):
    """Weigh samples by source and label: how often each is seen in an epoch.

    The weight of a sample is that of its source times that of its label, times what its fields say,
    times what an earlier step of this kind gave it; 0 drops it.
    """

    sources: Annotated[Weights, AnyOrder()] = Field(
        (), description="weight of each source by name, such as `{stdlib: 1.0, packages: 0.5}`"
    )
    labels: Annotated[LabelWeights, AnyOrder()] = Field(
        (),
        description="weight of each label, such as `{code: 0.5}`; 1 of those that are not named, "
        "and of samples without one",
    )
    otherwise: float = Field(1.0, description="weight of sources that are not named", ge=0, le=1000)

    by: str = Field(
        "",
        description="field whose number is a factor of the weight, such as `meta.score`; 1 where "
        "it is not known",
        pattern=r"^(meta\..+)?$",
    )
    values: Annotated[Values, AnyOrder()] = Field(
        (),
        description="weight of each value of a field, such as `{meta.lang: {en: 1.0, de: 2.0}}`; 1 "
        "of those that are not named",
    )

    @field_validator("values")
    @classmethod
    def _are_fields(cls, values: Values) -> Values:
        for name, pairs in values:
            if not name.startswith(schema.META):
                raise ValueError(f"`{name}` is no field: write `meta.{name}`")
            cls._are_weights(pairs)
        return values

    @field_validator("sources", "labels")
    @classmethod
    def _are_weights(cls, pairs: Weights) -> Weights:
        for name, weight in pairs:
            if not (math.isfinite(weight) and 0 <= weight <= _MAX_WEIGHT):
                raise ValueError(f"the weight of `{name}` is not between 0 and 1000")
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name stands there twice")
        return pairs


def reads(settings: Settings) -> tuple[str, ...]:
    """The column by which it weighs, beside the source."""
    fields = [name for name, _ in settings.values]
    named = ("label",) if settings.labels else ()
    return (*named, *fields, *([settings.by] if settings.by else []))


def fills(_: Settings) -> tuple[str, ...]:
    """The weight."""
    return (WEIGHT,)


def survey(batches: Iterator[pa.RecordBatch], settings: Settings) -> list[str]:
    """What is weighed and no sample has: a source, or a label where labels were voted on.

    Raises:
        DataError: No sample has a label or a field's value that is named, which come from the data
            alone.
    """
    labels = _Values("label", tuple(name for name, _ in settings.labels))
    fields = [_Values(name, tuple(one for one, _ in pairs)) for name, pairs in settings.values]
    sources, origins, num_rows = set[str](), set[str](), 0
    for batch in batches:
        num_rows += batch.num_rows
        sources.update(schema.column(batch, "source").drop_null().unique().to_pylist())
        if settings.labels:
            labels.saw(schema.column(batch, "label"))
            origins.update(schema.column(batch, "label_origin").drop_null().unique().to_pylist())
        for field in fields:
            if field.name in batch.schema.names:
                field.saw(batch.column(field.name))
    for named in (labels, *fields):
        # A function that never voted is no slip of the pen: `check` knows what they vote for.
        if named.lacking and not (named is labels and VOTED in origins):
            raise DataError(
                f"no sample has the {named.words(named.lacking[0])}, which `weights` names",
                hint=did_you_mean(named.lacking[0], named.there),
                code="unknown-label" if named is labels else "unknown-value",
            )
    told = [
        f"no sample has the {labels.words(label)}, which `weights` names; "
        f"{did_you_mean(label, labels.there)}"
        for label in labels.lacking
    ]
    given = dict(settings.sources)
    told += [
        f"no sample of the source `{name}` is left, which `weights` names"
        for name in given
        if num_rows and name not in sources
    ]
    if sources and settings.otherwise != 1 and sources <= set(given):
        told.append(f"`otherwise: {settings.otherwise:g}` weighs nothing: every source is named")
    return told


# Of the values of a field so many are remembered, to suggest the nearest.
_MAX_THERE = 1000


class _Values:
    """Values that are named, and which of them the samples have.

    Args:
        name: `label`, or a field.
        named: The values.
    """

    def __init__(self, name: str, named: tuple[str, ...]) -> None:
        self.name = name
        self._named = named
        self.there: set[str] = set()

    def saw(self, values: pa.Array) -> None:
        """These are there."""
        for value in values.drop_null().unique().to_pylist():
            text = words(value)
            if len(self.there) < _MAX_THERE or text in self._named:
                self.there.add(text)

    @property
    def lacking(self) -> list[str]:
        """The values that were not met, in the order in which they are named."""
        return [one for one in self._named if one not in self.there]

    def words(self, value: str) -> str:
        """`label `x``, or `value `x` in `meta.y``."""
        return f"label `{value}`" if self.name == "label" else f"value `{value}` in `{self.name}`"


def apply(batch: pa.RecordBatch, settings: Settings) -> pa.RecordBatch:
    """Write `signal.weight`, the product with what is there; drop samples of weight 0.

    Raises:
        UsageError: No record has a field that is named, or it holds no numbers.
        ValueError: Its number is no weight.
    """
    by_source, by_label = dict(settings.sources), dict(settings.labels)
    sources = schema.column(batch, "source").to_pylist()
    labels = schema.column(batch, "label").to_pylist()
    weights = np.array(
        [
            by_source.get(source, settings.otherwise) * by_label.get(label, 1.0)
            for source, label in zip(sources, labels, strict=True)
        ],
        np.float64,
    )
    said = [f"source={one}, label={other}" for one, other in zip(sources, labels, strict=True)]
    for name, factors in _factors(batch, settings):
        weights *= factors
        said = [f"{text}, {name}={factor:g}" for text, factor in zip(said, factors, strict=True)]
    if WEIGHT in batch.schema.names:
        earlier = pc.fill_null(batch.column(WEIGHT), 1.0)
        weights *= earlier.to_numpy(zero_copy_only=False)
    batch = schema.with_columns(batch, {WEIGHT: pa.array(weights)})
    values = [f"weight=0 ({text})" for text in said]
    return schema.mark_dropped(batch, weights == 0, RULE, values)


def _factors(
    batch: pa.RecordBatch, settings: Settings
) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
    """The fields that weigh, with the factor of each row.

    Raises:
        UsageError: No record has one of them, or its values are no numbers.
        ValueError: A number is no weight.
    """
    for name, pairs in settings.values:
        weights = dict(pairs)
        values = field_of(batch, name).to_pylist()
        known = [None if value is None else words(value) for value in values]
        yield name, np.array([weights.get(one, 1.0) if one else 1.0 for one in known], np.float64)
    if settings.by:
        column = field_of(batch, settings.by)
        kind = column.type
        if not (
            pa.types.is_integer(kind)
            or pa.types.is_floating(kind)
            or pa.types.is_decimal(kind)
            or pa.types.is_null(kind)
        ):
            raise UsageError(
                f"`{settings.by}` holds {plainly(kind)}, and a weight is a number",
                hint="`values: {FIELD: {VALUE: WEIGHT}}` weighs by words",
                code="no-number",
            )
        factors = pc.fill_null(column.cast(pa.float64()), 1.0).to_numpy(zero_copy_only=False)
        wrong = factors[~((factors >= 0) & (factors <= _MAX_WEIGHT))]
        if len(wrong):
            raise ValueError(
                f"`{settings.by}` is {wrong[0]:g}, and a weight is between 0 and {_MAX_WEIGHT}"
            )
        yield settings.by, factors


def describe(batches: Iterator[pa.RecordBatch], settings: Settings) -> PlainObject:
    """Make-up and diversity of what a training draws by these weights. See `FIGURES`."""
    del settings
    return mixture.describe(batches)
