"""CPU seconds until five members stop early on 20,000 Cheetah-Vel transitions, on one
core.

The data are the roll-outs that a run would make: task 1 of cheetah_vel_signed, medium,
by its committed behaviour.
"""

from __future__ import annotations

from benchmarks.figure import Figure
from benchmarks.made_up import one_thread
from benchmarks.timing import cpu_seconds
from oer_pipeline.dynamics.fit import fit_transition_model
from oer_pipeline.dynamics.settings import DynamicsSettings
from oer_pipeline.suites.behaviour import BehaviourFile, behaviour_path
from oer_pipeline.suites.behaviour_data import collect
from oer_pipeline.suites.suite import Task
from oer_pipeline.trajectories.table import Trajectories

ROWS, MEMBERS = 20_000, 5
TASK = Task("cheetah_vel_signed", 1, "cheetah_vel", {"target_velocity": 1.5}, 200)


def measure() -> Figure:
    # CPU time is wall time then, but for waiting, which a busy machine would add
    one_thread()
    data, settings, epochs = transitions(), DynamicsSettings(members=MEMBERS), 0

    def work() -> None:
        nonlocal epochs
        epochs = fit_transition_model(data, settings)[1]["epochs"]

    taken = cpu_seconds(work)
    if epochs == settings.max_epochs:
        raise RuntimeError(
            f"no member stopped early in {epochs} epochs: the figure would mean nothing"
        )
    return Figure("dynamics_20k_seconds", taken, 60.0, "lower")


def transitions() -> Trajectories:
    """20,000 rows, 100 episodes."""
    behaviours = BehaviourFile.load(behaviour_path(TASK.family, TASK.key))
    return collect(TASK, behaviours, "medium", ROWS, data_seed=0).select(slice(ROWS))
