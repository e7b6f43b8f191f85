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
# What a model leaves in.
ModelFormatName = Literal["safetensors", "huggingface", "onnx"]
MODEL_FORMATS: tuple[ModelFormatName, ...] = get_args(ModelFormatName)
# What the archive of a crawl leaves in.
ArchiveFormatName = Literal["wacz"]
ARCHIVE_FORMATS: tuple[ArchiveFormatName, ...] = get_args(ArchiveFormatName)
AnyFormatName = Literal[FormatName, ModelFormatName, ArchiveFormatName]
