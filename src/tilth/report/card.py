"""The data card: what the data set is made of, in Markdown, from the same document as the page."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tilth.pretrain.quoted import sentence
from tilth.query.hosts import hosts_of
from tilth.query.report import Report, StepReport
from tilth.report.again import Again, again
from tilth.report.evidence import MAX_HEADLINE
from tilth.report.markdown import fenced, markdown_table, plain
from tilth.report.steps import Line, Passed, Step, as_text, build_line, build_steps
from tilth.report.text import ABSENT, count, percent, plural
from tilth.report.valuing import seeds_an_arm, verdicts

# A source that states more is a list of files rather than of licences.
MAX_LICENCES = 20


def data_card(report: Report) -> str:
    """The card of a tidied report: sources, steps, what was dropped and why, figures, limits."""
    steps = build_steps(report.steps)
    parts = [
        f"# {plain(as_text(report.name))}",
        plain(as_text(report.about, 500)),
        unfinished(report),
        _summary(build_line(steps)),
        ""
        if report.limit is None
        else f"A trial run: of each source at most {count(report.limit)} samples were read.",
        "## Sources\n\n" + sources_table(report, steps),
        _hosts(report),
        "## Steps\n\n" + _steps(steps),
        "## Dropped, by rule\n\n" + _dropped(steps),
        "## Quarantined\n\n" + _quarantined(steps),
        _passed_over(steps),
        _noted(steps),
        "## What training on it gave\n\n" + _results(report),
        "## How to make it again\n\n" + _again(again(report)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def unfinished(report: Report) -> str:
    """What is said of a run that is not done, and why; empty of one that is."""
    if report.status in ("", "done"):
        return ""
    why = f" It ended with: {plain(as_text(report.error, 1_000))}" if report.error else ""
    return (
        f"**This run is not done: {plain(as_text(report.status, 80))}.** What follows is what was "
        f"committed so far.{why}"
    )


def _summary(line: Line | None) -> str:
    if line is None:
        return "No step of this run counted samples."
    share = percent(line.kept, line.num_in + line.born)
    born = f", {count(line.born)} more were born as parts of them" if line.born else ""
    balance = "The books balance." if line.balances else "**The books do not balance.**"
    passed = (
        f" Sources passed over {plural(line.passed_over, 'place')} that they do not read."
        if line.passed_over
        else ""
    )
    noted = (
        f" Sources read {plural(line.noted, 'place')} with a guess or a change."
        if line.noted
        else ""
    )
    return (
        f"{count(line.num_in)} samples came in{born}: {count(line.kept)} kept ({share}), "
        f"{count(line.dropped)} dropped, {count(line.quarantined)} quarantined. "
        f"{balance}{passed}{noted}"
    )


def sources_table(
    report: Report, steps: Sequence[Step], only: Collection[str] | None = None
) -> str:
    """The sources with their licences and how many samples came from each.

    Args:
        report: Of a run.
        steps: Its steps, ready to be shown.
        only: Names of the sources to list, without `collect.`; None: all.
    """
    chosen = None if only is None else {f"collect.{name}" for name in only}
    # From the document: the page shows some of a step's sources, a card all.
    left = _left_by_source(report)
    rows = []
    for told, step in zip(report.steps, steps, strict=True):
        if step.kind != "source" or (chosen is not None and told.name not in chosen):
            continue
        last = ABSENT if left is None else count(left.get(told.name.removeprefix("collect."), 0))
        name = plain(step.name.removeprefix("collect."))
        rows.append([name, _licences(told), count(step.num_in), last])
    if not rows:
        return "No source was read in this run."
    made = markdown_table(("source", "licence", "read", _end(report)), rows, 2)
    if left is None:
        made += "\n\nHow many are left of each source is not known: the last step does not say."
    if any("not stated" in row[1] for row in rows):
        made += "\n\nWhere the licence is not stated, find it out before you pass the data on."
    return made


def _hosts(report: Report) -> str:
    """The hosts of crawls, with how their addresses ended; empty where nothing was crawled."""
    rows = [
        [plain(as_text(step.name.removeprefix("collect."))), plain(as_text(host)), *map(count, n)]
        for step in report.steps
        if step.kind == "source"
        for host, *n in hosts_of(step.figures)
    ]
    if not rows:
        return ""
    names = ("source", "host", "addresses", "kept", "dropped", "quarantined")
    return "## Hosts\n\n" + markdown_table(names, rows, 2)


def _left_by_source(report: Report) -> dict[str, int] | None:
    """The samples of each source at the end of the line; None where that is not known."""
    last = _last(report)
    if last is None:
        sources = [step for step in report.steps if step.kind == "source"]
        return {step.name.removeprefix("collect."): step.kept or 0 for step in sources}
    return last.sources if sum(last.sources.values()) == last.kept else None


def _last(report: Report) -> StepReport | None:
    """The last step that sorted samples after they were read."""
    line = [step for step in report.steps if step.num_in is not None and step.kind != "source"]
    return line[-1] if line else None


def _end(report: Report) -> str:
    """What the end of the line is: of a run that is not done, as far as it came."""
    if report.status in ("", "done"):
        return "in the final data set"
    last = _last(report)
    return "kept" if last is None else f"left after {plain(as_text(last.name))}"


def _licences(step: StepReport) -> str:
    named = [f"{as_text(k, 80) or 'not stated'} ({count(v)})" for k, v in step.license.items()]
    if len(named) > MAX_LICENCES:
        named[MAX_LICENCES:] = [f"and {count(len(named) - MAX_LICENCES)} more"]
    return plain(", ".join(named)) or "not stated"


def _steps(steps: Sequence[Step]) -> str:
    counted = [step for step in steps if step.counted]
    if not counted:
        return "No step of this run counted samples."
    born = any(step.born for step in counted)
    rows = [
        [
            plain(step.name),
            count(step.num_in),
            *([count(step.born)] if born else []),
            *(count(n) for n in (step.kept, step.dropped, step.quarantined)),
        ]
        for step in counted
    ]
    names = ("step", "in", *(("born",) if born else ()), "kept", "dropped", "quarantined")
    return markdown_table(names, rows, 1)


def _dropped(steps: Sequence[Step]) -> str:
    rows = [
        [plain(step.name), plain(rule.name), count(rule.count)]
        for step in steps
        for rule in step.rules
    ]
    if not rows:
        return "Nothing was dropped."
    made = markdown_table(("step", "rule", "samples"), rows, 2)
    cut = [step for step in steps if step.rules_total > len(step.rules)]
    for step in cut:
        made += f"\n\n{len(step.rules)} of {step.rules_total} rules of {plain(step.name)} shown."
    return made


def _quarantined(steps: Sequence[Step]) -> str:
    lines = []
    for step in steps:
        if step.quarantined:
            shown = f"{len(step.errors)} of {count(step.quarantined)} shown"
            lines.append(f"- {plain(step.name)}: {count(step.quarantined)} ({shown})")
            lines += [f"  - {plain(uri)}: {plain(error)}" for uri, error in step.errors]
    return "\n".join(lines) or "Nothing was quarantined."


def _passed_over(steps: Sequence[Step]) -> str:
    """What the sources were pointed at and did not read; empty where that is nothing."""
    told = [(step.name, step.passed, step.passed_total) for step in steps]
    return _places("Passed over by sources", "why", "reasons", told)


def _noted(steps: Sequence[Step]) -> str:
    """What they read with a guess or a change; empty where that is nothing."""
    told = [(step.name, step.notes, step.notes_total) for step in steps]
    return _places("Read with a guess or a change", "which", "notes", told)


def _places(
    title: str, heading: str, noun: str, told: Sequence[tuple[str, Sequence[Passed], int]]
) -> str:
    rows = [
        [plain(name), plain(one.reason), count(one.count)]
        for name, shown, _ in told
        for one in shown
    ]
    if not rows:
        return ""
    made = markdown_table(("source", heading, "places"), rows, 2)
    rest = _rest(noun, [(name, len(shown), total) for name, shown, total in told])
    return f"## {title}\n\n{made}{rest}"


def _rest(noun: str, shown: Sequence[tuple[str, int, int]]) -> str:
    """What the table of them leaves out, by step."""
    return "".join(
        f"\n\n{number} of {total} {noun} of {plain(name)} shown."
        for name, number, total in shown
        if total > number
    )


def _results(report: Report) -> str:
    lines = []
    if report.pretrain and (told := sentence(report.pretrain)):
        many = "" if report.pretrain.runs else " (one seed)"
        lines.append(f"- Pretraining: {plain(as_text(told, 400))}{many}.")
    elif report.pretrain:
        lines.append("- Pretraining: a model was trained, and measured on validation alone.")
    if report.transfer and report.transfer.headline:
        lines.append(f"- Transfer: {plain(as_text(report.transfer.headline, MAX_HEADLINE))}")
    if report.value and (answers := verdicts(report.value)):
        lines += [f"- {verdict.symbol} {plain(verdict.sentence)}" for verdict in answers]
        lines.append(
            f"\nEffects are mean paired differences of {plain(as_text(report.value.metric))} "
            f"over {seeds_an_arm(report.value)} seeds with Student-t 95 % intervals, corrected for "
            "the number of comparisons (Holm); positive = helps."
        )
    return "\n".join(lines) or "No model was trained in this run."


def _again(made: Again) -> str:
    facts = [f"seed {made.seed}"]
    facts += [f"{row[0].text} {row[1].text}" for row in made.versions.rows]
    facts += [f"{key} {item}" for key, item in made.machine]
    text = plain(", ".join(facts)) + "."
    if not made.recipe:
        return text + " The recipe is not part of this report."
    cut = "\n\nThe recipe was cut; it is whole in report.json." if made.recipe_cut else ""
    return f"{text}\n\n{fenced(made.recipe, 'yaml')}{cut}"
