"""Forward and backward through an ensemble of critics by hand, in memory that is allocated once.

What `backprop.Stack` is to one stack of layers; only here a policy's step can leave the critics' own gradients out,
which is a third of the work of a backward pass, and stop at the actions. To be called without autograd.
"""

from __future__ import annotations

import torch

from .backprop import activate, activation_gradient, gradient_of
from .ensemble import Ensemble, EnsembleLayerNorm, EnsembleLinear

__all__ = ["EnsembleStack"]


class EnsembleStack:
    """The layers of an Ensemble, for batches of always the same number of samples."""

    def __init__(self, ensemble: Ensemble, rows: int, num: int, beside: EnsembleStack | None = None) -> None:
        """Take `ensemble`, for batches of `rows` samples and forward passes by `num` critics.

        `beside` is a stack of the same sizes whose memory is used: a call of one overwrites what the other has saved.
        """
        self._layers = list(ensemble.layers)
        self._num, self._rows = num, rows
        self._memory: dict[tuple[str, int], torch.Tensor] = {} if beside is None else beside._memory
        self._saved: list[tuple[torch.Tensor, ...]] = []

    def _buffer(self, kind: str, index: int, width: int, like: torch.Tensor) -> torch.Tensor:
        """Return (num, rows, width) of the memory that belongs to layer `index`."""
        key = (kind, index)
        if key not in self._memory:
            self._memory[key] = torch.empty((self._num, self._rows, width), device=like.device, dtype=like.dtype)
        return self._memory[key]

    def forward(self, inputs: torch.Tensor, subset: torch.Tensor | None = None) -> torch.Tensor:
        """Return values (num, rows) of `inputs` (rows, features_dim + action_dim); valid until the next call.

        `subset` (num,) are the critics that are asked, None: all.
        """
        self._saved = []
        x = inputs.expand(self._num, -1, -1)
        for index, layer in enumerate(self._layers):
            if isinstance(layer, EnsembleLinear):
                weight, bias = layer.chosen(subset)
                self._saved.append((x, weight))
                if weight.shape[2] == 1:  # six times as fast as a product with a single column
                    x = torch.linalg.vecdot(x, weight.transpose(1, 2)).unsqueeze_(-1).add_(bias)
                else:
                    y = self._buffer("y", index, weight.shape[2], x)
                    x = torch.baddbmm(bias, x, weight, out=y)
            elif isinstance(layer, EnsembleLayerNorm):
                weight, bias = layer.chosen(subset)
                normal, mean, rstd = torch.native_layer_norm(x, x.shape[-1:], None, None, layer.eps)
                y = self._buffer("y", index, x.shape[-1], x)
                torch.addcmul(bias, normal, weight, out=y)
                self._saved.append((x, weight, mean, rstd, normal))
                x = y
            else:
                activate(layer, x)
                self._saved.append((x,))
        return x.squeeze(-1)

    def backward(self, grad: torch.Tensor, columns: slice | None, to_weights: bool) -> torch.Tensor | None:
        """Carry back the gradient of the values, `grad` (num, rows); its memory may be overwritten.

        Writes the trained parameters' gradients if `to_weights`, which needs a forward pass by all critics. Returns
        the gradient by the inputs' `columns`, summed over the critics, (rows, number of columns), None if `columns`
        is None.
        """
        grad = grad.unsqueeze(-1)
        trained = [to_weights and any(p.requires_grad for p in layer.parameters()) for layer in self._layers]
        lowest = 0 if columns is not None else (trained.index(True) if any(trained) else len(trained))
        for index in range(len(self._layers) - 1, lowest - 1, -1):
            layer, saved = self._layers[index], self._saved[index]
            if isinstance(layer, EnsembleLinear):
                if trained[index]:
                    _linear_gradient(layer, grad, saved[0])
                transposed = saved[1].transpose(1, 2)
                if index == 0 and columns is not None:
                    return torch.bmm(grad, transposed[:, :, columns]).sum(0)
                if index > lowest:
                    product = torch.mul if transposed.shape[1] == 1 else torch.bmm
                    grad = product(grad, transposed, out=self._buffer("g", index, transposed.shape[2], grad))
            elif isinstance(layer, EnsembleLayerNorm):
                grad = _layer_norm_gradient(layer, grad, saved, trained[index])
            else:
                activation_gradient(layer, grad, saved[0])
        return None

    def backward_of_chosen(self, chosen: torch.Tensor, by_value: float, columns: slice) -> torch.Tensor:
        """Return the gradient by the inputs' `columns`, (rows, number of columns), through one critic a sample.

        `chosen` (rows,) are the critics through which it goes, `by_value` is the gradient of each one's value. It is
        what `backward` gives for a gradient that is zero elsewhere, without multiplying the zeros: with samples sorted
        by critic, half the products for two of them, one a critic. The sizes of the groups are asked of the device.
        """
        order = torch.argsort(chosen, stable=True)
        sizes = torch.bincount(chosen, minlength=self._num).tolist()
        critics = chosen[order]
        where = critics * self._rows + order

        def pick(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.reshape(self._num * self._rows, -1).index_select(0, where)

        grad = torch.full((self._rows, 1), by_value, device=chosen.device)
        for index in range(len(self._layers) - 1, -1, -1):
            layer, saved = self._layers[index], self._saved[index]
            if isinstance(layer, EnsembleLinear):
                weight = saved[1] if index else saved[1][:, columns]
                if weight.shape[2] == 1:
                    grad = weight.squeeze(2).index_select(0, critics).mul_(grad)
                else:
                    groups = zip(torch.split(grad, sizes), weight.transpose(1, 2), strict=True)
                    grad = torch.cat([torch.mm(group, own) for group, own in groups])
            elif isinstance(layer, EnsembleLayerNorm):
                x, weight, mean, rstd, _ = saved
                grad = grad.mul_(weight.squeeze(1).index_select(0, critics))
                grad = _normal_gradient(grad, pick(x), pick(mean), pick(rstd))
            else:
                activation_gradient(layer, grad, pick(saved[0]))
        return torch.empty_like(grad).index_copy_(0, order, grad)


def _linear_gradient(layer: EnsembleLinear, grad: torch.Tensor, x: torch.Tensor) -> None:
    """Write the linear layers' gradients, given those by their outputs and their inputs `x`."""
    by_weight = gradient_of(layer.weight)
    if by_weight.shape[2] == 1:
        torch.bmm(grad.transpose(1, 2), x, out=by_weight.view(len(by_weight), 1, -1))
    else:
        torch.bmm(x.transpose(1, 2), grad, out=by_weight)
    torch.sum(grad, 1, keepdim=True, out=gradient_of(layer.bias))


def _layer_norm_gradient(
    layer: EnsembleLayerNorm, grad: torch.Tensor, saved: tuple[torch.Tensor, ...], trains: bool
) -> torch.Tensor:
    """Write the LayerNorms' gradients if they train, and return that by their input."""
    x, weight, mean, rstd, normal = saved
    if trains:
        torch.sum(grad * normal, 1, keepdim=True, out=gradient_of(layer.weight))
        torch.sum(grad, 1, keepdim=True, out=gradient_of(layer.bias))
    return _normal_gradient(grad.mul_(weight), x, mean, rstd)


def _normal_gradient(grad: torch.Tensor, x: torch.Tensor, mean: torch.Tensor, rstd: torch.Tensor) -> torch.Tensor:
    """Return the gradient by `x` (..., width), given that by x normalised over its last axis."""
    below: torch.Tensor = torch.ops.aten.native_layer_norm_backward(
        grad, x, x.shape[-1:], mean, rstd, None, None, [True, False, False]
    )[0]
    return below
