"""What the stage `value` compares: arms, what they share, and what they are judged by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.table.cells import DIGITS, Place, copies, planned_of, targeted, with_setting
from tests.table.entries import effect, extreme, name, refused, under
from tests.table.whole import Tree, read, said
from tests.transfer.samples import digit_rows, write_dataset
from tilth.errors import TilthError
from tilth.recipe.plan import Plan, build_plan
from tilth.transfer import target as carrying
from tilth.value import arms
from tilth.value.result import ArmResult, ValueResult

# A value of each that no default is, and what else the recipe has to say for it.
DATA: dict[str, tuple[Any, str]] = {
    "sources": (["second"], "text"),
    "labels": (["1", "2"], "images"),
    "train": ("validation", "text"),
    "validation": ("train", "text"),
    "test": ("validation", "text"),
    "validation_share": (0.3, "text"),
    "vocabulary": (400, "text"),
    "tokenizer": ("characters", "text"),
    "tokenizer_sources": (["first"], "text"),
    "shuffle": (False, "text"),
    "max_length": (20, "classes"),
    "sample_rate": (4000, "speech"),
    "mels": (20, "speech"),
    "image_size": ([6, 6], "images"),
    "channels": (3, "images"),
}

OF_PICTURES = ("label_smoothing", "mixup", "views")


def with_(tree: Tree, **given: Any) -> Tree:
    """The recipe with other settings of the stage."""
    for one, value in given.items():
        tree = with_setting(tree, f"value.{one}", value)
    return tree


def settings_of(tree: Tree) -> Any:
    step = read(tree).value
    assert step is not None
    return step.settings


def compared(place: Place, tree: Tree, **data: Path) -> ValueResult:
    """All cells and what they come to."""
    settings = settings_of(tree)
    cells = arms.cells(settings, planned_of(read(tree)))
    found = [
        (cell, place.valued(tree, cell.arm, seed=cell.seed, share=cell.share, **data))
        for cell in cells
    ]
    return arms.summarize(found, settings)


def arm(summary: ValueResult, called: str) -> ArmResult:
    return next(one for one in summary.arms if one.name == called)


def line(tmp_path: Path, change: Tree, **more: Any) -> Plan:
    """The plan of a recipe of two sources with one arm, `it`."""
    for source in ("a", "b"):
        text = json.dumps({"text": f"of {source}"})
        (tmp_path / f"{source}.jsonl").write_text(text + "\n", "utf-8")
    collect = {
        source: {"jsonl": {"path": str(tmp_path / f"{source}.jsonl")}} for source in ("a", "b")
    }
    tree = {
        "collect": collect,
        "clean": [{"normalize": {}}],
        "mix": [{"weights": {"sources": {"a": 0.5, "b": 0.25}}}],
        "pretrain": {"loop": {"max_steps": 2}},
        "value": {"arms": {"it": change}, **more},
    }
    return build_plan(read(tree))


def own_steps(plan: Plan) -> dict[str, Any]:
    """The settings of the steps that only the arm has, by name."""
    return {
        step.name.removeprefix("value.it/"): step.settings
        for step in plan.steps
        if step.name.startswith("value.it/")
    }


@effect("value.arms", "value.arms.*.same")
def test_every_arm_is_trained_and_told(digits: Place) -> None:
    summary = compared(digits, with_(digits.tree, arms={"one": {"same": True}}))
    assert [one.name for one in summary.arms] == ["one"]
    assert arm(summary, "one").is_check
    assert arm(summary, "one").differences == (0.0, 0.0)
    assert "at least 1" in said(with_(digits.tree, arms={}))
    assert "another name" in said(with_(digits.tree, arms={"control": {"same": True}}))
    assert "one change" in said(with_(digits.tree, arms={"one": {}}))


@effect("value.arms.*.without")
@name("value.arms.*.without")
def test_a_step_is_left_out(tmp_path: Path) -> None:
    found = own_steps(line(tmp_path, {"without": "clean.normalize"}))
    assert set(found) == {"mix.weights"}
    assert set(own_steps(line(tmp_path, {"without": "collect.b"}))) == {
        "clean.normalize",
        "mix.weights",
    }
    with pytest.raises(TilthError, match=r"did you mean `clean\.normalize`"):
        line(tmp_path, {"without": "clean.normalise"})
    with pytest.raises(TilthError, match="by which all arms are measured alike"):
        line(tmp_path, {"without": "value"})


@effect("value.arms.*.without")
def test_pretraining_is_left_out(digits: Place) -> None:
    tree = targeted(with_(digits.tree, arms={"fresh": {"without": "pretrain"}}))
    cell = digits.valued(tree, "fresh")
    assert (cell.steps, cell.unique_examples) == (0, 0)
    assert cell.measured.value > digits.valued(tree).measured.value
    assert "needs a target" in said(with_(digits.tree, arms={"fresh": {"without": "pretrain"}}))


@effect("value.arms.*.without_source")
@name("value.arms.*.without_source")
def test_a_source_is_left_out_of_the_mixture(tmp_path: Path) -> None:
    found = own_steps(line(tmp_path, {"without_source": "b"}))
    assert dict(found["mix.weights"].sources) == {"a": 0.5, "b": 0.0}
    with pytest.raises(TilthError, match=r"did you mean `a`|choose from"):
        line(tmp_path, {"without_source": "c"})


@effect("value.arms.*.set")
@name("value.arms.*.set")
def test_what_an_arm_sets_changes_only_itself(tmp_path: Path) -> None:
    found = own_steps(line(tmp_path, {"set": {"mix.weights": {"sources": {"a": 1}}}}))
    assert dict(found["mix.weights"].sources) == {"a": 1.0, "b": 0.25}
    for wrong, told in (
        ({"mix.weight": {"sources": {"a": 1}}}, r"did you mean `mix\.weights`"),
        ({"mix.weights": {"sourcs": {"a": 1}}}, "did you mean `sources`"),
        ({"mix.weights": {"sources": {"c": 1}}}, "unknown-source"),
        ({"mix.weights": {"sources": {"a": 0.5}}}, "it would change nothing"),
    ):
        with pytest.raises(TilthError, match=told):
            line(tmp_path, {"set": wrong})


@effect("value.arms.*.set")
def test_an_arm_is_trained_as_it_sets_pretrain(digits: Place) -> None:
    slow = {"set": {"pretrain": {"optimizer": {"learning_rate": 1e-12}}}}
    wide = {"set": {"pretrain": {"model": {"hidden": [64]}}}}
    smooth = {"set": {"pretrain": {"objective": {"label_smoothing": 0.9}}}}
    large = {"set": {"pretrain": {"loop": {"batch_size": 32}}}}
    changes = {"slow": slow, "wide": wide, "smooth": smooth, "large": large}
    tree = with_(digits.tree, arms=changes)
    found = {one: digits.valued(tree, one).measured.value for one in ("control", *changes)}
    assert len(set(found.values())) == 5
    assert found["slow"] > found["control"] + 0.02
    assert found["smooth"] > found["control"]
    # All are trained equally long, and a model of another kind is part of what the step is.
    assert {digits.valued(tree, one).steps for one in changes} == {10}
    summary = compared(digits, with_(digits.tree, arms={"slow": slow}))
    assert arm(summary, "slow").verdict == "hurts"


@refused("value.arms.*.set")
@pytest.mark.parametrize(
    ("target", "given", "nothing"),
    [
        ("none", {"loop": {"evaluation_batch_size": 4}}, True),
        ("none", {"objective": {"views": "mirror"}}, False),
        ({"size": 20}, {"objective": {"views": "mirror"}}, True),
        ({"size": 20}, {"objective": {"label_smoothing": 0.5}}, False),
    ],
)
def test_an_arm_sets_nothing_that_its_figure_does_not_depend_on(
    target: Any, given: Tree, nothing: bool
) -> None:
    one = {"it": {"set": {"pretrain": given}}}
    found = said(with_(DIGITS, target=target, arms=one))
    assert ("it would change nothing" in found) == nothing
    assert bool(found) == nothing


@effect("value.arms.*.seeds")
@extreme("value.arms.*.seeds")
def test_an_arm_may_have_fewer_seeds(digits: Place) -> None:
    tree = with_(digits.tree, seeds=3, arms={"few": {"same": True, "seeds": 2}})
    summary = compared(digits, tree)
    assert (arm(summary, "few").n, summary.seeds) == (2, (0, 1, 2))
    assert "the experiment has 3 only" in said(
        with_(digits.tree, seeds=3, arms={"few": {"same": True, "seeds": 4}})
    )
    for wrong in (0, 1):
        assert said(with_(digits.tree, arms={"few": {"same": True, "seeds": wrong}}))


@effect("value.seeds")
@extreme("value.seeds")
def test_so_many_pairs(digits: Place) -> None:
    assert compared(digits, with_(digits.tree, seeds=3)).seeds == (0, 1, 2)
    assert len(arms.cells(settings_of(with_(digits.tree, seeds=200)))) == 400
    for wrong in (0, 1, 201):
        assert said(with_(digits.tree, seeds=wrong))
    assert len({digits.valued(digits.tree, seed=seed).measured.value for seed in range(3)}) == 3


@effect("value.smallest_effect")
@extreme("value.smallest_effect")
def test_a_difference_that_does_not_matter(digits: Place) -> None:
    tree = with_(
        digits.tree,
        seeds=4,
        arms={"slow": {"set": {"pretrain": {"optimizer": {"learning_rate": 1e-12}}}}},
    )
    verdicts = [
        arm(compared(digits, with_(tree, smallest_effect=smallest)), "slow").verdict
        for smallest in (0, 1e9)
    ]
    assert verdicts == ["hurts", "no material effect"]
    assert said(with_(tree, smallest_effect=-1))


@effect("value.metric")
@name("value.metric")
def test_what_the_arms_are_judged_by(digits: Place) -> None:
    found = {
        metric: digits.valued(with_(digits.tree, metric=metric)).measured
        for metric in ("loss", "accuracy", "top5", "primary", "")
    }
    assert found["loss"].unit == "nats"
    assert found["primary"] == found[""] == found["accuracy"]
    assert found["top5"].value > found["accuracy"].value
    assert "did you mean `accuracy`?" in said(with_(digits.tree, metric="acuracy"))


@effect("value.metric", "value.group")
def test_where_the_target_is_transfers_so_are_figure_and_groups(digits: Place, path: str) -> None:
    tree = with_setting(digits.tree, "transfer.group", "subject")
    tree = with_setting(tree, "transfer.metric", "top5")
    del tree["value"]["target"], tree["value"]["metric"]
    cell = digits.valued(tree)
    assert cell.measured.metric == "top5"
    assert len(cell.parts.numerators) == 7
    # Of no target there is nothing to take over.
    alone = digits.valued(with_setting(tree, "value.target", "none"))
    assert (alone.measured.metric, len(alone.parts.numerators)) == ("accuracy", 100)
    settings = settings_of(with_setting(tree, path, "accuracy" if "metric" in path else "source"))
    assert getattr(settings, path.rpartition(".")[2]) in ("accuracy", "source")


@effect("value.group")
@name("value.group")
def test_what_stands_or_falls_together(digits: Place) -> None:
    assert len(digits.valued(with_(digits.tree, group="subject")).parts.numerators) == 7
    assert len(digits.valued(digits.tree).parts.numerators) == 100
    with pytest.raises(TilthError, match="no column `subjet`") as caught:
        digits.valued(with_(digits.tree, group="subjet"))
    assert caught.value.hint == "did you mean `subject`?"


@effect("value.match")
def test_what_all_arms_share(digits: Place, tmp_path: Path) -> None:
    rows = [row for row in digit_rows(limit=300, test=100) if row["split"] == "train"]
    half = write_dataset(tmp_path / "half", rows[:100])
    tree = with_(digits.tree, arms={"half": {"same": True}})

    def of(match: str, **more: Any) -> tuple[tuple[int, int], ...]:
        one = with_(tree, match=match, **more)
        cells = (digits.valued(one, called, half=half) for called in ("control", "half"))
        return tuple((cell.steps, cell.unique_examples) for cell in cells)

    control, fewer = of("compute")
    assert (control[0], fewer[0]) == (10, 10)
    assert control[1] > fewer[1]
    control, fewer = of("data")
    assert control == fewer
    control, fewer = of("epochs", budget=None, loop={"epochs": 1})
    assert control[0] > fewer[0]
    assert "does not take" in said(with_(tree, match="steps"))


@effect("value.budget")
@extreme("value.budget")
@refused("value.budget")
def test_so_many_steps(digits: Place) -> None:
    for steps in (1, 7):
        assert digits.valued(with_(digits.tree, budget=steps)).steps == steps
    # Not given: those of pretrain.
    assert digits.valued(with_(digits.tree, budget=None)).steps == 20
    assert said(with_(digits.tree, budget=0))
    by_passes = with_(digits.tree, match="epochs", loop={"epochs": 1})
    assert "match epochs does not read it" in said(by_passes)


@effect("value.curve", "value.curve_of")
@extreme("value.curve")
@refused("value.curve", "value.curve_of")
def test_the_control_at_shares_of_its_data_or_steps(digits: Place) -> None:
    shares = [0.25, 0.5, 0.1]
    tree = with_(digits.tree, curve=shares)
    cells = arms.cells(settings_of(tree))
    assert sorted({cell.share for cell in cells}) == [0.1, 0.25, 0.5, 1.0]
    whole = digits.valued(tree)
    part = digits.valued(tree, share=0.25)
    assert part.unique_examples == round(0.25 * whole.unique_examples)
    assert part.steps == whole.steps
    of_steps = digits.valued(with_(tree, curve_of="steps"), share=0.5)
    assert (of_steps.steps, of_steps.unique_examples) == (5, whole.unique_examples)
    slow = {"set": {"pretrain": {"optimizer": {"learning_rate": 0.002}}}}
    result = arm(compared(digits, with_(tree, arms={"slow": slow})), "slow")
    assert result.data_multiplier is not None
    assert result.compute_multiplier is None
    for wrong in ([0.1, 0.5], [0.1, 0.5, 1.0], [0.0, 0.1, 0.5], [0.1, 0.1, 0.5]):
        assert "`curve`" in said(with_(digits.tree, curve=wrong))
    assert "there is no `curve`" in said(with_(digits.tree, curve_of="steps"))
    by_passes = with_(tree, budget=None, match="epochs", loop={"epochs": 1}, curve_of="steps")
    assert "needs match compute or data" in said(by_passes)


@effect("value.leakage")
def test_copies_of_what_is_held_out(digits: Place, tmp_path: Path) -> None:
    rows = digit_rows(limit=300, test=100)
    held_out = [row for row in rows if row["split"] == "test"][:30]
    again = [{**row, "split": "train"} for row in copies(held_out, "again")]
    leaking = write_dataset(tmp_path / "leaking", [*rows, *again])
    tree = with_(digits.tree, arms={"more": {"same": True}})
    cell = digits.valued(tree, "more", more=leaking)
    assert any("copies of held-out samples" in note for note in cell.notes)
    with pytest.raises(TilthError, match="are copies of held-out samples"):
        digits.valued(with_(tree, leakage="refuse"), "more", more=leaking)


@effect("value.task")
def test_the_arms_may_learn_another_task(texts: Place) -> None:
    tree = with_(texts.tree, task="text-classification")
    assert texts.valued(tree).measured.metric == "accuracy"
    assert texts.valued(texts.tree).measured.metric == "bits_per_byte"
    assert "needs model.kind" in said(with_(texts.tree, task="translation"))


@effect("value.data")
def test_what_is_not_given_of_the_data_is_as_in_pretrain(texts: Place) -> None:
    settings = settings_of(with_(texts.tree, data={"validation_share": 0.3}))
    assert settings.data.sources == ("first",)
    assert settings.data.vocabulary == 300
    fewer = texts.valued(with_(texts.tree, data={"validation_share": 0.3}))
    assert fewer.unique_examples < texts.valued(texts.tree).unique_examples


def base_of(kind: str) -> Tree:
    """A recipe whose task reads a setting of data."""
    sources = {source: {"jsonl": {"path": "x"}} for source in ("first", "second")}
    stages: dict[str, Tree] = {
        "text": {"model": {"kind": "gpt"}},
        "classes": {"task": "text-classification", "model": {"kind": "gpt"}},
        "images": {"task": "image-classification", "model": {"kind": "mlp"}},
        "speech": {"task": "speech-recognition", "model": {"kind": "ctc"}},
    }
    return {
        "collect": sources,
        "pretrain": {**stages[kind], "loop": {"max_steps": 1}},
        "value": {"arms": {"again": {"same": True}}},
    }


class Seen(Exception):  # noqa: N818
    """What was to be seen was seen: the training itself is not needed."""


@effect(*under(["value.data"], *DATA))
def test_how_the_arms_samples_become_numbers(
    digits: Place, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What each does is shown of `pretrain.data`; here, that it arrives, and pretrain's stays."""
    one = path.rpartition(".")[2]
    value, kind = DATA[one]
    seen: list[Any] = []

    def watch(dataset: Path, task: str, data: Any, *rest: Any, **more: Any) -> Any:
        seen.append(data)
        raise Seen

    monkeypatch.setattr(carrying, "prepare", watch)
    data: Tree = {one: value}
    splits = {"train": "validation", "validation": "train", "test": "validation"}
    if one in splits:
        # Two splits change places: there are three, and none is two.
        data[splits[one]] = one
    with pytest.raises(Seen):
        digits.valued(with_(base_of(kind), data=data))
    assert json.loads(json.dumps(getattr(seen[0], one))) == value


@extreme(*under(["value.data"], "image_size", "max_length", "mels", "sample_rate"))
@extreme("value.data.vocabulary", "value.data.validation_share")
def test_beyond_its_range_a_setting_of_data_is_refused() -> None:
    wrong: dict[str, Sequence[Any]] = {
        "image_size": ([0, 4], [4]),
        "max_length": (1, 10**6),
        "mels": (3, 257),
        "sample_rate": (999, 10**7),
        "vocabulary": (257, 65_536),
        "validation_share": (1, -0.1),
    }
    for one, values in wrong.items():
        for value in values:
            assert said(with_(base_of(DATA[one][1]), data={one: value})), (one, value)


@name("value.data.sources", "value.data.tokenizer_sources", "value.target.data.sources")
def test_a_source_that_collect_has_not(texts: Place, path: str) -> None:
    found = said(with_setting(texts.tree, path, ["secnod"]))
    assert "did you mean `second`?" in found


@name("value.data.labels", "value.target.data.labels")
def test_a_label_that_no_sample_has(digits: Place, path: str) -> None:
    with pytest.raises(TilthError, match="seven"):
        digits.valued(with_setting(digits.tree, path, ["5", "seven"]))
