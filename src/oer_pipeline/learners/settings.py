"""The settings that all learners share; the defaults are the paper's (method, section
2). Options of one learner are arguments of its class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from oer_pipeline.common.checks import (
    LARGEST_BATCH,
    MOST_UPDATES,
    activations,
    at_least,
    between,
    known,
    layers,
    whole,
)

Heads = Literal["multi", "single"]
Statistics = Literal["task", "first", "none"]
CriticNorm = Literal["none", "layer"]


@dataclass(frozen=True)
class LearnerSettings:
    """Hyper-parameters of one task's training; lengths count critic updates."""

    name: str = "er_dbc"
    base: str = "td3bc"  # how the newest task is learned: see learners/bases
    # multi: a head per task; single: one, with the task as a one-hot input
    heads: Heads = "multi"
    # whose observation statistics a head sees: its own task's, the first's, nobody's
    statistics: Statistics = "task"
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
    # layer: every hidden layer of the critics is normalised (Ba et al. 2016)
    critic_norm: CriticNorm = "none"

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, or not in any machine.

        Raises:
            ConfigurationError: names the parameter, its value and what it takes.
        """
        kinds = {"heads": Heads, "statistics": Statistics, "critic_norm": CriticNorm}
        for name, kind in kinds.items():
            known("learner." + name, getattr(self, name), get_args(kind))
        whole("learner.updates", self.updates, 1, MOST_UPDATES)
        whole("learner.batch_size", self.batch_size, 1, LARGEST_BATCH)
        object.__setattr__(
            self,
            "hidden",
            layers("learner.hidden", self.hidden),
        )
        activations("learner", self.batch_size, self.hidden)
        between(
            "learner.learning_rate",
            self.learning_rate,
            0.0,
            1.0,
            low_excluded=True,
        )
        between("learner.discount", self.discount, 0.0, 1.0, high_excluded=True)
        between("learner.polyak", self.polyak, 0.0, 1.0, low_excluded=True)
        whole("learner.policy_delay", self.policy_delay, 1, 1_000)
        between("learner.target_noise", self.target_noise, 0.0, 100.0)
        between("learner.target_noise_clip", self.target_noise_clip, 0.0, 100.0)
        at_least("learner.alpha", self.alpha, 0.0)
