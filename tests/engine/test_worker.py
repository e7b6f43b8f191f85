"""What a worker tells of a task on its way."""

from __future__ import annotations

import time
from typing import Any

from tilth.engine.worker import Teller


def test_what_was_said_last_is_told_soon() -> None:
    told: list[dict[str, Any]] = []
    teller = Teller(told.append, every_s=0.05)
    for done in range(1, 1001):
        teller(done, 1000, "loss 0.3")
    # At once after the phase before, and then silent for long: it would be dropped.
    teller(0, None, "measuring the test split")
    time.sleep(0.2)
    assert told[0] == {"progress": [1, 1000, "loss 0.3"]}
    assert told[-1] == {"progress": [0, None, "measuring the test split"]}
    assert len(told) <= 4


def test_nothing_is_told_of_a_task_that_is_done() -> None:
    told: list[dict[str, Any]] = []
    teller = Teller(told.append, every_s=0.05)
    teller(1, 2, "")
    teller(2, 2, "late")
    teller.close()
    time.sleep(0.15)
    # It would be taken for a word of the step that comes next.
    assert told == [{"progress": [1, 2, ""]}]
