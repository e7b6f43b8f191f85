"""What the arms of `value` are carried over to before they are measured."""

from __future__ import annotations

from typing import Any

import pytest

from tests.table.cells import DIGITS, Place, planned_of, targeted, with_setting
from tests.table.entries import effect, extreme, name, refused, under
from tests.table.test_transfer import OBJECTIVES
from tests.table.test_value import OF_PICTURES, Seen, base_of, settings_of, with_
from tests.table.whole import Tree, changed, read, said
from tilth.errors import TilthError
from tilth.tasks import build as tasks_build
from tilth.value import arms, experiment
from tilth.value.resolve import resolve
from tilth.value.settings import Settings


@effect("value.target")
def test_an_arm_is_carried_over_or_measured_as_it_is(digits: Place) -> None:
    alone = digits.valued(digits.tree)
    carried = digits.valued(targeted(digits.tree))
    assert carried.measured.value != alone.measured.value
    # Left out: as transfer fine-tunes at its largest size.
    tree = with_(digits.tree, metric="loss")
    del tree["value"]["target"]
    assert digits.valued(tree).measured == carried.measured
    told = said(with_(digits.tree, target="noone"))
    assert "target" in told


@effect("value.target.task")
def test_the_target_may_be_another_task(texts: Place) -> None:
    assert texts.valued(with_(texts.tree, target={"task": "text-classification"})).measured == (
        texts.valued(
            with_setting(
                with_setting(texts.tree, "transfer.task", "text-classification"),
                "value",
                {"arms": {"again": {"same": True}}, "seeds": 2, "budget": 6, "leakage": "remove"},
            )
        ).measured
    )
    assert "needs model.kind" in said(with_(texts.tree, target={"task": "translation"}))


@effect("value.target.data", "value.target.data.sources", "value.target.data.labels")
def test_which_samples_the_arms_are_carried_over_to(digits: Place, texts: Place) -> None:
    all_, second = (
        texts.valued(with_(texts.tree, target={"data": {"sources": sources}}))
        for sources in ([], ["second"])
    )
    assert (all_.test_samples, second.test_samples) == (20, 8)
    half = digits.valued(with_(digits.tree, target={"data": {"labels": ["5", "6"]}, "size": 20}))
    assert 0 < half.test_samples < 50


@effect("value.target.data.train", "value.target.data.test")
def test_which_split_is_tuned_on_and_which_is_measured(digits: Place) -> None:
    swapped = {"train": "test", "test": "train"}
    # The arms learn from what they are not measured on.
    tree = with_(digits.tree, target={"data": swapped, "size": 40}, data=swapped)
    assert digits.valued(tree).test_samples == 200
    assert digits.valued(targeted(digits.tree)).test_samples == 100
    assert said(with_(digits.tree, target={"data": {"train": "test"}}))


@effect("value.target.data.shuffle", "value.target.data.max_length")
@extreme("value.target.data.max_length")
def test_how_texts_of_the_target_are_read(texts: Place) -> None:
    plain, packed = (
        texts.valued(with_(texts.tree, target={"data": {"shuffle": shuffle}})).measured.value
        for shuffle in (True, False)
    )
    assert plain != packed
    target = {"task": "text-classification"}
    metric = {"metric": "loss"}
    found = {
        length: texts.valued(
            with_(texts.tree, target={**target, "data": {"max_length": length}}, **metric)
        ).measured.value
        for length in (3, 10, 24)
    }
    assert len(set(found.values())) == 3
    told = said(with_(texts.tree, target={**target, "data": {"max_length": 25}}))
    assert "reads 24 tokens at once" in told
    assert said(with_(texts.tree, target={**target, "data": {"max_length": 2}}))


@effect("value.target.size", "value.target.size_per_class")
@extreme("value.target.size")
@refused("value.target.size_per_class")
def test_so_many_samples_are_tuned_on(digits: Place, texts: Place) -> None:
    found = [
        digits.valued(
            with_(digits.tree, target={"size": size, "loop": {"epochs": 2, "max_steps": None}})
        ).measured.value
        for size in (1, 40, 200, None)
    ]
    assert found[0] > found[1] > found[2] == found[3]
    # Three of each of ten classes.
    loop = {"loop": {"epochs": 1, "max_steps": None, "batch_size": 30}}
    each = digits.valued(with_(digits.tree, target={"size": 3, "size_per_class": True, **loop}))
    three = digits.valued(with_(digits.tree, target={"size": 3, **loop}))
    assert each.measured.value < three.measured.value
    with pytest.raises(TilthError, match="201 samples are asked for"):
        digits.valued(with_(digits.tree, target={"size": 201}))
    assert said(with_(digits.tree, target={"size": 0}))
    assert "a task with classes" in said(
        with_(texts.tree, target={"size": 3, "size_per_class": True})
    )


@effect("value.target.test_size")
@extreme("value.target.test_size")
def test_so_many_are_measured_on_at_most(digits: Place) -> None:
    for size, measured in ((2, 2), (30, 30), (10**9, 100)):
        target = {"size": 40, "test_size": size}
        assert digits.valued(with_(digits.tree, target=target)).test_samples == measured
    assert said(with_(digits.tree, target={"test_size": 1}))


@effect("value.target.freeze", "value.target.unfreeze")
@extreme("value.target.unfreeze")
@name("value.target.freeze", "value.target.unfreeze")
def test_what_is_frozen_while_the_target_is_learnt(digits: Place) -> None:
    def loss(**given: Any) -> float:
        return digits.valued(with_(digits.tree, target={"size": 40, **given})).measured.value

    found = [loss(), loss(freeze=["body."]), loss(unfreeze={"body.": 0.5})]
    assert len(set(found)) == 3
    assert loss(unfreeze={"body.": 0.0}) == found[0]
    for given in ({"freeze": ["bodi."]}, {"unfreeze": {"bodi.": 0.5}}):
        with pytest.raises(TilthError, match=r"bodi\."):
            loss(**given)
    assert said(with_(digits.tree, target={"unfreeze": {"body.": 1.0}}))
    # As transfer's fine-tuning has it.
    frozen = with_setting(digits.tree, "transfer.overrides.*.freeze", ["body."])
    assert digits.valued(with_(frozen, target={"size": 40})).measured.value == found[1]


@effect(*under(["value.target.objective"], "temperature", "beam", "length_penalty", "lexicon"))
def test_what_other_tasks_are_asked_beside(path: str) -> None:
    """It arrives as those of pictures do, below; what a task does not read is refused."""
    one = path.rpartition(".")[2]
    stages: dict[str, Tree] = {
        "temperature": {"task": "image-contrastive", "model": {"kind": "mlp"}},
        "lexicon": {"task": "speech-recognition", "model": {"kind": "ctc"}},
    }
    translation: Tree = {"task": "translation", "model": {"kind": "seq2seq"}}
    tree = {
        **base_of("images"),
        "pretrain": {**stages.get(one, translation), "loop": {"max_steps": 1}},
    }
    tree = changed(tree, "value/target", {"size": 4, "objective": {one: OBJECTIVES[one]}})
    recipe = read(tree)
    assert recipe.value is not None
    settings: Any = recipe.value.settings
    found = resolve(settings, planned_of(recipe))
    assert found.target is not None
    assert found.target.objective is not None
    assert getattr(found.target.objective, one) == OBJECTIVES[one]
    assert getattr(found.objective, one) != OBJECTIVES[one]
    wrong = {**tree, "pretrain": base_of("images")["pretrain"]}
    assert f"does not read `objective.{one}`" in said(wrong)


@effect("value.target.objective", *under(["value.target.objective"], *OF_PICTURES))
def test_what_is_asked_beside_the_targets_task(
    digits: Place, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What each does is shown of `pretrain.objective`; here, that it arrives."""
    seen: list[Any] = []
    build = tasks_build.build_task

    def watch(task: str, facts: Any, objective: Any, **more: Any) -> Any:
        seen.append(objective)
        if len(seen) == 2:
            raise Seen
        return build(task, facts, objective, **more)

    monkeypatch.setattr(experiment, "build_task", watch)
    one = path.rpartition(".")[2]
    one = "views" if one == "objective" else one
    given = settings_of(with_setting(digits.tree, "value.target.objective", {one: OBJECTIVES[one]}))
    cell = arms.Cell(arm="control", seed=0)
    planned = planned_of(read(digits.tree))
    with pytest.raises(Seen):
        arms.run_cell(cell, {"control": digits.data}, given, digits.context, planned)
    pretraining, tuning = seen
    assert getattr(tuning, one) == OBJECTIVES[one]
    assert getattr(pretraining, one) != OBJECTIVES[one]


@extreme(
    *under(
        ["value.target.objective"],
        *("beam", "label_smoothing", "length_penalty", "mixup", "temperature"),
    )
)
def test_beyond_its_range_an_objective_is_refused(digits: Place, path: str) -> None:
    one = path.rpartition(".")[2]
    wrong = {"beam": 0, "label_smoothing": 1, "mixup": -1, "temperature": 0}.get(one, -1)
    assert one in said(with_setting(targeted(digits.tree), path, wrong))


@effect("value.target.task", "value.task")
def test_the_target_that_is_taken_over_is_that_of_transfer() -> None:
    whole = {key: one for key, one in DIGITS["value"].items() if key not in ("target", "metric")}
    asked = changed(DIGITS, "transfer/objective", {"views": "mirror"})
    tree = changed(asked, "value", whole)
    rotated = {"task": "image-rotation"}

    def found(given: Tree) -> tuple[str, str, bool]:
        recipe = read(changed(tree, "value", {**whole, **given}))
        assert recipe.value is not None
        assert isinstance(recipe.value.settings, Settings)
        experiment = resolve(recipe.value.settings, planned_of(recipe))
        target = experiment.target
        assert target is not None
        views = target.objective is not None and target.objective.views == "mirror"
        return experiment.measured_task, experiment.metric, views

    as_transfer = ("image-classification", "loss", True)
    assert found({}) == found(rotated) == as_transfer
    assert found({"target": {"task": "image-classification"}}) == as_transfer
    assert found({"target": {}, **rotated}) == as_transfer
    assert found({"target": rotated}) == ("image-rotation", "", False)
