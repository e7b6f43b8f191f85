"""A model is built from its settings by its kind, with the weights that it always had."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch

from tests.training.samples import same_bits, tiny_mlp, weights_of
from tilth.errors import ExtensionError, UsageError
from tilth.models import build
from tilth.models.build import build_model, count_parameters
from tilth.models.declare import NetworkSettings
from tilth.models.facts import Sizes
from tilth.models.mlp import network
from tilth.models.registry import declarations
from tilth.models.settings import model_settings

SIZES = Sizes(vocabulary=20, image=(3, 8, 8), mels=12)
# Of seed 7: numbers, and their sum with another factor at each place. Whoever changes these changes
# what every recipe with the model learns.
WEIGHTS: list[tuple[dict[str, Any], int, int, float]] = [
    ({"kind": "cnn"}, 4, 13_604, 18.970532),
    ({"kind": "ctc"}, 4, 128_836, 15.009794),
    ({"kind": "gpt"}, 0, 790_144, -7.870760),
    ({"kind": "gpt"}, 4, 790_660, -8.481440),
    ({"kind": "gpt", "positions": "learned", "bias": True}, 0, 812_288, 13.909205),
    ({"kind": "mlp"}, 4, 25_220, 0.813955),
    ({"kind": "resnet"}, 4, 1_976_484, -8.806533),
    ({"kind": "resnet", "block": "bottleneck"}, 4, 3_422_372, 59.263922),
    ({"kind": "seq2seq"}, 0, 3_941_632, -34.099148),
]


def test_a_seed_fixes_the_weights_and_the_global_generator_stays() -> None:
    before = torch.random.get_rng_state()
    assert same_bits(weights_of(tiny_mlp(1)), weights_of(tiny_mlp(1)))
    assert not same_bits(weights_of(tiny_mlp(1)), weights_of(tiny_mlp(2)))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(("written", "classes", "count", "total"), WEIGHTS)
def test_a_seed_gives_the_weights_that_it_always_gave(
    written: dict[str, Any], classes: int, count: int, total: float
) -> None:
    sizes = SIZES.model_copy(update={"classes": classes})
    model = build_model(model_settings(written), sizes, seed=7)
    weights = torch.cat([p.detach().double().flatten() for p in model.parameters()])
    assert count_parameters(model) == len(weights) == count
    factors = torch.arange(count).double().cos()
    assert (weights @ factors).item() == pytest.approx(total, abs=1e-4)


def test_every_model_has_such_figures() -> None:
    assert {written["kind"] for written, *_ in WEIGHTS} == {d.kind for d in declarations()}


def test_a_network_larger_than_the_memory_is_refused_unmade(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """784,000 numbers and their gradients are 6 MB."""
    settings = model_settings({"kind": "gpt"})
    monkeypatch.setattr(build, "memory_limit", lambda: 5 << 20)
    with pytest.raises(UsageError, match=r"a gpt of [\d,]+ numbers needs .* GiB") as caught:
        build_model(settings, SIZES, seed=0)
    assert caught.value.code == "too-large"
    for enough in (8 << 20, 0):  # 0: it is not known
        monkeypatch.setattr(build, "memory_limit", lambda enough=enough: enough)
        assert count_parameters(build_model(settings, SIZES, seed=0)) == 790_144


def test_what_is_no_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "make", lambda settings, sizes: None)
    with pytest.raises(ExtensionError, match=r"`make` of model mlp gives a NoneType, no torch\.nn"):
        build_model(model_settings({"kind": "mlp"}), SIZES, seed=0)


def test_settings_of_a_kind_that_is_not_there_build_nothing() -> None:
    class OtherSettings(NetworkSettings):
        kind: Literal["other"] = "other"

    with pytest.raises(UsageError, match="no model of kind `other`") as caught:
        build_model(OtherSettings(), SIZES, seed=0)
    assert "gpt" in caught.value.hint
