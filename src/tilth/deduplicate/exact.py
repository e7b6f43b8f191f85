"""Exact copies: samples with the same payload, by a 128-bit digest of it.

Texts are compared in NFC, the form of what Unicode calls equal (UAX #15), and otherwise as the
settings say. Images and sounds are compared as
encoded bytes: the same picture stored anew by another encoder is not an exact copy.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from tilth.deduplicate.copies import (
    DECISIONS,
    group_starts,
    is_eligible,
    mark_copies,
    no_payload,
    split_ranks,
    with_evidence,
    with_witness,
    without_evidence,
    without_witnesses,
)
from tilth.kernels.folding import composed, without_case
from tilth.schema import column
from tilth.settings import BaseSettings

RULE = "exact-duplicate"


class Settings(BaseSettings):
    """Drop exact copies; a held-out copy stays before a training one, an earlier before a later."""

    of: Literal["text", "image", "audio"] = Field("text", description="The payload compared.")
    ignore_whitespace: bool = Field(
        True, description="Of texts: count every run of white space as one blank."
    )
    ignore_case: bool = Field(
        False, description="Of texts: compare without case (Unicode's full folding, any script)."
    )

    @model_validator(mode="after")
    def _is_about_texts(self) -> Settings:
        if self.of != "text" and (self.ignore_case or not self.ignore_whitespace):
            name = "ignore_case" if self.ignore_case else "ignore_whitespace"
            raise ValueError(f"`{name}` is about texts, and `of` is {self.of}")
        return self


def reads(settings: Settings) -> tuple[str, ...]:
    """The column that is compared."""
    return (settings.of,)


def fills(_: Settings) -> tuple[str, ...]:
    """None."""
    return ()


def keys(batch: pa.RecordBatch, settings: Settings) -> pa.Table:
    """One key a sample that has the payload.

    Returns:
        Columns key (uint64, first half of the digest), id, `digest_2` (second), `rank` (int8).
    """
    rows = np.flatnonzero(is_eligible(batch, settings.of))
    payloads = column(batch, settings.of).take(pa.array(rows)).to_pylist()
    digests = b"".join(_digest(payload, settings) for payload in payloads)
    halves = np.frombuffer(digests, "<u8").astype(np.uint64).reshape(-1, 2)
    table = pa.table(
        {
            "key": np.ascontiguousarray(halves[:, 0]),
            "id": column(batch, "id").take(pa.array(rows)),
            "digest_2": np.ascontiguousarray(halves[:, 1]),
            "rank": split_ranks(batch)[rows],
        }
    )
    return with_witness(table, batch)


def _digest(payload: str | bytes, settings: Settings) -> bytes:
    """128 bits of BLAKE2b of a payload, normalized as the settings say."""
    if isinstance(payload, str):
        if settings.ignore_whitespace:
            payload = " ".join(payload.split())
        payload = without_case(payload) if settings.ignore_case else composed(payload)
        payload = payload.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(payload, digest_size=16).digest()


def reduce(table: pa.Table, settings: Settings) -> pa.Table:
    """The decisions of one partition: every copy but the first of each digest."""
    del settings  # they have had their say in the digest
    table = without_witnesses(table)
    digest, digest_2 = table["key"].to_numpy(), table["digest_2"].to_numpy()
    order = np.lexsort((table["position"].to_numpy(), table["rank"].to_numpy(), digest_2, digest))
    starts = group_starts(digest[order], digest_2[order])
    sizes = np.diff(starts)
    copies = np.repeat(sizes, sizes)
    keepers = np.repeat(order[starts[:-1]], sizes)
    later = np.arange(order.size) != np.repeat(starts[:-1], sizes)
    decisions = _decide(table, order[later], keepers[later], copies[later])
    return with_evidence(decisions, table.num_rows > 0)


def _decide(
    table: pa.Table,
    rows: npt.NDArray[np.int64],
    keepers: npt.NDArray[np.int64],
    copies: npt.NDArray[np.int64],
) -> pa.Table:
    """Decisions for key rows, given the key row that stays and the number of copies of each."""
    ids = table["id"].combine_chunks()
    return pa.table(
        {
            "shard": table["shard"].combine_chunks().take(pa.array(rows)).cast(pa.int32()),
            "position": table["position"].combine_chunks().take(pa.array(rows)),
            "id": ids.take(pa.array(rows)),
            "of": ids.take(pa.array(keepers)),
            "value": pc.binary_join_element_wise("copies=", pa.array(copies).cast(pa.string()), ""),
        },
        schema=DECISIONS,
    )


def resolve(table: pa.Table, settings: Settings) -> pa.Table:
    """All decisions: a digest lies in one partition, so that nothing is left to reconcile.

    Raises:
        DataError: No sample has the payload.
    """
    decisions = without_evidence(table, no_payload(f"`{settings.of}`"))
    return decisions.sort_by("position")


def apply(batch: pa.RecordBatch, decisions: pa.Table, settings: Settings) -> pa.RecordBatch:
    """Mark the copies: rule `exact-duplicate`, value `copies=3`, all of them, of = the one kept."""
    del settings
    return mark_copies(batch, decisions, RULE)
