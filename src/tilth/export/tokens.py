"""Tokens of texts, one document after another: nanoGPT's `.bin`, Megatron's `.bin` with `.idx`.

Sources: github.com/karpathy/nanoGPT, `data/openwebtext/prepare.py`; github.com/NVIDIA/Megatron-LM,
`megatron/core/datasets/indexed_dataset.py`, version 1 of the index. Each document ends with the
tokenizer's end token, which what a text spells out never is.

Neither format has a place for anything but tokens. So what samples have besides, their weights too,
is a Parquet table beside: a row a document, with where its tokens begin and how many there are.
"""

from __future__ import annotations

import json
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tilth.errors import UsageError, missing_extra
from tilth.export.begun import Facts, Place, numbered
from tilth.export.rows import MEDIA
from tilth.export.samples import Samples
from tilth.store.files import remove, write_bytes

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Tokens = npt.NDArray[Any]

_HEADER: Final = b"MMIDIDX\x00\x00"
# Megatron's own bound, below which it writes uint16; and its numbers of the types.
_SMALL: Final = 65_500
_CODES: Final = {"uint16": 8, "int32": 4}
_BLOCK: Final = 1 << 20


def tokenizer_at(path: Path) -> Tokenizer:
    """The tokenizer of a `tokenizer.json`.

    Raises:
        MissingError: The library is not installed.
        DataError: It is damaged, or has no token that ends a document.
    """
    try:
        from tilth.tasks.text.tokenize import load_tokenizer
    except ImportError as error:
        raise missing_extra(error.name or "tokenizers", "train") from None
    return load_tokenizer(path)


def require_text(samples: Samples) -> None:
    """Refuse samples that have none, before a tokenizer is asked for.

    Raises:
        UsageError: There is no text.
    """
    if "text" not in samples.schema.names and samples.schema:
        raise UsageError(
            "the samples have no text, of which this format holds the tokens",
            hint="--format parquet, webdataset or mds",
            code="no-payload",
        )


class _Tokens(ABC):
    """Writes the tokens of texts into one file a part.

    Raises:
        UsageError: The samples have no text, or there is no tokenizer.
    """

    max_rows = 50_000
    max_bytes = 256 << 20

    def __init__(self, place: Place, samples: Samples, tokenizer: Tokenizer) -> None:
        names = samples.schema.names
        require_text(samples)
        from tilth.tasks.text.tokenize import end_token

        self._place = place
        self._tokenizer = tokenizer
        self._end = end_token(tokenizer)
        self._others = [name for name in names if name not in (*MEDIA, "text", "target")]
        self._lacks_target = "target" in names
        self.vocabulary = tokenizer.get_vocab_size()

    @property
    @abstractmethod
    def dtype(self) -> str:
        """Of the tokens."""

    @property
    @abstractmethod
    def bin(self) -> str:
        """The name of the file of tokens."""

    def add(self, lengths: Tokens) -> None:
        """Take note of the lengths of the documents of a shard, where the format holds them."""
        del lengths

    def shard(self, batches: Iterator[pa.RecordBatch], number: int, first: int) -> Facts:
        """See `tilth.export.begun.Writer`."""
        from tilth.tasks.text.tokenize import untold_bytes

        del first
        width = np.dtype(self.dtype).itemsize
        untold, noted = 0, [np.zeros(0, np.int64)]
        writer: pq.ParquetWriter | None = None
        path = self._place.path(f"{numbered(f'{self._place.name}-documents', number)}.parquet")
        with self._place.grow(self.bin) as file:
            for batch in batches:
                texts = [text or "" for text in batch.column("text").to_pylist()]
                tokens = self._encode(texts)
                untold += int(untold_bytes(self._tokenizer, texts, tokens).sum())
                lengths = np.array([len(one) + 1 for one in tokens], np.int64)
                starts = file.tell() // width + np.cumsum(lengths) - lengths
                end = np.array([self._end], self.dtype)
                file.write(b"".join(part.tobytes() for one in tokens for part in (one, end)))
                noted.append(lengths)
                table = _table(batch, self._others, starts, lengths)
                writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
                writer.write_batch(table)
            num_tokens = file.tell() // width
        if writer is None:
            pq.write_table(pa.table({"id": pa.array([], pa.string())}), path)
        else:
            writer.close()
        lengths = np.concatenate(noted)
        self.add(lengths)
        return {"documents": len(lengths), "tokens": num_tokens, "untold": untold}

    def finish(self, facts: list[Facts]) -> Facts:
        """See `tilth.export.begun.Writer`."""
        untold = sum(one["untold"] for one in facts)
        told = []
        if untold:
            told.append(
                f"{untold:,} bytes of the texts are characters that the tokenizer does not know"
            )
        if self._lacks_target:
            told.append("`target` is left out: the format holds the tokens of `text` alone")
        return {
            "told": told,
            "documents": sum(one["documents"] for one in facts),
            "tokens": facts[-1]["tokens"],
        }

    def _encode(self, texts: list[str]) -> list[Tokens]:
        encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(one.ids, self.dtype) for one in encoded]


class NanoGpt(_Tokens):
    """Writes `NAME.bin`: uint16, or uint32 where the vocabulary has more than 65,536 tokens."""

    @property
    def dtype(self) -> str:
        """Of the tokens."""
        return "uint16" if self.vocabulary <= 1 << 16 else "uint32"

    @property
    def bin(self) -> str:
        """The name of the file of tokens; nanoGPT calls the validation split `val`."""
        return f"{'val' if self._place.name == 'validation' else self._place.name}.bin"

    def finish(self, facts: list[Facts]) -> Facts:
        """See `tilth.export.begun.Writer`."""
        found = super().finish(facts)
        meta = {
            "vocab_size": self.vocabulary,
            "dtype": self.dtype,
            "end": self._end,
            "tokens": found["tokens"],
            "documents": found["documents"],
        }
        path = self._place.folder / f"{Path(self.bin).stem}.meta.json"
        write_bytes(path, f"{json.dumps(meta, indent=2)}\n".encode())
        _keep(self._tokenizer, self._place.folder)
        return found


class Megatron(_Tokens):
    """Writes `NAME_text_document.bin` and `.idx`: a document is one sequence."""

    @property
    def dtype(self) -> str:
        """Of the tokens."""
        return "uint16" if self.vocabulary < _SMALL else "int32"

    @property
    def bin(self) -> str:
        """The name of the file of tokens."""
        return f"{self._place.name}_text_document.bin"

    @property
    def _lengths(self) -> str:
        return f".{self._place.name}.lengths"

    def add(self, lengths: Tokens) -> None:
        """The lengths stand first in the index, whose length is known only in the end."""
        with self._place.grow(self._lengths) as file:
            file.write(lengths.astype("<i4").tobytes())

    def finish(self, facts: list[Facts]) -> Facts:
        """See `tilth.export.begun.Writer`."""
        found = super().finish(facts)
        lengths = self._place.folder / self._lengths
        index = (self._place.folder / self.bin).with_suffix(".idx")
        with open(index, "wb") as file, open(lengths, "rb") as source:
            self._write_index(file, source, found["documents"])
        remove(lengths)
        _keep(self._tokenizer, self._place.folder)
        return found

    def _write_index(self, file: IO[bytes], lengths: IO[bytes], documents: int) -> None:
        file.write(_HEADER)
        file.write(struct.pack("<QBQQ", 1, _CODES[self.dtype], documents, documents + 1))
        while block := lengths.read(_BLOCK):
            file.write(block)
        lengths.seek(0)
        at, width = 0, np.dtype(self.dtype).itemsize
        while block := lengths.read(_BLOCK):
            sizes = np.frombuffer(block, "<i4").astype(np.int64) * width
            ends = at + np.cumsum(sizes)
            file.write((ends - sizes).astype("<i8").tobytes())
            at = int(ends[-1])
        for start in range(0, documents + 1, _BLOCK):
            file.write(np.arange(start, min(start + _BLOCK, documents + 1), dtype="<i8").tobytes())


def _table(batch: pa.RecordBatch, names: list[str], starts: Tokens, lengths: Tokens) -> Any:
    """What of documents is beside their tokens."""
    columns = {name: batch.column(name) for name in names}
    columns["first_token"] = pa.array(starts, pa.int64())
    columns["num_tokens"] = pa.array(lengths, pa.int64())
    return pa.RecordBatch.from_pydict(columns)


def _keep(tokenizer: Tokenizer, folder: Path) -> None:
    write_bytes(folder / "tokenizer.json", tokenizer.to_str(pretty=True).encode())
