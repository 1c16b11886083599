"""The gymnasium face of a task: the checker's rules, and the same trajectories as the roll-outs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from oer_pipeline.suites.environment import TaskEnv
from oer_pipeline.suites.rollout import rollout
from oer_pipeline.suites.suite import Suite


@pytest.mark.filterwarnings("ignore")
def test_it_passes_gymnasiums_checker(signed: Suite) -> None:
    check_env(TaskEnv(signed.tasks[0]), skip_render_check=True)


def test_its_steps_are_those_of_a_rollout(signed: Suite) -> None:
    task = replace(signed.tasks[2], horizon=25)
    plan = np.random.default_rng(1).uniform(-1, 1, (25, 6)).astype(np.float32)
    env = TaskEnv(task)
    seen, rewards, cut = [env.reset(seed=11)[0]], [], []
    for action in plan:
        observation, reward, terminated, truncated, _ = env.step(action)
        seen.append(observation)
        rewards.append(reward)
        cut.append(truncated)
        assert not terminated
    (start,) = (np.random.Generator(np.random.PCG64(11)),)
    runs = rollout([task.physics()], [start], lambda _, step: plan[step][None], 25)
    np.testing.assert_array_equal(np.array(seen, np.float32), runs.observation[0])
    np.testing.assert_array_equal(np.array(rewards, np.float32), runs.reward[0])
    assert cut == [False] * 24 + [True]


def test_a_reset_starts_the_clock_again(signed: Suite) -> None:
    env = TaskEnv(replace(signed.tasks[0], horizon=2))
    for _ in range(2):
        env.reset(seed=0)
        assert [env.step(np.zeros(6, np.float32))[3] for _ in range(2)] == [False, True]
