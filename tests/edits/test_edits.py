"""Thirty random sequences of edits; `python -m tests.edits --sequences 500` tries more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edits.__main__ import single, tried
from tests.edits.faults import FAULTS
from tests.edits.modalities import MODALITIES
from tests.edits.nursery import Nursery
from tests.edits.sequence import Known
from tests.web.sites import Site, running

# Each is in one process, which loads what it needs once: the seeds of its sequences.
SEEDS = {
    "records": range(14),
    "web": range(4),
    "texts": range(4),
    "hub": range(1),
    "images": range(3),
    "speech": range(2),
    "pairs": range(2),
}


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Known]:
    with running(Site()) as site:
        yield Known(tmp_path, site)


@pytest.mark.parametrize(
    "modality",
    [
        name if name in ("records", "web") else pytest.param(name, marks=pytest.mark.slow)
        for name in MODALITIES
    ],
)
def test_random_edits_leave_nothing_stale_and_run_nothing_for_nothing(
    modality: str, known: Known
) -> None:
    with Nursery() as nursery:
        found = [tried(seed, modality, nursery, known) for seed in SEEDS[modality]]
    assert not any(found), "\n".join(filter(None, found))


def test_the_faults_that_are_listed_are_of_edits_that_there_are() -> None:
    names = {name: set(single(modality)) for name, modality in MODALITIES.items()}
    listed = {(modality, name) for modality, named in FAULTS.items() for name in named}
    assert not [one for one in listed if one[1] not in names[one[0]]]
