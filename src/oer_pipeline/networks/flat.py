"""A network's parameters in one buffer: an optimiser step and a Polyak step are one
operation over all of them.

Each member's share is padded to whole vector registers. Element-wise kernels treat the
last few elements of a tensor in scalar code that rounds differently; with padding no
parameter ever is among them, and a member's bits do not depend on how many members
there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from oer_pipeline.networks.stacked import Parameters

ALIGNMENT = 64
"""Floats; whole vectors for every kernel, unrolled ones included."""


class FlatParameters:
    """An independent copy of `parameters`, (M, ...) each, that collects gradients.

    `views` are its named parts, `constants` the same without gradients; both share the
    buffer (M, P). `gradients` are the parts of `gradient`, (M, P) too, in the same
    order. `one` is a one on the buffer's device.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        shapes = {name: tensor.shape for name, tensor in parameters.items()}
        self._sizes = {name: tensor[0].numel() for name, tensor in parameters.items()}
        first = next(iter(parameters.values()))
        width = sum(_padded(size) for size in self._sizes.values())
        self.buffer = torch.zeros(first.shape[0], width, device=first.device)
        self.gradient = torch.zeros_like(self.buffer)
        self.one = torch.ones((), device=first.device)
        self.constants = _parts(self.buffer, shapes)
        self.views: Parameters = {
            name: part.detach().requires_grad_()
            for name, part in self.constants.items()
        }
        self.gradients = _parts(self.gradient, shapes)
        for name, part in self.constants.items():
            part.copy_(parameters[name].detach())

    @property
    def size(self) -> int:
        """Parameters of one member, padding left out."""
        return sum(self._sizes.values())

    def collect(self, gradients: list[Tensor]) -> None:
        """Put one gradient per view into `gradient`."""
        torch._foreach_copy_(list(self.gradients.values()), gradients)

    def flatten(self, parts: Iterable[Tensor]) -> Tensor:
        """One tensor per view, laid out as the buffer is, (M, P); padding is zero."""
        out = torch.zeros_like(self.buffer)
        for place, part in zip(self.unflatten(out).values(), parts, strict=True):
            place.copy_(part)
        return out

    def unflatten(self, flat: Tensor) -> Parameters:
        """The named parts of a tensor that is laid out as the buffer is, sharing its
        memory."""
        return _parts(flat, {name: view.shape for name, view in self.views.items()})

    def copy(self) -> FlatParameters:
        """A twin with its own buffer: how targets start."""
        return FlatParameters(self.constants)

    def polyak_(self, online: FlatParameters, rate: float) -> None:
        """self <- (1 - rate) self + rate online, in place."""
        self.buffer.lerp_(online.buffer, rate)


class Adam:
    """Adam (Kingma & Ba 2015) over one network's flat parameters, in one fused kernel.

    `state` holds everything the next step depends on, and is updated in place.
    """

    def __init__(self, network: FlatParameters, learning_rate: float) -> None:
        self._network, self._learning_rate = network, learning_rate
        self.state = {
            "mean": torch.zeros_like(network.buffer),
            "square": torch.zeros_like(network.buffer),
            "steps": torch.zeros((), device=network.buffer.device),
        }

    def restart(self) -> None:
        """As at the start: no step was done."""
        for tensor in self.state.values():
            tensor.zero_()

    def step(self) -> None:
        """One step down `network.gradient`."""
        self.state["steps"].add_(1.0)
        torch._fused_adam_(
            [self._network.buffer],
            [self._network.gradient],
            [self.state["mean"]],
            [self.state["square"]],
            [],
            [self.state["steps"]],
            lr=self._learning_rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=0.0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )


def differentiate(losses: Sequence[Tensor], networks: Sequence[FlatParameters]) -> None:
    """Each network's `gradient` of the sum of all losses' elements; zero where none
    reaches."""
    views = [view for network in networks for view in network.views.values()]
    reaching = [loss for loss in losses if loss.requires_grad]
    ones = [networks[0].one.expand_as(loss) for loss in reaching]
    gradients = iter(torch.autograd.grad(reaching, views, ones, materialize_grads=True))
    for network in networks:
        network.collect([next(gradients) for _ in network.views])


def _parts(flat: Tensor, shapes: Mapping[str, torch.Size]) -> Parameters:
    """Views of (M, P), each part's share padded."""
    parts: Parameters = {}
    offset = 0
    for name, shape in shapes.items():
        size = shape[1:].numel()
        parts[name] = flat[:, offset : offset + size].view(shape)
        offset += _padded(size)
    return parts


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
