"""A small task, and the claims about bits at one thread."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.trajectories.table import Trajectories

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data() -> Trajectories:
    draw, episodes, steps = np.random.default_rng(0), 8, 25
    states = draw.standard_normal((episodes, steps + 1, 4), dtype=np.float32)
    last = np.tile(np.arange(steps) == steps - 1, episodes)
    return Trajectories(
        observation=states[:, :-1].reshape(-1, 4),
        action=draw.uniform(-1, 1, (episodes * steps, 2)).astype(np.float32),
        next_observation=states[:, 1:].reshape(-1, 4),
        reward=draw.standard_normal(episodes * steps, dtype=np.float32),
        terminal=np.zeros(episodes * steps, bool),
        timeout=last,
        episode=np.repeat(np.arange(episodes, dtype=np.int32), steps),
        step=np.tile(np.arange(steps, dtype=np.int32), episodes),
    )


@pytest.fixture(scope="session")
def settings() -> LearnerSettings:
    return LearnerSettings(updates=250, batch_size=16, hidden=(16, 16))
