"""How many times faster five batched ensemble members train than one after another."""

from __future__ import annotations

import torch

from benchmarks.figure import Figure, best_device, on
from benchmarks.made_up import one_thread
from benchmarks.timing import ratio
from oer_pipeline.dynamics.fit import Samples, train
from oer_pipeline.dynamics.settings import DynamicsSettings
from oer_pipeline.networks.randomness import generators

MEMBERS, ROWS, SETTINGS = 5, 5_000, DynamicsSettings(max_epochs=1)


def measure() -> Figure:
    one_thread()
    device = best_device()
    training, heldout = samples(ROWS, device), samples(500, device)

    def batched() -> None:
        train(training, heldout, SETTINGS, generators("benchmark", range(MEMBERS), 1))

    def sequential() -> None:
        for member in range(MEMBERS):
            train(training, heldout, SETTINGS, generators("benchmark", [member], 1))

    value = ratio(sequential, batched, rounds=5)
    return Figure(
        on(device, "ensemble_vs_sequential"),
        value,
        1.1 if device == "cpu" else 3.0,
        "higher",
        device,
    )


def samples(rows: int, device: str) -> Samples:
    """Standardised inputs (26) and outputs (21)."""
    draws = torch.Generator().manual_seed(rows)
    return torch.randn(rows, 26, generator=draws).to(device), torch.randn(
        rows, 21, generator=draws
    ).to(device)
