"""Near-copies: planted pairs in real articles, who stays, and independence of the cut.

The whole operation has a plain twin: all pairs, sets of words, no hash.
"""

from __future__ import annotations

import gzip
import os
import random
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.shuffles import run_shuffle
from tilth.deduplicate import minhash
from tilth.deduplicate.minhash import Settings
from tilth.errors import DataError
from tilth.kernels.characters import WORD, character_class
from tilth.kernels.folding import fold
from tilth.kernels.words import plain_words

from .conftest import Dropped, sample_batch, shards_of, shuffle

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


def shingles(text: str, width: int = 5) -> set[tuple[str, ...]]:
    """Every run of so many words of the text folded; all words of a shorter one."""
    words = [word for word in plain_words(fold(text)) if character_class(word[0]) & WORD]
    runs = range(max(1, len(words) - width + 1)) if words else ()
    return {tuple(words[i : i + width]) for i in runs}


def jaccard(a: str, b: str, width: int = 5) -> float:
    first, second = shingles(a, width), shingles(b, width)
    return len(first & second) / len(first | second)


def plain_minhash(
    batch: pa.RecordBatch, width: int, threshold: float
) -> dict[str, tuple[str, float]]:
    """The plain twin: who goes, for whom, and how similar the two are."""
    rows = batch.to_pylist()
    rows.sort(key=lambda row: ("test", "validation", "train").index(row["split"] or "train"))
    stay: list[dict[str, Any]] = []
    gone = {}
    for row in rows:
        near = [(jaccard(row["text"], one["text"], width), one["id"]) for one in stay]
        most = max((similar for similar, _ in near), default=0.0)
        if most >= threshold:
            gone[row["id"]] = (next(name for similar, name in near if similar == most), most)
        elif shingles(row["text"], width):
            stay.append(row)
    return gone


def told(value: str) -> float:
    return float(value.removeprefix("jaccard="))


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
    # 295 - 15 of each text's shingles are in both.
    assert value == f"jaccard={281 / 311:.2f}"
    assert abs(told(value) - jaccard(" ".join(WORDS), " ".join(copy))) <= 0.00501


def test_held_out_copy_stays_even_when_it_comes_last() -> None:
    batch = texts(
        WORDS, edited(WORDS, 2, 1), edited(WORDS, 2, 2), splits=("train", "validation", "test")
    )
    dropped = shuffle(minhash, Settings(), batch, (1,))
    assert {name: of for name, (_, _, of) in dropped.items()} == {"i0": "i2", "i1": "i2"}


def test_of_a_chain_goes_what_is_near_one_that_stays() -> None:
    """a ~ b ~ c without a ~ c: c is no near-copy of a text that stays, unless b comes first."""
    middle = edited(WORDS[:150], 10, 1) + WORDS[150:]
    chain = [WORDS, middle, middle[:150] + edited(WORDS[150:], 10, 2)]
    a, b, c = (" ".join(words) for words in chain)
    settings = Settings(threshold=0.61, num_hashes=480, num_bands=80)
    assert min(jaccard(a, b), jaccard(b, c)) > 0.61 + 0.1 > jaccard(a, c) + 0.2
    dropped = shuffle(minhash, settings, texts(*chain))
    assert dropped == {"i1": ("near-duplicate", f"jaccard={jaccard(a, b):.2f}", "i0")}
    dropped = shuffle(minhash, settings, texts(chain[1], chain[0], chain[2]))
    assert {name: of for name, (_, _, of) in dropped.items()} == {"i1": "i0", "i2": "i0"}
    assert told(dropped["i2"][1]) == round(jaccard(b, c), 2)


def test_what_no_estimate_tells_apart_is_decided_exactly() -> None:
    """Pairs of 0.69 stay and pairs of 0.71 go, whatever their signatures say."""
    documents = []
    for n in range(60):
        root = [f"p{n}w{w}" for w in range(101)]
        # 97 shingles; the last words are others: 1 - 2k / (97 + k) in common.
        documents += [root, [*root[: 101 - 17 - n % 2], *(f"p{n}x{w}" for w in range(17 + n % 2))]]
    batch = texts(*documents)
    below, above = (jaccard(*batch["text"].to_pylist()[i : i + 2]) for i in (2, 0))
    assert 0.68 < below < 0.7 < above < 0.72
    dropped = shuffle(minhash, Settings(num_hashes=240, num_bands=120), batch)
    assert {name: of for name, (_, _, of) in dropped.items()} == {
        f"i{n + 1}": f"i{n}" for n in range(0, 120, 4)
    }


def test_the_number_is_told_from_the_threshold() -> None:
    """Of 1,000 shingles 700 in common are 0.7; 701 of 1,001 are not."""
    root = [f"w{n}" for n in range(854)]
    batch = texts(root, [*root[:705], *(f"x{n}" for n in range(149))])
    a, b = batch["text"].to_pylist()
    exact = jaccard(a, b)
    assert exact == 701 / 999
    settings = Settings(threshold=0.7, num_hashes=480, num_bands=240)
    assert shuffle(minhash, settings, batch)["i1"][1] == "jaccard=0.7017"
    at = settings.model_copy(update={"threshold": exact})
    assert shuffle(minhash, at, batch)["i1"][1] == "jaccard=0.70"
    above = settings.model_copy(update={"threshold": np.nextafter(exact, 1)})
    assert shuffle(minhash, above, batch) == {}


def test_case_and_composition_hide_no_copy_in_any_script() -> None:
    """Russian in capitals, Greek with marks apart: a hundred texts of words that differ by text."""
    letters = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя" + "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώΐϊ"
    rng = random.Random(0)
    plain = [" ".join("".join(rng.choices(letters, k=6)) for _ in range(40)) for _ in range(100)]
    for way in (str.upper, lambda text: unicodedata.normalize("NFD", text), str.title):
        dropped = shuffle(minhash, Settings(), texts(*plain, *map(way, plain)))
        assert dropped == {
            f"i{n + 100}": ("near-duplicate", "jaccard=1.00", f"i{n}") for n in range(100)
        }


@pytest.mark.parametrize(
    "letters",
    [
        "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生",
        "あいうえおかきくけこさしすせそたちつてと日本語文章カタナ",
        "กขคงจชซญดตถทธนบปผฝพฟมยรลวศสหอะาเแโใไ",
        "កខគឃងចឆជឈញដឋឌឍណតថទធនបផពភមយរលវសហឡអ",
    ],
)
def test_near_copies_without_blanks_are_found(letters: str) -> None:
    """Of 200 letters two and four are others; a mark or a blank between them changes nothing."""
    rng = random.Random(0)
    originals, copies = [], []
    for n in range(60):
        root = rng.choices(letters, k=200)
        copy = list(root)
        for place in rng.sample(range(200), 2 + 2 * (n % 2)):
            copy[place] = rng.choice(letters)
        copy.insert(rng.randrange(200), rng.choice([" ", "\u200b", "。"]))
        originals.append("".join(root))
        copies.append("".join(copy))
    dropped = shuffle(minhash, Settings(), texts(*originals, *copies))
    assert {name: of for name, (_, _, of) in dropped.items()} == {
        f"i{n + 60}": f"i{n}" for n in range(60)
    }


def test_short_and_empty_texts() -> None:
    batch = texts("Hello, world!", "hello world", "hello there", "", "", "...")
    assert list(shuffle(minhash, Settings(), batch)) == ["i1"]


def test_no_text_at_all_is_an_error_and_not_silence() -> None:
    for batch in (texts("", "!"), sample_batch([{"id": "a", "image": b"x"}])):
        with pytest.raises(DataError, match="no sample has a `text`"):
            shuffle(minhash, Settings(), batch)
    assert shuffle(minhash, Settings(), texts("a b").slice(0, 0)) == {}


@pytest.mark.parametrize("cut", [(), (1,), (2,), (1, 1)])
def test_of_records_with_one_id_the_first_stays(cut: tuple[int, ...]) -> None:
    batch = sample_batch([{"id": name, "text": f"one two {name}"} for name in "aba"])
    outs = run_shuffle(minhash, Settings(), shards_of(batch, cut))
    assert [row.get("drop.of") for out in outs for row in out.to_pylist()] == [None, None, "a"]


def candidates(*sets: Sequence[int]) -> pa.Table:
    """Keys of the second round, of texts that share one bucket."""
    count = len(sets)
    lists = pa.large_list(pa.uint64())
    return pa.table(
        {
            "id": [f"i{n}" for n in range(count)],
            "key": pa.array([7] * count, pa.uint64()),
            "rank": pa.array([2] * count, pa.int8()),
            "position": pa.array(range(count), pa.int64()),
            "shard": pa.array([0] * count, pa.int32()),
            "shingles": pa.array(list(map(sorted, sets)), lists),
            "bands": pa.array([[7]] * count, lists),
        }
    )


def test_of_a_large_bucket_the_first_that_stay_are_compared_with() -> None:
    """A thousand texts that share one band and little else are not compared with each other."""
    sets = [range(10 * n, 10 * n + 10) for n in range(1000)]
    table = candidates(*sets, sets[3], sets[4])
    found = minhash.reduce_again([table], Settings(max_representatives=4))
    assert found.to_pylist() == [
        {"shard": 0, "position": 1000, "id": "i1000", "of": "i3", "value": "jaccard=1.00"}
    ]
    # Those that go take no place: the fifth of a kind is compared with the first.
    table = candidates(*[sets[0]] * 9, sets[1], sets[1])
    found = minhash.reduce_again([table], Settings(max_representatives=2))
    assert found["of"].to_pylist() == ["i0"] * 8 + ["i9"]


def test_only_what_stays_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a great many pages with one boilerplate, a shard at a time, one set is in memory."""
    kept: list[minhash._Kept] = []

    class Watched(minhash._Kept):
        def __init__(self, settings: Settings) -> None:
            super().__init__(settings)
            kept.append(self)

    monkeypatch.setattr(minhash, "_Kept", Watched)
    shards = []
    for s in range(8):
        table = candidates(*[[*range(100), 1000 + 50 * s + n] for n in range(50)])
        names = [f"i{s}-{n}" for n in range(50)]
        shards.append(table.set_column(table.column_names.index("id"), "id", pa.array(names)))
    found = minhash.reduce_again(shards, Settings())
    assert found.num_rows == 399
    assert set(found["of"].to_pylist()) == {"i0-0"}
    assert kept[0]._ids == ["i0-0"]
    assert kept[0]._starts[1] == 101


def pairs_at(jaccards: Sequence[float], words: int = 200) -> pa.RecordBatch:
    """Two texts after another for each of these similarities, as near as so many words allow."""
    documents = []
    for n, similar in enumerate(jaccards):
        root = [f"p{n}w{w}" for w in range(words)]
        all_of_one = words - 4  # shingles
        # 2k of them are in one only, of k words at the end that are others.
        changed = round(all_of_one * (1 - similar) / (1 + similar))
        documents += [root, [*root[: words - changed], *(f"p{n}x{w}" for w in range(changed))]]
    return texts(*documents)


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_recall_is_what_the_threshold_promises(threshold: float) -> None:
    """Of pairs just at it as many as is said, .95 at least of those above, none that is .1 below.

    What stands at the threshold is compared with a probability: four standard deviations.
    """
    at, spread = 150, 150
    given = [
        *[threshold + 0.006] * at,
        *(threshold + 0.006 + (0.994 - threshold) * n / spread for n in range(spread)),
        *[threshold - 0.1] * at,
    ]
    batch = pairs_at(given)
    both = batch["text"].to_pylist()
    for n in (0, at, 2 * at):
        assert abs(jaccard(both[2 * n], both[2 * n + 1]) - given[n]) < 0.006
    found = {
        name for name, (_, _, of) in shuffle(minhash, Settings(threshold=threshold), batch).items()
    }
    numbers = [f"i{2 * n + 1}" in found for n in range(len(given))]
    promised = Settings(threshold=threshold).expected_recall
    assert promised >= 0.95
    assert sum(numbers[:at]) / at >= promised - 4 * (promised * (1 - promised) / at) ** 0.5 - 1e-9
    assert sum(numbers[: at + spread]) / (at + spread) >= 0.95
    assert not any(numbers[at + spread :])


def test_what_the_bands_find_is_said() -> None:
    """Of bands that follow from the threshold, and of those that a recipe names."""
    assert Settings(threshold=0.5).bands == (40, 3)
    assert minhash.unasked(Settings(threshold=0.5)) == (
        "of pairs that are 0.5 alike, 0.9952 are found (40 bands of 3 hashes, as `threshold` asks "
        "for)",
    )
    named = Settings(threshold=0.5, num_bands=20)
    assert named.bands == (20, 6)
    (told,) = minhash.unasked(named)
    assert told.startswith("of pairs that are 0.5 alike, 0.27 are found (20 bands of 6 hashes)")
    assert "leave `num_bands` out" in told
    about = Settings.model_fields["num_bands"].description or ""
    for threshold in (0.5, 0.7, 0.9):
        assert "at {} {} of {}".format(threshold, *Settings(threshold=threshold).bands) in about


def test_bands_are_one_setting_however_they_come() -> None:
    assert (
        Settings().normal() == Settings(num_bands=24).normal() == Settings(num_hashes=121).normal()
    )
    assert Settings().normal().normal() == Settings().normal() != Settings(num_bands=20).normal()


def test_settings_that_do_not_fit() -> None:
    with pytest.raises(ValidationError, match="multiple of num_bands"):
        Settings(num_hashes=100, num_bands=30)


def family(count: int, seed: int) -> pa.RecordBatch:
    """Documents in families of near-copies, shuffled, some held out."""
    rng = random.Random(seed)
    documents = []
    for n in range(count):
        root = [f"r{n % (count // 3)}w{w}" for w in range(100)]
        documents.append(edited(root, rng.randrange(3), seed=n))
    rng.shuffle(documents)
    splits = tuple(rng.choice(["test", "train", "train", None]) for _ in documents)
    return texts(*documents, splits=splits)


VOCABULARY = ["one", "Two", "two", "three", "é", "É", "日本", "4", "...", "\u0301", "\n"]


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(VOCABULARY), max_size=9).map(" ".join) | st.text(max_size=9),
            st.sampled_from(["test", "validation", "train", None]),
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 3),
    st.sampled_from([0.3, 0.5, 2 / 3, 0.7, 1.0]),
    st.lists(st.integers(0, 5), max_size=3),
    st.randoms(),
)
@example([("", None), ("!", "test"), ("one", None), ("ONE.", None)], 5, 0.7, [], random.Random(0))
@example([("a b c d", "train")] * 6, 2, 1.0, [2, 2], random.Random(0))
@hypothesis_settings(max_examples=40, deadline=None)
def test_all_that_bands_bring_together_is_decided_as_all_pairs_are(
    samples: list[tuple[str, str | None]],
    width: int,
    threshold: float,
    cut: list[int],
    rng: random.Random,
) -> None:
    """Of 256 bands of one place a pair of 0.3 misses each with a probability of 2e-40."""
    batch = texts(*(text for text, _ in samples), splits=tuple(split for _, split in samples))
    settings = Settings(
        shingle_words=width, num_hashes=256, num_bands=256, threshold=threshold,
        max_representatives=1000,
    )  # fmt: skip
    arrive = lambda items: rng.sample(items, len(items))  # noqa: E731
    try:
        dropped = shuffle(minhash, settings, batch, cut, arrive)
    except DataError:
        assert not any(shingles(text, width) for text, _ in samples)
        return
    expected = plain_minhash(batch, width, threshold)
    assert {name: of for name, (_, _, of) in dropped.items()} == {
        name: of for name, (of, _) in expected.items()
    }
    for name, (_, value, _) in dropped.items():
        exact = expected[name][1]
        assert abs(told(value) - exact) <= 0.00501
        assert told(value) > threshold or exact == threshold
        assert (told(value) == 1) == (exact == 1)


@given(st.integers(0, 3), st.randoms())
@hypothesis_settings(max_examples=5, deadline=None)
def test_another_order_of_the_rows_drops_copies_of_what_stays_too(
    seed: int, rng: random.Random
) -> None:
    """Which of a family stays hangs on the order; that one stays, and what is said, do not."""
    batch = family(36, seed)
    batch = batch.take(pa.array(rng.sample(range(36), 36)))
    documents = dict(zip(batch["id"].to_pylist(), batch["text"].to_pylist(), strict=True))
    dropped = shuffle(minhash, Settings(), batch)
    for name, (_, value, of) in dropped.items():
        assert of not in dropped
        assert abs(told(value) - jaccard(documents[name], documents[of])) <= 0.00501
    family_of = {name: text.split()[-1].split("w")[0] for name, text in documents.items()}
    assert {family_of[name] for name in documents if name not in dropped} == {*family_of.values()}


@given(st.integers(0, 3), st.lists(st.integers(0, 20), max_size=5), st.randoms())
@hypothesis_settings(max_examples=10, deadline=None)
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
        assert abs(told(value) - true) <= 0.00501


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
