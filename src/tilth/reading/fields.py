"""Which field of a source is which column, as the setting `fields` of a recipe says."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from tilth import schema
from tilth.hints import is_slip
from tilth.settings import BaseSettings

# Before the name of what stands beside a sample's own fields in what Tilth wrote out: `meta.source`
# is a field of the sample's, `meta.export.source` the source that it had there.
EXPORT = "export."

# What of `Fields` is no name of one field.
_NO_FIELD = ("text", "meta")

Meta = Annotated[
    Literal["all", "none"] | tuple[str, ...],
    Field(
        description="fields that travel as `meta.NAME`: all that nothing else takes, none, or "
        "those of a list"
    ),
]


class Fields(BaseSettings):
    """Which field of the source is which column; `a.b` reaches into a nested object.

    A key that is no column of the schema names one of the record's own: `year: issued.year` fills
    `meta.year`. What no key takes travels as `meta.NAME`, as far as `meta` says.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str] = Field(init=False)

    text: str | Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        "text", description="field with the text; several are joined by a line break"
    )
    id: str | None = Field(
        None, description="field that names the record; where there is none: file and row"
    )
    label: str | None = Field(
        None, description="field with the label; blanks around it are no part of it"
    )
    target: str | None = Field(None, description="field with the translation or transcript")
    uri: str | None = Field(
        None, description="field with the address; where there is none: file and row"
    )
    split: str | None = Field(
        None, description="field with train, validation or test; an empty one states none"
    )
    license: str | None = Field(
        None, description="field with the licence; an empty one states none"
    )
    subject: str | None = Field(None, description="field saying whose data it is, for erasure")
    annotations: str | None = Field(
        None,
        description="field with people's answers: a list of {annotator, label}, or a text that is "
        "one in JSON",
    )
    consent: str | None = Field(None, description="field with the evidence of consent")
    fetched_at: str | None = Field(None, description="field saying when it was fetched")
    meta: Meta = "all"

    @model_validator(mode="after")
    def _are_fields(self) -> Fields:
        for key in self.others:
            _check_key(key)
            if key.startswith(schema.META) and key.removeprefix(schema.META) in self.others:
                raise ValueError(f"`{key}` and `{key.removeprefix(schema.META)}` are one column")
        return self

    @property
    def others(self) -> dict[str, str]:
        """Keys that are no column of the schema, with the fields that they name, by key."""
        return dict(sorted((self.__pydantic_extra__ or {}).items()))

    def taken(self) -> tuple[str, ...]:
        """The fields that become columns of the schema, the text's first."""
        texts = (self.text,) if isinstance(self.text, str) else self.text
        given = (getattr(self, name) for name in Fields.model_fields if name not in _NO_FIELD)
        return (*texts, *(name for name in given if name is not None))

    def normal(self) -> Fields:
        """One field of text is the same whether it stands in a list or not."""
        only = len(self.text) == 1 and not isinstance(self.text, str)
        return self.model_copy(update={"text": self.text[0]}) if only else self


def _check_key(key: str) -> None:
    """Refuse a key that is likely a slip of one that is a column.

    Raises:
        ValueError: It is.
    """
    if key.startswith(schema.META):
        return
    if key in schema.SCHEMA:
        raise ValueError(f"`{key}` is a column that no field fills; `meta.{key}: ...` is free")
    known = [name for name in Fields.model_fields if is_slip(key, name)]
    if known:
        raise ValueError(
            f"`{key}` is no column; did you mean `{known[0]}`? (`meta.{key}: ...` if it is meant)"
        )


def names_of(fields: Fields) -> tuple[str, ...]:
    """The source's fields that are named, the text's first."""
    listed = () if isinstance(fields.meta, str) else fields.meta
    return tuple(dict.fromkeys((*fields.taken(), *fields.others.values(), *listed)))


def open_names_of(fields: Fields) -> tuple[str, ...]:
    """The source's fields that a record may lack: all but those of its text and its target."""
    return tuple(
        name for name in names_of(fields) if name not in fields.text and name != fields.target
    )


def tells_kinds(fields: Fields) -> bool:
    """Whether the rows may be of several splits or classes, as their fields say."""
    return any((fields.split, fields.label, fields.annotations))


def columns_of(fields: Fields) -> tuple[str, ...]:
    """The payload columns that `make_row` may fill, in the schema's order."""
    names = {"text"}
    names |= {
        name
        for name in (
            *("target", "split", "license", "subject", "annotations"),
            *("consent", "fetched_at"),
        )
        if getattr(fields, name) is not None
    }
    if fields.label is not None:
        names |= {"label", "label_origin"}
    return tuple(name for name in schema.SCHEMA if name in names)


def filled(fields: Fields, *, license: str | None, split: object) -> tuple[str, ...]:
    """The columns that a row may have: from its fields, and by default.

    Args:
        fields: Which field is which column.
        license, split: What rows have that do not say; nothing: none.
    """
    defaults = {"license": license, "split": split}
    own = [schema.META + key.removeprefix(schema.META) for key in fields.others]
    own += carried(fields.meta)
    return (*columns_of(fields), *(name for name, given in defaults.items() if given), *own)


def carried(meta: Meta) -> tuple[str, ...]:
    """The columns that a source may have of fields that no key names."""
    if meta == "all":
        return (schema.ANY_META,)
    listed = () if meta == "none" else meta
    # An object `meta` has fields that nobody knows beforehand.
    return tuple(
        schema.ANY_META if name == "meta" else schema.META + name.removeprefix(schema.META)
        for name in listed
    )


# Columns that decide what becomes of a sample; a field may be called so and be taken by no key.
_DECIDING = ("text", "label", "target", "split", "license", "annotations")


def unclaimed(fields: Fields, columns: Collection[str]) -> list[str]:
    """What is to be told of fields that travel and are called like a column that they do not fill.

    Args:
        fields: Of the source.
        columns: Those that its records have besides, as `meta.label`.
    """
    return [
        f"the field `{name}` travels as `{column}`; `fields: {{{name}: {name}}}` makes it the "
        f"{name}"
        for name in _DECIDING
        for column in (schema.META + name, schema.META + EXPORT + name)
        if column in columns and name not in fields.taken() and _is_open(fields, name)
    ]


def _is_open(fields: Fields, name: str) -> bool:
    # What the recipe itself puts into `meta.label` is meant so.
    own = {key.removeprefix(schema.META) for key in fields.others}
    return name not in own and (name == "text" or getattr(fields, name) is None)
