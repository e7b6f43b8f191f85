"""The precision of matrix products: fp32, or bf16 where the processor has it and it is faster."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import torch

_TRIES = 3


def precision_context(precision: str) -> contextlib.AbstractContextManager[Any]:
    """What the forward pass runs under: autocast to bfloat16, or nothing."""
    if precision == "bf16":
        return torch.autocast("cpu", torch.bfloat16)
    return contextlib.nullcontext()


def choose_precision(wanted: str, trial: Callable[[str], None]) -> str:
    """fp32 or bf16; for `auto` by trying both, which two runs may decide differently.

    Args:
        wanted: fp32, bf16 or auto.
        trial: Makes one forward and backward pass in a precision and leaves no trace.
    """
    if wanted != "auto":
        return wanted
    if not processor_has_bf16():
        return "fp32"
    fastest = {}
    for precision in ("fp32", "bf16"):
        trial(precision)  # allocates and packs: not timed
        times = []
        for _ in range(_TRIES):
            start = time.perf_counter()
            trial(precision)
            times.append(time.perf_counter() - start)
        fastest[precision] = min(times)
    # A margin, so that noise does not choose the less exact one.
    return "bf16" if fastest["bf16"] < 0.95 * fastest["fp32"] else "fp32"


def processor_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 numbers itself (AVX512-BF16 or AMX)."""
    # Absent before torch 2.10.
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
