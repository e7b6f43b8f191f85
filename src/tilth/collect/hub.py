"""Read a data set in the layout of the Hugging Face hub: by its name there, or from a folder here.

Of a name one commit is read, and the commit is what the step is known by; its files are those in
the cache of `huggingface_hub`, or are fetched into it. No code of a data set is ever run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Final, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from tilth.collect import hub_rows
from tilth.collect.hub_rows import Roles
from tilth.context import Context, PassesOver, unsaid
from tilth.errors import DataError
from tilth.formats.hub_card import CardError, Features, features_of
from tilth.reading import hub_tree, inputs, limits, records
from tilth.reading.carry import Carrier
from tilth.reading.fetching import Digest, Headers, KnownHosts, License, Place
from tilth.reading.fields import Fields, columns_of, filled
from tilth.reading.hub_tree import Chosen, Tree
from tilth.reading.named import no_such_name
from tilth.reading.whole import MAX_PIXELS, MaxPixels
from tilth.settings import ActsOn, AnyOrder, BaseSettings
from tilth.splits import SplitName
from tilth.web.address import AddressRefusedError, allowed_places, check_url
from tilth.web.hub import NAME, REVISION, Repository

OTHER_ROWS: Final = "a split of which README.md counts other rows than there are"


class Settings(BaseSettings):
    """Read a data set of the Hugging Face hub, by name or from a folder in its layout.

    Class numbers become their names; a column of pictures or sound is decoded whole, and what is
    damaged is quarantined; every other column travels as `meta.NAME`. The splits are those of
    README.md, or of the names of the files. A data set with a loading script is refused.
    """

    name: Annotated[str | None, Field(pattern=NAME)] = Field(
        None, description="data set on the hub, as `owner/name`"
    )
    revision: Annotated[str, Field(pattern=REVISION), ActsOn("outside")] = Field(
        "main",
        description="commit, branch or tag of `name`; only a commit stays what it is",
    )
    path: Place = Field(
        None,
        description="folder in the hub's layout, or one of `datasets.save_to_disk`, instead of "
        "`name`",
    )
    config: str | None = Field(
        None, description="table of the data set, where README.md names several", min_length=1
    )
    split: str | tuple[str, ...] | None = Field(
        None, description="splits to read, as the data set calls them; empty: all"
    )
    splits: Annotated[dict[str, SplitName | Literal["none"]], AnyOrder()] = Field(
        default_factory=dict,
        description="split of the data set -> split; `none`: its rows have none yet. Beside train, "
        "training, val, valid, validation, dev and test, and before them",
    )
    fields: Fields = Field(
        Fields(),
        description="which column is the text, label, ...; the label is the column of "
        "classes that is called `label`, or the only one, where nothing else is said",
    )
    image: str | None = Field(
        None, description="column with pictures, where the data set does not say or has several"
    )
    audio: str | None = Field(
        None, description="column with sound, where the data set does not say or has several"
    )
    endpoint: Annotated[str | None, ActsOn("outside")] = Field(
        None, description="address of the hub; default: $HF_ENDPOINT, or https://huggingface.co"
    )
    headers: Headers = Field({})
    allow_hosts: KnownHosts = ()
    digest: Digest = "stat"
    max_record_bytes: int = Field(
        64 << 20,
        description="bytes that one record may have; a longer one is quarantined",
        ge=64,
        le=inputs.MAX_RECORD_BYTES,
    )
    max_pixels: MaxPixels = MAX_PIXELS
    license: License = Field(
        None, description="licence of rows that do not state their own; default: that of README.md"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Settings:
        if (self.name is None) == (self.path is None):
            raise ValueError("either `name: owner/name` on the hub, or `path: FOLDER`")
        if self.name is None:
            given = ("endpoint", "headers", "allow_hosts")
            for one in (*given, *(["revision"] if self.revision != "main" else [])):
                if getattr(self, one):
                    raise ValueError(f"`{one}` belongs to `name`: a folder is here")
        if self.endpoint is not None:
            try:
                check_url(self.endpoint, allowed_places(self.allow_hosts, [self.endpoint]))
            except AddressRefusedError as error:
                raise ValueError(f"{error}; list it in `allow_hosts` if it is meant") from None
        return self

    def normal(self) -> Settings:
        """One split is the same whether it stands in a list or not."""
        one = self.split
        return self.model_copy(update={"split": (one,)}) if isinstance(one, str) else self

    @property
    def repository(self) -> Repository:
        """What `name` stands for."""
        assert self.name is not None
        return Repository(self.name, self.revision, self.endpoint, self.headers, self.allow_hosts)

    @property
    def where(self) -> str:
        """How the user named it."""
        return self.path or self.name or ""


def warns(settings: Settings) -> str:
    """What should be known of the settings before a run; empty: nothing."""
    if settings.name is None or settings.repository.is_pinned:
        return ""
    return (
        f"`{settings.name}` is read at `{settings.revision}`, which may be another commit "
        "tomorrow: name the commit as its `revision`"
    )


def fingerprint(settings: Settings) -> str:
    """Of a name its commit, which is asked for where only the hub knows it; else the files.

    Raises:
        MissingError: There is no such folder, or the hub does not answer.
        DataError: It is no data set that can be read.
    """
    if settings.name is not None:
        uri = f"hf://datasets/{settings.name}"
        return f"{settings.name!a} {uri!a} {settings.repository.commit()}"
    others = inputs.Others()
    tree = _tree(settings, others)
    chosen = hub_tree.choose(tree, settings.config, _wanted(settings), others)
    files = [tree.file(name) for name in dict.fromkeys([*chosen.told_by, *chosen.names])]
    return "\n".join([inputs.fingerprint_paths(files, settings.digest), *others.lines])


def fills(settings: Settings) -> tuple[str, ...]:
    """The columns that a row may have, as far as the settings tell."""
    told = filled(settings.fields, license="any", split=True)
    media = ("image", "audio", "label", "label_origin")
    return tuple(dict.fromkeys((*told, *media)))


def read(settings: Settings, source: str, context: Context) -> Iterator[pa.RecordBatch]:
    """The rows of all splits, in the order of the data set.

    Raises:
        MissingError: There is no such folder; or a file is neither in the cache nor to be had.
        DataError: No row at all, no layout that can be read, a loading script, a split, table or
            column that is not there, a damaged file, or one that changed meanwhile.
        UsageError: An address is not allowed.
    """
    tree = _tree(settings, context.passes_over, context)
    chosen = hub_tree.choose(tree, settings.config, _wanted(settings), context.passes_over)
    splits = _splits(chosen, settings)
    watched = inputs.Watched()
    files = [watched.add(tree.file(name)) for name in chosen.names]
    roles = _roles(files[0], chosen.config.features, settings)
    batcher = records.Batcher(
        source,
        _columns(roles),
        {"license": settings.license or chosen.card.license},
        context.limit,
    )
    carrier = Carrier(context, roles.fields.meta, roles.fields.others, roles.reading.taken())
    by_name = {file.name: file for file in files}
    parts = [(by_name[name], split) for split, names in chosen.splits.items() for name in names]
    takes = limits.sharing(context.limit, lambda: _kinds(parts, splits, roles, settings, context))
    meter = inputs.Meter(files, context)
    counts: Counter[str] = Counter()
    for file, split in parts:
        carrier.begin(file.uri)
        most = settings.max_record_bytes
        for place, row, size, beside in hub_rows.read_file(file, roles, most, context, carrier):
            if batcher.is_full:
                break
            counts[split] += 1
            row = _with_split(row, splits[split])
            if takes(limits.kind_of(row)):
                row = hub_rows.decoded(row, settings.max_pixels, place, context.passes_over)
                yield from batcher.add_found(row, place, size, beside)
        meter.finish(file, batcher.num_rows)
    yield from batcher.flush()
    watched.check()
    if batcher.num_rows == 0:
        raise inputs.empty_source(settings.where)
    if context.limit is None:
        for split, count in chosen.config.num_rows.items():
            if split in counts and counts[split] != count:
                context.passes_over(f"{tree.uri('README.md')}:{split}", OTHER_ROWS)


def _tree(settings: Settings, tell: PassesOver, context: Context | None = None) -> Tree:
    if settings.path is not None:
        return hub_tree.of_folder(settings.path, tell)
    return hub_tree.of_hub(settings.repository, tell, context)


def _wanted(settings: Settings) -> tuple[str, ...]:
    given = settings.split
    return (given,) if isinstance(given, str) else given or ()


def _splits(chosen: Chosen, settings: Settings) -> dict[str, str | None]:
    """Split of the data set -> split of its rows.

    Raises:
        DataError: One has a name of its own, and the recipe does not say what it is.
    """
    unknown = [name for name in settings.splits if name not in chosen.all_splits]
    if unknown:
        raise no_such_name("splits", unknown[0], "split", list(chosen.all_splits), settings.where)
    found: dict[str, str | None] = {}
    for name in chosen.splits:
        said = settings.splits.get(name) or records.SPLITS.get(name.lower())
        if name == hub_tree.NO_SPLIT:
            said = said or "none"
        if said is None:
            raise DataError(
                f"the split `{name[:80]}` is none of train, validation, test",
                where=settings.where,
                hint=f"say what it is: `splits: {{{name[:80]}: train}}`, or `none` where its rows "
                "have no split yet",
                code="unknown-name",
            )
        found[name] = None if said == "none" else said
    return found


def _roles(file: inputs.SourceFile, told: Features, settings: Settings) -> Roles:
    """Which column is what, by the data set, and the recipe before it.

    Raises:
        DataError: There are several of a kind, or none that could be a sample.
    """
    schema = hub_rows.schema_of(file)
    try:
        own = features_of(None if schema is None else schema.metadata)
    except CardError as error:
        raise DataError(str(error), where=file.uri, code="damaged-file") from None
    features = {**told, **own}
    there = list(features) if schema is None else schema.names
    fields = settings.fields

    def of_kind(kind: str) -> list[str]:
        return [one for one in there if one in features and features[one].kind == kind]

    where = settings.where
    taken = {one for one in (settings.image, settings.audio) if one is not None}
    media = {
        kind: given
        or hub_rows.only_one([one for one in of_kind(kind) if one not in taken], kind, where)
        for kind, given in (("image", settings.image), ("audio", settings.audio))
    }
    classes = [one for one in of_kind("class") if one not in fields.taken()]
    label = "label" if "label" in classes else classes[0] if len(classes) == 1 else None
    if fields.label is None and label is not None:
        fields = fields.model_copy(update={"label": label})
    text = (fields.text,) if isinstance(fields.text, str) else fields.text
    others = fields.model_copy(update={"text": ()}).taken()
    # Beside pictures and sound a text is read where there is one.
    if any(media.values()) and text == ("text",) and ("text" not in there or "text" in others):
        text = ()
    return Roles(features, text, media["image"], media["audio"], fields)


def _columns(roles: Roles) -> tuple[str, ...]:
    names = [name for name in columns_of(roles.fields) if name != "text" or roles.text]
    media = [name for name in ("image", "audio") if getattr(roles, name)]
    return tuple(dict.fromkeys([*names, *media, "split"]))


def _with_split(row: hub_rows.Made, split: str | None) -> hub_rows.Made:
    if not isinstance(row, records.RecordError) and split is not None:
        row.setdefault("split", split)
    return row


def _kinds(
    parts: Sequence[tuple[inputs.SourceFile, str]],
    splits: Mapping[str, str | None],
    roles: Roles,
    settings: Settings,
    context: Context,
) -> Iterator[limits.Kind]:
    """The kind of every record, in the order of the source."""
    quiet = replace(context, passes_over=unsaid)
    for file, split in parts:
        most = settings.max_record_bytes
        for _, row, _, _ in hub_rows.read_file(file, roles, most, quiet, None):
            yield limits.kind_of(_with_split(row, splits[split]))
