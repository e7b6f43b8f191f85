"""The training stages of a small recipe, and the edits that all of them know."""

from __future__ import annotations

import copy
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.edits.common import backwards, training
from tests.edits.workspace import Change, Draft, Edit, Tree, merged

# What is read of a model.
_MODEL = ("config.json", "model.safetensors", "tokenizer.json")


def stages(pretrain: Tree, transfer: Tree, without: str, **value: Any) -> Tree:
    """Pretrain, two methods of transfer, and an experiment of one arm: eight trainings in all.

    Args:
        pretrain, transfer: What they have beside their length.
        without: The step that the arm leaves out.
        **value: More of the experiment.
    """
    loop = {"max_steps": 2, "batch_size": 4, "precision": "fp32"}
    return {
        "pretrain": merged({"loop": loop, "data": {"validation_share": 0.2}}, pretrain),
        "transfer": merged(
            {
                "sizes": [6],
                "methods": ["scratch", "finetune"],
                "seeds": 2,
                "test_size": 4,
                "smallest_effect": 0.01,
                "loop": loop,
            },
            transfer,
        ),
        "value": merged(
            {"arms": {"fewer": {"without": without}}, "seeds": 2, "smallest_effect": 0.01}, value
        ),
    }


def _more(stage: str, name: str, *values: Any) -> Change:
    """More items of a list."""

    def change(draft: Draft) -> None:
        draft.trainings[stage][name] = [*draft.trainings[stage][name], *values]

    return change


def _reversed(draft: Draft) -> None:
    draft.trainings["transfer"]["methods"].reverse()


def of_training(*, target: bool, method: str) -> tuple[Edit, ...]:
    """What is changed of the trainings themselves.

    Args:
        target: Whether the experiment carries its arms over to the target of `transfer`.
        method: A further one.
    """
    also = ("value",) if target else ()
    learns = ("pretrain", "value")
    return (
        Edit("the rate", training("pretrain", optimizer={"learning_rate": 0.004}), learns),
        Edit("the size of a batch", training("pretrain", loop={"batch_size": 5}), learns),
        Edit("a step more", training("pretrain", loop={"max_steps": 3}), learns),
        Edit(
            "the rate of transfer",
            training("transfer", optimizer={"learning_rate": 0.004}),
            ("transfer", *also),
        ),
        Edit(
            "the rate of a method",
            training("transfer", overrides={"scratch": {"optimizer": {"learning_rate": 0.02}}}),
            ("transfer!", "transfer/scratch"),
        ),
        Edit("fewer test samples", training("transfer", test_size=3), ("transfer", *also)),
        Edit("steps between checkpoints", training("pretrain", loop={"checkpoint_every": 1}), _OWN),
        Edit("steps between validations", training("pretrain", loop={"eval_every": 1}), _OWN),
        Edit("seeds: [0]", training("pretrain", seeds=[0]), _OWN),
        Edit("seeds: [0, 3]", training("pretrain", seeds=[0, 3]), _OWN),
        Edit("the device that it is", training("pretrain", loop={"device": "cpu"})),
        Edit("2.0e-3 for 0.002", _rate_in_words),
        Edit("a default of training", training("pretrain", optimizer={"grad_clip": 0.0})),
        Edit("a default of transfer", training("transfer", optimizer={"kind": "adamw"})),
        Edit("what matters in transfer", training("transfer", smallest_effect=0.3), ("transfer!",)),
        Edit("what matters in value", training("value", smallest_effect=0.3), ("value!",)),
        Edit("a method more", _more("transfer", "methods", method), ("transfer!",)),
        Edit("methods in another order", _reversed, ("transfer!",)),
        Edit("a size more", _more("transfer", "sizes", 9), ("transfer!", *also)),
        Edit("a seed more in transfer", training("transfer", seeds=3), ("transfer!",)),
        Edit("a seed more in value", training("value", seeds=3), ("value!",)),
        Edit("an arm more", training("value", arms={"again": {"same": True}}), ("value!",)),
        Edit(
            "arms in another order",
            backwards(lambda d: d.trainings["value"]["arms"]),
            ("value!",),
        ),
        Edit("without value", lambda d: d.trainings.pop("value") and None),
        Edit("without transfer", _untransferred, also and ("value",)),
    )


_OWN = ("pretrain",)


def _rate_in_words(draft: Draft) -> None:
    """A number in another of the ways that YAML has for it."""
    draft.written.append(lambda text: text.replace("learning_rate: 0.002", "learning_rate: 2.0e-3"))


def _untransferred(draft: Draft) -> None:
    draft.trainings.pop("transfer")


def checkpoint(base: Draft, seed: int, *, exported: bool = False) -> dict[str, bytes]:
    """The files of a model that a recipe's `pretrain` trains, or of the same as the hub has it."""
    draft = copy.deepcopy(base)
    draft.trainings = {"pretrain": draft.trainings["pretrain"]}
    draft.header["seed"] = seed
    written = yaml.safe_load(draft.recipe())
    recipe = yaml.safe_dump(written, sort_keys=False)
    return dict(_checkpoint(recipe, tuple(draft.files.items()), exported))


@cache
def _checkpoint(
    recipe: str, files: tuple[tuple[str, bytes | str], ...], exported: bool
) -> dict[str, bytes]:
    import tilth
    from tests.engine.inline import use_inline

    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        for place, data in files:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            assert isinstance(data, bytes)
            (folder / place).write_bytes(data)
        (folder / "recipe.yaml").write_text(recipe, "utf-8")
        use_inline(patch)
        patch.chdir(folder)
        run = tilth.run("recipe.yaml", runs="runs", progress=False)
        model = run.view.step("pretrain").folder / "model"
        if exported:
            from tilth.pretrain.hub_export import export_gpt2

            export_gpt2(model, folder / "hub")
            model = folder / "hub"
        return {one: (model / one).read_bytes() for one in _MODEL if (model / one).is_file()}
