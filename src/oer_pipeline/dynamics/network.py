"""The ensemble's network: an MLP to the mean and the log standard deviation of every
standardised output.

As in Chua et al. 2018 (PETS), appendix A: the log standard deviation is softly bounded
by limits that are learned. Shapes: E members, B batch, I inputs, P predicted outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from oer_pipeline.networks.stacked import Parameters, init_mlp, mlp

MAX_LOG_SIGMA, MIN_LOG_SIGMA = (
    0.25,
    -5.0,
)  # where the limits start, PETS's own (there as log variance)


def init_network(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    generators: Sequence[torch.Generator],
) -> Parameters:
    """Fresh parameters, one generator per member: `mlp.{layer}.weight|bias` and the two
    limits, (E, 1, P) each."""
    layers = init_mlp((inputs, *hidden, 2 * outputs), generators)
    limits = torch.ones(len(generators), 1, outputs, device=generators[0].device)
    return {
        **{f"mlp.{name}": value for name, value in layers.items()},
        "max_log_sigma": MAX_LOG_SIGMA * limits,
        "min_log_sigma": MIN_LOG_SIGMA * limits,
    }


def shapes(
    members: int, inputs: int, hidden: Sequence[int], outputs: int
) -> dict[str, tuple[int, ...]]:
    """What `init_network` makes, by name."""
    sizes = (inputs, *hidden, 2 * outputs)
    layers = list(enumerate(pairwise(sizes)))
    weights = {f"mlp.{layer}.weight": (members, *size) for layer, size in layers}
    biases = {f"mlp.{layer}.bias": (members, 1, size[1]) for layer, size in layers}
    return {
        **weights,
        **biases,
        **dict.fromkeys(("max_log_sigma", "min_log_sigma"), (members, 1, outputs)),
    }


def gaussian(
    parameters: Mapping[str, Tensor], input_EBI: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean and log standard deviation, (E, B, P) each, of the standardised outputs."""
    layers = {
        name.removeprefix("mlp."): p
        for name, p in parameters.items()
        if name.startswith("mlp.")
    }
    mean_EBP, raw_EBP = mlp(layers, input_EBI).chunk(2, dim=-1)
    upper, lower = parameters["max_log_sigma"], parameters["min_log_sigma"]
    below = upper - _softplus(upper - raw_EBP)
    return mean_EBP, lower + _softplus(below - lower)


def _softplus(x: Tensor) -> Tensor:
    """log(1 + e^x) from parts whose rounding does not depend on an element's place;
    torch's own rounds tails otherwise, so that a member would differ alone and among
    others."""
    return torch.relu(x) + torch.log1p(torch.exp(-x.abs()))


def negative_log_likelihood(
    parameters: Mapping[str, Tensor], input_EBI: Tensor, target_EBP: Tensor
) -> Tensor:
    """-log N(target; mean, diag sigma^2) without its constant, summed over outputs,
    mean over the batch, (E,)."""
    mean_EBP, log_sigma_EBP = gaussian(parameters, input_EBI)
    error_EBP = (target_EBP - mean_EBP) * torch.exp(-log_sigma_EBP)
    return (0.5 * error_EBP.square() + log_sigma_EBP).sum(dim=2).mean(dim=1)


def squared_weights(parameters: Mapping[str, Tensor]) -> Tensor:
    """Half the sum of squared weights per member (E,), for weight decay; biases and
    limits are left alone."""
    weights = [p for name, p in parameters.items() if name.endswith("weight")]
    return 0.5 * torch.stack([w.square().sum(dim=(1, 2)) for w in weights]).sum(dim=0)


def limit_width(parameters: Mapping[str, Tensor]) -> Tensor:
    """sum max_log_sigma - sum min_log_sigma per member (E,): penalised, so that the
    limits close in on the data."""
    return (parameters["max_log_sigma"] - parameters["min_log_sigma"]).sum(dim=(1, 2))
