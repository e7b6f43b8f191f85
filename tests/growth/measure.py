"""Grow an input tenfold and compare the processor time that it takes."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable

# What a tenfold input may take, as a multiple. Ten is linear; the rest is for caches and the clock.
MOST = 15.0
# Below this a time is mostly that of the clock and of the machine.
_LEAST_S = 0.005
# What grows with the square hides behind what is linear and slower, until it is large.
_ENOUGH_S = 0.03

# From a size to what is run; what it takes to make the input is not measured.
Make = Callable[[int], Callable[[], object]]


def cpu_s(run: Callable[[], object]) -> float:
    """Seconds of the processor, those of child processes that have ended too."""
    # The collector looks at all that lives, and when it does so is no property of what is run.
    gc.disable()
    try:
        before = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
        run()
        after = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    finally:
        gc.enable()
    children = (r.ru_utime + r.ru_stime for r in (after[1], before[1]))
    return after[0] - before[0] + next(children) - next(children)


def least_s(run: Callable[[], object], enough_s: float = 0.0) -> float:
    """Seconds of the processor: the least of three, or of fewer where that is little enough.

    What runs beside takes caches and cores from one and not from the next.
    """
    best = cpu_s(run)
    for _ in range(2):
        if best < enough_s:
            break
        best = min(best, cpu_s(run))
    return best


def assert_linear(make: Make, start: int, largest: int) -> None:
    """Fail where a tenfold input takes more than `MOST` times as long.

    The smaller input is doubled up to the largest size, or until it takes so long that what does
    not grow, or grows in proportion, cannot hide what grows faster.

    Args:
        make: Gives what to run over an input of a size.
        start: The smallest size.
        largest: Where doubling ends; ten times that is the most that is run.
    """
    tiny = make(max(1, start // 10))
    tiny()  # what is loaded, compiled or cached at the first call
    wanted = max(_ENOUGH_S, 3 * cpu_s(tiny))
    size = start
    while True:
        small = make(size)
        small_s = cpu_s(small)
        if small_s >= wanted or size >= largest:
            break
        size = min(2 * size, largest)
    large = make(10 * size)
    rounds = []
    for _ in range(3):
        # Side by side, so that a machine that is busy with others is so for both.
        small_s = least_s(small)
        large_s = cpu_s(large)
        # Where even the largest takes next to nothing, a tick of the clock would be a factor.
        rounds.append(large_s / max(small_s, _LEAST_S))
        if rounds[-1] <= MOST:
            return
    raise AssertionError(
        f"{10 * size:,} take {large_s:.3f} s and {size:,} take {small_s:.4f} s: at best "
        f"{min(rounds):.0f} times as long"
    )
