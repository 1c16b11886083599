"""Breaking off never pays: not in evaluation, not in references, not in a behaviour's
scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites import diverged_returns
from oer_pipeline.suites.behaviour import UniformPolicy, play
from oer_pipeline.suites.behaviour_data import (
    ROUND,
    collect,
    references,
    rolled_out_returns,
)
from oer_pipeline.suites.diverged_returns import full_returns, worst_reward
from oer_pipeline.suites.episode_table import table_from_episodes
from oer_pipeline.suites.evaluation import evaluate_policies
from oer_pipeline.suites.physics import Transition
from oer_pipeline.suites.rollout import Episodes
from oer_pipeline.suites.suite import FAMILIES, Suite, Task
from oer_pipeline.trajectories.concatenate import concatenate

Counting = Callable[..., Suite]


def steady(task: Task, value: float, episodes: int = 4) -> Episodes:
    """What a policy of one action does, which in a `Counter` is the reward as well."""
    actions = task.physics().action_size

    def act(_: Task, observation: FloatArray) -> FloatArray:
        return np.full((*observation.shape[:2], actions), value)

    [[found]] = evaluate_policies([task], act, 1, episodes, "evaluation")
    return found


def fragile(family: str) -> Any:
    """The family's physics, but full actions break them in the second step."""

    class Fragile(FAMILIES[family]):  # type: ignore[misc]
        def step(self, state: mujoco.MjData, action: FloatArray) -> Transition:
            if state.time > 0.0 and (action == 1.0).all():
                state.qvel[:] = np.nan
            return Transition(*super().step(state, action))

    return Fragile


@pytest.mark.parametrize("name", ["cheetah_vel_signed", "ant_dir", "walker_par"])
def test_an_episode_that_breaks_off_is_worse_than_those_that_go_on(
    name: str,
    named: Callable[[str], Suite],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo leaves a log where it runs
    task = named(name).tasks[0]
    sound = steady(task, 1.0).returns.min()
    random = play(task, UniformPolicy(), 20, "test").returns.min()
    still = steady(task, 0.0).returns.min()
    monkeypatch.setitem(FAMILIES, task.family, fragile(task.family))
    broken = steady(task, 1.0)
    assert broken.diverged.all()
    assert broken.length.tolist() == [1] * 4
    found = full_returns(task, broken)
    assert found.max() < min(random, still)
    # Full actions cost the ant a little more at every step than random ones ever do.
    assert found.max() < sound + 0.03 * abs(sound)


@pytest.mark.parametrize("value", [1.0, 0.25, 0.0, -0.5, -1.0])
def test_missing_steps_earn_the_least_of_random_actions_of_the_episode_and_of_a_fall(
    counting: Counting,
    value: float,
) -> None:
    task = counting(breaks=4).tasks[0]  # three of ten steps
    random = play(task, UniformPolicy(), 25, "collect random").reward.min()
    assert -1.0 < random < -0.9
    expected = 3 * value + 7 * min(random, value, 0.0)
    np.testing.assert_allclose(
        full_returns(task, steady(task, value)), expected, rtol=1e-6
    )


def test_rewards_that_are_never_bad_do_not_pay_for_missing_steps(
    counting: Counting,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diverged_returns, "worst_reward", lambda _: 0.5)
    task = counting(breaks=4).tasks[0]
    np.testing.assert_allclose(full_returns(task, steady(task, 1.0)), 3.0)


def test_episodes_that_end_otherwise_keep_every_bit_and_cost_nothing(
    counting: Counting,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asked(_: Task) -> float:
        raise AssertionError("nothing broke off")

    monkeypatch.setattr(diverged_returns, "worst_reward", asked)
    for suite in (counting(), counting(ends=3)):
        task = suite.tasks[0]
        episodes = steady(task, 0.3)
        found = full_returns(task, episodes)
        assert found.dtype == episodes.returns.dtype
        assert found.tobytes() == episodes.returns.tobytes()
        table = table_from_episodes(episodes, {}, task.horizon)
        assert rolled_out_returns(task, table).tobytes() == table.returns.tobytes()


def test_the_worst_reward_is_that_of_the_tasks_random_data(signed: Suite) -> None:
    task = replace(signed.tasks[1], horizon=40)
    behaviours: Any = None  # random data need none
    data = collect(task, behaviours, "random", ROUND * 40, 0)
    assert worst_reward(task) == data.reward.min()


def test_references_count_as_evaluation_does(counting: Counting) -> None:
    """Two tables of one kind; in one the physics break late, in the other at once."""
    task = counting(breaks=4).tasks[0]
    late, at_once = steady(task, 0.5), steady(counting(breaks=1).tasks[0], 0.5, 3)
    sound = steady(counting().tasks[0], 0.5, 2)
    worst = worst_reward(task)
    tables = [table_from_episodes(e, {}, 10) for e in (sound, late)]
    [rows] = [table_from_episodes(_both(sound, at_once), {}, 10)]
    every = rolled_out_returns(task, concatenate([*tables, rows]))
    expected = [5.0] * 2 + [1.5 + 7 * worst] * 4 + [5.0] * 2 + [10 * worst] * 3
    np.testing.assert_allclose(every, expected, rtol=1e-6)
    raw = dict.fromkeys(("random", "medium", "expert"), tables[1])
    found = references(task, raw, 0, 5)
    assert found["medium"]["mean"] == pytest.approx(1.5 + 7 * worst)
    assert found["zero"]["mean"] == pytest.approx(7 * worst)


def _both(left: Episodes, right: Episodes) -> Episodes:
    pairs = zip(vars(left).values(), vars(right).values(), strict=True)
    return Episodes(*(np.concatenate(pair) for pair in pairs))
