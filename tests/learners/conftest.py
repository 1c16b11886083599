"""Made-up tasks: the action that pays differs from task to task; some episodes end
terminal, others by time-out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import yaml

from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories

torch.set_num_threads(1)  # bit-for-bit claims hold at one thread

EPISODES, STEPS, OBSERVATION, ACTION = 12, 25, 5, 2
SEEDS = (0, 1, 7)
BUFFER_SIZES = (40, 23, 31)


def make_data(task: int) -> Trajectories:
    draw, rows = np.random.default_rng(task), EPISODES * STEPS
    states = (
        draw.standard_normal((EPISODES, STEPS + 1, OBSERVATION), dtype=np.float32)
        * (1 + task)
        + task
    )
    action = draw.uniform(-1, 1, (rows, ACTION)).astype(np.float32)
    last = np.tile(np.arange(STEPS) == STEPS - 1, EPISODES)
    episode = np.repeat(np.arange(EPISODES, dtype=np.int32), STEPS)
    observation = states[:, :-1].reshape(rows, OBSERVATION)
    return Trajectories(
        observation=observation,
        action=action,
        next_observation=states[:, 1:].reshape(rows, OBSERVATION),
        reward=(observation[:, 0] * action[:, 0] * (-1) ** task + 1).astype(np.float32),
        terminal=last & (episode % 2 == 0),
        timeout=last & (episode % 2 == 1),
        episode=episode,
        step=np.tile(np.arange(STEPS, dtype=np.int32), EPISODES),
    )


def make_buffer(data: Trajectories, size: int, seed: int) -> ReplayBuffer:
    rows = np.random.default_rng(seed).permutation(len(data))[:size]
    chosen = data.select(rows)
    nothing = np.zeros(size, np.int32)
    return ReplayBuffer(
        chosen.observation,
        chosen.action,
        chosen.next_observation,
        chosen.reward,
        chosen.terminal,
        chosen.timeout,
        target_action=np.tanh(chosen.observation[:, :ACTION]),
        row=rows.astype(np.int64),
        order=np.arange(size, dtype=np.int32),
        rollout=nothing,
        step=nothing,
        distance=np.zeros(size, np.float32),
        uncertainty=np.zeros(size, np.float32),
        walked=np.ones(size, np.bool_),
    )


@dataclass(frozen=True)
class Tasks:
    """The tasks 1..n with data and per-seed buffers, and learners on them."""

    settings: LearnerSettings = field(
        default_factory=lambda: LearnerSettings(
            updates=400, batch_size=16, hidden=(24, 16), discount=0.9
        )
    )

    hardware: Mapping[str, Any] = field(
        default_factory=dict
    )  # further arguments of TaskTraining

    def data(self, task: int) -> Trajectories:
        return make_data(task)

    def buffers(
        self, tasks: int, seeds: Sequence[int], shift: int = 0
    ) -> list[list[ReplayBuffer]]:
        """Of the tasks before `tasks`; another `shift`, other buffers."""
        return [
            [
                make_buffer(make_data(j), BUFFER_SIZES[j - 1], 100 * j + seed + shift)
                for seed in seeds
            ]
            for j in range(1, tasks)
        ]

    def before(
        self,
        kind: type[Learner],
        task: int,
        seeds: Sequence[int],
        settings: LearnerSettings,
        **options: Any,
    ) -> Policies | None:
        """What 10 updates on each task before `task` leave behind."""
        policies = None
        for earlier in range(1, task):
            training = self.learner(kind, earlier, seeds, settings, policies, **options)
            training.block(10)
            policies = training.result()
        return policies

    def learner(
        self,
        kind: type[Learner],
        task: int = 1,
        seeds: Sequence[int] = SEEDS,
        settings: LearnerSettings | None = None,
        previous: Policies | None = None,
        shift: int = 0,
        **options: Any,
    ) -> TaskTraining:
        """The training of `kind(**options)` at the start of `task`; of all tasks to
        `task` if it learns `together`."""
        settings, learner = settings or self.settings, kind(**options)
        if learner.together:
            data = [make_data(j) for j in range(1, task + 1)]
            return TaskTraining(
                learner, settings, data, (), None, seeds, **self.hardware
            )
        if previous is None:
            previous = self.before(kind, task, seeds, settings, **options)
        buffers = self.buffers(task, seeds, shift)
        return TaskTraining(
            learner,
            settings,
            make_data(task),
            buffers,
            previous,
            seeds,
            **self.hardware,
        )


class Configured(NamedTuple):
    """A learner of conf/base/parameters.yml."""

    name: str
    kind: type[Learner]
    options: dict[str, Any]
    later: tuple[str, ...]  # options that act from the second task on


def configuration() -> dict[str, dict[str, Any]]:
    """The `learners` of conf/base/parameters.yml."""
    return section("learners")


def section(name: str) -> dict[str, dict[str, Any]]:
    """A group of conf/base/parameters.yml."""
    text = (Path(__file__).parents[2] / "conf/base/parameters.yml").read_text()
    return dict(yaml.safe_load(text)[name])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `configured` runs for every learner in the configuration."""
    if "configured" in metafunc.fixturenames:
        metafunc.parametrize("configured", list(configuration()), indirect=True)


@pytest.fixture
def configured(request: pytest.FixtureRequest) -> Configured:
    return learner_named(request.param)


def learner_named(name: str) -> Configured:
    """A learner of the configuration."""
    entry = dict(configuration()[name])
    module, _, kind = entry.pop("class").partition(":")
    later = tuple(entry.pop("later", ()))
    entry.pop("tuned", None)
    return Configured(name, getattr(import_module(module), kind), entry, later)


@pytest.fixture(scope="session")
def tasks() -> Tasks:
    return Tasks()


@pytest.fixture(scope="session")
def same() -> Callable[[Policies, Policies], bool]:
    """Whether two sets of policies are bit for bit the same."""

    def compare(left: Policies, right: Policies) -> bool:
        a, b = left.tensors(), right.tensors()
        return a.keys() == b.keys() and all(
            tensor.equal(b[name]) for name, tensor in a.items()
        )

    return compare
