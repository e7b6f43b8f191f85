"""How long and in what portions the cells of transfer and value learn, in every section."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.table.cells import Place, is_near, section_of, with_setting
from tests.table.entries import effect, extreme, refused, under
from tests.table.whole import Tree, said
from tilth.errors import TilthError

TARGETS = ("transfer.loop", "transfer.overrides.*.loop", "value.target.loop")
LOOPS = (*TARGETS, "value.loop")


def tree_with(place: Place, path: str, **given: Any) -> Tree:
    """The recipe with settings of the section's loop; what is not given stays."""
    own = place.tree["transfer"]["loop"] if section_of(path) == "transfer" else {}
    return with_setting(place.tree, f"{section_of(path)}.loop", {**own, **given})


def loss(place: Place, path: str, **given: Any) -> float:
    return place.measured(section_of(path), tree_with(place, path, **given))


def length(place: Place, path: str, **given: Any) -> tuple[int, float]:
    """Steps and passes over the data."""
    cell = place.transferred(tree_with(place, path, **given))
    return cell.steps, cell.epochs


@effect(*LOOPS)
def test_what_is_given_of_a_loop_changes_only_itself(digits: Place, path: str) -> None:
    before = loss(digits, path)
    said_again = {"batch_size": 16} if path == "value.loop" else {"max_steps": 10}
    assert loss(digits, path, **said_again) == before
    assert loss(digits, path, ema=0.9) != before


@effect("transfer.loop.max_steps", "transfer.overrides.*.loop.max_steps")
@extreme("transfer.loop.max_steps", "transfer.overrides.*.loop.max_steps")
def test_steps_are_counted(digits: Place, path: str) -> None:
    assert length(digits, path, max_steps=7)[0] == 7
    assert length(digits, path, max_steps=1)[0] == 1
    # Whichever comes first: 40 samples by 8 are 5 steps a pass.
    assert length(digits, path, max_steps=10**9, epochs=1)[0] == 5
    assert "at least 1" in said(tree_with(digits, path, max_steps=0))


@effect("value.target.loop.max_steps")
@extreme("value.target.loop.max_steps")
def test_more_steps_on_the_target_learn_more(digits: Place, path: str) -> None:
    found = [loss(digits, path, max_steps=steps) for steps in (1, 20, 60)]
    assert found == sorted(found, reverse=True)
    assert loss(digits, path, max_steps=10**9, epochs=1) == loss(digits, path, max_steps=5)
    assert "at least 1" in said(tree_with(digits, path, max_steps=0))


@effect("value.loop.max_steps")
@extreme("value.loop.max_steps")
@refused("value.loop.max_steps", "value.loop.epochs")
def test_an_arm_is_trained_as_the_match_says(digits: Place) -> None:
    tree = with_setting(digits.tree, "value.budget", None)
    for steps in (1, 7):
        assert digits.valued(with_setting(tree, "value.loop.max_steps", steps)).steps == steps
    # Of two numbers of steps that differ one would not be kept.
    assert "says the same" in said(with_setting(digits.tree, "value.loop.max_steps", 9))
    assert not said(with_setting(digits.tree, "value.loop.max_steps", 10))
    assert "match compute does not read it" in said(
        with_setting(digits.tree, "value.loop.epochs", 2)
    )
    by_passes = with_setting(tree, "value.match", "epochs")
    assert "does not read it" in said(
        with_setting(by_passes, "value.loop", {"epochs": 1, "max_steps": 3})
    )
    assert "at least 1" in said(with_setting(tree, "value.loop.max_steps", 0))


@effect("transfer.loop.epochs", "transfer.overrides.*.loop.epochs")
@extreme("transfer.loop.epochs", "transfer.overrides.*.loop.epochs")
def test_passes_are_counted(digits: Place, path: str) -> None:
    assert length(digits, path, epochs=1, max_steps=None) == (5, 1.0)
    assert length(digits, path, epochs=2.4, max_steps=None) == (12, 2.4)
    # A part of a batch is a step.
    assert length(digits, path, epochs=1e-9, max_steps=None)[0] == 1
    assert "greater than 0" in said(tree_with(digits, path, epochs=0))
    assert "nothing ends this training" in said(
        tree_with(digits, path, epochs=None, max_steps=None)
    )


@effect("value.target.loop.epochs")
@extreme("value.target.loop.epochs")
def test_passes_over_the_target(digits: Place, path: str) -> None:
    one = loss(digits, path, epochs=1, max_steps=None)
    assert one == loss(digits, path, max_steps=5)
    assert loss(digits, path, epochs=4, max_steps=None) < one
    assert loss(digits, path, epochs=1e-9, max_steps=None) > one
    assert "greater than 0" in said(tree_with(digits, path, epochs=0))


@effect("value.loop.epochs")
@extreme("value.loop.epochs")
def test_passes_of_an_arm_over_its_own_data(digits: Place) -> None:
    tree = with_setting(with_setting(digits.tree, "value.budget", None), "value.match", "epochs")
    for epochs in (1, 2):
        cell = digits.valued(with_setting(tree, "value.loop.epochs", epochs))
        assert round(cell.epochs, 1) == epochs
        # 200 digits less a twentieth for validation, as `pretrain` has them.
        assert cell.steps == epochs * -(-cell.unique_examples // 16)
    assert "greater than 0" in said(with_setting(tree, "value.loop.epochs", 0))


@effect(*under(TARGETS, "max_tokens"))
@extreme(*under(TARGETS, "max_tokens"))
def test_tokens_are_counted(texts: Place, path: str) -> None:
    few = loss(texts, path, max_tokens=8 * 24)
    with pytest.raises(TilthError, match="less than one row"):
        loss(texts, path, max_tokens=1)
    assert loss(texts, path, max_tokens=10**12) == loss(texts, path)
    # A step is of 8 windows of 24 tokens, of which the last are filled in part.
    some = loss(texts, path, max_tokens=3 * 8 * 24)
    assert loss(texts, path) < some < few
    assert "at least 1" in said(tree_with(texts, path, max_tokens=0))


@effect(*under(LOOPS, "batch_size"))
@extreme(*under(LOOPS, "batch_size"))
def test_a_batch_is_so_many_examples(digits: Place, path: str) -> None:
    largest = []

    def watch(module: torch.nn.Module, given: tuple[Any, ...], _: Any) -> None:
        if module.training and isinstance(module, torch.nn.Linear):
            largest.append(len(given[0]))

    handle = torch.nn.modules.module.register_module_forward_hook(watch)
    try:
        loss(digits, path, batch_size=4)
        wanted = {4, 16} if path == "value.target.loop.batch_size" else {4}
        assert set(largest) == wanted
        largest.clear()
        # More than there are: passes follow each other within a batch.
        loss(digits, path, batch_size=400)
        assert 400 in largest
    finally:
        handle.remove()
    assert "at least 1" in said(tree_with(digits, path, batch_size=0))


@effect(*under(LOOPS, "accumulate"))
@extreme(*under(LOOPS, "accumulate"))
def test_a_batch_is_cut_and_means_the_same(digits: Place, path: str) -> None:
    sizes = []

    def watch(module: torch.nn.Module, given: tuple[Any, ...], _: Any) -> None:
        if module.training and isinstance(module, torch.nn.Linear):
            sizes.append(len(given[0]))

    handle = torch.nn.modules.module.register_module_forward_hook(watch)
    try:
        cut = loss(digits, path, batch_size=8, accumulate=4)
    finally:
        handle.remove()
    assert 2 in sizes
    assert is_near(cut, loss(digits, path, batch_size=8))
    assert is_near(loss(digits, path, batch_size=8, accumulate=8), cut)
    for wrong in (0, 3, 16):
        assert said(tree_with(digits, path, batch_size=8, accumulate=wrong))


@effect(*under(LOOPS, "ema"))
@extreme(*under(LOOPS, "ema"))
def test_an_average_that_hardly_moves_is_what_it_began_as(digits: Place, path: str) -> None:
    # An average over the last few is near the last; of a longer one the first steps are a part.
    found = [loss(digits, path, ema=decay) for decay in (0, 0.05, 0.9999)]
    assert found[0] == loss(digits, path)
    assert 0 < abs(found[1] - found[0]) < abs(found[2] - found[0])
    assert said(tree_with(digits, path, ema=1))
    assert said(tree_with(digits, path, ema=-0.1))


@effect(*under(LOOPS, "precision"))
@refused(*under(LOOPS, "precision"))
def test_half_the_digits_give_another_loss(digits: Place, path: str) -> None:
    plain = loss(digits, path, precision="fp32")
    assert is_near(plain, loss(digits, path, precision="fp32-fast"))
    assert abs(plain - loss(digits, path, precision="bf16")) > 1e-6
    # Each cell would decide for itself.
    assert "does not take 'auto'" in said(tree_with(digits, path, precision="auto"))


@effect("value.loop.precision")
def test_an_arm_takes_no_trial_over_from_pretrain(digits: Place) -> None:
    tried = with_setting(digits.tree, "pretrain.loop.precision", "auto")
    assert digits.valued(tried).measured == digits.valued(digits.tree).measured


@effect(*under(LOOPS, "device"))
def test_a_device_that_is_not_there_is_an_error(digits: Place, path: str) -> None:
    assert loss(digits, path, device="cpu") == loss(digits, path)
    if not torch.cuda.is_available():
        with pytest.raises(TilthError, match="GPU"):
            loss(digits, path, device="cuda")


@effect(*under(LOOPS, "compile"))
def test_the_network_is_compiled_if_that_is_asked(
    digits: Place, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []

    def watch(model: torch.nn.Module, **_: Any) -> torch.nn.Module:
        compiled.append(model)
        return model

    # Compiling takes a minute; that it is asked for is what the setting decides.
    monkeypatch.setattr(torch, "compile", watch)
    loss(digits, path, compile=False)
    assert not compiled
    loss(digits, path, compile=True)
    assert compiled


@effect(*under(LOOPS, "evaluation_batch_size"))
@extreme(*under(LOOPS, "evaluation_batch_size"))
def test_how_many_are_measured_at_once_changes_no_figure(digits: Place, path: str) -> None:
    sizes = []

    def watch(module: torch.nn.Module, given: tuple[Any, ...], _: Any) -> None:
        if not module.training and isinstance(module, torch.nn.Linear):
            sizes.append(len(given[0]))

    handle = torch.nn.modules.module.register_module_forward_hook(watch)
    try:
        few = loss(digits, path, evaluation_batch_size=7)
        assert max(sizes) == 7
        assert is_near(few, loss(digits, path, evaluation_batch_size=10**6))
        assert max(sizes) == 100
    finally:
        handle.remove()
    assert said(tree_with(digits, path, evaluation_batch_size=0))
