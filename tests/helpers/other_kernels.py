"""A pytest plugin that emulates another processor's kernels: `make test-kernels`.

Libraries choose kernels by processor and by shape (MKL on AMD sums the rows of a small product in another order than
those of a larger one, on Intel often in the same). A tolerance that only this machine's kernels meet is a fault of the
test. Here the float32 operations below, for half of all shapes, are computed in float64 and rounded: a kernel as good
as any. The same operation on the same shapes always gives the same bits, so what is equal bit for bit on one machine
stays so.
"""

from __future__ import annotations

import os
import zlib
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_ATEN = torch.ops.aten
_OPERATIONS = {
    *(_ATEN.mm.default, _ATEN.addmm.default, _ATEN.bmm.default, _ATEN.baddbmm.default, _ATEN.mv.default),
    *(_ATEN.dot.default, _ATEN.convolution.default, _ATEN.convolution_backward.default),
    *(_ATEN.sum.default, _ATEN.sum.dim_IntList, _ATEN.mean.default, _ATEN.mean.dim, _ATEN.linalg_vector_norm.default),
    *(_ATEN.native_layer_norm.default, _ATEN.native_layer_norm_backward.default),
    *(_ATEN.exp.default, _ATEN.log.default, _ATEN.tanh.default, _ATEN.sigmoid.default, _ATEN.softplus.default),
    _ATEN.elu.default,
}


class OtherKernels(TorchDispatchMode):
    """Computes `_OPERATIONS` in float64 for the shapes that `salt` picks, half of all."""

    def __init__(self, salt: str) -> None:
        super().__init__()
        self._salt = salt

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [argument for argument in args if isinstance(argument, torch.Tensor)]
        single = all(tensor.dtype == torch.float32 for tensor in tensors)
        if func not in _OPERATIONS or not single or not self._picks(func, tensors):
            return func(*args, **(kwargs or {}))
        wide = [a.double() if isinstance(a, torch.Tensor) else a for a in args]
        found = func(*wide, **(kwargs or {}))
        return tuple(map(_narrow, found)) if isinstance(found, tuple) else _narrow(found)

    def _picks(self, func: Any, tensors: list[torch.Tensor]) -> bool:
        shapes = [tuple(tensor.shape) for tensor in tensors]
        return bool(zlib.crc32(f"{self._salt} {func} {shapes}".encode()) & 1)


def _narrow(found: Any) -> Any:
    return found.float() if isinstance(found, torch.Tensor) and found.dtype == torch.float64 else found


def pytest_configure() -> None:
    """Enter the mode for the whole run; OTHER_KERNELS picks other shapes."""
    OtherKernels(os.environ.get("OTHER_KERNELS", "a")).__enter__()
