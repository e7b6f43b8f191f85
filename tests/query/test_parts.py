"""Where samples are born, all that shows the books says so, and a part is followed to its page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.engine.inline import run_inline, use_inline, write_source
from tests.engine.test_parts import OPERATION
from tilth.cli.main import app
from tilth.engine.events import Event, StepProgress
from tilth.query.diff import diff_runs
from tilth.query.document import report_document
from tilth.query.lines import PlainLines
from tilth.query.runs import RunView, open_run
from tilth.query.status import run_status
from tilth.query.trace import trace_sample
from tilth.report.card import data_card
from tilth.report.steps import build_line, build_steps
from tilth.report.write import write_report
from tilth.schema import sample_id

_RECIPE = """tilth: 1
name: r
extensions: [mine]
collect: {{a: {{jsonl: {{path: rows.jsonl}}}}}}
clean:
- normalize
- halve
- rules: {{where: ["text != {left_out}"]}}
"""
_PAGE = "http://a.test/0"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run of a page that is parted into five, in a folder that is the current one."""
    folder = tmp_path_factory.mktemp("parts")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        use_inline(patch)
        (folder / "mine" / "clean").mkdir(parents=True)
        (folder / "mine" / "clean" / "halve.py").write_text(OPERATION)
        (folder / "rows.jsonl").touch()
        whole = _RECIPE.format(left_out="'none'")
        for name, text in (
            ("r", whole),
            ("other", _RECIPE.format(left_out="'two'")),
            ("plain", whole.replace("- halve\n", "")),
        ):
            row = {"id": sample_id("0"), "source": "a", "uri": _PAGE, "text": "one two 3 4 five"}
            write_source(text, folder / "runs" / name, "a", [[row]])
            said: list[str] = []
            told: list[Event] = []
            with PlainLines(said.append) as lines:
                run_inline(text, folder / "runs" / name, listeners=[lines, told.append])
            # No line says that more than all is kept.
            assert all(
                e.num_kept <= e.num_in for e in told if isinstance(e, StepProgress) and e.total
            )
            (folder / f"{name}.txt").write_text("\n".join(said))
        yield folder


@pytest.fixture
def run(here: Path) -> RunView:
    return open_run("r", here / "runs")


def _said(*words: str) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.output


def test_terminal_status_report_and_card_say_what_was_born(here: Path, run: RunView) -> None:
    lines = (here / "r.txt").read_text().splitlines()
    (line,) = [line for line in lines if "clean.halve: 1" in line]
    assert "1 in + 5 born = 5 kept + 1 dropped + 0 quarantined" in line
    assert not [line for line in lines if "born" in line and "halve" not in line]
    table = _said("status", "r").splitlines()
    (head,) = [line.split() for line in table if line.strip().startswith("step")]
    (row,) = [line.split() for line in table if line.strip().startswith("clean.halve")]
    assert dict(zip(head, row, strict=False)) | {"s": "", "disk": ""} == {
        "step": "clean.halve", "in": "1", "born": "5", "kept": "5", "dropped": "1", "quar.": "0",
        "s": "", "disk": "",
    }  # fmt: skip
    figures = {one.path: one.value for one in run_status(run).figures}
    assert figures["books.clean.halve.born"] == figures["books.total.born"] == 5
    assert figures["books.clean.halve.kept_share"] == 5 / 6
    told = json.loads(_said("status", "r", "--json"))
    assert [step["born"] for step in told["steps"]] == [0, 0, 5, 0]
    document = report_document(run)
    books = {step.name: step for step in document.steps}["clean.halve"].as_json()
    assert {name: books[name] for name in ("in", "born", "kept", "dropped")} == {
        "in": 1, "born": 5, "kept": 5, "dropped": 1,
    }  # fmt: skip
    assert document.totals.born == 5
    whole = build_line(build_steps(document.steps))
    assert whole is not None
    assert whole.balances
    card = data_card(document)
    assert "1 samples came in, 5 more were born as parts of them: 5 kept" in card
    assert "The books balance." in card
    assert re.search(r"step +\| +in +\| +born +\| +kept", card)
    page = write_report(document, here).read_text("utf-8")
    assert "1 in + 5 born = 5 kept + 1 dropped + 0 quarantined" in page
    assert "in + born = kept + dropped + quarantined, checked at each step" in page


def test_where_nothing_is_born_nothing_is_said_of_it(here: Path) -> None:
    document = report_document(open_run("plain", here / "runs"))
    assert "born" not in _said("status", "plain")
    assert "born" not in data_card(document)


def test_a_part_is_followed_to_its_page_and_the_page_to_its_parts(run: RunView) -> None:
    page = trace_sample(run, _PAGE)
    assert [step.step for step in page.steps] == ["collect.a", "clean.normalize", "clean.halve"]
    parted = page.steps[-1]
    assert (parted.verdict, parted.rule, parted.value) == ("dropped", "parted", "into 5")
    assert parted.num_parts == 5
    assert [one.excerpt for one in parted.parts] == ["one", "two", "3", "4", "five"]
    assert page.part_of is None
    for which in (parted.parts[3].id, parted.parts[3].id[:12], f"{_PAGE}#3", "#3"):
        part = trace_sample(run, which)
        assert (part.uri, part.excerpt, part.verdict) == (f"{_PAGE}#3", "4", "kept")
        assert [step.step for step in part.steps] == ["clean.halve", "clean.rules"]
        assert part.part_of == page
    shown = _said("trace", "r", f"{_PAGE}#3")
    assert shown.index(page.id) < shown.index("parted into 5; 5 of 5 shown") < shown.index("a part")
    assert "parted into 5" in _said("show", "r", "clean.halve", "--dropped")


def test_what_one_run_has_no_part_of_is_told(here: Path, run: RunView) -> None:
    other = open_run("other", here / "runs")
    (gone,) = diff_runs(run, other).samples
    assert (gone.change, gone.step, gone.count) == ("lost", "clean.rules", 1)
    found = {one.change: one for one in diff_runs(open_run("plain", here / "runs"), run).samples}
    assert found["gained"].rule == "never born: its page was not parted so"
    assert (found["lost"].step, found["lost"].rule) == ("clean.halve", "parted")
