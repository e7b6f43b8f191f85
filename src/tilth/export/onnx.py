"""A trained model as ONNX files, each tried before it counts as written.

No exporter of torch's writes every network rightly, and one that does not says nothing: it takes
the size of the batch that it was shown for a constant, and the file breaks at another. So what was
written is run by onnxruntime at other batches and lengths, and the next exporter takes over where
the answers are not the network's. The older exporter comes first: it writes recurrent networks,
which the newer one cannot, and takes seconds where that takes minutes.

Source: onnx.ai/onnx/operators; pytorch.org/docs/stable/onnx.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from tilth.errors import DataError, missing_extra
from tilth.models.facts import Sizes
from tilth.models.registry import declaration
from tilth.models.seq2seq.network import Memory, Seq2Seq
from tilth.pretrain.weights import Loaded

# As much as a logit may differ; of logits whose largest is beyond 1, this share of that.
TOLERANCE: Final = 1e-4
BATCHES: Final = (1, 3, 7)
# What is traced has another batch and, where lengths vary, another length than what is tried.
_TRACED_BATCH, _TRACED_LENGTH, _LENGTHS = 2, 6, (300, 4)
_OPSET, _NEWER_OPSET = 17, 18

Inputs = tuple[Tensor, ...]


@dataclass(frozen=True)
class Graph:
    """What goes into one file.

    Attributes:
        file: Its name.
        network: In evaluation mode.
        inputs: By name, the names of the axes that may have any size, by their number.
        outputs: The same.
        make: Inputs of a batch and a length.
        lengths: The length that is traced, then those that are tried; of images none.
    """

    file: str
    network: nn.Module
    inputs: Mapping[str, Mapping[int, str]]
    outputs: Mapping[str, Mapping[int, str]]
    make: Callable[[int, int], Inputs]
    lengths: Sequence[int]


@dataclass(frozen=True)
class Port:
    """An input or output of a file: its type, and its shape, in which a name is any size."""

    name: str
    type: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Tried:
    """A file that was written and tried.

    Attributes:
        file: Its name.
        inputs, outputs: As it declares them.
        largest: The largest difference of an output from the network's, over all that was tried.
        lengths: Those that were tried, each with every batch of `BATCHES`; of images none.
    """

    file: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    largest: float
    lengths: tuple[int, ...]


def write_onnx(loaded: Loaded, out: Path) -> tuple[Tried, ...]:
    """Write a trained model as `model.onnx`; one that translates as `encoder.onnx`, `decoder.onnx`.

    Args:
        loaded: The model, in evaluation mode.
        out: A folder that is there.

    Returns:
        The files, each run by onnxruntime at batches of 1, 3 and 7 and at lengths other than the
        traced one, within `TOLERANCE` of the network.

    Raises:
        MissingError: The extra `onnx` is not installed.
        DataError: No exporter wrote what answers as the network does.
    """
    require_onnx()
    return tuple(_write(graph, out) for graph in graphs_of(loaded))


def require_onnx() -> None:
    """Refuse to begin without what writes a file and tries it.

    Raises:
        MissingError: The extra `onnx` is not installed.
    """
    for package in ("onnx", "onnxruntime", "onnxscript"):
        try:
            __import__(package)
        except ImportError:
            raise missing_extra(package, "onnx") from None


def graphs_of(loaded: Loaded) -> tuple[Graph, ...]:
    """The graphs of a model, by how its network is called.

    Raises:
        DataError: A network of pairs of texts that is not read and written in two parts.
    """
    model, sizes = loaded.model, loaded.facts.sizes
    interface = declaration(loaded.settings.kind).interface
    if interface == "images":
        return (_of_images(model, sizes),)
    if interface == "frames":
        return (_of_frames(model, sizes),)
    if interface == "tokens":
        return (_of_tokens(model, sizes),)
    if not isinstance(model, Seq2Seq):
        raise DataError(f"a {type(model).__name__} has no encoder and decoder to be written apart")
    return _of_pairs(model, sizes)


def difference(graph: Graph, path: Path) -> float:
    """The largest difference of what a file gives from what the network gives.

    Raises:
        DataError: It does not run at a batch or length, or gives another shape or other numbers.
    """
    largest = 0.0
    session = _session(path)
    for batch in BATCHES:
        for length in graph.lengths[1:] or (0,):
            inputs = graph.make(batch, length)
            where = f"batch {batch}" + (f", length {length}" if length else "")
            with torch.inference_mode():
                wanted = graph.network(*inputs)
            given = {name: one.numpy() for name, one in zip(graph.inputs, inputs, strict=True)}
            try:
                found = session.run(None, given)
            except Exception as error:  # onnxruntime has a class for each of its codes
                raise DataError(f"at {where} it does not run: {_first_line(error)}") from None
            all_wanted = wanted if isinstance(wanted, tuple) else (wanted,)
            for one, ours in zip(found, all_wanted, strict=True):
                largest = max(largest, _apart(one, ours.numpy(), where))
    return largest


def _write(graph: Graph, out: Path) -> Tried:
    path = out / graph.file
    failed = []
    for name, export in (("traced", _traced), ("captured", _captured)):
        try:
            with warnings.catch_warnings():
                # What they warn of, a constant for what varies, is what is tried below.
                warnings.simplefilter("ignore")
                export(graph, path)
            largest = difference(graph, path)
        except DataError as error:
            failed.append(f"{name}: {error.what}")
        except Exception as error:  # many kinds, of torch and onnx
            failed.append(f"{name}: {_first_line(error)}")
        else:
            session = _session(path)
            inputs, outputs = (
                tuple(Port(one.name, one.type, tuple(one.shape)) for one in ports)
                for ports in (session.get_inputs(), session.get_outputs())
            )
            return Tried(graph.file, inputs, outputs, largest, tuple(graph.lengths[1:]))
    raise DataError(
        f"no exporter of torch's writes this network rightly: {'; '.join(failed)}",
        where=graph.file,
        hint="`--format safetensors` has the weights; sizes that vary are asked of a tensor "
        "(`x.shape[0]`, not `len(x)`)",
        code="not-exported",
    )


def _traced(graph: Graph, path: Path) -> None:
    axes = {name: dict(axes) for name, axes in {**graph.inputs, **graph.outputs}.items()}
    _export(graph, path, dynamic_axes=axes, opset_version=_OPSET, dynamo=False)


def _captured(graph: Graph, path: Path) -> None:
    _export(
        graph,
        path,
        dynamic_shapes=tuple(
            dict.fromkeys(axes, torch.export.Dim.DYNAMIC) for axes in graph.inputs.values()
        ),
        opset_version=_NEWER_OPSET,
        dynamo=True,
        external_data=False,  # one file, not a second one for the weights
        verbose=False,
    )


def _export(graph: Graph, path: Path, **how: Any) -> None:
    torch.onnx.export(
        graph.network,
        graph.make(_TRACED_BATCH, next(iter(graph.lengths), 0)),
        str(path),
        input_names=list(graph.inputs),
        output_names=list(graph.outputs),
        **how,
    )


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is an exception; the log has it once more
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _apart(found: Any, wanted: Any, where: str) -> float:
    """How far apart two arrays are.

    Raises:
        DataError: Too far, or not of one shape.
    """
    if found.shape != wanted.shape:
        raise DataError(f"at {where} it gives {list(found.shape)}, not {list(wanted.shape)}")
    finite = np.isfinite(wanted)
    if not np.array_equal(found[~finite], wanted[~finite]):
        raise DataError(f"at {where} it gives other infinities")
    ours, theirs = (side[finite].astype(np.float64) for side in (wanted, found))
    largest = float(np.abs(ours - theirs).max(initial=0.0))
    # Not `>`: what is no number is no answer either.
    if not largest <= TOLERANCE * max(1.0, float(np.abs(ours).max(initial=0.0))):
        raise DataError(f"at {where} it is {largest:.2g} off")
    return largest


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]


def _of_images(model: nn.Module, sizes: Sizes) -> Graph:
    def make(batch: int, _: int) -> Inputs:
        return (torch.randn((batch, *sizes.image), generator=_generator()),)

    batch = {0: "batch"}
    return Graph("model.onnx", model, {"pixels": batch}, {"logits": batch}, make, ())


def _of_frames(model: nn.Module, sizes: Sizes) -> Graph:
    def make(batch: int, length: int) -> Inputs:
        lengths = _lengths(batch, length)
        frames = torch.randn((batch, length, sizes.mels), generator=_generator())
        return frames * _inside(lengths, length)[:, :, None], lengths

    return Graph(
        "model.onnx",
        model,
        {"frames": {0: "batch", 1: "frames"}, "lengths": {0: "batch"}},
        {"log_probabilities": {0: "batch", 1: "steps"}, "steps": {0: "batch"}},
        make,
        _tried_lengths(None),
    )


def _of_tokens(model: nn.Module, sizes: Sizes) -> Graph:
    lengths = _tried_lengths(int(getattr(model, "context", 0)) or None)
    tokens = {0: "batch", 1: "length"}
    if sizes.classes:
        return Graph(
            "model.onnx",
            model,
            {"tokens": tokens, "lengths": {0: "batch"}},
            {"logits": {0: "batch"}},
            lambda batch, length: (_tokens(batch, length, sizes), _lengths(batch, length)),
            lengths,
        )
    return Graph(
        "model.onnx",
        model,
        {"tokens": tokens},
        {"logits": tokens},
        lambda batch, length: (_tokens(batch, length, sizes),),
        lengths,
    )


def _of_pairs(model: Seq2Seq, sizes: Sizes) -> tuple[Graph, Graph]:
    def read(batch: int, length: int) -> Inputs:
        return _tokens(batch, length, sizes), _lengths(batch, length)

    def written(batch: int, length: int) -> Inputs:
        with torch.inference_mode():
            memory, mask = model.encode(*read(batch, length))
        # No inference tensors: a trace would save them.
        return _tokens(batch, length // 2 + 1, sizes), memory.clone(), mask.clone()

    told = {"memory": {0: "batch", 1: "length"}, "mask": {0: "batch", 3: "length"}}
    tokens = {0: "batch", 1: "written"}
    return (
        Graph(
            "encoder.onnx",
            _Encoder(model).eval(),
            {"tokens": {0: "batch", 1: "length"}, "lengths": {0: "batch"}},
            told,
            read,
            _tried_lengths(None),
        ),
        Graph(
            "decoder.onnx",
            _Decoder(model).eval(),
            {"tokens": tokens, **told},
            {"logits": tokens},
            written,
            _tried_lengths(None),
        ),
    )


class _Encoder(nn.Module):
    """Source texts to what the decoder is given of them."""

    def __init__(self, model: Seq2Seq) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        vectors, mask = self.model.encode(tokens, lengths)
        return vectors, mask


class _Decoder(nn.Module):
    """The logits of each next token, of those that are written and what the encoder gave."""

    def __init__(self, model: Seq2Seq) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        return self.model.logits(self.model.decode(tokens, Memory(memory, mask)))


def _tried_lengths(limit: int | None) -> tuple[int, ...]:
    """The traced length and two others, none beyond the limit; of a limit of 2 one other."""
    if limit is None:
        return (_TRACED_LENGTH, *_LENGTHS)
    traced = min(_TRACED_LENGTH, limit)
    others: Iterator[int] = (min(limit, length) for length in (*_LENGTHS, 2, 1))
    return (traced, *list(dict.fromkeys(one for one in others if one != traced))[:2])


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _tokens(batch: int, length: int, sizes: Sizes) -> Tensor:
    return torch.randint(sizes.vocabulary, (batch, length), generator=_generator())


def _lengths(batch: int, length: int) -> Tensor:
    """Lengths of the rows of a batch, the last one whole, int64 [batch]."""
    rows = torch.arange(batch)
    return (length - (batch - 1 - rows) * 2).clamp(min=1)


def _inside(lengths: Tensor, longest: int) -> Tensor:
    return torch.arange(longest) < lengths[:, None]
