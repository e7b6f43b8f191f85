"""A step's identity covers the code that decides its output, also what is found by a name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine.inline import plan_of
from tilth.recipe import operations as table
from tilth.tasks.registry import declaration, task_names

_MODELS = {
    "mlp": "tilth.models.mlp",
    "cnn": "tilth.models.cnn",
    "resnet": "tilth.models.resnet",
    "gpt": "tilth.models.gpt",
    "ctc": "tilth.models.ctc",
    "seq2seq": "tilth.models.seq2seq",
}


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
def _one_line_more(module: str, folder: Path) -> Iterator[None]:
    """The module as if a line stood below it."""
    original, changed = table._path(module), folder / "changed.py"
    assert original is not None
    changed.write_text(original.read_text("utf-8") + "\n_ONE_LINE_MORE = 1\n", "utf-8")
    find = table._path
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "_path", lambda name: changed if name == module else find(name))
        table._code_digest.cache_clear()
        yield
    table._code_digest.cache_clear()


def _identities(text: str) -> dict[str, str]:
    return {step.name: step.identity for step in plan_of(text).steps}


def _check(text: str, module: str, folder: Path, changed: set[str]) -> None:
    before = _identities(text)
    with _one_line_more(module, folder):
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


@pytest.mark.parametrize("model", _MODELS)
def test_a_line_of_a_model_is_part_of_its_training(model: str, tmp_path: Path) -> None:
    task = next(name for name in task_names() if model in declaration(name).models)
    transform = "shift" if task == "image-contrastive" else ""
    text = _recipe(tmp_path, task, model, transform)
    _check(text, _MODELS[model], tmp_path, {"pretrain", "transfer", "value"})


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
    assert all(before[name] != seeded[name] for name in before)
    threaded = _identities(text.replace("name: plan\n", "name: plan\nthreads: 3\n"))
    assert before["collect.a"] == threaded["collect.a"]
    assert before["pretrain"] != threaded["pretrain"]
    limited = {s.name: s.identity for s in build_plan(parse_recipe(text), limit=5).steps}
    assert all(before[name] != limited[name] for name in before)
