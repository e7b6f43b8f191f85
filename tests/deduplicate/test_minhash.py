"""Near-copies: planted pairs in real articles, who stays, and independence of the cut."""

from __future__ import annotations

import gzip
import os
import random
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tilth.deduplicate import minhash
from tilth.deduplicate.minhash import Settings
from tilth.errors import DataError
from tilth.kernels.minhash import plain_shingle_hashes

from .conftest import Dropped, sample_batch, shuffle

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
ARTICLES = Path(os.environ.get("TILTH_TEST_DATA", SHARED)) / "near-dup-articles"

WORDS = [f"word{n}" for n in range(300)]


def edited(words: list[str], changes: int, seed: int) -> list[str]:
    """A copy with some words replaced, far from each other."""
    rng = random.Random(seed)
    copy = list(words)
    for place in rng.sample(range(0, len(words), 6), changes):
        copy[place] = f"edit{seed}x{place}"
    return copy


def jaccard(a: str, b: str, width: int = 5) -> float:
    first, second = set(plain_shingle_hashes(a, width)), set(plain_shingle_hashes(b, width))
    return len(first & second) / len(first | second)


def texts(*documents: list[str] | str, splits: tuple[str | None, ...] = ()) -> pa.RecordBatch:
    return sample_batch(
        [
            {
                "id": f"i{n}",
                "text": d if isinstance(d, str) else " ".join(d),
                "split": splits[n] if splits else None,
            }
            for n, d in enumerate(documents)
        ]
    )


def test_a_near_copy_goes_and_says_how_near() -> None:
    copy = edited(WORDS, 3, seed=1)
    dropped = shuffle(minhash, Settings(), texts(WORDS, WORDS[::-1], copy), (1, 1))
    assert list(dropped) == ["i2"]
    rule, value, of = dropped["i2"]
    assert (rule, of) == ("near-duplicate", "i0")
    estimate = float(value.removeprefix("jaccard="))
    assert abs(estimate - jaccard(" ".join(WORDS), " ".join(copy))) < 0.1


def test_held_out_copy_stays_even_when_it_comes_last() -> None:
    batch = texts(
        WORDS, edited(WORDS, 2, 1), edited(WORDS, 2, 2), splits=("train", "validation", "test")
    )
    dropped = shuffle(minhash, Settings(), batch, (1,))
    assert {name: of for name, (_, _, of) in dropped.items()} == {"i0": "i2", "i1": "i2"}


def test_a_chain_is_one_group_and_names_the_neighbour() -> None:
    """a ~ b ~ c without a ~ c: c goes with a's group, and says through whom."""
    middle = edited(WORDS[:150], 10, 1) + WORDS[150:]
    batch = texts(WORDS, middle, middle[:150] + edited(WORDS[150:], 10, 2))
    a, b, c = batch["text"].to_pylist()
    threshold = 0.61
    assert min(jaccard(a, b), jaccard(b, c)) > threshold + 0.1 > jaccard(a, c) + 0.2
    dropped = shuffle(minhash, Settings(threshold=threshold, num_hashes=480, num_bands=80), batch)
    assert {name: of for name, (_, _, of) in dropped.items()} == {"i1": "i0", "i2": "i0"}
    assert dropped["i2"][1].endswith(" through i1")
    assert "through" not in dropped["i1"][1]


def test_short_and_empty_texts() -> None:
    batch = texts("Hello, world!", "hello world", "hello there", "", "", "...")
    assert list(shuffle(minhash, Settings(), batch)) == ["i1"]


def test_no_text_at_all_is_an_error_and_not_silence() -> None:
    for batch in (texts("", "!"), sample_batch([{"id": "a", "image": b"x"}])):
        with pytest.raises(DataError, match="no sample has a `text`"):
            shuffle(minhash, Settings(), batch)
    assert shuffle(minhash, Settings(), texts("a b").slice(0, 0)) == {}


def test_two_records_with_one_id_are_not_both_dropped() -> None:
    batch = sample_batch([{"id": "a", "text": "one two"}, {"id": "a", "text": "one two"}])
    assert shuffle(minhash, Settings(), batch, (1,)) == {}


def test_a_large_bucket_is_compared_with_representatives() -> None:
    """A thousand texts that share one band and little else are not compared with each other."""
    count = 1000
    sketches = [bytes(random.Random(n).randbytes(120)) for n in range(count)]
    table = pa.table(
        {
            "id": [f"i{n}" for n in range(count)],
            "key": pa.array([7] * count, pa.uint64()),
            "sketch": pa.array([*sketches[:-1], sketches[0]], pa.binary(120)),
            "rank": pa.array([2] * count, pa.int8()),
            "position": pa.array(range(count), pa.int64()),
            "shard": pa.array([0] * count, pa.int32()),
        }
    )
    pairs = minhash.reduce(table, Settings(max_representatives=4))
    assert pairs.select(["a.id", "b.id", "matches"]).to_pylist() == [
        {"a.id": "i0", "b.id": "i999", "matches": 120},
        {"a.id": None, "b.id": None, "matches": None},
    ]


def test_settings_that_do_not_fit() -> None:
    with pytest.raises(ValidationError, match="multiple of num_bands"):
        Settings(num_hashes=100, num_bands=30)


def test_threshold_allows_for_chance_agreement() -> None:
    assert Settings(threshold=1.0).min_matches == 120
    assert Settings(threshold=0.5).min_matches == 61


def family(count: int, seed: int) -> pa.RecordBatch:
    """Documents in families of near-copies, shuffled, some held out."""
    rng = random.Random(seed)
    documents = []
    for n in range(count):
        root = [f"r{n % (count // 3)}w{w}" for w in range(60)]
        documents.append(edited(root, rng.randrange(3), seed=n))
    rng.shuffle(documents)
    splits = tuple(rng.choice(["test", "train", "train", None]) for _ in documents)
    return texts(*documents, splits=splits)


@given(st.integers(0, 3), st.lists(st.integers(0, 20), max_size=5), st.randoms())
@hypothesis_settings(max_examples=15, deadline=None)
def test_result_does_not_depend_on_shards_or_arrival(
    seed: int, cut: list[int], rng: random.Random
) -> None:
    batch = family(36, seed)
    whole = shuffle(minhash, Settings(), batch)
    assert len(whole) > 10
    assert (
        shuffle(minhash, Settings(), batch, cut, lambda items: rng.sample(items, len(items)))
        == whole
    )


def articles(count: int) -> tuple[pa.RecordBatch, set[frozenset[str]]]:
    if not ARTICLES.is_dir():
        pytest.skip(f"no near-dup-articles in {ARTICLES.parent}; set TILTH_TEST_DATA")
    lines = gzip.decompress((ARTICLES / f"articles_{count}.train.gz").read_bytes()).decode()
    rows = [line.split(" ", 1) for line in lines.splitlines() if line.strip()]
    truth = (ARTICLES / f"articles_{count}.truth").read_text().splitlines()
    batch = sample_batch([{"id": name, "text": text} for name, text in rows])
    return batch, {frozenset(line.split()) for line in truth if line.strip()}


def pairs_of(dropped: Dropped) -> set[frozenset[str]]:
    return {frozenset((name, of)) for name, (_, _, of) in dropped.items()}


@pytest.mark.parametrize("count", [100, 1000])
def test_planted_pairs_of_real_articles(count: int) -> None:
    batch, truth = articles(count)
    documents = dict(zip(batch["id"].to_pylist(), batch["text"].to_pylist(), strict=True))
    assert len(documents) == count
    dropped = shuffle(minhash, Settings(), batch, (7, count // 2))
    # The set holds nothing else above a true Jaccard of 0.18: no false pair is excusable.
    assert pairs_of(dropped) == truth
    for name, (_, value, of) in dropped.items():
        true = jaccard(documents[name], documents[of])
        assert true > Settings().threshold
        assert abs(float(value.removeprefix("jaccard=")) - true) < 0.06


@pytest.mark.parametrize(("changes", "found"), [(7, "nearly all"), (25, "nearly none")])
def test_pairs_on_either_side_of_the_threshold(changes: int, found: str) -> None:
    """Middling pairs, which real planted ones (Jaccard 0.96) do not test."""
    pairs = 100
    documents: list[list[str] | str] = []
    for n in range(pairs):
        root = [f"p{n}w{w}" for w in range(300)]
        documents += [root, edited(root, changes, seed=n)]
    true = jaccard(" ".join(documents[0]), " ".join(documents[1]))
    dropped = shuffle(minhash, Settings(), texts(*documents), (33, 90))
    assert pairs_of(dropped) <= {frozenset((f"i{n}", f"i{n + 1}")) for n in range(0, 200, 2)}
    if found == "nearly all":
        assert 0.76 < true < 0.82
        assert len(dropped) >= 0.95 * pairs
    else:
        assert 0.35 < true < 0.45
        assert len(dropped) == 0
