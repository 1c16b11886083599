"""Values, targets and losses of deterministic actors and twin critics, for M members at
once (method, section 2; Fujimoto & Gu 2021).

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
    batch = input_MBI.shape[1]
    passed = forward(
        layers_of(critic),
        padded(_for_both(input_MBI)),
    )
    value = passed.values[-1]
    rows = value.shape[1]
    return value.view(-1, 2, rows)[..., :batch]


def _for_both(input_MBI: Tensor) -> Tensor:
    """The same rows for either twin, (2 M, B, I); of one member a view."""
    return input_MBI.unsqueeze(1).expand(-1, 2, -1, -1).flatten(0, 1)


def least_value(critic: Mapping[str, Tensor], input_MBI: Tensor) -> Tensor:
    """min_i Q_i, (M, B), with gradients."""
    members, batch, _ = input_MBI.shape
    value = mlp(critic, _for_both(input_MBI))
    return value.view(members, 2, batch).amin(dim=1)


def first_value(critic: Mapping[str, Tensor], input_MBI: Tensor) -> Tensor:
    """Q_1 alone, (M, B)."""
    first = {name: tensor[0::2] for name, tensor in critic.items()}
    return mlp(first, input_MBI).squeeze(-1)


def smoothed_action(
    action_MBA: Tensor,
    noise_MBA: Tensor,
    scale: float,
    clip: float,
) -> Tensor:
    """Target policy smoothing: clip(a + clip(scale noise, +-clip), +-1), (M, B, A).

    Args:
        action_MBA: of the target policy.
        noise_MBA: drawn from N(0, 1).
        scale: standard deviation of the noise that is added.
        clip: the most that is added.
    """
    noise_MBA = (noise_MBA * scale).clamp(-clip, clip)
    return (action_MBA + noise_MBA).clamp(-1.0, 1.0)


def bootstrapped_target(
    reward_MB: Tensor,
    continues_MB: Tensor,
    value_MB: Tensor,
    discount: float,
) -> Tensor:
    """y = r + gamma (1 - terminal) value, (M, B); a time-out continues.

    Args:
        reward_MB: r, as the critic learns it.
        continues_MB: 1 - terminal.
        value_MB: of the next state: V(s'), or Q(s', a') of the target networks.
        discount: gamma.
    """
    return reward_MB + discount * continues_MB * value_MB


@torch.no_grad()
def critic_loss(
    critic: Mapping[str, Tensor],
    input_MBI: Tensor,
    target_MB: Tensor,
    into: Mapping[str, Tensor],
) -> Tensor:
    """L_Q = sum_i mean (Q_i - y)^2, (M,), of the twins Q_1 and Q_2.

    Written out, because autograd's bookkeeping costs as much as a small network.

    Args:
        critic: both twins' parameters, by name.
        input_MBI: standardised observations and actions.
        target_MB: y, the same for both twins.
        into: tensors of the parameters' names and shapes; take the gradients.
    """
    batch = target_MB.shape[1]
    layers = layers_of(critic)
    passed = forward(
        layers,
        padded(_for_both(input_MBI)),
    )
    value = passed.values[-1][:, :batch]
    error_MTB = value.view(-1, 2, batch) - target_MB.unsqueeze(1)
    gradient = error_MTB.view(-1, batch, 1) * (2.0 / batch)
    backward(
        layers,
        passed,
        padded(gradient),
        layers_of(into),
    )
    return error_MTB.square().sum(dim=(1, 2)) * (1.0 / batch)


def cloning_loss(
    action_MBA: Tensor,
    target_action_MBA: Tensor,
    share_MB: Tensor | None = None,
) -> Tensor:
    """MSE over batch and action dimensions, (M,).

    Args:
        action_MBA: of the policy.
        target_action_MBA: a constant.
        share_MB: how much each row counts, 1 in all; None: all the same.
    """
    loss: Tensor = _Cloning.apply(  # type: ignore[no-untyped-call]
        action_MBA,
        target_action_MBA,
        share_MB,
    )
    return loss


def value_loss(value_MB: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """- lambda_Q mean Q_1(s, pi(s)), lambda_Q = alpha / sg[mean |Q_1|], and mean Q_1
    without gradient, (M,) each."""
    loss: Tensor
    mean: Tensor
    loss, mean = _Value.apply(value_MB, alpha)  # type: ignore[no-untyped-call]
    return loss, mean


# All written out: autograd takes twice as many kernels, half of them for constants.


class _Cloning(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        action_MBA: Tensor,
        target_action_MBA: Tensor,
        share_MB: Tensor | None,
    ) -> Tensor:
        error_MBA = action_MBA - target_action_MBA
        ctx.save_for_backward(error_MBA, share_MB)
        square_MBA = error_MBA.square()
        if share_MB is None:
            return square_MBA.mean(dim=(1, 2))
        return (square_MBA.mean(dim=2) * share_MB).sum(dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_M: Tensor) -> Any:
        error_MBA, share_MB = ctx.saved_tensors
        _, batch, actions = error_MBA.shape
        if share_MB is None:
            scale_M = gradient_M * (2.0 / (batch * actions))
            scale_MB = scale_M.unsqueeze(1)
        else:
            scale_M = gradient_M * (2.0 / actions)
            scale_MB = share_MB * scale_M.unsqueeze(1)
        return error_MBA * scale_MB.unsqueeze(2), None, None


class _Value(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        value_MB: Tensor,
        alpha: float,
    ) -> tuple[Tensor, Tensor]:
        mean_M = value_MB.mean(dim=1)
        size_M = value_MB.abs().mean(dim=1)
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
        of_value = each_M.new_empty(len(each_M), ctx.batch)
        return of_value.copy_(each_M[:, None]), None
