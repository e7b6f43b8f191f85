"""Training texts that give away held-out ones: shared word n-grams.

The method of GPT-3 (Brown et al. 2020, appendix C): 13-grams of lower-case words without
punctuation (see `kernels.ngrams`), each counted once a text. Two shares tell how much a training
text and the held-out texts overlap: of its own n-grams, those found in any held-out text; and of a
held-out text's that count, those found in it. The second finds a short test item pasted into a
long page, which the first would drown. An n-gram counts for every held-out text that has it, so
that an item is found though another held-out text quotes it.

The header that stands on every page of a site says nothing about a test item, and would condemn the
whole site. So an n-gram does not count that is common on both sides: it occurs in more than
`max_document_frequency` held-out texts, and in more than so many training texts, or in two and in
more than half of all. Common among held-out texts alone is a test item that others quote, and
common among training texts alone one that leaked often: both count. What counts can condemn no
more than so many training texts for an n-gram that many held-out texts have, and is compared with
each in time that grows with the texts. Copies of one held-out text are one text here.

The share of a held-out text is taken twice, and the larger one tells: of all its n-grams but those
that do not count, and of those that few held-out texts have. A licence that stands in all test
items and in no training text is no part of the second.

What is common on both sides is boilerplate or a test item that leaked as often as it is quoted;
nobody can tell from the texts. How many training texts hold more than half of a held-out text in
such n-grams is counted and warned of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from tilth.spell import plural

# Kernels load numba, and whoever reads or plans a recipe needs none.
if TYPE_CHECKING:
    from tilth.kernels.characters import Integers
    from tilth.kernels.minhash import Hashes

RULE = "contaminated"
HITS = ("count", "holders", "shard", "id", "position", "total", "of", "of_position", "of_total")
# A training text that holds more than so much of a held-out one is a copy of it, whatever else.
_COPY = 0.5
# Of so many held-out texts with a common n-gram, the shortest, it is counted who holds them.
_MOST_SHARING = 10

_HELD = "held-out samples (test and validation)"
_TEST = (
    "tests/deduplicate/test_decontaminate.py::test_what_cannot_be_found_of_the_held_out_is_counted"
)
_KEPT_TEST = "tests/deduplicate/test_decontaminate.py::test_what_is_kept_as_boilerplate_is_counted"
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
        "held-out texts of common n-grams alone",
        "Held-out texts of which every n-gram occurs in more than `max_document_frequency` "
        "held-out texts: such a one is found where no more training texts have these n-grams.",
        _HELD,
        better="lower",
        reference="ten plain lines",
        test=_TEST,
    ),
    Definition(
        "held_out_in_boilerplate",
        "held-out texts taken for boilerplate",
        "Held-out texts of which a training text that was kept holds more than half, in n-grams "
        "that are common on both sides and so do not count. Of each such n-gram the 10 shortest "
        "held-out texts that have it are looked at, copies left out.",
        _HELD,
        better="lower",
        reference="every pair of texts, compared with sets",
        test=_KEPT_TEST,
    ),
    Definition(
        "training_with_held_out",
        "training texts with a held-out text taken for boilerplate",
        "Training texts that were kept and hold more than half of such a held-out text.",
        "training samples that the step kept",
        better="lower",
        reference="every pair of texts, compared with sets",
        test=_KEPT_TEST,
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
        description="Held-out texts, copies left out, or training texts, in which an n-gram may "
        "occur and still count; what more of both have is boilerplate.",
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
        number of a text's n-grams in all), `first` (uint64, the lowest of them) and `digest`
        (uint64, of all of a held-out text's).
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
            "first": ngrams[ngram_offsets[rows]],
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
        Rows of four kinds, and a row of nulls that says that there are held-out texts:
        a training and a held-out text with `count`, n-grams that they share;
        a training text alone (`of` is null) with `count`, its n-grams that any held-out text has;
        a held-out text alone (`id` is null) with `count`, its n-grams that are common among these;
        and neither, with `count`, training texts of which the first n-gram is here.
        `holders` is 0 of n-grams that are not common among held-out texts, and of the others 1 and
        the training texts that have them, up to one more than may have them so that they count.
        Of n-grams that more have there are rows of the third kind alone.
    """
    table = without_witnesses(table).combine_chunks()
    ngrams = table["key"].combine_chunks()
    lengths = np.asarray(ngrams.value_lengths().to_numpy(zero_copy_only=False), np.int64)
    rows = np.repeat(np.arange(table.num_rows), lengths)
    values = ngrams.flatten().to_numpy()
    held = _is_held(table["rank"].to_numpy())
    # Its n-grams ascend, so that the lowest stands first where it lies in this partition.
    lowest = values[(np.cumsum(lengths) - lengths)[~held]]
    num_training = int((lowest == table["first"].to_numpy()[~held]).sum())

    # Copies share all their n-grams: the first of them stands for all.
    is_first = _firsts(table, held)[rows]
    known, starts, owners = _by_ngram(values[is_first], rows[is_first])
    sharing = np.diff(starts)

    rows, values = rows[~held[rows]], values[~held[rows]]
    place = np.minimum(np.searchsorted(known, values), max(known.size - 1, 0))
    if known.size:
        found = known[place] == values
        rows, place = rows[found], place[found]
    else:
        rows, place = rows[:0], place[:0]
    most = min(settings.max_document_frequency, table.num_rows)
    holders = np.minimum(np.bincount(place, minlength=known.size), most + 1) + 1
    holders[sharing <= most] = 0
    common = np.repeat(holders > 0, sharing)
    frequent = _counted(owners[common], np.repeat(holders, sharing)[common])

    counts = holders[place] <= most + 1
    rows, place = rows[counts], place[counts]
    own = _counted(rows, holders[place])
    train = np.repeat(rows, sharing[place])
    of = owners[ranges(starts[place], sharing[place])]
    both = _counted(train, of, np.repeat(holders[place], sharing[place]))
    hits = [
        _hits(table, both[0], both[1], *both[2:]),
        _hits(table, own[0], None, *own[1:]),
        _hits(table, None, frequent[0], *frequent[1:]),
        _hits(table, None, None, np.zeros(1, np.int64), np.array([num_training])),
    ]
    return with_evidence(pa.concat_tables(hits), bool(held.any()))


def _counted(*columns: Integers) -> tuple[Integers, ...]:
    """The distinct rows of some columns, in their order, and how often each is there."""
    order = np.lexsort(columns[::-1])
    starts = group_starts(*(one[order] for one in columns))
    return (*(one[order][starts[:-1]] for one in columns), np.diff(starts))


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
    holders: Integers,
    counts: Integers,
) -> pa.Table:
    """Key rows of training and of held-out texts, written out with a count of n-grams."""
    sides = [
        pa.nulls(counts.size, table.schema.field(name).type)
        if rows is None
        else table[name].combine_chunks().take(pa.array(rows))
        for rows, names in ((train, HITS[2:6]), (held, ("id", "position", "total")))
        for name in names
    ]
    numbers = [pa.array(one, pa.int64()) for one in (counts, holders)]
    return pa.table(dict(zip(HITS, [*numbers, *sides], strict=True)))


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
    pairs, own, uncounted, frequent = _added(hits, settings)
    of_positions = pairs["of_position"].to_numpy()
    of_totals = pairs["of_total"].to_numpy()
    of_all = of_totals - _count_of(uncounted, of_positions)
    of_few = of_totals - _count_of(frequent, of_positions)
    counts, totals = pairs["count"].to_numpy(), pairs["total"].to_numpy()
    few = pairs["few"].to_numpy()
    of_shares = np.maximum(
        _shares(counts, of_all, totals, settings), _shares(few, of_few, totals, settings)
    )
    starts = group_starts(pairs["position"].to_numpy())

    rows, of, values = [], [], []
    for start, stop, found in zip(
        starts[:-1].tolist(), starts[1:].tolist(), own["count"].to_pylist(), strict=True
    ):
        shared, total = counts[start:stop], int(totals[start])
        covered = of_shares[start:stop]
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


def _shares(
    counts: Integers, of_counts: Integers, totals: Integers, settings: Settings
) -> npt.NDArray[np.float64]:
    """Shares of held-out texts' n-grams, 0 where they rest on too few, float64 [n].

    Args:
        counts: int64 [n], n-grams that two texts share.
        of_counts: int64 [n], those of the held-out text that are counted.
        totals: int32 [n], those of the training text.
    """
    enough = counts >= np.minimum(settings.min_matches, np.minimum(totals, of_counts))
    return np.where(enough & (of_counts > 0), counts / np.maximum(of_counts, 1), 0.0)


def _count_of(counted: pa.Table, positions: Integers) -> Integers:
    """The count that stands beside each of these held-out texts, 0 of none, int64 [n]."""
    known, counts = counted["of_position"].to_numpy(), counted["count"].to_numpy()
    if not known.size:
        return np.zeros(positions.size, np.int64)
    place = np.minimum(np.searchsorted(known, positions), known.size - 1)
    return np.where(known[place] == positions, counts[place], 0)


def _added(hits: pa.Table, settings: Settings) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """What the partitions found, added up, by position.

    Returns:
        Training and held-out texts with the n-grams that both have (`few` of those that are not
        common among held-out texts); training texts with those that any held-out text has;
        held-out texts with those that do not count; and with those that are common among these.
    """
    is_train, is_held = pc.is_valid(hits["id"]), pc.is_valid(hits["of"])
    neither = pc.invert(pc.or_(is_train, is_held))
    num_training = pc.sum(hits.filter(neither)["count"]).as_py() or 0
    # Two is what makes anything common, whatever it is half of.
    most = min(settings.max_document_frequency, max(1, num_training // 2))
    counts = pc.less_equal(hits["holders"], most + 1)
    few = pc.if_else(pc.equal(hits["holders"], 0), hits["count"], 0)
    hits = hits.append_column("few", few)
    of_held = hits.filter(pc.and_(is_held, pc.invert(is_train)))
    return (
        _summed(hits.filter(pc.and_(pc.and_(is_train, is_held), counts))),
        _summed(hits.filter(pc.and_(pc.and_(is_train, pc.invert(is_held)), counts))),
        _summed(of_held.filter(pc.greater(of_held["holders"], most + 1))),
        _summed(of_held),
    )


def _summed(hits: pa.Table) -> pa.Table:
    sums = [("count", "sum"), ("few", "sum")]
    whole = hits.group_by(list(HITS[2:]), use_threads=False).aggregate(sums)
    whole = whole.rename_columns({"count_sum": "count", "few_sum": "few"})
    return whole.sort_by([("position", "ascending"), ("of_position", "ascending")])


def apply(batch: pa.RecordBatch, decisions: pa.Table, settings: Settings) -> pa.RecordBatch:
    """Mark what is contaminated: value such as `overlap=0.42`, of = the held-out text."""
    del settings
    return mark_copies(batch, decisions, RULE)


def describe(batches: Iterable[pa.RecordBatch], settings: Settings) -> dict[str, int]:
    """How many held-out texts there are, and how many of them were not or cannot be found.

    See `FIGURES`.

    Args:
        batches: What was kept; gone through a second time where held-out texts are mostly of
            n-grams that are common among them.
        settings: Those of the step.
    """
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
    if not texts_ngrams:
        return counts
    times = np.array([*copies.values()])
    known, numbers = np.unique(np.concatenate(texts_ngrams), return_counts=True)
    frequent = known[numbers > settings.max_document_frequency]
    common = np.array([np.isin(own, frequent, assume_unique=True).mean() for own in texts_ngrams])
    counts["held_out_common"] = int(times[common == 1].sum())
    if (mostly := np.flatnonzero(common > _COPY)).size:
        held, training = _kept_as_boilerplate([texts_ngrams[i] for i in mostly], batches, settings)
        counts["held_out_in_boilerplate"] = int(times[mostly][held].sum())
        counts["training_with_held_out"] = training
    return counts


def _kept_as_boilerplate(
    held_out: Sequence[Hashes], batches: Iterable[pa.RecordBatch], settings: Settings
) -> tuple[npt.NDArray[np.bool_], int]:
    """Of which of these held-out texts a training text holds more than half, and how many do.

    Args:
        held_out: The n-grams of each, distinct.
        batches: What was kept.
        settings: Those of the step.

    Returns:
        (bool [held-out texts], training texts).
    """
    lengths = np.array([own.size for own in held_out])
    owners = np.repeat(np.arange(lengths.size), lengths)
    values = np.concatenate(held_out)
    order = np.lexsort((lengths[owners], values))
    starts = group_starts(values[order])
    known, sharing = values[order][starts[:-1]], np.minimum(np.diff(starts), _MOST_SHARING)
    owners = owners[order]
    is_held, num_training = np.zeros(lengths.size, np.bool_), 0
    for batch in batches:
        texts = column(batch, "text").take(pa.array(np.flatnonzero(~_is_held(split_ranks(batch)))))
        offsets, ngrams = _ngrams(texts, settings)
        rows = np.repeat(np.arange(len(texts)), np.diff(offsets))
        place = np.minimum(np.searchsorted(known, ngrams), known.size - 1)
        found = known[place] == ngrams
        rows, place = rows[found], place[found]
        of = owners[ranges(starts[place], sharing[place])]
        train, of, shared = _counted(np.repeat(rows, sharing[place]), of)
        holds = shared > max(_COPY, settings.max_overlap) * lengths[of]
        is_held[of[holds]] = True
        num_training += np.unique(train[holds]).size
    return is_held, num_training


def doubts(figures: Mapping[str, int], settings: Settings) -> Iterator[str]:
    """What was kept though it holds most of a held-out text, if anything."""
    held, training = figures["held_out_in_boilerplate"], figures["training_with_held_out"]
    if training:
        more = " or more" if held >= _MOST_SHARING else ""
        yield (
            f"{plural(training, 'training text')} kept with more than half of a held-out text, of "
            f"{held}{more} such: what more than {settings.max_document_frequency} held-out texts "
            "and as many training texts have, or more than half of all, passes for boilerplate; "
            "where it is none, raise `max_document_frequency`"
        )
