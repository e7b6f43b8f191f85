"""What a data set says of itself: counts, digests, parents, figures. Written last, read first."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, JsonValue

from tilth.errors import MissingError
from tilth.records import Json, Record, damaged, read_file
from tilth.store.files import sha256_file, write_record

Kind = Literal["kept", "dropped", "quarantine"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MANIFEST = "manifest.json"
# The folder of a trained model, and what of it is no part of the model: when and how fast.
MODEL = "model"
RESULT = "result.json"
_BESIDE = (RESULT, "metrics.jsonl")
# The list of what a source passed over.
PASSED_OVER = "passed_over.parquet"
FORMAT = 1


class File(Record):
    """A file as it was committed."""

    bytes: int
    sha256: str


class Shard(Record):
    """A shard's entry in the ledger, which commits it.

    Attributes:
        name: Of its files.
        num_in, kept, dropped, quarantine: Rows.
        born: Rows that came into being here, as parts of those that came in.
        files: What was written: the kinds of rows that there are; the kept ones always.
        columns: Names and types of the kept rows.
        sources, by_rule: Kept rows by source, dropped ones by rule.
    """

    name: str
    num_in: int = Field(alias="in")
    born: int = 0
    kept: int
    dropped: int
    quarantine: int
    files: dict[Kind, File]
    columns: dict[str, str] = Field(default_factory=dict, alias="schema")
    sources: dict[str, int] = Field(default_factory=dict)
    by_rule: dict[str, int] = Field(default_factory=dict)

    def rows(self, kind: Kind) -> int:
        """How many rows of a kind it holds."""
        return {"kept": self.kept, "dropped": self.dropped, "quarantine": self.quarantine}[kind]


class PassedOver(Record):
    """What a source was pointed at and did not read; see `tilth.store.passed`.

    Attributes:
        by_reason: Places by their reason.
        by_note: Places that it did read, with a guess or a change, by which it was.
        file: The list of both; None where there are none.
    """

    by_reason: dict[str, int] = Field(default_factory=dict)
    by_note: dict[str, int] = Field(default_factory=dict)
    file: File | None = None

    def commonest(self) -> list[tuple[str, int]]:
        """Reasons with their numbers, the commonest first."""
        return _commonest(self.by_reason)

    def commonest_notes(self) -> list[tuple[str, int]]:
        """What was noted of places that were read, likewise."""
        return _commonest(self.by_note)


def _commonest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


class Counts(Record):
    """The books of a step: in + born = kept + dropped + quarantined.

    A sample is born where it becomes one: a part of one that came in.

    Attributes:
        num_in, kept, dropped, quarantined, born: Samples.
        passed_over: Beside them, of a source: places that it was pointed at and did not read.
        noted: Places that it read with a guess or a change.
    """

    num_in: int = Field(alias="in")
    born: int = 0
    kept: int
    dropped: int
    quarantined: int
    passed_over: int = 0
    noted: int = 0


class Manifest(Record):
    """What a finished step says of its output.

    Attributes:
        format: Of this file.
        step, op, identity, parts: Which step, and all that its output depends on.
        own: The step whatever comes in; see `tilth.recipe.plan`.
        settled: Of what lies outside and was known by its name until it was fetched: its digest.
        digest: Of its data, or of the model that it trained: what an input is known by.
        reads: Files that code of the user's own opened, by path: SHA-256, or what was not there.
        model: Of a training: the files that it wrote, by name.
        cells: Of a grid: the identities of those that it sums up.
        counts, by_rule, sources, shards: Of a step that sorts samples; without shards of one that
            trains or compares.
        passed_over: Of a source.
        inputs: Names of the steps before it.
        figures: The operation's own, in a shape of its own.
        result: What a stage found; see `tilth.query.runs`.
    """

    format: int = FORMAT
    step: str
    op: str = ""
    identity: str = ""
    parts: Json = Field(default_factory=dict)
    own: str = ""
    settled: str = ""
    digest: str = ""
    reads: dict[str, str] = Field(default_factory=dict)
    model: dict[str, File] = Field(default_factory=dict)
    cells: tuple[str, ...] = ()
    counts: Counts | None = None
    by_rule: dict[str, int] = Field(default_factory=dict)
    sources: dict[str, int] = Field(default_factory=dict)
    passed_over: PassedOver = PassedOver()
    inputs: tuple[str, ...] = ()
    shards: tuple[Shard, ...] = ()
    figures: Json = Field(default_factory=dict)
    result: JsonValue = None


def files_of(folder: Path) -> dict[str, File]:
    """The files of a trained model, by their names below its folder."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): File(
            bytes=path.stat().st_size, sha256=sha256_file(path)
        )
        for path in found
        if path.name not in _BESIDE
    }


def digest_of(manifest: Manifest) -> str:
    """SHA-256 over the data that a step keeps, or the model: equal outputs have equal digests."""
    digest = hashlib.sha256()
    for shard in manifest.shards:
        if "kept" in shard.files:
            digest.update(bytes.fromhex(shard.files["kept"].sha256))
    for name, file in sorted(manifest.model.items()):
        digest.update(f"{name} {file.sha256}\n".encode())
    return digest.hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it: from here on the data set is finished.

    Raises:
        StorageError: The disk is full or the folder cannot be written.
    """
    write_record(folder / MANIFEST, manifest)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a finished data set, of this version or an earlier one.

    Raises:
        MissingError: There is none.
        DataError: It is damaged, or of a later version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise no_data_set(folder)
    found = read_file(Manifest, path, "the manifest")
    if (wrong := _imbalance(found)) is not None:
        raise damaged("the manifest", wrong, str(path))
    return found


def _imbalance(manifest: Manifest) -> str | None:
    """What of a manifest cannot be: a part of it that is lost has a default, and would pass."""
    counts, shards = manifest.counts, manifest.shards
    if counts is None:
        return "it has neither counts nor a result" if manifest.result is None else None
    if len({shard.name for shard in shards}) < len(shards):
        return "a shard stands twice"
    sums = Counts(
        num_in=sum(shard.num_in for shard in shards),
        born=sum(shard.born for shard in shards),
        kept=sum(shard.kept for shard in shards),
        dropped=sum(shard.dropped for shard in shards),
        quarantined=sum(shard.quarantine for shard in shards),
        passed_over=sum(manifest.passed_over.by_reason.values()),
        noted=sum(manifest.passed_over.by_note.values()),
    )
    if sums != counts:
        return "its shards are not those that were counted"
    for shard in shards:
        if any(shard.rows(kind) and kind not in shard.files for kind in KINDS):
            return f"shard {shard.name} lacks a file"
    return None


def no_data_set(folder: Path) -> MissingError:
    """The error of a folder that holds no finished data set."""
    return MissingError(
        "there is no finished data set here",
        where=str(folder),
        hint="run the recipe again; it goes on where it stopped",
    )
