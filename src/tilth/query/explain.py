"""What a word means: operations, stages, signals, rule sets, starters, and the figures."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import JsonValue
from pydantic.fields import FieldInfo

from tilth.errors import TilthError, UsageError
from tilth.extensions import Extension, using
from tilth.hints import closest
from tilth.models.registry import declarations
from tilth.models.settings import ModelSettings, settings_classes
from tilth.query.figures import definitions, named, owner_words, owners, spell_how
from tilth.recipe.load import extensions_of, parse_recipe, starters
from tilth.recipe.model import Header
from tilth.recipe.operations import STAGES, Operation, operations
from tilth.recipe.words import other_word
from tilth.settings import ActsOn, BaseSettings
from tilth.tasks.registry import declaration, task_names
from tilth.tasks.settings import TaskName

Category = Literal["operations", "starters", "signals", "rules", "figures", "runs"]
CATEGORIES: tuple[Category, ...] = typing.get_args(Category)

_STAGE_WORDS = {
    "collect": "Bring data in: crawl the web, read public data sets, import annotation batches.",
    "clean": "Extract, normalize, measure signals, decide rules, redact personal data.",
    "deduplicate": "Hold out evaluation samples; drop exact and near copies; decontaminate.",
    "label": "Votes of labelling functions and people, combined with their disagreement.",
    "augment": "Transforms applied on the fly in training.",
    "mix": "Weights of sources and labels, and how diverse the result is.",
    "pretrain": "Train a model on the data line's end.",
    "transfer": "Carry the weights to another task, against training from scratch.",
    "value": "What each data decision was worth, with an interval.",
}
# Of what has a setting, so many are pointed to: each says the same of it.
_SEE = 3
_NO_WORD, _NO_OPERATION = "not a word of a recipe", "not an operation"
_TYPES = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    bytes: "bytes",
    type(None): "nothing",
    Any: "any",
    JsonValue: "any",
}
_BOUNDS = {
    "ge": ">=",
    "gt": ">",
    "le": "<=",
    "lt": "<",
    "min_length": "at least",
    "max_length": "at most",
}


@dataclass(frozen=True)
class SettingInfo:
    """One setting: name, type, default (None where it must be given), bounds, description.

    `acts_on`: what it acts on alone (the summary of a comparison, speed, politeness, words), so
    that the data and the trainings stay as they are; outside: on what is read, which counts by what
    it holds and is named, however it is had; empty: on what is made.
    """

    name: str
    type: str
    default: str | None
    bounds: str
    description: str
    acts_on: str = ""


@dataclass(frozen=True)
class Explanation:
    """What one word means.

    Attributes:
        name: The word.
        what: operation, stage, signal, rule set, starter, task, model, recipe, figure, setting, or
            "not a word of a recipe".
        about: One or a few sentences.
        facts: (label, text), such as stage and kind, or a rule and its reason.
        settings: Of operations and stages.
        text: A starter's YAML.
    """

    name: str
    what: str
    about: str
    facts: tuple[tuple[str, str], ...] = ()
    settings: tuple[SettingInfo, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Entry:
    """A line of a list."""

    name: str
    group: str
    about: str


def explain(word: str, recipe: str | None = None) -> list[Explanation]:
    """Everything that the word names, the figures of that name too; else what there is instead.

    Where nothing but figures has the name, the settings of it are told as well.

    Args:
        word: Of a recipe, or of a run's figures.
        recipe: A recipe whose extensions know more words.

    Raises:
        UsageError: Nothing; with the closest word, or all that there is. Or the recipe has no
            extensions.
        RecipeError: An extension of the recipe has mistakes.
    """
    with using(_extensions_of(recipe)):
        return _explain(word)


def _extensions_of(recipe: str | None) -> tuple[Extension, ...]:
    found = () if recipe is None else extensions_of(recipe)
    if recipe is not None and not found:
        raise UsageError(
            "the recipe names no extensions: it has no words of its own",
            where=recipe,
            hint="leave --recipe out",
        )
    return found


def _explain(word: str) -> list[Explanation]:
    found = [
        *_explain_recipe(word),
        *_explain_operation(word),
        *_explain_stage(word),
        *_explain_signal(word),
        *_explain_rule_set(word),
        *_explain_starter(word),
        *_explain_task(word),
        *_explain_model(word),
    ]
    figures = [*_explain_figure(word)]
    if not found:
        settings = [*_explain_setting(word)]
        found = [*_explain_other_word(word, _NO_OPERATION if settings else _NO_WORD), *settings]
    found += figures
    if not found:
        names = [name for owner in owners() for name in definitions(owner)]
        close = closest(word, [*_words(), *(name.rpartition(".")[2] for name in names)])
        raise UsageError(
            f"nothing is called `{word}`",
            hint=f"did you mean `{close}`?" if close else _by_stage(),
            code="unknown-word",
        )
    return found


def _by_stage() -> str:
    """All operations, a line a stage, under a hint."""
    lines = [
        "`tilth list` has signals, rule sets, starters and figures as well; operations by stage:"
    ]
    for stage in STAGES:
        names = ", ".join(op.name for op in operations().values() if op.stage == stage)
        lines.append(f"{stage:<11}  {names}")
    return ("\n" + " " * 11).join(lines)


def _words() -> list[str]:
    from tilth.clean.rules import shipped_rule_sets
    from tilth.clean.signals import SIGNALS

    return list(
        dict.fromkeys(
            [
                *("recipe", *STAGES, *operations(), *SIGNALS, *shipped_rule_sets(), *starters()),
                *(*task_names(), *(declared.kind for declared in declarations())),
            ]
        )
    )


def _explain_recipe(word: str) -> Iterator[Explanation]:
    if word == "recipe":
        line = " -> ".join(STAGES)
        yield Explanation(
            word, "recipe", _document(Header), (("the line", line),), settings_of(Header)
        )


def _explain_operation(word: str) -> Iterator[Explanation]:
    op = operations().get(word)
    if op is not None:
        settings = op.settings
        facts = (("stage", op.stage), ("kind", op.kind), ("written as", _written(op)))
        yield Explanation(word, "operation", _document(settings), facts, settings_of(settings))


def _written(op: Operation) -> str:
    if op.stage == "collect":
        return f"collect: {{my-source: {{{op.name}: {{…}}}}}}"
    return f"{op.stage}: {{…}}" if op.name == op.stage else f"{op.stage}: [{{{op.name}: {{…}}}}]"


def _explain_stage(word: str) -> Iterator[Explanation]:
    if word in STAGES and word not in operations():
        ops = [op for op in operations().values() if op.stage == word]
        facts = tuple((op.name, about_operation(op)) for op in ops)
        yield Explanation(word, "stage", _STAGE_WORDS[word], facts)


def _explain_signal(word: str) -> Iterator[Explanation]:
    from tilth.clean.signals import SIGNALS

    if word in SIGNALS:
        signal = SIGNALS[word]
        facts = (("type", _arrow_name(signal.type)), ("column", f"signal.{word}"))
        yield Explanation(word, "signal", signal.about, facts)


def _arrow_name(kind: Any) -> str:
    """An Arrow type in the words of settings."""
    names = {"int64": "whole number", "double": "number", "string": "text", "bool": "true or false"}
    return names.get(str(kind), str(kind))


def _explain_rule_set(word: str) -> Iterator[Explanation]:
    from tilth.clean.rules import load_rule_set, shipped_rule_sets

    if word in shipped_rule_sets():
        rules = load_rule_set(word)
        facts = tuple((rule.keep, rule.because) for rule in rules.rules)
        yield Explanation(word, "rule set", rules.about, (("source", rules.source), *facts))


def _explain_starter(word: str) -> Iterator[Explanation]:
    text = starters().get(word)
    if text is not None:
        recipe = parse_recipe(text, f"{word} (starter)")
        facts = (("copy it out", f"tilth init {word}"), ("run it", f"tilth run {word}"))
        yield Explanation(word, "starter", recipe.header.about, facts, (), text)


def _explain_task(word: str) -> Iterator[Explanation]:
    if word in task_names():
        task = declaration(word)
        figures = ", ".join(f"{metric.name} ({metric.unit})" for metric in task.metrics)
        facts = [
            ("written as", f"pretrain: {{task: {word}}}"),
            ("reads", task.data.payload + (", with a label" if task.labels else "")),
            ("models", ", ".join(task.models)),
            ("figures", figures),
            ("transforms", ", ".join(task.transforms) or "none"),
            ("asked by", f"tilth {task.verb}" if task.verb else "no verb"),
        ]
        yield Explanation(word, "task", f"For {task.use}.", tuple(facts))


def _explain_model(word: str) -> Iterator[Explanation]:
    for model in declarations():
        if model.kind == word:
            tasks = [name for name in task_names() if word in declaration(name).models]
            facts = (
                ("written as", f"pretrain: {{model: {{kind: {word}}}}}"),
                ("tasks", ", ".join(tasks) or "none"),
                ("starts from", f"weights of `{model.hub_type}`" if model.hub_type else "its own"),
            )
            settings = settings_of(model.settings)
            yield Explanation(word, "model", _document(model.settings), facts, settings)


def _explain_figure(word: str) -> Iterator[Explanation]:
    """A figure in words, of each that makes one of that name."""
    for owner, one in named(word):
        better = f", {one.better} is better" if one.better else ""
        unit = "a share, shown in percent" if one.share else one.unit or "a number without a unit"
        facts = [("of", owner_words(owner)), ("rows", one.rows), ("unit", unit + better)]
        facts += [("how", spell_how(one)), ("source", one.source)]
        compared = f"{one.reference}, by {one.test}" if one.test else one.reference
        facts.append(("compared with", compared))
        told = tuple((label, text) for label, text in facts if text)
        yield Explanation(one.name, "figure", f"{one.heading}: {one.about}", told)


def _explain_other_word(word: str, what: str) -> Iterator[Explanation]:
    other = other_word(word)
    if other is not None:
        facts = tuple(("see", f"tilth explain {name}") for name in other.instead)
        about = other.about[:1].upper() + other.about[1:]
        yield Explanation(word, what, f"{about}.", facts)


def _explain_setting(word: str) -> Iterator[Explanation]:
    """The settings of that name, or that take it as a value, whatever has them.

    A name may say the operation, and its stage, as well: `pretrain.loop.epochs`,
    `clean.rules.where`; of a recipe's own settings `recipe.seed`.
    """
    # Blocks such as `loop` stand in several places; what says the same is shown once.
    found: dict[str, SettingInfo] = {}
    owners: dict[str, None] = {}
    having: list[tuple[str, str, type[BaseSettings]]] = [("", "recipe", Header)]
    having += [(op.stage, op.name, op.settings) for op in operations().values()]
    for stage, owner, settings in having:
        infos = settings_of(settings)
        for info in infos:
            address = f"{owner}.{info.name}"
            names = (info.name, address, f"{stage}.{address}", info.name.rpartition(".")[2])
            if word and word in (*names, *info.type.removesuffix(" or nothing").split(" | ")):
                found.setdefault(info.description, info)
                owners[owner] = None
                # A block says little without what is written in it.
                for inner in infos:
                    if word in names and inner.name.startswith(f"{info.name}."):
                        found.setdefault(inner.description, inner)
    if found:
        about = "A setting, or a value of one, of " + ", ".join(f"`{name}`" for name in owners)
        told = [*owners][:_SEE]
        rest = f" (and the {len(owners) - _SEE} others)" if len(owners) > _SEE else ""
        see = [f"tilth explain {name}" for name in told]
        facts = tuple(("see", one + rest * (one == see[-1])) for one in see)
        yield Explanation(word, "setting", f"{about}.", facts, tuple(found.values()))


def about_operation(op: Operation) -> str:
    """The first line of what an operation says of itself, or what it lacks to say it."""
    try:
        return _document(op.settings).partition("\n")[0]
    except ImportError as error:
        return f"(cannot be loaded: {error})"
    except TilthError as error:
        return f"({error.what})"


def _document(cls: type[BaseSettings]) -> str:
    return inspect.cleandoc(cls.__doc__ or "")


def settings_of(cls: type[BaseSettings], prefix: str = "") -> tuple[SettingInfo, ...]:
    """The settings of a class, those of nested blocks under dotted names."""
    found: list[SettingInfo] = []
    for name, field in cls.model_fields.items():
        found.append(
            SettingInfo(
                prefix + name,
                type_name(field.annotation),
                None if field.is_required() else _default(field),
                _bounds(field),
                field.description or "",
                next((mark.what for mark in field.metadata if isinstance(mark, ActsOn)), ""),
            )
        )
        blocks = _blocks(field.annotation)
        inner = [settings_of(block, f"{prefix}{name}.") for block in blocks]
        found += inner[0] if len(inner) == 1 else _alternatives(blocks, inner, f"{prefix}{name}.")
    return tuple(found)


def _alternatives(
    blocks: Sequence[type[BaseSettings]], inner: Sequence[tuple[SettingInfo, ...]], prefix: str
) -> list[SettingInfo]:
    """The settings of blocks of which one is written, each said of its `kind`."""
    kinds = [str(block.model_fields["kind"].default) for block in blocks]
    found: list[SettingInfo] = []
    if kinds:
        found.append(SettingInfo(f"{prefix}kind", " | ".join(kinds), None, "", "which of these"))
    for kind, settings in zip(kinds, inner, strict=True):
        found += [
            replace(info, description=f"{kind}: {info.description}")
            for info in settings
            if info.name != f"{prefix}kind"
        ]
    return found


def _blocks(annotation: Any) -> Sequence[type[BaseSettings]]:
    if annotation is ModelSettings:
        return settings_classes()
    if isinstance(annotation, type) and issubclass(annotation, BaseSettings):
        return [annotation]
    parts = [part for part in typing.get_args(annotation) if part is not Ellipsis]
    return [block for part in parts for block in _blocks(part)]


def type_name(annotation: Any) -> str:
    """A type as a newcomer reads it: `list of text`, `a | b`, `number or nothing`."""
    if annotation is TaskName:
        return " | ".join(task_names())
    if annotation is ModelSettings:
        return "block"
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_name(parts[0])
    if origin is Literal:
        return " | ".join(str(part) for part in parts)
    if origin in (typing.Union, types.UnionType):
        named = [type_name(part) for part in parts if part is not type(None)]
        return " or ".join(dict.fromkeys(named)) + (" or nothing" if type(None) in parts else "")
    if origin in (tuple, list, set, frozenset):
        if len(parts) == 2 and parts[1] is Ellipsis:
            return f"list of {type_name(parts[0])}"
        return f"[{', '.join(type_name(part) for part in parts)}]"
    if origin is not None and parts:
        return f"mapping of {type_name(parts[0])} to {type_name(parts[-1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseSettings):
        return "block"
    return _TYPES.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseSettings):
        return "see below"
    if value is None:
        return "nothing"
    if isinstance(value, tuple | list | dict):
        return _plain(value)
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_plain(v)}" for k, v in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_plain(item) for item in value) + "]"
    return str(value)


def _bounds(field: FieldInfo) -> str:
    parts = [
        f"{sign} {getattr(bound, name)}"
        for bound in field.metadata
        for name, sign in _BOUNDS.items()
        if getattr(bound, name, None) is not None
    ]
    return ", ".join(parts)


def list_entries(category: Category, runs: str = "runs", recipe: str | None = None) -> list[Entry]:
    """What there is of a category, a line each.

    Args:
        category: Of what.
        runs: The folder that holds runs.
        recipe: A recipe whose extensions have more operations.
    """
    if category == "operations":
        with using(_extensions_of(recipe)):
            return [
                Entry(op.name, op.stage, about_operation(op))
                for op in sorted(operations().values(), key=lambda op: STAGES.index(op.stage))
            ]
    if category == "starters":
        return [
            Entry(name, "starter", parse_recipe(text, name).header.about)
            for name, text in starters().items()
        ]
    if category == "signals":
        from tilth.clean.signals import SIGNALS

        return [
            Entry(name, _arrow_name(signal.type), signal.about) for name, signal in SIGNALS.items()
        ]
    if category == "rules":
        from tilth.clean.rules import load_rule_set, shipped_rule_sets

        sets = [(name, load_rule_set(name)) for name in shipped_rule_sets()]
        return [Entry(name, f"{len(found.rules)} rules", found.about) for name, found in sets]
    if category == "figures":
        with using(_extensions_of(recipe)):
            return [
                Entry(name, owner, one.about)
                for owner in owners()
                for name, one in definitions(owner).items()
            ]
    from tilth.query.runs import list_runs
    from tilth.query.status import status_word

    return [
        Entry(run.name, status_word(run), f"{run.record.started}  {run.record.about}".rstrip())
        for run in list_runs(runs)
    ]
