"""The names of the formats of an export, which the command line reads before anything else."""

from __future__ import annotations

from typing import Literal, get_args

FormatName = Literal[
    "parquet",
    "jsonl",
    "csv",
    "imagefolder",
    "audiofolder",
    "webdataset",
    "tfrecord",
    "nanogpt",
    "megatron",
    "mds",
]
FORMATS: tuple[FormatName, ...] = get_args(FormatName)
