"""Riemannian walk on a path of given gradients and moves, in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from oer_pipeline.errors import ConfigurationError
from oer_pipeline.learners.fisher import squared_gradients
from oer_pipeline.learners.protocol import Step
from oer_pipeline.learners.rwalk import RiemannianWalk
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks.randomness import generator

SEEDS = (0, 7)
DECAY, DAMPING = 0.9, 1e-3
OPTIONS = {"penalty": 5.0, "decay": DECAY, "damping": DAMPING}
Arrays = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def arrays(parts: dict[str, Tensor]) -> Arrays:
    return {name: part.detach().numpy().astype(np.float64) for name, part in parts.items()}


def walk(training: TaskTraining, steps: int, fisher: Arrays) -> tuple[Arrays, Arrays]:
    """Drive the hooks along a random path; the Fisher and the score of the paper's equations, by name."""
    policy, [table] = training.networks["policy"], training.tables
    noise = torch.stack([torch.randn(len(table), 2, generator=generator("rwalk", s, training.task)) for s in SEEDS])
    score = {name: np.zeros(view.shape) for name, view in policy.views.items()}
    fisher = {name: fisher.get(name, np.zeros(view.shape)) for name, view in policy.views.items()}
    for _ in range(steps):
        rows = torch.randint(len(table), (len(SEEDS), 16))
        own_noise = torch.stack([noise[m, rows[m]] for m in range(len(SEEDS))])
        batch = table.take(rows)
        found = squared_gradients(training.parameters("policy"), training.task, batch.observation, own_noise)
        squares = arrays(found)
        gradient, move = (torch.randn_like(policy.buffer) * scale for scale in (1.0, 0.1))
        policy.gradient.copy_(gradient)
        training.learner.on_gradient(training, Step(batch, rows, None))
        before = arrays(policy.views)
        policy.buffer.add_(move)
        training.learner.after_update(training)
        after, slope = arrays(policy.views), arrays(policy.unflatten(gradient))
        for name in score:
            fisher[name] = DECAY * fisher[name] + (1 - DECAY) * squares.get(name, 0.0)
            change = after[name] - before[name]
            gain = np.maximum(0.0, -slope[name] * change)
            score[name] += gain / (0.5 * fisher[name] * change**2 + DAMPING)
    return fisher, score


def close(found: dict[str, Tensor], what: str, wanted: Arrays) -> None:
    for name, value in wanted.items():
        np.testing.assert_allclose(found[f"{what}.{name}"].numpy(), value, rtol=1e-3, atol=1e-6, err_msg=name)


def test_fisher_and_score_of_a_path(tasks: Any) -> None:
    training = tasks.learner(RiemannianWalk, 1, SEEDS, **OPTIONS)
    fisher, score = walk(training, 5, {})
    kept = training.result().kept
    close(kept, "fisher", fisher)
    close(kept, "score", score)
    # both terms of the distance matter here, or this would test less than it says
    ratio = np.concatenate([(0.005 * f / DAMPING).ravel() for f in fisher.values()])
    assert (ratio > 1.0).any()
    assert (ratio < 1.0).any()


def test_fisher_goes_on_and_scores_are_averaged_at_a_tasks_end(tasks: Any) -> None:
    first = tasks.learner(RiemannianWalk, 1, SEEDS, **OPTIONS)
    fisher, old = walk(first, 4, {})
    second = tasks.learner(RiemannianWalk, 2, SEEDS, None, first.result(), **OPTIONS)
    fisher, new = walk(second, 4, fisher)
    kept = second.result().kept
    close(kept, "fisher", fisher)
    close(kept, "score", {name: 0.5 * (old[name] + s) if name in old else s for name, s in new.items()})


def test_penalty_is_that_of_fisher_and_score_in_zero_to_one(tasks: Any) -> None:
    first = tasks.learner(RiemannianWalk, 1, SEEDS, **OPTIONS)
    fisher, score = walk(first, 4, {})
    policies = first.result()
    second = tasks.learner(RiemannianWalk, 2, SEEDS, None, policies, penalty=3.0)
    policy = second.networks["policy"]
    policy.buffer.add_(0.1)
    policy.gradient.zero_()
    rows = torch.zeros(len(SEEDS), 16, dtype=torch.int64)
    second.learner.on_gradient(second, Step(second.tables[0].take(rows), rows, None))
    found = arrays(policy.unflatten(policy.gradient))
    for m in range(len(SEEDS)):
        highest = [max(part[m].max() for part in parts.values()) for parts in (fisher, score)]
        for name, anchor in arrays(policies.deployed).items():
            importance = fisher[name][m] / highest[0] + score[name][m] / highest[1]
            moved = policy.views[name][m].detach().numpy() - anchor[m]
            np.testing.assert_allclose(found[name][m], 2 * 3.0 * importance * moved, rtol=1e-3, atol=1e-6)
    assert not found["head.2.weight"].any()


def test_real_training_scores_every_weight_that_moves(tasks: Any) -> None:
    training = tasks.learner(RiemannianWalk, 2, SEEDS)
    began = {name: view.detach().clone() for name, view in training.networks["policy"].views.items()}
    training.block(60)
    kept = training.result().kept
    assert all((part >= 0).all() for part in kept.values())
    for name in ("trunk.0.weight", "head.2.weight"):
        moved = training.networks["policy"].views[name].detach() != began[name]
        assert moved.any()
        assert (kept[f"score.{name}"][moved] > 0).float().mean() > 0.9


def test_options_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="rwalk: decay is 2"):
        RiemannianWalk(decay=2.0)
    with pytest.raises(ConfigurationError, match="rwalk: damping is 0"):
        RiemannianWalk(damping=0.0)
