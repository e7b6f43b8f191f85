"""The manifest makes a data set count; it is read whatever version wrote it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tilth.errors import DataError, MissingError
from tilth.store.manifest import (
    FORMAT,
    MANIFEST,
    Counts,
    File,
    Manifest,
    Shard,
    read_manifest,
    write_manifest,
)

SHARD = Shard(
    name="00000",
    num_in=10,
    kept=7,
    dropped=2,
    quarantine=1,
    files={
        "kept": File(bytes=5, sha256="ab"),
        "dropped": File(bytes=3, sha256="cd"),
        "quarantine": File(bytes=2, sha256="ef"),
    },
    columns={"id": "string"},
    sources={"a": 7},
    by_rule={"rule": 2},
)
WHOLE = Manifest(
    step="clean.rules",
    op="rules",
    identity="1",
    parts={"settings": {"where": ["x > 1"]}},
    counts=Counts(num_in=10, kept=7, dropped=2, quarantined=1),
    by_rule={"rule": 2},
    sources={"a": 7},
    inputs=("collect.a",),
    shards=(SHARD,),
    figures={"mean": 0.5},
)


def test_it_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_manifest(tmp_path, WHOLE)
    assert read_manifest(tmp_path) == WHOLE


def test_its_names_on_disk_are_those_of_the_first_version(tmp_path: Path) -> None:
    write_manifest(tmp_path, WHOLE)
    found = json.loads((tmp_path / MANIFEST).read_text())
    assert found["counts"] == {
        "in": 10,
        "kept": 7,
        "dropped": 2,
        "quarantined": 1,
        "passed_over": 0,
        "born": 0,
        "noted": 0,
    }
    (shard,) = found["shards"]
    assert shard["in"] == shard["kept"] + shard["dropped"] + shard["quarantine"]
    assert shard["schema"] == {"id": "string"}
    assert shard["files"]["kept"] == {"bytes": 5, "sha256": "ab"}


def test_one_of_the_first_version_is_read(tmp_path: Path) -> None:
    shard = {"name": "00000", "in": 2, "kept": 2, "dropped": 0, "quarantine": 0,
             "files": {"kept": {"bytes": 9, "sha256": "ef"}}, "schema": {"id": "string"},
             "sources": {"a": 2}}  # fmt: skip
    counts = {"in": 2, "kept": 2, "dropped": 0, "quarantined": 0}
    old = {"format": 1, "step": "mix.weights", "op": "weights", "identity": "1", "parts": {},
           "counts": counts, "by_rule": {}, "sources": {"a": 2}, "inputs": ["collect.a"],
           "shards": [shard], "figures": {}}  # fmt: skip
    (tmp_path / MANIFEST).write_text(json.dumps(old))
    found = read_manifest(tmp_path)
    assert found.counts == Counts(num_in=2, kept=2, dropped=0, quarantined=0)
    assert found.shards[0].rows("kept") == 2
    assert found.result is None


def test_rows_of_a_kind_are_those_of_the_entry() -> None:
    assert [SHARD.rows(kind) for kind in ("kept", "dropped", "quarantine")] == [7, 2, 1]


@pytest.mark.parametrize("text", ["{", "[]", '{"step": 3}', '{"step": "a", "shards": [{}]}'])
def test_a_damaged_one_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(DataError, match="the manifest cannot be read") as caught:
        read_manifest(tmp_path)
    assert caught.value.where == str(tmp_path / MANIFEST)


def test_one_of_a_later_version_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path, WHOLE.model_copy(update={"format": FORMAT + 1}))
    with pytest.raises(DataError) as caught:
        read_manifest(tmp_path)
    assert caught.value.code == "later-format"


def test_the_format_is_looked_at_before_the_fields(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"format": FORMAT + 1, "name of a step": "a"}))
    with pytest.raises(DataError) as caught:
        read_manifest(tmp_path)
    assert caught.value.code == "later-format"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"counts": None}, "neither counts nor a result"),
        ({"shards": ()}, "not those that were counted"),
        ({"shards": (SHARD, SHARD)}, "stands twice"),
        ({"shards": (SHARD, SHARD.model_copy(update={"name": "1"}))}, "not those that were"),
        ({"counts": Counts(num_in=10, kept=8, dropped=1, quarantined=1)}, "not those that were"),
        ({"shards": (SHARD.model_copy(update={"files": {}}),)}, "shard 00000 lacks a file"),
    ],
)
def test_a_part_that_is_lost_is_no_default(
    change: dict[str, object], told: str, tmp_path: Path
) -> None:
    write_manifest(tmp_path, WHOLE.model_copy(update=change))
    with pytest.raises(DataError, match=told):
        read_manifest(tmp_path)


def test_without_one_there_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no finished data set"):
        read_manifest(tmp_path)


def test_what_an_earlier_version_did_not_keep_has_a_default(tmp_path: Path) -> None:
    files = {"kept": {"bytes": 9, "sha256": "ef"}}
    shard = {"name": "00000", "in": 1, "kept": 1, "dropped": 0, "quarantine": 0, "files": files}
    counts = {"in": 1, "kept": 1, "dropped": 0, "quarantined": 0}
    old = {"step": "mix.weights", "counts": counts, "shards": [shard]}
    (tmp_path / MANIFEST).write_text(json.dumps(old))
    found = read_manifest(tmp_path)
    assert (found.parts, found.by_rule, found.sources, found.figures) == ({}, {}, {}, {})
    assert (found.inputs, found.result) == ((), None)
    (one,) = found.shards
    assert (one.columns, one.sources, one.by_rule) == ({}, {}, {})
