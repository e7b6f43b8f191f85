"""A step's identity covers the code that decides its output, also what is found by a name."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine.inline import plan_of, step_of
from tilth import models
from tilth.models.registry import declarations
from tilth.recipe import code
from tilth.recipe.plan import PlannedStep
from tilth.tasks.registry import declaration, task_names

_KINDS = [declared.kind for declared in declarations()]
# Part of a training that starts from weights, and of no other.
_HUB = "tilth.models.gpt.hugging_face"
_MODULES = [
    info.name
    for info in pkgutil.walk_packages(models.__path__, "tilth.models.")
    if info.name.split(".")[2] in _KINDS and info.name != _HUB
]


def _recipe(folder: Path, task: str, model: str, transform: str = "") -> str:
    (folder / "rows.jsonl").write_text('{"text": "a"}\n')
    augment = f"augment: [{transform}]\n" if transform else ""
    return (
        f"tilth: 1\nname: plan\ncollect: {{a: {{jsonl: {{path: {folder / 'rows.jsonl'}}}}}}}\n"
        f"{augment}pretrain: {{task: {task}, model: {{kind: {model}}}, loop: {{max_steps: 1}}}}\n"
        "transfer: {data: {sources: [a]}}\n"
        "value: {arms: {nothing: {same: true}}, budget: 5}\n"
    )


@contextmanager
def _one_line_more(modules: tuple[str, ...], folder: Path) -> Iterator[None]:
    """The modules as if a line stood below each."""
    find, changed = code._path, {}
    for module in modules:
        original, changed[module] = find(module), folder / f"{module}.py"
        assert original is not None
        changed[module].write_text(original.read_text("utf-8") + "\n_ONE_LINE_MORE = 1\n", "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "_path", lambda name: changed.get(name) or find(name))
        code.code_digest.cache_clear()
        yield
    code.code_digest.cache_clear()


def _outside(step: PlannedStep) -> str | None:
    return step.operation.fingerprint(step.settings)


def _identities(text: str) -> dict[str, object]:
    """What identities are made of, but for the data that comes in."""
    return {step.name: (step.key, _outside(step)) for step in plan_of(text).steps}


def _check(text: str, module: str | tuple[str, ...], folder: Path, changed: set[str]) -> None:
    before = _identities(text)
    with _one_line_more((module,) if isinstance(module, str) else module, folder):
        after = _identities(text)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == changed
    assert _identities(text) == before


@pytest.mark.parametrize("task", task_names())
def test_a_line_of_a_task_is_part_of_its_training(task: str, tmp_path: Path) -> None:
    transform = "shift" if task == "image-contrastive" else ""
    text = _recipe(tmp_path, task, declaration(task).models[0], transform)
    for module in (f"tilth.tasks.{_folder(task)}.task", declaration(task).data.module):
        _check(text, module, tmp_path, {"pretrain", "transfer", "value"})


def _folder(task: str) -> str:
    return {"translation": "translation", "speech-recognition": "speech"}.get(
        task, task.replace("text-", "text.").replace("image-", "images.")
    )


def test_a_line_of_another_task_is_not(tmp_path: Path) -> None:
    text = _recipe(tmp_path, "text-generation", "gpt")
    _check(text, "tilth.tasks.speech.task", tmp_path, set())


def test_a_task_that_only_the_target_has_changes_that_alone(tmp_path: Path) -> None:
    text = _recipe(tmp_path, "image-rotation", "mlp").replace(
        "transfer: {", "transfer: {task: image-classification, "
    )
    _check(text, "tilth.tasks.images.rotation.task", tmp_path, {"pretrain", "transfer", "value"})
    text = text.replace("image-rotation", "text-generation").replace("kind: mlp", "kind: gpt")
    text = text.replace("image-classification", "text-classification")
    module = "tilth.tasks.text.classification.task"
    _check(text, module, tmp_path, {"transfer", "value"})


def _recipe_with(folder: Path, model: str) -> str:
    task = next(name for name in task_names() if model in declaration(name).models)
    return _recipe(folder, task, model)


@pytest.mark.parametrize("module", _MODULES)
def test_a_line_of_a_model_is_part_of_its_training(module: str, tmp_path: Path) -> None:
    text = _recipe_with(tmp_path, module.split(".")[2])
    _check(text, module, tmp_path, {"pretrain", "transfer", "value"})


@pytest.mark.parametrize("model", _KINDS)
def test_a_line_of_another_model_is_not(model: str, tmp_path: Path) -> None:
    others = tuple(name for name in _MODULES if name.split(".")[2] != model)
    assert len(others) >= 2 * (len(_KINDS) - 1)
    _check(_recipe_with(tmp_path, model), (*others, _HUB), tmp_path, set())


def test_a_line_of_what_all_models_share_is_part_of_every_training(tmp_path: Path) -> None:
    for model in _KINDS:
        text = _recipe_with(tmp_path, model)
        _check(text, "tilth.models.build", tmp_path, {"pretrain", "transfer", "value"})
        _check(text, "tilth.models.lora", tmp_path, {"transfer"})


def test_a_model_that_nobody_writes_is_found_all_the_same(tmp_path: Path) -> None:
    text = _recipe(tmp_path, "text-generation", "gpt")
    bare = text.replace("{task: text-generation, model: {kind: gpt}, ", "{")
    assert "gpt" not in bare
    modules = "tilth.models.gpt.classifier", "tilth.tasks.text.generation.task"
    for module in modules:
        _check(bare, module, tmp_path, {"pretrain", "transfer", "value"})
    # `value` alone trains what `pretrain` would train by its defaults.
    alone = "".join(
        line for line in bare.splitlines(True) if not line.startswith(("pretrain", "transfer"))
    )
    for module in modules:
        _check(alone, module, tmp_path, {"value"})


def test_a_model_of_the_experiment_alone_changes_that_alone(tmp_path: Path) -> None:
    text = _recipe(tmp_path, "image-classification", "mlp")
    text = text.replace("budget: 5", "budget: 5, model: {kind: resnet}")
    _check(text, "tilth.models.resnet.network", tmp_path, {"value"})
    alone = text.replace("budget: 5", "budget: 5, task: image-classification")
    alone = "".join(
        line for line in alone.splitlines(True) if not line.startswith(("pretrain", "transfer"))
    )
    _check(alone, "tilth.models.resnet.network", tmp_path, {"value"})
    _check(alone, "tilth.models.gpt.network", tmp_path, set())


def test_who_starts_from_weights_is_trained_anew_when_they_are_read_otherwise(
    tmp_path: Path,
) -> None:
    text = _recipe(tmp_path, "text-generation", "gpt")
    _check(text, _HUB, tmp_path, set())
    text = text.replace("pretrain: {", "pretrain: {initialise: owner/model, ")
    _check(text, _HUB, tmp_path, {"pretrain", "transfer", "value"})


def test_the_kind_of_an_optimizer_is_no_model(tmp_path: Path) -> None:
    text = _recipe(tmp_path, "image-classification", "mlp")
    given = text.replace("loop:", "optimizer: {kind: muon}, loop:")
    before, after = _identities(text), _identities(given)
    assert {name for name in before if before[name] != after[name]} == {
        "pretrain",
        "transfer",
        "value",
    }


def test_a_line_of_a_transform_is_part_of_the_training_that_takes_it(tmp_path: Path) -> None:
    text = _recipe(tmp_path, "image-classification", "mlp", "shift")
    _check(text, "tilth.augment.images.shift", tmp_path, {"pretrain", "transfer", "value"})


def test_a_line_of_a_record_operation_is_part_of_what_follows(tmp_path: Path) -> None:
    text = _recipe(tmp_path, "text-generation", "gpt")
    text = text.replace("pretrain:", "clean: [normalize]\ndeduplicate: [exact]\npretrain:")
    _check(
        text,
        "tilth.deduplicate.exact",
        tmp_path,
        {"deduplicate.exact", "pretrain", "transfer", "value"},
    )


def test_the_limit_the_seed_and_the_threads_are_part_of_it(tmp_path: Path) -> None:
    from tilth.recipe.load import parse_recipe
    from tilth.recipe.plan import build_plan

    text = _recipe(tmp_path, "text-generation", "gpt")
    before = _identities(text)
    seeded = _identities(text.replace("name: plan\n", "name: plan\nseed: 7\n"))
    # Of what draws nothing it is no part.
    assert {name for name in before if before[name] != seeded[name]} == {
        "pretrain",
        "transfer",
        "value",
    }
    threaded = _identities(text.replace("name: plan\n", "name: plan\nthreads: 3\n"))
    assert before["collect.a"] == threaded["collect.a"]
    assert before["pretrain"] != threaded["pretrain"]
    limited = build_plan(parse_recipe(text), limit=5).step("collect.a")
    assert limited.parts["limit"] == 5
    assert limited.key != plan_of(text).step("collect.a").key


def _step(text: str, name: str) -> dict[str, object]:
    return dict(plan_of(text).step(name).parts)


def test_the_seed_of_a_training_is_a_part_of_its_own(tmp_path: Path) -> None:
    """As if it were written among the settings of what it is the seed of."""
    text = _recipe(tmp_path, "text-generation", "gpt").replace(
        "name: plan\n", "name: plan\nseed: 7\n"
    )
    given: Any = _step(text, "pretrain")["settings"]
    assert given["seeds"] == [7]
    assert _step(text, "pretrain")["threads"] == plan_of(text).recipe.header.threads
    assert "threads" not in _step(text, "transfer")
    assert "seed" not in _step(text, "collect.a")


def test_a_setting_of_a_transform_is_part_of_the_training_that_takes_it(tmp_path: Path) -> None:
    text = _recipe(tmp_path, "image-classification", "mlp", "{shift: {max_x: 1}}")
    before = _identities(text)
    after = _identities(text.replace("max_x: 1", "max_x: 2"))
    assert {n for n in before if before[n] != after[n]} == {"pretrain", "transfer", "value"}


def test_a_source_is_what_it_reads_and_how_it_is_called(tmp_path: Path) -> None:
    text = _recipe(tmp_path, "text-generation", "gpt")
    before = _identities(text)
    renamed = text.replace("collect: {a:", "collect: {b:").replace("sources: [a]", "sources: [b]")
    assert before["collect.a"] != _identities(renamed)["collect.b"]
    (tmp_path / "rows.jsonl").write_text('{"text": "another"}\n')
    after = _identities(text)
    # What stands on it is another by what it gives, once it is read.
    assert {name for name in before if before[name] != after[name]} == {"collect.a"}
    # What is outside is compared, and not shown: files may be called after people.
    found = step_of(tmp_path / "run", plan_of(text), "collect.a").parts["outside"]
    assert re.fullmatch("[0-9a-f]{64}", str(found))


def test_the_weights_that_a_training_starts_from_are_a_part_of_it(tmp_path: Path) -> None:
    text = _recipe(tmp_path, "text-generation", "gpt")
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"one")
    (model / "config.json").write_text("{}")
    started = text.replace("model: {kind: gpt}", f"model: {{kind: gpt}}, initialise: {model}")
    before = _identities(started)
    (model / "model.safetensors").write_bytes(b"other")
    after = _identities(started)
    assert {n for n in before if before[n] != after[n]} >= {"pretrain"}
    assert before["collect.a"] == after["collect.a"]


def test_the_same_data_line_is_shared_by_the_arms_that_do_not_change_it(tmp_path: Path) -> None:
    text = _recipe(tmp_path, "text-generation", "gpt").replace(
        "pretrain:", "clean: [normalize]\npretrain:"
    )
    text = text.replace(
        "arms: {nothing: {same: true}}",
        "arms: {nothing: {same: true}, raw: {without: clean.normalize}}",
    )
    plan = plan_of(text)
    inputs = dict(plan.step("value").inputs)
    assert inputs == {
        "control": "clean.normalize",
        "nothing": "clean.normalize",
        "raw": "collect.a",
    }
    assert [step.name for step in plan.steps] == [
        *("collect.a", "clean.normalize", "pretrain", "transfer", "value"),
    ]
    assert [step.name for step in plan.needed_for("pretrain")] == [
        *("collect.a", "clean.normalize", "pretrain"),
    ]


def test_a_training_is_given_the_transforms_and_the_stages_before_it(tmp_path: Path) -> None:
    text = _recipe(tmp_path, "image-classification", "mlp", "shift")
    plan = plan_of(text)
    recipe = plan.recipe
    assert recipe.pretrain is not None
    assert recipe.transfer is not None
    given = {name: plan.step(name).planned for name in ("pretrain", "transfer", "value")}
    assert all(planned is not None for planned in given.values())
    said = {name: dict(planned or {}) for name, planned in given.items()}
    shift = {"shift": recipe.transforms[0].settings.model_dump(mode="json")}
    assert said["pretrain"] == {"augment": (shift,)}
    assert said["transfer"] == {"augment": (shift,), "pretrain": recipe.pretrain.settings}
    assert said["value"] == {
        "augment": (shift,),
        "pretrain": recipe.pretrain.settings,
        "transfer": recipe.transfer.settings,
    }
    # As given, they are settings of none of them.
    assert [plan.step(name).settings for name in ("pretrain", "transfer")] == [
        recipe.pretrain.settings,
        recipe.transfer.settings,
    ]


def test_what_is_given_is_a_part_of_the_identity(tmp_path: Path) -> None:
    text = _recipe(tmp_path, "image-classification", "mlp", "shift")
    before = plan_of(text)
    after = plan_of(text.replace("augment: [shift]", "augment: [{shift: {max_x: 9}}]"))
    changed = [step.name for step in after.steps if step.key != before.step(step.name).key]
    assert changed == ["pretrain", "transfer", "value"]
