"""Every file of a finished run, damaged in every way: found, named, and made again, or nothing.

What has no meaning is listed with why: without it, and with anything in its place, the run and what
is asked of it are the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engine.inline import inline, run_inline, use_inline
from tests.engine.modalities import results
from tilth.engine.events import Event, StepFinished, Warned
from tilth.errors import DataError, MissingError
from tilth.query.runs import open_run
from tilth.query.verify import verify_run
from tilth.records import DAMAGED

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")


def _flipped(path: Path) -> None:
    """One bit, near the middle: of most files that is a digit or a letter."""
    data = bytearray(path.read_bytes())
    if data:
        at = len(data) // 2
        # No blank between two words of JSON, which means nothing.
        while at + 1 < len(data) and chr(data[at]).isspace():
            at += 1
        data[at] ^= 1
    path.write_bytes(data)


WAYS: Mapping[str, Callable[[Path], object]] = {
    "flipped": _flipped,
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "emptied": lambda path: path.write_bytes(b""),
    "removed": lambda path: path.unlink(),
}
WITHOUT_MEANING: Mapping[str, str] = {
    ".lock": "is locked, and never read",
    ".digests": "remembers what files held; where it is damaged they are read again",
    "events.jsonl": "is a log: a line that is damaged is passed over, and decides nothing",
    "metrics.jsonl": "is a log: the manifest has the curve that reports draw",
}
# What a run does as well without: nobody can say that it was there.
MAY_BE_GONE = frozenset(
    ("recipe.yaml", "files.index", "outside", "generated.json", "result.json", "cells", "history")
)


def _files(run: Path) -> list[str]:
    return sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())


def _is_among(name: str, kinds: Mapping[str, str] | frozenset[str]) -> bool:
    return any(part in kinds for part in Path(name).parts)


def _data(run: Path) -> dict[str, Any]:
    """What the steps of a run left, and what it may be without where it is there."""
    return {key: value for key, value in results(run).items() if not _is_among(key, MAY_BE_GONE)}


def _damaged(calm: Path, run: Path, name: str, way: str, *, forget: bool) -> str:
    """Damage a file of a copy of a run; returns the step that is to be made again, or nothing."""
    shutil.copytree(calm, run)
    WAYS[way](run / name)
    if name == "run.json":
        with pytest.raises(MissingError if way == "removed" else DataError) as caught:
            open_run(run)
        assert caught.value.code == ("no-run" if way == "removed" else DAMAGED)
        return ""
    found = verify_run(open_run(run), forget=forget)
    if _is_among(name, WITHOUT_MEANING) or (way == "removed" and _is_among(name, MAY_BE_GONE)):
        assert not found.is_damaged
        return ""
    assert str(run / name) in str(found)
    told = {one.forgotten for one in found.damaged} | {one.forgotten for one in found.beside}
    assert told == {forget}
    return found.damaged[0].name if found.damaged else ""


def _made_again(text: str, calm: Path, run: Path, name: str, way: str) -> None:
    """That step alone is made again, to the same bytes, and the rest says what it said."""
    # A manifest is met by every plan: what else is damaged is looked for.
    by_itself = name.endswith("manifest.json")
    step = _damaged(calm, run, name, way, forget=not by_itself)
    told: list[Event] = []
    run_inline(text, run, listeners=[told.append], shard_rows=10)
    assert _data(run) == _data(calm)
    made = [one.step for one in told if isinstance(one, StepFinished) and not one.cached]
    assert made == ([step] if step else [])
    warned = [one.message for one in told if isinstance(one, Warned)]
    if name == "run.json" and way != "removed":
        assert warned == [f"{run / name} is damaged and was moved to run.json.damaged; a new one "
                          "is begun"]  # fmt: skip
    elif by_itself and way != "removed":
        assert warned == [f"{run / name} is damaged: the step is run again"]
    else:
        assert warned == []
    assert not verify_run(open_run(run)).is_damaged


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A recipe of 23 rows in three shards, of which some are dropped, fail and are passed over."""
    folder = tmp_path_factory.mktemp("line")
    rows = "".join(f'{{"text": "row {n % 20} {n % 20 * 7919}"}}\n' for n in range(23))
    (folder / "in").mkdir()
    (folder / "in" / "a.jsonl").write_text(rows + '{"text": 3}\n')
    (folder / "in" / "a.bin").write_bytes(bytes(range(256)))
    text = (
        f"tilth: 1\nname: it\nerror_budget: 0.5\ncollect: {{a: {{files: {{path: {folder}/in}}}}}}\n"
        "clean: [normalize, signals]\ndeduplicate: [exact]\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        use_inline(patch)
        for _ in range(2):  # which gives it a history
            run_inline(text, folder / "run", shard_rows=10)
    return text, folder / "run"


def test_a_flipped_bit_is_found_in_every_file(line: tuple[str, Path], tmp_path: Path) -> None:
    _, calm = line
    names = _files(calm)
    kinds = {"run.json", "0001.json", "manifest.json", "passed_over.parquet", "00002.parquet"}
    kinds |= {"files.index", "outside", "events.jsonl", "recipe.yaml"}
    assert kinds <= {Path(name).name for name in names}
    for name in names:
        _damaged(calm, tmp_path / "run", name, "flipped", forget=False)
        shutil.rmtree(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_every_file_is_found_and_made_again(
    way: str, line: tuple[str, Path], tmp_path: Path
) -> None:
    text, calm = line
    for name in _files(calm):
        _made_again(text, calm, tmp_path / "run", name, way)
        shutil.rmtree(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_every_file_of_trainings_is_found(
    way: str, images_run: tuple[str, Path], tmp_path: Path
) -> None:
    _, calm = images_run
    names = _files(calm)
    assert {"result.json", "metrics.jsonl", "model.safetensors"} <= {Path(n).name for n in names}
    assert any(name.startswith("cells/") for name in names)
    for name in names:
        _damaged(calm, tmp_path / "copy", name, way, forget=True)
        shutil.rmtree(tmp_path / "copy")
