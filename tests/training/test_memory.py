"""Memory that a step frees is kept for the next one."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

_CODE = """
import resource, sys
import numpy as np
from tilth.training.memory import keep_free_memory

if sys.argv[1:]:
    keep_free_memory()

def step():
    # Too many for the last free piece to be the only one at the end of the heap.
    return len([np.ones(1 << 17) for _ in range(8)])

step(), step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are glibc's")
def test_freed_memory_is_not_faulted_in_again() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    by_itself, kept = (
        int(
            subprocess.run(
                [sys.executable, "-c", _CODE, *option],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for option in ([], ["kept"])
    )
    assert by_itself > 1000
    assert kept < 100
