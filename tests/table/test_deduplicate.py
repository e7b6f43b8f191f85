"""The settings of `deduplicate`."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.table.entries import effect, extreme, name, refused
from tests.table.samples import applied, batch, kept, texts, told
from tests.table.whole import rows, run, said
from tilth.deduplicate import minhash
from tilth.errors import UsageError

WORDS = [f"word{n}" for n in range(120)]


def tree(*steps: Any, **collect: Any) -> dict[str, Any]:
    return {"collect": collect or {"a": {"jsonl": {"path": "a.jsonl"}}}, "deduplicate": list(steps)}


# exact


@effect("deduplicate.exact.of")
def test_of() -> None:
    three = batch([{"text": t, "image": i} for t, i in (("a", b"1"), ("b", b"1"), ("a", b"2"))])
    assert kept("exact", three) == [0, 1]
    assert kept("exact", three, of="image") == [0, 2]
    assert "nothing before it fills" in said(tree({"exact": {"of": "image"}}))


@effect("deduplicate.exact.ignore_whitespace")
@refused("deduplicate.exact.ignore_whitespace")
def test_ignore_whitespace() -> None:
    assert kept("exact", texts("a  b", "a b\n")) == [0]
    assert kept("exact", texts("a  b", "a b\n"), ignore_whitespace=False) == [0, 1]
    assert "is about texts" in told("exact", of="audio", ignore_whitespace=False)


@effect("deduplicate.exact.ignore_case")
@refused("deduplicate.exact.ignore_case")
def test_ignore_case() -> None:
    assert kept("exact", texts("A b", "a B")) == [0, 1]
    assert kept("exact", texts("A b", "a B"), ignore_case=True) == [0]
    assert "is about texts" in told("exact", of="image", ignore_case=True)


# minhash


def edited(changes: int, seed: int = 0) -> str:
    """The words, some of them replaced far from each other."""
    copy = list(WORDS)
    for place in random.Random(seed).sample(range(0, len(WORDS), 6), changes):
        copy[place] = f"edit{seed}x{place}"
    return " ".join(copy)


PAIR = texts(edited(0), edited(3))  # 105 of 131 shingles of five words shared: 0.77


@effect("deduplicate.minhash.threshold")
@extreme("deduplicate.minhash.threshold")
def test_threshold() -> None:
    assert kept("minhash", PAIR, threshold=0.6) == [0]
    assert kept("minhash", PAIR, threshold=0.9) == [0, 1]
    assert kept("minhash", PAIR, threshold=1) == [0, 1]
    assert kept("minhash", texts(edited(0), edited(0)), threshold=1) == [0]
    assert kept("minhash", PAIR, threshold=1e-9) == [0]
    for wrong in (0, 1.01, -1, float("nan")):
        assert "threshold" in told("minhash", threshold=wrong)


@effect("deduplicate.minhash.shingle_words")
@extreme("deduplicate.minhash.shingle_words")
def test_shingle_words() -> None:
    reordered = texts(" ".join(WORDS), " ".join(WORDS[60:] + WORDS[:60][::-1]))
    assert kept("minhash", reordered, shingle_words=1) == [0]
    assert kept("minhash", reordered, shingle_words=5) == [0, 1]
    assert kept("minhash", PAIR, shingle_words=50) == [0, 1]
    assert kept("minhash", texts("a b", "a b"), shingle_words=50) == [0]
    for wrong in (0, 51):
        assert "shingle_words" in told("minhash", shingle_words=wrong)


@effect("deduplicate.minhash.shingle_characters")
@extreme("deduplicate.minhash.shingle_characters")
@refused("deduplicate.minhash.shingle_characters")
def test_shingle_characters() -> None:
    # A letter of each tenth word: 70 of 82 shingles of a letter, no run of many words.
    text = " ".join(WORDS)
    misspelt = " ".join(w.replace("w", "v") if not n % 10 else w for n, w in enumerate(WORDS))
    pair = texts(text, misspelt)
    assert kept("minhash", pair) == [0, 1]
    assert kept("minhash", pair, shingle_characters=7) == [0]
    assert kept("minhash", texts("abc", "cab"), shingle_characters=1) == [0]
    assert kept("minhash", texts("abc", "cab"), shingle_characters=2) == [0, 1]
    assert kept("minhash", pair, shingle_characters=250) == [0, 1]
    assert kept("minhash", texts("a b", "A, b"), shingle_characters=250) == [0]
    for wrong in (0, 251):
        assert "shingle_characters" in told("minhash", shingle_characters=wrong)
    assert "shingle_characters" in told("minhash", shingle_characters=7, shingle_words=5)
    assert "shingle_characters" in told("minhash", shingle_words=None)


@effect("deduplicate.minhash.num_hashes")
@extreme("deduplicate.minhash.num_hashes")
def test_num_hashes() -> None:
    pairs = texts(*(edited(c, n).replace("word", f"p{n}w") for n in range(8) for c in (0, 4)))
    # In 8 bands each: the more places a band has, the fewer pairs of 0.7 agree in one.
    found = {
        num: len(kept("minhash", pairs, num_hashes=num, num_bands=8, threshold=0.5))
        for num in (8, 120, 1024)
    }
    assert 8 == found[8] < found[120] <= found[1024] == 16
    exact = {
        applied("minhash", PAIR, num_hashes=num, num_bands=num)[1]["drop.value"]
        for num in (8, 120, 1024)
    }
    assert exact == {f"jaccard={101 / 131:.2f}"}
    for wrong in (7, 1025):
        assert "num_hashes" in told("minhash", num_hashes=wrong, num_bands=1)


@effect("deduplicate.minhash.num_bands")
@extreme("deduplicate.minhash.num_bands")
@refused("deduplicate.minhash.num_bands")
def test_num_bands() -> None:
    pair = texts(edited(0), edited(9))
    # Left out, it is what the threshold asks for.
    assert kept("minhash", pair, threshold=0.3) == [0]
    given = {"num_hashes": 60, "threshold": 0.3}
    assert kept("minhash", pair, num_bands=1, **given) == [0, 1]
    assert kept("minhash", pair, num_bands=60, **given) == [0]
    assert kept("minhash", texts(edited(0), edited(0)), num_bands=1, **given) == [0]
    assert "is not a multiple of num_bands (7)" in told("minhash", num_bands=7)
    for wrong in (0, 1025):
        assert "num_bands" in told("minhash", num_bands=wrong)


@effect("deduplicate.minhash.max_representatives")
@extreme("deduplicate.minhash.max_representatives")
def test_max_representatives() -> None:
    """A bucket of four texts of which only the last two are alike."""
    lists = pa.large_list(pa.uint64())
    keys = pa.table(
        {
            "key": np.zeros(4, np.uint64),
            "id": [str(n) for n in range(4)],
            "rank": np.full(4, 2, np.int8),
            "shard": np.zeros(4, np.int32),
            "position": np.arange(4),
            "shingles": pa.array([[1], [2], [3], [3]], lists),
            "bands": pa.array([[0]] * 4, lists),
        }
    )

    def pairs(most: int) -> list[tuple[str, str]]:
        found = minhash.reduce_again([keys], minhash.Settings(max_representatives=most))
        return list(zip(found["of"].to_pylist(), found["id"].to_pylist(), strict=True))

    assert pairs(1) == pairs(2) == []
    assert pairs(3) == [("2", "3")]
    assert pairs(1 << 40) == pairs(3)
    assert "max_representatives" in told("minhash", max_representatives=0)


# decontaminate


def corpus(*samples: tuple[str, Sequence[str]]) -> pa.RecordBatch:
    return batch([{"split": split, "text": " ".join(words)} for split, words in samples])


# Of 120 words, half are those of the test: 48 of 108 13-grams.
QUOTING = corpus(("test", WORDS), ("train", [*WORDS[:60], *(f"other{n}" for n in range(60))]))


@effect("deduplicate.decontaminate.max_overlap")
@extreme("deduplicate.decontaminate.max_overlap")
def test_max_overlap() -> None:
    assert applied("decontaminate", QUOTING)[1]["drop.value"] == "overlap=0.44"
    for most, left in ((0, [0]), (0.44, [0]), (0.45, [0, 1]), (0.999, [0, 1])):
        assert kept("decontaminate", QUOTING, max_overlap=most) == left
    for wrong in (-0.1, 1, float("nan")):
        assert "max_overlap" in told("decontaminate", max_overlap=wrong)


@effect("deduplicate.decontaminate.min_matches")
@extreme("deduplicate.decontaminate.min_matches")
def test_min_matches() -> None:
    assert kept("decontaminate", QUOTING, min_matches=48) == [0]
    assert kept("decontaminate", QUOTING, min_matches=49) == [0, 1]
    # A text of fewer n-grams is found all the same.
    whole = corpus(("test", WORDS[:20]), ("train", WORDS[:20]))
    assert kept("decontaminate", whole, min_matches=1 << 40) == [0]
    one = corpus(("test", WORDS[:20]), ("train", [*WORDS[:13], *"abcdefghijklmnopqrs"]))
    for least, left in ((1, [0]), (2, [0, 1])):
        assert kept("decontaminate", one, min_matches=least, max_overlap=0) == left
    assert "min_matches" in told("decontaminate", min_matches=0)


@effect("deduplicate.decontaminate.ngram_words")
@extreme("deduplicate.decontaminate.ngram_words")
def test_ngram_words() -> None:
    pieces = [word for n in range(0, 120, 8) for word in (*WORDS[n : n + 8], f"x{n}")]
    pair = corpus(("test", WORDS), ("train", pieces))
    assert kept("decontaminate", pair, ngram_words=8) == [0, 1]
    assert kept("decontaminate", pair, ngram_words=4) == [0]
    assert kept("decontaminate", pair, ngram_words=1) == [0]
    assert kept("decontaminate", QUOTING, ngram_words=100) == [0, 1]
    for wrong in (0, 101):
        assert "ngram_words" in told("decontaminate", ngram_words=wrong)


@effect("deduplicate.decontaminate.max_document_frequency")
@extreme("deduplicate.decontaminate.max_document_frequency")
def test_max_document_frequency() -> None:
    """Two held-out texts share all but their ends."""
    held = [("test", [*WORDS[:60], f"end{n}"]) for n in range(2)]
    four = corpus(*held, *[("train", WORDS[:60])] * 2)
    assert kept("decontaminate", four, max_document_frequency=2) == [0, 1]
    assert kept("decontaminate", four, max_document_frequency=1) == [0, 1, 2, 3]
    assert kept("decontaminate", four, max_document_frequency=1 << 40) == [0, 1]
    # What one training text has is no boilerplate.
    assert kept("decontaminate", four.slice(0, 3), max_document_frequency=1) == [0, 1]
    assert "max_document_frequency" in told("decontaminate", max_document_frequency=0)


# hold_out

SAMPLES = batch(
    [
        {"uri": f"http://s{n % 50}.org/{n}", "subject": f"p{n % 40}", "source": "ab"[n % 2]}
        for n in range(2000)
    ]
)


SHARES = ("deduplicate.hold_out.test", "deduplicate.hold_out.validation")


def splits(samples: pa.RecordBatch = SAMPLES, **given: Any) -> list[str]:
    return [row["split"] for row in applied("hold_out", samples, **given)]


@effect(*SHARES)
@extreme(*SHARES)
@refused(*SHARES)
@pytest.mark.parametrize("split", ["test", "validation"])
def test_shares(split: str) -> None:
    other = {"test": "validation", "validation": "test"}[split]
    for share, most in ((0, 0), (0.1, 0.02), (0.5, 0.03), (1, 0)):
        found = Counter(splits(**{split: share, other: 0}))
        assert abs(found[split] / 2000 - share) <= most
        assert found.total() == found[split] + found["train"]
    assert "is 1.1, above 1" in told("hold_out", **{split: 0.6, other: 0.5})
    for wrong in (-0.1, 1.1, float("nan")):
        assert split in told("hold_out", **{split: wrong, other: 0})


@effect("deduplicate.hold_out.salt")
def test_salt() -> None:
    assert splits(test=0.5) == splits(test=0.5)
    assert splits(test=0.5) != splits(test=0.5, salt="b")


@effect("deduplicate.hold_out.sources")
@name("deduplicate.hold_out.sources")
def test_sources() -> None:
    found = splits(test=1, validation=0, sources=["a"])
    assert found == ["test" if n % 2 == 0 else "train" for n in range(2000)]
    unknown = said(tree({"hold_out": {"sources": ["vendr"]}}, vendor={"jsonl": {"path": "a"}}))
    assert "names the source `vendr`, which `collect` has not" in unknown
    assert "did you mean `vendor`?" in unknown


@name("deduplicate.hold_out.by")
def test_by_a_field_that_is_not_there() -> None:
    samples = batch([{"meta.patient": "p"}])
    assert applied("hold_out", samples, by="meta.patient", test=1, validation=0)
    with pytest.raises(UsageError, match=r"`meta.patinet`") as caught:
        applied("hold_out", samples, by="meta.patinet")
    assert caught.value.hint == "did you mean `meta.patient`?"
    assert "did you mean" in told("hold_out", by="patient") or "subject" in told(
        "hold_out", by="patient"
    )


@effect("deduplicate.hold_out.by")
@refused("deduplicate.hold_out.by")
@pytest.mark.parametrize(
    ("by", "groups"), [("subject", 40), ("site", 50), ("source", 2), ("uri", 2000), ("id", 2000)]
)
def test_by(by: str, groups: int) -> None:
    found: dict[str, set[str]] = {}
    for row in applied("hold_out", SAMPLES, by=by, test=0.5, validation=0):
        group = row["uri"].split("/")[2] if by == "site" else row[by]
        found.setdefault(group, set()).add(row["split"])
    assert len(found) == groups
    assert all(len(one) == 1 for one in found.values())
    if by == "subject":
        assert "reads `subject`, and nothing before" in said(tree({"hold_out": {"by": by}}))


class TestTheSameOnes:
    """Whatever becomes of its file, and whatever is done to it: a sample is on the same side."""

    TEXTS = tuple(f"text number {n}, of which there are many" for n in range(120))

    @pytest.fixture
    def held(self, tmp_path: Path) -> set[str]:
        return self.held_out(tmp_path, [{"text": text} for text in self.TEXTS])

    def held_out(
        self,
        folder: Path,
        records: list[dict[str, Any]],
        path: str = "a.jsonl",
        clean: Sequence[Any] = (),
        **source: Any,
    ) -> set[str]:
        lines = "".join(json.dumps(record) + "\n" for record in records).encode()
        file = folder / path
        file.write_bytes(gzip.compress(lines) if path.endswith("gz") else lines)
        step = {"hold_out": {"test": 0.3, "validation": 0}}
        given = tree(step, a={"jsonl": {"path": str(file), **source}})
        found = run({**given, "clean": list(clean)}, folder)
        kept = rows(found, "deduplicate.hold_out", "text", "split")
        return {row["text"] for row in kept if row["split"] == "test"}

    def test_under_another_name_with_a_line_on_top_packed_and_shuffled(
        self, held: set[str], tmp_path: Path
    ) -> None:
        assert 20 < len(held) < 52
        records = [{"text": text} for text in self.TEXTS]
        assert self.held_out(tmp_path, records, "b.jsonl") == held
        assert self.held_out(tmp_path, records, "a.jsonl.gz") == held
        found = self.held_out(tmp_path, [{"text": "one more"}, *records[::-1]])
        assert found - {"one more"} == held

    def test_whatever_clean_does(self, held: set[str], tmp_path: Path) -> None:
        records = [{"text": f"  {text}\u00a0"} for text in self.TEXTS]
        plain = self.held_out(tmp_path, records)
        cleaned = self.held_out(tmp_path, records, clean=["normalize"])
        assert cleaned.isdisjoint(plain)
        assert {text.strip() for text in cleaned} == {text.strip() for text in plain}
        assert {text.strip() for text in plain} == held

    def test_a_record_is_known_by_its_own_id(self, tmp_path: Path) -> None:
        def records(edit: str) -> list[dict[str, Any]]:
            return [{"text": text + edit, "n": n} for n, text in enumerate(self.TEXTS)]

        first = self.held_out(tmp_path, records(""), fields={"id": "n"})
        edited = self.held_out(tmp_path, records(", edited"), "b.jsonl", fields={"id": "n"})
        assert {text + ", edited" for text in first} == edited
        assert self.held_out(tmp_path, records("")) != first

    def test_two_samples_of_one_content_are_on_one_side(self, tmp_path: Path) -> None:
        records = [{"text": text} for text in self.TEXTS]
        found = run(
            tree(
                {"hold_out": {"test": 0.5, "validation": 0}},
                **{name: self.source(tmp_path, name, records) for name in "ab"},
            ),
            tmp_path,
        )
        sides: dict[str, set[str]] = {}
        for row in rows(found, "deduplicate.hold_out", "text", "split"):
            sides.setdefault(row["text"], set()).add(row["split"])
        assert all(len(side) == 1 for side in sides.values())

    def source(self, folder: Path, name: str, records: list[dict[str, Any]]) -> dict[str, Any]:
        file = folder / f"{name}.jsonl"
        file.write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
        return {"jsonl": {"path": str(file)}}

    @pytest.mark.parametrize("by", ["uri", "id", "site"])
    def test_however_it_is_grouped(self, by: str, tmp_path: Path) -> None:
        """And wherever its source has it from: blank ids and addresses are none."""
        records = [{"text": text, "n": "", "at": ""} for text in self.TEXTS]
        fields = {"id": "n", "uri": "at"}
        step = {"hold_out": {"test": 0.3, "validation": 0, "by": by}}
        sides = []
        for number, lines in enumerate([records, records[::-1]]):
            source = self.source(tmp_path, f"a{number}", lines)
            source["jsonl"]["fields"] = fields if by != "site" else {}
            found = rows(run(tree(step, a=source), tmp_path), "deduplicate.hold_out")
            sides.append({row["text"] for row in found if row["split"] == "test"})
        assert sides[0] == sides[1]
        assert 20 < len(sides[0]) < 52


@effect("deduplicate.hold_out.test_from")
@refused("deduplicate.hold_out.test_from")
def test_test_from() -> None:
    """Known answers go to test, and what nobody verified does not; nothing else moves."""
    rows = [{"uri": f"a:{n}", "label": "a" if n % 4 == 0 else None} for n in range(2000)]
    both = [
        splits(batch(rows), test=0.5, by="id", test_from=which) for which in ("all", "labelled")
    ]
    for n, (of_all, of_labelled) in enumerate(zip(*both, strict=True)):
        assert of_labelled == (of_all if n % 4 == 0 or of_all != "test" else "train")
    assert 200 < both[1].count("test") < 300
    whole = splits(batch(rows), test=1, validation=0, by="id", test_from="labelled")
    assert whole == ["test" if n % 4 == 0 else "train" for n in range(2000)]
    assert "needs `by: id`" in told("hold_out", test=0.5, test_from="labelled")
    assert "without a share of `test`" in told("hold_out", by="id", test_from="labelled")
