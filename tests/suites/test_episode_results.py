"""What is kept of an evaluated episode: success is there where the task has it, and as
plain gymnasium tells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites.episode_results import episode_results
from oer_pipeline.suites.evaluation import evaluate_policies
from oer_pipeline.suites.gymnasium_physics import LARGEST_SEED, GymnasiumPhysics
from oer_pipeline.suites.physics import Transition
from oer_pipeline.suites.rollout import episode_generators
from oer_pipeline.suites.suite import FAMILIES, Suite, Task
from tests.reaching import GOALS, HORIZON, reach_suite, task_config


def straight_on(_: Task, observation: FloatArray) -> FloatArray:
    """Always to the right: through the first goal and beyond it."""
    return np.broadcast_to(np.array([0.9, 0.0]), observation.shape).copy()


def test_success_is_what_plain_gymnasium_says_at_any_step() -> None:
    task, episodes = reach_suite().tasks[0], 3
    [[found]] = evaluate_policies([task], straight_on, 1, episodes, "evaluation")
    said = np.zeros((episodes, HORIZON), dtype=bool)
    env = gymnasium.make("Reach-v0", goal=GOALS[0])
    generators = episode_generators("evaluation", 0, task.index, episodes)
    for episode, generator in enumerate(generators):
        env.reset(seed=int(generator.integers(LARGEST_SEED)))
        for step in range(HORIZON):
            *_, info = env.step(np.array([0.9, 0.0], np.float32))
            said[episode, step] = info["is_success"]
    assert said.any(axis=1).all()
    assert not said[:, -1].any()  # solved on the way, not at the end
    columns = episode_results(task, found)
    assert list(columns) == ["return", "length", "diverged", "success"]
    assert columns["success"].dtype == bool
    assert columns["success"].tolist() == said.any(axis=1).tolist()


def test_the_way_past_the_goal_is_no_success() -> None:
    task = reach_suite().tasks[1]
    [[found]] = evaluate_policies([task], straight_on, 1, 3, "evaluation")
    assert episode_results(task, found)["success"].tolist() == [False] * 3


def test_without_a_key_there_is_no_such_column(counting: Callable[..., Suite]) -> None:
    silent = {"id": "Reach-v0", "kwargs": {"goal": [1.0, 0.0]}}
    for task in (reach_suite(silent).tasks[0], counting().tasks[0]):
        assert not task.has_success
        [[found]] = evaluate_policies([task], lambda _, o: o, 1, 2, "evaluation")
        assert list(episode_results(task, found)) == ["return", "length", "diverged"]


def test_an_episode_that_breaks_off_succeeded_if_it_was_solved_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Breaks(GymnasiumPhysics):
        """Observations become NaN far to the right, past the goal; in the second task
        at once."""

        def step(self, state: Any, action: FloatArray) -> Transition:
            outcome = super().step(state, action)
            limit = 1.3 if self._kwargs["goal"][0] == 1.0 else 0.5
            if state.observation[0] > limit:
                state.observation = state.observation * np.nan
                return outcome._replace(success=True)
            return outcome

    monkeypatch.setitem(FAMILIES, "gymnasium", Breaks)
    for task, solved in zip(reach_suite().tasks[:2], (True, False), strict=True):
        [[found]] = evaluate_policies([task], straight_on, 1, 3, "evaluation")
        columns = episode_results(task, found)
        assert columns["diverged"].all()
        assert columns["success"].tolist() == [solved] * 3


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "success",
            (
                r"environment 'Reach-v0': success_key is 'success', but a step's info"
                r" has is_success, speed; "
            ),
        ),
        (
            "speed",
            (
                r"environment 'Reach-v0': info\['speed'\] is 0\.\d+; it has to be true"
                r" or false, 1 or 0"
            ),
        ),
        (
            7,
            (
                "suite reach, task 1: .*success_key is 7; it takes a key of info, such"
                " as is_success"
            ),
        ),
    ],
)
def test_a_key_that_says_nothing_is_named(key: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        evaluate_policies(
            [reach_suite(task_config(GOALS[0], success_key=key)).tasks[0]],
            straight_on,
            1,
            1,
            "evaluation",
        )
    assert "\n" not in str(caught.value)


def test_tasks_of_a_suite_agree_on_success() -> None:
    silent = {"id": "Reach-v0", "kwargs": {"goal": [0.0, 1.0]}}
    with pytest.raises(
        ConfigurationError,
        match=r"task_2 has .*, task_1 .* with success; all have to agree",
    ):
        reach_suite(task_config(GOALS[0]), silent).sequence(2)
    assert reach_suite().has_success


@pytest.mark.parametrize("value", [True, 1.0, np.bool_(True), np.array([1])])
def test_flags_of_every_make_are_read(value: Any) -> None:
    from oer_pipeline.suites.success_flag import SuccessFlag

    flag = SuccessFlag("Mine-v0", "solved")
    assert flag.read({"solved": value}) is True
    assert flag.read({"solved": value * 0}) is False
    assert SuccessFlag("Mine-v0", None).read({}) is False
    for odd in (np.nan, 0.5, "yes", None, [1, 0]):
        with pytest.raises(ConfigurationError, match="true or false, 1 or 0"):
            flag.read({"solved": odd})
