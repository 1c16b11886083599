"""Roll-outs in lock step: an episode does not notice its company; terminal, horizon and divergence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from oer_pipeline.suites.rollout import Episodes, episode_generators, rollout
from oer_pipeline.suites.suite import Suite
from oer_pipeline.types import FloatArray


def lean(observation: FloatArray, step: int) -> FloatArray:
    """A policy whose rows are computed one by one, so that company cannot even change the last bit."""
    rows = [np.sin(np.outer(row[:6], [1.0, 3.0]).sum(axis=1) + step) for row in observation]
    return np.stack(rows) * 1.3  # beyond the bounds at times: clipping is part of the story


def push(observation: FloatArray, _: int) -> FloatArray:
    return np.full((len(observation), 1), 0.25)


def assert_same(left: Episodes, right: Episodes) -> None:
    for name in ("observation", "action", "reward", "terminal", "diverged", "length"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


def test_an_episode_does_not_depend_on_what_runs_beside_it(signed: Suite) -> None:
    horizon, kinds = 30, [signed.tasks[i].physics() for i in (0, 1, 0, 2)]

    def starts() -> list[np.random.Generator]:
        return episode_generators("company", 0, 1, 4)

    together = rollout(kinds, starts(), lean, horizon)
    for b, physics in enumerate(kinds):
        alone = rollout([physics], [starts()[b]], lean, horizon)
        assert_same(alone, together.take(slice(b, b + 1)))
    assert len(np.unique(together.returns)) == 4


def test_a_later_number_is_the_same_episode_in_another_round() -> None:
    whole, late = episode_generators("x", 0, 1, 6), episode_generators("x", 0, 1, 2, first=4)
    assert [g.random() for g in whole[4:]] == [g.random() for g in late]


def test_start_states_differ_between_purposes_seeds_tasks_and_numbers(signed: Suite) -> None:
    keys = [
        ("collect medium", 0, 1),
        ("collect random", 0, 1),
        ("evaluation", 0, 1),
        ("visits", 0, 1),
        ("evaluation", 1, 1),
    ]
    keys += [("evaluation", 0, 2)]
    generators = [g for key in keys for g in episode_generators(*key, 25)]
    runs = rollout([signed.tasks[0].physics()] * len(generators), generators, lean, 0)
    assert len(np.unique(runs.observation[:, 0], axis=0)) == len(generators)


def test_terminal_horizon_and_divergence(counter: Any) -> None:
    horizon = 6
    physics = [counter(ends=3), counter(), counter(breaks=4), counter(ends=6), counter(breaks=1)]
    runs = rollout(physics, episode_generators("fate", 0, 1, 5), push, horizon)
    assert runs.length.tolist() == [3, 6, 3, 6, 0]
    assert runs.terminal.tolist() == [True, False, False, True, False]
    assert runs.diverged.tolist() == [False, False, True, False, True]
    np.testing.assert_allclose(runs.returns, [0.75, 1.5, 0.75, 1.5, 0.0])
    for b, length in enumerate(runs.length):
        path = runs.observation[b, : length + 1, 0]
        np.testing.assert_allclose(np.diff(path), 0.25, atol=1e-6)
        assert 0 <= path[0] <= 1
        assert (runs.observation[b, length + 1 :] == 0).all()
        assert (runs.action[b, length:] == 0).all()
        assert (runs.action[b, :length] == 0.25).all()
        assert (runs.reward[b, length:] == 0).all()


def test_actions_are_clipped_before_use(counter: Any) -> None:
    runs = rollout([counter()], episode_generators("clip", 0, 1, 1), lambda o, _: np.full((len(o), 1), -7.0), 2)
    assert runs.action.tolist() == [[[-1.0], [-1.0]]]
    assert runs.returns.tolist() == [-2.0]


def test_nothing_is_asked_of_the_policy_once_all_episodes_are_over(counter: Any) -> None:
    asked = []

    def act(observation: FloatArray, step: int) -> FloatArray:
        asked.append(step)
        return push(observation, step)

    rollout([counter(ends=2), counter(ends=4)], episode_generators("over", 0, 1, 2), act, 100)
    assert asked == [0, 1, 2, 3]


def test_simulators_without_generators_are_refused(counter: Any) -> None:
    with pytest.raises(ValueError, match="2 simulators but 1 generators"):
        rollout([counter(), counter()], episode_generators("few", 0, 1, 1), push, 3)
