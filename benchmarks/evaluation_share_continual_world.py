"""Share of an `er` run on continual_world_10 that evaluation takes.

Base bc, 256-256, 4,000 updates a task, M = 100, ten evaluation episodes, one seed: ten
tasks are evaluated after each of ten (and the next one after each), which grows with
the square of their number.

Measured is CPU time. A task's training is its start, in which an update is captured,
and 4,000 times the time of an update, of which some hundreds are timed, with 0, 1, ...,
9 buffers. Every task's evaluation is timed once and counts as often as the run has it.
The run is both and the visits at its end; buffers, reports and Kedro are left out,
which makes the share larger.
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks.figure import Figure
from benchmarks.made_up import one_thread
from oer_pipeline.learners.er import ExperienceReplay
from oer_pipeline.learners.policies import Policies
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.networks.randomness import generator
from oer_pipeline.selection.fill import fill
from oer_pipeline.selection.protocol import SelectionRequest
from oer_pipeline.selection.uniform import Uniform
from oer_pipeline.studies.behaviours import suites_of
from oer_pipeline.suites.behaviour import play
from oer_pipeline.suites.episode_table import table_from_episodes
from oer_pipeline.suites.evaluation import evaluate_policies
from oer_pipeline.suites.scripted import ScriptedPolicy
from oer_pipeline.suites.suite import Task
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories

UPDATES, BLOCK, BLOCKS = 4_000, 100, 3
SIZE, EPISODES, SEEDS = 100, 10, (0,)
COLLECTED = 10
"""Episodes of data a task, on whose number neither time depends."""
SETTINGS = LearnerSettings(
    name="er", base="bc", hidden=(256, 256), updates=UPDATES, batch_size=256
)


def measure() -> Figure:
    one_thread()
    tasks = suites_of(["continual_world_10"])[0].tasks
    policies: Policies | None = None
    buffers: list[list[ReplayBuffer]] = []
    training, each = 0.0, []
    for task in tasks:
        data = data_of(task)
        seconds, policies = trained(data, buffers, policies)
        training += seconds
        each.append(seconds_of_evaluation(task, policies))
        buffers.append([buffer_of(task, data, policies)])
    evaluation, visits = (
        sum(sum(each[: k + 1]) for k in range(1, len(tasks) + 1)),
        sum(each),
    )
    told = (
        f"{training:.0f} s training, {evaluation:.0f} s evaluation, {visits:.0f} s"
        " visits"
    )
    print(f"evaluation_share_continual_world: {told}")
    share = evaluation / (training + evaluation + visits)
    return Figure("evaluation_share_continual_world", share, 0.333, "lower")


def data_of(task: Task) -> Trajectories:
    played = play(
        task, ScriptedPolicy(str(task.parameters["env_name"])), COLLECTED, "benchmark"
    )
    return table_from_episodes(played, {}, task.horizon)


def trained(
    data: Trajectories, buffers: list[list[ReplayBuffer]], before: Policies | None
) -> tuple[float, Policies]:
    """CPU seconds of a task's training, and the policies after some hundred updates."""
    started = time.process_time()
    training = TaskTraining(
        ExperienceReplay(), SETTINGS, data, buffers, before, SEEDS, "cpu", True
    )
    training.block(BLOCK)
    first = time.process_time() - started
    found = []
    for _ in range(BLOCKS):
        started = time.process_time()
        training.block(BLOCK)
        found.append((time.process_time() - started) / BLOCK)
    return first + (UPDATES - BLOCK) * float(np.median(found)), training.result()


def seconds_of_evaluation(task: Task, policies: Policies) -> float:
    """CPU seconds of a task's episodes; the starts of its list are known already, as in
    a run from its second time."""

    def go() -> float:
        started = time.process_time()
        evaluate_policies(
            [task],
            lambda _, seen: policies.deployed_action(task.index, seen),
            len(SEEDS),
            EPISODES,
            "evaluation",
        )
        return time.process_time() - started

    return min(go(), go())


def buffer_of(task: Task, data: Trajectories, policies: Policies) -> ReplayBuffer:
    own = policies.member(0)
    draws = generator("selection", 0, task.index)
    request = SelectionRequest(
        data, SIZE, own.act_as_learned, None, (0,), draws, task.horizon
    )
    return fill(request, Uniform().select(request), "policy")
