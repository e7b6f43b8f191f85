"""How a gradient becomes a change of the weights: every setting of an optimizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from tests.table.entries import effect, extreme, name, refused, under
from tests.table.trainings import LOOPS, OPTIMIZERS, differ, learn
from tests.table.whole import said
from tilth.training.optimizer import build_optimizer, learning_rate
from tilth.training.settings import LoopSettings, OptimizerSettings, require_end


class _Net(nn.Module):
    """A matrix inside, a bias, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(2, 2)
        self.head = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.fill_(1.0)


def moved(gradients: Sequence[float], **given: Any) -> dict[str, Tensor]:
    """How far each parameter has moved after steps with these gradients, everywhere the same."""
    net = _Net()
    rule = build_optimizer(net, OptimizerSettings(**{"learning_rate": 0.01, **given}))
    for gradient in gradients:
        for parameter in net.parameters():
            parameter.grad = torch.full_like(parameter, gradient)
        rule.step(0.01)
    return {key: (1 - value).detach() for key, value in net.state_dict().items()}


def at(steps: int, total: int = 100, **given: Any) -> float:
    """The rate of a step of a run of `total`."""
    settings = OptimizerSettings(**{"learning_rate": 1.0, **given})
    return learning_rate(settings, steps, total)


def taken(**given: Any) -> bool:
    """Whether these settings are accepted."""
    try:
        OptimizerSettings(**given)
    except ValidationError:
        return False
    return True


# What each setting is changed to, and what has to stand beside it to act.
_CHANGED: dict[str, tuple[Any, dict[str, Any]]] = {
    "kind": ("sgd", {}),
    "learning_rate": (0.02, {}),
    "rates": ({"head.": 3.0}, {}),
    "betas": ([0.5, 0.99], {}),
    "momentum": (0.2, {"kind": "sgd"}),
    "adam_share": (0.9, {"kind": "muon"}),
    "weight_decay": (0.5, {}),
    "schedule": ("one-cycle", {}),
    "warmup_steps": (3, {}),
    "cooldown_share": (1.0, {"schedule": "cooldown"}),
    "grad_clip": (0.01, {"kind": "sgd"}),
}


@effect(*under(OPTIMIZERS, *_CHANGED))
def test_it_reaches_the_weights(path: str) -> None:
    value, beside = _CHANGED[path.rpartition(".")[2]]
    assert differ(learn(path, value, optimizer=beside), learn(path, optimizer=beside))


@effect("pretrain.optimizer")
def test_the_block_is_the_stages_own() -> None:
    slow = learn("pretrain.optimizer.learning_rate", 1e-9)
    fast = learn("pretrain.optimizer.learning_rate", 0.1)
    cold = learn("pretrain.loop.max_steps", 1, optimizer={"learning_rate": 1e-9})
    assert slow.figure("loss") == pytest.approx(cold.figure("loss"), abs=1e-4)
    assert fast.figure("loss") < 0.9 * slow.figure("loss")


@effect(*under(OPTIMIZERS, "kind"))
def test_each_rule_is_its_own() -> None:
    # The first step of Adam is of the size of the rate, that of gradient descent of the gradient.
    for kind in ("adam", "adamw"):
        assert float(moved([5.0], kind=kind)["body.weight"][1, 0]) == pytest.approx(0.01, rel=1e-3)
    descended = moved([5.0], kind="sgd", momentum=0)["body.weight"]
    assert float(descended[0, 0]) == pytest.approx(0.05, rel=1e-3)
    # Muon's change of a matrix has singular values of about the rate; the head is AdamW's.
    muon = moved([5.0], kind="muon", adam_share=1.0)
    largest = torch.linalg.svdvals(muon["body.weight"])[0]
    assert 0.6 * 0.01 < float(largest) < 1.3 * 0.01
    assert float(muon["head.weight"][0, 0]) == pytest.approx(0.01, rel=1e-3)
    # Adam's decay goes through the gradient, AdamW's does not.
    decayed = [
        moved([5.0], kind=kind, weight_decay=0.5)["body.weight"] for kind in ("adam", "adamw")
    ]
    assert float(decayed[0][0, 0]) == pytest.approx(0.01, rel=1e-3)
    assert float(decayed[1][0, 0]) == pytest.approx(0.01 + 0.01 * 0.5, rel=1e-3)
    assert not taken(kind="lion")


@effect(*under(OPTIMIZERS, "learning_rate"))
@extreme(*under(OPTIMIZERS, "learning_rate"))
def test_the_rate_is_the_peak() -> None:
    assert at(7, learning_rate=0.25) == 0.25
    assert at(50, learning_rate=0.25, warmup_steps=51) == 0.25
    assert taken(learning_rate=1e-30)
    assert not any(taken(learning_rate=one) for one in (0, -1, math.nan))
    assert "finite number" in said(
        {
            "collect": {"a": {"jsonl": {"path": "x"}}},
            "pretrain": {"optimizer": {"learning_rate": math.inf}},
        }
    )


@effect(*under(OPTIMIZERS, "rates"))
@extreme(*under(OPTIMIZERS, "rates"))
def test_a_prefix_learns_at_so_many_times_the_rate() -> None:
    for kind in ("adam", "sgd"):
        plain, faster = moved([1.0], kind=kind), moved([1.0], kind=kind, rates={"head.": 10})
        ratios = {key: float((faster[key] / plain[key]).max()) for key in plain}
        assert ratios == pytest.approx(
            {"body.weight": 1, "body.bias": 1, "head.weight": 10}, rel=1e-3
        )
    # Of two prefixes the longer decides.
    both = moved([1.0], rates={"body.": 10, "body.bias": 2})
    assert float(both["body.bias"][0] / both["body.weight"][0, 0]) == pytest.approx(0.2, rel=1e-3)
    assert not any(taken(rates={"head.": one}) for one in (0, -1, math.nan))


@name("pretrain.optimizer.rates")
def test_a_part_that_is_not_there_is_refused() -> None:
    tree = {
        "collect": {"a": {"jsonl": {"path": "x"}}},
        "pretrain": {"optimizer": {"rates": {"bloks.": 2}}},
    }
    assert "begins with `bloks.`" in said(tree)
    assert "did you mean `blocks.`?" in said(tree)


@effect(*under(OPTIMIZERS, "betas"))
@extreme(*under(OPTIMIZERS, "betas"))
def test_betas_are_how_much_is_remembered() -> None:
    # By the equations of Adam, of gradients 1 and then -2.
    for kind in ("adam", "adamw"):
        for first, second in ((0.9, 0.99), (0.0, 0.99), (0.5, 0.0), (0.0, 0.0)):
            mean = (first * (1 - first) + (1 - first) * -2) / (1 - first**2)
            square = (second * (1 - second) + (1 - second) * 4) / (1 - second**2)
            expected = 0.01 * (1.0 + mean / math.sqrt(square))
            found = moved([1.0, -2.0], kind=kind, betas=(first, second))["body.bias"][0]
            assert float(found) == pytest.approx(expected, abs=1e-6)
    assert not any(taken(betas=one) for one in ((1.5, 0.9), (1.0, 0.9), (0.9, 1.0), (-0.1, 0.9)))
    assert not taken(betas=(0.9,))


@effect(*under(OPTIMIZERS, "momentum"))
@extreme(*under(OPTIMIZERS, "momentum"))
def test_momentum_is_nesterovs() -> None:
    for momentum in (0.0, 0.5, 0.99):
        # Twice the gradient 1: the buffer is 1, then 1 + momentum; each step looks ahead.
        ahead = (1 + momentum) + (1 + momentum * (1 + momentum)) if momentum else 2
        found = moved([1.0, 1.0], kind="sgd", momentum=momentum)["body.bias"][0]
        assert float(found) == pytest.approx(0.01 * ahead, rel=1e-4)
    assert not any(taken(kind="sgd", momentum=one) for one in (1, -0.1, math.nan))


@effect(*under(OPTIMIZERS, "adam_share"))
@extreme(*under(OPTIMIZERS, "adam_share"))
def test_what_muon_leaves_to_adamw_has_a_share_of_the_rate() -> None:
    for share in (1e-3, 0.1, 1.0, 10.0):
        found = moved([1.0], kind="muon", adam_share=share)
        assert float(found["head.weight"][0, 0]) == pytest.approx(0.01 * share, rel=1e-2)
        assert torch.equal(found["body.weight"], moved([1.0], kind="muon")["body.weight"])
    assert not any(taken(kind="muon", adam_share=one) for one in (0, -1, 1001, math.nan))


@effect(*under(OPTIMIZERS, "weight_decay"))
@extreme(*under(OPTIMIZERS, "weight_decay"))
def test_decay_takes_from_matrices_and_from_nothing_else() -> None:
    for kind in ("adamw", "sgd", "muon"):
        momentum = {"momentum": 0} if kind == "sgd" else {}
        plain = moved([0.0], kind=kind, **momentum)
        decayed = moved([0.0], kind=kind, weight_decay=0.5, **momentum)
        assert torch.equal(decayed["body.bias"], plain["body.bias"])
        assert float(decayed["body.weight"][0, 0]) == pytest.approx(0.01 * 0.5, rel=1e-3)
    assert taken(weight_decay=0)
    assert not any(taken(weight_decay=one) for one in (-0.1, math.nan))
    # More than all of a weight in one step is no decay.
    assert taken(learning_rate=0.5, weight_decay=1.9)
    assert not taken(learning_rate=0.5, weight_decay=2)
    assert not taken(learning_rate=0.5, rates={"head.": 4}, weight_decay=0.5)


@effect(*under(OPTIMIZERS, "schedule"))
def test_each_schedule_goes_its_way() -> None:
    def rates(schedule: str) -> list[float]:
        steps = (4, 9, 10, 55, 80, 99)
        return [round(at(step, schedule=schedule, warmup_steps=10), 3) for step in steps]

    assert rates("constant") == [0.5, 1, 1, 1, 1, 1]
    assert rates("cosine") == [0.5, 1, 1, 0.55, 0.205, 0.1]
    assert rates("cooldown") == [0.5, 1, 1, 1, 1, 0.05]
    assert rates("one-cycle") == [0.5, 1, 1, 0.5, 0.222, 0.011]
    assert rates("inverse-sqrt") == [0.5, 1, 0.953, 0.423, 0.351, 0.316]
    assert not taken(schedule="linear")


@effect(*under(OPTIMIZERS, "warmup_steps"))
@extreme(*under(OPTIMIZERS, "warmup_steps"))
def test_the_rate_grows_from_0_in_so_many_steps() -> None:
    assert [at(step, warmup_steps=4) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    assert at(0) == at(0, warmup_steps=1) == 1
    assert not taken(warmup_steps=-1)
    told = learn("pretrain.optimizer.warmup_steps", 9, loop={"max_steps": None, "epochs": 0.1})
    assert "the rate never reached its peak" in told.result.notes[0]
    require_end(OptimizerSettings(warmup_steps=4), LoopSettings(max_steps=4))
    with pytest.raises(ValueError, match="longer than the run of 4"):
        require_end(OptimizerSettings(warmup_steps=5), LoopSettings(max_steps=4))


@effect(*under(OPTIMIZERS, "cooldown_share"))
@extreme(*under(OPTIMIZERS, "cooldown_share"))
def test_the_cooldown_takes_its_share_of_the_steps() -> None:
    for share, first in ((0.01, 100), (0.2, 80), (0.6, 40), (1.0, 0)):
        rates = [at(step, schedule="cooldown", cooldown_share=share) for step in range(100)]
        falling = [step for step in range(100) if rates[step] < 1]
        assert falling == list(range(first + 1, 100))
    assert not any(taken(schedule="cooldown", cooldown_share=one) for one in (0, -1, 1.1))


@effect(*under(OPTIMIZERS, "grad_clip"))
@extreme(*under(OPTIMIZERS, "grad_clip"))
def test_the_gradient_is_cut_to_its_norm() -> None:
    # One step of plain descent moves all weights together by rate x norm at most.
    optimizer = {"kind": "sgd", "momentum": 0, "learning_rate": 0.1}
    for path in under(OPTIMIZERS, "grad_clip"):
        start = learn(path, optimizer={**optimizer, "learning_rate": 1e-12}, loop={"max_steps": 1})

        def far(clip: float, path: str = path, start: Any = start) -> float:
            found = learn(path, clip, optimizer=optimizer, loop={"max_steps": 1})
            squares = [
                (found.weights[key] - one).square().sum() for key, one in start.weights.items()
            ]
            return float(torch.stack(squares).sum().sqrt())

        assert far(0.01) == pytest.approx(0.1 * 0.01, rel=1e-3)
        assert far(0.0) == far(1e9) > 0.1 * 0.01
    assert not any(taken(grad_clip=one) for one in (-1, math.nan))


@refused(*under(OPTIMIZERS, "betas", "momentum", "adam_share", "cooldown_share"))
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kind": "sgd", "betas": [0.8, 0.9]}, "`betas` does nothing with kind: sgd"),
        ({"kind": "adam", "momentum": 0.5}, "`momentum` does nothing with kind: adam"),
        ({"momentum": 0.5}, "`momentum` does nothing with kind: adamw"),
        ({"kind": "sgd", "adam_share": 0.5}, "`adam_share` does nothing with kind: sgd, only"),
        ({"schedule": "cosine", "cooldown_share": 0.5}, "only with cooldown"),
        ({"cooldown_share": 0.5}, "nothing with schedule: constant"),
    ],
)
def test_a_setting_of_another_rule_is_refused(given: dict[str, Any], told: str) -> None:
    tree = {"collect": {"a": {"jsonl": {"path": "x"}}}, "pretrain": {"optimizer": given}}
    assert told in said(tree)


@refused(*under(OPTIMIZERS, "schedule", "warmup_steps"), *under(LOOPS, "max_steps"))
@pytest.mark.parametrize(
    ("optimizer", "loop", "told"),
    [
        ({"schedule": "inverse-sqrt"}, {"max_steps": 9}, "set `warmup_steps`"),
        ({"schedule": "cosine"}, {"patience": 2}, "depends on the last step"),
        ({"schedule": "one-cycle"}, {"max_seconds": 2}, "depends on the last step"),
        ({"warmup_steps": 10}, {"max_steps": 9}, "longer than the run of 9"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(
    optimizer: dict[str, Any], loop: dict[str, Any], told: str
) -> None:
    tree = {
        "collect": {"a": {"jsonl": {"path": "x"}}},
        "pretrain": {"optimizer": optimizer, "loop": loop},
    }
    assert told in said(tree)
