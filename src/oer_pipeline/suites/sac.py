"""Behaviour policies by Stable-Baselines3's SAC (as OER's authors trained theirs), with
snapshots on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from oer_pipeline.suites.behaviour import SquashedPolicy
from oer_pipeline.suites.environment import task_env
from oer_pipeline.suites.suite import Task


@dataclass(frozen=True)
class SACSettings:
    """SAC's budget and settings; one update an environment step, entropy tuned."""

    steps: int = 300_000
    hidden: int = 256
    batch: int = 256
    learning_rate: float = 3e-4
    discount: float = 0.99
    warm_up: int = 5_000  # steps of uniform actions
    snapshots: int = 40
    seed: int = 0


def train(task: Task, settings: SACSettings) -> list[tuple[int, SquashedPolicy]]:
    """(environment steps, policy) from the first to the last."""
    import torch
    from stable_baselines3 import SAC

    torch.set_num_threads(1)
    environment: Callable[[], Any] = lambda: task_env(task)  # noqa: E731
    sac = SAC(
        "MlpPolicy",
        environment(),
        learning_rate=settings.learning_rate,
        batch_size=settings.batch,
        gamma=settings.discount,
        learning_starts=settings.warm_up,
        policy_kwargs={"net_arch": [settings.hidden] * 2},
        seed=settings.seed,
        device="cpu",
    )
    taken: list[tuple[int, SquashedPolicy]] = []

    def keep(_locals: Any, _globals: Any) -> bool:
        if sac.num_timesteps >= len(taken) * settings.steps / settings.snapshots:
            taken.append((sac.num_timesteps, _to_numpy(sac.actor)))
        return True

    sac.learn(settings.steps, callback=keep)
    return [*taken, (sac.num_timesteps, _to_numpy(sac.actor))]


def _to_numpy(actor: Any) -> SquashedPolicy:
    """SB3's actor as plain arrays, weights laid out (in, out); the last layer gives
    mean and log_std side by side."""
    import torch

    hidden = [m for m in actor.latent_pi if hasattr(m, "weight")]
    weights = [layer.weight for layer in hidden] + [
        torch.cat([actor.mu.weight, actor.log_std.weight])
    ]
    biases = [layer.bias for layer in hidden] + [
        torch.cat([actor.mu.bias, actor.log_std.bias])
    ]
    named = {f"{i}.weight": w.detach().numpy().T.copy() for i, w in enumerate(weights)}
    return SquashedPolicy(
        named | {f"{i}.bias": b.detach().numpy().copy() for i, b in enumerate(biases)}
    )
