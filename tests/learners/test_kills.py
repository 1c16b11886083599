"""Trainings killed with signal 9 at random instants, every learner and base: they end
in the bytes of one that was not killed.

The core and Lightning alone, without Kedro around them; the number of kills is small
here, the slow tests have more.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from oer_pipeline.common.atomic import sweep
from oer_pipeline.datasets import SafetensorsDataset, TableDataset
from oer_pipeline.training.fit import Trained, fit
from tests.conftest import Count
from tests.killing import KILLS, Work, survives
from tests.learners.conftest import Configured, Tasks, learner_named, section

SEEDS = (0, 7)
BASES = ("bc", "rebrac", "iql")
"""Beside td3bc, with which every learner is killed."""


def saved(trained: Trained, folder: Path) -> None:
    """Every seed's policies and curves as the pipeline writes them."""
    for member, seed in enumerate(SEEDS):
        policies = trained.policies.member(member)
        SafetensorsDataset(str(folder / f"{seed}_policies.safetensors")).save(
            (policies.tensors(), policies.header())
        )
        curves = pd.DataFrame(trained.curves[seed])
        TableDataset(str(folder / f"{seed}_curves.parquet")).save(curves)


def training(tasks: Tasks, configured: Configured, base: str) -> Work:
    """The second task's, of some blocks, with a checkpoint after each."""
    settings = replace(tasks.settings, updates=801, base=base)
    kind, options = configured.kind, configured.options
    before: Any = None
    data: Any = [tasks.data(1), tasks.data(2)]
    buffers: Any = []
    if not kind.together:
        data = tasks.data(2)
        before = tasks.before(kind, 2, SEEDS, settings, **options)
        if kind.replays:
            buffers = tasks.buffers(2, SEEDS)

    def work(folder: Path) -> None:
        sweep(folder)
        trained = fit(
            kind(**options),
            settings,
            data,
            buffers,
            before,
            SEEDS,
            checkpoint=folder / "checkpoint" / "task_2.safetensors",
            every_seconds=0.0,
        )
        saved(trained, folder)

    return Work(work)


@pytest.mark.parametrize(("name", "base"), [("er_dbc", "td3bc"), ("packnet", "iql")])
def test_a_killed_training_ends_in_the_same_bytes(
    tasks: Tasks, name: str, base: str, tmp_path: Path, count: Count
) -> None:
    work = training(tasks, learner_named(name), base)
    survives(work, tmp_path, 3, seed=0)
    count(KILLS, "trainings, of some learners", 3)


@pytest.mark.slow
def test_every_learner_killed_ends_in_the_same_bytes(
    tasks: Tasks, configured: Configured, tmp_path: Path, count: Count
) -> None:
    survives(training(tasks, configured, "td3bc"), tmp_path, 7, seed=1)
    count(KILLS, "trainings, of every learner", 7)


@pytest.mark.slow
@pytest.mark.parametrize("base", BASES)
def test_every_base_killed_ends_in_the_same_bytes(
    tasks: Tasks, base: str, tmp_path: Path, count: Count
) -> None:
    work = training(tasks, learner_named("er_dbc"), base)
    survives(work, tmp_path, 7, seed=2)
    count(KILLS, "trainings, of every base learner", 7)


def test_no_base_is_left_out() -> None:
    assert {"td3bc", *BASES} == set(section("bases"))
