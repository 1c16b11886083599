"""A study's report: what it counts, keeps and says of claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.orchestration.configuration import configuration_of
from oer_pipeline.studies.cells import cells_of
from oer_pipeline.studies.claims import (
    Judgement,
    claims_picture,
    claims_table,
    judgements,
    primary_claims,
)
from oer_pipeline.studies.grid_files import from_config
from oer_pipeline.studies.grids import Claim, Grid
from oer_pipeline.studies.qualification import qualifications, regimes_table
from oer_pipeline.studies.results import RESULTS, Result, kept
from oer_pipeline.studies.study import (
    blocks_of,
    check,
    methods_picture,
    methods_table,
    study_grids,
)
from oer_pipeline.suites.suite import Suite
from tests.studies.test_results import result as result_of_grid

REGIME = "continual_world_10, expert, size=30"
NAMED = f"a: {REGIME}"
"""With the grid's name, which the tables have too."""
ROOT = Path(__file__).parents[2]
METHODS = ("finetune", "er_random", "oer", "er_everything", "single_task")


def result(method: str, order: int, per: float, **changed: Any) -> Result:
    """Of a study on Continual World."""
    told = {
        "grid": "study_a",
        "regime": REGIME,
        "tasks": 10,
        "updates": 4000,
        "scale": "success",
    }
    return result_of_grid(method, order, per, **(told | changed))


def study(spread: float = 0.5, **means: float) -> list[Result]:
    """Eight orders, whose own difficulty all methods share, and noise."""
    noise = np.random.default_rng(0)
    hard = noise.normal(0.0, 10.0, 8)
    found = []
    for method, mean in means.items():
        for order in range(8):
            per = mean + hard[order] + noise.normal(0.0, spread)
            found.append(result(method, order, float(per)))
    return found


def grid_of(*claims: Claim) -> Grid:
    told = {
        "suites": ["continual_world_10"],
        "qualities": ["expert"],
        "methods": list(METHODS),
        "orders": "0-7",
        "claims": [vars(claim) for claim in claims],
    }
    return from_config("study_a", told)


def judged(found: list[Result], *claims: Claim) -> list[list[str]]:
    """The rows of the claims' table."""
    grids = [grid_of(*claims)]
    return rows_of(claims_table(judgements(found, grids)))


AHEAD = Claim("MBES keeps more than uniform", "per", "oer", "er_random")
EVEN = Claim("a copy is as good as itself", "per", "single_task", "er_random")


def rows_of(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def p_value(shown: str) -> float:
    return float(shown.removeprefix("< "))


def test_differences_are_paired_by_order() -> None:
    """A difference of 2 shows beside orders that differ by 10."""
    found = study(er_random=50.0, oer=52.0)
    [row] = judged(found, AHEAD)
    assert row[:3] == [AHEAD.says, NAMED, "per, oer - er_random"]
    assert row[3] == "8"
    assert float(row[4].split()[0]) == pytest.approx(2.0, abs=0.6)
    assert p_value(row[5]) < 0.001
    assert row[7] == "supported"
    assert 0.0 < float(row[8]) < 2.0
    [row] = judged(study(er_random=52.0, oer=50.0), AHEAD)
    assert row[7] == "refuted"


def test_who_forgets_less_is_ahead() -> None:
    found = [
        result(method, order, 50.0, forgetting=forgotten + order)
        for method, forgotten in (("oer", 3.0), ("er_random", 8.0))
        for order in range(8)
    ]
    claim = Claim("MBES forgets less", "forgetting", "oer", "er_random")
    [row] = judged(found, claim)
    assert row[2] == "forgetting, er_random - oer"
    assert row[4].startswith("5.0")
    assert row[7] == "supported"


def test_claims_of_all_grids_are_corrected_together_run_or_not() -> None:
    found = study(3.0, er_random=50.0, oer=52.0)
    alone = judged(found, AHEAD)
    grids = [grid_of(AHEAD), replace(grid_of(AHEAD), name="study_b")]
    assert primary_claims(grids) == 2
    other = [replace(each, grid="study_b") for each in found]
    for results in (found, [*found, *other]):
        rows = rows_of(claims_table(judgements(results, grids)))
        assert [row[1] for row in rows] == [NAMED, f"b: {REGIME}"][: len(rows)]
        first, *_ = judgements(results, grids)
        assert first.corrected == pytest.approx(2.0 * first.p_value)
        assert float(rows[0][8]) > float(alone[0][8])
    uniform = [each for each in found if each.method == "er_random"]
    copies = [replace(each, method="single_task") for each in uniform]
    [_, even] = judged([*found, *copies], AHEAD, EVEN)
    assert even[5:8] == ["1.0000", "1.0000", "undecided"]


def test_each_value_of_a_parameter_is_a_regime_with_all_claims() -> None:
    beside = replace(AHEAD, secondary=True)
    grid = replace(
        grid_of(AHEAD, EVEN, beside),
        qualities=("expert", "medium"),
        parameters={"replay.size": (10, 30, 100), "tasks": (10,)},
    )
    assert primary_claims([grid]) == 2 * 2 * 3


def test_a_claim_is_not_judged_before_all_orders_were_run() -> None:
    found = study(er_random=50.0, oer=60.0)
    five = [each for each in found if each.seed < 5]
    [row] = judged(five, AHEAD)
    assert row[3] == "5"
    assert row[7] == "not finished"
    assert p_value(row[5]) < 0.001
    assert row[6] == "1.0000"


def test_a_claim_that_is_not_finished_helps_no_other_one() -> None:
    """With its interim p-value it would take a rank, and could leave it again."""
    found = study(3.0, er_random=50.0, oer=52.0)
    grids = [grid_of(AHEAD), replace(grid_of(AHEAD), name="study_b")]
    clear = study(0.1, er_random=50.0, oer=60.0)
    four = [replace(each, grid="study_b") for each in clear if each.seed < 4]
    alone, beside = (judgements(kept, grids)[0] for kept in (found, [*found, *four]))
    assert alone.corrected == beside.corrected
    assert alone.corrected == pytest.approx(2.0 * alone.p_value)


def test_an_order_on_which_training_diverged_is_worth_nothing() -> None:
    """It is neither left out, which would flatter the method, nor hidden."""
    found = study(er_random=50.0, oer=60.0)
    diverged = [
        replace(each, per=None, plasticity=None, forgetting=None)
        if each.method == "oer" and each.seed == 7
        else each
        for each in found
    ]
    [test] = judgements(diverged, [grid_of(AHEAD)])
    [uniform] = [e.per for e in found if e.method == "er_random" and e.seed == 7]
    assert uniform is not None
    assert test.differences[7] == 0.0 - uniform
    assert test.verdict == "undecided"
    [row] = judged(diverged, AHEAD)
    assert row[3] == "8, 1 diverged"
    rows = rows_of(methods_table(diverged))
    assert {row[1]: row[-1] for row in rows} == {
        "er_random": "8",
        "oer": "8, 1 diverged",
    }
    raw = [replace(each, scale="raw") for each in diverged]
    [test] = judgements(raw, [grid_of(AHEAD)])
    assert (len(test.differences), test.orders, test.diverged) == (7, 8, 1)


def test_no_method_is_ahead_by_diverging() -> None:
    """Where the other one is worse than random actions."""
    bad = study(er_random=-30.0)
    lost = [replace(each, method="oer", per=None, plasticity=None) for each in bad]
    [test] = judgements([*bad, *lost], [grid_of(AHEAD)])
    worst = [min(0.0, each.per or 0.0) for each in bad]
    expected = [low - (e.per or 0.0) for low, e in zip(worst, bad, strict=True)]
    assert list(test.differences) == expected
    assert test.verdict != "supported"


def test_a_part_without_a_page_is_judged_by_the_whole_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "conf/base/grids"
    conf.mkdir(parents=True)
    told: dict[str, Any] = {
        "suites": ["continual_world_10"],
        "qualities": ["expert"],
        "methods": list(METHODS),
        "orders": "0-7",
        "report": "study",
        "claims": [vars(AHEAD)],
    }
    for name in ("study_a", "study_b"):
        (conf / f"{name}.yml").write_text(yaml.safe_dump(told))
    monkeypatch.chdir(tmp_path)
    grids = study_grids(None)
    assert [grid.name for grid in grids] == ["study_a", "study_b"]
    half = [e for e in study(0.1, er_random=50.0, oer=60.0) if e.seed < 4]
    [test] = judgements(half, grids)
    assert test.verdict == "not finished"
    assert primary_claims(grids) == 2
    (conf / "study_b.yml").write_text(yaml.safe_dump(told | {"order": "0-7"}))
    with pytest.raises(ConfigurationError, match="study_b: unknown key 'order'"):
        study_grids(None)


def test_a_diverged_order_has_no_metric_that_its_method_lacks() -> None:
    """All tasks at once have no plasticity."""
    found = [replace(each, plasticity=None) for each in study(multitask=80.0)]
    found[3] = replace(found[3], per=None, forgetting=None)
    [row] = rows_of(methods_table(found))
    assert row[3] == "-"
    assert row[-1] == "8, 1 diverged"


def test_an_interval_of_success_ends_at_100() -> None:
    [row] = rows_of(methods_table(study(5.0, single_task=97.0)))
    low, high = row[2].split("[")[1].rstrip("]").split(", ")
    assert float(low) < 97.0
    assert float(high) == 100.0


def test_a_method_all_of_whose_orders_diverged_is_the_last() -> None:
    found = study(er_random=50.0)
    lost = [replace(each, method="oer", per=None, plasticity=None) for each in found]
    rows = rows_of(methods_table([*lost, *found]))
    assert [row[1] for row in rows] == ["er_random", "oer"]
    assert rows[1][2:4] == ["0.0 [0.0, 0.0]", "0.0 [0.0, 0.0]"]
    assert rows[1][5] == "8, 8 diverged"


def test_a_regime_is_judged_on_orders_that_all_methods_have() -> None:
    """Parts of a grid may have any orders, also none in common."""
    found = study(single_task=90.0, finetune=30.0, er_everything=80.0, er_random=60.0)
    first = [each for each in found if each.seed < 4 or each.method != "er_everything"]
    last = [each for each in first if each.seed >= 4 or each.method != "er_random"]
    [row] = rows_of(regimes_table(qualifications(last, [grid_of()])))
    assert row[2:6] == ["-"] * 4
    assert row[6:] == ["0", "too few orders of all four yet"]
    [row] = rows_of(regimes_table(qualifications(first, [grid_of()])))
    four = [e.per for e in found if e.seed < 4 and e.method == "finetune"]
    assert row[3] == f"{np.mean(four):.1f}"


def test_a_grid_without_the_methods_by_which_regimes_qualify_is_not_judged() -> None:
    small = replace(grid_of(AHEAD), methods=("er_random", "oer"))
    found = study(er_random=50.0, oer=60.0)
    assert rows_of(regimes_table(qualifications(found, [small]))) == []


def test_a_secondary_claim_is_no_burden_to_the_others() -> None:
    found = study(3.0, er_random=50.0, oer=52.0)
    beside = Claim("looked at", "per", "oer", "er_random", secondary=True)
    alone = judged(found, AHEAD)
    both = judged(found, beside, AHEAD)
    assert both[0] == alone[0]
    assert both[1][0] == "looked at"
    assert both[1][5] == alone[0][5]
    assert both[1][6:8] == ["-", "secondary"]


def test_what_two_units_say_is_no_test() -> None:
    few = [r for r in study(er_random=50.0, oer=60.0) if r.seed < 2]
    assert judged(few, AHEAD) == []
    assert Judgement(AHEAD, REGIME, (1.0, 2.0), 0.01, 0.05).verdict == "undecided"


def test_regimes_are_judged_together_and_drawn() -> None:
    found = study(er_random=50.0, oer=52.0, er_everything=51.0)
    other = [replace(each, grid="study_b", per=-(each.per or 0.0)) for each in found]
    beside = Claim("looked at", "per", "er_everything", "er_random", secondary=True)
    grids = [grid_of(beside, AHEAD), replace(grid_of(beside, AHEAD), name="study_b")]
    tests = judgements([*found, *other], grids)
    assert [(test.claim.says, test.regime, test.verdict) for test in tests] == [
        (AHEAD.says, NAMED, "supported"),
        (AHEAD.says, f"b: {REGIME}", "refuted"),
        (beside.says, NAMED, "secondary"),
        (beside.says, f"b: {REGIME}", "secondary"),
    ]
    assert claims_picture(tests).startswith(b"\x89PNG")


def test_methods_are_drawn_those_without_a_result_too() -> None:
    found = study(er_random=50.0, oer=52.0)
    for order in range(8):
        found.append(result("multitask", order, 60.0, plasticity=None))
        fallen = result("finetune", order, 0.0, plasticity=None)
        found.append(replace(fallen, per=None))
    assert methods_picture(found).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "yes"),
        ({"single_task": 79.0}, "no: single_task is below 80"),
        ({"finetune": 50.0}, "no: finetune keeps over half"),
        ({"er_everything": 63.0}, "no: all data are "),
        ({"er_everything": None}, "too few orders of all four yet"),
    ],
)
def test_a_regime_qualifies_where_selection_can_matter(
    changed: dict[str, Any], words: str
) -> None:
    means: dict[str, Any] = {
        "single_task": 90.0,
        "finetune": 30.0,
        "er_everything": 80.0,
        "er_random": 60.0,
    }
    means |= changed
    found = study(**{name: mean for name, mean in means.items() if mean is not None})
    level = [r for r in found if r.method != "single_task"]
    alone = [result("single_task", n, means["single_task"]) for n in range(8)]
    [row] = rows_of(regimes_table(qualifications([*level, *alone], [grid_of()])))
    assert row[0] == NAMED
    assert row[-1].startswith(words)


def test_a_regime_is_not_judged_by_two_orders() -> None:
    """Their spread is not known, whatever their means are."""
    means = {"finetune": 20.0, "er_everything": 80.0, "er_random": 40.0}
    found = study(**means, single_task=95.0)
    begun = [each for each in found if each.seed < 2]
    [row] = rows_of(regimes_table(qualifications(begun, [grid_of()])))
    assert row[-2:] == ["2", "too few orders of all four yet"]


def test_to_reach_the_datas_own_worth_is_enough() -> None:
    """Networks of their own can't be asked for 80 where the data are worth 55."""
    means = {"finetune": 20.0, "er_everything": 55.0, "er_random": 40.0}
    found = [*study(**means), *study(single_task=60.0)]
    assert (
        rows_of(regimes_table(qualifications(found, [grid_of()])))[0][-1]
        == "no: single_task is below 80"
    )
    for data, words in ((55.0, "yes"), (75.0, "no: single_task is below 75")):
        known = [replace(each, data=data) for each in found]
        [row] = rows_of(regimes_table(qualifications(known, [grid_of()])))
        assert row[1] == f"{data:.1f}"
        assert row[-1] == words


def test_grids_of_one_suite_are_regimes_of_their_own() -> None:
    """One may have a single head, which their common name does not say."""
    one = study(er_random=50.0)
    other = [replace(e, grid="study_b", per=(e.per or 0.0) + 20.0) for e in one]
    rows = rows_of(methods_table([*one, *other]))
    assert [row[0] for row in rows] == [NAMED, f"b: {REGIME}"]
    assert float(rows[1][2].split()[0]) == float(rows[0][2].split()[0]) + 20.0


def test_methods_stand_by_what_they_keep() -> None:
    rows = rows_of(methods_table(study(finetune=30.0, single_task=90.0, oer=50.0)))
    assert [row[1] for row in rows] == ["single_task", "oer", "finetune"]
    assert rows[0][4] == "-"
    assert {row[-1] for row in rows} == {"8"}


@pytest.mark.slow
def test_a_study_from_roll_outs_to_claims(project: Any) -> None:
    """At test size: three orders of two tasks, each a cell by itself."""
    from tests.studies.test_command import grid as kedro_grid

    told = {
        "suites": ["cheetah_vel_signed"],
        "qualities": ["medium"],
        "methods": ["finetune", "er_random", "er_everything"],
        "parameters": {
            "tasks": 2,
            "learner.base": "bc",
            "learners.er_dbc.replay_weight": 10,
        },
        "orders": "0-2",
        "report": "study",
        "page": "docs/study.md",
        "claims": [
            {
                "says": "all data keep more than some",
                "metric": "per",
                "of": "er_everything",
                "beside": "er_random",
            }
        ],
    }
    (project.path / "conf/base/grids/study_mine.yml").write_text(yaml.safe_dump(told))
    page = project.path / "docs/study.md"
    page.parent.mkdir()
    names = ("regimes", "methods", "claims")
    page.write_text("\n".join(f"<!-- {name} -->\n<!-- /{name} -->" for name in names))
    done = kedro_grid(project, "study_mine", "--env=test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all data keep more than some" in done.stdout
    assert "er_everything - er_random" in done.stdout
    assert "all data" not in page.read_text()  # of another size than the file's
    everything = sorted(
        project.path.rglob("er_everything*/seed_*/task_1_buffer.parquet")
    )
    assert len(everything) == 3


def test_every_order_of_the_committed_study_is_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two units with one order of tasks would not be independent."""
    monkeypatch.chdir(ROOT)
    configured = configuration_of(None)
    for grid in study_grids(None):
        [tasks] = grid.parameters["tasks"]
        for name in grid.suites:
            suite = Suite.from_config(name, configured.suites[name])
            orders = set()
            for seed in grid.orders:
                sequence = suite.sequence(tasks, seed)
                orders.add(tuple(task.key for task in sequence))
            assert len(orders) == len(grid.orders), (grid.name, name)


def test_orders_that_come_out_the_same_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On these suites 0 and 2 happen to be one order."""
    monkeypatch.chdir(ROOT)
    told = {
        "suites": ["cheetah_vel_signed"],
        "qualities": ["medium"],
        "methods": ["finetune", "single_task"],
        "parameters": {"tasks": 5},
        "report": "study",
    }
    check(cells_of(from_config("study_a", {**told, "orders": "8-15"}), "", None))
    wrong = from_config("study_a", {**told, "orders": "0-2"})
    with pytest.raises(
        ConfigurationError,
        match="grid study_a: orders 0 and 2 of cheetah_vel_signed are the same one, t",
    ):
        check(cells_of(wrong, "", None))
    check(cells_of(wrong, "learner.updates=10", None))
    without = from_config("study_a", told)
    with pytest.raises(ConfigurationError, match="grid study_a: orders are missing"):
        check(cells_of(without, "", None))


def test_the_committed_page_is_what_the_kept_results_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    grids = study_grids(None)
    names = {grid.name for grid in grids}
    found = [result for result in kept(RESULTS) if result.grid in names]
    page = (ROOT / "docs/study.md").read_text()
    assert found
    for block in blocks_of(found, grids, judgements(found, grids)).values():
        assert block.strip() in page


def test_the_results_that_are_committed_are_of_grids_that_are_there() -> None:
    grids = {result.grid for result in kept(ROOT / "docs/results/results.csv")}
    assert grids
    for name in grids:
        assert (ROOT / f"conf/base/grids/{name}.yml").is_file()
