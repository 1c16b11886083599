"""Small data sets and stand-ins for the transition model, with the interface that selectors use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from oer_pipeline.selection.protocol import SelectionRequest
from oer_pipeline.trajectories.table import Trajectories

Path = Sequence[Sequence[float]]


def table(paths: Sequence[Path], terminal: Sequence[bool] | None = None) -> Trajectories:
    """One episode a path of states; an episode ends terminal or, by default, by time-out."""
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
    """s' = s + a in the first dimension, exactly known but for `noise`; member m says m / 10 more."""

    observation_size: int = 2
    action_size: int = 1
    members: int = 1
    noise: float = 0.0

    def mean_next(self, observation: Tensor, action: Tensor) -> Tensor:
        return self._move(observation, action) + 0.05 * (self.members - 1)

    def sample_next(self, observation: Tensor, action: Tensor, members: Tensor, noise: Tensor) -> Tensor:
        return self._move(observation, action) + 0.1 * members[:, None] + self.noise * noise

    def uncertainty(self, observation: Tensor, action: Tensor) -> Tensor:
        return observation.abs().sum(dim=1)

    def _move(self, observation: Tensor, action: Tensor) -> Tensor:
        return observation + torch.nn.functional.pad(action, (0, observation.shape[1] - 1))


def right_by(step: float) -> Callable[[Any], Any]:
    """The policy that always goes `step` to the right."""
    return lambda observation: np.full((len(observation), 1), step, np.float32)


def request(data: Trajectories, size: int, **changes: Any) -> SelectionRequest:
    given = {
        "act": right_by(1.0),
        "model": MovingModel(observation_size=data.observation.shape[1]),
        "distance_dimensions": tuple(range(data.observation.shape[1])),
        "generator": torch.Generator().manual_seed(0),
        "horizon": 100,
    }
    return SelectionRequest(data, size, **{**given, **changes})


class Kit:
    """What the tests of this folder build their cases from."""

    table = staticmethod(table)
    request = staticmethod(request)
    right_by = staticmethod(right_by)
    Model = MovingModel


@pytest.fixture
def kit() -> type[Kit]:
    return Kit
