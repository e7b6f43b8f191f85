"""The setting `join` of every source: a table from elsewhere, such as the labels of its files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from tilth.decode.text import AUTO, Encoding
from tilth.formats import archive
from tilth.formats.streams import SourceFile
from tilth.reading import inputs, kinds
from tilth.reading.fetching import (
    AnyPlace,
    Digest,
    Headers,
    KnownHosts,
    Sha256,
    Size,
    Storage,
    Store,
    Url,
)
from tilth.reading.fields import Fields, Meta, filled
from tilth.schema import META
from tilth.settings import BaseSettings
from tilth.web.stores import scheme_of

# What of a sample may be compared beside the name of its file and fields of its own.
_COLUMNS = ("uri", "subject", "label", "target", "text")
# How what is not on this machine is reached.
_OUTSIDE = ("storage", "allow_hosts")
_OF_URL = ("url", "headers", "sha256", "size")
_FILES = ("path", "name", "stem")
ANY_FILE = ("",)
LABEL_STUDIO = "label_studio"
# What only one of source and table can state, and both often do where somebody forgot one.
_ONCE = ("label", "target", "text")


class Answers(BaseSettings):
    """A table of answers has one person's answer a row: many rows are of one item."""

    annotator: str = Field(description="field that says who answered")
    label: str = Field(description="field with the answer; an empty one is passed over")


class JoinFields(BaseSettings):
    """Which field of the table is which column, as `fields` of other sources."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str] = Field(init=False)

    label: str | None = Field(None, description="field with the label")
    target: str | None = Field(None, description="field with the translation or transcript")
    text: str | None = Field(None, description="field with the text")
    split: str | None = Field(None, description="field with train, validation or test")
    license: str | None = Field(None, description="field with the licence")
    subject: str | None = Field(None, description="field saying whose data it is, for erasure")
    annotations: str | None = Field(
        None, description="field with people's answers: a list of {annotator, label}, or its JSON"
    )
    consent: str | None = Field(None, description="field with the evidence of consent")
    fetched_at: str | None = Field(None, description="field saying when it was fetched")
    meta: Meta = Field(
        "all",
        description="fields that travel as `meta.NAME`: all that nothing else takes, none, or "
        "those of a list; of a long table of answers none",
    )

    @model_validator(mode="after")
    def _are_fields(self) -> JoinFields:
        for name in ("id", "uri"):
            if name in (self.__pydantic_extra__ or {}):
                raise ValueError(f"`{name}` stays the sample's own; what is compared is `key`")
        self.with_key("")
        return self

    def with_key(self, key: str) -> Fields:
        """The same, of a table whose records are known by a field; without text unless named."""
        given = {name: value for name, value in self if name != "text" and value is not None}
        fields = Fields.model_validate(given)
        # No recipe may name no text at all; a table beside samples need not have one.
        text = () if self.text is None else (self.text,)
        return fields.model_copy(update={"id": key, "text": text})


class Join(BaseSettings):
    """A table whose rows are put beside the samples that they are of.

    CSV, TSV, JSON, JSON Lines, Parquet, Arrow, XLSX, ODS, plain or packed, or the export of Label
    Studio, by its content. A row that fits no sample is passed over; one that cannot be read is
    quarantined.
    """

    path: AnyPlace = Field(
        None,
        min_length=1,
        description="file, folder or glob, or at s3:// or gs://; without it and without `url`: the "
        "files `metadata.csv`, `.jsonl` or `.parquet` that lie among the source's own, as "
        "ImageFolder and AudioFolder have them",
    )
    url: Url = Field(None, description="address to fetch the table from, instead of `path`")
    headers: Headers = Field({})
    sha256: Sha256 = Field(None, description="SHA-256 of the table at `url`, in hex")
    size: Size = Field(None, description="bytes of the table at `url`", ge=0)
    by: str = Field(
        "path",
        description="what of a sample is compared: `path`, the end of its file's path from any "
        "folder on; `name`, without folders; `stem`, also without its ending; `id`, the record's "
        "own; `uri`, `subject`, `label`, `target`, `text`, or a field as `meta.NAME`",
    )
    key: str = Field("file_name", min_length=1, description="field of the table that is compared")
    fields: JoinFields = Field(
        JoinFields(), description="which field of the table is the label, split, target, ..."
    )
    answers: Answers | Literal["label_studio"] | None = Field(
        None,
        description="people's answers, into `annotations`: fields of a long table, an answer a "
        "row; or `label_studio`, an export of which `key` is a field of a task's data, or `id`",
    )
    missing: Literal["keep", "drop"] = Field(
        "keep", description="what becomes of samples without a row; they are counted either way"
    )
    prefer: Literal["source", "table"] | None = Field(
        None,
        description="whose value stands where both state one and they differ; without it such a "
        "sample is quarantined. Answers add up",
    )
    control: str | None = Field(
        None, description="of a Label Studio export: the control tag to read, where it has several"
    )
    encoding: Encoding = Field(
        AUTO,
        description="character encoding of a table without a byte order mark; `auto`: as it looks",
    )
    storage: Storage = Store()
    allow_hosts: KnownHosts = ()
    digest: Digest = "stat"
    max_record_bytes: int = Field(
        1 << 20,
        description="bytes that a row may have; a longer one is quarantined",
        ge=64,
        le=inputs.MAX_RECORD_BYTES,
    )
    max_table_bytes: int = Field(
        1 << 30, description="bytes of memory that the table may take, about", ge=1 << 10
    )

    @model_validator(mode="before")
    @classmethod
    def _of_answers_none_travels(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or not isinstance(given.get("answers"), Mapping):
            return given
        fields = given.get("fields", {})
        return (
            {**given, "fields": {"meta": "none", **fields}} if isinstance(fields, dict) else given
        )

    @field_validator("by")
    @classmethod
    def _is_compared(cls, value: str) -> str:
        known = (*_FILES, "id", *_COLUMNS)
        if value not in known and not value.removeprefix(META):
            raise ValueError("`meta.` names no field")
        if value not in known and not value.startswith(META):
            listed = ", ".join(known)
            raise ValueError(f"`{value}` is none of {listed}, and no field as `meta.{value}`")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Join:
        if self.control is not None and self.answers != LABEL_STUDIO:
            raise ValueError("`control` belongs to `answers: label_studio`")
        if self.lies_beside and self.by != "path":
            raise ValueError("without `path` the files beside are read, and `by` is `path`")
        fields = self.fields.with_key("")
        if self.key in (*fields.taken(), *fields.others.values()):
            raise ValueError(f"`key: {self.key}` is compared, and fills no other column")
        if self.answers is not None and (self.fields.annotations or self.fields.label):
            raise ValueError(
                "`answers` are people's; a label that is not goes by a `join` of its own, from a "
                "table with one row an item"
            )
        if not self.lies_beside:
            try:
                inputs.FileSettings.model_validate(self._place())
            except ValidationError as error:
                raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        elif self.storage != Store() or self.allow_hosts:
            raise ValueError(
                "`storage` and `allow_hosts` belong to a `path`: without it those of the source act"
            )
        elif self.headers or self.sha256 is not None or self.size is not None:
            raise ValueError("`headers`, `sha256` and `size` belong to a `url`")
        return self

    @property
    def lies_beside(self) -> bool:
        """Whether the table is looked for among the source's own files."""
        return self.path is None and self.url is None

    @property
    def column(self) -> str:
        """The column of a sample that is compared."""
        if self.by in _FILES:
            return "uri"
        return "key" if self.by == "id" else self.by

    def files(self, source: BaseSettings) -> inputs.FileSettings:
        """Where the table is.

        Args:
            source: Settings of what it is joined to.
        """
        own = self._place()
        own["mirror"] = getattr(source, "mirror", None)
        of_source = {name: getattr(source, name, own[name]) for name in ("path", *_OUTSIDE)}
        if self.lies_beside:
            return inputs.FileSettings.model_validate({**own, **of_source})
        if self.path is None:
            return inputs.FileSettings.model_validate(own)
        # What is in the store that the source is in is reached as that is.
        is_same = scheme_of(self.path) == scheme_of(str(of_source["path"] or ""))
        if is_same and scheme_of(self.path) and not (self.allow_hosts or self.storage != Store()):
            own |= {name: of_source[name] for name in _OUTSIDE}
        return inputs.FileSettings.model_validate(own)

    def _place(self) -> dict[str, object]:
        names = ("path", *_OF_URL, *_OUTSIDE, "digest", "max_record_bytes")
        return {name: getattr(self, name) for name in names}


DESCRIPTION = (
    "a table from elsewhere whose rows are joined to the samples, or a list of them: "
    "{path: labels.csv, key: file, fields: {label: class}}; `metadata`: the tables of Hugging "
    "Face's ImageFolder and AudioFolder, which lie among the files"
)


def joins_of(settings: BaseSettings) -> tuple[Join, ...]:
    """The tables that a source's settings join to it."""
    found: tuple[Join, ...] = getattr(settings, "join", ())
    return found


def join_fingerprint(settings: BaseSettings) -> str:
    """Names and digests of the tables that a source's settings join to it.

    Raises:
        MissingError: One is not there.
    """
    return "\n".join(_fingerprint(join, join.files(settings)) for join in joins_of(settings))


def _fingerprint(join: Join, settings: inputs.FileSettings) -> str:
    if not join.lies_beside:
        return inputs.fingerprint_files(settings, ANY_FILE)
    found = [file for file in inputs.find_files(settings, ANY_FILE) if is_beside(file)]
    return inputs.fingerprint_paths(found, settings.digest)


def is_beside(file: SourceFile) -> bool:
    """Whether a file among a source's own is a table of them, or may hold one."""
    return kinds.is_metadata(file.name) or file.name.lower().endswith(archive.ENDINGS)


def filled_by(join: Join) -> tuple[str, ...]:
    """The columns that a sample may have of a table, as far as the settings tell."""
    fields = join.fields.with_key(join.key)
    names = [n for n in filled(fields, license=None, split=None) if n != "text" or fields.text]
    if join.answers is not None:
        names.append("annotations")
    if join.answers == LABEL_STUDIO:
        names += ["label", "split"]
    if "label" in names:
        names += ["label_confidence", "label_origin"]
    return tuple(dict.fromkeys(names))


def stated_twice(settings: BaseSettings, own: Collection[str]) -> str:
    """A column that the source and a table both state by their settings; empty: there is none.

    Args:
        settings: Of the source.
        own: The columns that it may fill itself.
    """
    before = set(own)
    for join in joins_of(settings):
        names = filled_by(join) if join.answers != LABEL_STUDIO else ()
        for name in _ONCE:
            if name in names and name in before and join.prefer is None:
                return name
        before.update(names)
    return ""
