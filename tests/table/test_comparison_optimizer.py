"""How the cells of transfer and value learn: each setting of the optimizer, in every section."""

from __future__ import annotations

from typing import Any

import pytest

from tests.table.cells import BLIND, Place, is_near, section_of, with_setting
from tests.table.entries import effect, extreme, name, under
from tests.table.whole import said
from tilth.errors import TilthError

SECTIONS = ("transfer", "transfer.overrides.*", "value", "value.target")
OPTIMIZERS = [f"{section}.optimizer" for section in SECTIONS]


def loss(digits: Place, path: str, **given: Any) -> float:
    """Of the section's training with these settings of its optimizer, and no others."""
    section = section_of(path)
    tree = with_setting(digits.tree, f"{section}.optimizer", given)
    return digits.measured(section, tree)


def start(digits: Place, path: str) -> float:
    """Of a training that learns next to nothing."""
    return loss(digits, path, learning_rate=1e-12)


@effect(*OPTIMIZERS)
def test_each_section_learns_by_its_own(digits: Place, path: str) -> None:
    tree = with_setting(digits.tree, path, {"learning_rate": 1e-12})
    for section in SECTIONS:
        # What a method does otherwise moves that method; a target's own the target's alone.
        plain = digits.measured(section, with_setting(digits.tree, f"{section}.optimizer", {}))
        moved = digits.measured(section, tree) if section == section_of(path) else None
        if moved is not None:
            assert moved > plain + 0.02


@effect("transfer.overrides.*.optimizer")
def test_another_method_is_left_alone(digits: Place) -> None:
    tree = with_setting(digits.tree, "transfer.overrides.*.optimizer", {"learning_rate": 1e-12})
    assert digits.transferred(tree, "scratch") != digits.transferred(tree, "finetune")
    before = digits.transferred(digits.tree, "scratch").measured
    assert digits.transferred(tree, "scratch").measured == before


@effect(*under(OPTIMIZERS, "learning_rate"))
@extreme(*under(OPTIMIZERS, "learning_rate"))
def test_a_rate_of_next_to_nothing_learns_nothing_and_a_huge_one_forgets(
    digits: Place, path: str
) -> None:
    learnt = loss(digits, path, learning_rate=0.003)
    assert learnt < start(digits, path) - 0.05
    assert loss(digits, path, learning_rate=30.0) > BLIND
    assert "greater than 0" in said(with_setting(digits.tree, path, 0))
    assert "finite" in said(with_setting(digits.tree, path, float("inf")))
    with pytest.raises(TilthError):
        loss(digits, path, learning_rate=1e300)


@effect(*under(OPTIMIZERS, "kind"))
def test_every_rule_learns_otherwise(digits: Place, path: str) -> None:
    kinds = ("adam", "adamw", "sgd", "muon")
    # adam adds the decay to the gradient, adamw to the weights.
    found = {kind: loss(digits, path, kind=kind, weight_decay=0.1) for kind in kinds}
    assert len({round(one, 6) for one in found.values()}) == 4
    assert "does not take" in said(with_setting(digits.tree, path, "adan"))


@effect(*under(OPTIMIZERS, "rates"))
@extreme(*under(OPTIMIZERS, "rates"))
@name(*under(OPTIMIZERS, "rates"))
def test_a_rate_of_next_to_nothing_for_every_parameter(digits: Place, path: str) -> None:
    rates = {"body.": 1e-12, "head.": 1e-12}
    assert is_near(loss(digits, path, learning_rate=0.01, rates=rates), start(digits, path))
    one = loss(digits, path, learning_rate=0.01, rates={"head.": 1e-12})
    assert not is_near(one, loss(digits, path, learning_rate=0.01))
    assert not is_near(one, start(digits, path))
    with pytest.raises(TilthError, match="heads"):
        loss(digits, path, rates={"heads.": 2})
    assert "greater than 0" in said(with_setting(digits.tree, path, {"head.": 0}))


@effect(*under(OPTIMIZERS, "betas"))
@extreme(*under(OPTIMIZERS, "betas"))
def test_without_memory_every_gradient_is_its_sign(digits: Place, path: str) -> None:
    plain = loss(digits, path, learning_rate=0.01)
    assert not is_near(loss(digits, path, learning_rate=0.01, betas=[0.0, 0.0]), plain)
    # The gradients before weigh all the same: the steps are small, and cancel out less.
    assert not is_near(loss(digits, path, learning_rate=0.01, betas=[0.999, 0.99]), plain)
    for wrong in ([1.5, 0.9], [0.9, 1.0], [-0.1, 0.9], [0.9]):
        assert said(with_setting(digits.tree, path, wrong))


@effect(*under(OPTIMIZERS, "momentum"))
@extreme(*under(OPTIMIZERS, "momentum"))
def test_momentum_goes_further(digits: Place, path: str) -> None:
    found = [
        loss(digits, path, kind="sgd", learning_rate=0.003, momentum=it) for it in (0.0, 0.5, 0.9)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] - found[2] > 0.001
    assert said(with_setting(digits.tree, path, 1.0))


@effect(*under(OPTIMIZERS, "adam_share"))
@extreme(*under(OPTIMIZERS, "adam_share"))
def test_the_share_of_muons_rate_for_what_is_no_matrix(digits: Place, path: str) -> None:
    rates = {"learning_rate": 0.01, "kind": "muon"}
    few, many = (loss(digits, path, adam_share=share, **rates) for share in (1e-6, 1.0))
    assert not is_near(few, many)
    assert "greater than 0" in said(with_setting(digits.tree, path, 0))


@effect(*under(OPTIMIZERS, "weight_decay"))
@extreme(*under(OPTIMIZERS, "weight_decay"))
def test_a_decay_that_takes_all_leaves_a_model_that_knows_nothing(digits: Place, path: str) -> None:
    # Decoupled: each step leaves 1 - rate x decay of a weight.
    blind = loss(digits, path, learning_rate=1e-4, weight_decay=9990)
    assert abs(blind - BLIND) < 0.05
    assert loss(digits, path, weight_decay=0) < BLIND
    assert said(with_setting(digits.tree, path, -0.1))


@effect(*under(OPTIMIZERS, "schedule"))
def test_every_schedule_is_another_course(digits: Place, path: str) -> None:
    names = ("constant", "cosine", "cooldown", "one-cycle", "inverse-sqrt")
    found = {
        one: loss(digits, path, learning_rate=0.01, schedule=one, warmup_steps=2) for one in names
    }
    assert len({round(one, 6) for one in found.values()}) == 5
    # What falls to nothing learns less than what stays.
    assert found["one-cycle"] > found["constant"]


@effect(*under(OPTIMIZERS, "warmup_steps"))
@extreme(*under(OPTIMIZERS, "warmup_steps"))
def test_a_warm_up_that_is_hardly_begun_has_learnt_little(digits: Place, path: str) -> None:
    found = [loss(digits, path, learning_rate=0.003, warmup_steps=it) for it in (0, 5, 10)]
    assert found == sorted(found)
    assert found[2] - found[0] > 0.01
    assert said(with_setting(digits.tree, path, -1))


@effect(*under(OPTIMIZERS, "cooldown_share"))
@extreme(*under(OPTIMIZERS, "cooldown_share"))
def test_a_longer_cooldown_has_learnt_less(digits: Place, path: str) -> None:
    given = {"learning_rate": 0.003, "schedule": "cooldown"}
    found = [loss(digits, path, cooldown_share=it, **given) for it in (0.1, 0.5, 1.0)]
    assert found == sorted(found)
    assert found[2] > found[0]
    assert said(with_setting(digits.tree, path, 0))
    assert said(with_setting(digits.tree, path, 1.1))


@effect(*under(OPTIMIZERS, "grad_clip"))
@extreme(*under(OPTIMIZERS, "grad_clip"))
def test_a_gradient_clipped_to_nothing_moves_nothing(digits: Place, path: str) -> None:
    given = {"kind": "sgd", "learning_rate": 0.1}
    assert is_near(loss(digits, path, grad_clip=1e-9, **given), start(digits, path))
    assert is_near(
        loss(digits, path, grad_clip=1e9, **given), loss(digits, path, grad_clip=0, **given)
    )
    assert said(with_setting(digits.tree, path, -1))
