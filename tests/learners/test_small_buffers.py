"""Buffers with fewer rows than a batch draws: every row once, weighted by how often it
was drawn, in place of its copies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from oer_pipeline.learners import batches
from oer_pipeline.learners.agem import AGEM
from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.er import ExperienceReplay
from oer_pipeline.learners.gem import GEM
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.task_training import TaskTraining

SEEDS = (0, 1, 7)
BATCH = 128
"""Three times the rows of the largest buffer."""
LEARNERS = [ExperienceReplay, DualBehaviourCloning, GEM, AGEM]


def trained(
    tasks: Any,
    kind: type[Learner],
    seeds: tuple[int, ...] = SEEDS,
    graphs: bool = False,
) -> TaskTraining:
    """Ten updates of the third task."""
    settings = replace(tasks.settings, batch_size=BATCH)
    training: TaskTraining = tasks.learner(kind, 3, seeds, settings)
    if graphs:
        training.capture_updates()
    training.block(10)
    return training


def deployed(training: TaskTraining) -> torch.Tensor:
    return training.state.networks[training.learner.deployed].buffer.clone()


def test_every_row_is_there_once_with_its_share_of_the_draws(tasks: Any) -> None:
    table = trained(tasks, ExperienceReplay).replay
    assert table is not None
    sizes = torch.tensor(table.sizes)
    rows = torch.randint(10**6, (2, len(SEEDS), BATCH)) % sizes[:, None, None]
    found = table.take(rows)
    assert found.observation.shape[2] == max(table.sizes) < BATCH
    assert found.share is not None
    for j in range(2):
        for member in range(len(SEEDS)):
            counts = torch.bincount(rows[j, member], minlength=max(table.sizes))
            assert torch.equal(found.share[j, member] * BATCH, counts.float())


@pytest.mark.parametrize("kind", LEARNERS)
def test_it_is_the_same_training_as_with_copies(
    tasks: Any, kind: type[Learner], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = deployed(trained(tasks, kind))
    monkeypatch.setattr(batches, "MANY_TIMES", BATCH)
    with_copies = trained(tasks, kind)
    assert with_copies.replay is not None
    rows = torch.zeros((2, len(SEEDS), BATCH), dtype=torch.int64)
    assert with_copies.replay.take(rows).share is None
    torch.testing.assert_close(found, deployed(with_copies), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", LEARNERS)
def test_replayed_updates_and_members_have_the_same_bits(
    tasks: Any, kind: type[Learner]
) -> None:
    whole = deployed(trained(tasks, kind))
    assert torch.equal(deployed(trained(tasks, kind, graphs=True)), whole)
    alone = deployed(trained(tasks, kind, seeds=SEEDS[1:2]))
    assert torch.equal(alone, whole[1:2])
