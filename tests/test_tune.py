"""`make tune`: what is tried, what ends a trial and what the tuning, what is chosen and written."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from benchmarks.made_up import trajectories
from oer_pipeline import grid, tune
from oer_pipeline.context import parameters_of, plans_of, with_tuned
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import DivergedError, TaskTraining
from oer_pipeline.plan import Plan, resolve
from oer_pipeline.tune import Score, Trial
from tests.reaching import reach_suite

CONF = Path(__file__).parents[1] / "conf" / "base"
BASE, SUITES, METHODS = (yaml.safe_load((CONF / f"{n}.yml").read_text()) for n in ("parameters", "suites", "methods"))


def plan_of(run: str, methods: dict[str, Any] = METHODS) -> Plan:
    return resolve(BASE, parameters_of(run), SUITES, methods)


def value_in_force(plan: Plan, method: str) -> Any:
    return plan.parameters["chosen"]["learner"]["options"][tune.COEFFICIENTS[method].split(".")[-1]]


def test_every_trial_puts_its_value_in_force_in_a_cell_of_its_own() -> None:
    plans = {trial: plan_of(trial.run("")) for trial in tune.trials()}
    assert len(plans) == 9 * 9
    for trial, plan in plans.items():
        assert (plan.suite.name, plan.quality, plan.seeds) == ("cheetah_vel_tuning", "medium", (1000, 1001, 1002))
        assert (plan.method, value_in_force(plan, trial.method)) == (trial.method, trial.value)
    assert len({plan.cell for plan in plans.values()}) == len(plans)


def test_every_learner_with_a_coefficient_is_tuned() -> None:
    def coefficients(learner: dict[str, Any]) -> set[str]:
        return {key for key in learner if key in ("penalty", "margin") or key.endswith("_weight")}

    with_one = {f"learners.{n}.{key}" for n, learner in BASE["learners"].items() for key in coefficients(learner)}
    assert with_one == set(tune.COEFFICIENTS.values())


def test_sizes_may_change_but_neither_suite_nor_seeds() -> None:
    plan = plan_of(Trial("ewc", 10.0).run("learner.updates=50,suite=cheetah_vel_signed,seeds=0-2"))
    assert plan.parameters["learner"]["updates"] == 50
    assert (plan.suite.name, plan.seeds) == ("cheetah_vel_tuning", (1000, 1001, 1002))


def test_trials_wait_for_the_data_and_for_their_methods_first_one() -> None:
    tried = [Trial("ewc", 0.1), Trial("gem", 0.1), Trial("ewc", 10_000.0)]
    data, *cells = tune.jobs_of({trial: plan_of(trial.run("")) for trial in tried}, "", ["--env=test"])
    assert data.arguments[0] == "--pipelines=collection,ingestion"
    assert [job.name for job in cells] == ["tune_ewc_0.1", "tune_gem_0.1", "tune_ewc_10000"]
    assert [job.after for job in cells] == [("tune_data",), ("tune_data",), ("tune_ewc_0.1",)]
    for job, trial in zip(cells, tried, strict=True):
        assert job.arguments == ["--pipelines=continual", "--env=test", f"--params={trial.run('')}"]
        assert job.excused == tune.DIVERGED
        assert job.expected > 60


def test_coefficients_do_not_act_on_the_first_task() -> None:
    for method in tune.COEFFICIENTS:
        low, high = (plan_of(Trial(method, value).run("")).parameters["chosen"] for value in (0.1, 10_000.0))
        assert low["learner"] != high["learner"]
        assert low["first_learner"] == high["first_learner"]


@pytest.mark.parametrize("reward", [np.nan, 1.0])
def test_divergence_as_the_learners_report_it_is_recognised(reward: float) -> None:
    data = trajectories(400)
    data.reward[:] = reward
    settings = LearnerSettings(batch_size=8, hidden=(8,))
    object.__setattr__(settings, "learning_rate", 1e3)  # beyond its bounds
    training = TaskTraining(Finetune(), settings, data, (), None, (0,))
    with pytest.raises(DivergedError) as caught:
        training.block(60)
    assert re.search(tune.DIVERGED, f"Error: {caught.value}; the last good checkpoint is somewhere")
    assert tune._why(f"Error: {caught.value}; the last good checkpoint is somewhere") == str(caught.value)


def test_an_excused_failure_ends_its_job_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEDRO_DISABLE_TELEMETRY", "1")
    first = grid.Job("first", ["--no-such-option"], (), 1.0, excused="^Error: ")
    second = grid.Job("second", ["--nor-this"], ("first",), 1.0, excused="something else")
    with pytest.raises(SystemExit, match="second failed"):
        grid.run_all([first, second], 1)
    assert first.failure is not None
    assert first.failure.startswith("Error: ")
    assert second.failure is None


@pytest.mark.parametrize(
    ("pers", "value"),
    [
        ({0.1: 50.0, 1.0: 60.0, 10.0: 55.0}, 1.0),
        ({0.1: 50.0, 1.0: 60.0, 10.0: 60.0}, 1.0),
        ({10.0: 60.0, 1.0: 60.0}, 1.0),
        ({0.1: None, 1.0: -5.0}, 1.0),
        ({0.1: None, 1.0: None}, None),
    ],
)
def test_the_highest_per_wins_and_of_equal_ones_the_smaller_value(
    pers: dict[float, float | None], value: float | None
) -> None:
    scores = [
        Score(v, () if per is None else (per - 1.0, per + 1.0), "x" if per is None else None) for v, per in pers.items()
    ]
    assert tune.chosen(scores) == value


def finish(root: Path, plan: Plan, returns: list[list[float]]) -> None:
    """Lay down what a cell leaves behind: `returns[s][i]`, two episodes that have this mean; references 0 and 200."""
    for task in plan.tasks:
        folder = root / "01_raw" / plan.suite_folder / task.name
        folder.mkdir(parents=True, exist_ok=True)
        means = {"random": 0.0, "expert": 200.0, "zero": 7.0}
        (folder / "references.json").write_text(json.dumps({kind: {"mean": mean} for kind, mean in means.items()}))
    for seed, by_task in zip(plan.seeds, returns, strict=True):
        cell = root / "07_model_output" / plan.suite_folder / plan.quality_folder / plan.cell / f"seed_{seed}"
        cell.mkdir(parents=True, exist_ok=True)
        rows = [("deployed", i + 1, value + d) for i, value in enumerate(by_task) for d in (-1.0, 1.0)]
        rows += [("task", len(by_task), 1e6), ("zero_shot", len(by_task) + 1, 1e6)]
        table = pd.DataFrame(rows, columns=["policy", "task", "return"])
        table.sample(frac=1.0, random_state=0).to_parquet(cell / f"{plan.tasks[-1].name}_returns.parquet")


def test_per_is_the_deployed_policys_normalised_mean_over_tasks_at_the_end(tmp_path: Path) -> None:
    plan = plan_of(Trial("si", 100.0).run(""))
    finish(tmp_path, plan, [[100.0, 50.0, 0.0], [200.0, 200.0, -40.0], [100.0] * 3])
    assert tune.per_by_seed(plan, tmp_path) == (25.0, 60.0, 50.0)


@pytest.fixture
def tuning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project where `make tune` finds PER 40 at value 10, 10 elsewhere; SI diverges at 10."""
    shutil.copytree(CONF.parent, tmp_path / "conf")
    shutil.copy(CONF.parents[1] / "pyproject.toml", tmp_path)
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path)
    root = Path("data/test")

    def run_all(jobs: list[grid.Job], _at_once: int) -> None:
        plans = plans_of([job.arguments[-1].removeprefix("--params=") for job in jobs[1:]], "test")
        for job, plan in zip(jobs[1:], plans, strict=True):
            if job.name == "tune_si_10":
                job.failure = "Error: task 2: the losses of seed(s) [1001] are not finite at update 300; no checkpoint"
            else:
                finish(root, plan, [[80.0 if job.name.endswith("_10") else 20.0] * 3] * 3)

    monkeypatch.setattr(tune, "VALUES", (0.1, 10.0))
    monkeypatch.setattr(tune, "run_all", run_all)
    monkeypatch.setattr("sys.argv", ["tune", "--env=test"])
    return tmp_path


def test_what_tuning_writes_comes_into_force(tuning: Path) -> None:
    before = (tuning / "conf/base/tuned.yml").read_bytes()
    tune.main()
    path = tuning / "conf/test/tuned.yml"
    written = path.read_bytes()
    assert (tuning / "conf/base/tuned.yml").read_bytes() == before
    assert written.startswith(b"# Written by `make tune`")
    document = yaml.safe_load(written)
    assert set(document) == set(tune.COEFFICIENTS)
    assert document["ewc"]["parameters"] == {"learners": {"ewc": {"penalty": 10.0}}}
    about = document["ewc"]["provenance"]
    assert (about["suite"], about["tasks"], about["seeds"]) == ("cheetah_vel_tuning", 3, [1000, 1001, 1002])
    assert about["values"] == {0.1: 10.0, 10.0: 40.0}
    assert about["per_seed"][10.0] == [40.0, 40.0, 40.0]
    assert document["oer"]["parameters"] == {"learners": {"er_dbc": {"replay_weight": 10.0}}}

    si = document["si"]
    assert si["parameters"] == {"learners": {"si": {"penalty": 0.1}}}
    assert si["provenance"]["values"][10.0] is None
    assert si["provenance"]["diverged"] == {10.0: "task 2: the losses of seed(s) [1001] are not finite at update 300"}

    methods = with_tuned(METHODS, document)
    assert value_in_force(plan_of("method=ewc", methods), "ewc") == 10.0
    assert value_in_force(plan_of("method=oer", methods), "er_random") == 10.0
    assert value_in_force(plan_of("method=ewc,learners.ewc.penalty=3.0", methods), "ewc") == 3.0

    tune.main()
    assert path.read_bytes() == written


def test_a_method_of_which_every_value_diverged_keeps_its_default() -> None:
    scores = {"ewc": [Score(value, (), "task 1: not finite") for value in tune.VALUES]}
    entry = tune.tuned(scores, plan_of("method=ewc"), "")["ewc"]
    assert entry["parameters"] == {}
    assert set(entry["provenance"]["values"].values()) == {None}
    assert plan_of("method=ewc", with_tuned(METHODS, {"ewc": entry})).parameters["learners"]["ewc"]["penalty"] == 1.0


def test_a_suite_with_success_is_tuned_by_it(tmp_path: Path) -> None:
    suite = reach_suite()
    plan = replace(plan_of(Trial("er", 1.0).run("")), suite=suite, tasks=suite.tasks)
    finish(tmp_path, plan, [[0.0, 0.0, 0.0]] * 3)
    for seed, solved in zip(plan.seeds, ([1, 1, 0], [1, 0, 0], [0, 0, 0]), strict=True):
        own = Path(plan.suite_folder, plan.quality_folder, plan.cell, f"seed_{seed}", "task_3_returns.parquet")
        path = tmp_path / "07_model_output" / own
        table = pd.read_parquet(path)
        flags = [task <= len(solved) and bool(solved[task - 1]) for task in table["task"]]
        table.assign(success=flags).to_parquet(path)
    assert tune.per_by_seed(plan, tmp_path) == (66.67, 33.33, 0.0)
    scores = {"er": [Score(value, (value,)) for value in tune.VALUES]}
    assert tune.tuned(scores, plan, "")["er"]["provenance"]["scale"] == "success"
    assert "scale" not in tune.tuned(scores, plan_of("method=er"), "")["er"]["provenance"]
