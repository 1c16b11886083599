"""What the MBES figures share: one selection, timed, and the same by a loop as one
would first write it."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.made_up import one_thread, request, trajectories
from benchmarks.timing import seconds
from oer_pipeline.common.types import IntArray
from oer_pipeline.selection.mbes import MBES
from oer_pipeline.selection.protocol import Selection, SelectionRequest


def seconds_of(rows: int) -> float:
    """Seconds to choose 1,000 of `rows`; all of them have to be walked to, or the
    figure means nothing."""
    # as a selection runs; two threads on two busy cores wait for one another
    one_thread()
    asked = request(trajectories(rows))
    chosen: list[Selection] = []
    taken = seconds(lambda: chosen.append(MBES().select(asked)))
    if not chosen[0].record["walked"].all():
        raise RuntimeError(
            f"only {chosen[0].record['walked'].sum()} of {asked.size} rows were"
            " walked to"
        )
    return taken


def naive(asked: SelectionRequest) -> IntArray:
    """The same selection (default form, `revisit: never`) with one walker and the
    distance to every row a step."""
    data, model, settings = asked.data, asked.model, MBES()
    assert model is not None
    mean, std = data.observation.mean(axis=0), data.observation.std(axis=0) + 1e-3
    states = (data.observation - mean) / std
    rng, taken = np.random.default_rng(0), np.zeros(len(data), bool)
    rows: list[int] = []
    uncertainty: list[float] = []
    sample = rng.permutation(len(data))[: settings.distance_sample]
    limit = np.quantile(
        [np.partition(np.sum((states - states[r]) ** 2, axis=1), 1)[1] for r in sample],
        0.99,
    )
    while len(rows) < asked.size:
        row, step, distance = int(rng.choice(data.starts)), 0, 0.0
        while len(rows) < asked.size and step < asked.horizon and distance <= limit:
            if not taken[row]:
                taken[row] = True
                rows.append(row)
            s = torch.from_numpy(data.observation[row : row + 1])
            a = torch.from_numpy(asked.act(data.observation[row : row + 1]))
            predicted = model.sample_next(
                s, a, torch.randint(model.members, (1,)), torch.randn(s.shape)
            ).numpy()
            uncertainty.append(float(model.uncertainty(s, a)))
            squared = np.sum((states - (predicted - mean) / std) ** 2, axis=1)
            squared[taken] = np.inf
            row, step = int(np.argmin(squared)), step + 1
            distance = squared[row]
    return np.array(rows)
