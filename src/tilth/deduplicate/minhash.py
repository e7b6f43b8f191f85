"""Near-copies of texts: MinHash over word shingles, banded, verified on the signatures.

Texts whose signatures agree in a whole band are candidates (locality-sensitive hashing; Leskovec,
Rajaraman, Ullman: "Mining of Massive Datasets", section 3.4); a candidate pair counts when the
Jaccard similarity estimated from its signatures reaches the threshold. What travels with the keys
is the low byte of each place, with the estimate corrected for chance agreement (Li and König 2010,
"b-Bit minwise hashing").

Linked texts form groups, and of each group one stays. A text may be linked to it through others
only; then the value names the neighbour that it is most similar to. Memory grows with the number of
near-copies, not of texts. In scripts written without blanks a word is a run between punctuation
marks; there, lower `shingle_words` to 1 or 2.
"""

from __future__ import annotations

import math

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
from tilth.kernels.groups import group_roots
from tilth.kernels.minhash import band_hashes, bucket_pairs, shingle_hashes, signatures
from tilth.kernels.words import text_buffers
from tilth.schema import column
from tilth.settings import BaseSettings

RULE = "near-duplicate"
# Two unequal hashes share their low byte by chance.
CHANCE = 1 / 256
# The key columns that describe one side of a pair.
SIDE = ("id", "shard", "position", "rank")


class Settings(BaseSettings):
    """Drop near-copies of texts (MinHash); a held-out copy stays before a training copy."""

    shingle_words: int = Field(5, ge=1, le=50, description="Words in a shingle.")
    num_hashes: int = Field(
        120, ge=8, le=1024, description="Places of a signature; a multiple of num_bands."
    )
    num_bands: int = Field(
        20,
        ge=1,
        le=1024,
        description="Bands of a signature: more bands find more pairs and cost more disk. With 20 "
        "of 6 a pair of Jaccard 0.7 is a candidate with probability 0.92, of 0.8 with 0.998.",
    )
    threshold: float = Field(
        0.7, gt=0, le=1, description="Estimated Jaccard similarity from which two texts are copies."
    )
    max_representatives: int = Field(
        64,
        ge=1,
        description="Texts of a bucket that its others are compared with at most: bounds the time "
        "that a bucket of a million pages with one boilerplate takes.",
    )

    @model_validator(mode="after")
    def _bands_fit(self) -> Settings:
        if self.num_hashes % self.num_bands:
            raise ValueError(
                f"num_hashes ({self.num_hashes}) is not a multiple of num_bands ({self.num_bands})"
            )
        return self

    @property
    def min_matches(self) -> int:
        """Places in which a pair at the threshold agrees, chance agreement included."""
        share = self.threshold + (1 - self.threshold) * CHANCE
        return math.ceil(share * self.num_hashes - 1e-9)


def reads(_: Settings) -> tuple[str, ...]:
    """The column that is compared."""
    return ("text",)


def fills(_: Settings) -> tuple[str, ...]:
    """None."""
    return ()


def keys(batch: pa.RecordBatch, settings: Settings) -> pa.Table:
    """One key a band of each text that has a word.

    Returns:
        Columns key (uint64, hash of the band), id, `sketch` (binary [num_hashes]), `rank` (int8).
    """
    data, offsets = text_buffers(column(batch, "text"))
    shingle_offsets, shingles = shingle_hashes(data, offsets, settings.shingle_words)
    rows = np.flatnonzero(is_eligible(batch, "text") & (np.diff(shingle_offsets) > 0))
    signature = signatures(shingle_offsets, shingles, settings.num_hashes)[rows]
    bands = band_hashes(signature, settings.num_bands).reshape(-1)
    sketches = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(settings.num_hashes),
        rows.size,
        [None, pa.py_buffer(signature.astype(np.uint8).tobytes())],
    )
    local = pa.array(np.repeat(np.arange(rows.size), settings.num_bands))
    table = pa.table(
        {
            "key": bands,
            "id": column(batch, "id").take(pa.array(rows)).take(local),
            "sketch": sketches.take(local),
            "rank": np.repeat(split_ranks(batch)[rows], settings.num_bands),
        }
    )
    return with_witness(table, batch)


def reduce(table: pa.Table, settings: Settings) -> pa.Table:
    """The similar pairs of one partition.

    Returns:
        `a.*` and `b.*` (id, shard, position, rank) of both sides and `matches`, places that agree.
    """
    table = without_witnesses(table)
    band = table["key"].to_numpy()
    order = np.lexsort((table["position"].to_numpy(), table["rank"].to_numpy(), band))
    sizes = np.diff(group_starts(band[order]))
    # Nearly every bucket holds one text: only the others are gathered and compared.
    order = order[np.repeat(sizes > 1, sizes)]
    buckets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes[sizes > 1])])
    shared = table.take(pa.array(order)).combine_chunks()
    sketches = np.frombuffer(b"".join(shared["sketch"].to_pylist()), np.uint8).reshape(
        -1, settings.num_hashes
    )
    first, second, matches = bucket_pairs(
        buckets, sketches, settings.min_matches, min(settings.max_representatives, order.size)
    )
    sides = {"a": shared.take(pa.array(first)), "b": shared.take(pa.array(second))}
    columns = {f"{s}.{name}": side[name] for s, side in sides.items() for name in SIDE}
    pairs = pa.table({**columns, "matches": matches})
    return with_evidence(pairs, table.num_rows > 0)


def resolve(table: pa.Table, settings: Settings) -> pa.Table:
    """Join the pairs to groups; all of a group but its first are decided on.

    Raises:
        DataError: No sample has a text with a word in it.
    """
    table = without_evidence(table, no_payload("a `text` with a word in it"))
    samples = pa.concat_tables(
        [table.select([f"{s}.{name}" for name in SIDE]).rename_columns(SIDE) for s in "ab"]
    )
    position = samples["position"].to_numpy()
    order = np.lexsort((position, samples["rank"].to_numpy()))
    starts = group_starts(position[order])
    # Samples are numbered by who stays first, so that the root of a group is its keeper.
    number = np.empty(order.size, np.int64)
    number[order] = np.repeat(np.arange(starts.size - 1), np.diff(starts))
    first, second = number[: table.num_rows], number[table.num_rows :]
    matches = table["matches"].to_numpy()
    roots = group_roots(first, second, starts.size - 1)

    distinct = samples.take(pa.array(order[starts[:-1]])).combine_chunks()
    nearest = _nearest(first, second, matches, roots)
    copies = np.flatnonzero(roots != np.arange(roots.size))
    ids = distinct["id"].to_pylist()
    values = []
    for copy in copies.tolist():
        neighbour, agreeing = nearest[copy]
        share = (agreeing / settings.num_hashes - CHANCE) / (1 - CHANCE)
        through = "" if neighbour == roots[copy] else f" through {ids[neighbour]}"
        values.append(f"jaccard={share:.2f}{through}")
    decisions = pa.table(
        {
            "shard": distinct["shard"].take(pa.array(copies)).cast(pa.int32()),
            "id": distinct["id"].take(pa.array(copies)),
            "of": distinct["id"].take(pa.array(roots[copies])),
            "value": values,
        },
        schema=DECISIONS,
    )
    # Two records with one id cannot be told apart: better to keep both than to drop both.
    decisions = decisions.filter(pc.not_equal(decisions["id"], decisions["of"]))
    return decisions.sort_by([("shard", "ascending"), ("id", "ascending")])


def _nearest(
    first: npt.NDArray[np.int64],
    second: npt.NDArray[np.int64],
    matches: npt.NDArray[np.int64],
    roots: npt.NDArray[np.int64],
) -> dict[int, tuple[int, int]]:
    """For each sample: the neighbour that explains it (the keeper if compared, else the most
    similar, else the earliest) and in how many places they agree."""
    nearest: dict[int, tuple[int, int]] = {}
    for a, b, agreeing in zip(first.tolist(), second.tolist(), matches.tolist(), strict=True):
        for sample, neighbour in ((a, b), (b, a)):
            keeper = int(roots[sample])
            known = nearest.get(sample)
            if known is None or (neighbour == keeper, agreeing, -neighbour) > (
                known[0] == keeper,
                known[1],
                -known[0],
            ):
                nearest[sample] = (neighbour, agreeing)
    return nearest


def apply(batch: pa.RecordBatch, decisions: pa.Table, settings: Settings) -> pa.RecordBatch:
    """Mark near-copies: rule `near-duplicate`, value such as `jaccard=0.93`, of = the one kept."""
    del settings
    return mark_copies(batch, decisions, RULE)
