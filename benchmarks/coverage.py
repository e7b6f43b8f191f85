"""How often the intervals that Tilth prints hold what they promise, and "more seeds" its chance.

    python -m benchmarks.coverage                  2,000 draws a cell; writes coverage.md
    python -m benchmarks.coverage --draws 200      a trial, written nowhere

On one core about half an hour. `tests/statistics/test_coverage.py`, which is slow, asks the same of
every interval.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.worlds import SEEDS, Cell, cells
from tilth.engine.expect import spell_machine
from tilth.machine import describe_machine
from tilth.statistics.found import CHANCE
from tilth.statistics.paired import paired, t_interval, verdict
from tilth.statistics.power import more_seeds

DRAWS = 2_000
# Undecided pilots, each of which looks for its number of seeds: known to two points.
PILOTS = 500
PAGE = Path(__file__).with_name("coverage.md")
SMALLEST = 0.5


@dataclass(frozen=True)
class Power:
    """How often as many seeds more as were asked for decided a verdict.

    Attributes:
        world: What is true.
        pilot: Seeds so far, undecided.
        decided: The share of draws.
        asked: The median number of seeds asked for.
        out_of_reach: The share of pilots to which no number was given; they are not counted.
    """

    world: str
    pilot: int
    decided: float
    asked: float
    out_of_reach: float


def power(pilot: int, effect: float | None, draws: int) -> Power:
    """What becomes of undecided pilots, at a smallest effect of half a deviation.

    Args:
        pilot: Seeds of each.
        effect: The true one, in deviations; None: drawn from what the pilot leaves open, which
            is what the chance is of.
        draws: So many undecided pilots.
    """
    generator = np.random.default_rng(pilot if effect is None else round(pilot + 100 * effect))
    asked: list[int] = []
    decided = beyond = 0
    while len(asked) + beyond < draws:
        truth = generator.uniform(-4, 4) if effect is None else effect
        seen = generator.normal(truth, 1.0, pilot)
        found = paired(seen)
        if verdict(found.interval, SMALLEST) != "undecided":
            continue
        more = more_seeds(found.mean, found.sd, pilot, SMALLEST)
        if more is None:
            beyond += 1
            continue
        asked.append(more)
        spread = 1.0
        if effect is None:
            spread = found.sd * math.sqrt((pilot - 1) / generator.chisquare(pilot - 1))
            truth = generator.normal(found.mean, spread / math.sqrt(pilot))
        every = np.concatenate([seen, generator.normal(truth, spread, more)])
        decided += verdict(t_interval(every), SMALLEST) != "undecided"
    world = "as the pilot leaves open" if effect is None else f"an effect of {effect:g} deviations"
    return Power(
        world,
        pilot,
        decided / max(len(asked), 1),
        float(np.median(asked)) if asked else math.nan,
        beyond / draws,
    )


def powers(draws: int) -> Iterator[Power]:
    """At true effects from none to twice the deviation, and over all that pilots leave open."""
    for pilot, effect in itertools.product(SEEDS[1:], (None, 0.0, 0.25, 0.5, 1.0, 2.0)):
        yield power(pilot, effect, draws)


def page(found: list[tuple[Cell, float]], later: list[Power], draws: int) -> str:
    """The results as Markdown: a row a world, a column a size."""
    machine = describe_machine()
    lines = [
        "# What the intervals cover",
        "",
        f"`make coverage` on {date.today():%Y-%m-%d}: {spell_machine(machine)}, "
        f"{machine.memory_gib} GiB. Of {draws:,} draws of a world whose truth is known the share, "
        "in percent, whose 95 % interval holds it; a figure is known to about one point. Worlds "
        "are in `worlds.py`, intervals in `src/tilth/statistics/`.",
    ]
    tables: dict[str, dict[str, dict[str, float]]] = {}
    for cell, covered in found:
        tables.setdefault(cell.figure, {}).setdefault(cell.world, {})[cell.size] = covered
    for figure, rows in tables.items():
        sizes = list(dict.fromkeys(size for row in rows.values() for size in row))
        lines += ["", f"## {figure[0].upper()}{figure[1:]}", ""]
        lines += [f"| world | {' | '.join(sizes)} |", f"| --- |{' --- |' * len(sizes)}"]
        for world, row in rows.items():
            lines.append(f"| {world} | {' | '.join(f'{100 * row[size]:.1f}' for size in sizes)} |")
    lines += [
        "",
        "## More seeds",
        "",
        f"Of {min(draws, PILOTS)} undecided pilots how many were decided by as many seeds more as "
        f"were asked for, promised at {CHANCE:.0%}; smallest effect of interest: half a deviation. "
        "The chance is over what the seeds so far leave open: at one true effect it may be higher "
        "or lower.",
        "",
        "| true | seeds so far | decided, % | asked for, median | no number given, % |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in later:
        lines.append(
            f"| {one.world} | {one.pilot} | {100 * one.decided:.1f} | {one.asked:g} | "
            f"{100 * one.out_of_reach:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Draw all cells, and write or print the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=DRAWS, help="of each cell (default: 2000)")
    draws = parser.parse_args().draws
    found = []
    for cell in cells():
        found.append((cell, cell.covers(draws)))
        print(f"{cell.figure}, {cell.world}, {cell.size}: {100 * found[-1][1]:.1f}", flush=True)
    text = page(found, list(powers(min(draws, PILOTS))), draws)
    if draws == DRAWS:
        PAGE.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
