"""Train one task with Lightning: blocks of updates, curves, progress."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytorch_lightning as pl
import torch

from oer_pipeline.errors import ConfigurationError
from oer_pipeline.learners.learner import Learner
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.training.module import BlockModule
from oer_pipeline.training.progress import Progress
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories

BLOCK = 100

Curves = dict[int, dict[str, list[float]]]
"""Per seed: `update` and each loss's mean over the block that ended there, as equally long columns; NaN in a block too
short for a policy update."""


@dataclass(frozen=True)
class Trained:
    """The policies of all members, their curves and the size of what was trained."""

    policies: Policies
    curves: Curves
    parameters: int  # of one member


def device_of(accelerator: str) -> torch.device:
    """`cpu`, `gpu`, or `auto`: the GPU where there is one.

    Raises:
        ConfigurationError: `gpu` is asked for and there is none.
    """
    if accelerator == "cpu" or (accelerator == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ConfigurationError(f"accelerator is {accelerator!r}, but torch sees no GPU; set accelerator: cpu")
    return torch.device("cuda")


def fit(
    kind: type[Learner],
    settings: LearnerSettings,
    data: Trajectories,
    buffers: Sequence[Sequence[ReplayBuffer]],
    previous: Policies | None,
    seeds: Sequence[int],
    accelerator: str = "cpu",
) -> Trained:
    """Train the task after `previous` for all seeds at once (arguments as `Learner`)."""
    device = device_of(accelerator)
    if device.type == "cpu":
        torch.set_num_threads(1)  # two OpenMP threads on two busy cores make an update many times slower
    learner = kind(settings, data, buffers, previous, seeds, device)
    module = BlockModule(learner)
    title = f"train task {learner.task} ({settings.name}, seeds {', '.join(map(str, seeds))})"
    _trainer(device, Progress(title, settings.updates)).fit(module, train_dataloaders=list(_blocks(settings.updates)))
    return Trained(learner.result(), _curves(module, seeds), learner.parameter_count())


def _blocks(updates: int) -> Iterator[int]:
    """Block lengths that add up to `updates`."""
    for first in range(0, updates, BLOCK):
        yield min(BLOCK, updates - first)


def _trainer(device: torch.device, progress: Progress) -> pl.Trainer:
    for name in ("pytorch_lightning.utilities.rank_zero", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    return pl.Trainer(
        accelerator="cpu" if device.type == "cpu" else "gpu",
        devices=1,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[progress],
    )


def _curves(module: BlockModule, seeds: Sequence[int]) -> Curves:
    curves: Curves = {seed: {"update": [float(u) for u, _ in module.history]} for seed in seeds}
    missing = torch.full((len(seeds),), torch.nan, device=module.learner.device)
    for name in dict.fromkeys(name for _, losses in module.history for name in losses):
        values = torch.stack([losses.get(name, missing) for _, losses in module.history]).cpu()
        for member, seed in enumerate(seeds):
            curves[seed][name] = values[:, member].tolist()
    return curves
