"""A member's whole training is bit for bit the same alone and among others (CPU, one
thread)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.networks import products

Same = Callable[[Policies, Policies], bool]
SEEDS = (0, 1, 7)


ODD = {
    "batch_size": 13,
    "hidden": (11, 7),
}  # nothing is a multiple of a vector register
BLOCK = 10


def compare(
    tasks: Any,
    same: Same,
    kind: type[Learner],
    task: int,
    settings: LearnerSettings,
    /,
    **options: Any,
) -> None:
    """Three blocks of every seed alone against all seeds at once: losses and all that a
    task leaves behind."""
    together = tasks.learner(kind, task, SEEDS, settings, **options)
    means = [together.block(BLOCK) for _ in range(3)]
    result = together.result()
    for m, seed in enumerate(SEEDS):
        alone = tasks.learner(kind, task, (seed,), settings, **options)
        for wanted in means:
            losses = alone.block(BLOCK)
            assert {n: v[0].item() for n, v in losses.items()} == {
                n: v[m].item() for n, v in wanted.items()
            }
        assert same(alone.result(), result.member(m))


@pytest.mark.parametrize(("task", "change"), [(1, {}), (3, ODD)])
def test_alone_and_among_others(
    tasks: Any, same: Same, configured: Any, task: int, change: dict[str, Any]
) -> None:
    compare(
        tasks,
        same,
        configured.kind,
        task,
        replace(tasks.settings, **change),
        **configured.options,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"heads": "single"},
        {"base": "bc"},
        {"statistics": "first"},
        {"critic_norm": "layer"},
    ],
)
def test_alone_and_among_others_with_other_settings(
    tasks: Any, same: Same, change: dict[str, Any]
) -> None:
    compare(tasks, same, DualBehaviourCloning, 3, replace(tasks.settings, **change))


@pytest.mark.parametrize("library", ["onednn", "torch"])
@pytest.mark.parametrize("task", [1, 2])
def test_alone_and_among_others_at_sizes_that_onednn_is_used_for(
    tasks: Any, same: Same, library: str, task: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "onednn" and products.library_in_use() != "onednn":
        pytest.skip("oneDNN is refused on this processor")
    monkeypatch.setattr(products, "library_in_use", lambda: library)
    wide = replace(
        tasks.settings, batch_size=250, hidden=(128, 72), critic_norm="layer"
    )
    compare(tasks, same, DualBehaviourCloning, task, wide)


@pytest.mark.parametrize("episodes", [1, 3, 10])
def test_actions_do_not_depend_on_the_company_in_an_evaluation(
    tasks: Any, episodes: int
) -> None:
    policies = tasks.learner(DualBehaviourCloning, 2).result()
    observation = (
        np.random.default_rng(0)
        .standard_normal((len(SEEDS), episodes, 5))
        .astype(np.float32)
    )
    for m in range(len(SEEDS)):
        alone, own = policies.member(m), observation[m : m + 1]
        for task in (1, 2):
            np.testing.assert_array_equal(
                alone.deployed_action(task, own)[0],
                policies.deployed_action(task, observation)[m],
            )
        np.testing.assert_array_equal(
            alone.task_action(own)[0], policies.task_action(observation)[m]
        )
        np.testing.assert_array_equal(
            alone.act_as_learned(own[0]), policies.task_action(observation)[m]
        )


def test_same_seed_same_bits_another_seed_other_ones(tasks: Any, same: Same) -> None:
    results = []
    for seed in (3, 3, 4):
        training = tasks.learner(DualBehaviourCloning, 1, (seed,))
        training.block(10)
        results.append(training.result())
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_an_episode_does_not_depend_on_how_many_are_evaluated(tasks: Any) -> None:
    from oer_pipeline.suites.evaluation import evaluate_policies
    from oer_pipeline.suites.suite import Task

    rng = np.random.default_rng(0)
    weights = rng.standard_normal((1, 3, 20, 6)).astype(np.float32)

    def act(_: Task, observation: Any) -> Any:
        return np.tanh(np.matmul(observation, weights[0]) * 0.1)

    task = Task("made_up", 1, "cheetah_vel", {"target_velocity": 1.0}, 30)
    [few] = evaluate_policies([task], act, 3, 2, "evaluation")
    [many] = evaluate_policies([task], act, 3, 37, "evaluation")
    for member in range(3):
        np.testing.assert_array_equal(
            few[member].observation, many[member].observation[:2]
        )
