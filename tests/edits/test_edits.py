"""Thirty random sequences of edits, and that a fault would be found.

`python -m tests.edits --sequences 500` tries more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.edits.__main__ import shrunk, single, tried, try_moves
from tests.edits.common import append, header
from tests.edits.faults import FAULTS
from tests.edits.modalities import MODALITIES
from tests.edits.nursery import Nursery
from tests.edits.records import jsonl
from tests.edits.sequence import Known, Move
from tests.edits.workspace import Draft, Edit, Modality, Step
from tests.web.sites import Site, running

# Each is in one process, which loads what it needs once: the seeds of its sequences.
SEEDS = {
    "records": range(6),
    "doors": range(4),
    "web": range(6),
    "texts": range(4),
    "hub": range(3),
    "images": range(3),
    "speech": range(2),
    "pairs": range(2),
}


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Known]:
    with running(Site()) as site:
        yield Known(tmp_path, site)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


# Three sequences of two modalities by default: each takes seconds.
_FEW = {name: SEEDS[name][:3] for name in ("records", "web")}
_MORE_SEEDS = {name: SEEDS[name][len(_FEW.get(name, ())) :] for name in MODALITIES}


@pytest.mark.parametrize(
    ("modality", "seeds"),
    [
        *_FEW.items(),
        *(pytest.param(*more, marks=pytest.mark.slow) for more in _MORE_SEEDS.items()),
    ],
)
def test_random_edits_leave_nothing_stale_and_run_nothing_for_nothing(
    modality: str, seeds: range, nursery: Nursery, known: Known
) -> None:
    found = [tried(seed, modality, nursery, known) for seed in seeds]
    assert not any(found), "\n".join(filter(None, found))
    assert known.looked_at > 2 * len(seeds)


def test_faults_that_are_listed_are_of_what_is_tried() -> None:
    assert sum(map(len, SEEDS.values())) == 30
    assert FAULTS.keys() <= MODALITIES.keys()
    for modality, listed in FAULTS.items():
        assert not listed.keys() - single(MODALITIES[modality]).keys()


def _base() -> Draft:
    draft = Draft(header={"name": "small"})
    draft.write("a.jsonl", jsonl(["a heron", "a stone", "a heron"]))
    draft.sources = {"a": Step("jsonl", {"path": "a.jsonl"})}
    draft.steps = {"deduplicate": [Step("exact")]}
    return draft


_MORE = append("a.jsonl", jsonl(["a meadow"], 5))
SMALL = Modality(
    "small",
    _base,
    (
        Edit("a row", _MORE, ("collect.a",)),
        Edit("a row, as if nobody read it", _MORE),
        Edit("words", header(about="mine")),
    ),
    points=8,
)


def _kind(moves: list[Move], nursery: Nursery, known: Known) -> str:
    error = try_moves(SMALL, moves, nursery, known)
    return "" if error is None else str(error)


def test_a_step_that_runs_for_nothing_is_found_and_the_sequence_made_short(
    nursery: Nursery, known: Known
) -> None:
    fault = Move("edit", "a row, as if nobody read it")
    long = [Move("edit", "words"), Move("kill", at=2), fault, Move("edit", "words")]
    assert shrunk(SMALL, long, nursery, known) == [fault]
    assert _kind([fault], nursery, known) == f"for nothing, {fault}: collect.a"


def test_what_a_run_from_nothing_would_not_give_is_found(nursery: Nursery, known: Known) -> None:
    made = Move("edit", "a row")
    assert _kind([made, made], nursery, known) == ""
    # As if a run from nothing gave with this edit what it gives without.
    plain = known.fresh["small", ()]
    known.fresh["small", ("a row",)] = replace(plain)
    said = _kind([made], nursery, known)
    assert said.startswith(f"stale, {made}: collect.a (kept/00000.parquet: ")
    assert said.endswith("; and deduplicate.exact")


@pytest.mark.parametrize(
    "moves",
    [
        [Move("empty"), Move("meanwhile", "a row", at=2, until=-1)],
        [Move("empty"), Move("meanwhile", "a row", at=1, until=3)],
        [Move("meanwhile", "a row", at=1)],
        [Move("twice", "a row"), Move("twice", "a row")],
        [Move("empty"), Move("kill", at=4)],
        [Move("damage", "a kept shard removed", step=0)],
    ],
    ids=lambda moves: moves[-1].kind,
)
def test_what_else_happens_leaves_what_a_run_from_nothing_gives(
    moves: list[Move], nursery: Nursery, known: Known
) -> None:
    assert _kind(moves, nursery, known) == ""
    assert [Move.read(str(move)) for move in moves] == moves
