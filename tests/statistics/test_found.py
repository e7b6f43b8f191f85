"""What statistics says is kept without what computed it."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

from tilth.statistics.found import Verdict
from tilth.statistics.paired import Interval, verdict


def test_it_loads_no_numpy() -> None:
    code = "import sys, tilth.statistics.found; print('numpy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_each_verdict_can_be_reached() -> None:
    intervals = [(1.0, 2.0), (-2.0, -1.0), (-0.1, 0.1), (-1.0, 1.0)]
    found = [verdict(Interval((low + high) / 2, low, high), 0.5) for low, high in intervals]
    # That nothing was changed no interval says.
    assert [*found, "nothing changed"] == list(get_args(Verdict))
