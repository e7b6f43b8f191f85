"""The model card: what a model was made of, what it reaches and what it is for, in Markdown.

In the format of the Hugging Face hub: a head in YAML that its search reads, then prose. Sections
after Mitchell et al., "Model cards for model reporting" (2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from tilth.pretrain.quoted import basis, basis_of, intervals, quote, sentence
from tilth.report.card import sources_table
from tilth.report.evidence import MAX_HEADLINE
from tilth.report.figures import named
from tilth.report.markdown import code, fenced, markdown_table, plain
from tilth.report.pretraining import MEASURED_ON, figure_text
from tilth.report.steps import as_dict, as_list, as_text, build_steps
from tilth.report.text import ABSENT, count, duration, finite, plural
from tilth.report.valuing import verdicts
from tilth.tasks.registry import declaration, task_names

_MAX_ROWS = 50
_INTERVALS = (
    "In brackets: 95 % intervals over the held-out samples (of a share by Wilson, else by "
    "bootstrap); they say what other such samples would give this model."
)


def model_card(report: Mapping[str, Any]) -> str:
    """The card of a tidied report; empty where the run has no model."""
    model, found = as_dict(report.get("model")), as_dict(report.get("pretrain"))
    if not model or not found:
        return ""
    settings = as_dict(model.get("settings"))
    parts = [
        _head(report, found, settings),
        f"# {plain(as_text(report.get('name')) or 'model')}",
        plain(as_text(report.get("about"), 500)),
        _what(found, settings),
        "## Results\n\n" + _results(found),
        _worth(report),
        "## Training data\n\n" + _data(report, model, found),
        "## Training\n\n" + _training(found, model, settings),
        "## Intended use\n\n" + _use(as_text(settings.get("task"))),
        "## Limits\n\n" + _limits(report, found),
        "## How to make it again\n\n" + _again(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(report: Mapping[str, Any], found: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    task = as_text(settings.get("task"))
    pipeline = declaration(task).pipeline if task in task_names() else task
    name = " ".join(as_text(report.get("name")).split()) or "model"
    numbers, split, bounds = _figures(found)
    metrics = [
        {
            "type": key,
            "name": named(key) + _interval_name(value, bounds.get(key)),
            "value": round(value, 6),
        }
        for key, item in numbers.items()
        if key != "loss" and (value := finite(item)) is not None
    ]
    head: dict[str, Any] = {
        # What the sources' licences allow for the model is the owner's decision, not ours.
        "license": "unknown",
        "library_name": "tilth",
        "pipeline_tag": pipeline,
        "tags": ["tilth", task, as_text(as_dict(found.get("model")).get("kind"))],
        "metrics": [metric["type"] for metric in metrics],
    }
    if metrics:
        dataset = {"type": "tilth", "name": name, "split": split}
        result = {"task": {"type": pipeline}, "dataset": dataset, "metrics": metrics}
        head["model-index"] = [{"name": name, "results": [result]}]
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---"


def _interval_name(value: float, bounds: Mapping[str, Any] | None) -> str:
    """The hub has no field for an interval: it stands in the figure's name."""
    if bounds is None:
        return ""
    shown = quote(value, bounds)
    interval = f", 95 % interval {shown[shown.index('[') :]}" if "[" in shown else ""
    return f"{interval}, {basis(bounds)}"


def _figures(
    found: Mapping[str, Any],
) -> tuple[Mapping[str, Any], str, Mapping[str, Mapping[str, Any]]]:
    """The figures to quote, of which split, their intervals: means of several trainings."""
    mean = as_dict(found.get("mean"))
    if mean:
        split = as_text(mean.get("split")) or "test"
        figures = {key: value for key, value in mean.items() if key not in ("split", "intervals")}
        return figures, split, intervals(found, mean=True)
    split = "test" if as_dict(found.get("test")) else "validation"
    return as_dict(found.get(split)), split, intervals(found, split)


def _what(found: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    model = as_dict(found.get("model"))
    return (
        f"A {plain(as_text(model.get('kind')))} of {count(model.get('parameters'))} parameters for "
        f"{plain(as_text(settings.get('task')))}, trained with Tilth."
    )


def _results(found: Mapping[str, Any]) -> str:
    seeds, folds = as_list(found.get("seeds")), as_list(found.get("folds"))
    lines = [f"{plain(told)}."] if (told := sentence(found)) else []
    if not seeds and not folds:
        lines.append("One training with one seed: what another seed would give is not measured.")
    for kind, rows in (("seed", seeds), ("fold", folds)):
        if rows:
            lines.append(_repeated(kind, [as_dict(row) for row in rows]))
    if not seeds and not folds:
        splits = ("validation", "test")
        names = list(dict.fromkeys(key for split in splits for key in as_dict(found.get(split))))
        rows_shown = [[plain(named(name)), *_values(found, splits, name)] for name in names]
        if as_dict(found.get("intervals")):
            on = [basis_of(intervals(found, split)) or ABSENT for split in splits]
            rows_shown.append([MEASURED_ON, *on])
        lines.append(markdown_table(("figure", *splits), rows_shown, 1))
    if any(intervals(as_dict(part)) for part in (found, *seeds, *folds)):
        lines.append(_INTERVALS)
    return "\n\n".join(lines)


def _worth(report: Mapping[str, Any]) -> str:
    """What the run found the pretraining, and the decisions about its data, to be worth."""
    carried = as_text(as_dict(report.get("transfer")).get("headline"), MAX_HEADLINE)
    lines = [f"- Carried over to another task: {plain(carried)}."] if carried else []
    lines += [f"- {plain(one.sentence)}." for one in verdicts(as_dict(report.get("value")))]
    return "## What it was worth\n\n" + "\n".join(lines) if lines else ""


def _repeated(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(
        dict.fromkeys(
            key
            for row in rows
            for key, value in as_dict(row.get("test")).items()
            if finite(value) is not None
        )
    )
    cells = [
        [plain(as_text(row.get(kind))), *(_values(row, ("test",), name)[0] for name in names)]
        for row in rows[:_MAX_ROWS]
    ]
    heads = [kind, *(plain(named(name)) for name in names)]
    if any(intervals(row) for row in rows):
        heads.append(MEASURED_ON)
        cells = [[*line, basis_of(intervals(row))] for line, row in zip(cells, rows, strict=False)]
    return markdown_table(heads, cells, 1)


def _values(part: Mapping[str, Any], splits: Sequence[str], name: str) -> list[str]:
    """A figure of each split, with its interval."""
    pairs = [(as_dict(part.get(s)).get(name), intervals(part, s).get(name)) for s in splits]
    return [plain(figure_text(value, bounds)) for value, bounds in pairs]


def _data(report: Mapping[str, Any], model: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    data = as_dict(model.get("data"))
    splits = [f"{plain(k)} {count(v)}" for k, v in as_dict(found.get("samples")).items()]
    facts = [
        f"- Data set: the output of {code(as_text(data.get('step')))}, "
        f"{count(data.get('samples'))} samples, digest (SHA-256 over its shards) "
        f"{code(as_text(data.get('digest'), 80))}.",
        f"- Used of them: {', '.join(splits)} ({_items(model)}).",
    ]
    unreadable = len(as_list(found.get("unreadable")))
    if unreadable:
        facts.append(f"- {plural(unreadable, 'sample')} could not be decoded and were left out.")
    sources = sources_table(report, list(build_steps(report)))
    return sources + "\n\n" + "\n".join(facts) + "\n\nWhat was dropped, and why: `card.md`."


def _items(model: Mapping[str, Any]) -> str:
    """What its samples are called."""
    task = as_text(as_dict(model.get("settings")).get("task"))
    return declaration(task).data.items if task in task_names() else "samples"


def _training(
    found: Mapping[str, Any], model: Mapping[str, Any], settings: Mapping[str, Any]
) -> str:
    facts = [
        ("steps", count(found.get("steps"))),
        ("tokens or examples seen", count(found.get("tokens_or_examples_seen"))),
        ("stopped because", as_text(found.get("stopped"))),
        ("precision", as_text(found.get("precision"))),
        ("threads", as_text(found.get("threads"))),
        ("time", duration(found.get("seconds"))),
        ("processor time", duration(found.get("cpu_seconds"))),
        ("weights, SHA-256", as_text(model.get("weights_sha256"), 80)),
    ]
    lines = [f"- {key}: {plain(value)}" for key, value in facts if value not in ("", ABSENT)]
    shown = yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True, width=96)
    return "\n".join(lines) + "\n\nSettings:\n\n" + fenced(shown, "yaml")


def _use(task: str) -> str:
    use = declaration(task).use if task in task_names() else "what it was trained for"
    return f"For {use}, and as the start of a transfer to a task of your own."


def _limits(report: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    lines = [
        "- The figures hold for data drawn as the held-out samples were; other data were not "
        "measured.",
        "- It repeats what its sources say and leave out; no test for bias or harm was made.",
        "- Whether it may be passed on follows from the licences of its sources, above.",
    ]
    if finite(report.get("limit")) is not None:
        lines.append(f"- A trial run: at most {count(report.get('limit'))} samples a source.")
    if not as_list(found.get("seeds")) and not as_list(found.get("folds")):
        lines.append("- Trained once: another seed gives other figures.")
    return "\n".join(lines)


def _again(report: Mapping[str, Any]) -> str:
    versions = [f"{k} {as_text(v)}" for k, v in as_dict(report.get("versions")).items()]
    machine = [f"{as_text(k)} {as_text(v, 120)}" for k, v in as_dict(report.get("machine")).items()]
    told = plain(", ".join([f"recipe seed {as_text(report.get('seed'))}", *versions, *machine]))
    return f"`tilth run recipe.yaml` with the `recipe.yaml` of the run's folder. {told}."
