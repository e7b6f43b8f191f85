"""The cache of `huggingface_hub`, found where that library looks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tilth.store.hub_cache import cached_commit, hub_cache, is_commit, is_offline, storage_of

COMMIT = "0123456789" * 4


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("XDG_CACHE_HOME", "HF_HOME", "HUGGINGFACE_HUB_CACHE", "HF_HUB_CACHE")
    for name in (*names, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub_cache() == Path.home() / ".cache" / "huggingface" / "hub"
    for name, value, found in (
        ("XDG_CACHE_HOME", "/x", "/x/huggingface/hub"),
        ("HF_HOME", "/h", "/h/hub"),
        ("HUGGINGFACE_HUB_CACHE", "/old", "/old"),
        ("HF_HUB_CACHE", "/c", "/c"),
    ):
        monkeypatch.setenv(name, value)
        assert hub_cache() == Path(found)
    assert storage_of("datasets", "me/ds") == Path("/c/datasets--me--ds")


def test_whether_it_may_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_offline()
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "yes")
    assert is_offline()
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "0")
    assert not is_offline()


@pytest.mark.parametrize(
    ("data", "found"),
    [(COMMIT, COMMIT), (f"{COMMIT}\n", COMMIT), ("main", None), (COMMIT + "0", None), ("", None)],
)
def test_what_a_branch_was(data: str, found: str | None, tmp_path: Path) -> None:
    (tmp_path / "refs" / "pr").mkdir(parents=True)
    (tmp_path / "refs" / "pr" / "1").write_text(data)
    assert cached_commit(tmp_path, "pr/1") == found
    assert cached_commit(tmp_path, "main") is None
    assert is_commit(COMMIT)
    assert not is_commit("main")
