"""TD3+BC (Fujimoto & Gu 2021) for M members at once (method, section 2).

Shapes: M members, B batch, D observation, A action, I = D + A, what a
critic sees, T = 2 twin critics. Every loss is a vector (M,): members share
nothing, so the gradient of the sum is each member's own gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from oer_pipeline.networks.stacked import backward, forward, layers_of, mlp, padded


@torch.no_grad()
def twin_values(critic: Mapping[str, Tensor], input_MBI: Tensor) -> Tensor:
    """Q_1 and Q_2, (M, T, B), without gradients; `critic` holds 2 M networks, a
    member's twins side by side."""
    value = forward(layers_of(critic), _of_both(input_MBI)).values[-1]
    return value.view(-1, 2, value.shape[1])[..., : input_MBI.shape[1]]


def _of_both(input_MBI: Tensor) -> Tensor:
    """The same rows for either twin, padded."""
    return padded(
        input_MBI.unsqueeze(1).expand(-1, 2, -1, -1).flatten(0, 1)
    )  # of one member a view


def least_value(critic: Mapping[str, Tensor], input_MBI: Tensor) -> Tensor:
    """min_i Q_i, (M, B), with gradients."""
    members, batch = input_MBI.shape[:2]
    of_both = input_MBI.unsqueeze(1).expand(-1, 2, -1, -1).flatten(0, 1)
    return mlp(critic, of_both).view(members, 2, batch).amin(dim=1)


def first_value(critic: Mapping[str, Tensor], input_MBI: Tensor) -> Tensor:
    """Q_1 alone, (M, B)."""
    return mlp(
        {name: tensor[0::2] for name, tensor in critic.items()}, input_MBI
    ).squeeze(-1)


def smoothed_action(
    action_MBA: Tensor, noise_MBA: Tensor, scale: float, clip: float
) -> Tensor:
    """Target policy smoothing: clip(a + clip(scale N(0, 1), +-clip), +-1)."""
    return (action_MBA + (noise_MBA * scale).clamp(-clip, clip)).clamp(-1.0, 1.0)


def bootstrapped_target(
    reward_MB: Tensor, continues_MB: Tensor, value_MB: Tensor, discount: float
) -> Tensor:
    """y = r + gamma (1 - terminal) value, (M, B), of the next state's value; a time-out
    continues."""
    return reward_MB + discount * continues_MB * value_MB


@torch.no_grad()
def critic_loss(
    critic: Mapping[str, Tensor],
    input_MBI: Tensor,
    target_MB: Tensor,
    into: Mapping[str, Tensor],
) -> Tensor:
    """L_Q = sum_i mean (Q_i - y)^2, (M,), and `into` tensors of the parameters' names
    its gradients.

    Written out, because autograd's bookkeeping costs as much as a small network.
    """
    batch = target_MB.shape[1]
    layers = layers_of(critic)
    passed = forward(layers, _of_both(input_MBI))
    error_MTB = passed.values[-1][:, :batch].view(-1, 2, batch) - target_MB.unsqueeze(1)
    of_output = padded(error_MTB.view(-1, batch, 1) * (2.0 / batch))
    backward(layers, passed, of_output, layers_of(into))
    return error_MTB.square().sum(dim=(1, 2)) * (1.0 / batch)


def cloning_loss(action_MBA: Tensor, wanted_MBA: Tensor) -> Tensor:
    """MSE over batch and action dimensions, (M,); `wanted_MBA` is a constant."""
    loss: Tensor = _Cloning.apply(action_MBA, wanted_MBA)  # type: ignore[no-untyped-call]
    return loss


def value_loss(value_MB: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """- lambda_Q mean Q_1(s, pi(s)), lambda_Q = alpha / sg[mean |Q_1|], and mean Q_1
    without gradient, (M,) each."""
    loss, mean = _Value.apply(value_MB, alpha)  # type: ignore[no-untyped-call]
    return loss, mean


# Both written out: autograd takes twice as many kernels, half of them for constants.


class _Cloning(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, action_MBA: Tensor, wanted_MBA: Tensor) -> Tensor:
        error_MBA = action_MBA - wanted_MBA
        ctx.save_for_backward(error_MBA)
        return error_MBA.square().mean(dim=(1, 2))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_M: Tensor) -> Any:
        [error_MBA] = ctx.saved_tensors
        scale_M11 = (gradient_M * (2.0 / error_MBA[0].numel()))[:, None, None]
        return error_MBA * scale_M11, None


class _Value(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value_MB: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
        mean_M, size_M = value_MB.mean(dim=1), value_MB.abs().mean(dim=1)
        weight_M = -alpha / size_M
        ctx.batch = value_MB.shape[1]
        ctx.save_for_backward(weight_M)
        ctx.mark_non_differentiable(mean_M)
        ctx.set_materialize_grads(False)
        return weight_M * mean_M, mean_M

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_M: Tensor, _: Tensor) -> Any:
        [weight_M] = ctx.saved_tensors
        each_M = gradient_M * weight_M * (1.0 / ctx.batch)
        return each_M.new_empty(len(each_M), ctx.batch).copy_(each_M[:, None]), None
