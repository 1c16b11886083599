"""What the MBES figures share: one selection, timed, and the same by a loop as one would first write it."""

from __future__ import annotations

import numpy as np
import torch
from benchmarks.made_up import request, trajectories
from benchmarks.timing import seconds

from oer_pipeline.selection.mbes import MBES
from oer_pipeline.selection.protocol import Selection, SelectionRequest
from oer_pipeline.types import IntArray


def seconds_of(rows: int, threads: int = 2) -> float:
    """Seconds to choose 1,000 of `rows`; all of them have to be walked to, or the figure means nothing."""
    torch.set_num_threads(threads)
    asked = request(trajectories(rows))
    chosen: list[Selection] = []
    taken = seconds(lambda: chosen.append(MBES().select(asked)))
    if not chosen[0].record["walked"].all():
        raise RuntimeError(f"only {chosen[0].record['walked'].sum()} of {asked.size} rows were walked to")
    return taken


def naive(asked: SelectionRequest) -> IntArray:
    """One walker, the distance to every row and a full argmin a step; no distance limit, which would cost it more."""
    data, model = asked.data, asked.model
    assert model is not None
    mean, std = data.observation.mean(axis=0), data.observation.std(axis=0) + 1e-3
    states = (data.observation - mean) / std
    taken = np.zeros(len(data), bool)
    rng, rows = np.random.default_rng(0), []
    while len(rows) < asked.size:
        row, step = int(rng.choice(data.starts)), 0
        while len(rows) < asked.size and step < asked.horizon:
            if not taken[row]:
                taken[row] = True
                rows.append(row)
            observation = data.observation[row : row + 1]
            action = asked.act(observation)
            member, noise = torch.randint(model.members, (1,)), torch.randn(1, observation.shape[1])
            predicted = model.sample_next(torch.from_numpy(observation), torch.from_numpy(action), member, noise)
            distance = np.sum((states - (predicted.numpy() - mean) / std) ** 2, axis=1)
            distance[taken] = np.inf
            row, step = int(np.argmin(distance)), step + 1
    return np.array(rows)
