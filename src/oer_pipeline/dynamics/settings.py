"""Options of the fit of a transition model."""

from __future__ import annotations

from dataclasses import dataclass

from oer_pipeline.common.checks import (
    LARGEST_BATCH,
    activations,
    at_least,
    between,
    layers,
    whole,
)

MOST_EPOCHS = 10**6


@dataclass(frozen=True)
class DynamicsSettings:
    """Sizes and optimisation of the ensemble; early stopping per member on held-out
    episodes' likelihood."""

    members: int = 5
    elites: int | None = None
    """Members kept after the fit, those of the best held-out likelihood; None keeps
    all."""
    hidden: tuple[int, ...] = (256, 256)
    learning_rate: float = 5e-3
    weight_decay: float = 1e-4
    """Coefficient of half the squared weights in the loss; biases and limits are left
    alone."""
    batch_size: int = 256
    holdout: float = 0.1
    """Fraction of the episodes, at least one."""
    patience: int = 5
    """Epochs without an improvement after which a member stops."""
    min_improvement: float = 0.1
    """Nats of held-out likelihood that count as an improvement."""
    max_epochs: int = 200
    log_sigma_penalty: float = 0.01

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            ConfigurationError: a size, count or rate out of its range.
        """
        whole("dynamics.members", self.members, 1, 100)
        if self.elites is not None:
            whole("dynamics.elites, if not null,", self.elites, 1, self.members)
        object.__setattr__(
            self, "hidden", layers("dynamics.hidden", self.hidden, self.members)
        )
        whole("dynamics.batch_size", self.batch_size, 1, LARGEST_BATCH)
        activations("dynamics", self.batch_size, self.hidden, self.members)
        between(
            "dynamics.learning_rate", self.learning_rate, 0.0, 1.0, low_excluded=True
        )
        at_least("dynamics.weight_decay", self.weight_decay, 0.0)
        between(
            "dynamics.holdout",
            self.holdout,
            0.0,
            1.0,
            low_excluded=True,
            high_excluded=True,
        )
        whole("dynamics.patience", self.patience, 1, MOST_EPOCHS)
        at_least("dynamics.min_improvement", self.min_improvement, 0.0)
        whole("dynamics.max_epochs", self.max_epochs, 1, MOST_EPOCHS)
        at_least("dynamics.log_sigma_penalty", self.log_sigma_penalty, 0.0)
