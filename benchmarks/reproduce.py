"""Run a starter recipe and write its results, never typed, into the head of the recipe.

    python -m benchmarks.reproduce cifar10                 run it, then write the table
    python -m benchmarks.reproduce cifar10 --run FOLDER    the table of a finished run
    python -m benchmarks.reproduce quickstart              what it found goes into both READMEs

Data files, those of a recipe's relative `path` as well, are looked for in TILTH_MIRROR, or
`shared/data` beside the checkout. The table stands between the lines `# results` and
`# end of results`; the same figures go to reproduced.jsonl.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from tilth.cli.output import fold
from tilth.engine.expect import spell_machine
from tilth.pretrain.quoted import basis_of, quote, quoted
from tilth.pretrain.result import Intervals, PretrainResult
from tilth.query.disk import disk_of, spell_bytes
from tilth.query.findings import findings
from tilth.query.report import Report
from tilth.query.runs import open_run
from tilth.records import parse
from tilth.transfer.result import TransferResult

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "src" / "tilth" / "recipes"
RECORD = Path(__file__).with_name("reproduced.jsonl")
_BEGIN, _END = "# results", "# end of results"
_WIDTH = 98
READMES = (ROOT / "README.md", ROOT / "README.zh.md")

# recipe -> (figure, at least or at most, how much). Figures are those of the test split, or of the
# validation split where there is no test; `cpu_seconds` is that of one training.
GOALS: Mapping[str, tuple[tuple[str, str, float], ...]] = {
    "mnist": (("accuracy", ">=", 97.7),),
    "mnist-cnn": (("accuracy", ">=", 99.2),),
    "cifar10": (("accuracy", ">=", 91.0), ("cpu_seconds", "<=", 3600)),
    "spoken-digits": (("exact", ">=", 97.0),),
    "spoken-digits-speakers": (("exact", ">=", 82.0),),
    "yesno": (("wer", "<=", 1.0),),
    "shakespeare": (("loss", "<=", 1.80), ("cpu_seconds", "<=", 160)),
    "multi30k": (("bleu_lowercase", ">=", 36.5), ("cpu_seconds", "<=", 3600)),
}
# Archives at a public address that the mirror holds packed otherwise: the same files inside.
_REPACKED: Mapping[str, str] = {
    "d7d0561806.tar.gz": "cifar-10-jpeg/cifar-10-jpeg.tar.xz",
}
# Figures that are shown; everything that was measured is in the report.
_SHOWN = (
    "accuracy",
    "top5",
    "macro_f1",
    "exact",
    "exact_greedy",
    "wer",
    "cer",
    "bleu",
    "bleu_lowercase",
    "chrf",
    "bits_per_byte",
    "loss",
)


def main() -> None:
    """Run, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("recipe", help="name of a starter")
    parser.add_argument("--run", type=Path, help="folder of a finished run: only write the table")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs", help="where runs are kept")
    given = parser.parse_args()
    path = RECIPES / f"{given.recipe}.yaml"
    if not path.is_file():
        sys.exit(f"there is no starter `{given.recipe}`")
    folder = given.run or run_starter(given.recipe, given.runs)
    written = folder / "report.json"
    report = parse(Report, written.read_bytes(), str(written), "the report")
    if report.status != "done":
        sys.exit(f"the run in {folder} is not finished: {report.status}")
    if given.recipe == "quickstart":
        for readme in READMES:
            write_ending(readme, folder)
        return
    lines = list(_table(given.recipe, report))
    write_table(path, lines)
    with RECORD.open("a", encoding="utf-8") as file:
        record = {"recipe": given.recipe, **_where_and_when(report), "lines": lines}
        file.write(json.dumps(record) + "\n")
    print("\n".join(lines))


def write_table(recipe: Path, lines: list[str]) -> None:
    """Put the lines, as comments, between the two marks of a recipe."""
    text = recipe.read_text("utf-8")
    before, begin, rest = text.partition(f"{_BEGIN}\n")
    _, end, after = rest.partition(f"{_END}\n")
    if not begin or not end:
        sys.exit(f"{recipe.name} has no lines `{_BEGIN}` and `{_END}`")
    table = "".join(f"#   {line}".rstrip() + "\n" for line in lines)
    recipe.write_text(before + begin + table + end + after, "utf-8")


def write_ending(readme: Path, folder: Path) -> None:
    """Put what the terminal says at the end of a run into the first block of text of a README."""
    run = open_run(folder)
    found = [fold(sentence, indent="  ", first="") for sentence in findings(run)]
    disk = f"disk    {spell_bytes(disk_of(run).num_bytes)}"
    block = "\n".join([*found, "", disk, f"report  runs/{folder.name}/report.html"])
    text = readme.read_text("utf-8")
    before, begin, rest = text.partition("```text\n")
    _, end, after = rest.partition("\n```")
    if not begin or not end:
        sys.exit(f"{readme.name} has no block of text")
    readme.write_text(before + begin + block + end + after, "utf-8")


@contextlib.contextmanager
def mirrored() -> Iterator[Path]:
    """A folder with all data files at hand, under the names that recipes look for."""
    data = Path(os.environ.get("TILTH_MIRROR") or ROOT.parent / "shared" / "data")
    with tempfile.TemporaryDirectory() as folder:
        mirror = Path(folder)
        for part in data.iterdir() if data.is_dir() else ():
            (mirror / part.name).symlink_to(part.resolve())
        for name, own in _REPACKED.items():
            if (data / own).is_file():
                (mirror / name).symlink_to((data / own).resolve())
        yield mirror


def run_starter(recipe: str, runs: Path, text: str | None = None) -> Path:
    """Run a starter, or another text under its name, with the mirror; returns the run's folder."""
    tilth = str(Path(sys.executable).with_name("tilth"))
    command = [tilth, "run", recipe, "--runs", str(runs.resolve())]
    with mirrored() as mirror:
        if text is not None:
            command[2] = str(mirror / f"{recipe}.yaml")
            (mirror / f"{recipe}.yaml").write_text(text, "utf-8")
        # By the variable: the option is refused where a starter fetches nothing.
        environment = {**os.environ, "TILTH_MIRROR": str(mirror)}
        subprocess.run(command, cwd=mirror, env=environment, check=True)
    return runs / recipe


def _table(recipe: str, report: Report) -> Iterator[str]:
    where = _where_and_when(report)
    yield from _wrapped(
        f"{where['date']}, {where['machine']}, torch {where['torch']}; "
        f"`make reproduce RECIPE={recipe}`"
    )
    if report.pretrain is not None:
        yield from _trained(report.pretrain)
        yield from _reached(recipe, report.pretrain)
    if report.transfer is not None:
        yield from _transferred(report.transfer)
    for arm in report.value.arms if report.value is not None else ():
        yield from _wrapped(arm.headline)


def _trained(part: PretrainResult) -> Iterator[str]:
    split = "test" if part.test else "validation"
    for run in part.runs:
        name = f"seed {run.seed}" if run.fold is None else f"without {run.fold}"
        told = _figures(run.of(split), run.bounds(split))
        yield from _wrapped(f"{name:<20} {told}, {run.cpu_seconds:,.0f} CPU-s")
    if part.mean is not None:
        told = _figures(part.mean.figures, part.mean.intervals)
        yield from _wrapped(f"{'mean of ' + str(len(part.runs)):<20} {told}")
    else:
        took = f"{part.cpu_seconds:,.0f} CPU-s, {part.precision}, {part.threads} thread(s)"
        told = _figures(part.of(split), part.bounds(split))
        yield from _wrapped(f"{split}: {told}; one seed, {took}")
    for name, value in part.of(split).items():
        if isinstance(value, str):
            yield from _wrapped(f"{name}: {value}")


def _reached(recipe: str, part: PretrainResult) -> Iterator[str]:
    figures = {**quoted(part).figures, "cpu_seconds": part.cpu_seconds}
    for name, relation, goal in GOALS.get(recipe, ()):
        value = float(figures[name])
        met = value >= goal if relation == ">=" else value <= goal
        yield f"goal {name} {relation} {goal:g}: {'reached' if met else 'MISSED'} ({value:.4g})"


def _transferred(part: TransferResult) -> Iterator[str]:
    per = " a class" if part.sizes_per_class else ""
    yield f"transfer: {part.metric} ({part.unit}), mean of {len(part.seeds)} seeds"
    methods, sizes = part.methods, part.sizes
    means = {(row.method, row.size): row for row in part.summary}
    yield f"{'samples' + per:<18}" + "".join(f"{size:>9,}" for size in sizes)
    for method in methods:
        rows = [means[method, size] for size in sizes]
        yield f"{method:<18}" + "".join(f"{row.mean:>9.4g}" for row in rows)
        # Student's interval is as wide on either side.
        halves = [None if row.low is None else row.mean - row.low for row in rows]
        yield f"{'  95 % over seeds':<18}" + "".join(
            f"{'?' if h is None else f'+-{h:.3g}':>9}" for h in halves
        )
    further = {(row.method, row.size): row for row in part.figures}
    for name in (n for n in _SHOWN if n != part.metric and n != "loss"):
        for method in methods:
            values = [further[method, size].figures.get(name) for size in sizes]
            if all(value is not None for value in values):
                shown = "".join(f"{value:>9.4g}" for value in values)
                yield f"{method + ' ' + name:<18}{shown}"
    cost = [further[method, size].cpu_seconds for method in methods for size in sizes]
    for effect in part.effects:
        yield from _wrapped(effect.headline)
    for reading in part.multipliers:
        yield f"worth at {reading.size:,}{per}: {reading.text} the data"
    yield f"{sum(cost) * len(part.seeds):,.0f} CPU-s in all"


def _figures(figures: Mapping[str, float | str], bounds: Intervals) -> str:
    """The figures with their 95 % intervals, and on how many of what they were measured."""
    known = [name for name in _SHOWN if name in figures]
    shown = [f"{name} {quote(float(figures[name]), bounds.get(name))}" for name in known]
    on = basis_of(bounds)
    return ", ".join([*shown, f"on {on}"] if on else shown)


def _where_and_when(report: Report) -> dict[str, str]:
    machine = report.machine
    return {
        "date": (report.finished or "")[:10],
        "machine": f"{spell_machine(machine)}, {machine.memory_gib} GiB",
        "torch": report.versions["torch"],
    }


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH - 4, subsequent_indent="  ", break_on_hyphens=False)


class _Raw(argparse.RawDescriptionHelpFormatter):
    """Keeps the examples as they stand."""


if __name__ == "__main__":
    main()
