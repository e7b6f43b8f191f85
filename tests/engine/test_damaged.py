"""What a run kept and can make again is made again where it is damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engine.inline import inline, places, plan_of, run_inline
from tests.engine.modalities import results
from tests.sealed import change_sealed
from tilth.engine.events import Event, Warned
from tilth.engine.record import RECORD, read_record
from tilth.engine.run import step_states
from tilth.errors import DataError, StepError
from tilth.store.files import remove, sha256_file
from tilth.store.manifest import MANIFEST

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
    assert {path.parents[1] for path in looked_at} == {steps[number]}


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
