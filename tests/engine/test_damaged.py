"""What a run kept and can make again is made again where it is damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.engine.inline import inline, places, plan_of, run_inline
from tests.engine.modalities import results
from tests.sealed import change_sealed
from tilth.engine.events import Event, Warned
from tilth.engine.record import RECORD, read_record
from tilth.engine.run import step_states
from tilth.errors import DataError, StepError
from tilth.store import Dataset
from tilth.store.files import remove, sha256_file, write_record
from tilth.store.manifest import MANIFEST, read_manifest

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")

Damage = Callable[[bytes], bytes]
DAMAGE: Mapping[str, Damage] = {
    "cut": lambda data: data[: len(data) // 2],
    "emptied": lambda _: b"",
    "zeros": lambda data: bytes(len(data)),
    "another": lambda _: b'{"steps": 3, "counts": 3, "cell": 3, "name": 3}',
}


@pytest.mark.parametrize("how", DAMAGE)
def test_records_and_manifests_are_made_again(how: str, images_run: tuple[str, Path]) -> None:
    text, folder = images_run
    run_inline(text, folder)  # which gives it a history
    calm = results(folder)
    manifests = [where / MANIFEST for where in places(folder, plan_of(text))]
    for path in [folder / RECORD, folder / "history" / "0001.json", *manifests]:
        path.write_bytes(DAMAGE[how](path.read_bytes()))
    told: list[Event] = []
    run_inline(text, folder, listeners=[told.append])
    assert results(folder) == calm
    warned = [event.message for event in told if isinstance(event, Warned)]
    assert sum("run.json is damaged" in message for message in warned) == 1
    assert sum("manifest.json is damaged" in message for message in warned) == len(manifests)
    assert (folder / f"{RECORD}.damaged").is_file()
    record = read_record(folder / RECORD)
    assert record.status == "done"
    assert {step.why for step in record.steps} == {"what it had made is damaged"}
    assert all(state.cached for state in step_states(plan_of(text), folder))


@pytest.mark.parametrize("how", DAMAGE)
def test_what_unfinished_steps_kept_is_made_again(how: str, images_run: tuple[str, Path]) -> None:
    text, folder = images_run
    calm = results(folder)
    for where in places(folder, plan_of(text)):
        manifest = where / MANIFEST
        # As a step stands whose process was killed before the manifest: with its ledger.
        (where / "shards").mkdir(exist_ok=True)
        for shard in sorted((where / "kept").glob("*.parquet")):
            entry = where / "shards" / f"{shard.stem}.json"
            entry.write_bytes(DAMAGE[how](b'{"name": "00000", "num_in": 1, "kept": 1}'))
        manifest.unlink()
    cells = sorted((folder / "cells").glob("*.json"))
    assert cells
    for cell in cells:
        cell.write_bytes(DAMAGE[how](cell.read_bytes()))
    run_inline(text, folder)
    assert results(folder) == calm


def _lose(key: str) -> Callable[[Path], None]:
    return lambda folder: _change(folder, lambda manifest: manifest.pop(key))


def _change(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    change_sealed(folder / MANIFEST, change)


def _shards(folder: Path) -> list[Path]:
    return sorted((folder / "kept").glob("*.parquet"))


def _cut(folder: Path) -> None:
    _shards(folder)[0].write_bytes(_shards(folder)[0].read_bytes()[:-100])


def _folder_instead(folder: Path) -> None:
    path = _shards(folder)[0]
    path.unlink()
    path.mkdir()


LOSSES: Mapping[str, Callable[[Path], object]] = {
    "no shards": _lose("shards"),
    "no counts": _lose("counts"),
    "a shard less": lambda folder: _change(folder, lambda found: found["shards"].pop()),
    "a shard twice": lambda folder: _change(
        folder, lambda found: found["shards"].append(found["shards"][0])
    ),
    "other counts": lambda folder: _change(
        folder, lambda found: found["counts"].update(kept=found["counts"]["kept"] + 1)
    ),
    "no file": lambda folder: _change(folder, lambda found: found["shards"][0].update(files={})),
    "gone": lambda folder: _shards(folder)[0].unlink(),
    "cut": _cut,
    "emptied": lambda folder: _shards(folder)[0].write_bytes(b""),
    "a folder": _folder_instead,
    "another": lambda folder: shutil.copyfile(_shards(folder)[-1], _shards(folder)[0]),
}


def _line(folder: Path, steps: str) -> str:
    """A recipe of 23 rows, which are three shards of ten."""
    rows = "".join(f'{{"text": "row {n} {n * 7919}"}}\n' for n in range(23))
    (folder / "a.jsonl").write_text(rows)
    return f"tilth: 1\nname: it\ncollect: {{a: {{jsonl: {{path: {folder}/a.jsonl}}}}}}\n{steps}"


@pytest.mark.parametrize("how", LOSSES)
def test_a_data_set_that_lost_something_is_made_again(how: str, tmp_path: Path) -> None:
    """Never taken for whole: the steps behind it would go on with what is left, and say done."""
    text = _line(tmp_path, "clean: [normalize, signals]\ndeduplicate: [exact]\n")
    folder = tmp_path / "run"
    run_inline(text, folder, shard_rows=10)
    calm = results(folder)
    source, first, *others = places(folder, plan_of(text))
    for broken in (source, first):
        LOSSES[how](broken)
        for other in others:  # they run, and read what is before them
            remove(other)
        told: list[Event] = []
        run_inline(text, folder, listeners=[told.append], shard_rows=10)
        assert results(folder) == calm
        (warned,) = [event for event in told if isinstance(event, Warned)]
        assert warned.message.endswith("the step is run again")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_flipped_bit_in_what_is_read_again_is_not_passed_on(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = _line(tmp_path, "clean: [normalize, signals]\ndeduplicate: [exact]\n")
    folder = tmp_path / "run"
    run_inline(text, folder, shard_rows=10)
    calm = results(folder)
    steps = places(folder, plan_of(text))
    (_, path, *_) = _shards(steps[number])
    data = path.read_bytes()
    path.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
    looked_at: list[Path] = []

    def look(path: Path) -> str:
        looked_at.append(path)
        return sha256_file(path)

    monkeypatch.setattr("tilth.store.dataset.sha256_file", look)
    # Nobody reads it: nor is it looked at, which may take as long as making it.
    run_inline(text, folder, shard_rows=10)
    assert not looked_at
    for later in steps[number + 1 :]:
        remove(later)
    told: list[Event] = []
    run_inline(text, folder, listeners=[told.append], shard_rows=10)
    assert results(folder) == calm
    (warned,) = [event for event in told if isinstance(event, Warned)]
    assert warned.message == f"{path} is not what was committed: the step is run again"
    # What it was made of is read again, too.
    assert {path.parents[1] for path in looked_at} == {*steps[max(0, number - 1) : number + 1]}


def _flip(path: Path) -> Path:
    """A bit of the last value of a shard, which stands before its footer."""
    data = path.read_bytes()
    at = len(data) - 8 - int.from_bytes(data[-8:-4], "little") - 1
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    return path


def _warned(told: list[Event]) -> list[str]:
    return [event.message for event in told if isinstance(event, Warned)]


def test_what_is_made_again_is_made_of_what_was_looked_at(tmp_path: Path) -> None:
    text = _line(tmp_path, "clean: [normalize, signals]\ndeduplicate: [exact]\n")
    folder = tmp_path / "run"
    run_inline(text, folder, shard_rows=10)
    calm = results(folder)
    *before, last = places(folder, plan_of(text))
    flipped = [_flip(_shards(step)[1]) for step in before]
    remove(last)
    told: list[Event] = []
    run_inline(text, folder, listeners=[told.append], shard_rows=10)
    assert results(folder) == calm
    assert _warned(told) == [
        f"{path} is not what was committed: the step is run again" for path in flipped
    ]


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_step_that_was_stopped_goes_on_with_what_is_whole(number: int, tmp_path: Path) -> None:
    """Its shards count before its manifest does: nobody else compares them."""
    text = _line(tmp_path, "clean: [normalize, signals]\ndeduplicate: [exact]\n")
    folder = tmp_path / "run"
    run_inline(text, folder, shard_rows=10)
    calm = results(folder)
    steps = places(folder, plan_of(text))
    stopped = steps[number]
    for shard in read_manifest(stopped).shards:
        write_record(stopped / "shards" / f"{shard.name}.json", shard)
    remove(stopped / MANIFEST, *steps[number + 1 :])
    flipped = _flip(_shards(stopped)[1])
    told: list[Event] = []
    run_inline(text, folder, listeners=[told.append], shard_rows=10)
    assert results(folder) == calm
    assert _warned(told) == [f"{flipped} is not what was committed: it is made again"]


@pytest.mark.parametrize(
    "phase", ["keys-1/00001.parquet", "reduced-1/*.parquet", "decisions.parquet"]
)
def test_a_shuffle_goes_on_with_what_is_whole(
    phase: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = _line(tmp_path, "deduplicate: [exact]\n")
    rows = (tmp_path / "a.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "a.jsonl").write_text("".join(rows[n % 7] for n in range(23)))
    folder = tmp_path / "run"
    run_inline(text, folder, shard_rows=10)
    calm = results(folder)
    _, exact = places(folder, plan_of(text))
    remove(exact)
    with monkeypatch.context() as patch:
        patch.setattr("tilth.engine.steps.StepRunner._map", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_inline(text, folder, shard_rows=10)
    path = _flip(next((exact / "work").rglob(phase)))
    told: list[Event] = []
    run_inline(text, folder, listeners=[told.append], shard_rows=10)
    assert results(folder) == calm
    assert _warned(told) == [f"{path} is not what was committed: it is made again"]


def test_nobody_reads_a_flipped_bit_of_a_page(tmp_path: Path) -> None:
    """Also who looks at no digest: the pages of a shard have checksums."""
    text = _line(tmp_path, "clean: [normalize]\n")
    folder = tmp_path / "run"
    run_inline(text, folder, shard_rows=10)
    _, cleaned = places(folder, plan_of(text))
    dataset = Dataset(cleaned)
    whole = dataset.to_arrow()
    path = dataset.shards()[1]
    data, metadata = path.read_bytes(), pq.read_metadata(path)
    column = metadata.row_group(0).column(metadata.schema.names.index("text"))
    start = column.data_page_offset
    end = start + column.total_compressed_size
    seen = 0
    for at in range(end - 60, end):  # behind the header of the page
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(DataError, match="a shard cannot be read") as caught:
            Dataset(cleaned).to_arrow()
        assert "`tilth verify RUN --forget`" in caught.value.hint
        seen += 1
    path.write_bytes(data)
    assert seen == 60
    assert Dataset(cleaned).to_arrow().equals(whole)


def test_a_step_takes_in_what_the_books_before_it_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a file came to hold other rows and nothing showed it."""
    text = _line(tmp_path, "clean: [normalize]\n")
    folder = tmp_path / "run"
    run_inline(text, folder, shard_rows=10)
    source, cleaned = places(folder, plan_of(text))
    remove(cleaned)
    LOSSES["another"](source)
    for module in ("run", "resolve"):
        monkeypatch.setattr(f"tilth.engine.{module}.damage_of", lambda folder, read=False: None)
    with pytest.raises(StepError, match="the inputs kept 23, but 16 came in"):
        run_inline(text, folder, shard_rows=10)


def test_what_a_later_version_made_is_left_alone(images_run: tuple[str, Path]) -> None:
    text, folder = images_run
    for path in (folder / RECORD, places(folder, plan_of(text))[0] / MANIFEST):
        kept = path.read_bytes()
        change_sealed(path, lambda found: found.update(format=91))
        later = path.read_bytes()
        with pytest.raises(DataError) as caught:
            run_inline(text, folder)
        assert caught.value.code == "later-format"
        assert path.read_bytes() == later
        path.write_bytes(kept)
