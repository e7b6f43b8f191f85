"""How exactly, and how fast, matrices are multiplied.

fp32        torch's default: on x86 by MKL, which does not use all that an AMD processor has
fp32-fast   fp32 numbers, multiplied by oneDNN: 2.2 times as fast on such a processor (measured)
            and equally exact; where the processor has AMX, for which oneDNN would round to bf16
            inside, as fp32
bf16        autocast: products and activations in bfloat16, weights and sums in fp32

On a GPU `fp32-fast` multiplies in TF32; convolutions do so in `fp32` too, which is torch's default.
"""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

_TRIES = 3


def set_precision(precision: str) -> None:
    """Set torch's process-wide choice of matrix products; `autocast` does the rest of bf16."""
    exact = precision == "fp32" or (precision == "fp32-fast" and rounds_inside())
    torch.set_float32_matmul_precision("highest" if exact else "medium")


def rounds_inside() -> bool:
    """Whether fp32 products by oneDNN are rounded to bf16 inside: by AMX, in three digits.

    Figures would then hang on the processor and on how many samples are measured at once. Beside a
    GPU the same switch of torch's is for its TF32, and stays.
    """
    return bool(_capabilities().get("amx_bf16")) and not torch.cuda.is_available()


@contextlib.contextmanager
def precision_of_evaluation(precision: str = "fp32-fast") -> Iterator[None]:
    """fp32 where the training uses that, or else fp32-fast; then as it was before."""
    before = torch.get_float32_matmul_precision()
    set_precision("fp32" if precision == "fp32" else "fp32-fast")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def autocast(precision: str, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """What the forward pass runs under: autocast to bfloat16, or nothing."""
    if precision == "bf16":
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def choose_precision(wanted: str, device: torch.device, trial: Callable[[str], None]) -> str:
    """The wanted precision; for `auto` the fastest, found by trying, so two runs may differ.

    Args:
        wanted: fp32, fp32-fast, bf16 or auto.
        device: On a GPU that has bf16, `auto` is that, without a trial.
        trial: Makes one forward and backward pass in a precision and leaves no trace.
    """
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32-fast"
    candidates = ["fp32", "fp32-fast", *(["bf16"] if processor_has_bf16() else [])]
    fastest = {}
    for precision in candidates:
        set_precision(precision)
        trial(precision)  # allocates and packs: not timed
        times = []
        for _ in range(_TRIES):
            start = time.perf_counter()
            trial(precision)
            times.append(time.perf_counter() - start)
        # A margin for what is as exact as fp32, so that noise does not choose what is less so.
        fastest[precision] = min(times) * (1.1 if precision == "bf16" else 1.0)
    return min(fastest, key=lambda precision: fastest[precision])


def is_emulated(precision: str, device: torch.device) -> bool:
    """Whether it is bf16 on an x86 processor that must compute it in fp32: many times slower."""
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return precision == "bf16" and device.type == "cpu" and x86 and not processor_has_bf16()


def processor_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 numbers itself (AVX512-BF16 or AMX)."""
    found = _capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def _capabilities() -> dict[str, bool]:
    """What the processor can; nothing is known before torch 2.10."""
    found: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return found
