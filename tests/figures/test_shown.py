"""One quantity is one number: terminal, page, cards, `status --json` and `diff` say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.figures.lines import Shown, Tree, command, of_lines, run_recipe, write_line
from tests.figures.seen import (
    Part,
    estimates,
    first,
    markdown_tables,
    parts_of,
    printed,
    size,
    terminal_table,
)
from tilth.errors import DataError
from tilth.query.figures import METRICS, definitions

BOOKS = ("in", "kept", "dropped", "quarantined")


def books_of(figures: dict[str, Tree], step: str) -> list[float]:
    """The four numbers of a step."""
    return [figures[f"books.{step}.{name}"]["value"] for name in BOOKS]


def step_names(line: Shown) -> list[str]:
    """All steps that sort samples, those of arms too."""
    return [step["name"] for step in line.status["steps"] if step["num_in"] is not None]


def test_the_books_are_the_same_everywhere(line: Shown) -> None:
    parts = parts_of(line.page)
    ledger = {
        row[0]: [first(row[at]).value for at in (1, 3, 5, 7)]
        for table in parts["The funnel"].tables
        if table.columns[:2] == ["step", "in"]
        for row in table.rows
    }
    terminal = {row[0]: row[1:] for row in terminal_table(line.terminal).rows}
    card = {
        row[0]: row[1:]
        for table in markdown_tables(line.card)
        if table.heading == "Steps"
        for row in table.rows
    }
    names = step_names(line)
    assert names
    for name in names:
        told = books_of(line.figures, name)
        assert ledger[name] == told
        assert [first(one).value for one in terminal[name][:4]] == told
        if "/" in name:  # of an arm alone
            continue
        assert [first(one).value for one in card[name]] == told
        equation = " = ".join([f"{told[0]:,.0f} in", f"{told[1]:,.0f} kept"])
        assert f"{equation} + {told[2]:,.0f} dropped + {told[3]:,.0f} quar" in parts[name].text
    assert set(ledger) == set(names)


def test_the_whole_line_is_the_same_everywhere(line: Shown) -> None:
    told = [line.figures[f"books.total.{name}"]["value"] for name in BOOKS]
    share = line.figures["books.total.kept_share"]["value"]
    assert share == told[1] / told[0]
    tiles = parts_of(line.page)["Kept"].text
    for name, amount in zip(("kept", "dropped", "quarantined"), told[1:], strict=True):
        assert f"{amount:,.0f} {name}" in " ".join(tiles.split())
    (shown,) = [one for one in printed(tiles) if one.percent]
    assert shown.says(100 * share)
    summary = next(one for one in line.card.splitlines() if "samples came in" in one)
    numbers = printed(summary)
    assert [one.value for one in numbers if not one.percent] == told
    assert next(one for one in numbers if one.percent).says(100 * share)
    assert [line.document["totals"][name] for name in BOOKS] == told


def test_disk_is_the_same_everywhere(line: Shown) -> None:
    """Also after the page and the cards were written."""
    terminal = terminal_table(line.terminal)
    shown = {row[0]: row[-1] for row in terminal.rows}
    document = line.document["disk"]
    for step, text in shown.items():
        figure = line.figures.get(f"books.{step}.bytes")
        assert (figure is None) == (text == "shared")
        if figure is not None:
            assert size(text).says(figure["value"])
            assert document["steps"][step] == figure["value"]
    whole = line.figures["books.total.bytes"]["value"]
    assert document["bytes"] == whole
    # Two steps may share a data set: it is told of one of them, and counts once.
    assert sum(document["steps"].values()) + document["other"] == whole
    assert size(parts_of(line.page)["head"].pair("", "data sets")).says(whole)
    last = next(one for one in line.terminal.splitlines() if one.startswith("disk "))
    assert size(last.removeprefix("disk").strip()).says(line.figures["books.total.disk"]["value"])
    for made in line.run.line():
        assert shown[made.name] != "shared", "a step of the line takes disk of its own"


def test_sources_are_the_same_everywhere(line: Shown) -> None:
    (table,) = (one for one in markdown_tables(line.card) if one.heading == "Sources")
    last = line.run.line()[-1].name
    for row in table.rows:
        source, read, left = row[0], row[-2], row[-1]
        assert first(read).value == line.figures[f"books.collect.{source}.in"]["value"]
        kept = line.figures.get(f"books.{last}.sources[{source}]", {"value": 0})
        assert first(left).value == kept["value"]
    part = parts_of(line.page)[last]
    for row in table.rows:
        # A source of which nothing is left is not among those that are.
        assert (f"{row[0]} {row[-1]}" in " ".join(part.text.split())) == (row[-1] != "0")


def test_rules_are_the_same_everywhere(line: Shown) -> None:
    card = {
        (row[0], row[1]): first(row[2]).value
        for table in markdown_tables(line.card)
        if table.heading == "Dropped, by rule"
        for row in table.rows
    }
    told = {
        (step, rule): line.figures[f"books.{step}.by_rule[{rule}]"]["value"]
        for step in step_names(line)
        if "/" not in step
        for rule in line.run.step(step).manifest.by_rule
    }
    assert card == told
    parts = parts_of(line.page)
    for (step, rule), amount in told.items():
        text = " ".join(parts[step].text.split())
        after = text[text.index(f"{rule} {amount:,.0f} ") + len(rule) :]
        share = next(one for one in printed(after) if one.percent)
        assert share.says(100 * amount / line.figures[f"books.{step}.dropped"]["value"])


def _is(shown: str, figure: Tree) -> None:
    """A field says the figure, and its interval where it shows one."""
    scale = 100.0 if figure["share"] else 1.0
    one = first(shown)
    assert one.says(scale * figure["value"]), (shown, figure)
    ends = (figure["low"], figure["high"])
    if (found := estimates(shown)) and None not in ends:
        step = one.step / 2 * (1 + 1e-9)
        assert abs(found[0].low - scale * ends[0]) <= step, (shown, figure)
        assert abs(found[0].high - scale * ends[1]) <= step, (shown, figure)
    elif "[" not in shown and None not in ends:
        pytest.fail(f"{figure['path']} has an interval, which `{shown}` does not show")


def _headings(owner: str) -> dict[str, str]:
    """Who declares figures, by name: their headings."""
    return {name: one.heading for name, one in definitions(owner).items()}


def _of_training(line: Shown, kind: str, label: str, name: str) -> Tree:
    """A figure of one of several trainings, from the report's document; all have it alike."""
    key = {"seed": "seed", "fold": "fold"}[kind]
    runs = line.document["pretrain"][f"{kind}s"]
    one = next(run for run in runs if str(run[key]) == label.partition(",")[0])
    ends = one["intervals"]["test"][name]
    made = {"value": one["test"][name], "low": ends["low"], "high": ends["high"], "share": False}
    told = [
        figure
        for path, figure in line.figures.items()
        if path.startswith(f"pretrain.{kind}s[{label}") and path.endswith(f"].test.{name}")
    ]
    for figure in told:
        assert {at: figure[at] for at in made} == made
    return made


def test_what_was_measured_is_the_same_everywhere(line: Shown) -> None:
    names = {heading: name for name, heading in _headings(METRICS).items()}
    tables = [
        table
        for found in (parts_of(line.page)["Pretraining"].tables, markdown_tables(line.readme))
        for table in found
        if table.columns[:1] == ["figure"] or table.columns[:1] in (["seed"], ["fold"])
    ]
    seen = 0
    for table in tables:
        for row in table.rows:
            for head, text in zip(table.columns[1:], row[1:], strict=True):
                if table.columns[0] == "figure":  # a row a figure, a column a split
                    name, figure = names.get(row[0]), f"pretrain.{head}"
                else:
                    name, figure = names.get(head), "pretrain.mean"
                if name is None or text == "–":
                    continue
                if table.columns[0] == "figure" or row[0].startswith("mean"):
                    _is(text, line.figures[f"{figure}.{name}"])
                else:
                    _is(text, _of_training(line, table.columns[0], row[0], name))
                seen += 1
    assert seen >= 3
    # The terminal's sentence, the page's and both cards'.
    said = next(one for one in line.status["findings"] if one.startswith("pretrain: "))
    said = said.removeprefix("pretrain: ")
    for text in (line.readme, line.card):
        assert said in text.replace("\\", "")
    assert said in " ".join(line.terminal.split())
    primary = line.document["pretrain"]["metric"]
    of = "test" if line.document["pretrain"]["mean"] is None else "mean"
    (found,) = estimates(said)
    _is(found.text, line.figures[f"pretrain.{of}.{primary}"])


def test_the_cards_head_has_the_same_numbers(line: Shown) -> None:
    head = yaml.safe_load(line.readme.split("---")[1])
    (result,) = head["model-index"][0]["results"]
    split = result["dataset"]["split"]
    of = "mean" if line.document["pretrain"]["mean"] else split
    assert result["metrics"]
    for one in result["metrics"]:
        figure = line.figures[f"pretrain.{of}.{one['type']}"]
        assert one["value"] == pytest.approx(figure["value"], abs=5.1e-7)
        if figure["low"] is not None:
            low, high = (
                float(n) for n in one["name"].partition("[")[2].partition("]")[0].split(", ")
            )
            assert low == pytest.approx(
                figure["low"], abs=(figure["high"] - figure["low"]) / 10 + 1e-9
            )
            assert high == pytest.approx(
                figure["high"], abs=(figure["high"] - figure["low"]) / 10 + 1e-9
            )


def test_comparisons_are_the_same_everywhere(line: Shown) -> None:
    if line.document["transfer"] is None:
        assert "transfer" not in {step["name"] for step in line.status["steps"]}
        return
    parts = parts_of(line.page)
    shown = parts["Transfer"].tables
    gains = next(one for one in shown if one.heading.startswith("Gain over"))
    for row in gains.rows:
        at = f"transfer.effects[{row[0]} {row[1]}]"
        found = dict(zip(gains.columns, row, strict=True))
        figure = line.figures[f"{at}.mean"]
        _is(found["corrected [95 %]"], figure)
        assert [one.value for one in printed(found["wins"])] == [
            line.figures[f"{at}.wins"]["value"], figure["n"]]  # fmt: skip
        assert first(found["p (Holm)"]).says(line.figures[f"{at}.adjusted_p"]["value"])
    summary = next(one for one in shown if one.columns[:3] == ["method", "size", "mean"])
    for method, size_, *three, _ in summary.rows:
        figure = line.figures[f"transfer.summary[{method} {size_}].mean"]
        for text, key in zip(three, ("value", "low", "high"), strict=True):
            assert first(text).says(figure[key])
    arms = next(
        one for one in parts["What the data decisions were worth"].tables
        if one.heading.startswith("The effects in numbers")
    )  # fmt: skip
    by_decision = {one["decision"]: one["name"] for one in line.document["value"]["arms"]}
    for row in arms.rows:
        at = f"value.arms[{by_decision[row[0]]}]"
        if "nothing changed" in row[1]:
            assert set(row[2:]) == {"not measured"}
            assert f"{at}.mean" not in line.figures
            continue
        _is(
            dict(zip(arms.columns, row, strict=True))["corrected [95 %]"],
            line.figures[f"{at}.mean"],
        )
    control = parts["What the data decisions were worth"].pair("", "control")
    assert first(control).says(line.figures["value.control.mean"]["value"])
    said = [line.document["transfer"]["headline"]]
    said += [one["headline"] for one in line.document["value"]["arms"]]
    for text in (line.terminal, line.page, line.card, line.readme):
        plain = " ".join(text.replace("\\", "").replace("&#39;", "'").split())
        for sentence in said:
            assert sentence in plain


def test_what_an_operation_says_is_the_same_on_the_page(line: Shown) -> None:
    """Each figure of an operation stands on the page under its heading, as it is."""
    for step in line.run.line():
        told = [one for one in line.figures.values()
                if one["step"] == step.name and one["kind"] == "operation"]  # fmt: skip
        part = parts_of(line.page)[step.name]
        for figure in told:
            fields = _fields(part, step.op, step.name, figure)
            assert fields, f"{figure['path']} is not on the page"
            assert any(_says(text, figure) for text in fields), (figure, fields)
    assert line.run.line()[-1].manifest.figures


def _fields(part: Part, op: str, step: str, figure: Tree) -> list[str]:
    """What stands on a step's card under a figure's heading, in a list or in its own row."""
    one = definitions(op).get(figure["name"])
    key = figure["name"].rpartition(".")[2]
    heads = {key.replace("_", " ")} | ({one.heading} if one else set())
    where = figure["path"].removeprefix(f"{step}.")
    row = where.partition("[")[2].partition("]")[0]
    found = [text for _, name, text in part.pairs if name in heads]
    for table in part.tables:
        for fields in table.rows:
            at = dict(zip(table.columns, fields, strict=True))
            if fields[0] in heads and len(fields) == 2:
                found.append(fields[1])
            elif row and fields[0] == row:
                found += [text for head, text in at.items() if head in heads]
            elif fields[0] == key:  # a table of one quantity: `labels.prose`
                found += fields[1:]
    return found


def _says(text: str, figure: Tree) -> bool:
    numbers = printed(text)
    # `4.27 [4.18, 4.36] %`: the sign is the whole estimate's.
    percent = bool(numbers) and (numbers[0].percent or text.rstrip().endswith("] %"))
    return bool(numbers) and numbers[0].says(figure["value"] * (100 if percent else 1))


@pytest.mark.parametrize("line", of_lines("people"), indirect=True)
def test_two_runs_differ_by_what_each_of_them_shows(line: Shown, tmp_path: Path) -> None:
    """`diff`, as it is printed and as JSON, against `status --json` of both."""

    def other(tree: Tree) -> None:
        tree["seed"] = 7
        tree["label"] = [{"consensus": {"min_confidence": 0.9}}]

    second = run_recipe(write_line("people", tmp_path, other), "two")
    sides = (str(line.folder), str(second.folder))
    found = json.loads(command("diff", *sides, "--json"))
    figures = {"a": line.figures, "b": second.figures}
    for result in found["results"]:
        for side, of in figures.items():
            figure = of.get(result["name"])
            assert (figure is None) == (result[side] is None)
            if figure is not None:
                assert result[side] == figure["value"]
                ends = result[f"{side}_interval"]
                assert ends is None or ends == [figure["low"], figure["high"]]
    differing = {
        path
        for path, one in line.figures.items()
        if one["kind"] in ("operation", "finding")
        and path in second.figures
        and second.figures[path]["value"] != one["value"]
    }
    assert {one["name"] for one in found["results"]} >= differing
    # Each fold is named, and another seed is another training.
    folds = {path for path in figures["a"] if path.startswith("pretrain.folds[")}
    assert {f"pretrain.folds[site{at} 0].test.accuracy" for at in range(4)} <= folds
    shown = command("diff", *sides)
    lines = {
        text.split("  ")[0].strip(): text
        for text in shown[shown.index("result ") :].splitlines()[2:]
        if text.strip()
    }
    for result in found["results"]:
        fields = [one for one in lines[result["name"]].split("  ") if one.strip()][-2:]
        for side, text in zip("ab", fields, strict=True):
            if result[side] is not None:
                scale = 100.0 if result["share"] else 1.0
                assert first(text).says(scale * result[side]), (result, text)
    for count in found["counts"]:
        for side, of in figures.items():
            if count[side] is not None:
                assert list(count[side].values()) == books_of(of, count["step"])


def test_figures_of_what_was_all_dropped_are_shown_or_said_not_to_be(tmp_path: Path) -> None:
    """Agreement is of all answers, and is there when none was sure enough to be kept."""

    def other(tree: Tree) -> None:
        del tree["pretrain"]
        tree["label"] = [{"consensus": {"min_confidence": 1.0}}]

    with pytest.raises(DataError, match="no sample is left"):
        run_recipe(write_line("people", tmp_path, other))
    command("report", str(tmp_path / "run"))
    line = Shown(tmp_path / "run", "people")
    assert "This run is not done: failed" in " ".join(re.sub("<[^>]+>", "", line.page).split())
    assert "This run is not done: failed" in line.card
    assert line.figures["books.label.consensus.kept"]["value"] == 0
    assert line.figures["label.consensus.items"]["value"] == 90
    parts = parts_of(line.page)
    alpha = line.figures["label.consensus.krippendorff_alpha"]
    fields = _fields(parts["label.consensus"], "consensus", "label.consensus", alpha)
    assert [_says(text, alpha) for text in fields] == [True]
