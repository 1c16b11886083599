"""Steps per second of the ten Continual World tasks over Meta-World's own environments.

The same actions of the tasks' scripts on both sides, CPU time of one core. Beside them
is printed what MuJoCo alone takes: the rest is Meta-World's observations, rewards and
information.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium
import mujoco
import numpy as np

from benchmarks.figure import Figure
from benchmarks.made_up import one_thread
from oer_pipeline.common.types import FloatArray
from oer_pipeline.studies.behaviours import suites_of
from oer_pipeline.suites.behaviour import play
from oer_pipeline.suites.meta_world import MetaWorld, simulator
from oer_pipeline.suites.rollout import Episodes, episode_generators, rollout
from oer_pipeline.suites.scripted import ScriptedPolicy
from oer_pipeline.suites.suite import Task

EPISODES = 8


class Costs(NamedTuple):
    """CPU microseconds a step, the start of the episodes included, and of MuJoCo's five
    substeps alone."""

    ours: float
    plain: float
    mujoco: float


def measure() -> Figure:
    one_thread()
    tasks = suites_of(["continual_world_10"])[0].tasks
    print(
        "| task | ours, us/step | Meta-World, us/step | MuJoCo alone, us/step |\n| ---"
        " | ---: | ---: | ---: |"
    )
    costs = []
    for task in tasks:
        costs.append(costs_of(task))
        name = task.parameters["env_name"]
        print(
            f"| {name} | {' | '.join(f'{cost:.0f}' for cost in costs[-1])} |",
            flush=True,
        )
    mean = [float(np.mean(column)) for column in zip(*costs, strict=True)]
    print(f"| mean | {' | '.join(f'{cost:.0f}' for cost in mean)} |")
    return Figure(
        "rollout_meta_world_vs_gymnasium_loop", mean[1] / mean[0], 1.5, "higher"
    )


def costs_of(task: Task) -> Costs:
    script = ScriptedPolicy(str(task.parameters["env_name"]))
    plan = play(task, script, EPISODES, "benchmark")
    steps = EPISODES * task.horizon
    loop = GymnasiumLoop(script.script)
    works = (
        lambda: again(task, plan),
        lambda: loop(plan.action),
        lambda: substeps(script.script, plan.action),
    )
    return Costs(*(1e6 * least_seconds(work) / steps for work in works))


def again(task: Task, plan: Episodes) -> None:
    """The episodes once more, their actions known."""
    physics = [task.physics()] * EPISODES
    generators = episode_generators("benchmark", 0, task.index, EPISODES)
    rollout(physics, generators, lambda _, step: plan.action[:, step], task.horizon)


class GymnasiumLoop:
    """One episode after another in Meta-World's environment, on starts of its own
    list."""

    def __init__(self, env_name: str) -> None:
        how = {"env_name": env_name, "seed": 0, "disable_env_checker": True}
        self.environment = gymnasium.make("Meta-World/MT1", **how)

    def __call__(self, action: FloatArray) -> None:
        for number, actions in enumerate(action):
            self.environment.reset(seed=number)
            for row in actions:
                self.environment.step(row)


def substeps(env_name: str, action: FloatArray) -> None:
    """MuJoCo's part of the steps: the hand led by the actions, nothing looked at."""
    ours = simulator(env_name)
    for number, actions in enumerate(action):
        state: Any = task_state(env_name, number)
        for row in actions:
            state.env.set_xyz_action(row[:3])
            state.env.data.ctrl[:] = row[3], -row[3]
            mujoco.mj_step(ours.model, state.env.data, state.env.frame_skip)


def task_state(env_name: str, number: int) -> Any:
    """An episode at its start."""
    physics = MetaWorld(env_name)
    state = physics.new_state()
    physics.reset(state, np.random.default_rng(number))
    return state


def least_seconds(work: Callable[[], None], rounds: int = 3) -> float:
    """CPU seconds of the fastest round."""
    found = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)
