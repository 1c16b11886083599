"""Riemannian walk on a path of given gradients and moves, in numpy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.fisher import squared_gradients
from oer_pipeline.learners.rwalk import RiemannianWalk
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.learners.view import LearnerView
from oer_pipeline.networks.randomness import generator

SEEDS = (0, 7)
DECAY, DAMPING = 0.9, 0.5
OPTIONS = {"penalty": 5.0, "decay": DECAY, "damping": DAMPING}
Arrays = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def arrays(parts: dict[str, Tensor]) -> Arrays:
    return {
        name: part.detach().numpy().astype(np.float64) for name, part in parts.items()
    }


def walk(
    training: TaskTraining,
    steps: int,
    fisher: Arrays,
    before: int = 0,
) -> tuple[Arrays, Arrays]:
    """Drive the hooks along a random path; the Fisher and the score of the docstring's
    equations, by name.

    `before`: steps that the Fisher of weights in `fisher` has seen already.
    """
    policy, [table] = training.state.networks["policy"], training.context.tables
    noise = torch.stack(
        [
            torch.randn(
                len(table), 2, generator=generator("rwalk", s, training.context.task)
            )
            for s in SEEDS
        ]
    )
    score = {name: np.zeros(view.shape) for name, view in policy.views.items()}
    seen_before = {name: before if name in fisher else 0 for name in score}
    fisher = {
        name: fisher.get(name, np.zeros(view.shape))
        for name, view in policy.views.items()
    }
    for k in range(steps):
        rows = torch.randint(len(table), (len(SEEDS), 16))
        own_noise = torch.stack([noise[m, rows[m]] for m in range(len(SEEDS))])
        batch = table.take(rows)
        found = squared_gradients(
            training.state.parameters("policy"),
            training.context.task,
            batch.observation,
            own_noise,
        )
        squares = arrays(found)
        gradient, move = (
            torch.randn_like(policy.buffer) * scale for scale in (1.0, 0.1)
        )
        policy.gradient.copy_(gradient)
        training.learner.on_gradient(training.view, Step(batch))
        was = arrays(policy.views)
        policy.buffer.add_(move)
        training.learner.after_update(training.view)
        after, slope = arrays(policy.views), arrays(policy.unflatten(gradient))
        distance = {}
        for name in score:
            fisher[name] = DECAY * fisher[name] + (1 - DECAY) * squares.get(name, 0.0)
            change = after[name] - was[name]
            seen = 1 - DECAY ** (seen_before[name] + k + 1)
            distance[name] = 0.5 * fisher[name] / seen * change**2
        for m in range(len(SEEDS)):
            every = np.concatenate([own[m].ravel() for own in distance.values()])
            for name in score:
                gain = np.maximum(0.0, -slope[name][m] * (after[name] - was[name])[m])
                score[name][m] += gain / (distance[name][m] + DAMPING * every.mean())
    return fisher, score


def close(found: dict[str, Tensor], what: str, wanted: Arrays) -> None:
    for name, value in wanted.items():
        np.testing.assert_allclose(
            found[f"{what}.{name}"].numpy(), value, rtol=1e-3, atol=1e-6, err_msg=name
        )


def test_fisher_and_score_of_a_path(tasks: Any) -> None:
    training = tasks.learner(RiemannianWalk, 1, SEEDS, **OPTIONS)
    fisher, score = walk(training, 5, {})
    kept = training.result().kept
    close(kept, "fisher", fisher)
    close(kept, "score", score)
    # both terms of the denominator matter here, or this would test less than it says
    every = np.concatenate([f[0].ravel() for f in fisher.values()])
    ratio = every / (DAMPING * every.mean())
    assert (ratio > 1.0).any()
    assert (ratio < 1.0).any()


class Beside(RiemannianWalk):
    """Sums what the score would be without the Fisher: the gains alone."""

    def start(self, training: LearnerView) -> None:
        super().start(training)
        self.gains = torch.zeros_like(self._score)

    def after_update(self, training: LearnerView) -> None:
        super().after_update(training)
        moved = training.networks["policy"].buffer - self._before
        self.gains.add_((-self._gradient * moved).relu())


@pytest.mark.parametrize("task", [1, 2])
def test_the_fisher_decides_about_the_score_of_a_real_training(
    tasks: Any, task: int
) -> None:
    """At the default damping and learning rate, where a step's distances are around
    1e-10."""
    settings = replace(tasks.settings, hidden=(64, 64), batch_size=64)
    training = tasks.learner(Beside, task, SEEDS, settings)
    training.block(300)
    learner = training.learner
    for score, gains in zip(learner._score.numpy(), learner.gains.numpy(), strict=True):
        moved = gains > 0
        assert moved.sum() > 4_000
        assert np.corrcoef(score[moved], gains[moved])[0, 1] < 0.9


def test_weights_that_do_not_exist_do_not_count_in_the_mean(tasks: Any) -> None:
    """The buffer is padded; of a walk in one weight the mean distance is that weight's
    over their number."""
    training = tasks.learner(RiemannianWalk, 1, SEEDS, damping=2.0)
    policy, rows = (
        training.state.networks["policy"],
        torch.zeros(len(SEEDS), 16, dtype=torch.int64),
    )
    assert policy.buffer.shape[1] > policy.size
    policy.gradient.fill_(-1.0)
    training.learner.on_gradient(
        training.view, Step(training.context.tables[0].take(rows))
    )
    policy.views["head.1.bias"].data[:, 0, 0] += 1e-3
    training.learner.after_update(training.view)
    found = policy.unflatten(training.learner._score)["head.1.bias"][:, 0, 0]
    fisher = policy.unflatten(training.learner._fisher)["head.1.bias"][:, 0, 0] / 0.02
    distance = 0.5 * fisher * 1e-6
    torch.testing.assert_close(
        found, 1e-3 / (distance * (1 + 2.0 / policy.size)), rtol=1e-3, atol=0.0
    )


def test_a_step_that_goes_nowhere_scores_nothing(tasks: Any) -> None:
    training = tasks.learner(RiemannianWalk, 1, SEEDS)
    rows = torch.zeros(len(SEEDS), 16, dtype=torch.int64)
    training.state.networks["policy"].gradient.fill_(-1.0)
    training.learner.on_gradient(
        training.view, Step(training.context.tables[0].take(rows))
    )
    training.learner.after_update(training.view)
    assert not training.learner._score.any()


def test_a_member_alone_and_among_others(tasks: Any) -> None:
    together = tasks.learner(RiemannianWalk, 2, SEEDS)
    together.block(40)
    for m, seed in enumerate(SEEDS):
        alone = tasks.learner(RiemannianWalk, 2, (seed,))
        alone.block(40)
        for name, own in alone.result().kept.items():
            assert own[0].equal(together.result().kept[name][m]), name


def test_fisher_goes_on_and_scores_are_averaged_at_a_tasks_end(tasks: Any) -> None:
    first = tasks.learner(RiemannianWalk, 1, SEEDS, **OPTIONS)
    fisher, old = walk(first, 4, {})
    second = tasks.learner(RiemannianWalk, 2, SEEDS, None, first.result(), **OPTIONS)
    fisher, new = walk(second, 4, fisher, before=4)
    kept = second.result().kept
    close(kept, "fisher", fisher)
    close(
        kept,
        "score",
        {name: 0.5 * (old[name] + s) if name in old else s for name, s in new.items()},
    )


def test_penalty_is_that_of_fisher_and_score_in_zero_to_one(tasks: Any) -> None:
    first = tasks.learner(RiemannianWalk, 1, SEEDS, **OPTIONS)
    fisher, score = walk(first, 4, {})
    policies = first.result()
    second = tasks.learner(RiemannianWalk, 2, SEEDS, None, policies, penalty=3.0)
    policy = second.state.networks["policy"]
    policy.buffer.add_(0.1)
    policy.gradient.zero_()
    rows = torch.zeros(len(SEEDS), 16, dtype=torch.int64)
    second.learner.on_gradient(second.view, Step(second.context.tables[0].take(rows)))
    found = arrays(policy.unflatten(policy.gradient))
    for m in range(len(SEEDS)):
        highest = [
            max(part[m].max() for part in parts.values()) for parts in (fisher, score)
        ]
        for name, anchor in arrays(policies.deployed).items():
            importance = fisher[name][m] / highest[0] + score[name][m] / highest[1]
            moved = policy.views[name][m].detach().numpy() - anchor[m]
            np.testing.assert_allclose(
                found[name][m], 2 * 3.0 * importance * moved, rtol=1e-3, atol=1e-6
            )
    assert not found["head.2.weight"].any()


def test_real_training_scores_every_weight_that_moves(tasks: Any) -> None:
    training = tasks.learner(RiemannianWalk, 2, SEEDS)
    began = {
        name: view.detach().clone()
        for name, view in training.state.networks["policy"].views.items()
    }
    training.block(60)
    kept = training.result().kept
    assert all((part >= 0).all() for part in kept.values())
    for name in ("trunk.0.weight", "head.2.weight"):
        moved = training.state.networks["policy"].views[name].detach() != began[name]
        assert moved.any()
        assert (kept[f"score.{name}"][moved] > 0).float().mean() > 0.9


def test_options_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="rwalk: decay is 2"):
        RiemannianWalk(decay=2.0)
    with pytest.raises(ConfigurationError, match="rwalk: decay is 1"):
        RiemannianWalk(decay=1.0)  # a Fisher that never learns
    with pytest.raises(ConfigurationError, match="rwalk: damping is 0"):
        RiemannianWalk(damping=0.0)
