"""A network's parameters in one buffer: an optimiser step and a Polyak step are one operation over all of them.

Each member's share is padded to whole vector registers. Element-wise kernels treat the last few elements of a tensor in
scalar code that rounds differently; with padding no parameter ever is among them, and a member's bits do not depend on
how many members there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from oer_pipeline.networks.stacked import Parameters

ALIGNMENT = 64
"""Floats; whole vectors for every kernel, unrolled ones included."""


class FlatParameters:
    """An independent copy of `parameters`, (M, ...) each, that collects gradients; `views` are its named parts."""

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        first = next(iter(parameters.values()))
        sizes = {name: tensor[0].numel() for name, tensor in parameters.items()}
        width = sum(_padded(size) for size in sizes.values())
        self.buffer = torch.zeros(first.shape[0], width, device=first.device)
        self._gradient = torch.zeros_like(self.buffer)
        self.views: Parameters = {}
        offset = 0
        for name, tensor in parameters.items():
            part = self.buffer[:, offset : offset + sizes[name]].view(tensor.shape)
            part.copy_(tensor.detach())
            self.views[name] = part.detach().requires_grad_()
            offset += _padded(sizes[name])

    @property
    def size(self) -> int:
        """Parameters of one member, padding left out."""
        return sum(view[0].numel() for view in self.views.values())

    def flatten(self, gradients: Sequence[Tensor]) -> Tensor:
        """One gradient per view, laid out as the buffer is, (M, P); the next call overwrites it."""
        offset = 0
        for gradient in gradients:
            size = gradient[0].numel()
            self._gradient[:, offset : offset + size] = gradient.reshape(len(gradient), size)
            offset += _padded(size)
        return self._gradient

    def copy(self) -> FlatParameters:
        """A twin with its own buffer: how targets start."""
        return FlatParameters(self.views)

    def detached(self) -> Parameters:
        """The views without gradients, sharing the buffer."""
        return {name: view.detach() for name, view in self.views.items()}

    def polyak_(self, online: FlatParameters, rate: float) -> None:
        """self <- (1 - rate) self + rate online, in place."""
        self.buffer.lerp_(online.buffer, rate)


class Adam:
    """Adam (Kingma & Ba 2015) over flat parameters, one fused kernel a network."""

    def __init__(self, networks: Sequence[FlatParameters], learning_rate: float) -> None:
        self._networks = list(networks)
        self._adam = torch.optim.Adam([n.buffer for n in self._networks], lr=learning_rate, fused=True)

    def descend(self, loss: Tensor) -> None:
        """One step down the gradient of a scalar loss, which has to depend on every parameter."""
        views = [view for network in self._networks for view in network.views.values()]
        gradients = iter(torch.autograd.grad(loss, views, materialize_grads=True))
        for network in self._networks:
            network.buffer.grad = network.flatten([next(gradients) for _ in network.views])
        self._adam.step()


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
