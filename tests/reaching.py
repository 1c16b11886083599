"""A small gymnasium environment that says when it is solved: a point that has to reach
a goal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.episode_table import table_from_episodes
from oer_pipeline.suites.rollout import episode_generators, rollout
from oer_pipeline.suites.suite import Suite, Task
from oer_pipeline.trajectories.table import write_trajectories

HORIZON = 16
NEAR = 0.2


class Reach(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """Position starts near 0 and moves by a tenth of the action; `goal` (x, y) is not
    seen.

    The reward is minus the distance to the goal; `info["is_success"]`: nearer than
    `NEAR`.
    """

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def __init__(self, goal: tuple[float, float]) -> None:
        self._goal = np.array(goal)

    def reset(self, **given: Any) -> tuple[NDArray[np.float32], dict[str, Any]]:
        super().reset(**given)
        self._position = self.np_random.uniform(-0.1, 0.1, 2)
        return self._position.astype(np.float32), {}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        self._position = self._position + 0.1 * action
        distance = float(np.linalg.norm(self._position - self._goal))
        info = {"is_success": distance < NEAR, "speed": float(np.abs(action).sum())}
        return self._position.astype(np.float32), -distance, False, False, info


gymnasium.register("Reach-v0", entry_point=Reach)
GOALS = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0))


def task_config(goal: tuple[float, float], **more: Any) -> dict[str, Any]:
    """A task as a suite lists it."""
    kwargs = {"goal": list(goal)}
    return {"id": "Reach-v0", "kwargs": kwargs, "success_key": "is_success", **more}


def reach_suite(*tasks: dict[str, Any]) -> Suite:
    """A suite of such tasks; all goals if none are given."""
    listed = list(tasks) or [task_config(goal) for goal in GOALS]
    config = {"family": "gymnasium", "horizon": HORIZON, "tasks": listed}
    return Suite.from_config("reach", config)


def steered(task: Task, wrong: float = 0.0) -> Any:
    """A policy (batch of observations, step) -> actions that goes to the goal, or
    `wrong` radians beside it."""
    goal = np.array(task.parameters["kwargs"]["goal"])
    turn = np.array([[np.cos(wrong), -np.sin(wrong)], [np.sin(wrong), np.cos(wrong)]])

    def act(observation: FloatArray, _step: int) -> FloatArray:
        way = turn @ goal - observation
        return np.clip(10.0 * way, -0.9, 0.9)

    return act


def write_data(task: Task, path: Path, episodes: int = 30) -> None:
    """Episodes that reach the goal, as a Parquet file to import."""
    generators = episode_generators("test data", 0, task.index, episodes)
    found = rollout(
        [task.physics()] * episodes, generators, steered(task), task.horizon
    )
    assert found.success.all()
    table = table_from_episodes(found, {"suite": task.suite}, task.horizon)
    write_trajectories(path, table)
