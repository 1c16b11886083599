"""What a learner can be told; the defaults are the paper's (method, sections 2 to 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from oer_pipeline.errors import ConfigurationError, choices

TrunkStart = Literal["continual", "self", "fresh"]
Base = Literal["td3bc", "bc"]


@dataclass(frozen=True)
class LearnerSettings:
    """Hyper-parameters of one task's training; lengths count critic updates."""

    name: str = "er_dbc"
    base: Base = "td3bc"
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
    replay_weight: float = 1.0
    trunk_start: TrunkStart = "continual"

    def __post_init__(self) -> None:
        for name, kind in (("base", Base), ("trunk_start", TrunkStart)):
            if getattr(self, name) not in get_args(kind):
                raise ConfigurationError(f"learner.{name} is {getattr(self, name)!r}; {choices(get_args(kind))}")
        for name in ("updates", "batch_size", "policy_delay"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"learner.{name} is {getattr(self, name)}; it has to be at least 1")
        object.__setattr__(self, "hidden", tuple(self.hidden))
