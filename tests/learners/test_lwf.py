"""LwF's record and loss against the old heads asked in the ordinary way, with raw
observations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.learners import lwf
from oer_pipeline.learners.batches import Step
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.lwf import LearningWithoutForgetting
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.settings import LearnerSettings

Same = Callable[[Policies, Policies], bool]
SEEDS = (0, 1, 7)
EVERYWHERE = [
    ("multi", "task"),
    ("single", "task"),
    ("multi", "first"),
    ("multi", "none"),
    ("single", "none"),
]


def configured(
    tasks: Any, heads: str, statistics: str
) -> tuple[LearnerSettings, Policies]:
    settings = replace(tasks.settings, heads=heads, statistics=statistics)
    return settings, tasks.before(LearningWithoutForgetting, 3, SEEDS, settings)


def said(policies: Policies, tasks: Any) -> np.ndarray:
    """Both old heads' actions on the raw observations of task 3, (M, N, J A)."""
    raw = np.repeat(tasks.data(3).observation[None], len(SEEDS), axis=0)
    return np.concatenate([policies.deployed_action(j, raw) for j in (1, 2)], axis=2)


@pytest.mark.parametrize(("heads", "statistics"), EVERYWHERE)
@pytest.mark.parametrize("chunk", [lwf.CHUNK, 64])
def test_the_record_is_what_old_heads_said(
    tasks: Any, heads: str, statistics: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lwf, "CHUNK", chunk)
    settings, before = configured(tasks, heads, statistics)
    training = tasks.learner(LearningWithoutForgetting, 3, SEEDS, settings, before)
    np.testing.assert_allclose(
        training.learner.recorded_MNC, said(before, tasks), atol=3e-6
    )


@pytest.mark.parametrize(("heads", "statistics"), EVERYWHERE)
def test_the_loss_by_hand(tasks: Any, heads: str, statistics: str) -> None:
    settings, before = configured(tasks, heads, statistics)
    training = tasks.learner(
        LearningWithoutForgetting, 3, SEEDS, settings, before, distillation_weight=2.5
    )
    plain = tasks.learner(Finetune, 3, SEEDS, settings, before)
    training.block(60)
    rows = torch.stack(
        [
            torch.randperm(300, generator=torch.Generator().manual_seed(m))[:16]
            for m in range(3)
        ]
    )
    step = Step(training.context.tables[0].take(rows))
    losses = training.learner.losses(training.view, step)
    moved = said(training.result(), tasks) - said(before, tasks)
    picked = np.take_along_axis(moved, rows.numpy()[:, :, None], axis=1)
    assert losses["distillation"].shape == (3,)
    assert (losses["distillation"] > 1e-5).all()
    wanted = 2.5 * np.square(picked).mean(
        axis=(1, 2)
    )  # heads are equally wide: the mean of their means
    np.testing.assert_allclose(losses["distillation"].detach(), wanted, rtol=1e-3)
    plain.state.networks["policy"].buffer.copy_(
        training.state.networks["policy"].buffer
    )
    plain.state.critic.buffer.copy_(training.state.critic.buffer)
    ordinary = plain.learner.losses(plain.view, step)
    assert set(losses) == {*ordinary, "distillation"}
    for name, value in ordinary.items():
        torch.testing.assert_close(losses[name], value)


def test_of_weight_0_it_is_fine_tuning(tasks: Any, same: Same) -> None:
    results = []
    for kind, options in (
        (Finetune, {}),
        (LearningWithoutForgetting, {"distillation_weight": 0.0}),
    ):
        training = tasks.learner(kind, 3, SEEDS, **options)
        training.block(30)
        results.append(training.result())
    assert same(*results)


def test_a_heavy_weight_keeps_old_heads_where_they_were(tasks: Any) -> None:
    before = tasks.before(Finetune, 3, SEEDS, tasks.settings)
    moved = []
    for weight in (0.0, 100.0):
        training = tasks.learner(
            LearningWithoutForgetting, 3, previous=before, distillation_weight=weight
        )
        training.block(150)
        moved.append(
            np.square(said(training.result(), tasks) - said(before, tasks)).mean()
        )
    assert moved[1] < 0.2 * moved[0]


def test_a_member_alone_and_among_others(tasks: Any, same: Same) -> None:
    together = tasks.learner(LearningWithoutForgetting, 3, SEEDS)
    together.block(30)
    for m, seed in enumerate(SEEDS):
        alone = tasks.learner(LearningWithoutForgetting, 3, (seed,))
        alone.block(30)
        assert same(alone.result(), together.result().member(m))


def test_no_negative_weight() -> None:
    with pytest.raises(ConfigurationError, match=r"lwf: distillation_weight is -1"):
        LearningWithoutForgetting(distillation_weight=-1.0)
