"""A folder of pictures and a run over it, for tests of what is joined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from tests.engine.inline import place, plan_of, run_inline
from tilth.store import Dataset


def pictures(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names or ("0/p0.png", "0/p1.png", "1/p2.png", "1/p3.png")):
        (folder / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), number).save(folder / "photos" / name)
    return folder / "photos"


def run(folder: Path, text: str, **options: Any) -> Dataset:
    run_inline(text, folder / "run", **options)
    return Dataset(place(folder / "run", plan_of(text), "collect.a"))


def rows_of(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """The rows by the last part of their address, without what is empty."""
    rows = dataset.to_arrow().to_pylist()
    return {
        row["uri"].rpartition("/")[2]: {
            key: value for key, value in row.items() if value is not None
        }
        for row in rows
    }
