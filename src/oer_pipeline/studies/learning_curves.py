"""Return against updates of base learners, task by task: what `make bases` shows, and
what alpha is chosen by.

A trial trains one variant of the base learner on one task's data set, all seeds side by
side, and rolls the policy out after given numbers of updates. Its result is a file of
its own; a study that was stopped goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.storage import check_places
from oer_pipeline.orchestration.fingerprints import recipe
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.records import file_sha256
from oer_pipeline.studies.places import data_file

if TYPE_CHECKING:
    from oer_pipeline.common.types import FloatArray
    from oer_pipeline.learners.policies import Policies
    from oer_pipeline.suites.suite import Task

POINTS = (1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
"""After how many updates a policy is rolled out."""


@dataclass(frozen=True)
class Trial:
    """One variant on one task's data set; what it is told is plain, so that it can be
    handed to another process."""

    suite: str
    quality: str
    task: str
    variant: str
    settings: dict[str, Any]  # LearnerSettings
    base: dict[str, Any]  # class, options
    place: dict[str, Any]  # the suite's Task
    seeds: tuple[int, ...]
    episodes: int
    points: tuple[int, ...]
    data: str  # file of the data set

    @property
    def name(self) -> str:
        return "-".join((self.suite, self.quality, self.task, self.variant))


def trials_of(
    plan: Plan,
    variant: str,
    root: Path,
    points: Sequence[int] = POINTS,
) -> list[Trial]:
    """A plan's tasks with its base learner, each learned by itself as the first one.

    Args:
        plan: of the run whose data are there.
        variant: what the trials are called.
        root: of the environment's data.
        points: numbers of updates after which a policy is rolled out.
    """
    chosen = plan.parameters["chosen"]["learner"]["base"]
    settings = {**plan.parameters["learner"], "updates": max(points)}
    found = []
    for task in plan.tasks:
        trial = Trial(
            suite=plan.suite.name,
            quality=plan.quality,
            task=task.name,
            variant=variant,
            settings=settings,
            base={"class": chosen["class"], "options": chosen["options"]},
            place=asdict(task),
            seeds=plan.seeds,
            episodes=plan.parameters["evaluation"]["episodes"],
            points=tuple(points),
            data=str(data_file(root, plan, plan.data_of(task))),
        )
        found.append(trial)
    return found


def perform(trial: Trial) -> dict[str, Any]:
    """Mean return per seed after each number of updates: `points` and `returns` (seed
    -> one per point).

    Where the task says so, also `success`, the share of episodes that solved it, in the
    same form.
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
    task = Task(**trial.place)
    training = TaskTraining(
        Finetune(),
        settings,
        data.scaled(),
        (),
        None,
        trial.seeds,
        device,
        True,
        base,
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


def fingerprint_of(trial: Trial) -> str:
    """A hash of what makes a trial's result what it is."""
    told = {name: value for name, value in asdict(trial).items() if name != "data"}
    data = {"all": file_sha256(Path(trial.data))}
    code = (trial.base["class"],)
    return recipe(perform, {"trial": told}, {"data": data}, code=code).fingerprint


def read(file: Path, fingerprint: str) -> dict[str, Any] | None:
    """A finished trial's result; None where there is none of this fingerprint."""
    try:
        kept = json.loads(file.read_text())
        return dict(kept["result"]) if kept["fingerprint"] == fingerprint else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def perform_all(
    trials: Sequence[Trial],
    folder: Path,
    client: Any,
    tell: Callable[[str], None],
) -> dict[str, dict[str, Any]]:
    """Every trial's result; those that are kept already are not done again.

    Args:
        trials: of different names.
        folder: of the results, a file each.
        client: of Dask; its workers perform them.
        tell: is told of each result, in a line.
    """
    from distributed import as_completed

    prints = {trial.name: fingerprint_of(trial) for trial in trials}
    files = {name: folder / f"{name}-{mark[:12]}.json" for name, mark in prints.items()}
    found = {name: read(files[name], mark) for name, mark in prints.items()}
    missing = [trial for trial in trials if found[trial.name] is None]
    check_places(files[trial.name] for trial in missing)
    tell(f"{len(trials)} trials, {len(trials) - len(missing)} of them kept")
    running = {}
    for number, trial in enumerate(missing):
        running[
            client.submit(
                perform,
                trial,
                pure=False,
                priority=-number,
            )
        ] = trial
    for number, future in enumerate(as_completed(running), start=1):
        trial = running[future]
        result = future.result()
        found[trial.name] = result
        document = {"fingerprint": prints[trial.name], "result": result}
        write_atomic(files[trial.name], json.dumps(document) + "\n")
        last = []
        for returns in result["returns"].values():
            last.append(f"{returns[-1]:.0f}" if returns else "-")
        tell(f"{number}/{len(missing)} {trial.name}: {', '.join(last)}")
    return {trial.name: found[trial.name] or {} for trial in trials}
