"""Meta-World's tasks step as they do in gymnasium, start where they should, and read no
pickle."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
import yaml

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.suites import meta_world
from oer_pipeline.suites.behaviour import UniformPolicy, play
from oer_pipeline.suites.evaluation import evaluate_policies
from oer_pipeline.suites.meta_world import FRAME, GOALS, MOVED, MetaWorld, simulator
from oer_pipeline.suites.rollout import Episodes, rollout
from oer_pipeline.suites.scripted import ScriptedPolicy
from oer_pipeline.suites.suite import Suite

pytest.importorskip(
    "metaworld",
    reason="Meta-World is not installed: pip install 'oer_pipeline[metaworld]'",
)

CONF = Path(__file__).parents[2] / "conf" / "base" / "suites_continual_world.yml"
SUITES = {
    name: Suite.from_config(name, config)
    for name, config in yaml.safe_load(CONF.read_text()).items()
}
TEN = [task.parameters["env_name"] for task in SUITES["continual_world_10"].tasks]
TUNING = [
    task.parameters["env_name"] for task in SUITES["continual_world_tuning"].tasks
]
STEPS = 120


def numbers(model: mujoco.MjModel) -> dict[str, FloatArray]:
    """Every array of a model."""
    fields = {
        name: getattr(model, name, None)
        for name in dir(model)
        if not name.startswith("_")
    }
    return {
        name: array.copy()
        for name, array in fields.items()
        if isinstance(array, np.ndarray)
    }


def changed(before: dict[str, FloatArray], after: dict[str, FloatArray]) -> set[str]:
    return {
        name
        for name, array in before.items()
        if not np.array_equal(array, after[name], equal_nan=True)
    }


def follow(
    state: Any,
    physics: MetaWorld,
    actions: FloatArray,
) -> Iterator[tuple[FloatArray, float, bool]]:
    """What each step shows, earns and solves."""
    for action in actions:
        outcome = physics.step(state, action.astype(np.float64))
        yield physics.observe(state), outcome.reward, outcome.success


@pytest.mark.parametrize(
    "env_name", [*TEN, *TUNING, "stick-push-v3"]
)  # whose success asks for a grip
def test_a_task_steps_as_in_gymnasium(env_name: str) -> None:
    """On Meta-World's own starts, its hand reset anew and remembered, other episodes in
    between."""
    plain = gymnasium.make(
        "Meta-World/MT1", env_name=env_name, seed=3, disable_env_checker=True
    )
    before = numbers(plain.unwrapped.model)
    physics, script = MetaWorld(env_name), ScriptedPolicy(env_name)
    noise = np.random.default_rng(0).standard_normal((STEPS, 5))
    ours = simulator(env_name)
    for seed in (0, 1):
        seen, _ = plain.reset(seed=seed)
        states = [physics.new_state(), physics.new_state()]
        for state in states:
            ours.start(state, plain.unwrapped._last_rand_vec.copy())
        other = physics.new_state()
        physics.reset(other, np.random.default_rng(seed))
        np.testing.assert_array_equal(physics.observe(states[0]), seen)
        for draw in noise:
            action = np.clip(script.act(seen[None], draw[None])[0], -1.0, 1.0).astype(
                np.float32
            )
            seen, reward, terminated, _, info = plain.step(action)
            assert not terminated
            for state in (states[0], other, states[1]):
                [(observed, earned, solved)] = follow(state, physics, action[None])
                if state is not other:
                    np.testing.assert_array_equal(observed, seen)
                    assert (earned, solved) == (float(reward), bool(info["success"]))
    # What an episode changes of the model is put back when another one goes on, and
    # nothing else is.
    assert changed(before, numbers(plain.unwrapped.model)) <= set(MOVED)


def test_the_suites_are_continual_worlds() -> None:
    wanted = (
        "hammer push-wall faucet-close push-back stick-pull handle-press-side push"
        " shelf-place window-close"
    )
    assert [*(f"{name}-v3" for name in wanted.split()), "peg-unplug-side-v3"] == TEN
    tasks = {
        name: [t.parameters["env_name"] for t in suite.tasks]
        for name, suite in SUITES.items()
    }
    assert tasks["continual_world_20"] == TEN + TEN
    assert tasks["continual_world_3"] == TEN[:3]
    assert tasks["continual_world_5"] == TEN[:5]
    assert len(set(TUNING)) == 4
    assert not set(TUNING) & set(TEN)
    assert {suite.horizon for suite in SUITES.values()} == {200}
    for suite in SUITES.values():
        suite.sequence(len(suite.tasks))


def test_distances_leave_out_the_last_frame_alone() -> None:
    suite = SUITES["continual_world_3"]
    assert suite.distance_dimensions == (*range(FRAME), *range(2 * FRAME, 39))
    episodes = play(suite.tasks[1], UniformPolicy(), 1, "frames")
    frames = episodes.observation[0]
    np.testing.assert_array_equal(frames[1:, FRAME : 2 * FRAME], frames[:-1, :FRAME])
    assert (frames[:, 36:] == frames[0, 36:]).all()


@pytest.mark.parametrize("env_name", TEN)
def test_evaluation_starts_from_goals_that_collection_never_has(env_name: str) -> None:
    ours = simulator(env_name)
    goals = [tuple(ours.goal(number)) for number in range(2 * GOALS)]
    assert len(set(goals)) == 2 * GOALS
    low, high = np.array(goals).min(axis=0), np.array(goals).max(axis=0)
    space = ours._new_env()._random_reset_space
    assert ((space.low <= low) & (high <= space.high)).all()


def starts(episodes: Episodes) -> set[tuple[float, ...]]:
    return set(map(tuple, episodes.observation[:, 0].tolist()))


def test_roll_outs_keep_the_two_apart() -> None:
    """By the first observations of whole roll-outs, whatever their purpose."""
    task = SUITES["continual_world_10"].tasks[6]
    own = type(task)(task.suite, task.index, task.family, task.parameters, 1)
    collected = [
        play(own, UniformPolicy(), 150, purpose)
        for purpose in ("collect random", "collect expert")
    ]
    seen = starts(collected[0]) | starts(collected[1])
    assert 45 < len(seen) <= GOALS

    def still(_: Any, observation: FloatArray) -> FloatArray:
        return np.zeros((*observation.shape[:2], 4))

    for purpose in ("evaluation", "visits"):
        [[episodes]] = evaluate_policies([own], still, 1, 150, purpose)
        assert 40 < len(starts(episodes)) <= GOALS
        assert not starts(episodes) & seen


def noisy(env_name: str) -> Callable[[FloatArray, int], FloatArray]:
    script = ScriptedPolicy(env_name)
    noise = np.random.default_rng(1).standard_normal((STEPS, 5))
    return lambda observation, step: script.act(
        observation, np.tile(noise[step], (len(observation), 1))
    )


def test_an_episode_is_the_same_alone_and_among_others() -> None:
    """The model is one; faucets stand elsewhere in every episode."""
    name = "faucet-close-v3"
    together = rollout(
        [MetaWorld(name)] * 3,
        [np.random.default_rng(k) for k in range(3)],
        noisy(name),
        40,
    )
    for k in range(3):
        alone = rollout([MetaWorld(name)], [np.random.default_rng(k)], noisy(name), 40)
        np.testing.assert_array_equal(alone.observation[0], together.observation[k])
        np.testing.assert_array_equal(alone.reward[0], together.reward[k])
    assert len(starts(together)) == 3


def test_success_is_of_the_episode() -> None:
    name = "faucet-close-v3"
    done = rollout(
        [MetaWorld(name)] * 2,
        [np.random.default_rng(k) for k in range(2)],
        noisy(name),
        STEPS,
    )
    begun = rollout(
        [MetaWorld(name)] * 2,
        [np.random.default_rng(k) for k in range(2)],
        noisy(name),
        5,
    )
    assert done.success.all()
    assert not begun.success.any()


def test_no_pickle_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a pickle is read")

    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "load", refuse)
    play(SUITES["continual_world_3"].tasks[0], UniformPolicy(), 1, "no pickle")


def test_an_episode_may_be_longer_than_meta_worlds_500_steps() -> None:
    physics = MetaWorld("window-close-v3")
    state = physics.new_state()
    physics.reset(state, np.random.default_rng(0))
    for _ in range(510):
        physics.step(state, np.zeros(4))
    assert physics.is_sound(state)


def test_a_broken_simulation_is_seen() -> None:
    physics = MetaWorld("window-close-v3")
    state = physics.new_state()
    physics.reset(state, np.random.default_rng(0))
    state.env.data.qvel[:] = np.inf
    assert not physics.is_sound(state)


def test_an_unknown_task_is_one_line() -> None:
    with pytest.raises(
        ConfigurationError, match=r"env_name is 'hamer-v3'; did you mean hammer-v3"
    ):
        MetaWorld("hamer-v3")


def test_without_meta_world_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(meta_world, "import_module", missing)
    with pytest.raises(
        ConfigurationError, match=r"pip install 'oer_pipeline\[metaworld\]'"
    ) as caught:
        SUITES["continual_world_3"].sequence(1)
    assert "\n" not in str(caught.value)


def test_a_picture(can_draw: bool) -> None:
    if not can_draw:
        pytest.skip("no way to draw here")
    physics = MetaWorld("hammer-v3")
    state = physics.new_state()
    physics.reset(state, np.random.default_rng(0))
    picture = physics.picture(state, 64, 48)
    assert picture.shape == (48, 64, 3)
    assert picture.std() > 10
