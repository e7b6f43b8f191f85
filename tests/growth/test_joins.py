"""Tables of ten times the rows, answers, bad rows and folders, joined to a source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.growth.measure import assert_linear
from tilth.collect.join_tables import Joining
from tilth.context import Context
from tilth.errors import DataError
from tilth.recipe.operations import operations
from tilth.schema import SCHEMA, sample_id

# A table of so many rows, and what of it is joined how.
TABLES: Mapping[str, tuple[Callable[[int], str], dict[str, Any]]] = {
    "rows": (
        lambda n: "file_name,label\n" + "".join(f"a/{i}.png,x\n" for i in range(n)),
        {"fields": {"label": "label"}},
    ),
    "rows by stem": (
        lambda n: "file_name,label\n" + "".join(f"{i}.jpg,x\n" for i in range(n)),
        {"by": "stem"},
    ),
    "answers of one item": (
        lambda n: "file_name,who,said\n" + "".join(f"a/0.png,{i},x\n" for i in range(n)),
        {"answers": {"annotator": "who", "label": "said"}},
    ),
    "rows that fit nothing": (
        lambda n: "file_name,label\na/0.png,x\n" + "".join(f"b{i},x\n" for i in range(n)),
        {},
    ),
    "rows that cannot be read": (
        lambda n: "file_name,label\na/0.png,x\n" + "b,b,b\n" * n,
        {},
    ),
    "a table of which nothing fits": (
        lambda n: "file_name,label\n" + "".join(f"b{i},x\n" for i in range(n)),
        {},
    ),
    "folders in a key": (lambda n: "file_name,label\n" + "a/" * n + "0.png,x\n", {}),
}


@pytest.mark.parametrize("form", TABLES)
def test_a_joined_table_of_more(form: str, tmp_path: Path) -> None:
    text, given = TABLES[form]

    def make(n: int) -> Callable[[], object]:
        path = tmp_path / f"{n}.csv"
        path.write_text(text(n))
        settings = operations()["jsonl"].settings.model_validate(
            {"path": "any", "join": {"path": str(path), **given}}
        )
        uris = [f"photos/a/{i}.png" for i in range(min(n, 20_000))]
        columns = {
            "id": pa.array([sample_id("s", uri) for uri in uris]),
            "source": pa.array(["s"] * len(uris)),
            "uri": pa.array(uris),
            "label": pa.nulls(len(uris), SCHEMA["label"]),
        }
        batch = pa.RecordBatch.from_pydict(columns)

        def run() -> object:
            joining = Joining(settings, "s", Context(tmp_path / "work"))
            for at in range(0, len(uris), 1000):
                part = batch.slice(at, 1000)
                joining.add(part, part.schema)
            try:
                return [*joining.finish(whole=True)]
            except DataError:
                return None

        return run

    assert_linear(make, 100, 1000 if form == "folders in a key" else 5000)
