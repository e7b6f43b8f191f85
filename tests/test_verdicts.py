"""Every place that prints a verdict prints the same sentence, with what the verdict rests on."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from benchmarks import reproduce
from typer.testing import CliRunner

import tilth
from tests.query.trained import RECIPE, write_images
from tilth.cli.main import app
from tilth.query.document import report_document
from tilth.query.findings import findings

ROOT = Path(__file__).parents[1]
CARRIED_AND_VALUED = """
transfer:
  sizes: [4, 8, 16, 32]
  methods: [scratch, probe, finetune]
  seeds: 3
  loop: {{max_steps: 10, batch_size: 8}}
value:
  arms:
    pretraining: {{without: pretrain}}
    noise: {{without: augment.noise}}
    moved: {{set: {{augment.noise: {{std: 0.2}}}}}}
    nothing: {{same: true, seeds: 2}}
  seeds: 3
  budget: 10
  leakage: remove
"""
# Where a verdict is made, or read out of a result. What is not in this list prints none: whoever
# adds a place adds it here, and to PLACES.
READERS = {
    "benchmarks/reproduce.py",
    "src/tilth/query/findings.py",
    "src/tilth/report/card.py",
    "src/tilth/report/effects.py",
    "src/tilth/report/model_card.py",
    "src/tilth/report/page.py",
    "src/tilth/report/transferring.py",
    "src/tilth/report/valuing.py",
    "src/tilth/transfer/headline.py",
    "src/tilth/statistics/paired.py",
    "src/tilth/transfer/summary.py",
    "src/tilth/value/result.py",
    "src/tilth/value/summary.py",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each place says of one small real run."""
    folder = tmp_path_factory.mktemp("verdicts")
    write_images(folder / "images.parquet")
    recipe = folder / "lights.yaml"
    text = RECIPE + CARRIED_AND_VALUED
    recipe.write_text(text.format(path=folder / "images.parquet", more=""))
    runs = str(folder / "runs")

    def terminal(*arguments: str) -> str:
        found = CliRunner().invoke(app, [*arguments, "--runs", runs], catch_exceptions=False)
        assert found.exit_code == 0, found.output
        return found.stdout

    def fields(*arguments: str) -> str:
        return "\n".join(json.loads(terminal(*arguments, "--json"))["findings"])

    places = {"run": terminal("run", str(recipe), "--workers", "2")}
    places |= {
        "run --json": fields("run", str(recipe)),
        "status": terminal("status", "lights"),
        "status --json": fields("status", "lights"),
    }
    run = tilth.open_run("lights", runs)
    report = json.loads((run.folder / "report.json").read_text("utf-8"))
    readme = folder / "README.md"
    readme.write_text("# A\n\n```text\nold\n```\n\nb\n", "utf-8")
    reproduce.write_ending(readme, run.folder)
    tree = re.sub(
        r"<style>.*?</style>|<[^>]+>", " ", run.report_path.read_text("utf-8"), flags=re.S
    )
    return places | {
        "page": html.unescape(tree),
        "report.json": json.dumps(report, ensure_ascii=False),
        "card": _unescaped((run.folder / "card.md").read_text("utf-8")),
        "model card": _unescaped(
            (run.folder / report["model"]["folder"] / "README.md").read_text("utf-8")
        ),
        "README": readme.read_text("utf-8"),
        "head of a starter": "\n".join(reproduce._table("lights", report_document(run.view))),
        "Python": str(run),
        "sentences": "\n".join(findings(run.view)[1:]),
    }


def _unescaped(markdown: str) -> str:
    return re.sub(r"\\([\\`*_{}\[\]<>#|~!&])", r"\1", markdown)


def _flat(text: str) -> str:
    return " ".join(text.split())


def _sentences(said: dict[str, str]) -> list[str]:
    return [line.partition(": ")[2] for line in said["sentences"].splitlines()]


PLACES = (
    "run",
    "run --json",
    "status",
    "status --json",
    "page",
    "report.json",
    "card",
    "model card",
    "README",
    "head of a starter",
    "Python",
)


@pytest.mark.parametrize("place", PLACES)
def test_the_same_sentence_everywhere(said: dict[str, str], place: str) -> None:
    sentences = _sentences(said)
    assert len(sentences) == 5  # transfer, and the four arms
    text = _flat(said[place])
    assert [one for one in sentences if one not in text] == []


@pytest.mark.parametrize(
    "rests_on",
    [
        r": ([+-][\d.]+|0\.?0*) points \[-?[\d.]+, -?[\d.]+\] ",
        r"\(\d seeds, (corrected for \d comparisons|each with the control's data and training)",
        r"24 images|the test set's share|\(A/A\)",
    ],
)
def test_every_sentence_says_what_it_rests_on(said: dict[str, str], rests_on: str) -> None:
    assert all(re.search(rests_on, one) for one in _sentences(said))
    assert not any("%" in one for one in _sentences(said))


def test_the_figures_are_those_of_the_interval_that_decides(said: dict[str, str]) -> None:
    report = json.loads(said["report.json"])
    rows = [*report["transfer"]["effects"], *report["value"]["arms"]]
    for row in rows:
        numbers = re.search(r"points \[(-?[\d.]+), (-?[\d.]+)\]", row["headline"])
        assert numbers is not None
        width = row["adjusted_high"] - row["adjusted_low"]
        shown = (row["adjusted_low"], row["adjusted_high"])
        for text, bound in zip(numbers.groups(), shown, strict=True):
            assert float(text) == pytest.approx(bound, abs=0.05 * width + 1e-9)
    assert report["transfer"]["headline"] in [row["headline"] for row in rows]
    assert report["transfer"]["smallest_effect"] == 0.5
    assert [one["size"] for one in report["transfer"]["last_tenth"]] == [4, 8, 16, 32]


def _files(pattern: str) -> set[str]:
    found = set()
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]:
        if re.search(pattern, path.read_text("utf-8")):
            found.add(path.relative_to(ROOT).as_posix())
    return found


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        (
            # A record's field is read, or a verdict made; not the module of that name.
            r"(?<!transfer)\.(verdict|headline)\b|\bverdicts?\(",
            READERS,
        ),
        (r"may or may not|has no material|with the test set's", {"src/tilth/transfer/headline.py"}),
    ],
)
def test_no_place_is_missing_from_the_list(
    pattern: str, places: set[str], said: dict[str, str]
) -> None:
    # Of an address, and of a sample's life.
    names = ("web/admission", "web/crawler", "web/hosts", "web/preview", "query/trace")
    others = {f"src/tilth/{name}.py" for name in names}
    # And of what an annotator answered in a round.
    rooms = ((ROOT / "src/tilth/annotate").glob("*.py"), [ROOT / "src/tilth/cli/annotate.py"])
    others |= {path.relative_to(ROOT).as_posix() for room in rooms for path in room}
    # And of a change that a test was to see.
    others |= {"src/tilth/cli/samples.py", "benchmarks/mutate.py"}
    # And of seeds that a simulation draws.
    others |= {"benchmarks/coverage.py"}
    assert _files(pattern) - others <= places
    assert set(said) == {*PLACES, "sentences"}


def test_the_template_prints_the_sentence_and_makes_none() -> None:
    text = (ROOT / "src/tilth/report/templates/report.html.j2").read_text("utf-8")
    assert set(re.findall(r"verdict\.(\w+)", text)) == {"css", "symbol", "verdict", "sentence"}
