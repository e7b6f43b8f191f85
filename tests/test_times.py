"""`make times` writes what was measured, and leaves the rest of a recipe as it stands."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from benchmarks.times import (
    all_cells_s,
    measured,
    read_record,
    reckoned,
    spell_takes,
    takes_of,
    with_changes,
    with_takes,
    write_entry,
)

from tilth.recipe.load import parse_recipe, starters
from tilth.recipe.plan import build_plan
from tilth.statistics.found import Parts
from tilth.transfer.compare import Cell, Outcome, Settings
from tilth.transfer.result import Reported

PACE = [2.0 + k for k in range(11)]


def _record(**more: Any) -> dict[str, Any]:
    loop = {"batch_size": 8, "max_steps": 5}
    steps = [
        {"name": "collect.a", "seconds": 8.0, "counts": {"in": 100}, "parts": {}, "pace": []},
        {
            "name": "pretrain",
            "seconds": 15.0,
            "counts": None,
            "parts": {"settings": {"loop": loop}},
            "pace": PACE,
        },
    ]
    return {
        "status": "done",
        "limit": None,
        "finished": "2026-11-27T12:00:00+00:00",
        "seconds": 23.5,
        "workers": 2,
        "machine": {"cores": 2, "processor": "AMD EPYC", "python": "3.11.7"},
        "steps": [{"cached": False, "went_on": False, **step} for step in steps],
        **more,
    }


def test_the_line_says_time_machine_and_day_and_keeps_what_stands_beside() -> None:
    entry = measured(_record(), 240.0)
    here = "about 4 minutes on 2 cores (AMD EPYC, 2026-11-27)"
    for before, kept in {
        "about 20 seconds on 2 cores": "",
        "about 3 minutes on 2 cores, within 4 GiB of memory": ", within 4 GiB of memory",
        "about 1 minute on one core, and an 11 MB download unless a mirror has it": ", and an 11 MB"
        " download unless a mirror has it",
        "about 2 minutes on a GPU, hours on a processor; 548 MB to fetch": ", 548 MB to fetch",
    }.items():
        takes = spell_takes(entry, "", before)
        assert takes == here + kept
        # Written again, it says the same.
        assert spell_takes(entry, "", takes) == takes


@pytest.mark.parametrize("name", sorted(starters()))
def test_only_that_line_of_a_starter_changes(name: str) -> None:
    text = starters()[name]
    # Another day than any starter's own line can name, or nothing would change.
    entry = measured(_record(finished="2001-01-01T12:00:00+00:00"), 240.0)
    takes = spell_takes(entry, "", takes_of(text))
    changed = with_takes(text, takes)
    assert parse_recipe(changed).header.takes == takes
    differing = [
        (a, b) for a, b in zip(text.splitlines(), changed.splitlines(), strict=True) if a != b
    ]
    assert [a.partition(":")[0] for a, _ in differing] == ["takes"]


def test_a_processor_of_an_odd_name_is_quoted() -> None:
    odd = 'about 1 hour on 4 cores (Odd: "CPU" #3, 2026-11-27)'
    for text in (starters()["digits"], "about: without such a line\n"):
        assert takes_of(with_takes(text, odd)) == odd


def test_the_seconds_of_no_step_are_the_rest_of_the_command(tmp_path: Path) -> None:
    entry = measured(_record(), 30.0)
    assert entry["rest"] == 7.0
    assert entry["steps"] == {
        "collect.a": {"seconds": 8.0, "in": 100},
        "pretrain": {"seconds": 15.0, "pace": PACE},
    }
    write_entry(tmp_path / "times.json", "b", entry)
    write_entry(tmp_path / "times.json", "a", entry)
    text = (tmp_path / "times.json").read_text()
    assert json.loads(text) == {"a": entry, "b": entry}
    assert '"pace": [2.0, 3.0,' in text


def test_a_run_that_was_not_done_in_one_go_is_refused(tmp_path: Path) -> None:
    record = _record()
    (tmp_path / "run.json").write_text(json.dumps(record))
    assert read_record(tmp_path) == record
    record["steps"][1]["went_on"] = True
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(SystemExit, match="not done in one go: pretrain"):
        read_record(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps(_record(limit=10)))
    with pytest.raises(SystemExit, match="not a whole one"):
        read_record(tmp_path)


def test_the_rest_of_a_training_is_reckoned_from_its_pace() -> None:
    record = _record()
    entry, told = reckoned("gpt2", starters()["gpt2"], measured(record, 25.0), 5, record, 1)
    # 5 of 100 steps took 10 s between a start of 2 s and an end of 3.
    assert entry["steps"]["pretrain"]["seconds"] == 2 + 200 + 3
    assert entry["steps"]["collect.a"]["seconds"] == 8.0
    assert "an estimate from 5 of its steps" in spell_takes(entry, told, "")


def test_what_goes_before_the_first_step_is_counted_once() -> None:
    """cifar10 tries precisions first: 20 s, of which the 2,540 steps hold no share."""
    record = _record()
    record["steps"][1] |= {"seconds": 35.0, "pace": [2.0, *(22.0 + k for k in range(1, 11))]}
    rows = 5 * 8 * 50
    entry, _ = reckoned("cifar10", starters()["cifar10"], measured(record, 55.0), 5, record, rows)
    assert entry["steps"]["pretrain"]["seconds"] == pytest.approx(35 + 10 * (50 * 26 - 1))
    assert entry["steps"]["pretrain"]["pace"][0] == 22.0


def test_a_set_that_is_not_at_hand_is_reckoned_by_picture() -> None:
    record = _record()
    entry, told = reckoned("imagenet", starters()["imagenet"], measured(record, 25.0), 5, record, 1)
    seen, wanted = 5 * 8, round(1_281_167 * 0.99) * 90
    assert told == f"an estimate from {seen:,} of {wanted:,} samples"
    assert entry["steps"]["collect.a"]["seconds"] == pytest.approx(8 * 12_811.67)
    assert entry["steps"]["pretrain"]["seconds"] == pytest.approx(10 * wanted / seen + 5)


def test_a_shortened_recipe_is_a_recipe(tmp_path: Path) -> None:
    changes = ["pretrain.loop.batch_size=16", f"collect.imagenet.image_folder.path={tmp_path}"]
    loop = yaml.safe_load(with_changes(starters()["imagenet"], 3, changes))["pretrain"]["loop"]
    assert (loop["max_steps"], loop["batch_size"], loop["eval_every"]) == (3, 16, 3)
    assert "epochs" not in loop
    assert parse_recipe(with_changes(starters()["imagenet"], 3, changes)).name == "imagenet"


@pytest.mark.parametrize("name", ["translation-transfer", "cifar10-transfer-supervised"])
def test_a_share_of_a_transfer_keeps_its_methods_and_sizes(name: str) -> None:
    text = starters()[name]
    whole, share = (_transfer(one) for one in (text, with_changes(text, 20, [])))
    assert (share.sizes, share.methods) == (whole.sizes, whole.methods)
    assert share.seeds == 2
    for method in whole.methods:
        optimizer, loop = share.recipe_of(method)
        assert loop.max_steps == 20
        assert optimizer.warmup_steps <= 20


def test_a_transfer_is_reckoned_by_its_steps_and_seeds() -> None:
    whole = _transfer(starters()["translation-transfer"])
    # 500 pairs in batches of 64 are 8 steps an epoch: 20 steps are 2.56 epochs of rows.
    cells = [
        (Cell(method=method, size=500, seed=seed), _outcome(20, 20 * 64 / 500))
        for seed in (0, 1)
        for method in whole.methods
    ]
    # Of 60 and of 30 epochs, not of the 1,200 and 600 steps that larger sizes take.
    scratch, finetune = (5 + 10 * math.ceil(epochs * 500 / 64) / 20 for epochs in (60, 30))
    assert all_cells_s(whole, cells) == pytest.approx(3 * (scratch + finetune))


def _transfer(text: str) -> Settings:
    step = next(s for s in build_plan(parse_recipe(text)).steps if s.name == "transfer")
    assert isinstance(step.settings, Settings)
    return step.settings


def _outcome(steps: int, epochs: float) -> Outcome:
    """15 s, of which 10 were training."""
    reported = Reported(value=1.0, metric="bleu", unit="", scale=100.0, lower_is_better=False)
    return Outcome(
        measured=reported,
        parts=Parts(numerators=(1.0,), denominators=(1.0,)),
        test_samples=1,
        items="pairs",
        nine_tenths=None,
        seconds=15.0,
        steps=steps,
        epochs=epochs,
        notes=(),
        loss=None,
        figures={},
        samples=500,
        cpu_seconds=15.0,
        training_seconds=10.0,
        what="",
    )
