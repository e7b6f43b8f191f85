"""How a store is reached: told in one way by every source that reads from one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.table.entries import effect, idle, name
from tests.table.listed import settings as all_settings
from tests.table.sources import Tree, settings
from tilth.collect.joins import Join
from tilth.errors import MissingError
from tilth.reading.fetching import access_of
from tilth.recipe.operations import operation
from tilth.settings import acting
from tilth.web import objects

STORES = tuple(path for path in all_settings() if path.endswith(".storage"))
HOST = "127.0.0.1"
SAID: Tree = {
    "endpoint": f"http://{HOST}:9000",
    "region": "eu-central-1",
    "profile": "mine",
    "anon": True,
}


def _of(setting: str, /, **given: Any) -> Any:
    """Settings of the source, or of a joined table, that reads from a store."""
    source = setting.split(".")[1]
    if source == "join":
        return Join.model_validate({"path": "s3://a-bucket/t.csv", "key": "file", **given})
    tree = settings(source, "s3://a-bucket/x", "path", **given)
    return operation(source).settings.model_validate(tree)


def _each(*names: str) -> tuple[str, ...]:
    return tuple(f"{path}.{name}" for path in STORES for name in names)


@effect(*STORES, "collect.join.allow_hosts", *_each(*SAID))
def test_a_store_is_reached_as_is_said(path: str) -> None:
    plain, asked = access_of(_of(path)), access_of(_of(path, storage=SAID, allow_hosts=[HOST]))
    assert {name: getattr(asked, name) for name in SAID} == SAID
    assert asked.allow_hosts == {HOST}
    last = path.rpartition(".")[2]
    if last in SAID:
        one = access_of(_of(path, storage={last: SAID[last]}, allow_hosts=[HOST]))
        assert getattr(one, last) == SAID[last]
        assert not getattr(plain, last)


@idle(*STORES, "collect.join.allow_hosts", "collect.join.path")
def test_how_a_store_is_reached_is_no_part_of_a_step(path: str) -> None:
    """What it holds is: by the fingerprint."""
    assert acting(_of(path)) == acting(_of(path, storage=SAID, allow_hosts=[HOST]))
    if path == "collect.join.path":
        assert acting(_of(path)) == acting(_of(path, path="s3://a-bucket/other.csv"))


@name(*_each("endpoint"), "collect.join.allow_hosts")
def test_an_endpoint_that_is_none_is_refused(path: str) -> None:
    for wrong in ("nowhere", "ftp://a.org"):
        with pytest.raises(ValueError, match="only http and https"):
            _of(path, storage={"endpoint": wrong})
    with pytest.raises(ValueError, match="not a host name"):
        _of(path, storage=SAID, allow_hosts=["a/b"])


@name(*_each("profile"))
def test_a_profile_that_is_none_is_refused(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(one, str(tmp_path / "none"))
    access = access_of(_of(path, storage={"profile": "nobody"}))
    with pytest.raises(MissingError, match=r"profile \(nobody\) could not be found"):
        objects.find("s3://a-bucket/x", access)
