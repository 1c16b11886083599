"""Made-up data of the size of a real task: smooth random walks, 20 observation and 6
action dimensions."""

from __future__ import annotations

import numpy as np
import torch

from oer_pipeline.common.types import FloatArray
from oer_pipeline.dynamics.fit import statistics
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.dynamics.network import init_network
from oer_pipeline.networks.randomness import generator, generators
from oer_pipeline.selection.protocol import SelectionRequest
from oer_pipeline.trajectories.table import Trajectories

OBSERVATION, ACTION, HORIZON, CHOSEN = 20, 6, 200, 1_000


def trajectories(rows: int) -> Trajectories:
    """`rows` transitions in episodes of 200 steps; every state leans on the one before
    it."""
    draw, episodes = np.random.default_rng(0), rows // HORIZON
    state = np.empty((HORIZON + 1, episodes, OBSERVATION), np.float32)
    state[0] = draw.standard_normal((episodes, OBSERVATION), dtype=np.float32)
    for t in range(HORIZON):
        state[t + 1] = 0.95 * state[t] + 0.3 * draw.standard_normal(
            (episodes, OBSERVATION), dtype=np.float32
        )
    path = np.ascontiguousarray(state.swapaxes(0, 1))
    return Trajectories(
        observation=path[:, :-1].reshape(rows, OBSERVATION),
        action=draw.uniform(-1, 1, (rows, ACTION)).astype(np.float32),
        next_observation=path[:, 1:].reshape(rows, OBSERVATION),
        reward=draw.standard_normal(rows, dtype=np.float32),
        terminal=np.zeros(rows, np.bool_),
        timeout=np.tile(np.arange(HORIZON) == HORIZON - 1, episodes),
        episode=np.repeat(np.arange(episodes, dtype=np.int32), HORIZON),
        step=np.tile(np.arange(HORIZON, dtype=np.int32), episodes),
    )


def request(data: Trajectories) -> SelectionRequest:
    """Choose 1,000 rows with an unfitted 5 x 256-256 ensemble, which costs what a
    fitted one does."""
    inputs, outputs = statistics(data)
    network = init_network(
        OBSERVATION + ACTION,
        (256, 256),
        OBSERVATION + 1,
        generators("benchmark", range(5), 1),
    )
    push = (
        np.random.default_rng(1)
        .standard_normal((OBSERVATION, ACTION))
        .astype(np.float32)
    )

    def act(observation: FloatArray) -> FloatArray:
        return np.tanh(observation @ push)

    draws, dimensions = generator("benchmark", 0, 1), tuple(range(OBSERVATION))
    return SelectionRequest(
        data,
        CHOSEN,
        act,
        TransitionModel(network, inputs, outputs),
        dimensions,
        draws,
        HORIZON,
    )


def one_thread() -> None:
    """As the project trains: parallelism is processes."""
    torch.set_num_threads(1)
