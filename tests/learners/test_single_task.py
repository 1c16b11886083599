"""Independent networks: what one task learns neither depends on the others nor changes
them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from oer_pipeline.learners.context import TaskContext
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.single_task import SingleTask
from oer_pipeline.learners.state import Networks
from oer_pipeline.learners.task_training import TaskTraining

Same = Callable[[Policies, Policies], bool]
SEEDS = (0, 1, 7)
WHERE = np.random.default_rng(0).standard_normal((len(SEEDS), 20, 5)).astype(np.float32)


class Scratch(Learner):
    """TD3+BC from random weights, with nothing of the tasks before."""

    def networks(self, context: TaskContext) -> Networks:
        return Networks({"policy": context.new_policy("policy", None)})


def trained(training: TaskTraining, updates: int = 30) -> Policies:
    training.block(updates)
    return training.result()


@pytest.mark.parametrize("heads", ["multi", "single"])
def test_a_task_is_learned_from_scratch_whatever_came_before(
    tasks: Any, heads: str
) -> None:
    settings = replace(tasks.settings, heads=heads)
    after_10, after_none = (
        trained(tasks.learner(SingleTask, 1, settings=settings), n) for n in (10, 0)
    )
    results = [
        trained(tasks.learner(SingleTask, 2, settings=settings, previous=p)).deployed
        for p in (after_10, after_none)
    ]
    own = [
        {n: p for n, p in r.items() if n.startswith(("trunk_2.", "head.2."))}
        for r in results
    ]
    assert len(own[0]) == 6
    assert all(p.equal(own[1][name]) for name, p in own[0].items())
    scratch = trained(
        tasks.learner(
            Scratch, 2, settings=replace(settings, heads="multi"), previous=after_10
        )
    ).deployed
    assert all(
        p.equal(scratch[name.replace("trunk_2", "trunk")]) for name, p in own[0].items()
    )


@pytest.mark.parametrize("heads", ["multi", "single"])
def test_old_tasks_are_acted_on_as_ever(tasks: Any, heads: str) -> None:
    settings = replace(tasks.settings, heads=heads)
    results: list[Policies] = []
    for task in (1, 2, 3):
        previous = results[-1] if results else None
        results.append(
            trained(
                tasks.learner(SingleTask, task, settings=settings, previous=previous)
            )
        )
    for task in (1, 2):
        wanted = results[task - 1].deployed_action(task, WHERE)
        for later in results[task:]:
            np.testing.assert_array_equal(later.deployed_action(task, WHERE), wanted)
    assert {name.split(".")[0] for name in results[-1].deployed} == {
        "trunk_1",
        "trunk_2",
        "trunk_3",
        "head",
    }
    np.testing.assert_array_equal(
        results[-1].task_action(WHERE), results[-1].deployed_action(3, WHERE)
    )


def test_a_single_head_changes_nothing(tasks: Any, same: Same) -> None:
    multi, single = (
        trained(tasks.learner(SingleTask, 2, settings=replace(tasks.settings, heads=h)))
        for h in ("multi", "single")
    )
    assert same(multi, single)


def test_a_member_alone_and_among_others(tasks: Any, same: Same) -> None:
    together = trained(tasks.learner(SingleTask, 3, SEEDS))
    for m, seed in enumerate(SEEDS):
        assert same(trained(tasks.learner(SingleTask, 3, (seed,))), together.member(m))
