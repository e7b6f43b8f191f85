"""What is written as ONNX answers as the network does, at sizes that it was not traced with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.export.models import FAMILIES, models_of, save
from tilth.errors import DataError, MissingError
from tilth.export import onnx as exported
from tilth.export.onnx import BATCHES, Graph, Tried, difference, write_onnx
from tilth.models.facts import Sizes
from tilth.models.gpt import GPTSettings
from tilth.models.seq2seq.network import Seq2Seq
from tilth.pretrain.weights import load_model
from tilth.recipe.load import starters

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")


def _lengths(batch: int, longest: int) -> Tensor:
    lengths = torch.randint(1, longest + 1, (batch,))
    lengths[batch // 2] = longest
    return lengths


def _ask(path: Path, *inputs: Tensor) -> list[Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    found: list[Any] = session.run(
        None, {name: one.numpy() for name, one in zip(names, inputs, strict=True)}
    )
    return found


def _answers(model: nn.Module, sizes: Sizes, folder: Path, batch: int, length: int) -> None:
    """Ask the network and its files the same, and compare."""
    with torch.inference_mode():
        if sizes.mels:
            heard = _lengths(batch, length)
            frames = torch.randn(batch, length, sizes.mels)
            frames *= (torch.arange(length) < heard[:, None])[:, :, None]
            wanted = model(frames, heard)
            found = _ask(folder / "model.onnx", frames, heard)
        elif isinstance(model, Seq2Seq):
            source = torch.randint(sizes.vocabulary, (batch, length))
            written = torch.randint(sizes.vocabulary, (batch, length + 3))
            read = _lengths(batch, length)
            wanted = (model.logits(model.decode(written, model.encode(source, read))),)
            told = _ask(folder / "encoder.onnx", source, read)
            found = _ask(folder / "decoder.onnx", written, *map(torch.from_numpy, told))
        elif sizes.vocabulary:
            tokens = torch.randint(sizes.vocabulary, (batch, length))
            inputs = (tokens, _lengths(batch, length)) if sizes.classes else (tokens,)
            wanted, found = (model(*inputs),), _ask(folder / "model.onnx", *inputs)
        else:
            pixels = torch.randn(batch, *sizes.image)
            wanted, found = (model(pixels),), _ask(folder / "model.onnx", pixels)
    for ours, theirs in zip(wanted, found, strict=True):
        assert theirs.shape == tuple(ours.shape)
        assert np.abs(theirs - ours.numpy()).max() < 1e-4


def _written(folder: Path, out: Path) -> tuple[nn.Module, Sizes, tuple[Tried, ...]]:
    out.mkdir()
    loaded = load_model(folder)
    return loaded.model, loaded.facts.sizes, write_onnx(loaded, out)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_answers_at_other_batches_and_lengths(family: str, tmp_path: Path) -> None:
    model, sizes, tried = _written(save(tmp_path / "model", family), tmp_path / "out")
    torch.manual_seed(0)
    for batch, length in ((1, 11), (3, 2), (7, 24)):
        _answers(model, sizes, tmp_path / "out", batch, length)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        one.file for one in tried
    )
    assert all(0 <= one.largest < 1e-4 for one in tried)
    assert all(port.shape[0] == "batch" for one in tried for port in one.inputs + one.outputs)


@pytest.mark.slow
@pytest.mark.parametrize("starter", starters())
def test_the_models_of_every_starter(starter: str, tmp_path: Path) -> None:
    for number, (settings, sizes) in enumerate(models_of(starter)):
        folder = save(tmp_path / str(number), settings, sizes)
        model, sizes, _ = _written(folder, tmp_path / f"{number}-out")
        torch.manual_seed(0)
        for batch, length in ((1, 33), (3, 7), (7, 13)):
            _answers(model, sizes, tmp_path / f"{number}-out", batch, length)


class _Constant(nn.Module):
    """Takes the batch for a number, as a trace sees it."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.zeros(len(x), 1)


class _Weighed(nn.Module):
    """Gives other numbers at another batch, and the right shape."""

    def forward(self, x: Tensor) -> Tensor:
        return x * float(len(x))


class _Unseen(nn.Module):
    """Makes its answer where neither exporter looks."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tensor([[2 * value for value in row] for row in x.tolist()])


def _graph(network: nn.Module) -> Graph:
    def make(batch: int, length: int) -> tuple[Tensor]:
        return (torch.randn(batch, 4, generator=torch.Generator().manual_seed(batch)),)

    axes = {0: "batch"}
    return Graph("model.onnx", network.eval(), {"x": axes}, {"y": axes}, make, ())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("network", "told"),
    [(_Constant, "at batch 1 "), (_Weighed, "at batch 1 it is .* off"), (_Unseen, "at batch 1")],
)
def test_a_file_that_answers_wrongly_is_found(
    network: Callable[[], nn.Module], told: str, tmp_path: Path
) -> None:
    graph = _graph(network())
    exported._traced(graph, tmp_path / "model.onnx")
    with pytest.raises(DataError, match=told):
        difference(graph, tmp_path / "model.onnx")


def test_a_network_that_gives_no_number_is_not_taken_for_right(tmp_path: Path) -> None:
    loaded = load_model(save(tmp_path / "model", "mlp"))
    (graph,) = exported.graphs_of(loaded)
    exported._write(graph, tmp_path)
    with torch.no_grad():
        loaded.model.get_parameter("head.bias")[0] = torch.nan
    with pytest.raises(DataError, match="at batch 1 it gives other infinities"):
        difference(graph, tmp_path / "model.onnx")


@pytest.mark.slow  # the newer exporter takes 20 s to load
def test_the_next_exporter_takes_over_or_nothing_is_written(tmp_path: Path) -> None:
    tried = exported._write(_graph(_Constant()), tmp_path)
    (port,) = tried.inputs
    assert (tried.largest, port.shape[1]) == (0, 4)
    assert isinstance(port.shape[0], str)  # of any size
    with pytest.raises(DataError, match=r"traced: at batch 1.*; captured: ") as caught:
        exported._write(_graph(_Unseen()), tmp_path)
    assert "safetensors" in caught.value.hint


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "onnxscript"])
def test_without_the_library_the_error_names_the_extra(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingError, match=package) as caught:
        write_onnx(load_model(save(tmp_path, "mlp")), tmp_path)
    assert "tilth[onnx]" in caught.value.hint


@pytest.mark.parametrize(
    ("limit", "lengths"),
    [(None, (6, 300, 4)), (1024, (6, 300, 4)), (96, (6, 96, 4)), (6, (6, 4, 2)), (2, (2, 1))],
)
def test_two_lengths_are_tried_that_the_network_can_read(
    limit: int | None, lengths: tuple[int, ...]
) -> None:
    assert exported._tried_lengths(limit) == lengths
    assert BATCHES == (1, 3, 7)


def test_a_model_of_a_context_of_two_is_tried(tmp_path: Path) -> None:
    settings = GPTSettings(layers=1, width=16, heads=2, context=2)
    folder = save(tmp_path / "model", settings, Sizes(vocabulary=20))
    _, _, (tried,) = _written(folder, tmp_path / "out")
    assert tried.lengths == (1,)
