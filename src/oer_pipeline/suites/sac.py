"""Behaviour policies by Stable-Baselines3's SAC (as OER's authors trained theirs), with
snapshots on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from oer_pipeline.common.checks import MOST_UPDATES, whole
from oer_pipeline.suites.behaviour import SquashedPolicy
from oer_pipeline.suites.behaviour_settings import check_common
from oer_pipeline.suites.environment import task_env
from oer_pipeline.suites.suite import Task


@dataclass(frozen=True)
class SACSettings:
    """SAC's budget and settings; one update per environment step, entropy tuned."""

    steps: int = 300_000
    hidden: int = 256
    batch: int = 256
    learning_rate: float = 3e-4
    discount: float = 0.99
    warm_up: int = 5_000  # steps of uniform actions
    snapshots: int = 40
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            ConfigurationError: a size, count or rate out of its range.
        """
        check_common(self)
        whole("warm_up", self.warm_up, 0, MOST_UPDATES)


def train(task: Task, settings: SACSettings) -> list[tuple[int, SquashedPolicy]]:
    """(environment steps, policy) of every snapshot, from the first to the last."""
    import torch
    from stable_baselines3 import SAC

    torch.set_num_threads(1)
    environment: Any = task_env(task)
    sac = SAC(
        "MlpPolicy",
        environment,
        learning_rate=settings.learning_rate,
        batch_size=settings.batch,
        gamma=settings.discount,
        learning_starts=settings.warm_up,
        policy_kwargs={"net_arch": [settings.hidden] * 2},
        seed=settings.seed,
        device="cpu",
    )
    snapshots: list[tuple[int, SquashedPolicy]] = []

    def take() -> None:
        snapshots.append((sac.num_timesteps, _to_numpy(sac.actor)))

    def take_when_due(_locals: Any, _globals: Any) -> bool:
        due = len(snapshots) * settings.steps / settings.snapshots
        if sac.num_timesteps >= due:
            take()
        return True

    sac.learn(settings.steps, callback=take_when_due)
    take()
    return snapshots


def _to_numpy(actor: Any) -> SquashedPolicy:
    """SB3's actor as plain arrays, weights laid out (in, out); the last layer gives
    mean and log_std side by side."""
    import torch

    layers = []
    for module in actor.latent_pi:
        if hasattr(module, "weight"):
            layers.append((module.weight, module.bias))
    last_weight = torch.cat([actor.mu.weight, actor.log_std.weight])
    last_bias = torch.cat([actor.mu.bias, actor.log_std.bias])
    layers.append((last_weight, last_bias))
    named = {}
    for number, (weight, bias) in enumerate(layers):
        named[f"{number}.weight"] = weight.detach().numpy().T.copy()
        named[f"{number}.bias"] = bias.detach().numpy().copy()
    return SquashedPolicy(named)
