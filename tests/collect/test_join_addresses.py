"""Tables at an address, joined to sources."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.collect.joined import run
from tests.engine.inline import inline
from tests.web.sites import Reply, Site, running
from tilth.errors import RecipeError, TilthError
from tilth.recipe.load import parse_recipe
from tilth.recipe.plan import build_plan

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")


def _recipe(source: dict[str, Any]) -> str:
    return yaml.safe_dump({"tilth": 1, "name": "joined", "collect": {"a": source}})


def _served(site: Site, table: bytes) -> dict[str, Any]:
    """Samples at an address, and a table at another that has the same name there."""
    site.pages["/a/rows.csv"] = Reply(b"text,n\nOne.,1\nTwo.,2\n")
    site.pages["/b/rows.csv?token=s3cretInTheUrl"] = Reply(table)
    hosts = [f"127.0.0.1:{site.port}"]
    join: dict[str, Any] = {
        "url": f"{site.root}/b/rows.csv?token=${{PLANTED}}",
        "key": "text",
        "by": "text",
    }
    join |= {"fields": {"label": "kind"}, "allow_hosts": hosts}
    return {"url": f"{site.root}/a/rows.csv", "allow_hosts": hosts, "join": join}


def test_a_table_at_an_address_beside_a_source_at_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED", "s3cretInTheUrl")
    table = b"text,kind\nOne.,first\nTwo.,second\n"
    with running(Site()) as site:
        source = _served(site, table)
        source["join"] |= {"headers": {"X-Key": "${PLANTED}"}, "size": len(table)}
        source["join"] |= {"sha256": hashlib.sha256(table).hexdigest()}
        dataset = run(tmp_path, _recipe({"csv": source}))
        rows = dataset.to_arrow().to_pylist()
        assert [(row["text"], row["label"]) for row in rows] == [
            ("One.", "first"),
            ("Two.", "second"),
        ]
        assert site.asked["/b/rows.csv?token=s3cretInTheUrl"] == 1
        assert [one.get("x-key") for one in site.headers if "x-key" in one] == ["s3cretInTheUrl"]
    assert not (dataset.path / "passed_over.parquet").exists()
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"s3cret" not in path.read_bytes(), path


def test_a_table_at_an_address_that_is_another_is_not_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED", "s3cretInTheUrl")
    with running(Site()) as site:
        source = _served(site, b"text,kind\nOne.,first\n")
        source["join"]["sha256"] = "0" * 64
        with pytest.raises(TilthError, match=r"SHA-256|sha256|digest") as caught:
            run(tmp_path, _recipe({"csv": source}))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("join", "said"),
    [
        ({"url": "https://x.test/a.csv", "path": "a.csv"}, "exclude each other"),
        ({"sha256": "0" * 64}, "belong to"),
        ({"path": "a.csv", "size": 3}, "belong to `url`"),
        ({"headers": {"A": "b"}}, "belong to a `url`"),
        ({"url": "http://127.0.0.1/a.csv"}, "private|allow_hosts"),
    ],
)
def test_an_address_that_does_not_fit(join: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        build_plan(parse_recipe(_recipe({"jsonl": {"path": "a.jsonl", "join": join}}), "r.yaml"))
    assert re.search(said, str(caught.value.problems)), caught.value.problems
