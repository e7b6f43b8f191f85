"""Time a starter, and write what was measured, never typed, where it is announced.

    python -m benchmarks.times digits                 run it anew, from nothing, and write
    python -m benchmarks.times digits --run FOLDER    of a run that was done in one go
    python -m benchmarks.times gpt2 --steps 5 --set pretrain.initialise=FOLDER
                                                      a share of the steps: an estimate;
                                                      with --run, of such a run that was done

The seconds of each step go to recipes/times.json, which the time left of a run is reckoned by;
the whole goes to the recipe's `takes:`, whose words on downloads and memory stay. Data files are
looked for where `make reproduce` looks. Run it on an idle machine.

A share trains `--steps` of the steps and reckons the rest of the training from their pace. Of
imagenet, whose pictures nobody has at hand, a small tree is timed and all steps are reckoned by
picture: `--set collect.imagenet.image_folder.path=FOLDER --set pretrain.loop.batch_size=16`.

Of a transfer a share runs every method at every size, with two seeds and `--steps` of the steps;
what each then takes beside its training is left as it is, and all is reckoned for every seed.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.reproduce import RECIPES, ROOT, run_starter
from tilth.engine.cells import CELLS, KeptCell
from tilth.engine.expect import spell_machine, spell_roughly
from tilth.machine import Machine
from tilth.query.runs import open_run
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan
from tilth.transfer.compare import Cell, Outcome, Settings

TIMES = RECIPES / "times.json"
# Training pictures of ILSVRC-2012 (Russakovsky et al. 2015, table 2).
FULL_SETS: Mapping[str, int] = {"imagenet": 1_281_167}
# What is said beside the time, and stays as it stands.
_KEPT = re.compile(r"download|mirror|fetch|memory|disk")


def main() -> None:
    """Run, and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", help="name of a starter")
    parser.add_argument("--run", type=Path, help="folder of a run that was done in one go")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "timed", help="where to run")
    parser.add_argument("--steps", type=int, help="train so many steps only: an estimate")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes")
    given = parser.parse_args()
    path = RECIPES / f"{given.recipe}.yaml"
    if not path.is_file():
        sys.exit(f"there is no starter `{given.recipe}`")
    text = path.read_text("utf-8")
    if given.run:
        folder, record = given.run, read_record(given.run)
        whole = float(record["seconds"]) + report_s(folder)
    else:
        shortened = with_changes(text, given.steps, given.changes) if given.steps else None
        folder, whole = timed(given.recipe, given.runs, shortened)
        record = read_record(folder)
    if given.steps:
        result = open_run(folder).step("pretrain").pretrained
        rows = result.samples["train"] if result is not None else 0
        entry, told = reckoned(
            given.recipe, text, measured(record, whole), given.steps, record, rows
        )
        if "transfer" in entry["steps"]:
            told += ", " + with_all_cells(entry, text, folder)
    else:
        entry, told = measured(record, whole), ""
    trained = open_run(folder).step("pretrain").pretrained
    if trained is not None and trained.precision == "bf16":
        # A processor without takes up to four times as long.
        entry["machine"]["processor"] += " with bf16"
    if given.recipe not in FULL_SETS:
        write_entry(TIMES, given.recipe, entry)
    takes = spell_takes(entry, told, takes_of(text))
    path.write_text(with_takes(text, takes), "utf-8")
    print(f"takes: {takes}")


def timed(recipe: str, runs: Path, text: str | None) -> tuple[Path, float]:
    """Run a starter from nothing; returns the run's folder and the command's seconds."""
    if (runs / recipe).exists():
        sys.exit(f"{runs / recipe} is there: a run that goes on says little; remove it first")
    begun = time.monotonic()
    folder = run_starter(recipe, runs, text)
    return folder, time.monotonic() - begun


def report_s(folder: Path) -> float:
    """Seconds that the command takes beside its steps: to start, and to write the report."""
    tilth = str(Path(sys.executable).with_name("tilth"))
    begun = time.monotonic()
    subprocess.run([tilth, "report", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a run that was done in one go, from nothing."""
    record: dict[str, Any] = json.loads((folder / "run.json").read_text("utf-8"))
    if record["status"] != "done" or record["limit"] is not None:
        sys.exit(f"the run in {folder} is not a whole one: {record['status']}")
    before = [s["name"] for s in record["steps"] if s["cached"] or s.get("went_on", True)]
    if before:
        sys.exit(f"the run in {folder} was not done in one go: {', '.join(before)}")
    return record


def measured(record: Mapping[str, Any], whole: float) -> dict[str, Any]:
    """The entry of times.json: seconds and pace by step, and those of no step."""
    steps = {}
    for step in record["steps"]:
        steps[step["name"]] = {"seconds": step["seconds"]}
        if step.get("pace"):
            steps[step["name"]]["pace"] = step["pace"]
        if step["counts"]:
            steps[step["name"]]["in"] = step["counts"]["in"]
    rest = whole - sum(step["seconds"] for step in record["steps"])
    return {
        "machine": {k: v for k, v in record["machine"].items() if k != "python"},
        "date": record["finished"][:10],
        "workers": record["workers"],
        "rest": round(max(rest, 0.0), 3),
        "steps": steps,
    }


def reckoned(
    recipe: str,
    text: str,
    entry: dict[str, Any],
    steps: int,
    record: Mapping[str, Any],
    rows: int,
) -> tuple[dict[str, Any], str]:
    """The entry with all the training's steps, and on how many of them it rests.

    The pace is that of the last nine tenths: before the first step precisions may be tried.

    Args:
        recipe, text: The starter.
        entry: Of the shortened run, whose record is `record`.
        steps: How many it trained.
        rows: Its training samples.
    """
    loop = yaml.safe_load(text)["pretrain"]["loop"]
    own = next(s for s in record["steps"] if s["name"] == "pretrain")["parts"]["settings"]["loop"]
    fit = entry["steps"]["pretrain"]
    if not fit.get("pace"):
        sys.exit("the training is too short to have a pace; give it more --steps")
    seen, wanted = steps * own["batch_size"], 0
    if recipe in FULL_SETS:
        held_out = yaml.safe_load(text)["pretrain"]["data"]["validation_share"]
        pictures = FULL_SETS[recipe]
        wanted = round(pictures * (1 - held_out)) * loop["epochs"]
        for step in entry["steps"].values():
            if "in" in step:
                step["seconds"] *= pictures / step["in"]
    elif "max_steps" in loop:
        wanted = loop["max_steps"] * loop["batch_size"]
    else:
        wanted = rows * loop["epochs"]
    tenth = (fit["pace"][-1] - fit["pace"][1]) / 9
    begin, whole = fit["pace"][1] - tenth, tenth * wanted / seen
    longer = 10 * (whole - tenth)
    fit["pace"] = [round(begin + k * whole, 3) for k in range(11)]
    fit["seconds"] = round(fit["seconds"] + longer, 3)
    share = f"{seen:,} of {wanted:,} samples" if recipe in FULL_SETS else f"{steps} of its steps"
    return entry, f"an estimate from {share}"


def spell_takes(entry: Mapping[str, Any], told: str, before: str) -> str:
    """`about 4 minutes on 2 cores (AMD EPYC, 2026-11-27)`, and what stood beside the time."""
    seconds = entry["rest"] + sum(step["seconds"] for step in entry["steps"].values())
    cores, _, processor = spell_machine(Machine.model_validate(entry["machine"])).partition(" of ")
    where = ", ".join(filter(None, [processor, entry["date"], told]))
    kept = [part for part in re.split(r"[,;]\s*(?![^(]*\))", before)[1:] if _KEPT.search(part)]
    return ", ".join([f"about {spell_roughly(seconds)} on {cores} ({where})", *kept])


def takes_of(text: str) -> str:
    """The line of a recipe as it stands."""
    return str(yaml.safe_load(text).get("takes", ""))


def with_takes(text: str, takes: str) -> str:
    """The recipe's text with another line; all else stays, to the byte."""
    try:
        plain = yaml.safe_load(f"takes: {takes}") == {"takes": takes}
    except yaml.YAMLError:
        plain = False
    line = f"takes: {takes if plain else json.dumps(takes)}"
    changed, count = re.subn(r"^takes:.*$", lambda _: line, text, count=1, flags=re.MULTILINE)
    return changed if count else re.sub(r"^(about:.*)$", rf"\1\n{line}", text, flags=re.MULTILINE)


def with_changes(text: str, steps: int, changes: Sequence[str]) -> str:
    """The recipe with so many training steps, and with settings of one's own."""
    tree = yaml.safe_load(text)
    pretrain = tree["pretrain"]
    pretrain["loop"].pop("epochs", None)
    pretrain["loop"]["max_steps"] = steps
    pretrain["loop"]["eval_every"] = steps
    transfer = tree.get("transfer", {})
    if transfer:
        transfer["seeds"] = 2  # fewer say nothing of the spread, and are refused
    own = list(transfer.get("overrides", {}).values())
    for part in (transfer, *own):
        if "loop" in part:
            part["loop"]["max_steps"] = min(part["loop"].get("max_steps", steps), steps)
    for part in (pretrain, transfer, *own):
        optimizer = part.get("optimizer", {})
        if optimizer.get("warmup_steps", 0) > steps:  # refused: the rate would not reach its peak
            optimizer["warmup_steps"] = steps
    for change in changes:
        key, _, value = change.partition("=")
        *path, last = key.split(".")
        at = tree
        for name in path:
            at = at[name]
        at[last] = yaml.safe_load(value)
    return yaml.safe_dump(tree, sort_keys=False)


def with_all_cells(entry: dict[str, Any], text: str, folder: Path) -> str:
    """Reckon the transfer of an entry by the cells of a run's folder; returns on what it rests."""
    step = next(s for s in build_plan(parse_recipe(text)).steps if s.name == "transfer")
    assert isinstance(step.settings, Settings)
    files = sorted((folder / CELLS).glob("*.json"))
    kept = [KeptCell.model_validate_json(file.read_bytes()) for file in files]
    kept = [one for one in kept if one.parts["operation"] == step.operation.name]
    cells = [(Cell.model_validate(k.cell), Outcome.model_validate(k.result)) for k in kept]
    share = all_cells_s(step.settings, cells) / sum(outcome.seconds for _, outcome in cells)
    timed = entry["steps"]["transfer"]
    timed["seconds"] = round(timed["seconds"] * share, 3)
    if timed.get("pace"):
        timed["pace"] = [round(second * share, 3) for second in timed["pace"]]
    num_seeds = len({cell.seed for cell, _ in cells})
    return f"{num_seeds} of {step.settings.seeds} seeds"


def all_cells_s(whole: Settings, cells: Sequence[tuple[Cell, Outcome]]) -> float:
    """Seconds of all cells of a transfer, by those of some seeds that trained fewer steps.

    What a cell takes beside its training (to prepare, to measure on the test set) stays as it is.

    Args:
        whole: The starter's own settings.
        cells: Those that were run, each method at each size, and what they came to.
    """
    seeds = len({cell.seed for cell, _ in cells})
    seconds = 0.0
    for cell, outcome in cells:
        _, loop = whole.recipe_of(cell.method)
        wanted = [] if loop.max_steps is None else [loop.max_steps]
        if loop.epochs is not None and outcome.steps:
            # So many steps were so many epochs.
            wanted.append(math.ceil(loop.epochs * outcome.steps / outcome.epochs))
        seconds += outcome.seconds
        if outcome.steps:
            seconds += outcome.training_seconds * (min(wanted) / outcome.steps - 1)
    return seconds / seeds * whole.seeds


def write_entry(path: Path, recipe: str, entry: Mapping[str, Any]) -> None:
    """Put a recipe's entry into the file, which is sorted by name."""
    entries = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    entries[recipe] = entry
    shown = json.dumps(entries, indent=1, sort_keys=True)
    # A pace on one line, not on eleven.
    shown = re.sub(r"\[[^\]]*\]", lambda found: json.dumps(json.loads(found[0])), shown)
    path.write_text(shown + "\n", "utf-8")


if __name__ == "__main__":
    main()
