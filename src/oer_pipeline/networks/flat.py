"""A network's parameters in one buffer: an optimiser step and a Polyak step are one
operation over all of them.

Each member's share is padded to whole vector registers. Element-wise kernels treat the
last few elements of a tensor in scalar code that rounds differently; with padding no
parameter ever is among them, and a member's bits do not depend on how many members
there are.

Shapes: M members, P parameters of one member, padding included.
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
    order. `size` counts one member's parameters, padding left out. `one` is a one on
    the buffer's device.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self._shapes: dict[str, torch.Size] = {}
        self.size = 0
        width = 0
        for name, tensor in parameters.items():
            size = tensor[0].numel()
            self._shapes[name] = tensor.shape
            self.size += size
            width += _padded(size)
        first = next(iter(parameters.values()))
        self.one = torch.ones((), device=first.device)
        self.buffer = torch.zeros(len(first), width, device=first.device)
        self.gradient = torch.zeros_like(self.buffer)
        self.constants = self.unflatten(self.buffer)
        self.gradients = self.unflatten(self.gradient)
        self.views: Parameters = {}
        for name, part in self.constants.items():
            self.views[name] = part.detach().requires_grad_()
            part.copy_(parameters[name].detach())

    def collect(self, gradients: list[Tensor]) -> None:
        """Put one gradient per view into `gradient`."""
        torch._foreach_copy_(list(self.gradients.values()), gradients)

    def flatten(self, parts: Iterable[Tensor]) -> Tensor:
        """One tensor per view, laid out as the buffer is, (M, P); padding is zero."""
        flat = torch.zeros_like(self.buffer)
        for place, part in zip(self.unflatten(flat).values(), parts, strict=True):
            place.copy_(part)
        return flat

    def unflatten(self, flat: Tensor) -> Parameters:
        """The named parts of a tensor that is laid out as the buffer is, sharing its
        memory."""
        parts: Parameters = {}
        offset = 0
        for name, shape in self._shapes.items():
            size = shape[1:].numel()
            parts[name] = flat[:, offset : offset + size].view(shape)
            offset += _padded(size)
        return parts

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
        self._network = network
        self._learning_rate = learning_rate
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
        fused_adam_(
            [self._network.buffer],
            [self._network.gradient],
            [self.state["mean"]],
            [self.state["square"]],
            [self.state["steps"]],
            self._learning_rate,
        )


def fused_adam_(
    parameters: list[Tensor],
    gradients: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    steps: list[Tensor],
    learning_rate: float,
) -> None:
    """One Adam step of every tensor in one kernel, in place.

    Args:
        parameters: what steps.
        gradients: where down is, shaped as the parameters.
        means: moving averages of the gradients.
        squares: moving averages of their squares.
        steps: how many steps there were, this one counted, () each.
        learning_rate: the step's size.
    """
    torch._fused_adam_(
        parameters,
        gradients,
        means,
        squares,
        [],
        steps,
        lr=learning_rate,
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
    views: list[Tensor] = []
    for network in networks:
        views += network.views.values()
    reaching = [loss for loss in losses if loss.requires_grad]
    ones = [networks[0].one.expand_as(loss) for loss in reaching]
    gradients = torch.autograd.grad(
        reaching,
        views,
        ones,
        materialize_grads=True,
    )
    first = 0
    for network in networks:
        last = first + len(network.views)
        network.collect(list(gradients[first:last]))
        first = last


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
