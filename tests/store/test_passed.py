"""The list of what a source passed over: whole, in order, bounded, and put in place at once."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.context import Note
from tilth.errors import DataError, MissingError
from tilth.store import Dataset
from tilth.store.files import sha256_file
from tilth.store.manifest import PASSED_OVER, Counts, Manifest, PassedOver, write_manifest
from tilth.store.passed import OTHER, PassedOverWriter


def read(folder: Path, passed: PassedOver, offset: int = 0) -> list[tuple[str, str]]:
    number, noted = (sum(one.values()) for one in (passed.by_reason, passed.by_note))
    counts = Counts(num_in=0, kept=0, dropped=0, quarantined=0, passed_over=number, noted=noted)
    write_manifest(folder, Manifest(step="collect.a", counts=counts, passed_over=passed))
    return list(Dataset(folder).passed_over(offset))


def test_places_and_reasons_come_back_in_order(tmp_path: Path) -> None:
    listed = [(f"a/{n}.txt", f"why {n % 3}") for n in range(10_000)]
    with PassedOverWriter(tmp_path) as passed:
        for place, reason in listed:
            passed.add(place, reason)
        found = passed.commit()
    assert read(tmp_path, found) == listed
    assert read(tmp_path, found, 9_990) == listed[9_990:]
    assert read(tmp_path, found, 10_000) == []
    assert found.by_reason == {"why 0": 3334, "why 1": 3333, "why 2": 3333}
    path = tmp_path / PASSED_OVER
    assert found.file is not None
    assert (found.file.bytes, found.file.sha256) == (path.stat().st_size, sha256_file(path))
    assert pq.read_table(path).column_names == ["place", "reason", "read"]


@given(st.lists(st.booleans(), max_size=30), st.integers(0, 10))
def test_what_was_read_is_listed_and_counted_apart(read_or_not: list[bool], offset: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        with PassedOverWriter(folder) as passed:
            for number, is_read in enumerate(read_or_not):
                passed.add(str(number), Note("guessed") if is_read else "left")
            found = passed.commit()
        places = {
            kind: [str(n) for n, is_read in enumerate(read_or_not) if is_read is kind]
            for kind in (False, True)
        }
        assert sum(found.by_note.values()) == len(places[True])
        assert sum(found.by_reason.values()) == len(places[False])
        left = [place for place, _ in read(folder, found, offset)]
        assert left == places[False][offset:]
        noted = list(Dataset(folder).noted(offset))
        assert noted == [(place, "guessed") for place in places[True][offset:]]


def test_of_nothing_there_is_no_file(tmp_path: Path) -> None:
    with PassedOverWriter(tmp_path) as passed:
        found = passed.commit()
    assert (found.by_reason, found.file, list(tmp_path.iterdir())) == ({}, None, [])
    assert read(tmp_path, found) == []


@pytest.mark.parametrize("num", [1, 5000])
def test_what_fails_midway_leaves_nothing(num: int, tmp_path: Path) -> None:
    def fail() -> None:
        with PassedOverWriter(tmp_path) as passed:
            for n in range(num):
                passed.add(str(n), "why")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_any_name_and_any_number_of_reasons(tmp_path: Path) -> None:
    with PassedOverWriter(tmp_path) as passed:
        passed.add("caf\udce9.txt", "why")
        for n in range(1000):
            passed.add(f"x.{n}", f"ending .{n}")
        found = passed.commit()
    assert len(found.by_reason) == 200
    assert found.commonest()[0] == (OTHER, 1000 - 198)
    there = read(tmp_path, found)
    assert there[0] == ("caf\\udce9.txt", "why")
    # The list has the reason itself.
    assert there[-1] == ("x.999", "ending .999")


def test_a_damaged_list_is_an_error(tmp_path: Path) -> None:
    with PassedOverWriter(tmp_path) as passed:
        passed.add("a.txt", "why")
        found = passed.commit()
    (tmp_path / PASSED_OVER).write_bytes(b"no parquet")
    with pytest.raises(DataError, match="damaged"):
        read(tmp_path, found)
    (tmp_path / PASSED_OVER).unlink()
    with pytest.raises(MissingError, match="not there any more"):
        read(tmp_path, found)
