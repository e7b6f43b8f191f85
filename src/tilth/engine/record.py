"""Read a run's record, `run.json`, of a run that is over, goes on, or was killed.

While a run goes on, each finished step is appended to a journal beside the record, which names it:
writing the whole record for every step would take time that grows with the square of their number.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from tilth.store.files import read_json

RECORD = "run.json"
JOURNAL = "journal"


def read_record(path: Path) -> dict[str, Any]:
    """The record with all steps that are finished, those in its journal too.

    Args:
        path: `run.json`, or an entry of `history/`, which is always whole.

    Raises:
        ValueError: It is not JSON.
    """
    record: dict[str, Any] = read_json(path)
    journal = record.pop(JOURNAL, None) if isinstance(record, dict) else None
    if journal is None:
        return record
    steps = {step["name"]: step for step in [*record["steps"], *_lines(path.parent / journal)]}
    record["steps"] = list(steps.values())
    record["unreached"] = [s for s in record.get("unreached", []) if s["name"] not in steps]
    return record


def _lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a journal; a kill may have cut the last one."""
    found: list[dict[str, Any]] = []
    # Absent where the run ended between the reading of the record and now.
    with contextlib.suppress(FileNotFoundError):
        for line in path.read_bytes().decode("utf-8", "surrogatepass").split("\n")[:-1]:
            found.append(json.loads(line))
    return found
