"""Every file of a run is compared with what was committed, and what is not that is made anew."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

import tilth
from tests.sealed import write_sealed
from tilth.errors import StorageError, UsageError
from tilth.query.runs import open_run
from tilth.query.verify import verify_run
from tilth.store.files import folder_lock

pytestmark = pytest.mark.usefixtures("inline")


@pytest.fixture
def place(workplace: Path, tmp_path: Path) -> Path:
    """A copy of the small run and its recipe, whose data set stays where it was."""
    shutil.copytree(workplace / "runs", tmp_path / "runs")
    shutil.copy(workplace / "small-12.yaml", tmp_path)
    return tmp_path


def files_of(place: Path) -> dict[str, bytes]:
    """The files of the last invocation's data sets by their paths."""
    folders = {step.folder for step in open_run("small", place / "runs").steps}
    return {
        str(path.relative_to(place)): path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix == ".parquet"
    }


def test_a_whole_run_is_whole(place: Path) -> None:
    found = verify_run(open_run("small", place / "runs"))
    assert found.damaged == ()
    names = ["collect.docs", "clean.normalize", "clean.signals", "clean.rules"]
    assert [step.name for step in found.steps][:4] == names
    whole = files_of(place)
    assert (found.files, found.num_bytes) == (len(whole), sum(map(len, whole.values())))
    assert str(found).endswith("all as they were committed")
    assert verify_run(open_run("small@1", place / "runs")).damaged == ()


def test_one_bit_of_any_file_is_found_and_that_step_alone_made_again(place: Path) -> None:
    draw = random.Random(0)
    view, whole = open_run("small", place / "runs"), files_of(place)
    for name, data in whole.items():
        changed = bytearray(data)
        changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        (place / name).write_bytes(changed)
        (bad,) = verify_run(view).damaged
        assert bad.damage == (f"{place / name} is not what was committed",)
        (place / name).write_bytes(data)
    # The last one stays damaged, and the file of another step is gone.
    (place / name).write_bytes(changed)
    other = next(path for path in whole if Path(path).parts[3] != Path(name).parts[3])
    (place / other).unlink()
    found = verify_run(view, forget=True)
    assert len(found.damaged) == 2
    assert {step.forgotten for step in found.damaged} == {True}
    done = tilth.run(place / "small-12.yaml", runs=place / "runs", progress=False)
    made = {step.name for step in done.view.steps if not step.cached}
    assert made == {step.name for step in found.damaged}
    assert files_of(place) == whole
    assert done.verify().damaged == ()


def test_a_manifest_that_is_gone_or_of_other_shards_is_damage(place: Path) -> None:
    view = open_run("small", place / "runs")
    last = view.steps[-1].folder / "manifest.json"
    text = last.read_text("utf-8")
    digest = view.steps[-1].manifest.shards[0].files["kept"].sha256
    write_sealed(last, json.loads(text.replace(digest, "0" * 64)))
    (bad,) = verify_run(open_run("small", place / "runs")).damaged
    assert bad.name == view.steps[-1].name
    assert f"{last} is not what was committed" in bad.damage
    last.unlink()
    (bad,) = verify_run(open_run("small", place / "runs")).damaged
    assert bad.damage == (f"{last} is not there",)


def test_what_another_run_made_since_is_said_and_not_forgotten(place: Path) -> None:
    record = place / "runs" / "small" / "run.json"
    view = open_run("small", place / "runs")
    digest = view.steps[-1].digest
    write_sealed(record, json.loads(record.read_text("utf-8").replace(digest, "1" * 64)))
    found = verify_run(open_run("small", place / "runs"), forget=True)
    (bad,) = found.damaged
    assert "was made again since" in bad.damage[0]
    assert not bad.forgotten
    assert (view.steps[-1].folder / "manifest.json").is_file()


def test_nothing_is_forgotten_of_a_history_or_while_a_run_goes_on(place: Path) -> None:
    with pytest.raises(UsageError, match="not made again"):
        verify_run(open_run("small@1", place / "runs"), forget=True)
    view = open_run("small", place / "runs")
    shutil.rmtree(view.steps[-1].folder / "kept")
    with folder_lock(view.folder), pytest.raises(StorageError):
        verify_run(view, forget=True)
    assert (view.steps[-1].folder / "manifest.json").is_file()


def test_what_stands_beside_is_told_and_forgotten_by_itself(place: Path) -> None:
    folder = place / "runs" / "small"
    before = {step.folder for step in open_run("small", place / "runs").steps}
    (entry, *_) = sorted((folder / "history").glob("*.json"))
    text = entry.read_text("utf-8")
    entry.write_text(text.replace('"seed": ', '"seed": 1'), "utf-8")
    (folder / "recipe.yaml").write_text("collect: {}\n")
    found = verify_run(open_run("small", place / "runs"))
    assert [Path(one.path).name for one in found.beside] == [entry.name, "recipe.yaml"]
    assert not found.damaged
    assert found.is_damaged
    assert f"{entry} is damaged: that entry of the history cannot be opened" in str(found)
    found = verify_run(open_run("small", place / "runs"), forget=True)
    assert all(one.forgotten for one in found.beside)
    assert entry.with_name(f"{entry.name}.damaged").read_text("utf-8") != text
    assert not verify_run(open_run("small", place / "runs")).is_damaged
    assert all((step / "manifest.json").is_file() for step in before)


def test_what_an_earlier_version_wrote_is_said_to_have_no_checksum(place: Path) -> None:
    view = open_run("small", place / "runs")
    path = view.steps[0].folder / "manifest.json"
    old = json.loads(path.read_text("utf-8"))
    del old["checksum"]
    path.write_text(json.dumps(old), "utf-8")
    found = verify_run(open_run("small", place / "runs"))
    assert not found.is_damaged
    assert str(found).endswith("; 1 file of an earlier version without a checksum, "
                               "taken as they stand")  # fmt: skip
