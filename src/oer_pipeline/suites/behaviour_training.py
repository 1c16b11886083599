"""Train a task's behaviour policies with Stable-Baselines3's PPO and keep the medium and the final snapshot.

`python -m oer_pipeline.suites.behaviour_training SUITES.yml SUITE TASK` (what `make behaviours` calls per task).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from oer_pipeline.errors import DataError
from oer_pipeline.suites.behaviour import (
    Behaviour,
    GaussianPolicy,
    UniformPolicy,
    ZeroPolicy,
    check_trained,
    committed,
    play,
)
from oer_pipeline.suites.environment import TaskEnv
from oer_pipeline.suites.suite import Suite, Task
from oer_pipeline.types import FloatArray


@dataclass(frozen=True)
class PPOSettings:
    """PPO's budget and settings; steps count environment steps over all `environments`."""

    steps: int = 700_000
    environments: int = 8
    rollout_steps: int = 64
    batch: int = 512
    epochs: int = 8
    hidden: int = 64
    learning_rate: float = 1e-3  # falls linearly to 0
    snapshot_every: int = 20_480
    episodes: int = 20
    seed: int = 0


def train(task: Task, settings: PPOSettings) -> tuple[dict[str, FloatArray], dict[str, Any]]:
    """PPO on `task`: the tensors of the `medium` and `final` policies and their record (returns, steps, seconds).

    Medium is the first snapshot whose stochastic return reaches floor + (final - floor) / 2, where the floor is the
    better of the random and the zero-action return (protocol, Behaviour policies).

    Raises:
        DataError: the final policy does not clearly leave the floor: the task is untrained.
    """
    started = time.monotonic()
    snapshots = _snapshots(task, settings)

    def score(behaviour: Behaviour) -> float:
        return float(play(task, behaviour, settings.episodes, "snapshot").returns.mean())

    random, zero = score(UniformPolicy()), score(ZeroPolicy())
    floor = max(random, zero)
    final = score(replace(snapshots[-1][1], deterministic=True))
    check_trained(task, floor, final)
    scores = [(steps, score(policy), policy) for steps, policy in snapshots]
    reached = [s for s in scores if s[1] >= floor + (final - floor) / 2]
    if not reached:
        raise DataError(
            f"{task.suite} {task.name}: no snapshot reaches the medium return; final {final:.1f}, floor {floor:.1f}"
        )
    steps, medium, policy = reached[0]
    chosen = {"medium": policy, "final": snapshots[-1][1]}
    tensors = {f"{s}/{n}": np.ascontiguousarray(v, np.float32) for s, p in chosen.items() for n, v in p.weights.items()}
    record = {
        "algorithm": "PPO",
        "task": dict(task.parameters),
        "steps": settings.steps,
        "seed": settings.seed,
        "medium_steps": steps,
        "returns": {"random": random, "zero": zero, "medium": medium, "final": final},
        "curve": [[s, round(r, 2)] for s, r, _ in scores],
        "seconds": round(time.monotonic() - started),
    }
    return tensors, record


def _snapshots(task: Task, settings: PPOSettings) -> list[tuple[int, GaussianPolicy]]:
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    torch.set_num_threads(1)
    limited: Callable[[], Any] = lambda: TaskEnv(task)  # noqa: E731
    environments = VecNormalize(DummyVecEnv([limited] * settings.environments), norm_reward=False)
    taken: list[tuple[int, GaussianPolicy]] = []

    class Keep(BaseCallback):
        def _on_rollout_start(self) -> None:
            if self.num_timesteps >= len(taken) * settings.snapshot_every:
                taken.append((self.num_timesteps, _to_numpy(self.model.policy, environments.obs_rms)))

        def _on_step(self) -> bool:
            return True

    ppo = PPO(
        "MlpPolicy",
        environments,
        learning_rate=lambda left: settings.learning_rate * left,
        n_steps=settings.rollout_steps,
        batch_size=settings.batch,
        n_epochs=settings.epochs,
        policy_kwargs={"net_arch": [settings.hidden, settings.hidden]},
        seed=settings.seed,
        device="cpu",
    )
    ppo.learn(settings.steps, callback=Keep())
    taken.append((ppo.num_timesteps, _to_numpy(ppo.policy, environments.obs_rms)))
    return taken


def _to_numpy(policy: Any, statistics: Any) -> GaussianPolicy:
    """SB3's actor as plain arrays, weights laid out (in, out)."""
    linear = [m for m in policy.mlp_extractor.policy_net if hasattr(m, "weight")] + [policy.action_net]
    weights = {"mean": statistics.mean.copy(), "variance": statistics.var.copy()}
    weights["log_std"] = policy.log_std.detach().numpy().copy()
    for i, layer in enumerate(linear):
        weights[f"{i}.weight"] = layer.weight.detach().numpy().T.copy()
        weights[f"{i}.bias"] = layer.bias.detach().numpy().copy()
    return GaussianPolicy(weights)


def main(suites_file: str, suite_name: str, index: str, destination: str | None = None) -> None:
    """Train one task and write its behaviour file; an existing file is kept (delete it to train again)."""
    import yaml
    from safetensors.numpy import save_file

    suite = Suite.from_config(suite_name, yaml.safe_load(Path(suites_file).read_text())[suite_name])
    task = suite.tasks[int(index) - 1]
    path = (
        Path(destination) / suite_name / f"{task.name}.safetensors" if destination else committed(suite_name, task.name)
    )
    if path.exists():
        print(f"{path.name} of {suite_name} is there; delete it to train it again")
        return
    tensors, record = train(task, PPOSettings())
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"record": json.dumps(record, sort_keys=True)})
    print(f"{suite_name} {task.name}: {record['returns']} in {record['seconds']} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
