"""A recipe's extensions: their names and no others, identities by content, mistakes with places."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.inline import plan_of
from tilth.augment.registry import transforms
from tilth.engine.run import step_states
from tilth.errors import ExtensionError, RecipeError
from tilth.extensions import using
from tilth.models.registry import declarations
from tilth.query.explain import explain, list_entries
from tilth.recipe.load import extensions_of, load_recipe, parse_recipe
from tilth.recipe.operations import operations
from tilth.tasks.registry import metrics, task_names

_SETTINGS = (
    "from tilth.settings import BaseSettings\n\n\nclass Settings(BaseSettings):\n    {}\n\n\n"
)
_MAP = (
    "from ..words import loud\n"
    + _SETTINGS.format("max_share: float = 0.5")
    + ("def apply(batch, settings):\n    return loud(batch)\n")
)
_SHUFFLE = _SETTINGS.format("sample: int = 1") + "".join(
    f"def {name}(*given):\n    return given\n\n\n"
    for name in ("keys", "reduce", "resolve", "apply")
)
_TRANSFORM = _SETTINGS.format("share: float = 0.5") + (
    "def transform(batch, keys, settings):\n    return batch\n"
)
_MODEL = (
    "from typing import Literal\n\nfrom tilth.models.declare import Declaration, NetworkSettings\n"
    '\n\nclass Mine(NetworkSettings):\n    kind: Literal["linear"] = "linear"\n    side: int = 4\n'
    '\n\nMODEL = Declaration(Mine, interface="images")\n'
)
_TASK = (
    "from tilth.tasks.declare import ACCURACY, Declaration\nfrom tilth.tasks.images import PIXELS\n"
    '\nTASK = Declaration(name="image-inversion", data=PIXELS, interface="images",\n'
    '    metrics=(ACCURACY,), transforms=("images",), use="a start", pipeline="other")\n'
)
_FILES = {
    "words.py": "def loud(batch):\n    return batch\n",
    "clean/shout.py": _MAP,
    "clean/whisper.py": _SETTINGS.format("share: float = 0.5")
    + "def apply(batch, settings):\n    return batch\n",
    "deduplicate/twins.py": _SHUFFLE,
    "augment/images/invert.py": _TRANSFORM,
    "models/linear/__init__.py": _MODEL,
    "models/linear/network.py": "from . import Mine\n\n\ndef make(settings, sizes):\n    pass\n",
    "tasks/inversion/__init__.py": _TASK,
    "tasks/inversion/task.py": "from . import TASK\n\n\ndef make(given):\n    pass\n",
}
_RECIPE = """tilth: 1
name: mine
extensions: [mine]
collect: {a: {jsonl: {path: rows.jsonl}}}
clean: [normalize, shout, whisper]
deduplicate: [twins]
augment: [invert]
pretrain: {task: image-inversion, model: {kind: linear, side: 2}, loop: {max_steps: 1}}
"""


def _write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with data and the extension `mine`, where everything happens."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}\n')
    _write(tmp_path / "mine", _FILES)
    yield tmp_path
    assert "shout" not in operations()


def _problems(text: str) -> list[str]:
    with pytest.raises(RecipeError) as raised:
        parse_recipe(text, "my.yaml")
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.usefixtures("here")
def test_a_recipe_uses_what_its_folder_has() -> None:
    recipe = parse_recipe(_RECIPE)
    kinds = {step.operation.name: step.operation.kind for step in recipe.steps()}
    assert kinds["shout"] == "map"
    assert kinds["twins"] == "shuffle"
    assert kinds["invert"] == "transform"
    assert recipe.pretrain is not None
    assert recipe.pretrain.settings.model_dump()["model"] == {"kind": "linear", "side": 2}
    assert "extensions:\n- mine\n" in recipe.to_yaml()
    assert parse_recipe(recipe.to_yaml()).resolved() == recipe.resolved()


def test_two_recipes_side_by_side_do_not_see_each_other(here: Path) -> None:
    _write(here / "theirs", {"clean/shout.py": _MAP, "words.py": "loud = None\n"})
    ours = parse_recipe(_RECIPE)
    theirs = parse_recipe(
        "name: b\nextensions: [theirs]\ncollect: {a: {jsonl: {path: rows.jsonl}}}\nclean: [shout]\n"
    )
    with using(theirs.extensions):
        assert set(operations()) - _names_of_tilth() == {"shout"}
        assert "invert" not in transforms()
    with using(ours.extensions):
        assert {"shout", "whisper", "twins", "invert"} == set(operations()) - _names_of_tilth()
        assert "image-inversion" in task_names()
    assert ours.records[1].operation.module is not theirs.records[0].operation.module
    assert "image-inversion" not in task_names()
    assert "linear" not in [declared.kind for declared in declarations()]
    told = _problems(_RECIPE.replace("[mine]", "[theirs]"))
    assert any("there is no operation `whisper` for `clean`" in one for one in told)
    assert any("`kind` does not take 'linear'" in one for one in told)
    assert any("`task` does not take 'image-inversion'" in one for one in told)


def _names_of_tilth() -> set[str]:
    with using(()):
        return set(operations())


def _identities(text: str = _RECIPE) -> dict[str, object]:
    """The code that each step stands on."""
    steps = plan_of(text).steps
    return {step.name: (step.parts["code"], step.parts.get("transforms")) for step in steps}


_CLEAN = {"clean.shout", "clean.whisper"}


@pytest.mark.parametrize(
    ("file", "runs_anew"),
    [
        ("clean/whisper.py", {"clean.whisper"}),
        ("words.py", {"clean.shout"}),
        ("clean/__init__.py", _CLEAN),
        ("deduplicate/twins.py", {"deduplicate.twins"}),
        ("augment/images/invert.py", {"pretrain"}),
        ("models/linear/__init__.py", {"pretrain"}),
        ("models/linear/network.py", {"pretrain"}),
        ("tasks/inversion/__init__.py", {"pretrain"}),
        ("tasks/inversion/task.py", {"pretrain"}),
        ("clean/_nobody.py", set()),
        ("clean/unused.py", set()),
    ],
)
def test_a_line_runs_anew_what_stands_on_it(here: Path, file: str, runs_anew: set[str]) -> None:
    before = _identities()
    with open(here / "mine" / file, "a", encoding="utf-8") as edited:
        edited.write("\n\nONE_LINE_MORE = 1\n")
    after = _identities()
    assert {name for name in before if before[name] != after[name]} == runs_anew


def test_a_comment_or_another_place_changes_nothing(here: Path) -> None:
    before = _identities()
    with open(here / "mine" / "words.py", "a", encoding="utf-8") as edited:
        edited.write("\n# why\n")
    assert _identities() == before
    shutil.move(here / "mine", here / "far" / "ours")
    assert _identities(_RECIPE.replace("[mine]", "[far/ours]")) == before


def test_a_plan_of_a_loaded_recipe_is_of_the_code_that_was_loaded(here: Path) -> None:
    (here / "my.yaml").write_text(_RECIPE)
    recipe = load_recipe("my.yaml")
    module = recipe.records[1].operation.module
    (here / "mine" / "words.py").write_text("def loud(batch):\n    return None\n")
    assert recipe.records[1].operation.module is module
    again = load_recipe("my.yaml").records[1].operation
    assert again.module is not module
    assert again.code_version() != recipe.records[1].operation.code_version()


@pytest.mark.usefixtures("here")
def test_the_mistakes_of_a_recipe_keep_their_places() -> None:
    text = _RECIPE.replace("shout,", "{shout: {max_shere: 1}}, shuot,")
    first, second = _problems(text)
    assert "my.yaml:5:29  clean[1].shout.max_shere" in first
    assert "did you mean `max_share`?" in first
    assert "did you mean `shout`?" in second
    assert _problems(_RECIPE.replace("side: 2", "sides: 2"))[0].count("did you mean `side`?") == 1
    lost, number = _problems(_RECIPE.replace("[mine]", "[mine, lost, 3]"))
    assert "there is no folder `lost`" in lost
    assert "my.yaml:3:20  extensions[1]" in lost
    assert "my.yaml:3:26  extensions[2]" in number


@pytest.mark.parametrize(
    ("file", "text", "told", "where"),
    [
        ("clean/shout.py", "import re\nx = nothing\n", "`mine/clean/shout.py:2`", "clean[1].shout"),
        ("clean/shout.py", "x = 1\n", "has no `class Settings", "clean[1].shout"),
        (
            "clean/shout.py",
            _SETTINGS.format("a: int = 1"),
            "`mine/clean/shout.py` lacks `apply`",
            "clean[1].shout",
        ),
        (
            "clean/shout.py",
            _SETTINGS.format("a: int = 1")
            + "def keys(a, b): ...\ndef keys_again(a, b, c): ...\nreduce = resolve = keys\n"
            "apply = reduce_again = keys_again\n",
            "`mine/clean/shout.py` lacks `resolve_again`",
            "clean[1].shout",
        ),
        ("clean/unused.py", "def f(:\n", "`mine/clean/unused.py:1`", "extensions[0]"),
        (
            "tasks/inversion/__init__.py",
            "1 / 0\n",
            "`mine/tasks/inversion/__init__.py:1`",
            "extensions[0]",
        ),
        ("models/linear/__init__.py", "x = 1\n", "declares no model", "extensions[0]"),
        (
            "models/other/__init__.py",
            _MODEL.replace("linear", "other"),
            "no `network.py`",
            "extensions[0]",
        ),
        (
            "tasks/other/__init__.py",
            _TASK.replace("inversion", "other"),
            "no `task.py`",
            "extensions[0]",
        ),
        ("models/linear/network.py", "x = 1\n", "network.py` has no `make`", "extensions[0]"),
        ("tasks/inversion/task.py", "x = 1\n", "task.py` has no `make`", "extensions[0]"),
        ("tasks/inversion/__init__.py", "x = 1\n", "declares no task", "extensions[0]"),
        (
            "models/linear/__init__.py",
            _MODEL.replace(' = "linear"', ""),
            "declares no model",
            "extensions[0]",
        ),
        (
            "models/linear/__init__.py",
            _MODEL.replace("images", "image"),
            "interface is 'image', and one of 'images'",
            "extensions[0]",
        ),
        *(
            (
                "tasks/inversion/__init__.py",
                _TASK.replace(right, wrong),
                f"`mine/tasks/inversion/__init__.py:{line}` cannot be imported: ValueError: {told}",
                "extensions[0]",
            )
            for right, wrong, line, told in (
                ("(ACCURACY,)", "()", 4, "metrics is a tuple of at least one"),
                ('("images",)', '"images"', 4, "transforms is a tuple"),
                ('("images",)', '("pictures",)', 4, "transforms is 'pictures'"),
                ('pipeline="other"', 'pipeline="other", verb="guess"', 4, "verb is 'guess'"),
                ("image-inversion", "image inversion", 4, "name is 'image inversion'"),
                ('interface="images"', 'interface="pixels"', 4, "interface is 'pixels'"),
            )
        ),
        (
            "augment/images/invert.py",
            _TRANSFORM.replace("batch, keys, settings", "batch, keys"),
            "`transform` of `mine/augment/images/invert.py` cannot be called with 3 arguments",
            "augment[0].invert",
        ),
        (
            "clean/shout.py",
            _MAP.replace("batch, settings", "batch"),
            "cannot be called with 2 arguments",
            "clean[1].shout",
        ),
        (
            "clean/whisper.py",
            _SETTINGS.format(
                "a: int = 1\n    def __init__(self, **given):\n        raise KeyError(7)"
            )
            + "def apply(batch, settings):\n    return batch\n",
            "the settings of `whisper` raise KeyError: 7 (mine/clean/whisper.py:7)",
            "clean[2].whisper",
        ),
        (
            "clean/whisper.py",
            "from __future__ import annotations\n\n"
            + _SETTINGS.format("a: Nowhere = 1")
            + "def apply(batch, settings):\n    return batch\n",
            "the settings of `whisper` raise PydanticUserError",
            "clean[2].whisper",
        ),
        (
            "clean/whisper.py",
            "from tilth.errors import UsageError\n"
            + _SETTINGS.format(
                "a: int = 1\n    def __init__(self, **given):\n"
                "        raise UsageError('a cannot be', hint='b')"
            )
            + "def apply(batch, settings):\n    return batch\n",
            "a cannot be",
            "clean[2].whisper",
        ),
        (
            "clean/whisper.py",
            _SETTINGS.format("a: set[int] = {1}")
            + "def apply(batch, settings):\n    return batch\n",
            "`a` of `whisper` is a set",
            "clean[2].whisper",
        ),
        ("cleen/other.py", _MAP, "`mine/cleen/other.py` is an operation", "extensions[0]"),
        ("other.py", _MAP, "`mine/other.py` is an operation", "extensions[0]"),
        ("augment/pictures/other.py", _TRANSFORM, "found where it lies", "extensions[0]"),
        ("augment/other.py", _TRANSFORM, "found where it lies", "extensions[0]"),
        ("clean/my-own.py", _MAP, "`mine/clean/my-own.py` cannot be imported", "extensions[0]"),
        ("clean/whisper.py", "def f(:\n", "`mine/clean/whisper.py:1`", "extensions[0]"),
    ],
)
def test_what_is_broken_is_told_with_its_line_beside_other_mistakes(
    here: Path, file: str, text: str, told: str, where: str
) -> None:
    _write(here / "mine", {file: text})
    problems = _problems(_RECIPE.replace("normalize", "normalise"))
    (broken,) = [one for one in problems if told in one]
    assert where in broken
    # Only what is certain is told besides: a name may be one that the broken extension has.
    others = [one for one in problems if one != broken]
    assert all("`normalise`" in one for one in others)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"clean/minhash.py": _MAP},
            "an operation `minhash` already: Tilth's own, and `mine/clean/minhash.py`",
        ),
        (
            {"clean/shout.py": _MAP, "mix/shout.py": _MAP},
            "an operation `shout` already: `mine/clean/shout.py`, and `mine/mix/shout.py`",
        ),
        ({"collect/clean.py": _MAP}, "an operation `clean` already"),
        ({"augment/tokens/shout.py": _MAP}, "an operation `shout` already"),
        ({"models/linear/__init__.py": _MODEL.replace("linear", "cnn")}, "a model `cnn` already"),
        (
            {"tasks/inversion/__init__.py": _TASK.replace("inversion", "rotation")},
            "a task `image-rotation` already",
        ),
        (
            {
                "tasks/inversion/__init__.py": _TASK.replace(
                    "(ACCURACY,)", '(Metric("accuracy", "hits", ""),)'
                )
                .replace("ACCURACY, ", "Metric, ")
                .replace("Metric, Declaration", "Declaration, Metric")
            },
            "a figure `accuracy` already",
        ),
    ],
)
def test_nothing_of_tilth_is_replaced(here: Path, files: dict[str, str], told: str) -> None:
    before = metrics()["accuracy"]
    _write(here / "mine", files)
    assert any(told in one and "extensions[0]" in one for one in _problems(_RECIPE))
    assert metrics()["accuracy"] is before


def test_two_extensions_do_not_share_a_name(here: Path) -> None:
    _write(here / "other" / "mine", {"clean/shout.py": _MAP, "clean/growl.py": _MAP})
    told = _problems(_RECIPE.replace("[mine]", "[mine, other/mine]"))
    assert ["there is an extension `mine` already" in told[0], "operation `shout`" in told[1]] == [
        True,
        True,
    ]
    assert len(told) == 2


def test_words_of_an_extension_are_explained_for_its_recipe(here: Path) -> None:
    # Whatever else is wrong with the recipe: one explains in order to mend it.
    (here / "my.yaml").write_text(_RECIPE.replace("normalize", "normalise"))
    assert explain("shout", "my.yaml")[0].settings[0].name == "max_share"
    (task,) = [one for one in explain("pretrain", "my.yaml")[0].settings if one.name == "task"]
    assert "image-inversion" in task.type
    names = {entry.name for entry in list_entries("operations", recipe="my.yaml")}
    assert {"shout", "twins", "invert"} <= names
    assert [extension.name for extension in extensions_of("my.yaml")] == ["mine"]
    assert "shout" not in {entry.name for entry in list_entries("operations")}


def test_what_stands_beside_the_rooms_is_the_users_own_affair(here: Path) -> None:
    files = dict.fromkeys(("notes/plan.py", "augment/sizes.py", "clean/own/x.py"), "x = 1\n")
    _write(here / "mine", {**files, "setup-it.py": "x = 1\n", "models/linear/parts/x.py": "\n"})
    assert parse_recipe(_RECIPE, "my.yaml").extensions


def test_a_function_that_is_imported_is_there(here: Path) -> None:
    _write(here / "mine", {"models/linear/network.py": "from ._parts import make\n"})
    _write(here / "mine", {"models/linear/_parts.py": "def make(settings, sizes):\n    pass\n"})
    assert parse_recipe(_RECIPE, "my.yaml").extensions


def test_a_fingerprint_is_a_text(here: Path) -> None:
    source = _SETTINGS.format("a: int = 1") + (
        "def fingerprint(settings):\n    return 3\n\n\n"
        "def read(settings, source, context):\n    return []\n"
    )
    _write(here / "mine", {"collect/stars.py": source})
    text = _RECIPE.replace("{jsonl: {path: rows.jsonl}}", "stars")
    with pytest.raises(ExtensionError, match=r"`fingerprint` of `stars` gives a int"):
        step_states(plan_of(text), here / "run")


def test_tasks_and_models_are_explained(here: Path) -> None:
    (here / "my.yaml").write_text(_RECIPE)
    (task,) = explain("image-inversion", "my.yaml")
    assert task.what == "task"
    assert dict(task.facts)["models"] == "cnn, linear, mlp, resnet"
    (model,) = explain("linear", "my.yaml")
    assert model.what == "model"
    assert [one.name for one in model.settings] == ["kind", "side"]
    assert dict(model.facts)["tasks"].startswith("image-classification")
