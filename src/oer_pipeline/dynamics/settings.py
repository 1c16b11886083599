"""What a fit of a transition model can be told."""

from __future__ import annotations

from dataclasses import dataclass, fields

from oer_pipeline.errors import ConfigurationError


@dataclass(frozen=True)
class DynamicsSettings:
    """Sizes and optimisation of the ensemble; early stopping per member on held-out episodes' likelihood."""

    members: int = 5
    elites: int | None = None
    """Members kept after the fit, those of the best held-out likelihood; None keeps all."""
    hidden: tuple[int, ...] = (256, 256)
    learning_rate: float = 5e-3
    weight_decay: float = 1e-4
    """Coefficient of half the squared weights in the loss; biases and limits are left alone."""
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
        object.__setattr__(self, "hidden", tuple(self.hidden))
        at_least_one = ("members", "batch_size", "patience", "max_epochs")
        rules = {name: (getattr(self, name) >= 1, "at least 1") for name in at_least_one}
        fits = isinstance(self.elites, int) and 1 <= self.elites <= self.members
        rules["elites"] = (self.elites is None or fits, f"null or 1 to {self.members}")
        rules["hidden"] = (all(width >= 1 for width in self.hidden), "widths of at least 1")
        rules["learning_rate"] = (self.learning_rate > 0, "above 0")
        rules["holdout"] = (0 < self.holdout < 1, "between 0 and 1, both excluded")
        rules.update({f.name: (getattr(self, f.name) >= 0, "at least 0") for f in fields(self) if f.name not in rules})
        for name, (holds, wanted) in rules.items():
            if not holds:
                raise ConfigurationError(f"dynamics: {name} is {getattr(self, name)!r}; it must be {wanted}")
