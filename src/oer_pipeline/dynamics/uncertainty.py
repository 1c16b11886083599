"""How unsure an ensemble is of a prediction: three heuristics that Lu et al. 2021
compare (method, section 5).

("Revisiting Design Choices in Offline Model-Based Reinforcement Learning".) Each takes
mean and log standard deviation of the standardised outputs, (E, B, P), and gives one
number a row, (B,). Shapes: E members, B batch, P outputs that vary.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from oer_pipeline.common.errors import ConfigurationError, choices

Heuristic = Callable[[Tensor, Tensor], Tensor]


def disagreement(
    mean_EBP: Tensor,
    log_sigma_EBP: Tensor,
) -> Tensor:
    """The variance of the members' means, summed over outputs: what the data leave open
    (epistemic)."""
    return mean_EBP.var(dim=0, correction=0).sum(dim=-1)


def max_std(
    mean_EBP: Tensor,
    log_sigma_EBP: Tensor,
) -> Tensor:
    """The largest predicted deviation of any member: "max aleatoric", as MOPO
    penalises.

    A member's is the L2 norm of its standard deviations over outputs, which is the
    Frobenius norm of the diagonal matrix of them.
    """
    return log_sigma_EBP.exp().square().sum(dim=-1).sqrt().amax(dim=0)


def mixture(
    mean_EBP: Tensor,
    log_sigma_EBP: Tensor,
) -> Tensor:
    """The variance of the equal mixture of all members, summed over outputs:
    disagreement plus mean noise."""
    noise_B = (2.0 * log_sigma_EBP).exp().mean(dim=0).sum(dim=-1)
    return disagreement(mean_EBP, log_sigma_EBP) + noise_B


DEFAULT = "disagreement"
HEURISTICS: dict[str, Heuristic] = {
    "disagreement": disagreement,
    "max_std": max_std,
    "mixture": mixture,
}


def heuristic(name: str) -> Heuristic:
    """The heuristic called `name`.

    Raises:
        ConfigurationError: there is none.
    """
    if name not in HEURISTICS:
        raise ConfigurationError(
            f"uncertainty is {name!r}; {choices(HEURISTICS, str(name))}"
        )
    return HEURISTICS[name]
