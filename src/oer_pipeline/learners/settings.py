"""What every learner is told; the defaults are the paper's (method, section 2). Options of one learner are its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from oer_pipeline.errors import ConfigurationError, choices

Heads = Literal["multi", "single"]
Statistics = Literal["task", "first", "none"]
CriticNorm = Literal["none", "layer"]


@dataclass(frozen=True)
class LearnerSettings:
    """Hyper-parameters of one task's training; lengths count critic updates."""

    name: str = "er_dbc"
    base: str = "td3bc"  # how the newest task is learned: see learners/bases
    heads: Heads = "multi"  # a head per task, or one that is told the task by a one-hot input
    statistics: Statistics = "task"  # whose observation statistics a head sees: its own task's, the first's, nobody's
    updates: int = 150_000
    batch_size: int = 1_024
    hidden: tuple[int, ...] = (256, 256)
    learning_rate: float = 3e-4
    discount: float = 0.99
    polyak: float = 0.005
    policy_delay: int = 2
    target_noise: float = 0.2
    target_noise_clip: float = 0.5
    alpha: float = 2.5
    critic_norm: CriticNorm = "none"  # layer: every hidden layer of the critics is normalised (Ba et al. 2016)

    def __post_init__(self) -> None:
        kinds = {"heads": Heads, "statistics": Statistics, "critic_norm": CriticNorm}
        for name, kind in kinds.items():
            known("learner." + name, getattr(self, name), get_args(kind))
        for name in ("updates", "batch_size", "policy_delay"):
            at_least("learner." + name, getattr(self, name), 1)
        object.__setattr__(self, "hidden", tuple(self.hidden))


def known(name: str, value: str, good: tuple[str, ...]) -> None:
    """Raises: ConfigurationError: `value` is none of `good`."""
    if value not in good:
        raise ConfigurationError(f"{name} is {value!r}; {choices(good)}")


def at_least(name: str, value: float, low: float) -> None:
    """Raises: ConfigurationError: `value` is below `low`, or no number."""
    if not value >= low:
        raise ConfigurationError(f"{name} is {value}; it has to be at least {low:g}")


def between(name: str, value: float, low: float, high: float) -> None:
    """Raises: ConfigurationError: `value` is not in [low, high]."""
    if not low <= value <= high:
        raise ConfigurationError(f"{name} is {value}; it has to be between {low:g} and {high:g}")
