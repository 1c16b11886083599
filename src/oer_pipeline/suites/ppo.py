"""Behaviour policies by Stable-Baselines3's PPO (the default), with snapshots on the
way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from oer_pipeline.common.checks import between, whole
from oer_pipeline.suites.behaviour import GaussianPolicy
from oer_pipeline.suites.behaviour_settings import MOST_AT_ONCE, check_common
from oer_pipeline.suites.environment import task_env
from oer_pipeline.suites.suite import Task


@dataclass(frozen=True)
class PPOSettings:
    """PPO's budget and settings; steps count environment steps over all
    `environments`."""

    steps: int = 500_000
    environments: int = 8
    rollout_steps: int = 128
    batch: int = 512
    epochs: int = 8
    hidden: int = 64
    learning_rate: float = 1e-3  # falls linearly to 0
    discount: float = 0.98
    gae_lambda: float = 0.92
    # More noise costs more than it brings: 0 left two cheetah tasks in a poor optimum.
    log_std: float = -1.0
    snapshots: int = 40
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            ConfigurationError: a size, count or rate out of its range.
        """
        check_common(self)
        whole("environments", self.environments, 1, MOST_AT_ONCE)
        whole("rollout_steps", self.rollout_steps, 2, MOST_AT_ONCE)
        whole("epochs", self.epochs, 1, MOST_AT_ONCE)
        between("gae_lambda", self.gae_lambda, 0.0, 1.0)
        between("log_std", self.log_std, -10.0, 2.0)


def train(task: Task, settings: PPOSettings) -> list[tuple[int, GaussianPolicy]]:
    """(environment steps, policy) of every snapshot, from the first to the last;
    observations and rewards are normalised."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    torch.set_num_threads(1)

    def environment() -> Any:
        return task_env(task)

    parallel = DummyVecEnv([environment] * settings.environments)
    environments = VecNormalize(parallel, gamma=settings.discount)
    ppo = PPO(
        "MlpPolicy",
        environments,
        learning_rate=lambda left: settings.learning_rate * left,
        n_steps=settings.rollout_steps,
        batch_size=settings.batch,
        n_epochs=settings.epochs,
        gamma=settings.discount,
        gae_lambda=settings.gae_lambda,
        policy_kwargs={
            "net_arch": [settings.hidden] * 2,
            "log_std_init": settings.log_std,
        },
        seed=settings.seed,
        device="cpu",
    )
    snapshots: list[tuple[int, GaussianPolicy]] = []

    def take() -> None:
        policy = _to_numpy(ppo.policy, environments.obs_rms)
        snapshots.append((ppo.num_timesteps, policy))

    def take_when_due(_locals: Any, _globals: Any) -> bool:
        due = len(snapshots) * settings.steps / settings.snapshots
        if ppo.num_timesteps >= due:
            take()
        return True

    ppo.learn(settings.steps, callback=take_when_due)
    take()
    return snapshots


def _to_numpy(policy: Any, statistics: Any) -> GaussianPolicy:
    """SB3's actor as plain arrays, weights laid out (in, out)."""
    modules = [*policy.mlp_extractor.policy_net, policy.action_net]
    layers = [module for module in modules if hasattr(module, "weight")]
    weights = {"mean": statistics.mean.copy(), "variance": statistics.var.copy()}
    weights["log_std"] = policy.log_std.detach().numpy().copy()
    for number, layer in enumerate(layers):
        weights[f"{number}.weight"] = layer.weight.detach().numpy().T.copy()
        weights[f"{number}.bias"] = layer.bias.detach().numpy().copy()
    return GaussianPolicy(weights)
