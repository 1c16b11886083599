"""Small data sets and stand-ins for the transition model, with the interface that
selectors use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from oer_pipeline.common.types import IntArray
from oer_pipeline.dynamics.statistics import Statistics
from oer_pipeline.selection.protocol import SelectionRequest
from oer_pipeline.trajectories.table import Trajectories

Path = Sequence[Sequence[float]]


def table(
    paths: Sequence[Path], terminal: Sequence[bool] | None = None
) -> Trajectories:
    """One episode a path of states; an episode ends terminal or, by default, by
    time-out."""
    states = [np.asarray(path, np.float32) for path in paths]
    lengths = [len(path) - 1 for path in states]
    rows, ends = sum(lengths), np.cumsum(lengths) - 1
    done, timeout = np.zeros(rows, bool), np.zeros(rows, bool)
    done[ends] = terminal if terminal is not None else False
    timeout[ends] = ~done[ends]
    return Trajectories(
        observation=np.concatenate([path[:-1] for path in states]),
        action=np.zeros((rows, 1), np.float32),
        next_observation=np.concatenate([path[1:] for path in states]),
        reward=np.zeros(rows, np.float32),
        terminal=done,
        timeout=timeout,
        episode=np.repeat(np.arange(len(paths), dtype=np.int32), lengths),
        step=np.concatenate([np.arange(length, dtype=np.int32) for length in lengths]),
    )


@dataclass
class MovingModel:
    """s' = s + a in the first dimension, exactly known but for `noise`; member m says m
    / 10 more."""

    observation_size: int = 2
    action_size: int = 1
    members: int = 1
    noise: float = 0.0
    inputs: Statistics | None = (
        None  # of the data it was fitted to; `request` fills them in
    )
    parameters: Mapping[str, Tensor] = field(default_factory=dict)

    def mean_next(self, observation: Tensor, action: Tensor) -> Tensor:
        return self._move(observation, action) + 0.05 * (self.members - 1)

    def sample_next(
        self, observation: Tensor, action: Tensor, members: Tensor, noise: Tensor
    ) -> Tensor:
        return (
            self._move(observation, action)
            + 0.1 * members[:, None]
            + self.noise * noise
        )

    def uncertainty(self, observation: Tensor, action: Tensor) -> Tensor:
        return observation.abs().sum(dim=1)

    def _move(self, observation: Tensor, action: Tensor) -> Tensor:
        return observation + torch.nn.functional.pad(
            action, (0, observation.shape[1] - 1)
        )


def right_by(step: float) -> Callable[[Any], Any]:
    """The policy that always goes `step` to the right."""
    return lambda observation: np.full((len(observation), 1), step, np.float32)


def request(data: Trajectories, size: int, **changes: Any) -> SelectionRequest:
    given: dict[str, Any] = {
        "act": right_by(1.0),
        "model": MovingModel(observation_size=data.observation.shape[1]),
        "distance_dimensions": tuple(range(data.observation.shape[1])),
        "generator": torch.Generator().manual_seed(0),
        "horizon": 100,
    }
    given.update(changes)
    if isinstance(given["model"], MovingModel) and given["model"].inputs is None:
        inputs = np.concatenate((data.observation, data.action), axis=1)
        given["model"].inputs = Statistics.of(inputs[data.known])
    return SelectionRequest(data, size, **given)


def permuted(
    data: Trajectories, episodes: Sequence[int]
) -> tuple[Trajectories, IntArray]:
    """The data with their episodes in another order and numbered anew, and the old row
    of each of its rows."""
    rows = np.concatenate(
        [np.arange(data.starts[e], data.starts[e] + data.lengths[e]) for e in episodes]
    )
    numbers = np.repeat(
        np.arange(len(episodes), dtype=np.int32), data.lengths[list(episodes)]
    )
    return replace(data.select(rows), episode=numbers), rows


def walks(
    episodes: int = 6, steps: int = 25, width: int = 3, seed: int = 0
) -> Trajectories:
    """Random walks; every second one ends terminal."""
    draw = np.random.default_rng(seed)
    paths = [
        np.cumsum(draw.standard_normal((steps + 1, width)), axis=0)
        for _ in range(episodes)
    ]
    data = table(paths, terminal=[e % 2 == 0 for e in range(episodes)])
    action = draw.uniform(-1, 1, data.action.shape).astype(np.float32)
    return replace(
        data, action=action, reward=draw.standard_normal(len(data)).astype(np.float32)
    )


def unknown_ends(data: Trajectories, episodes: Sequence[int]) -> Trajectories:
    """The data as if the files of some terminal episodes did not tell where they
    ended."""
    rows = (data.starts + data.lengths - 1)[list(episodes)]
    following, known = data.next_observation.copy(), np.ones(len(data), bool)
    following[rows], known[rows] = data.observation[rows], False
    return replace(data, next_observation=following, next_known=known)


class Kit:
    """What the tests of this folder build their cases from."""

    table = staticmethod(table)
    request = staticmethod(request)
    right_by = staticmethod(right_by)
    permuted = staticmethod(permuted)
    walks = staticmethod(walks)
    unknown_ends = staticmethod(unknown_ends)
    Model = MovingModel


@pytest.fixture
def kit() -> type[Kit]:
    return Kit
