"""Environments of somebody else's: their own truncation is a time-out, their faults are
one line each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.common.stopping import Stopped
from oer_pipeline.suites.behaviour import UniformPolicy, play
from oer_pipeline.suites.behaviour_data import collect, references, rolled_out_returns
from oer_pipeline.suites.behaviour_training import Training, train
from oer_pipeline.suites.diverged_returns import full_returns
from oer_pipeline.suites.environment import task_env
from oer_pipeline.suites.gymnasium_physics import GymnasiumPhysics
from oer_pipeline.suites.suite import Task
from oer_pipeline.trajectories.card import data_card
from oer_pipeline.trajectories.table import validate_trajectories

ID = "tests/Moody-v0"


class Moody(gymnasium.Env[Any, Any]):
    """A point on a line that earns its action; what goes wrong, and after how many
    steps, is told by `fault`."""

    def __init__(self, fault: str = "", after: int = 3) -> None:
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.fault, self.after = fault, after
        if fault == "constructor":
            raise OSError("model.xml:\nno such file")
        if fault == "exit":
            sys.exit("no licence")
        if fault == "signal":
            raise Stopped(143)
        if fault == "dependency":
            raise gymnasium.error.DependencyNotInstalled("Box2D is not installed.")

    def reset(
        self,
        *,
        seed: int | None = None,
        options: Any = None,
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if self.fault == "reset":
            raise RuntimeError("the road\nis closed")
        self.steps, self.place = 0, self.np_random.uniform(0.0, 1.0, 2)
        if self.fault == "nan at reset":
            return np.array([np.nan, 0.0]), {}
        return (np.zeros(3) if self.fault == "shape at reset" else self.place), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        now = self.fault if self.steps == self.after else ""
        if now == "step":
            raise ZeroDivisionError("division\nby zero")
        if now == "exit in step":
            sys.exit(0)
        if now == "signal in step":
            raise Stopped(143)
        if now == "flags":
            return self.place, 0.0, np.zeros(2, dtype=bool), False, {}
        if now == "text":
            return self.place, 0.0, False, "False", {}
        if now == "four":
            return self.place, 0.0, False, {}
        self.place = self.place + float(action[0])
        shown = {"shape": np.zeros(3), "diverges": np.full(2, np.nan)}.get(
            now, self.place
        )
        earned = {"nan": np.nan, "inf": np.inf, "huge": 1e300, "diverges": np.nan}.get(
            now, float(action[0])
        )
        ended = now in ("terminal", "both")
        return shown, earned, ended, now in ("truncates", "both"), {}


@pytest.fixture(autouse=True)
def moody() -> Iterator[None]:
    gymnasium.register(ID, entry_point=Moody)
    yield
    del gymnasium.registry[ID]


def task_of(horizon: int = 10, **kwargs: Any) -> Task:
    return Task("mine", 1, "gymnasium", {"id": ID, "kwargs": kwargs}, horizon)


def test_an_environment_that_truncates_itself_ends_its_episodes_as_timeouts() -> None:
    task = task_of(fault="truncates", after=4)
    episodes = play(task, UniformPolicy(), 5, "test")
    assert episodes.length.tolist() == [4] * 5
    assert not episodes.terminal.any()
    assert not episodes.diverged.any()
    np.testing.assert_array_equal(
        full_returns(task, episodes), episodes.returns
    )  # none is continued
    table = collect(task, None, "random", 50, 0)
    validate_trajectories(table, "here")
    ends = table.starts + table.lengths - 1
    assert (table.lengths == 4).all()
    assert np.flatnonzero(table.timeout).tolist() == ends.tolist()
    assert not table.terminal.any()
    assert "broken_off" not in table.metadata
    np.testing.assert_array_equal(rolled_out_returns(task, table), table.returns)
    assert references(task, {"random": table}, 0, 3)["random"]["mean"] == pytest.approx(
        table.returns.mean()
    )
    card = data_card(table, {"random": {"mean": 0.0}})
    assert (
        card["timeouts_before_horizon"]
        == card["timeout_episodes"]
        == len(table.lengths)
    )
    assert "normalised_return" not in card
    assert "timeouts_before_horizon" not in data_card(
        collect(task_of(), None, "random", 50, 0)
    )


def test_an_end_of_the_mdp_counts_more_than_truncation_at_the_same_step() -> None:
    episodes = play(task_of(fault="both"), UniformPolicy(), 2, "test")
    assert episodes.terminal.all()
    assert episodes.length.tolist() == [3, 3]


def test_truncation_at_the_horizon_is_the_horizons() -> None:
    table = collect(task_of(fault="truncates", after=10), None, "random", 50, 0)
    assert (table.lengths == 10).all()
    assert int(table.timeout.sum()) == len(table.lengths)
    assert "timeouts_before_horizon" not in data_card(table)


def test_training_in_the_environment_sees_the_truncation() -> None:
    environment = task_env(task_of(fault="truncates"))
    environment.reset(seed=0)
    flags = [environment.step(np.zeros(1))[2:4] for _ in range(3)]
    assert flags == [(False, False), (False, False), (False, True)]


def test_of_truncated_and_diverged_episodes_only_the_diverged_are_continued() -> None:
    """The physics break off at step 3, and the environment truncates at 5 where that is
    earlier than nothing."""
    from oer_pipeline.suites.episode_table import table_from_episodes
    from oer_pipeline.trajectories.concatenate import concatenate, diverged_mask

    broken = table_from_episodes(
        play(task_of(fault="diverges"), UniformPolicy(), 2, "a"), {}, 10
    )
    cut = table_from_episodes(
        play(task_of(fault="truncates", after=5), UniformPolicy(), 3, "b"), {}, 10
    )
    both = concatenate([cut, broken])
    assert both.lengths.tolist() == [5, 5, 5, 2, 2]
    assert both.metadata["broken_off"] == [3, 4]
    assert both.metadata["diverged_episodes"] == 2
    task = task_of()
    found = rolled_out_returns(task, both)
    np.testing.assert_array_equal(found[:3], both.returns[:3])
    assert (found[3:] < both.returns[3:] - 7.0).all()  # eight steps at about -1
    later = concatenate(
        [both.select(both.episode == 4), both.select(both.episode == 1)]
    )
    assert diverged_mask(later).tolist() == [True, False]
    assert data_card(both)["timeouts_before_horizon"] == 3


FAULTS = {
    "step": (DataError, "its step failed: ZeroDivisionError: division by zero"),
    "reset": (DataError, "its reset failed: RuntimeError: the road is closed"),
    "four": (DataError, "its step failed: ValueError: not enough values to unpack"),
    "shape": (DataError, r"its observation has shape \(3,\); its space says \(2,\)"),
    "shape at reset": (
        DataError,
        r"its observation has shape \(3,\); its space says \(2,\)",
    ),
    "nan": (DataError, "its step returned the reward nan; rewards have to be finite"),
    "inf": (DataError, "its step returned the reward inf"),
    "huge": (DataError, r"its step returned the reward 1e\+300"),
    "constructor": (ConfigurationError, "OSError: model.xml: no such file"),
    "exit": (ConfigurationError, "SystemExit: no licence"),
    "exit in step": (DataError, "its step failed: SystemExit: 0"),
    "dependency": (ConfigurationError, r"Box2D is not installed\.$"),
    "nan at reset": (DataError, r"its reset returned the observation \[nan +0\.\]; an"),
    "flags": (DataError, r"its step returned terminated array\(\[False, False\]\); it"),
    "text": (DataError, "its step returned truncated 'False'; it has to be true or"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_that_names_environment_and_cause(fault: str) -> None:
    kind, message = FAULTS[fault]
    with pytest.raises(kind, match=message) as caught:
        play(task_of(fault=fault), UniformPolicy(), 2, "test")
    assert f"environment '{ID}' with {{'fault': '{fault}'}}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fault", ["signal", "signal in step"])
def test_a_signal_that_comes_in_its_code_still_ends_the_command(fault: str) -> None:
    with pytest.raises(Stopped) as caught:
        play(task_of(fault=fault), UniformPolicy(), 2, "test")
    assert caught.value.code == 143


def test_a_nan_reward_is_no_lack_of_training() -> None:
    training = Training.from_config(
        "gymnasium", {"steps": 256, "snapshots": 2, "episodes": 2}
    )
    with pytest.raises(DataError, match="returned the reward nan") as caught:
        train(task_of(fault="nan"), training)
    assert "train it longer" not in str(caught.value)


def test_a_simulation_that_diverges_is_still_counted() -> None:
    episodes = play(task_of(fault="diverges"), UniformPolicy(), 2, "test")
    assert episodes.diverged.all()
    assert episodes.length.tolist() == [2, 2]


@pytest.mark.parametrize(
    "arguments", [{"xml_file": "missing/hopper.xml"}, {"reward": 2}]
)
def test_a_constructor_that_fails_is_one_line(arguments: dict[str, Any]) -> None:
    with pytest.raises(
        ConfigurationError, match="environment 'Hopper-v5' with "
    ) as caught:
        GymnasiumPhysics("Hopper-v5", arguments)
    assert "\n" not in str(caught.value)
    assert str(arguments) in str(caught.value)


def test_a_module_that_does_not_register_its_environment() -> None:
    with pytest.raises(ConfigurationError, match="module json was imported and does"):
        GymnasiumPhysics("json:Nothing-v0")


def test_random_data_that_end_at_the_horizon_are_no_reason_to_warn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = collect(task_of(horizon=3, fault="terminal"), None, "random", 6, 0)
    assert table.terminal.any()
    validate_trajectories(table, "here")
    assert not caplog.records
    foreign = type(table)(
        **{**vars(table), "metadata": {"horizon": 3, "kind": "imported"}}
    )
    validate_trajectories(foreign, "theirs")
    assert "theirs: 25 episodes are terminal at the horizon" in caplog.text
