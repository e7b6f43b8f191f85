"""Training texts that give away held-out ones: shared word n-grams.

The method of GPT-3 (Brown et al. 2020, appendix C): 13-grams of lower-case words without
punctuation (see `kernels.ngrams`), each counted once a text. Two shares tell how much a training
text and the held-out texts overlap: of its own n-grams, those found in any held-out text; and of a
held-out text's that count, those found in it. The second finds a short test item pasted into a
long page, which the first would drown. An n-gram counts for every held-out text that has it, so
that an item is found though another held-out text quotes it.

N-grams that occur in more than `max_document_frequency` held-out texts do not count: the header
that stands on every page of a site says nothing about a test item, and would condemn the whole
site. Copies of one held-out text are one text here. A held-out text of which no n-gram counts
cannot be found. Frequency in training texts does not matter: a leaked test item may be copied there
often.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from tilth.deduplicate.copies import (
    DECISIONS,
    RANKS,
    group_starts,
    is_eligible,
    mark_copies,
    ranges,
    spelled,
    split_ranks,
    with_evidence,
    with_witness,
    without_evidence,
    without_witnesses,
)
from tilth.errors import DataError
from tilth.figures import Definition
from tilth.schema import column
from tilth.settings import BaseSettings

# Kernels load numba, and whoever reads or plans a recipe needs none.
if TYPE_CHECKING:
    from tilth.kernels.characters import Integers
    from tilth.kernels.minhash import Hashes

RULE = "contaminated"
HITS = ("count", "shard", "id", "position", "total", "of", "of_position", "of_total")

_HELD = "held-out samples (test and validation)"
_TEST = (
    "tests/deduplicate/test_decontaminate.py::test_what_cannot_be_found_of_the_held_out_is_counted"
)
FIGURES = (
    Definition(
        "held_out_texts",
        "held-out texts",
        "Held-out texts with a word in them: those that training texts are compared with.",
        _HELD,
        reference="ten plain lines",
        test=_TEST,
    ),
    Definition(
        "held_out_shorter",
        "held-out texts shorter than an n-gram",
        "Held-out texts of fewer words than `ngram_words`: such a one is found where a training "
        "text has the same words and no more, and not within a longer one.",
        _HELD,
        better="lower",
        reference="ten plain lines",
        test=_TEST,
    ),
    Definition(
        "held_out_common",
        "held-out texts of boilerplate alone",
        "Held-out texts of which every n-gram occurs in more than `max_document_frequency` "
        "held-out texts: these cannot be found.",
        _HELD,
        better="lower",
        reference="ten plain lines",
        test=_TEST,
    ),
    Definition(
        "held_out_without_words",
        "held-out samples without a word",
        "Held-out samples without a text, or with one that has no word: these cannot be found.",
        _HELD,
        better="lower",
        reference="ten plain lines",
        test=_TEST,
    ),
)


class Settings(BaseSettings):
    """Drop training texts that share n-grams with held-out texts (split test or validation)."""

    ngram_words: int = Field(
        13,
        ge=1,
        le=100,
        description="Words in an n-gram; of scripts that put no blanks between words, letters.",
    )
    max_overlap: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="Share of the n-grams of a training text, or of those of one held-out text "
        "that count, that may be found on the other side.",
    )
    min_matches: int = Field(
        3,
        ge=1,
        description="N-grams that a share above `max_overlap` has to rest on: those that the two "
        "texts have in common, or all if one has fewer.",
    )
    max_document_frequency: int = Field(
        10,
        ge=1,
        description="Held-out texts, copies left out, in which an n-gram may occur and still "
        "count; above, it is boilerplate.",
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
        Columns key (list of uint64, distinct and ascending), id, `rank` (int8), `total` (int32, the
        number of a text's n-grams in all) and `digest` (uint64, of all of a held-out text's).
    """
    texts = column(batch, "text")
    ngram_offsets, ngrams = _ngrams(texts, settings)
    totals = np.diff(ngram_offsets)
    rows = np.flatnonzero(is_eligible(batch, "text") & (totals > 0))
    ranks = split_ranks(batch)[rows]
    chosen = pa.array(rows)
    table = pa.table(
        {
            "key": pa.LargeListArray.from_arrays(ngram_offsets, ngrams).take(chosen),
            "id": column(batch, "id").take(chosen),
            "rank": ranks,
            "total": totals[rows].astype(np.int32),
            "digest": _digests(ngram_offsets, ngrams, np.where(_is_held(ranks), rows, -1)),
        }
    )
    return with_witness(table, batch)


def _ngrams(
    texts: pa.Array | pa.ChunkedArray, settings: Settings
) -> tuple[npt.NDArray[np.int64], Hashes]:
    from tilth.kernels.minhash import distinct_hashes
    from tilth.kernels.ngrams import word_ngrams

    return distinct_hashes(*word_ngrams(texts, settings.ngram_words))


def _is_held(ranks: npt.NDArray[np.int8]) -> npt.NDArray[np.bool_]:
    return ranks < RANKS["train"]


def _digests(offsets: Integers, ngrams: Hashes, rows: Integers) -> pa.Array:
    """64 bits of BLAKE2b of the n-grams of each of these texts; null of -1."""
    digests = [
        None
        if row < 0
        else hashlib.blake2b(ngrams[offsets[row] : offsets[row + 1]].tobytes(), digest_size=8)
        for row in rows.tolist()
    ]
    numbers = [one and int.from_bytes(one.digest(), "big") for one in digests]
    return pa.array(numbers, pa.uint64())


def reduce(table: pa.Table, settings: Settings) -> pa.Table:
    """What training texts share with held-out texts, in one partition.

    Returns:
        Rows of three kinds, and a row of nulls that says that there are held-out texts:
        a training and a held-out text with `count`, n-grams that they share;
        a training text alone (`of` is null) with `count`, its n-grams that any held-out text has;
        a held-out text alone (`id` is null) with `count`, its n-grams that do not count.
    """
    table = without_witnesses(table).combine_chunks()
    ngrams = table["key"].combine_chunks()
    lengths = np.asarray(ngrams.value_lengths().to_numpy(zero_copy_only=False), np.int64)
    rows = np.repeat(np.arange(table.num_rows), lengths)
    values = ngrams.flatten().to_numpy()
    held = _is_held(table["rank"].to_numpy())

    # Copies share all their n-grams: the first of them stands for all.
    is_first = _firsts(table, held)[rows]
    known, starts, owners = _by_ngram(values[is_first], rows[is_first])
    holders = np.diff(starts)
    counts = holders <= settings.max_document_frequency
    frequent, num_frequent = np.unique(owners[np.repeat(~counts, holders)], return_counts=True)

    rows, values = rows[~held[rows]], values[~held[rows]]
    place = np.minimum(np.searchsorted(known, values), max(known.size - 1, 0))
    if known.size:
        found = (known[place] == values) & counts[place]
        rows, place = rows[found], place[found]
    else:
        rows, place = rows[:0], place[:0]
    own, num_own = np.unique(rows, return_counts=True)
    train = np.repeat(rows, holders[place])
    of = owners[ranges(starts[place], holders[place])]
    order = np.lexsort((of, train))
    pairs = group_starts(train[order], of[order])
    hits = [
        _hits(table, train[order][pairs[:-1]], of[order][pairs[:-1]], np.diff(pairs)),
        _hits(table, own, None, num_own),
        _hits(table, None, frequent, num_frequent),
    ]
    return with_evidence(pa.concat_tables(hits), bool(held.any()))


def _firsts(table: pa.Table, held: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which rows are held-out texts, each but the first of its copies left out."""
    rows = np.flatnonzero(held)
    digests = table["digest"].combine_chunks().take(pa.array(rows)).to_numpy()
    order = rows[np.lexsort((table["position"].to_numpy()[rows], digests))]
    starts = group_starts(np.sort(digests))
    is_first = np.zeros(held.size, np.bool_)
    is_first[order[starts[:-1]]] = True
    return is_first


def _by_ngram(values: Hashes, rows: Integers) -> tuple[Hashes, Integers, Integers]:
    """Distinct n-grams, ascending; where the rows of each start, and these."""
    order = np.argsort(values, kind="stable")
    starts = group_starts(values[order])
    return values[order][starts[:-1]], starts, rows[order]


def _hits(
    table: pa.Table,
    train: Integers | None,
    held: Integers | None,
    counts: Integers,
) -> pa.Table:
    """Key rows of training and of held-out texts, written out with a count of n-grams."""
    sides = [
        pa.nulls(counts.size, table.schema.field(name).type)
        if rows is None
        else table[name].combine_chunks().take(pa.array(rows))
        for rows, names in ((train, HITS[1:5]), (held, ("id", "position", "total")))
        for name in names
    ]
    return pa.table(dict(zip(HITS, [pa.array(counts, pa.int64()), *sides], strict=True)))


def resolve(table: pa.Table, settings: Settings) -> pa.Table:
    """Add up the shared n-grams over the partitions and decide.

    A training text goes if one of its two shares is above `max_overlap` and rests on `min_matches`
    n-grams. Where both do, the larger is told; of a share of its own, the held-out text that it
    has most in common with.

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
    pairs, own, frequent = _added(hits)
    of_totals = pairs["of_total"].to_numpy() - _count_of(frequent, pairs["of_position"].to_numpy())
    counts, totals = pairs["count"].to_numpy(), pairs["total"].to_numpy()
    starts = group_starts(pairs["position"].to_numpy())

    rows, of, values = [], [], []
    for start, stop, found in zip(
        starts[:-1].tolist(), starts[1:].tolist(), own["count"].to_pylist(), strict=True
    ):
        shared, total = counts[start:stop], int(totals[start])
        parts = shared / of_totals[start:stop]
        enough = shared >= np.minimum(
            settings.min_matches, np.minimum(total, of_totals[start:stop])
        )
        covered = np.where(enough, parts, 0.0)
        is_own = found >= min(settings.min_matches, total) and found / total > covered.max()
        overlap = found / total if is_own else float(covered.max())
        if overlap > settings.max_overlap:
            rows.append(start)
            of.append(start + int(np.argmax(shared if is_own else covered)))
            values.append(f"overlap={spelled(overlap, (0, settings.max_overlap, 1))}")
    decisions = pa.table(
        {
            "shard": pairs["shard"].take(pa.array(rows, pa.int64())).cast(pa.int32()),
            "position": pairs["position"].take(pa.array(rows, pa.int64())),
            "id": pairs["id"].take(pa.array(rows, pa.int64())),
            "of": pairs["of"].take(pa.array(of, pa.int64())),
            "value": pa.array(values, pa.string()),
        },
        schema=DECISIONS,
    )
    return decisions.sort_by("position")


def _count_of(frequent: pa.Table, positions: Integers) -> Integers:
    """The n-grams that do not count of held-out texts, int64 [n]."""
    known, counts = frequent["of_position"].to_numpy(), frequent["count"].to_numpy()
    if not known.size:
        return np.zeros(positions.size, np.int64)
    place = np.minimum(np.searchsorted(known, positions), known.size - 1)
    return np.where(known[place] == positions, counts[place], 0)


def _added(hits: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The three kinds of rows, their counts added up over the partitions, by position."""
    whole = hits.group_by(list(HITS[1:]), use_threads=False).aggregate([("count", "sum")])
    whole = whole.rename_columns({"count_sum": "count"})
    whole = whole.sort_by([("position", "ascending"), ("of_position", "ascending")])
    is_train, is_held = pc.is_valid(whole["id"]), pc.is_valid(whole["of"])
    return (
        whole.filter(pc.and_(is_train, is_held)),
        whole.filter(pc.invert(is_held)),
        whole.filter(pc.invert(is_train)),
    )


def apply(batch: pa.RecordBatch, decisions: pa.Table, settings: Settings) -> pa.RecordBatch:
    """Mark what is contaminated: value such as `overlap=0.42`, of = the held-out text."""
    del settings
    return mark_copies(batch, decisions, RULE)


def describe(batches: Iterator[pa.RecordBatch], settings: Settings) -> dict[str, int]:
    """How many held-out texts there are, and how many of them cannot be found. See `FIGURES`."""
    from tilth.kernels.ngrams import word_ngrams

    counts = dict.fromkeys((one.name for one in FIGURES), 0)
    # The n-grams of each held-out text, copies once with the number of them.
    copies: dict[bytes, int] = {}
    for batch in batches:
        texts = column(batch, "text").take(pa.array(np.flatnonzero(_is_held(split_ranks(batch)))))
        offsets, ngrams = _ngrams(texts, settings)
        num_words = np.diff(word_ngrams(texts, 1)[0])
        counts["held_out_texts"] += int((num_words > 0).sum())
        counts["held_out_without_words"] += int((num_words == 0).sum())
        short = (num_words > 0) & (num_words < settings.ngram_words)
        counts["held_out_shorter"] += int(short.sum())
        for row in np.flatnonzero(num_words).tolist():
            own = ngrams[offsets[row] : offsets[row + 1]].tobytes()
            copies[own] = copies.get(own, 0) + 1
    texts_ngrams = [np.frombuffer(own, np.uint64) for own in copies]
    if texts_ngrams:
        known, numbers = np.unique(np.concatenate(texts_ngrams), return_counts=True)
        frequent = known[numbers > settings.max_document_frequency]
        counts["held_out_common"] = sum(
            number
            for own, number in zip(texts_ngrams, copies.values(), strict=True)
            if np.isin(own, frequent, assume_unique=True).all()
        )
    return counts
