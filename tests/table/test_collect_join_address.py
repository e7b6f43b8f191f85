"""The settings of a joined table that is at an address."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.collect.joined import run
from tests.engine.inline import inline
from tests.table.entries import effect, extreme, idle, name, unordered
from tests.web.sites import Reply, Site, running
from tilth.collect.joins import Join
from tilth.errors import RecipeError, TilthError
from tilth.recipe.load import parse_recipe
from tilth.settings import acting

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")

_TABLE = b"text,kind\nOne.,first\n"
_PLACE = "collect.join."


def _recipe(folder: Path, **join: Any) -> str:
    (folder / "a.jsonl").write_text('{"text": "One."}\n')
    given = {"by": "text", "key": "text", "fields": {"label": "kind"}, **join}
    source = {"jsonl": {"path": str(folder / "a.jsonl"), "join": given}}
    return yaml.safe_dump({"tilth": 1, "name": "t", "collect": {"a": source}})


@effect(*(_PLACE + one for one in ("url", "headers", "sha256", "size")))
def test_a_table_is_fetched_as_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLE_KEY", "opensesame")
    with running(Site({"/t.csv": Reply(_TABLE)})) as site:
        at = {"url": f"{site.root}/t.csv", "allow_hosts": [f"127.0.0.1:{site.port}"]}
        right = {"sha256": hashlib.sha256(_TABLE).hexdigest(), "size": len(_TABLE)}
        right |= {"headers": {"X-Key": "${TABLE_KEY}"}}
        (row,) = run(tmp_path, _recipe(tmp_path, **at, **right)).to_arrow().to_pylist()
        assert row["label"] == "first"
        assert [one["x-key"] for one in site.headers] == ["opensesame"]
        for wrong in ({"sha256": "0" * 64}, {"size": 5}, {"url": f"{site.root}/none.csv"}):
            folder = tmp_path / next(iter(wrong))
            folder.mkdir()
            with pytest.raises(TilthError):
                run(folder, _recipe(folder, **{**at, **wrong}))
        assert "x-key" not in site.headers[-1]


@idle(*(_PLACE + one for one in ("url", "headers", "sha256", "size")))
@unordered("collect.join.headers")
def test_where_it_is_had_from_is_no_part_of_a_step() -> None:
    """What it holds is: by the fingerprint."""
    plain = acting(Join(url="https://a.org/t.csv"))
    given = {"sha256": "0" * 64, "size": 9, "headers": {"A": "b", "C": "d"}}
    assert acting(Join.model_validate({"url": "https://b.org/u.csv", **given})) == plain
    given["headers"] = {"C": "d", "A": "b"}
    assert acting(Join.model_validate({"url": "https://b.org/u.csv", **given})) == plain


@name(*(_PLACE + one for one in ("url", "headers", "sha256")))
@extreme("collect.join.size")
def test_what_is_no_address_secret_digest_or_size_is_refused(tmp_path: Path) -> None:
    for wrong, cause in (
        ({"url": "ftp://a.org/t.csv"}, "only http and https"),
        ({"url": "nowhere"}, "only http and https"),
        ({"headers": {"Host": "b.org"}}, "is not a header that a source may set"),
        ({"headers": {"X": "${TABLE_NO_SUCH}"}}, "TABLE_NO_SUCH"),
        ({"sha256": "xyz"}, "sha256"),
        ({"size": -1}, "size"),
        ({"size": 1.5}, "size"),
    ):
        with pytest.raises(RecipeError) as caught:
            parse_recipe(_recipe(tmp_path, **{"url": "https://a.org/t.csv", **wrong}))
        assert cause in str(caught.value.problems) + str(caught.value), wrong
    parse_recipe(_recipe(tmp_path, url="https://a.org/t.csv", size=1 << 62))
