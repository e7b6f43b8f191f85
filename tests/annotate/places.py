"""A small finished run to order from, and people who answer."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.table.whole import read, run
from tilth.annotate.ledger import open_ledger
from tilth.annotate.order import Ordered, order
from tilth.annotate.source import Source
from tilth.annotate.take import Taken, take

CLASSES = ("cat", "dog")
# From a sample's text and the name of its task to an answer.
Says = Callable[[str, str], str | None]


def truth(text: str) -> str:
    """What a text is of, which it says by its number."""
    return CLASSES[int(text.split()[1]) % 2]


def tree_of(folder: Path, num: int = 40, labelled: int = 10, **annotate: Any) -> dict[str, Any]:
    """A recipe over texts, the first of which have known answers."""
    path = folder / f"texts-{num}-{labelled}.jsonl"
    if not path.exists():
        rows = [
            {
                "text": f"number {n} of many",
                "kind": "odd" if n % 5 == 0 else "even",
                "label": CLASSES[n % 2] if n < labelled else None,
            }
            for n in range(num)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = {"question": "What is it?", "classes": [*CLASSES], "ledger": str(folder / "ledger")}
    return {
        "name": "mine",
        "collect": {"texts": {"jsonl": {"path": str(path), "fields": {"label": "label"}}}},
        "clean": ["normalize"],
        "annotate": {**asked, **annotate},
    }


def source_of(folder: Path, num: int = 40, labelled: int = 10, **annotate: Any) -> Source:
    """The finished data of that recipe."""
    tree = tree_of(folder, num, labelled, **annotate)
    run(tree, folder)
    return Source(read(tree), folder / "runs")


def tasks_of(ordered: Ordered) -> list[dict[str, str]]:
    """The tasks of an order in CSV."""
    with open(Path(ordered.folder) / "tasks.csv", newline="") as file:
        return list(csv.DictReader(file))


def write_answers(path: Path, rows: Iterable[Iterable[object]]) -> Path:
    """A long table: item, annotator, label, and seconds where rows have them."""
    made = [[*row] for row in rows]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("item", "annotator", "label", "seconds")[: len(made[0])])
        writer.writerows(made)
    return path


def answered(path: Path, ordered: Ordered, people: Mapping[str, Says]) -> Path:
    """What people answer to the tasks of an order."""
    return write_answers(
        path,
        (
            (task["item"], who, said, 3)
            for task in tasks_of(ordered)
            for who, says in people.items()
            if (said := says(task["text"], task["item"])) is not None
        ),
    )


def right(text: str, _: str) -> str:
    """Always."""
    return truth(text)


def wrong(text: str, _: str) -> str:
    """Always."""
    return CLASSES[1 - CLASSES.index(truth(text))]


def one_round(folder: Path, source: Source, people: Mapping[str, Says], **how: Any) -> Taken:
    """A round, ordered and answered."""
    number = len(open_ledger(source.ledger).rounds) + 1
    made = order(source, to=folder / f"round-{number}", **how)
    (taken,) = take(source, [answered(folder / f"back-{number}.csv", made, people)])
    return taken
