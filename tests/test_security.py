"""What SECURITY.md says that no room's own tests show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from tests.table.whole import run
from tilth.clean.personal import Kind
from tilth.clean.redact import redact
from tilth.errors import RecipeError
from tilth.recipe.load import load_recipe

SAID = "Greta Holm, 12 Mill Road, Leeds, wrote as greta.holm@mailbox.se"


def test_names_and_street_addresses_are_not_found() -> None:
    text, counts = redact(SAID, get_args(Kind))
    assert text == SAID.replace("greta.holm@mailbox.se", "[EMAIL]")
    assert sum(counts.values()) == 1


def test_show_and_trace_show_the_data_and_the_report_does_not(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": SAID}) + "\n", "utf-8")
    done = run({"collect": {"a": {"jsonl": {"path": str(tmp_path / "a.jsonl")}}}}, tmp_path)
    (sample,) = done.show("collect.a").rows
    assert "greta.holm@mailbox.se" in sample.excerpt
    assert "greta.holm@mailbox.se" in str(done.trace(sample.id))
    for path in done.folder.glob("*.*"):
        if path.suffix in (".html", ".json", ".md"):
            assert "greta.holm" not in path.read_text("utf-8"), path.name


def test_a_recipe_is_bounded_in_size(tmp_path: Path) -> None:
    path = tmp_path / "long.yaml"
    path.write_text("name: long\n" + "# more\n" * 200_000, "utf-8")
    with pytest.raises(RecipeError, match="a recipe has at most"):
        load_recipe(path)
