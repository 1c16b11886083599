"""The ensemble's network: an MLP to the mean and the log standard deviation of every
standardised output.

As in Chua et al. 2018 (PETS), appendix A: the log standard deviation is softly bounded
by limits that are learned. Shapes: E members, B batch, I inputs, P predicted outputs, Q
= 2 P outputs of the MLP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from oer_pipeline.networks.stacked import Parameters, init_mlp, mlp

MAX_LOG_SIGMA = 0.25
MIN_LOG_SIGMA = -5.0
"""Where the limits start; PETS has the same, as log variances."""


def init_network(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    generators: Sequence[torch.Generator],
) -> Parameters:
    """Fresh parameters: `mlp.{layer}.weight|bias` and the two limits, (E, 1, P) each.

    Args:
        inputs: I.
        hidden: units of each hidden layer.
        outputs: P.
        generators: one per member.
    """
    parameters = {}
    sizes = (inputs, *hidden, 2 * outputs)
    layers = init_mlp(sizes, generators)
    for name, value in layers.items():
        parameters[f"mlp.{name}"] = value
    members = len(generators)
    device = generators[0].device
    limits = torch.ones(members, 1, outputs, device=device)
    parameters["max_log_sigma"] = MAX_LOG_SIGMA * limits
    parameters["min_log_sigma"] = MIN_LOG_SIGMA * limits
    return parameters


def shapes(
    members: int,
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
) -> dict[str, tuple[int, ...]]:
    """Name -> shape of what `init_network` makes.

    Args:
        members: E, the leading axis of every tensor.
        inputs: size of (s, a), O + A.
        hidden: width of each hidden layer.
        outputs: P, of (s' - s, r) what varies; the last layer has twice as many.
    """
    limits = (members, 1, outputs)
    named: dict[str, tuple[int, ...]] = {
        "max_log_sigma": limits,
        "min_log_sigma": limits,
    }
    sizes = (inputs, *hidden, 2 * outputs)
    for layer, (width, next_width) in enumerate(pairwise(sizes)):
        name = f"mlp.{layer}"
        named[f"{name}.weight"] = (members, width, next_width)
        named[f"{name}.bias"] = (members, 1, next_width)
    return named


def gaussian(
    parameters: Mapping[str, Tensor],
    input_EBI: Tensor,
) -> tuple[Tensor, Tensor]:
    """Mean and log standard deviation, (E, B, P) each, of the standardised outputs.

    Args:
        parameters: as `init_network` makes them.
        input_EBI: standardised (s, a).
    """
    layers = {}
    for name, parameter in parameters.items():
        if name.startswith("mlp."):
            layers[name.removeprefix("mlp.")] = parameter
    output_EBQ = mlp(layers, input_EBI)
    mean_EBP, raw_EBP = output_EBQ.chunk(2, dim=-1)
    upper = parameters["max_log_sigma"]
    lower = parameters["min_log_sigma"]
    below = upper - _softplus(upper - raw_EBP)
    log_sigma_EBP = lower + _softplus(below - lower)
    return mean_EBP, log_sigma_EBP


def _softplus(x: Tensor) -> Tensor:
    """log(1 + e^x) from parts whose rounding does not depend on an element's place;
    torch's own rounds tails otherwise, so that a member would differ alone and among
    others."""
    # relu first: the order of these two decides how their gradients are added up.
    above = torch.relu(x)
    return above + torch.log1p(torch.exp(-x.abs()))


def negative_log_likelihood(
    parameters: Mapping[str, Tensor],
    input_EBI: Tensor,
    target_EBP: Tensor,
) -> Tensor:
    """-log N(target; mean, diag sigma^2) without its constant, summed over outputs,
    mean over the batch, (E,).

    Args:
        parameters: as `init_network` makes them.
        input_EBI: standardised (s, a).
        target_EBP: standardised (s' - s, r), those that vary.
    """
    mean_EBP, log_sigma_EBP = gaussian(parameters, input_EBI)
    inverse_sigma_EBP = torch.exp(-log_sigma_EBP)
    error_EBP = (target_EBP - mean_EBP) * inverse_sigma_EBP
    nll_EBP = 0.5 * error_EBP.square() + log_sigma_EBP
    return nll_EBP.sum(dim=2).mean(dim=1)


def squared_weights(parameters: Mapping[str, Tensor]) -> Tensor:
    """Half the sum of squared weights per member (E,), for weight decay; biases and
    limits are left alone."""
    squares = []
    for name, parameter in parameters.items():
        if name.endswith("weight"):
            total_E = parameter.square().sum(dim=(1, 2))
            squares.append(total_E)
    return 0.5 * torch.stack(squares).sum(dim=0)


def limit_width(parameters: Mapping[str, Tensor]) -> Tensor:
    """sum max_log_sigma - sum min_log_sigma per member (E,): penalised, so that the
    limits close in on the data."""
    width_E1P = parameters["max_log_sigma"] - parameters["min_log_sigma"]
    return width_E1P.sum(dim=(1, 2))
