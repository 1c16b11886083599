"""A grid's jobs: what is shared is made once, what waits for what, what runs first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oer_pipeline.common.locks import path_of
from oer_pipeline.orchestration.configuration import configuration_of, data_root
from oer_pipeline.orchestration.run_parameters import parameters_of
from oer_pipeline.orchestration.session import lock_names_of
from oer_pipeline.studies.cells import Cells, cells_of, jobs_of
from oer_pipeline.studies.grid_files import from_config
from oer_pipeline.studies.jobs import Job

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def cells(params: str = "", **more: Any) -> Cells:
    told = {
        "suites": ["cheetah_vel_signed"],
        "qualities": ["medium"],
        "methods": ["finetune", "oer"],
    }
    return cells_of(from_config("mine", {**told, **more}), params, "test")


def jobs(params: str = "", **more: Any) -> dict[str, Job]:
    return {job.name: job for job in jobs_of(cells(params, **more))}


def test_orders_share_their_data_and_of_each_part_its_own_are_made() -> None:
    """All five tasks of the suite: every order has the same; of three, others."""
    whole = jobs(methods=["oer"], orders="0-2", parameters={"tasks": 5})
    of_data = [name for name in whole if name.startswith(("data", "dynamics"))]
    assert len(of_data) == 3
    some = cells(methods=["oer"], orders="0-3", parameters={"tasks": 3})
    made = {job.name: job for job in jobs_of(some)}
    by_tasks: dict[tuple[int, ...], str] = {}
    for cell in some.cells:
        numbers = tuple(task.index for task in cell.plan.data_tasks)
        data = made[cell.name].after[0]
        assert by_tasks.setdefault(numbers, data) == data
    assert len(set(by_tasks.values())) == len(by_tasks) > 1


def test_cells_wait_for_what_they_need_and_the_longest_chain_comes_first() -> None:
    made = jobs("seeds=0-1")
    raw, data = "data_cheetah_vel_signed", "data_cheetah_vel_signed_medium"
    models = "dynamics_cheetah_vel_signed_medium"
    assert list(made) == [raw, data, models, "oer", "finetune", "comparison"]
    assert made["oer"].after == (data, models)
    assert made["finetune"].after == (data,)
    assert made[models].after == (data,)
    assert made[data].after == (raw,)
    assert made["comparison"].after == ("finetune", "oer")
    told = "seeds=0-1,suite=cheetah_vel_signed,quality=medium,method="
    assert made["oer"].arguments == (
        "--pipelines=continual,evaluation,reporting",
        "--env=test",
        f"--params={told}oer",
    )
    assert (
        made["comparison"].arguments[-1]
        == f"--params={told}finetune,compare=finetune+oer"
    )


def test_a_job_has_the_lock_of_the_run_that_it_starts() -> None:
    """So that a run of the command line and a grid wait for one another."""
    configured = configuration_of("test")
    for job in jobs().values():
        pipelines = job.arguments[0].removeprefix("--pipelines=").split(",")
        params = job.arguments[-1].removeprefix("--params=")
        plan = configured.plan(parameters_of(params))
        [parts] = lock_names_of(pipelines, plan)
        assert job.lock == str(path_of("/".join((data_root("test"), *parts))))


def test_models_are_fitted_only_where_a_selector_or_a_judge_asks() -> None:
    assert not [
        name for name in jobs(methods=["finetune", "er_random"]) if "dynamics" in name
    ]
    judged = jobs(
        methods=["finetune"], stages=["judging", "continual"], report="selectors"
    )
    assert "dynamics_cheetah_vel_signed_medium" in judged["finetune"].after
    assert judged["finetune"].arguments[0] == "--pipelines=continual,judging"
    assert "comparison" not in judged


def test_raw_data_are_shared_by_qualities_and_data_sets_by_cells() -> None:
    made = jobs(qualities=["medium", "expert"], methods=["finetune", "er_random"])
    assert [name for name in made if name.startswith("data_")] == [
        "data_cheetah_vel_signed",
        "data_cheetah_vel_signed_medium",
        "data_cheetah_vel_signed_expert",
    ]
    assert {name for name in made if name.endswith("comparison")} == {
        "medium-comparison",
        "expert-comparison",
    }
    assert made["expert-comparison"].after == ("expert-finetune", "expert-er_random")


def test_data_of_other_sizes_are_made_apart() -> None:
    made = jobs(methods=["finetune"], parameters={"collection.transitions": [600, 800]})
    assert len([name for name in made if name.startswith("data_")]) == 4


def test_cells_that_share_their_first_task_wait_for_the_one_that_makes_it() -> None:
    made = jobs(
        methods=["ewc"], parameters={"learners.ewc.penalty": [1.0, 10.0, 100.0]}
    )
    names = ["ewc-penalty=1.0", "ewc-penalty=10.0", "ewc-penalty=100.0"]
    assert names[0] not in made[names[0]].after
    assert all(names[0] in made[name].after for name in names[1:])
    other = jobs(methods=["ewc"], parameters={"learner.alpha": [1.0, 2.0]})
    assert "ewc-alpha=1.0" not in other["ewc-alpha=2.0"].after


def test_cells_are_compared_with_those_of_the_same_parameters() -> None:
    made = jobs(parameters={"replay.size": [10, 20]})
    assert made["comparison-size=10"].after == ("finetune-size=10", "oer-size=10")
    assert "replay.size=20" in made["comparison-size=20"].arguments[-1]


def test_divergence_is_excused_where_the_grid_says_so() -> None:
    assert {job.excused for job in jobs().values()} == {None}
    weight = {"learners.er_dbc.replay_weight": 3.0}
    told = jobs(excuse_divergence=True, report="study", parameters=weight)
    assert told["oer"].excused is not None
    assert told["data_cheetah_vel_signed"].excused is None


def test_expected_times_grow_with_updates() -> None:
    short, long = (
        jobs("learner.updates=100")["oer"],
        jobs("learner.updates=100000")["oer"],
    )
    assert long.expected > short.expected + 100


@pytest.mark.parametrize(
    ("report", "compared"),
    [("comparison", True), ("learners", True), ("tuning", False)],
)
def test_cells_that_are_put_side_by_side_get_a_page(
    report: str, compared: bool
) -> None:
    tried = {"methods": ["oer"], "coefficient": [1, 2]} if report == "tuning" else {}
    made = jobs(report=report, **tried)
    assert ("comparison" in made) == compared
