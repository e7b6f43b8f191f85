"""Planted contamination is found, boilerplate is not taken for it, and silence is impossible."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.shuffles import run_shuffle
from tilth.deduplicate import decontaminate
from tilth.deduplicate.decontaminate import Settings
from tilth.errors import DataError
from tilth.kernels.ngrams import plain_word_ngrams

from .conftest import sample_batch, shuffle


def prose(seed: int, words: int) -> str:
    rng = random.Random(seed)
    return " ".join(f"w{rng.randrange(5000)}" for _ in range(words))


def corpus(*samples: tuple[str, str]) -> pa.RecordBatch:
    """Samples from (split, text); ids i0, i1, ... in order."""
    return sample_batch(
        [{"id": f"i{n}", "split": split, "text": text} for n, (split, text) in enumerate(samples)]
    )


def test_a_quoted_passage_is_found_with_its_share() -> None:
    held = prose(1, 112)
    quoted = " ".join([prose(2, 50), *held.split()[:62]])
    batch = corpus(("train", prose(3, 100)), ("train", quoted), ("test", held))
    # 62 words of the passage are 50 13-grams, of 100 in each of the two texts.
    assert shuffle(decontaminate, Settings(), batch, (1, 1)) == {
        "i1": ("contaminated", "overlap=0.50", "i2")
    }
    assert shuffle(decontaminate, Settings(max_overlap=0.5), batch) == {}


def test_a_short_test_item_in_a_long_page_is_found() -> None:
    item = prose(1, 30)
    page = " ".join([prose(2, 1500), item, prose(3, 1500)])
    batch = corpus(("validation", item), ("train", page))
    assert shuffle(decontaminate, Settings(), batch) == {
        "i1": ("contaminated", "overlap=1.00", "i0")
    }


def test_case_and_punctuation_do_not_hide_it() -> None:
    held = prose(1, 40)
    batch = corpus(("test", held), ("train", ", ".join(held.upper().split()) + "!"))
    assert list(shuffle(decontaminate, Settings(), batch)) == ["i1"]


def test_nor_do_upper_case_and_forms_of_other_scripts() -> None:
    held = " ".join(f"Straße{n} Ölberg ﬁn" for n in range(20))
    batch = corpus(("test", held), ("train", held.upper()))
    assert list(shuffle(decontaminate, Settings(), batch)) == ["i1"]


def test_short_texts_are_compared_as_a_whole() -> None:
    batch = corpus(
        ("test", "What is the capital?"), ("train", "what is the capital"), ("train", "what is the")
    )
    assert list(shuffle(decontaminate, Settings(), batch)) == ["i1"]


def test_few_shared_ngrams_are_chance() -> None:
    held = prose(1, 20)
    batch = corpus(("test", held), ("train", held.rsplit(" ", 6)[0] + " " + prose(2, 6)))
    settings = Settings(max_overlap=0.0)
    assert shuffle(decontaminate, settings, batch) == {}
    assert list(shuffle(decontaminate, settings.model_copy(update={"min_matches": 2}), batch)) == [
        "i1"
    ]


def test_header_of_every_page_condemns_nothing() -> None:
    header = prose(0, 40)
    pages = [("test" if n < 20 else "train", f"{header} {prose(n + 1, 40)}") for n in range(60)]
    batch = corpus(*pages)
    assert shuffle(decontaminate, Settings(), batch) == {}
    strict = shuffle(decontaminate, Settings(max_document_frequency=20), batch)
    assert len(strict) == 40


def test_held_out_texts_are_never_marked() -> None:
    held = prose(1, 50)
    batch = corpus(("test", held), ("validation", held), ("train", held))
    assert shuffle(decontaminate, Settings(), batch) == {
        "i2": ("contaminated", "overlap=1.00", "i0")
    }


def test_an_item_that_another_held_out_text_quotes_is_found_all_the_same() -> None:
    item = prose(1, 40)
    page = " ".join([prose(2, 300), item, prose(3, 300)])
    quoting = " ".join([prose(4, 200), item, prose(5, 300)])
    for order in ([("test", quoting), ("test", item)], [("test", item), ("test", quoting)]):
        dropped = shuffle(decontaminate, Settings(), corpus(*order, ("train", page)))
        of = f"i{order.index(('test', item))}"
        assert dropped == {"i2": ("contaminated", "overlap=1.00", of)}


def test_copies_of_a_held_out_text_are_no_boilerplate() -> None:
    item = prose(1, 40)
    page = " ".join([prose(2, 300), item, prose(3, 300)])
    batch = corpus(*[("test", item)] * 30, ("train", page))
    dropped = shuffle(decontaminate, Settings(max_document_frequency=1), batch, (7, 3))
    assert dropped == {"i30": ("contaminated", "overlap=1.00", "i0")}


def test_an_item_is_found_however_many_quote_it_unless_as_many_training_texts_do() -> None:
    item = prose(1, 40)
    quoting = [("test", f"{item} {prose(n, 40)}") for n in range(2, 13)]

    def page(n: int) -> tuple[str, str]:
        return "train", " ".join([prose(20 + n, 300), item, prose(50 + n, 300)])

    few = corpus(("test", item), *quoting, *map(page, range(10)), *[("train", prose(90, 60))] * 10)
    found = shuffle(decontaminate, Settings(), few, (5, 9))
    assert found == {f"i{n}": ("contaminated", "overlap=1.00", "i0") for n in range(12, 22)}
    assert not [*decontaminate.doubts(decontaminate.describe([few], Settings()), Settings())][1:]
    many = corpus(("test", item), *quoting, *map(page, range(11)), *[("train", prose(90, 60))] * 11)
    assert shuffle(decontaminate, Settings(), many) == {}
    assert len(shuffle(decontaminate, Settings(max_document_frequency=11), many)) == 11
    # Nobody can say what it is, and so it is said.
    (said,) = decontaminate.doubts(decontaminate.describe([many], Settings()), Settings())
    assert said.startswith("11 training texts kept with more than half of a held-out text, of 1 ")


def test_of_what_quotes_boilerplate_the_rest_counts() -> None:
    """What is left of it is all that its share is of, though no training text has the rest."""
    header = prose(1, 40)
    pages = [("test", f"{header} {prose(n, 40)}") for n in range(2, 14)]
    rest = " ".join(pages[0][1].split()[40:])
    plain = [("train", f"{header} {prose(n, 80)}") for n in range(20, 40)]
    for training in (plain, []):
        found = shuffle(decontaminate, Settings(), corpus(*pages, *training, ("train", rest)))
        assert found == {f"i{12 + len(training)}": ("contaminated", "overlap=1.00", "i0")}


@given(
    st.integers(0, 9),
    st.integers(1, 50),
    st.integers(1, 3),
    st.integers(3, 30),
    st.booleans(),
    st.lists(st.integers(0, 30), max_size=2),
)
@hypothesis_settings(max_examples=10, deadline=None)
def test_planted_items_are_found_and_the_licence_of_every_page_is_not(
    seed: int, quoting: int, leaks: int, others: int, alone: bool, cut: list[int]
) -> None:
    """An item that up to 50 held-out texts quote, in few of the training pages."""
    licence, item = prose(900 + seed, 40), prose(seed, 40)
    samples = [("test", f"{prose(100 + n, 30)} {item} {licence}") for n in range(quoting)]
    samples += [("validation", item)] * alone
    samples += [("test", f"{prose(160 + n, 30)} {licence}") for n in range(11)]
    samples += [
        ("train", f"{prose(200 + n, 300)} {item} {prose(250 + n, 99)} {licence}")
        for n in range(leaks)
    ]
    samples += [("train", f"{prose(300 + n, 30)} {licence}") for n in range(others)]
    first = quoting + alone + 11
    found = shuffle(decontaminate, Settings(), corpus(*samples), cut)
    assert [*found] == [f"i{first + n}" for n in range(leaks)]
    wanted = plain_decisions(samples, Settings())
    assert {name: of for name, (_, _, of) in found.items()} == {
        name: of for name, (_, of) in wanted.items()
    }


def test_the_matches_are_those_of_the_text_that_decides() -> None:
    """Two of four n-grams are too few, however much is shared with another text."""
    short, long = prose(1, 16), prose(2, 400)
    page = " ".join([*short.split()[:14], *prose(3, 300).split(), *long.split()[:14]])
    batch = corpus(("test", short), ("test", long), ("train", page))
    assert shuffle(decontaminate, Settings(), batch) == {}
    two = Settings(min_matches=2)
    assert shuffle(decontaminate, two, batch) == {"i2": ("contaminated", "overlap=0.50", "i0")}


@pytest.mark.parametrize(
    ("shared", "told"), [(501, "0.501"), (599, "0.599"), (700, "0.70"), (999, "0.999")]
)
def test_what_decided_is_told_so_that_it_decides(shared: int, told: str) -> None:
    """Thousandths beside a threshold of halves, sixths and ones."""
    held = prose(1, 1012).split()
    page = " ".join([*held[: shared + 12], *(f"x{n}" for n in range(1000 - shared))])
    batch = corpus(("test", " ".join(held)), ("train", page))
    most = {501: 0.5, 599: 0.598}.get(shared, 0.2)
    found = shuffle(decontaminate, Settings(max_overlap=most), batch)
    assert found["i1"][1] == f"overlap={told}"


def test_a_record_that_stands_there_twice_counts_once_and_held_out_stays() -> None:
    held, page = prose(1, 40), prose(1, 22) + " " + prose(2, 30)
    rows = [("a", "test", held), ("b", "train", page), ("b", "train", page), ("a", "train", held)]
    names = ("id", "split", "text")
    batch = sample_batch([dict(zip(names, row, strict=True)) for row in rows])
    (out,) = run_shuffle(decontaminate, Settings(), [batch])
    assert out["drop.value"].to_pylist() == [None, *["overlap=0.36"] * 2, "overlap=1.00"]


Ngrams = frozenset[int]


def plain_decisions(
    samples: Sequence[tuple[str, str]], settings: Settings
) -> dict[str, tuple[float, str]]:
    """The plain twin, with sets: name -> (overlap, the held-out text)."""
    sets = [frozenset(plain_word_ngrams(text, settings.ngram_words)) for _, text in samples]
    held: dict[Ngrams, str] = {}  # a copy is no other text
    for number, (split, _) in enumerate(samples):
        if split != "train" and sets[number]:
            held.setdefault(sets[number], f"i{number}")
    training = [own for own, (split, _) in zip(sets, samples, strict=True) if split == "train"]
    frequency = Counter(ngram for one in held for ngram in one)
    common = {n for n, times in frequency.items() if times > settings.max_document_frequency}
    most = min(settings.max_document_frequency, max(1, sum(map(bool, training)) // 2))
    holders = Counter(ngram for own in training for ngram in own)
    boilerplate = {n for n in common if holders[n] > most}
    found = {}
    for number, (split, _) in enumerate(samples):
        own = sets[number]
        if split != "train" or not own & frequency.keys() - boilerplate:
            continue
        shared = {name: len(own & one - boilerplate) for one, name in held.items()}
        best, of = 0.0, ""
        for one, name in held.items():
            for counted in (one - boilerplate, one - common):
                matches = len(own & counted)
                enough = matches >= min(settings.min_matches, len(counted), len(own))
                if enough and matches and matches / len(counted) > best:
                    best, of = matches / len(counted), name
        matches = len(own & frequency.keys() - boilerplate)
        if matches >= min(settings.min_matches, len(own)) and matches / len(own) > best:
            best = matches / len(own)
            of = max(shared, key=lambda name: (shared[name], -int(name[1:])))
        if best > settings.max_overlap:
            found[f"i{number}"] = (best, of)
    return found


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["train", "train", "test", "validation"]),
            st.lists(st.sampled_from("abcdÄ"), max_size=14).map(" ".join),
        ),
        max_size=14,
    ),
    st.builds(
        Settings,
        ngram_words=st.integers(1, 4),
        max_overlap=st.sampled_from([0, 0.2, 0.5, 0.75]),
        min_matches=st.integers(1, 4),
        max_document_frequency=st.integers(1, 4),
    ),
    st.lists(st.integers(0, 6), max_size=3),
)
@hypothesis_settings(max_examples=120, deadline=None)
def test_it_decides_as_its_plain_twin(
    samples: list[tuple[str, str]], settings: Settings, cut: list[int]
) -> None:
    batch = corpus(*samples, ("test", "zz"))
    wanted = plain_decisions([*samples, ("test", "zz")], settings)
    found = shuffle(decontaminate, settings, batch, cut)
    assert {name: of for name, (_, _, of) in found.items()} == {
        name: of for name, (_, of) in wanted.items()
    }
    for name, (_, value, _) in found.items():
        told = float(value.removeprefix("overlap="))
        assert told == pytest.approx(wanted[name][0], abs=0.00501)
        assert told > settings.max_overlap


def test_nothing_held_out_is_an_error() -> None:
    with pytest.raises(DataError, match="no held-out text") as caught:
        shuffle(decontaminate, Settings(), corpus(("train", prose(1, 50))))
    assert "hold_out" in caught.value.hint
    with pytest.raises(DataError, match="no held-out text"):
        shuffle(decontaminate, Settings(), corpus(("test", "..."), ("train", prose(1, 50))))
    with pytest.raises(DataError, match="no held-out text"):
        shuffle(decontaminate, Settings(), sample_batch([{"id": "a", "image": b"x"}]))


def test_only_held_out_is_no_error() -> None:
    assert shuffle(decontaminate, Settings(), corpus(("test", prose(1, 50)))) == {}


@given(st.integers(0, 3), st.lists(st.integers(0, 12), max_size=5), st.randoms())
@hypothesis_settings(max_examples=15, deadline=None)
def test_result_does_not_depend_on_shards_or_arrival(
    seed: int, cut: list[int], rng: random.Random
) -> None:
    made = random.Random(seed)
    passages = [prose(n, 40) for n in range(12)]
    samples = []
    for n in range(24):
        text = " ".join([prose(100 + n, 30), *made.sample(passages, 2)])
        samples.append((made.choice(["train", "train", "test", "validation"]), text))
    batch = corpus(("test", passages[0]), *samples)
    whole = shuffle(decontaminate, Settings(), batch)
    assert whole

    def arrive(items: list[int]) -> list[int]:
        return rng.sample(items, len(items))

    assert shuffle(decontaminate, Settings(), batch, cut, arrive) == whole


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["test", "validation", "train", None]),
            st.none()
            | st.text(max_size=5)
            | st.lists(st.sampled_from(["a", "A", "b", "é", "日", "!", "..."]), max_size=5).map(
                " ".join
            ),
        ),
        max_size=25,
    ),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 30),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_what_cannot_be_found_of_the_held_out_is_counted(
    samples: list[tuple[str | None, str | None]], width: int, most: int, batch_rows: int
) -> None:
    rows = [{"id": f"i{n}", "split": s, "text": t} for n, (s, t) in enumerate(samples)]
    settings = Settings(ngram_words=width, max_document_frequency=most)
    batch = sample_batch(rows or [{"id": "i", "text": ""}])
    cut = (batch.slice(start, batch_rows) for start in range(0, batch.num_rows, batch_rows))
    found = decontaminate.describe(cut, settings)

    held = [text or "" for split, text in samples if split in ("test", "validation")]
    words = [plain_word_ngrams(text, 1) for text in held]
    ngrams = [frozenset(plain_word_ngrams(text, width)) for text in held]
    holders = Counter(ngram for own in {*ngrams} for ngram in own)
    assert found == {
        "held_out_texts": sum(map(bool, words)),
        "held_out_shorter": sum(0 < len(own) < width for own in words),
        "held_out_common": sum(bool(o) and all(holders[n] > most for n in o) for o in ngrams),
        "held_out_in_boilerplate": found["held_out_in_boilerplate"],
        "training_with_held_out": found["training_with_held_out"],
        "held_out_without_words": sum(not own for own in words),
    }


_FEW_WORDS = st.lists(st.sampled_from("abcdefÄ"), max_size=9).map(" ".join)


@given(
    st.lists(_FEW_WORDS, max_size=10),
    st.lists(_FEW_WORDS, max_size=8),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([0.2, 0.6]),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_what_is_kept_as_boilerplate_is_counted(
    held_out: list[str], training: list[str], width: int, most: int, overlap: float
) -> None:
    samples = [*(("test", text) for text in held_out), *(("train", text) for text in training)]
    settings = Settings(ngram_words=width, max_document_frequency=most, max_overlap=overlap)
    batch = corpus(*samples, ("train", "z"))
    figures = decontaminate.describe([batch.slice(0, 5), batch.slice(5)], settings)

    ngrams = [frozenset(plain_word_ngrams(text, width)) for text in held_out]
    holders = Counter(ngram for own in {*ngrams} for ngram in own)
    mostly = [own for own in ngrams if sum(holders[n] > most for n in own) > len(own) / 2]
    pages = [frozenset(plain_word_ngrams(text, width)) for text in training]

    def holds(page: Ngrams, own: Ngrams) -> bool:
        return len(page & own) > max(0.5, overlap) * len(own)

    held = [own for own in mostly if any(holds(page, own) for page in pages)]
    leaks = [page for page in pages if any(holds(page, own) for own in mostly)]
    assert figures["held_out_in_boilerplate"] == len(held)
    assert figures["training_with_held_out"] == len(leaks)
    more = " or more" if len(held) > 9 else ""
    assert [*decontaminate.doubts(figures, settings)] == [
        f"{len(leaks)} training text{'s' * (len(leaks) > 1)} kept with more than half of a "
        f"held-out text, of {len(held)}{more} such: what more than {most} held-out texts and as "
        "many training texts have, or more than half of all, passes for boilerplate; where it is "
        "none, raise `max_document_frequency`"
    ][: len(leaks)]


def test_a_held_out_text_that_is_counted_as_short_is_found_as_a_whole_alone() -> None:
    item = "what is the capital of France"
    batch = corpus(("test", item), ("train", f"{prose(1, 50)} {item}"), ("train", item.upper()))
    assert list(shuffle(decontaminate, Settings(), batch)) == ["i2"]
    assert decontaminate.describe(iter([batch]), Settings())["held_out_shorter"] == 1
