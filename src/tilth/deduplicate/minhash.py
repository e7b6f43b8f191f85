"""Near-copies of texts: candidates by MinHash, each compared exactly with the texts that stay.

Texts whose signatures agree in a whole band are candidates (locality-sensitive hashing; Leskovec,
Rajaraman, Ullman: "Mining of Massive Datasets", section 3.4): a pair of Jaccard similarity J is one
with probability 1 - (1 - J^r)^b, of b bands of r places. What no band brings together is not found;
so the bands follow from the threshold (see `bands`), and what they find is said.

In a second round the candidates are gone through in order, held-out ones before training ones,
earlier ones before later ones. A text goes if its set of shingles and that of a candidate that
stays have a Jaccard similarity of the threshold or above, by exact count; it names the most similar
of them, the earliest of equals. So each that goes is a near-copy of one that stays, and the number
beside it is of these two. Of texts that are alike from one to the next only (a and b, b and c, but
not a and c) each that is no near-copy of one before it stays. Of a bucket the first
`max_representatives` that stay are compared with, so that time grows with the number of candidates,
and only texts that stay are held in memory.

Texts are folded first, so that case, composition and typography hide no copy in any script. Of
scripts that put no blanks between words each letter counts as a word: a shingle is so many letters,
whatever dictionaries are installed, and of a mixed text both. An edited character costs all five
shingles that its word stands in; where copies differ in characters (texts of OCR, misspelt or
retyped ones) shingles of a few characters bear it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from tilth.deduplicate.bands import MIN_RECALL, bands_for, expected_recall
from tilth.deduplicate.copies import (
    DECISIONS,
    RANKS,
    group_starts,
    is_eligible,
    mark_copies,
    no_payload,
    spelled,
    split_ranks,
    with_evidence,
    with_witness,
    without_evidence,
    without_witnesses,
)
from tilth.kernels.groups import group_roots
from tilth.schema import column
from tilth.settings import BaseSettings

# Kernels load numba, and whoever reads or plans a recipe needs none.
if TYPE_CHECKING:
    from tilth.kernels.minhash import Hashes

RULE = "near-duplicate"


class Settings(BaseSettings):
    """Drop near-copies of texts (MinHash); a held-out copy stays before a training copy."""

    shingle_words: int | None = Field(
        5,
        ge=1,
        le=50,
        description="Words in a shingle; of scripts that put no blanks between words, letters.",
    )
    shingle_characters: int | None = Field(
        None,
        ge=1,
        le=250,
        description="Characters of words in a shingle, in place of `shingle_words`: finds copies "
        "in which characters are edited here and there (OCR, misspelling), of 7 and at a threshold "
        "of 0.7 those of up to 2 %, where words find those of a few in a thousand. Takes half as "
        "long again, and of copies five times the memory.",
    )
    num_hashes: int = Field(
        120,
        ge=8,
        le=1024,
        description="Places of a signature, cut into bands: of more places longer bands, and so "
        "fewer comparisons in vain.",
    )
    num_bands: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Bands of a signature, of num_hashes / num_bands places each: more bands find "
        "more pairs and cost more disk. Empty = as few as find at least 0.95 of the pairs at "
        "`threshold`: of 120 places, at 0.5 40 of 3, at 0.7 24 of 5, at 0.9 10 of 12.",
    )
    threshold: float = Field(
        0.7, gt=0, le=1, description="Jaccard similarity from which two texts are copies."
    )
    max_representatives: int = Field(
        64,
        ge=1,
        description="Texts of a bucket that its others are compared with at most: bounds the time "
        "that a bucket of a million pages with one boilerplate takes.",
    )

    @model_validator(mode="before")
    @classmethod
    def _in_place_of_words(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("shingle_characters") is not None:
            return {"shingle_words": None, **given}
        return given

    @model_validator(mode="after")
    def _shingle_is_one(self) -> Settings:
        if (self.shingle_words is None) == (self.shingle_characters is None):
            raise ValueError("a shingle has so many `shingle_words` or `shingle_characters`")
        return self

    @model_validator(mode="after")
    def _bands_fit(self) -> Settings:
        if self.num_bands and self.num_hashes % self.num_bands:
            raise ValueError(
                f"num_hashes ({self.num_hashes}) is not a multiple of num_bands ({self.num_bands})"
            )
        return self

    def normal(self) -> Settings:
        """The places and bands that there are, whether named or following from the threshold."""
        num_bands, places = self.bands
        return self.model_copy(update={"num_hashes": num_bands * places, "num_bands": num_bands})

    @property
    def bands(self) -> tuple[int, int]:
        """How many bands, and of how many places each."""
        if self.num_bands:
            return self.num_bands, self.num_hashes // self.num_bands
        return bands_for(self.threshold, self.num_hashes)

    @property
    def expected_recall(self) -> float:
        """The share of pairs at the threshold that the bands bring together."""
        return expected_recall(self.threshold, *self.bands)


def reads(_: Settings) -> tuple[str, ...]:
    """The column that is compared."""
    return ("text",)


def fills(_: Settings) -> tuple[str, ...]:
    """None."""
    return ()


def unasked(settings: Settings) -> tuple[str, ...]:
    """The bands and what they find; of bands that the recipe names, too."""
    num_bands, places = settings.bands
    recall = settings.expected_recall
    whence = "" if settings.num_bands else ", as `threshold` asks for"
    told = (
        f"of pairs that are {settings.threshold:g} alike, "
        f"{spelled(recall, (0, MIN_RECALL, 1))} are found ({num_bands} bands of {places} "
        f"hashes{whence})"
    )
    if recall < MIN_RECALL:
        told += "; leave `num_bands` out or raise `num_hashes` to find more"
    return (told,)


def keys(batch: pa.RecordBatch, settings: Settings) -> pa.Table:
    """One key a band of each text that has a word.

    Returns:
        Columns key (uint64, hash of the band), id, `rank` (int8).
    """
    from tilth.kernels.minhash import band_hashes, signatures

    shingle_offsets, shingles = _shingles(column(batch, "text"), settings)
    rows = np.flatnonzero(is_eligible(batch, "text") & (np.diff(shingle_offsets) > 0))
    num_bands, places = settings.bands
    signature = signatures(shingle_offsets, shingles, num_bands * places)[rows]
    local = pa.array(np.repeat(rows, num_bands))
    table = pa.table(
        {
            "key": band_hashes(signature, num_bands).reshape(-1),
            "id": column(batch, "id").take(local),
            "rank": np.repeat(split_ranks(batch)[rows], num_bands),
        }
    )
    return with_witness(table, batch)


def _shingles(
    texts: pa.Array | pa.ChunkedArray, settings: Settings
) -> tuple[npt.NDArray[np.int64], Hashes]:
    from tilth.kernels.ngrams import character_ngrams, word_ngrams

    if settings.shingle_characters:
        return character_ngrams(texts, settings.shingle_characters)
    return word_ngrams(texts, settings.shingle_words or 0)


def reduce(table: pa.Table, settings: Settings) -> pa.Table:
    """The buckets of one partition that hold more than one text.

    Returns:
        Key, shard, id and position of each text in one, and `first`, the position of its first.
    """
    del settings  # they have had their say in the bands
    table = without_witnesses(table)
    band, position = table["key"].to_numpy(), table["position"].to_numpy()
    order = np.lexsort((position, band))
    # Two bands of one text may be equal.
    order = order[group_starts(band[order], position[order])[:-1]]
    starts = group_starts(band[order])
    sizes = np.diff(starts)
    firsts = np.repeat(position[order][starts[:-1]], sizes)
    is_shared = np.repeat(sizes > 1, sizes)
    shared = table.select(["key", "shard", "id", "position"]).take(pa.array(order[is_shared]))
    shared = shared.append_column("first", pa.array(firsts[is_shared], pa.int64()))
    return with_evidence(shared, table.num_rows > 0)


def resolve(table: pa.Table, settings: Settings) -> pa.Table:
    """The candidates, with what brings them together.

    Returns:
        Shard and id of each; `group` (uint64), the same for all that buckets link; `bands` (list
        of uint64), its buckets.

    Raises:
        DataError: No sample has a text with a word in it.
    """
    del settings
    table = without_evidence(table, no_payload("a `text` with a word in it"))
    band, position = table["key"].to_numpy(), table["position"].to_numpy()
    order = np.lexsort((band, position))
    starts = group_starts(position[order])
    known = position[order][starts[:-1]]
    texts = np.repeat(np.arange(known.size), np.diff(starts))
    # Most buckets of a text link it to the same first one.
    links = np.unique(np.searchsorted(known, table["first"].to_numpy()[order]) * known.size + texts)
    first, second = np.divmod(links, max(known.size, 1))
    roots = group_roots(first, second, known.size)
    bands = band[order]
    one_each = pa.array(order[starts[:-1]])
    return pa.table(
        {
            "shard": table["shard"].take(one_each).cast(pa.int32()),
            "position": table["position"].take(one_each),
            "id": table["id"].take(one_each),
            # No other group has any bucket of this one.
            "group": bands[starts[:-1]][roots],
            "bands": pa.LargeListArray.from_arrays(starts, bands),
        }
    )


def keys_again(batch: pa.RecordBatch, found: pa.Table, settings: Settings) -> pa.Table:
    """The shingles of each candidate; all of a group meet.

    Returns:
        Columns key (uint64, the group), id, `rank` (int8), `shingles` and `bands` (lists of uint64,
        the first distinct and ascending).
    """
    from tilth.kernels.minhash import distinct_hashes

    index = pc.index_in(column(batch, "id"), value_set=found["id"].combine_chunks())
    known = np.asarray(pc.is_valid(index).to_numpy(zero_copy_only=False), np.bool_)
    rows = np.flatnonzero(known & is_eligible(batch, "text"))
    chosen = pa.array(rows)
    texts = column(batch, "text").take(chosen)
    hashes = distinct_hashes(*_shingles(texts, settings))
    there = found.select(["group", "bands"]).take(index.take(chosen))
    return pa.table(
        {
            "key": there["group"],
            "id": column(batch, "id").take(chosen),
            "rank": split_ranks(batch)[rows],
            "shingles": pa.LargeListArray.from_arrays(*hashes),
            "bands": there["bands"],
        }
    )


def reduce_again(tables: Iterable[pa.Table], settings: Settings) -> pa.Table:
    """The decisions about the groups of one partition.

    Args:
        tables: Its keys, a shard at a time in order of position.
        settings: Of the operation.
    """
    kept = _Kept(settings)
    decisions = [DECISIONS.empty_table()]
    ranks = set(RANKS.values())
    for rank in sorted(ranks):
        if rank not in ranks:
            continue
        seen: set[int] = set()
        for table in tables:
            there = table["rank"].to_numpy()
            seen.update(np.unique(there).tolist())
            rows = np.flatnonzero(there == rank)
            order = rows[np.argsort(table["position"].to_numpy()[rows], kind="stable")]
            decisions.append(kept.decide(table.take(pa.array(order)).combine_chunks()))
        ranks = seen
    return pa.concat_tables(decisions)


class _Kept:
    """The texts that stay, and what becomes of further ones, given in order."""

    def __init__(self, settings: Settings) -> None:
        self._threshold = settings.threshold
        self._most = settings.max_representatives
        # One set of shingles after another, with room at the end.
        self._hashes: Hashes = np.empty(1024, np.uint64)
        self._starts = np.zeros(64, np.int64)
        self._ids: list[str] = []
        self._buckets: dict[int, list[int]] = {}

    def decide(self, table: pa.Table) -> pa.Table:
        """Decisions about further texts; those without one stay."""
        sets = table["shingles"].combine_chunks()
        ends = np.cumsum(sets.value_lengths().to_numpy())
        shingles = np.split(sets.flatten().to_numpy(), ends[:-1])
        goes, of, values = [], [], []
        for row, (name, bands) in enumerate(
            zip(table["id"].to_pylist(), table["bands"].to_pylist(), strict=True)
        ):
            candidates = sorted({n for band in bands for n in self._buckets.get(band, ())})
            nearest, jaccard = self._nearest(shingles[row], np.array(candidates, np.int64))
            if jaccard >= self._threshold:
                goes.append(row)
                of.append(self._ids[nearest])
                values.append(f"jaccard={spelled(jaccard, (0, self._threshold, 1))}")
            else:
                self._keep(name, bands, shingles[row])
        decided = table.select(["shard", "position", "id"]).take(pa.array(goes, pa.int64()))
        columns = {name: decided[name] for name in decided.schema.names}
        columns["shard"] = columns["shard"].cast(pa.int32())
        return pa.table({**columns, "of": of, "value": values}, schema=DECISIONS)

    def _nearest(self, shingles: Hashes, candidates: npt.NDArray[np.int64]) -> tuple[int, float]:
        """The most similar of these, the earliest of equals, with its similarity; else 0."""
        starts = self._starts[candidates]
        sizes = self._starts[candidates + 1] - starts
        # A set that is so much larger has not that similarity, whatever it holds.
        near = np.minimum(sizes, shingles.size) >= self._threshold * np.maximum(
            sizes, shingles.size
        ) * (1 - 1e-9)
        candidates, starts, sizes = candidates[near], starts[near], sizes[near]
        if not candidates.size:
            return 0, 0.0
        from tilth.kernels.minhash import shared_counts

        shared = shared_counts(self._hashes, starts, sizes, shingles)
        jaccard = shared / (sizes + shingles.size - shared)
        best = int(np.argmax(jaccard))
        return int(candidates[best]), float(jaccard[best])

    def _keep(self, name: str, bands: list[int], shingles: Hashes) -> None:
        """Take in a text that stays; it is held where others may be compared with it."""
        number = len(self._ids)
        buckets = [self._buckets.setdefault(band, []) for band in bands]
        open_ones = [bucket for bucket in buckets if len(bucket) < self._most]
        if not open_ones:
            return
        for bucket in open_ones:
            bucket.append(number)
        start = int(self._starts[number])
        end = start + shingles.size
        while end > self._hashes.size:
            self._hashes = np.concatenate([self._hashes, np.empty_like(self._hashes)])
        if number + 2 > self._starts.size:
            self._starts = np.concatenate([self._starts, np.zeros_like(self._starts)])
        self._hashes[start:end] = shingles
        self._starts[number + 1] = end
        self._ids.append(name)


def resolve_again(table: pa.Table, settings: Settings) -> pa.Table:
    """All decisions: a group lies in one partition, so that nothing is left to reconcile."""
    del settings
    return table.sort_by("position")


def apply(batch: pa.RecordBatch, decisions: pa.Table, settings: Settings) -> pa.RecordBatch:
    """Mark near-copies: rule `near-duplicate`, value such as `jaccard=0.93`, of = the one kept."""
    del settings
    return mark_copies(batch, decisions, RULE)
