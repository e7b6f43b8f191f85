"""Training texts that give away held-out ones: shared word n-grams.

The method of GPT-3 (Brown et al. 2020, appendix C): 13-grams of lower-case words without
punctuation (see `kernels.ngrams`). The overlap of a training
text is the larger of two shares of distinct n-grams: of its own, those found in any held-out text;
and of a held-out text's, those found in it. The second finds a short test item pasted into a long
page, which the first would drown.

N-grams that occur in more than `max_document_frequency` held-out texts do not count: the header
that stands on every page of a site says nothing about a test item, and would condemn the whole
site. Frequency in training texts does not matter: a leaked test item may be copied there often.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from tilth.deduplicate.copies import (
    DECISIONS,
    RANKS,
    group_starts,
    is_eligible,
    mark_copies,
    split_ranks,
    with_evidence,
    with_witness,
    without_evidence,
    without_witnesses,
)
from tilth.errors import DataError
from tilth.kernels.minhash import distinct_hashes
from tilth.kernels.ngrams import word_ngrams
from tilth.schema import column
from tilth.settings import BaseSettings

RULE = "contaminated"
HITS = ("shard", "id", "position", "total", "of", "of_position", "of_total", "count")


class Settings(BaseSettings):
    """Drop training texts that share n-grams with held-out texts (split test or validation)."""

    ngram_words: int = Field(13, ge=1, le=100, description="Words in an n-gram.")
    max_overlap: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="Share of the n-grams of a training text, or of one held-out text, that may be "
        "found on the other side.",
    )
    min_matches: int = Field(
        3,
        ge=1,
        description="Shared n-grams below which a text stays, unless one of the two has fewer.",
    )
    max_document_frequency: int = Field(
        10,
        ge=1,
        description="Held-out texts in which an n-gram may occur and still count; above, it is "
        "boilerplate.",
    )


def reads(_: Settings) -> tuple[str, ...]:
    """The column that is compared, and what is held out."""
    return ("text", "split")


def fills(_: Settings) -> tuple[str, ...]:
    """None."""
    return ()


def keys(batch: pa.RecordBatch, settings: Settings) -> pa.Table:
    """The hashed n-grams of each text that has any.

    Returns:
        Columns key (list of uint64, distinct and ascending), id, `rank` (int8) and `total` (int32,
        the number of a text's n-grams in all).
    """
    texts = column(batch, "text")
    ngram_offsets, ngrams = distinct_hashes(*word_ngrams(texts, settings.ngram_words))
    totals = np.diff(ngram_offsets)
    rows = np.flatnonzero(is_eligible(batch, "text") & (totals > 0))
    chosen = pa.array(rows)
    table = pa.table(
        {
            "key": pa.LargeListArray.from_arrays(ngram_offsets, ngrams).take(chosen),
            "id": column(batch, "id").take(chosen),
            "rank": split_ranks(batch)[rows],
            "total": totals[rows].astype(np.int32),
        }
    )
    return with_witness(table, batch)


def reduce(table: pa.Table, settings: Settings) -> pa.Table:
    """Which training texts hold n-grams of which held-out texts, in one partition.

    Returns:
        `shard`, `id`, `position`, `total` of a training text, `of`, `of_position`, `of_total` of a
        held-out text, `count` of the n-grams they share. An n-gram of several held-out texts counts
        for the earliest. A row of nulls says that there are held-out texts.
    """
    table = without_witnesses(table).combine_chunks()
    ngrams = table["key"].combine_chunks()
    lengths = np.asarray(ngrams.value_lengths().to_numpy(zero_copy_only=False), np.int64)
    rows = np.repeat(np.arange(table.num_rows), lengths)
    values = ngrams.flatten().to_numpy()
    held = table["rank"].to_numpy() < RANKS["train"]
    position = table["position"].to_numpy()

    known, owners = _held_out_ngrams(
        values[held[rows]], rows[held[rows]], position, settings.max_document_frequency
    )
    rows, values = rows[~held[rows]], values[~held[rows]]
    place = np.minimum(np.searchsorted(known, values), max(known.size - 1, 0))
    found = known[place] == values if known.size else np.zeros(values.size, np.bool_)
    rows, of = rows[found], owners[place[found]]
    order = np.lexsort((of, rows))
    starts = group_starts(rows[order], of[order])
    hits = _hits(table, rows[order][starts[:-1]], of[order][starts[:-1]], np.diff(starts))
    return with_evidence(hits, bool(held.any()))


def _held_out_ngrams(
    values: npt.NDArray[np.uint64],
    rows: npt.NDArray[np.int64],
    position: npt.NDArray[np.int64],
    max_document_frequency: int,
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """The n-grams that count, ascending, and the key row of the earliest text that has each."""
    order = np.lexsort((position[rows], values))
    starts = group_starts(values[order])
    rare = np.diff(starts) <= max_document_frequency
    firsts = order[starts[:-1][rare]]
    return values[firsts], rows[firsts]


def _hits(
    table: pa.Table,
    rows: npt.NDArray[np.int64],
    of: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
) -> pa.Table:
    """Pairs of key rows, training and held-out, written out."""
    train = table.select(["shard", "id", "position", "total"]).take(pa.array(rows))
    held = table.select(["id", "position", "total"]).take(pa.array(of))
    columns = [*train.columns, *held.columns, pa.chunked_array([pa.array(counts, pa.int64())])]
    return pa.table(dict(zip(HITS, columns, strict=True)))


def resolve(table: pa.Table, settings: Settings) -> pa.Table:
    """Add up the shared n-grams over the partitions and decide.

    Raises:
        DataError: No text is held out, so that nothing was compared with anything.
    """
    missing = DataError(
        "there is no held-out text to compare the training texts with",
        hint="put `hold_out` with `test` or `validation` above 0 before `decontaminate`, check its "
        "`sources`, raise `--limit`, or leave `decontaminate` out",
        code="nothing-held-out",
    )
    hits = without_evidence(table, missing)
    pairs = hits.group_by(list(HITS[:-1]), use_threads=False).aggregate([("count", "sum")])
    pairs = pairs.sort_by([("position", "ascending"), ("of_position", "ascending")])
    position = pairs["position"].to_numpy()
    counts, of_totals = pairs["count_sum"].to_numpy(), pairs["of_total"].to_numpy()
    totals = pairs["total"].to_numpy()
    starts = group_starts(position)

    rows, of, values = [], [], []
    for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        found = int(counts[start:stop].sum())
        covered = counts[start:stop] / of_totals[start:stop]
        own = found / int(totals[start])
        overlap = max(own, float(covered.max()))
        main = start + int(np.argmax(covered if covered.max() >= own else counts[start:stop]))
        needed = min(settings.min_matches, int(totals[start]), int(of_totals[main]))
        if overlap > settings.max_overlap and found >= needed:
            rows.append(start)
            of.append(main)
            values.append(f"overlap={overlap:.2f}")
    decisions = pa.table(
        {
            "shard": pairs["shard"].take(pa.array(rows, pa.int64())).cast(pa.int32()),
            "id": pairs["id"].take(pa.array(rows, pa.int64())),
            "of": pairs["of"].take(pa.array(of, pa.int64())),
            "value": pa.array(values, pa.string()),
        },
        schema=DECISIONS,
    )
    return decisions.sort_by([("shard", "ascending"), ("id", "ascending")])


def apply(batch: pa.RecordBatch, decisions: pa.Table, settings: Settings) -> pa.RecordBatch:
    """Mark what is contaminated: value such as `overlap=0.42`, of = the held-out text."""
    del settings
    return mark_copies(batch, decisions, RULE)
