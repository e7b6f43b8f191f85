"""What a run left on disk, step by step, as bytes; and in what two of them differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.engine.modalities import timeless

_FETCHED = "fetched_at"
# Of a manifest, what is made. The rest says how it came about.
_MADE = ("counts", "by_rule", "sources", "shards", "figures", "result")
# What is read of a model, beside its weights: results stand there too, and nothing reads them.
_READ = {"config.json", "tokenizer.json"}
# Beside a model, and written by the report where one is.
_TOLD = {"README.md", "generated.json"}


@dataclass(frozen=True)
class Left:
    """What a step left.

    Attributes:
        made: Digest of each file, and the parts of the manifest as JSON, by their names.
        data: Digest of what the steps after it read.
        inputs: Names of the steps before it.
        folder: Its name.
    """

    made: dict[str, str]
    data: str
    inputs: tuple[str, ...]
    folder: str


def read_outcome(run: Path, *, clocked: bool = False) -> dict[str, Left]:
    """What each step of a finished run left, by its name.

    Args:
        run: Its folder.
        clocked: Its rows say when they were fetched, which is left out of them.
    """
    record = json.loads((run / "run.json").read_text("utf-8"))
    return {
        step["name"]: _left(run / "data" / step["folder"], tuple(step["inputs"]), clocked)
        for step in record["steps"]
    }


def _left(folder: Path, inputs: tuple[str, ...], clocked: bool) -> Left:
    made: dict[str, str] = {}
    data = hashlib.sha256()
    for name, path in _files(folder):
        made[name] = _digest_of_rows(path) if clocked else _digest(path)
        if name.startswith("kept/") or path.name in _READ or path.suffix == ".safetensors":
            data.update(f"{name} {made[name]}\n".encode())
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    if clocked:
        for shard in manifest["shards"]:
            del shard["files"]
    for part in _MADE:
        made[f"manifest: {part}"] = json.dumps(timeless(manifest.get(part)), sort_keys=True)
    return Left(made, data.hexdigest(), inputs, folder.name)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for kind in ("kept", "dropped", "quarantine", "model"):
        for path in sorted((folder / kind).rglob("*")):
            if path.is_file() and path.name not in _TOLD:
                yield path.relative_to(folder).as_posix(), path


def _digest(path: Path) -> str:
    if path.suffix == ".json":
        return json.dumps(timeless(json.loads(path.read_bytes())), sort_keys=True)
    if path.suffix == ".jsonl":
        lines = map(json.loads, path.read_text("utf-8").splitlines())
        return json.dumps([timeless(line) for line in lines], sort_keys=True)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest_of_rows(path: Path) -> str:
    try:
        rows = pq.read_table(path)
    except (OSError, pa.ArrowException):
        return _digest(path)  # damaged: it is like no other
    if _FETCHED in rows.column_names:
        rows = rows.drop_columns([_FETCHED])
    return hashlib.sha256(repr((rows.schema, rows.to_pylist())).encode()).hexdigest()


def differences(old: dict[str, Left], fresh: dict[str, Left]) -> str:
    """In what a run differs from one that was made from nothing: of the first step that does, how,
    and the names of the others; nothing: in nothing."""
    if list(old) != list(fresh):
        return f"the steps are {', '.join(old)} instead of {', '.join(fresh)}"
    found = {name: _between(old[name].made, fresh[name].made) for name in fresh}
    names = [name for name, between in found.items() if between]
    if not names:
        return ""
    after = f"; and {', '.join(names[1:])}" if names[1:] else ""
    return f"{names[0]} ({'; '.join(found[names[0]][:3])}){after}"


def _between(old: dict[str, str], fresh: dict[str, str]) -> list[str]:
    found = []
    for name in sorted({*old, *fresh}):
        one, other = old.get(name, "nothing"), fresh.get(name, "nothing")
        if one != other:
            found.append(f"{name}: {_around(one, other)}")
    return found


def _around(one: Any, other: Any) -> str:
    """Where two texts begin to differ."""
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    at = max(0, at - 20)
    return f"{one[at : at + 50]} instead of {other[at : at + 50]}"
