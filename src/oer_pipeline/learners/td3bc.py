"""TD3+BC (Fujimoto & Gu 2021) for M members at once (method, section 2).

Shapes: M members, B batch, D observation, A action, T = 2 twin critics. Every loss is a vector (M,): members share
nothing, so the gradient of the sum is each member's own gradient.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from oer_pipeline.networks.stacked import backward, forward, mlp, padded


def twin_values(critic: Mapping[str, Tensor], observation_MBD: Tensor, action_MBA: Tensor) -> Tensor:
    """Q_1 and Q_2, (M, T, B); `critic` holds 2 M networks, a member's twins side by side."""
    return mlp(critic, _twin_inputs(observation_MBD, action_MBA)).view(-1, 2, observation_MBD.shape[1])


def _twin_inputs(observation_MBD: Tensor, action_MBA: Tensor) -> Tensor:
    return torch.cat((observation_MBD, action_MBA), dim=-1).repeat_interleave(2, dim=0)


def first_value(critic: Mapping[str, Tensor], observation_MBD: Tensor, action_MBA: Tensor) -> Tensor:
    """Q_1 alone, (M, B)."""
    first = {name: tensor[0::2] for name, tensor in critic.items()}
    return mlp(first, torch.cat((observation_MBD, action_MBA), dim=-1)).squeeze(-1)


def smoothed_action(action_MBA: Tensor, noise_MBA: Tensor, scale: float, clip: float) -> Tensor:
    """Target policy smoothing: clip(a + clip(scale N(0, 1), +-clip), +-1)."""
    return (action_MBA + (noise_MBA * scale).clamp(-clip, clip)).clamp(-1.0, 1.0)


def bootstrapped_target(reward_MB: Tensor, continues_MB: Tensor, value_MTB: Tensor, discount: float) -> Tensor:
    """y = r + gamma (1 - terminal) min_i Q'_i, (M, B); a time-out continues."""
    return reward_MB + discount * continues_MB * value_MTB.amin(dim=1)


@torch.no_grad()
def critic_loss(
    critic: Mapping[str, Tensor], observation_MBD: Tensor, action_MBA: Tensor, target_MB: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """L_Q = sum_i mean (Q_i - y)^2, (M,), and its gradients, one a parameter.

    Written out, because autograd's bookkeeping costs as much as a small network.
    """
    batch = target_MB.shape[1]
    parameters = list(critic.values())
    values = forward(parameters, padded(_twin_inputs(observation_MBD, action_MBA)))
    error_MTB = values[-1][:, :batch].view(-1, 2, batch) - target_MB.unsqueeze(1)
    of_output = padded(error_MTB.view(-1, batch, 1) * (2.0 / batch))
    gradients, _ = backward(parameters[0::2], values, of_output)
    return error_MTB.square().mean(dim=2).sum(dim=1), gradients


def cloning_loss(action_MBA: Tensor, wanted_MBA: Tensor) -> Tensor:
    """MSE over batch and action dimensions, (M,)."""
    return (action_MBA - wanted_MBA).square().mean(dim=(1, 2))


def value_loss(value_MB: Tensor, alpha: float) -> Tensor:
    """- lambda_Q mean Q_1(s, pi(s)), lambda_Q = alpha / sg[mean |Q_1|], (M,)."""
    return -alpha * value_MB.mean(dim=1) / value_MB.detach().abs().mean(dim=1)
