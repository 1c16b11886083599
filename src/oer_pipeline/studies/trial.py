"""A trial of a base learner: one variant on one task's data set, all seeds side by
side, rolled out after given numbers of updates.

Nothing that orchestrates runs is imported: what is imported here counts as the code
that a trial's result was made by.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oer_pipeline.common.types import FloatArray
    from oer_pipeline.learners.policies import Policies
    from oer_pipeline.suites.suite import Task


@dataclass(frozen=True)
class Trial:
    """One variant on one task's data set; what it is told is plain, so that it can be
    handed to another process."""

    suite: str
    quality: str
    task_name: str
    variant: str
    settings: dict[str, Any]  # LearnerSettings
    base: dict[str, Any]  # class, options
    task: dict[str, Any]  # the suite's Task
    seeds: tuple[int, ...]
    episodes: int
    points: tuple[int, ...]
    data: str  # file of the data set

    @property
    def name(self) -> str:
        return "-".join((self.suite, self.quality, self.task_name, self.variant))


def perform(trial: Trial) -> dict[str, Any]:
    """What its policies come to after each number of updates.

    Returns:
        `points`; `returns`, by seed the mean return after each of them, fewer where
        training diverged; `diverged`, the error or nothing; and where the task knows
        success, `success`, the share of episodes that solved it, as `returns`.
    """
    from oer_pipeline.common.loading import build
    from oer_pipeline.learners.bases.protocol import Base
    from oer_pipeline.learners.divergence import DivergedError
    from oer_pipeline.learners.finetune import Finetune
    from oer_pipeline.learners.settings import LearnerSettings
    from oer_pipeline.learners.task_training import TaskTraining
    from oer_pipeline.suites.diverged_returns import full_returns
    from oer_pipeline.suites.evaluation import evaluate_policies
    from oer_pipeline.suites.suite import Task
    from oer_pipeline.training.hardware import Hardware
    from oer_pipeline.trajectories.table import read_trajectories

    device = Hardware().device()
    data = read_trajectories(Path(trial.data))
    base = build(trial.base["class"], Base, trial.base["options"])
    settings = LearnerSettings(**trial.settings)
    task = Task(**trial.task)
    training = TaskTraining(
        Finetune(),
        settings,
        data.scaled(),
        buffers=(),
        previous=None,
        seeds=trial.seeds,
        device=device,
        graphs=True,
        base=base,
    )
    returns: dict[str, list[float]] = {str(seed): [] for seed in trial.seeds}
    success: dict[str, list[float]] = {str(seed): [] for seed in trial.seeds}
    diverged = ""
    for point in trial.points:
        try:
            while training.updates < point:
                training.block(min(100, point - training.updates))
            policies = training.result()
        except DivergedError as error:
            diverged = str(error)
            break
        act = partial(_act, policies)
        [by_member] = evaluate_policies(
            [task],
            act,
            len(trial.seeds),
            trial.episodes,
            "evaluation",
        )
        for seed, episodes in zip(trial.seeds, by_member, strict=True):
            returns[str(seed)].append(float(full_returns(task, episodes).mean()))
            success[str(seed)].append(float(episodes.success.mean()))
    told = {"success": success} if task.physics().has_success else {}
    return {
        "points": list(trial.points),
        "returns": returns,
        "diverged": diverged,
        **told,
    }


def _act(
    policies: Policies,
    _: Task,
    observation: FloatArray,
) -> FloatArray:
    """The actions (M, E, A) of policies that have learned one task, whichever it is."""
    return policies.deployed_action(1, observation)
