"""A second device that every machine has, to see that nothing mixes devices.

Its tensors are the processor's, wrapped: they say they lie on the device `toy`, compute what the
processor computes, bit for bit, and refuse what a GPU refuses: an operation with a tensor of the
processor, and to be read by numpy. So a whole training can run on it, and must give the same bits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

# Torch's own way to add a device in Python; it came with torch 2.9.
_register = getattr(backend_registration, "_setup_privateuseone_for_python_backend", None)
if _register is None:
    pytest.skip("this torch has no devices written in Python", allow_module_level=True)
_register("toy")

TOY = torch.device("toy", 0)
_ops = torch.ops.aten
# On a GPU, too, these take some tensors of the processor: sources of a copy, lengths, indices.
_MIXED = {
    _ops._to_copy.default,
    _ops.copy_.default,
    _ops.index.Tensor,
    _ops._pack_padded_sequence.default,
    _ops._pad_packed_sequence.default,
}
_RECURRENT = {torch._VF.gru, torch._VF.lstm}


class OnToy(Tensor):
    """A tensor of the processor that says it is on `toy`."""

    on_cpu: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> OnToy:
        made: OnToy = Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=TOY,
        )
        made.on_cpu = inner
        return made

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        if function not in _RECURRENT:
            return torch._C._disabled_torch_function_impl(
                function, types, tuple(args), kwargs or {}
            )
        # Torch computes these otherwise on another device; here they are to be the same.
        _require_one_device(function, [t for t in _tensors(args) if t.dtype != torch.int64])
        there = function(*tree_map(_to(torch.device("cpu")), args))
        return tree_map(_to(TOY), there)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        return _run(function, args, kwargs or {})

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"OnToy({self.on_cpu!r})"

    def tolist(self) -> Any:
        """A GPU's tensors can be listed, other than most subclasses of a tensor."""
        return self.on_cpu.tolist()


class _Mode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __torch_dispatch__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        return _run(function, args, kwargs or {})


@contextlib.contextmanager
def second_device() -> Iterator[torch.device]:
    """Within, `toy` is a device as any other."""
    lifted = torch._C._only_lift_cpu_tensors()
    # `torch.tensor(..., device=...)` as a copy, which reaches the device.
    torch._C._set_only_lift_cpu_tensors(True)
    try:
        # Wrapped tensors cannot be viewed in inference mode.
        mode = _Mode()  # type: ignore[no-untyped-call]
        with mode, mock.patch("torch.inference_mode", torch.no_grad):
            yield TOY
    finally:
        torch._C._set_only_lift_cpu_tensors(lifted)


def _run(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    tensors = _tensors((args, kwargs))
    on_toy = any(isinstance(tensor, OnToy) for tensor in tensors)
    if on_toy and function not in _MIXED:
        _require_one_device(function, tensors)
    if kwargs.get("device") is not None:
        on_toy = torch.device(kwargs["device"]).type == "toy"
        kwargs = {**kwargs, "device": torch.device("cpu")}
    given = {id(_inner(tensor)): tensor for tensor in tensors}
    found = function(*tree_map(_inner, args), **tree_map(_inner, kwargs))

    def outer(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        if function._schema.is_mutable and id(leaf) in given:
            return given[id(leaf)]
        # The sizes of a packed batch lie on the processor everywhere.
        stays = function is _ops._pack_padded_sequence.default and leaf is found[1]
        return OnToy(leaf) if on_toy and not stays else leaf

    return tree_map(outer, found)


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _require_one_device(function: Any, tensors: Sequence[Tensor]) -> None:
    # A number may come from anywhere, as on a GPU.
    strangers = [t for t in tensors if not isinstance(t, OnToy) and t.dim()]
    if strangers:
        raise RuntimeError(f"{function} mixes toy and cpu: {list(strangers[0].shape)}")


def _to(device: torch.device) -> Callable[[Any], Any]:
    return lambda leaf: leaf.to(device) if isinstance(leaf, Tensor) else leaf


def _inner(leaf: Any) -> Any:
    return leaf.on_cpu if isinstance(leaf, OnToy) else leaf
