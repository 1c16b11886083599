"""What the project claims about learning, at default size: `make test-slow`, minutes.

Fine-tuning forgets on cheetah_vel_signed, and TD3+BC beats cloning on medium_random.
Returns are normalised, 100 (R - random) / (expert - random), means over seeds. Curves
are printed: `pytest -m slow -s`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.suites.behaviour import BehaviourFile, behaviour_path
from oer_pipeline.suites.behaviour_data import collect
from oer_pipeline.suites.evaluation import evaluate_policies
from oer_pipeline.suites.suite import Suite, Task
from oer_pipeline.training.fit import BLOCK, fit
from oer_pipeline.trajectories.qualities import cut, raw_kinds
from oer_pipeline.trajectories.table import Trajectories

pytestmark = pytest.mark.slow

LENGTH = 1.0
"""Share of the updates and transitions; lower it to try the tests themselves, which
then prove nothing."""
SEEDS = (0, 1, 2)
TASKS = 3
CLONING_UPDATES = 15_000
CURVE_POINTS = 10
FORGOTTEN = 30.0

CONF = Path(__file__).parents[2] / "conf" / "base"
DEFAULTS: dict[str, Any] = yaml.safe_load((CONF / "parameters.yml").read_text())
SUITE = Suite.from_config(
    "cheetah_vel_signed",
    yaml.safe_load((CONF / "suites.yml").read_text())["cheetah_vel_signed"],
)
TRANSITIONS = max(
    2 * SUITE.horizon, round(LENGTH * DEFAULTS["collection"]["transitions"])
)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


def settings(updates: int, **changes: Any) -> LearnerSettings:
    return LearnerSettings(
        **{
            **DEFAULTS["learner"],
            "name": "finetune",
            "updates": round(LENGTH * updates),
            **changes,
        }
    )


def raw(task: Task, kind: str) -> Trajectories:
    behaviours = BehaviourFile.load(behaviour_path(task.family, task.key))
    return collect(task, behaviours, kind, TRANSITIONS, DEFAULTS["data_seed"])


def data_of(task: Task, quality: str) -> Trajectories:
    return cut(
        quality, {kind: raw(task, kind) for kind in raw_kinds(quality)}, TRANSITIONS
    )


@cache
def references(number: int) -> tuple[float, float]:
    """Mean returns of random actions and of the expert."""
    task = SUITE.tasks[number - 1]
    return float(raw(task, "random").returns.mean()), float(
        raw(task, "expert").returns.mean()
    )


def normalised(policies: Policies, task: Task) -> np.ndarray:
    """Each seed's mean return on `task` by its own head, normalised, (S,)."""
    [runs] = evaluate_policies(
        [task],
        lambda _, observation: policies.deployed_action(task.index, observation),
        len(SEEDS),
        DEFAULTS["evaluation"]["episodes"],
        "evaluation",
    )
    random, expert = references(task.index)
    returns = np.array([run.returns.mean() for run in runs])
    return np.asarray(100 * (returns - random) / (expert - random))


def test_finetuning_forgets() -> None:
    chosen = settings(DEFAULTS["learner"]["updates"])
    policies, rows = None, []
    for task in SUITE.tasks[:TASKS]:
        policies = fit(
            Finetune(), chosen, data_of(task, "medium"), (), policies, SEEDS
        ).policies
        rows.append(
            [normalised(policies, learned) for learned in SUITE.tasks[: task.index]]
        )
        print(
            f"after task {task.index}: tasks so far "
            + ", ".join(f"{scores.mean():.1f}" for scores in rows[-1])
        )
    learned, finally_ = rows[0][0], rows[-1][0]
    print(
        f"task 1 when learned {learned.round(1)}, at the end {finally_.round(1)}, per"
        " seed"
    )
    assert learned.mean() - finally_.mean() >= FORGOTTEN


def test_td3bc_beats_cloning_on_medium_random() -> None:
    task = SUITE.tasks[0]
    data = data_of(task, "medium_random")
    curves = {
        base: curve(settings(CLONING_UPDATES, base=base), data, task)
        for base in ("bc", "td3bc")
    }
    assert curves["td3bc"][-1] > curves["bc"][-1]


def curve(chosen: LearnerSettings, data: Trajectories, task: Task) -> list[float]:
    """Normalised return, mean over seeds, every 1/CURVE_POINTS of the training; the
    blocks are those of `fit`."""
    training, points = TaskTraining(Finetune(), chosen, data, (), None, SEEDS), []
    every = max(chosen.updates // CURVE_POINTS, 1)
    while training.updates < chosen.updates:
        training.block(min(BLOCK, chosen.updates - training.updates))
        if (
            training.updates // every > len(points)
            or training.updates == chosen.updates
        ):
            scores = normalised(training.result(), task)
            points.append(float(scores.mean()))
            print(
                f"{chosen.base} after {training.updates} updates: {points[-1]:.1f}, per"
                f" seed {scores.round(1)}"
            )
    return points
