"""Which observation dimensions MBES should measure distances on in Continual World.

`python -m benchmarks.continual_world_distances`. A walk that snaps to a sample of
another goal has left its task. For three tasks' medium data (from `kedro run
--pipelines=collection,ingestion --params="suite=continual_world_10,tasks=10"`) a clone
is trained and a transition model fitted, and MBES fills buffers of 300 by one walker,
whose walks go through whole episodes. Shown is in how many of its steps a walk stays
with samples of the same start (objects and goal), and how far states that the clone
visits on held-out goals are from the buffer, and the reverse, on all dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.made_up import one_thread
from oer_pipeline.common.types import BoolArray, FloatArray, IntArray
from oer_pipeline.dynamics.fit import fit_transition_model
from oer_pipeline.dynamics.settings import DynamicsSettings
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.metrics.fidelity import buffer_fidelity
from oer_pipeline.networks.policy import Standardiser
from oer_pipeline.selection.mbes import MBES
from oer_pipeline.selection.protocol import Selection
from oer_pipeline.selection.request import requests_of
from oer_pipeline.selection.uniform import Uniform
from oer_pipeline.studies.behaviours import suites_of
from oer_pipeline.suites.evaluation import evaluate_policies
from oer_pipeline.suites.meta_world import FRAME
from oer_pipeline.suites.suite import Task
from oer_pipeline.trajectories.table import Trajectories, read_trajectories

DATA = Path("data/03_primary/continual_world_10/medium")
TASKS = (3, 7, 8)
SIZE, SEEDS, EPISODES = 300, (0, 1, 2), 10
SETTINGS = LearnerSettings(
    name="finetune", base="bc", hidden=(256, 256), updates=4_000, batch_size=256
)
GOAL = (36, 37, 38)
ALL = tuple(range(39))
DIMENSIONS = {
    "all 39": ALL,
    "this frame and the goal": (*range(FRAME), *GOAL),
    "this frame and the last": tuple(range(2 * FRAME)),
    "this frame": tuple(range(FRAME)),
}


def main() -> None:
    """Print the table."""
    one_thread()
    tasks = suites_of(["continual_world_10"])[0].tasks
    titles = (
        "task",
        "distances on",
        "steps within a start",
        "visits to buffer",
        "buffer to visits",
    )
    lines = [titles, ("---", "---", *["---:"] * 3)]
    for number in TASKS:
        lines += rows_of(
            tasks[number - 1], read_trajectories(DATA / f"task_{number}.parquet")
        )
    print("".join(f"| {' | '.join(line)} |\n" for line in lines), end="")


def rows_of(task: Task, data: Trajectories) -> Iterator[tuple[str, ...]]:
    training = TaskTraining(Finetune(), SETTINGS, data, (), None, SEEDS, "cpu", True)
    training.block(SETTINGS.updates)
    policies = training.result()
    visits = visited(task, policies)
    model, _ = fit_transition_model(
        data,
        DynamicsSettings(hidden=(256, 256), learning_rate=0.005, weight_decay=1e-4),
        0,
        task.index,
    )
    members = {seed: policies.member(number) for number, seed in enumerate(SEEDS)}
    facts = {"horizon": task.horizon, "distance_dimensions": ALL}
    ask = partial(requests_of, members, data, SIZE, model, facts, 1, SETTINGS.discount)
    name = str(task.parameters["env_name"])
    for told, dimensions in DIMENSIONS.items():
        requests = [
            replace(request, distance_dimensions=dimensions)
            for request in ask().values()
        ]
        chosen = MBES(walkers=1).select_all(requests)
        stays = np.mean([within_a_start(data, selection) for selection in chosen])
        yield name, told, f"{stays:.0%}", *fidelity(data, visits, chosen)
    yield (
        name,
        "(uniform buffer)",
        "",
        *fidelity(data, visits, [Uniform().select(r) for r in ask().values()]),
    )


def visited(task: Task, policies: Policies) -> list[FloatArray]:
    """What each seed's clone sees on held-out goals."""
    act = partial(_act, policies)
    [by_member] = evaluate_policies([task], act, len(SEEDS), EPISODES, "visits")
    return [
        episodes.observation[:, :-1].reshape(-1, episodes.observation.shape[-1])
        for episodes in by_member
    ]


def _act(policies: Policies, _: Task, observation: FloatArray) -> FloatArray:
    return policies.deployed_action(1, observation)


def within_a_start(data: Trajectories, chosen: Selection) -> float:
    """Of the steps of walks, the share between two samples whose episodes started
    alike."""
    start = starts_of(data)[chosen.rows]
    order = np.lexsort((chosen.record["step"], chosen.record["rollout"]))
    walked = np.asarray(chosen.record["walked"])[order]
    rollout, start = np.asarray(chosen.record["rollout"])[order], start[order]
    step: BoolArray = (rollout[1:] == rollout[:-1]) & walked[1:] & walked[:-1]
    return float((start[1:] == start[:-1])[step].mean())


def starts_of(data: Trajectories) -> IntArray:
    """The number of its episode's start, (N,)."""
    _, number = np.unique(data.observation[data.starts], axis=0, return_inverse=True)
    return np.repeat(number.ravel(), data.lengths)


def fidelity(
    data: Trajectories, visits: list[FloatArray], chosen: list[Selection]
) -> tuple[str, str]:
    """Both distances on all dimensions, means over seeds."""
    scale = Standardiser.of(data.observation)
    found = [
        buffer_fidelity(
            seen, data.observation[selection.rows], scale.mean, scale.std, ALL
        )
        for seen, selection in zip(visits, chosen, strict=True)
    ]
    return (
        f"{np.mean([f.visits_to_buffer for f in found]):.2f}",
        f"{np.mean([f.buffer_to_visits for f in found]):.2f}",
    )


if __name__ == "__main__":
    main()
