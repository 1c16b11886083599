"""Early stopping, on made-up losses: member 0 improves, member 1 only gets worse,
member 2 is never finite."""

from __future__ import annotations

import math

import torch

from oer_pipeline.dynamics.early_stopping import EarlyStopping

LOSSES = [
    [5.0, 1.0, math.nan],
    [4.0, 2.0, math.nan],
    [3.95, 3.0, math.nan],
    [3.99, 0.0, math.nan],
    [1.0, 0.0, 0.0],
]


def weights(value: float) -> dict[str, torch.Tensor]:
    return {"w": torch.full((3, 2), value, requires_grad=True)}


def test_each_member_keeps_its_best_and_stops_on_its_own() -> None:
    best = EarlyStopping(weights(0.0), patience=2, min_improvement=0.1)
    running = [
        best.update(e, torch.tensor(loss), weights(float(e)))
        for e, loss in enumerate(LOSSES, start=1)
    ]
    # member 0 gains last in epoch 2 (3.95 is no gain of 0.1, but the best all the same)
    # and is stopped before its 1.0
    assert best.loss.tolist() == [torch.tensor(3.95).item(), 1.0, math.inf]
    assert best.epoch.tolist() == [3, 1, 0]
    assert best.parameters["w"][:, 0].tolist() == [3.0, 1.0, 0.0]
    assert running == [True, True, True, False, False]
