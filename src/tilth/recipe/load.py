"""Read a recipe: YAML with line numbers, checked as a whole, mistakes reported together.

First those of every step by itself, but for what a wrong value hides; where there are none, those
of what the steps say of each other.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tilth.errors import (
    ExtensionError,
    MissingError,
    Problem,
    RecipeError,
    TilthError,
    UsageError,
    place_of,
    words_of,
)
from tilth.extensions import Extension, find, using
from tilth.hints import choose_from, did_you_mean
from tilth.models.settings import ModelSettings, settings_classes
from tilth.recipe.earlier import as_now, why_gone
from tilth.recipe.extend import open_extensions
from tilth.recipe.model import Header, Recipe, RecipeStep
from tilth.recipe.operations import RECORD_STAGES, STAGES, Operation, operations
from tilth.recipe.references import check_references
from tilth.recipe.transforms import unused_transforms
from tilth.recipe.words import unknown_word
from tilth.recipe.written import require_written
from tilth.settings import BaseSettings, laid_over
from tilth.web.secrets import find_problems, masked

_MAX_BYTES = 1 << 20
_MAX_NODES = 20_000
_MAX_DEPTH = 32
# What a user reads in place of the validator's words.
_VALIDATOR_WORDS = {
    ", unable to parse string as an integer": "",
    ", unable to parse string as a number": "",
    ", unable to interpret input": "",
    ", got a number with a fractional part": "",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "text",
    "a valid boolean": "true or false",
    "a valid dictionary or object to extract fields from": "a mapping",
    "a valid dictionary": "a mapping",
    "a valid tuple": "a list",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "String should match pattern": "should match",
    "String should have": "should have",
    "Tuple should have": "should have",
    " after validation": "",
}
# Of what a user's own code says, when it raises.
_MAX_SAID = 300
_TAGS = {f"tag:yaml.org,2002:{t}" for t in ("map", "seq", "str", "int", "float", "bool", "null")}

Path_ = tuple[str | int, ...]
Positions = dict[Path_, tuple[int, int]]


def starters() -> dict[str, str]:
    """The shipped recipes: name to YAML text."""
    folder = resources.files("tilth.recipes")
    return {
        entry.name.removesuffix(".yaml"): entry.read_text("utf-8")
        for entry in sorted(folder.iterdir(), key=lambda e: e.name)
        if entry.name.endswith(".yaml")
    }


def load_recipe(where: str | Path) -> Recipe:
    """Load a recipe from a file, or a starter by its name.

    Args:
        where: Path of a YAML file, or the name of a shipped starter.

    Raises:
        MissingError: There is no such file or starter.
        RecipeError: The recipe has mistakes: those of all steps are listed, or if there are none,
            those of what the steps say of each other.
    """
    text, name = _text_of(where)
    origin = os.path.abspath(where) if Path(where).is_file() else name
    return replace(parse_recipe(text, name), origin=origin)


def _text_of(where: str | Path) -> tuple[str, str]:
    """The text of a recipe's file or of a starter, and its name in messages."""
    path = Path(where)
    if path.is_file():
        data = path.read_bytes()
        if len(data) > _MAX_BYTES:
            raise _one("too-large", f"a recipe has at most {_MAX_BYTES} bytes", str(path))
        try:
            return data.decode("utf-8"), str(path)
        except UnicodeDecodeError as error:
            raise _one("not-text", f"the recipe is not UTF-8: {error}", str(path)) from None
    shipped = starters()
    if str(where) in shipped:
        return shipped[str(where)], f"{where} (starter)"
    raise MissingError(
        f"there is no recipe `{where}`: neither a file nor a starter",
        hint=did_you_mean(str(where), list(shipped), "tilth list starters"),
        code="no-recipe",
    )


def _one(code: str, what: str, where: str, hint: str = "") -> RecipeError:
    return RecipeError([Problem(code, what, where, hint)])


def parse_recipe(
    text: str,
    name: str = "recipe",
    *,
    to_run: bool = True,
    extensions: tuple[Extension, ...] | None = None,
) -> Recipe:
    """Check a recipe's text; see `load_recipe`.

    Args:
        text: YAML.
        name: Its name in messages.
        to_run: Whether its secrets must be there, and its parts fit each other; not for the copy of
            a recipe that ran, wherever and by whatever version.
        extensions: Those that it names, where they are open already.
    """
    tree, positions, twice = _parse_yaml(text, name)
    tree = as_now(tree, ran=not to_run)
    check = _Check(name, positions, to_run, twice)
    if extensions is None:
        extensions = check.extensions(tree)
    with using(extensions):
        recipe = check.recipe(tree)
        if check.problems or recipe is None:
            raise RecipeError(check.problems)
        # What ran once was checked by the version that ran it.
        problems = check_references(recipe, check.where) if to_run else []
    if problems:
        raise RecipeError(problems)
    return replace(recipe, extensions=extensions)


def extensions_of(where: str | Path) -> tuple[Extension, ...]:
    """The extensions that a recipe's file names, whatever else is wrong with it.

    Raises:
        MissingError: There is no such file or starter.
        RecipeError: It is no recipe, or an extension has mistakes.
    """
    text, name = _text_of(where)
    tree, positions, twice = _parse_yaml(text, name)
    check = _Check(name, positions, False, twice)
    found = check.extensions(tree)
    if check.problems:
        raise RecipeError(check.problems)
    return found


class _Loader(yaml.SafeLoader):
    """Gives up on a file that is nested too deeply where it is, not at the interpreter's bound."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self._name = name
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Count the nodes around this one; the outermost has the depth 0."""
        if self._depth > _MAX_DEPTH:
            raise _too_large(self._name)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _too_large(name: str) -> RecipeError:
    return _one("too-large", "the recipe is too large or nested too deeply", name)


def _parse_yaml(text: str, name: str) -> tuple[dict[str, Any], Positions, list[Problem]]:
    """Plain values, the (line, column) of every key and item, both counted from 1, and the keys
    that stand twice."""
    problems: list[Problem] = []
    positions: Positions = {}
    try:
        loader = _Loader(text, name)
    except yaml.YAMLError as error:  # a character that no YAML may hold
        what = " ".join(str(error).split())
        raise _one("yaml", f"not valid YAML: {what}", name) from None
    num_nodes = 0

    def place(node: yaml.Node) -> tuple[int, int]:
        return node.start_mark.line + 1, node.start_mark.column + 1

    def plain(node: yaml.Node) -> Any:
        try:
            found = loader.construct_object(node)
            if isinstance(found, int):
                str(found)  # A number of thousands of digits cannot be told.
        except (ArithmeticError, LookupError, TypeError, ValueError):
            tag = node.tag.rpartition(":")[2]
            problem = f"what stands here cannot be read as `{tag}`"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None
        return found

    def build(node: yaml.Node, path: Path_) -> Any:
        nonlocal num_nodes
        num_nodes += 1
        # Aliases are walked again at each use, so that a bomb of them meets this bound.
        if num_nodes > _MAX_NODES or len(path) > _MAX_DEPTH:
            raise _too_large(name)
        positions.setdefault(path, place(node))
        if node.tag not in _TAGS:
            raise yaml.MarkedYAMLError(problem=f"tag {node.tag}", problem_mark=node.start_mark)
        if isinstance(node, yaml.MappingNode):
            out: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = str(plain(key_node))
                line, column = place(key_node)
                if key in out:
                    problems.append(
                        Problem(
                            "twice",
                            f"`{key}` stands twice",
                            f"{name}:{line}:{column}",
                            "keep one of them",
                        )
                    )
                positions[(*path, key)] = (line, column)
                out[key] = build(value_node, (*path, key))
            return out
        if isinstance(node, yaml.SequenceNode):
            return [build(item, (*path, i)) for i, item in enumerate(node.value)]
        return plain(node)

    try:
        node = loader.get_single_node()
        tree = build(node, ()) if node is not None else {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        what = getattr(error, "problem", None) or str(error)
        raise _one("yaml", f"not valid YAML: {what}", where) from None
    finally:
        loader.dispose()
    if not isinstance(tree, dict):
        raise _one("not-a-mapping", "a recipe is a mapping of stages", f"{name}:1")
    return tree, positions, problems


class _Check:
    """Walks the plain values and collects every problem with its place."""

    def __init__(
        self, name: str, positions: Positions, to_run: bool, found: Sequence[Problem]
    ) -> None:
        self._to_run = to_run
        self._name = name
        self._positions = positions
        self.problems: list[Problem] = [*found]
        # Of an extension that cannot be used nobody knows the names.
        self._knows_all_names = True

    def extensions(self, tree: dict[str, Any]) -> tuple[Extension, ...]:
        """Open the extensions that the header names; what is wrong with them is collected too."""
        found, problems = open_extensions(tree.get("extensions"), self.where)
        self.problems += problems
        # What is no list of folders the header refuses.
        given = tree.get("extensions") or []
        whole = isinstance(given, list) and all(isinstance(one, str) for one in given)
        self._knows_all_names = whole and not problems
        return found

    def where(self, path: Path_) -> str:
        """`file:line:column  dotted.path` of the closest known place."""
        known = path
        while known not in self._positions and known:
            known = known[:-1]
        line, column = self._positions.get(known, (1, 1))
        dotted = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")
        return f"{self._name}:{line}:{column}" + (f"  {dotted}" if dotted else "")

    def _add(self, code: str, what: str, path: Path_, hint: str = "") -> None:
        # A module that cannot be imported was told where the recipe names its folder.
        if not any(one.code == ExtensionError.code and one.what == what for one in self.problems):
            self.problems.append(Problem(code, what, self.where(path), hint))

    def recipe(self, tree: dict[str, Any]) -> Recipe | None:
        known = [*Header.model_fields, *STAGES]
        for key in tree:
            if key not in known:
                self._add(
                    "unknown-key",
                    f"`{key}` is neither a stage nor a setting of a recipe",
                    (key,),
                    did_you_mean(key, known, "tilth explain recipe"),
                )
        header = self._settings(
            Header, {k: v for k, v in tree.items() if k in Header.model_fields}, (), "recipe"
        )
        sources = self._sources(tree.get("collect"))
        steps = [s for stage in (*RECORD_STAGES, "augment") for s in self._stage(tree, stage)]
        single = self._training(tree) if self._knows_all_names else {}
        found = Recipe(
            header if isinstance(header, Header) else Header(name="unknown"),
            tuple(sources),
            tuple(s for s in steps if s.stage != "augment"),
            tuple(s for s in steps if s.stage == "augment"),
            single.get("pretrain"),
            single.get("transfer"),
            single.get("value"),
        )
        given = tree.get("augment", [])
        # Of a stage that could not be read nobody knows what it takes.
        read = isinstance(given, list) and len(given) == len(found.transforms)
        if read and self._knows_all_names and None not in single.values():
            self.problems += unused_transforms(found, self.where)
        self._check_changes([*sources, *steps], found)
        return None if self.problems else found

    def _check_changes(self, steps: list[RecipeStep], recipe: Recipe) -> None:
        """What the arms of an experiment set otherwise has to be settings of the step."""
        if recipe.value is None:
            return
        by_name = {step.name: step for step in steps}
        stages = (recipe.pretrain, recipe.transfer)
        before = {step.name: step.settings for step in stages if step is not None}
        of_training = recipe.value.operation.module.training_of
        for name, arm in dict(getattr(recipe.value.settings, "arms", {})).items():
            for changed, given in arm.set.items():
                path: Path_ = ("value", "arms", name, "set", changed)
                if (step := by_name.get(changed)) is not None:
                    merged = laid_over(step.settings, given)
                    self._settings(type(step.settings), merged, path, step.operation.name)
                elif changed in before and changed == "pretrain":
                    # What makes no experiment is told of the stage.
                    with contextlib.suppress(UsageError):
                        cls, merged = of_training(recipe.value.settings, before, name)
                        self._settings(cls, merged, path, "value")

    def _sources(self, block: Any) -> list[RecipeStep]:
        if not isinstance(block, dict) or not block:
            self._add(
                "no-source",
                "`collect` names no source",
                ("collect",) if block is not None else (),
                "collect: {my-source: {jsonl: {path: data.jsonl}}}",
            )
            return []
        found = []
        for name, body in block.items():
            path: Path_ = ("collect", name)
            if not name.replace("-", "").replace("_", "").isalnum():
                self._add("bad-name", f"`{name}` is not a name (letters, digits, - and _)", path)
                continue
            if step := self._step(f"collect.{name}", "collect", body, path):
                found.append(step)
        return found

    def _stage(self, tree: dict[str, Any], stage: str) -> list[RecipeStep]:
        block = tree.get(stage)
        if block is None:
            return []
        if not isinstance(block, list):
            self._add("not-a-list", f"`{stage}` is a list of steps", (stage,), f"{stage}:\n    - …")
            return []
        seen: Counter[str] = Counter()
        steps = []
        for index, body in enumerate(block):
            path: Path_ = (stage, index)
            op = next(iter(body), "") if isinstance(body, dict) else body
            seen[str(op)] += 1
            count = seen[str(op)]
            name = f"{stage}.{op}" + (f"-{count}" if count > 1 else "")
            if step := self._step(name, stage, body, path):
                steps.append(step)
        return steps

    def _step(self, name: str, stage: str, body: Any, path: Path_) -> RecipeStep | None:
        if isinstance(body, str):
            body = {body: {}}
        if not isinstance(body, dict) or len(body) != 1:
            self._add(
                "not-a-step", "a step is one operation with its settings", path, "- minhash: {}"
            )
            return None
        op_name, given = next(iter(body.items()))
        fitting = [op.name for op in operations().values() if op.stage == stage]
        if op_name not in fitting:
            if not self._knows_all_names:
                return None
            elsewhere = operations().get(op_name)
            hint = (
                f"`{op_name}` belongs under `{elsewhere.stage}`"
                if elsewhere
                else unknown_word(op_name, fitting, f"tilth explain {stage}")
            )
            self._add(
                "unknown-operation",
                f"there is no operation `{op_name}` for `{stage}`",
                (*path, op_name),
                hint,
            )
            return None
        return self._typed(name, operations()[op_name], given, (*path, op_name))

    def _training(self, tree: dict[str, Any]) -> dict[str, RecipeStep | None]:
        """The training stages; what one leaves out of a part is as the stages before have it."""
        found: dict[str, RecipeStep | None] = {}
        for stage in ("pretrain", "transfer", "value"):
            if (given := tree.get(stage)) is None:
                continue
            operation = operations()[stage]
            if isinstance(given, dict) and hasattr(operation.module, "filled"):
                before = {name: one.settings for name, one in found.items() if one is not None}
                given = operation.module.filled(given, before)
            found[stage] = self._typed(stage, operation, given, (stage,))
        return found

    def _typed(self, name: str, op: Operation, given: Any, path: Path_) -> RecipeStep | None:
        given = op.mapping({} if given is None else given)
        if not isinstance(given, dict):
            self._add("not-settings", f"the settings of `{op.name}` are a mapping", path)
            return None
        if op.stage in ("collect", "label") and self._to_run:
            for place, problem in find_problems(given):
                self._add(problem.code, problem.what, (*path, *place), problem.hint)
        try:
            cls = op.settings
        except ExtensionError as error:
            self._add(error.code, error.what, path, error.hint)
            return None
        settings = self._settings(cls, given, path, op.name)
        return None if settings is None else RecipeStep(name, op, settings, self.where(path))

    def _settings(
        self, cls: type[BaseSettings], given: Mapping[str, Any], path: Path_, owner: str
    ) -> BaseSettings | None:
        try:
            # What a validator prints is no part of what a command writes.
            with contextlib.redirect_stdout(sys.stderr):
                found = cls.model_validate(given)
                require_written(found, owner)
        except ValidationError as error:
            for details in _each_once(error.errors()):
                self._explain(details, given, cls, path, owner)
        except TilthError as error:
            self._add(error.code, error.what, path, error.hint)
        except (Exception, SystemExit) as error:
            if find(cls.__module__) is None and not place_of(error):
                raise
            what = f"{type(error).__name__}: {words_of(error)}"[:_MAX_SAID]
            place = place_of(error) or cls.__module__.partition(".")[2]
            self._add("bad-settings", f"the settings of `{owner}` raise {what} ({place})", path)
        else:
            return found
        return None

    def _explain(
        self,
        details: ErrorDetails,
        settings: Mapping[str, Any],
        cls: type[BaseSettings],
        path: Path_,
        owner: str,
    ) -> None:
        # A union puts its tag or type into the location; what the file has not is skipped.
        inside: Path_ = ()
        for part in details["loc"]:
            lacking = details["type"] == "missing" and part == details["loc"][-1]
            if (*path, *inside, part) in self._positions or lacking:
                inside = (*inside, part)
        place = (*path, *inside)
        key = owner
        for part in inside:
            key = f"{key}[{part}]" if isinstance(part, int) else str(part)
        if details["type"] == "extra_forbidden":
            hint = why_gone(place) or did_you_mean(key, _field_names(cls, inside[:-1], settings))
            if hint.startswith("choose"):
                hint = f"`tilth explain {owner}` lists them" if owner in operations() else hint
            self._add("unknown-setting", f"`{key}` is not a setting of `{owner}`", place, hint)
        elif details["type"] == "missing":
            self._add("missing-setting", f"`{owner}` needs `{key}`", place)
        elif details["type"] == "union_tag_not_found":
            self._add("missing-setting", f"`{key}` needs `kind`", place)
        elif details["type"] in ("literal_error", "union_tag_invalid"):
            context = details["ctx"]
            given, expected = details["input"], context.get("expected")
            if expected is None:
                key, given = context["discriminator"].strip("'"), context["tag"]
                expected, place = context["expected_tags"], (*place, key)
            found = re.findall(r"'(.*?)'|(-?\d+)", expected)
            hint = choose_from(str(given), [word or number for word, number in found])
            self._add("bad-value", f"`{key}` does not take {masked(repr(given))[:60]}", place, hint)
        else:
            message = details["msg"].removeprefix("Value error, ")
            for words, ours in _VALIDATOR_WORDS.items():
                message = message.replace(words, ours)
            message = re.sub(r" or instance of \w+", "", message)
            given = masked(repr(details["input"]))
            message, _, closest = masked(message).partition("; did you mean ")
            what = f"`{key}`: {message[:1].lower()}{message[1:]}"
            if inside and len(given) <= 60 and not closest:
                what += f", not {given}" if not message.endswith(given) else ""
            self._add("bad-value", what, place, f"did you mean {closest}" if closest else "")


def _each_once(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """The mistakes without what a value lacks to be a word that could stand in its place.

    Of settings or a word, as `value.target` is, the validator says what is wrong with each: a
    mapping was to be the settings, and anything else the word.
    """
    words = {
        one["loc"][:-1]: one for one in errors if str(one["loc"][-1:]).startswith('("literal[')
    }

    def is_meant(one: ErrorDetails) -> bool:
        # A list of which an item cannot be read is counted without it.
        if one["type"] == "too_short" and any(
            one["loc"] == other["loc"][: len(one["loc"])] and one is not other for other in errors
        ):
            return False
        for place, word in words.items():
            if one["loc"][: len(place)] == place:
                mapping = isinstance(word["input"], Mapping)
                return not mapping if one is word else mapping or "model" not in one["type"]
        return True

    return [one for one in errors if is_meant(one)]


def _field_names(cls: type[BaseSettings], inside: Path_, given: Any) -> list[str]:
    """The settings that may stand at a place inside a settings class, by the values given."""
    classes = [cls]
    for part in inside:
        try:
            given = given[part]
        except (TypeError, LookupError):
            given = None
        annotations = [c.model_fields[part].annotation for c in classes if part in c.model_fields]
        if not annotations:  # a position in a list, or a key that the user makes up
            continue
        found = [one for a in annotations for one in _settings_classes(a)]
        kind = given.get("kind") if isinstance(given, Mapping) else None
        # Of several blocks the one that is written, where it says which.
        classes = [one for one in found if _kind(one) == kind] or found
    return [name for c in classes for name in c.model_fields]


def _kind(cls: type[BaseSettings]) -> str:
    """What tells a block of several from the others."""
    field = cls.model_fields.get("kind")
    return "" if field is None else str(field.default)


def _settings_classes(annotation: Any) -> Sequence[type[BaseSettings]]:
    if annotation is ModelSettings:
        return settings_classes()
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseSettings) else []
    return [c for part in getattr(annotation, "__args__", ()) for c in _settings_classes(part)]
