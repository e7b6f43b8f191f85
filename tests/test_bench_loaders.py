"""What `make bench-loaders` compares gives the same samples, whichever library reads them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.bench_loaders import measure, ratios
from benchmarks.loader_arms import arms_of, arms_of_texts, lay_out, many_texts

from tests.engine.inline import use_inline


@pytest.fixture(autouse=True)
def _inline(monkeypatch: pytest.MonkeyPatch) -> None:
    use_inline(monkeypatch)


def _sums(batches: Any) -> list[float]:
    """What the values of each sample add up to, in order of size."""
    found: list[float] = []
    for batch in batches:
        values: torch.Tensor
        if isinstance(batch, dict):
            values = batch["image"] if "image" in batch else batch["audio"]
        else:
            values = batch[0]
        found += values.double().flatten(1).sum(1).tolist()
    return sorted(found)


@pytest.mark.parametrize("kind", ["jpeg-32", "sound"])
def test_arms_give_the_same_samples(kind: str, tmp_path: Path) -> None:
    data = lay_out(kind, 20, tmp_path)
    arms = {
        name: start
        for name, start in arms_of(data).items()
        if name not in ("webdataset", "datasets") or find_spec(name)
    }
    sums = {name: _sums(start()(0)) for name, start in arms.items()}
    assert len(sums["torch, files"]) == 20
    for name, found in sums.items():
        assert found == pytest.approx(sums["torch, files"]), name
    figures = measure(arms, data, 1)
    assert all(rates[0] > 0 for one in figures.values() for rates in one.values())
    assert "to_torch / torch, files" in ratios(figures, "first")


def test_arms_of_windows_read_the_same_tokens(tmp_path: Path) -> None:
    data = lay_out("windows", 30, tmp_path)
    arms = arms_of(data)
    counts = {
        name: torch.cat([next(iter(_values(batch))) for batch in arms[name]()(0)])
        for name in ("torch, files", "to_torch_windows", "to_torch_loader(window=)")
    }
    theirs = set(counts.pop("torch, files").flatten().tolist())
    for found in counts.values():
        # Ours leaves no token out at the end; of these texts a few at most.
        assert theirs <= set(found.flatten().tolist())
        assert found.shape[1] == 128


def _values(batch: Any) -> Any:
    return batch.values() if isinstance(batch, dict) else batch


def test_arms_of_texts_begin_with_a_batch_of_them(tmp_path: Path) -> None:
    data = many_texts(200, tmp_path)
    for name in ("torch, lines", "to_torch", "to_torch_loader"):
        batch = next(arms_of_texts(data)[name]()(0))
        texts = batch["text"] if isinstance(batch, dict) else batch
        assert len(set(texts)) == 64, name
