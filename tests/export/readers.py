"""Small readers of what is exported, by the formats' descriptions: none of it is a writer's."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def peer(name: str) -> Any:
    """A peer's module, which `.ci/peers` installs apart; without it the test is skipped."""
    try:
        return importlib.import_module(name)
    except ImportError:
        if os.environ.get("TILTH_REQUIRE_PEERS"):
            raise
        pytest.skip(f"`{name}` is a peer, installed by .ci/peers")


def read_tar(folder: Path) -> list[dict[str, bytes]]:
    """The samples of a WebDataset: files by what follows the first dot of their names, by key."""
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as archive:
            for member in archive:
                key, _, field = member.name.partition(".")
                file = archive.extractfile(member)
                assert file is not None
                assert field not in found.setdefault(key, {})
                found[key][field] = file.read()
    return list(found.values())


def read_mds(folder: Path) -> list[dict[str, Any]]:
    """The samples of an MDS data set."""
    index = json.loads((folder / "index.json").read_bytes())
    assert index["version"] == 2
    found = []
    for shard in index["shards"]:
        data = (folder / shard["raw_data"]["basename"]).read_bytes()
        assert len(data) == shard["raw_data"]["bytes"]
        (num,) = struct.unpack_from("<I", data)
        assert num == shard["samples"]
        offsets = struct.unpack_from(f"<{num + 1}I", data, 4)
        assert json.loads(data[4 * (num + 2) : offsets[0]])["column_names"] == shard["column_names"]
        for begin, end in itertools.pairwise(offsets):
            found.append(_mds_sample(data[begin:end], shard))
    return found


def _mds_sample(data: bytes, shard: dict[str, Any]) -> dict[str, Any]:
    free = shard["column_sizes"].count(None)
    sizes = iter(struct.unpack_from(f"<{free}I", data))
    at, sample = 4 * free, {}
    decoders: dict[str, Callable[[bytes], Any]] = {
        "str": bytes.decode,
        "bytes": bytes,
        "json": json.loads,
        "float64": lambda part: struct.unpack("<d", part)[0],
    }
    columns = zip(
        shard["column_names"], shard["column_encodings"], shard["column_sizes"], strict=True
    )
    for name, encoding, size in columns:
        size = next(sizes) if size is None else size
        sample[name] = decoders[encoding](data[at : at + size])
        at += size
    assert at == len(data)
    return sample


def read_megatron(prefix: Path) -> list[list[int]]:
    """The documents of `PREFIX.bin` and `PREFIX.idx`."""
    index = prefix.with_name(prefix.name + ".idx").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, code, num, ends = struct.unpack_from("<QBQQ", index, 9)
    assert version == 1
    dtypes: dict[int, np.dtype[Any]] = {8: np.dtype("<u2"), 4: np.dtype("<i4")}
    dtype = dtypes[code]
    lengths = np.frombuffer(index, "<i4", num, 34)
    pointers = np.frombuffer(index, "<i8", num, 34 + 4 * num)
    documents = np.frombuffer(index, "<i8", ends, 34 + 12 * num)
    assert len(index) == 34 + 12 * num + 8 * ends
    assert documents.tolist() == list(range(num + 1))
    data = prefix.with_name(prefix.name + ".bin").read_bytes()
    return [
        np.frombuffer(data, dtype, length, pointer).tolist()
        for length, pointer in zip(lengths, pointers, strict=True)
    ]
