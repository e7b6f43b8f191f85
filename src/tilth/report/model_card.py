"""The model card: what a model was made of, what it reaches and what it is for, in Markdown.

In the format of the Hugging Face hub: a head in YAML that its search reads, then prose. Sections
after Mitchell et al., "Model cards for model reporting" (2019).
"""

from __future__ import annotations

from collections.abc import Sequence

import yaml
from pydantic import JsonValue

from tilth.pretrain.quoted import basis, basis_of, quote, quoted, sentence
from tilth.pretrain.result import Held, PretrainResult, Repeat
from tilth.query.report import ModelReport, Report
from tilth.records import Json
from tilth.report.again import machine_facts, versions_of
from tilth.report.card import sources_table, unfinished
from tilth.report.evidence import MAX_HEADLINE
from tilth.report.figures import named
from tilth.report.markdown import code, fenced, markdown_table, plain
from tilth.report.pretraining import MEASURED_ON, figure_text, name_of, of_the_kept
from tilth.report.steps import as_text, build_steps
from tilth.report.text import ABSENT, count, plural
from tilth.report.valuing import verdicts
from tilth.statistics.found import Bounds
from tilth.tasks.registry import declaration, task_names

_MAX_ROWS = 50
_INTERVALS = (
    "In brackets: 95 % intervals over the held-out samples (of a share the exact one, of all else "
    "by the jackknife); they say what other such samples would give this model."
)


def model_card(report: Report) -> str:
    """The card of a report; empty where the run has no model."""
    model, found = report.model, report.pretrain
    if model is None or found is None:
        return ""
    parts = [
        _head(report, found),
        f"# {plain(as_text(report.name))}",
        plain(as_text(report.about, 500)),
        unfinished(report),
        _what(found),
        "## Results\n\n" + _results(found),
        _worth(report),
        "## Training data\n\n" + _data(report, model, found),
        "## Training\n\n" + _training(found, model),
        "## Intended use\n\n" + _use(found.task),
        "## Limits\n\n" + _limits(report, found),
        "## How to make it again\n\n" + _again(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(report: Report, found: PretrainResult) -> str:
    task = as_text(found.task)
    pipeline = declaration(task).pipeline if task in task_names() else task
    name = " ".join(as_text(report.name).split())
    figures, split, bounds = quoted(found)
    numbers = {k: v for k, v in figures.items() if k != "loss" and not isinstance(v, str)}
    head: Json = {
        # What the sources' licences allow for the model is the owner's decision, not ours.
        "license": "unknown",
        "library_name": "tilth",
        "pipeline_tag": pipeline,
        "tags": ["tilth", task, as_text(found.model.kind)],
        "metrics": list(numbers),
    }
    averaged = f", {found.averaged}" if found.mean is not None else ""
    if numbers:
        metrics: list[JsonValue] = [
            {
                "type": key,
                "name": named(key) + averaged + _interval_name(value, bounds.get(key)),
                "value": round(value, 6),
            }
            for key, value in numbers.items()
        ]
        result: Json = {
            "task": {"type": pipeline},
            "dataset": {"type": "tilth", "name": name, "split": split},
            "metrics": metrics,
        }
        head["model-index"] = [{"name": name, "results": [result]}]
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---"


def _interval_name(value: float, bounds: Bounds | None) -> str:
    """The hub has no field for an interval: it stands in the figure's name."""
    if bounds is None:
        return ""
    shown = quote(value, bounds)
    interval = f", 95 % interval {shown[shown.index('[') :]}" if "[" in shown else ""
    return f"{interval}, {basis(bounds)}"


def _what(found: PretrainResult) -> str:
    return (
        f"A {plain(as_text(found.model.kind))} of {count(found.model.parameters)} parameters for "
        f"{plain(as_text(found.task))}, trained with Tilth."
    )


def _results(found: PretrainResult) -> str:
    lines = [f"{plain(told)}."] if (told := sentence(found)) else []
    if found.mean is not None:
        lines.append(_repeated(found.runs, found.mean.split))
        lines.append(
            f"The weights beside this card are of the {plain(as_text(found.kept_in_full))}."
        )
    else:
        lines.append("One training with one seed: what another seed would give is not measured.")
        splits = ("validation", "test")
        names = list(dict.fromkeys(key for split in splits for key in found.of(split)))
        rows = [[plain(named(name)), *(_value(found, s, name) for s in splits)] for name in names]
        if found.intervals:
            rows.append([MEASURED_ON, *(basis_of(found.bounds(s)) or ABSENT for s in splits)])
        lines.append(markdown_table(("figure", *splits), rows, 1))
    if any(part.intervals for part in (found, *found.runs)):
        lines.append(_INTERVALS)
    return "\n\n".join(lines)


def _worth(report: Report) -> str:
    """What the run found the pretraining, and the decisions about its data, to be worth."""
    carried = as_text(report.transfer.headline, MAX_HEADLINE) if report.transfer else ""
    lines = [f"- Carried over to another task: {plain(carried)}."] if carried else []
    answers = verdicts(report.value) if report.value else ()
    lines += [f"- {plain(one.sentence)}." for one in answers]
    return "## What it was worth\n\n" + "\n".join(lines) if lines else ""


def _repeated(runs: Sequence[Repeat], split: str) -> str:
    kind = "seed" if runs[0].fold is None else "fold"
    figures = [run.of(split) for run in runs]
    names = list(
        dict.fromkeys(k for one in figures for k, v in one.items() if not isinstance(v, str))
    )
    cells = [
        [
            plain(as_text(name_of(run, runs))),
            *(_value(run, split, name) for name in names),
        ]
        for run in runs[:_MAX_ROWS]
    ]
    heads = [kind, *(plain(named(name)) for name in names)]
    if any(run.bounds(split) for run in runs):
        heads.append(MEASURED_ON)
        cells = [
            [*line, basis_of(run.bounds(split))] for line, run in zip(cells, runs, strict=False)
        ]
    return markdown_table(heads, cells, 1)


def _value(part: Held, split: str, name: str) -> str:
    """A figure of a split, with its interval."""
    return plain(figure_text(part.of(split).get(name), part.bounds(split).get(name)))


def _data(report: Report, model: ModelReport, found: PretrainResult) -> str:
    splits = [f"{plain(k)} {count(v)}" for k, v in found.samples.items()]
    facts = [
        f"- Data set: the output of {code(as_text(model.data.step))}, "
        f"{count(model.data.samples)} samples, digest (SHA-256 over its shards) "
        f"{code(as_text(model.data.digest, 80))}.",
        f"- Used of them{f' by the {found.kept}' if found.runs else ''}: {', '.join(splits)} "
        f"({_items(found.task)}).",
    ]
    unreadable = len(found.unreadable)
    if unreadable:
        facts.append(
            f"- {plural(unreadable, 'sample')} could not be decoded, or were too short for their "
            "transcript, and were left out, of what is measured too."
        )
    vocabulary = _named(model, "tokenizer_sources")
    if vocabulary:
        names = ", ".join(plain(as_text(name)) for name in vocabulary)
        facts.append(f"- The vocabulary was learnt from texts of {names}.")
    sources = sources_table(report, build_steps(report.steps), _trained_on(model))
    return sources + "\n\n" + "\n".join(facts) + "\n\nWhat was dropped, and why: `card.md`."


def _trained_on(model: ModelReport) -> set[str] | None:
    """The sources that the model's training read; None where the record does not say."""
    left = {name for name, samples in model.data.sources.items() if samples}
    wanted = set(_named(model, "sources"))
    return (left & wanted if left and wanted else left or wanted) or None


def _named(model: ModelReport, setting: str) -> list[str]:
    """The sources that a setting of `data` names."""
    data = model.settings.get("data")
    given = data.get(setting) if isinstance(data, dict) else None
    return [str(name) for name in given] if isinstance(given, list) else []


def _items(task: str) -> str:
    """What its samples are called."""
    return declaration(task).data.items if task in task_names() else "samples"


def _training(found: PretrainResult, model: ModelReport) -> str:
    facts = [
        *of_the_kept(found),
        ("precision", as_text(found.precision)),
        ("threads", str(found.threads)),
        ("weights, SHA-256", as_text(model.weights_sha256, 80)),
    ]
    lines = [f"- {key}: {plain(value)}" for key, value in facts if value not in ("", ABSENT)]
    shown = yaml.safe_dump(model.settings, sort_keys=False, allow_unicode=True, width=96)
    return "\n".join(lines) + "\n\nSettings:\n\n" + fenced(shown, "yaml")


def _use(task: str) -> str:
    use = declaration(task).use if task in task_names() else "what it was trained for"
    return f"For {use}, and as the start of a transfer to a task of your own."


def _limits(report: Report, found: PretrainResult) -> str:
    lines = [
        "- The figures hold for data drawn as the held-out samples were; other data were not "
        "measured.",
        "- It repeats what its sources say and leave out; no test for bias or harm was made.",
        "- Whether it may be passed on follows from the licences of its sources, above.",
    ]
    if report.limit is not None:
        lines.append(f"- A trial run: at most {count(report.limit)} samples a source.")
    if not found.runs:
        lines.append("- Trained once: another seed gives other figures.")
    return "\n".join(lines)


def _again(report: Report) -> str:
    versions = [f"{name} {version}" for name, version in versions_of(report)]
    machine = [f"{k} {v}" for k, v in machine_facts(report.machine)]
    told = plain(", ".join([f"recipe seed {report.seed}", *versions, *machine]))
    return f"`tilth run recipe.yaml` with the `recipe.yaml` of the run's folder. {told}."
