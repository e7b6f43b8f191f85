"""Books that do not balance stop a run, whichever way they are out."""

from __future__ import annotations

import pytest

from tilth.engine.books import Books
from tilth.errors import StepError
from tilth.store.manifest import Counts, Shard

ENTRY = Shard(name="00000", num_in=10, kept=7, dropped=2, quarantine=1, files={})


def test_they_are_the_sum_over_shards() -> None:
    books = Books.of(
        [
            ENTRY.model_copy(update={"by_rule": {"a": 2}, "sources": {"x": 4, "y": 3}}),
            ENTRY.model_copy(update={"by_rule": {"a": 1, "b": 1}, "sources": {"x": 7}}),
        ]
    )
    assert books.counts() == Counts(num_in=20, kept=14, dropped=4, quarantined=2)
    assert dict(books.by_rule) == {"a": 3, "b": 1}
    assert dict(books.sources) == {"x": 11, "y": 3}
    books.check("step", 20)
    books.check("step", None)


@pytest.mark.parametrize("name", ["num_in", "kept", "dropped", "quarantine"])
@pytest.mark.parametrize("by", [-1, 1])
def test_one_record_too_many_or_too_few(name: str, by: int) -> None:
    entry = ENTRY.model_copy(update={name: getattr(ENTRY, name) + by})
    with pytest.raises(StepError, match="do not balance") as caught:
        Books.of([entry]).check("clean.rules", None)
    assert (caught.value.code, caught.value.where) == ("books", "clean.rules")


@pytest.mark.parametrize("expected", [9, 11])
def test_another_number_than_the_inputs_kept(expected: int) -> None:
    with pytest.raises(StepError, match=f"the inputs kept {expected}, but 10 came in"):
        Books.of([ENTRY]).check("clean.rules", expected)


def test_a_step_with_nothing_in_it_balances() -> None:
    Books().check("step", 0)
    with pytest.raises(StepError):
        Books().check("step", 1)
