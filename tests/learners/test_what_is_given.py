"""What a training is given has to fit what it is told to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.learners.dbc import DualBehaviourCloning
from oer_pipeline.learners.ewc import EWC
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.trajectories.buffer import ReplayBuffer
from tests.learners.conftest import make_buffer, make_data

SEEDS = (0, 5)


def second_task(tasks: Any, buffers: list[list[ReplayBuffer]]) -> TaskTraining:
    """Of a learner that replays, with these buffers of the first."""
    previous = tasks.learner(DualBehaviourCloning, 1, SEEDS).result()
    return TaskTraining(
        DualBehaviourCloning(),
        tasks.settings,
        make_data(2),
        buffers,
        previous,
        SEEDS,
    )


@pytest.mark.parametrize(
    ("members", "found"), [([], r"\[\]"), ([1], r"\[1\]"), ([2, 2], r"\[2, 2\]")]
)
def test_a_learner_that_replays_has_a_buffer_per_old_task_and_seed(
    tasks: Any, members: list[int], found: str
) -> None:
    """Without buffers it went on without replay, and said nothing."""
    buffers = [[make_buffer(make_data(1), 5, m) for m in range(n)] for n in members]
    with pytest.raises(
        DataError, match=rf"task 2: .*buffers are {found}, but have to be \[2\]"
    ):
        second_task(tasks, buffers)


def test_buffers_of_one_task_are_of_one_size(tasks: Any) -> None:
    buffers = [[make_buffer(make_data(1), size, 0) for size in (5, 6)]]
    with pytest.raises(
        DataError, match=r"buffers of task 1 have \[5, 6\] rows; .* of one size"
    ):
        second_task(tasks, buffers)


@pytest.mark.parametrize("kind", [EWC, Finetune])
def test_several_tasks_at_once_are_for_learners_that_take_them_together(
    tasks: Any, kind: type[Learner]
) -> None:
    for number in (0, 2):
        data = [make_data(1), make_data(2)][:number]
        with pytest.raises(
            ConfigurationError, match=rf"one task after the other.* of {number};"
        ):
            TaskTraining(kind(), tasks.settings, data, [], None, SEEDS)


def test_a_policy_of_other_sizes_is_not_gone_on_from(tasks: Any) -> None:
    small = replace(tasks.settings, hidden=(8, 8))
    previous = tasks.learner(Finetune, 1, SEEDS, small).result()
    with pytest.raises(
        ConfigurationError, match=r"trunk.0.weight of shape \(2, .*learner.hidden"
    ):
        TaskTraining(Finetune(), tasks.settings, make_data(2), [], previous, SEEDS)
