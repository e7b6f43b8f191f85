"""How exactly matrices are multiplied: what `auto` takes, and that nothing else changes."""

from __future__ import annotations

import time

import pytest
import torch

from tilth.training import precision as module
from tilth.training.precision import (
    autocast,
    choose_precision,
    is_emulated,
    precision_of_evaluation,
    rounds_inside,
    set_precision,
)

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _as_before() -> object:
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("wanted", ["fp32", "fp32-fast", "bf16"])
def test_what_is_asked_for_by_name_is_not_tried(wanted: str) -> None:
    assert choose_precision(wanted, CPU, lambda _: pytest.fail("it was tried")) == wanted


@pytest.mark.parametrize("fastest", ["fp32", "fp32-fast", "bf16"])
def test_auto_takes_the_fastest(fastest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "processor_has_bf16", lambda: True)
    tried: list[str] = []

    def trial(precision: str) -> None:
        tried.append(precision)
        time.sleep(0.0 if precision == fastest else 0.01)

    assert choose_precision("auto", CPU, trial) == fastest
    assert set(tried) == {"fp32", "fp32-fast", "bf16"}


def test_bf16_is_not_tried_where_it_is_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "processor_has_bf16", lambda: False)
    tried: list[str] = []
    choose_precision("auto", CPU, tried.append)
    assert set(tried) == {"fp32", "fp32-fast"}
    monkeypatch.setattr("tilth.training.precision.platform.machine", lambda: "x86_64")
    assert is_emulated("bf16", CPU)
    assert not is_emulated("fp32", CPU)
    monkeypatch.setattr(module, "processor_has_bf16", lambda: True)
    assert not is_emulated("bf16", CPU)


def test_a_little_faster_is_not_enough_for_fewer_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "processor_has_bf16", lambda: True)
    now = [0.0]
    monkeypatch.setattr("tilth.training.precision.time.perf_counter", lambda: now[0])
    seconds = {"fp32": 2.0, "fp32-fast": 1.0, "bf16": 0.95}

    def trial(precision: str) -> None:
        now[0] += seconds[precision]

    assert choose_precision("auto", CPU, trial) == "fp32-fast"
    seconds["bf16"] = 0.9
    assert choose_precision("auto", CPU, trial) == "bf16"


def test_measuring_leaves_the_precision_as_it_was() -> None:
    set_precision("fp32")
    fast = "highest" if rounds_inside() else "medium"
    with precision_of_evaluation():
        assert torch.get_float32_matmul_precision() == fast
    assert torch.get_float32_matmul_precision() == "highest"
    for precision, kept in (("fp32", "highest"), ("bf16", fast), ("fp32-fast", fast)):
        with precision_of_evaluation(precision):
            assert torch.get_float32_matmul_precision() == kept
    with pytest.raises(RuntimeError), precision_of_evaluation():
        raise RuntimeError
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.parametrize("precision", ["fp32", "fp32-fast"])
def test_products_are_exact_to_the_digits_of_fp32(precision: str) -> None:
    """On any processor: one that rounds to bf16 inside is off by a hundredth."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(300, 300, generator=generator) for _ in range(2))
    set_precision(precision)
    torch.testing.assert_close((a @ b).double(), a.double() @ b.double(), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("amx", "gpu"), [(True, False), (True, True), (False, False)])
def test_only_a_processor_with_amx_would_round(
    amx: bool, gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_capabilities", lambda: {"amx_bf16": amx, "avx512_bf16": True})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    set_precision("fp32-fast")
    rounds = amx and not gpu
    assert torch.get_float32_matmul_precision() == ("highest" if rounds else "medium")
    set_precision("bf16")
    assert torch.get_float32_matmul_precision() == "medium"


def test_only_bf16_casts() -> None:
    x = torch.ones(2, 2)
    for precision, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with autocast(precision, CPU):
            assert (x @ x).dtype == kind
