"""`kedro tune`: what is tried, what ends a trial, what is chosen and written."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from benchmarks.made_up import trajectories
from oer_pipeline.learners.divergence import DivergedError
from oer_pipeline.learners.finetune import Finetune
from oer_pipeline.learners.settings import LearnerSettings
from oer_pipeline.learners.task_training import TaskTraining
from oer_pipeline.orchestration.configuration import with_tuned
from oer_pipeline.orchestration.plan import Plan, resolve
from oer_pipeline.orchestration.run_parameters import parameters_of
from oer_pipeline.studies import tuning
from oer_pipeline.studies.cells import DIVERGED, Cells, cells_of
from oer_pipeline.studies.combinations import coefficient_of
from oer_pipeline.studies.grid_files import read
from oer_pipeline.studies.jobs import Outcome, Status
from oer_pipeline.studies.tuning import Score
from tests.reaching import reach_suite

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf" / "base"
BEST = 100.0
"""Of the grid's values the one whose cells are made to be best."""
BASE, SUITES, METHODS = (
    yaml.safe_load((CONF / f"{n}.yml").read_text())
    for n in ("parameters", "suites", "methods")
)


def plan_of(run: str, methods: dict[str, Any] = METHODS) -> Plan:
    return resolve(BASE, parameters_of(run), SUITES, methods)


def value_in_force(plan: Plan) -> Any:
    """Of the coefficient of the plan's method."""
    option = coefficient_of(plan.method, METHODS, BASE["learners"])
    assert option is not None
    return plan.parameters["chosen"]["learner"]["options"][option.split(".")[-1]]


@pytest.fixture(scope="module")
def tried() -> Cells:
    """The cells of the committed grid."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return cells_of(read("tuning", Path("conf"), None), "", None)


def test_every_trial_puts_its_value_in_force_in_a_cell_of_its_own(tried: Cells) -> None:
    values = tried.grid.coefficient
    by_method: dict[str, list[float]] = {}
    for cell in tried.cells:
        plan = cell.plan
        assert (plan.suite.name, plan.quality, plan.seeds) == (
            "cheetah_vel_tuning",
            "medium",
            (1000, 1001, 1002),
        )
        by_method.setdefault(plan.method, []).append(value_in_force(plan))
    assert all(of_method == list(values) for of_method in by_method.values())
    assert {"er", "er_random", "oer", "ewc", "gem"} <= set(by_method)
    assert not {"oer_paper", "finetune", "agem"} & set(
        by_method
    )  # a fixed coefficient, or none
    assert len({cell.plan.cell for cell in tried.cells}) == len(tried.cells)


def test_every_learner_with_a_coefficient_is_tuned() -> None:
    for name, learner in BASE["learners"].items():
        coefficients = [
            key
            for key in learner
            if key in ("penalty", "margin") or key.endswith("_weight")
        ]
        assert (
            [learner["tuned"]] == coefficients
            if coefficients
            else "tuned" not in learner
        ), name


def test_coefficients_do_not_act_on_the_first_task(tried: Cells) -> None:
    first: dict[str, Any] = {}
    for cell in tried.cells:
        chosen = cell.plan.parameters["chosen"]
        assert (
            first.setdefault(cell.plan.method, chosen["first_learner"])
            == chosen["first_learner"]
        )


@pytest.mark.parametrize("reward", [np.nan, 1.0])
def test_divergence_as_the_learners_report_it_is_recognised(reward: float) -> None:
    data = trajectories(400)
    data.reward[:] = reward
    settings = LearnerSettings(batch_size=8, hidden=(8,))
    object.__setattr__(settings, "learning_rate", 1e3)  # beyond its bounds
    training = TaskTraining(Finetune(), settings, data, (), None, (0,))
    with pytest.raises(DivergedError) as caught:
        training.block(60)
    assert re.search(
        DIVERGED, f"Error: {caught.value}; the last good checkpoint is somewhere"
    )
    assert tuning._why(
        f"Error: {caught.value}; the last good checkpoint is somewhere"
    ) == str(caught.value)


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
        Score(
            v,
            () if per is None else (per - 1.0, per + 1.0),
            "x" if per is None else None,
        )
        for v, per in pers.items()
    ]
    assert tuning.chosen(scores) == value


def finish(root: Path, plan: Plan, returns: list[list[float]]) -> None:
    """Lay down what a cell leaves behind: `returns[s][i]`, two episodes that have this
    mean; references 0 and 200."""
    for task in plan.tasks:
        folder = root / "01_raw" / plan.suite_folder / task.name
        folder.mkdir(parents=True, exist_ok=True)
        means = {"random": 0.0, "expert": 200.0, "zero": 7.0}
        (folder / "references.json").write_text(
            json.dumps({kind: {"mean": mean} for kind, mean in means.items()})
        )
    for seed, by_task in zip(plan.seeds, returns, strict=True):
        cell = (
            root
            / "07_model_output"
            / plan.suite_folder
            / plan.quality_folder
            / plan.cell
            / f"seed_{seed}"
        )
        cell.mkdir(parents=True, exist_ok=True)
        rows = [
            ("deployed", i + 1, value + d)
            for i, value in enumerate(by_task)
            for d in (-1.0, 1.0)
        ]
        rows += [("task", len(by_task), 1e6), ("zero_shot", len(by_task) + 1, 1e6)]
        table = pd.DataFrame(rows, columns=["policy", "task", "return"])
        table.sample(frac=1.0, random_state=0).to_parquet(
            cell / f"{plan.tasks[-1].name}_returns.parquet"
        )


def test_per_is_the_deployed_policys_normalised_mean_over_tasks_at_the_end(
    tmp_path: Path,
) -> None:
    plan = plan_of(
        "method=si,learners.si.penalty=100.0,suite=cheetah_vel_tuning,seeds=1000-1002"
    )
    finish(tmp_path, plan, [[100.0, 50.0, 0.0], [200.0, 200.0, -40.0], [100.0] * 3])
    assert tuning.per_by_seed(plan, tmp_path) == (25.0, 60.0, 50.0)


@pytest.fixture
def finished(
    tried: Cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Cells, dict[str, Outcome]]:
    """A grid in whose cells PER is 40 at `BEST`, 10 elsewhere; SI diverges there."""
    (tmp_path / "conf" / "test").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    cells = replace(tried, env="test")
    outcomes = {}
    for cell in cells.cells:
        value = value_in_force(cell.plan)
        outcomes[cell.name] = Outcome(cell.name, Status.DONE)
        if cell.plan.method == "si" and value == BEST:
            reason = (
                "Error: task 2: the losses of seed(s) [1001] are not finite at update"
                " 300; no checkpoint"
            )
            outcomes[cell.name] = Outcome(cell.name, Status.EXCUSED, reason=reason)
        else:
            finish(cells.root, cell.plan, [[80.0 if value == BEST else 20.0] * 3] * 3)
    return cells, outcomes


def test_what_tuning_writes_comes_into_force(
    finished: tuple[Cells, dict[str, Outcome]],
) -> None:
    cells, outcomes = finished
    text = tuning.report(cells, outcomes)
    path = Path("conf/test/tuned.yml")
    written = path.read_bytes()
    assert written.decode() in text
    assert written.startswith(b"# Written by `make tune`")
    document = yaml.safe_load(written)
    assert set(document) == {cell.plan.method for cell in cells.cells}
    assert document["ewc"]["parameters"] == {"learners": {"ewc": {"penalty": BEST}}}
    about = document["ewc"]["provenance"]
    assert (about["suite"], about["tasks"], about["seeds"]) == (
        "cheetah_vel_tuning",
        3,
        [1000, 1001, 1002],
    )
    assert about["option"] == "learners.ewc.penalty"
    assert about["values"] == {
        value: 40.0 if value == BEST else 10.0 for value in cells.grid.coefficient
    }
    assert about["per_seed"][BEST] == [40.0, 40.0, 40.0]
    assert document["oer"]["parameters"] == {
        "learners": {"er_dbc": {"replay_weight": BEST}}
    }

    si = document["si"]
    assert si["parameters"] == {
        "learners": {"si": {"penalty": 0.01}}
    }  # of equal ones the smallest
    assert si["provenance"]["values"][BEST] is None
    assert si["provenance"]["diverged"] == {
        BEST: "task 2: the losses of seed(s) [1001] are not finite at update 300"
    }

    methods = with_tuned(METHODS, document)
    assert value_in_force(plan_of("method=ewc", methods)) == BEST
    assert value_in_force(plan_of("method=oer", methods)) == BEST
    assert (
        value_in_force(plan_of("method=ewc,learners.ewc.penalty=3.0", methods)) == 3.0
    )

    tuning.report(cells, outcomes)
    assert path.read_bytes() == written


def test_tuning_some_methods_leaves_the_others_alone(
    finished: tuple[Cells, dict[str, Outcome]],
) -> None:
    cells, outcomes = finished
    before = {"gem": {"parameters": {"learners": {"gem": {"margin": 3.0}}}}}
    Path("conf/test/tuned.yml").write_text(yaml.safe_dump(before))
    some = tuple(cell for cell in cells.cells if cell.plan.method in ("ewc", "lwf"))
    part = replace(cells, cells=some, grid=cells.grid.part(methods=["ewc", "lwf"]))
    tuning.report(part, outcomes)
    document = yaml.safe_load(Path("conf/test/tuned.yml").read_text())
    assert set(document) == {"gem", "ewc", "lwf"}
    assert document["gem"] == before["gem"]
    assert document["ewc"]["parameters"] == {"learners": {"ewc": {"penalty": BEST}}}


def test_a_method_of_which_every_value_diverged_keeps_its_default() -> None:
    scores = {"ewc": [Score(value, (), "task 1: not finite") for value in (0.1, 10.0)]}
    entry = tuning.tuned(
        scores, {"ewc": "learners.ewc.penalty"}, plan_of("method=ewc"), ""
    )["ewc"]
    assert entry["parameters"] == {}
    assert set(entry["provenance"]["values"].values()) == {None}
    assert (
        plan_of("method=ewc", with_tuned(METHODS, {"ewc": entry})).parameters[
            "learners"
        ]["ewc"]["penalty"]
        == 1.0
    )


def test_a_suite_with_success_is_tuned_by_it(tmp_path: Path) -> None:
    suite = reach_suite()
    plan = replace(
        plan_of("method=er,suite=cheetah_vel_tuning,seeds=1000-1002"),
        suite=suite,
        tasks=suite.tasks,
    )
    finish(tmp_path, plan, [[0.0, 0.0, 0.0]] * 3)
    for seed, solved in zip(plan.seeds, ([1, 1, 0], [1, 0, 0], [0, 0, 0]), strict=True):
        own = Path(
            plan.suite_folder,
            plan.quality_folder,
            plan.cell,
            f"seed_{seed}",
            "task_3_returns.parquet",
        )
        path = tmp_path / "07_model_output" / own
        table = pd.read_parquet(path)
        flags = [
            task <= len(solved) and bool(solved[task - 1]) for task in table["task"]
        ]
        table.assign(success=flags).to_parquet(path)
    assert tuning.per_by_seed(plan, tmp_path) == (66.67, 33.33, 0.0)
    scores = {"er": [Score(value, (value,)) for value in (0.1, 1.0)]}
    assert (
        tuning.tuned(scores, {"er": "x.y.z"}, plan, "")["er"]["provenance"]["scale"]
        == "success"
    )
    assert (
        "scale"
        not in tuning.tuned(scores, {"er": "x.y.z"}, plan_of("method=er"), "")["er"][
            "provenance"
        ]
    )
