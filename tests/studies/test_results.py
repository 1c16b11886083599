"""What grids came to is kept: the newer counts, other grids stay."""

from __future__ import annotations

import multiprocessing
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.orchestration.configuration import Configuration, configuration_of
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.studies import command, places, results
from oer_pipeline.studies.cells import Cells, cells_of
from oer_pipeline.studies.grid_files import from_config
from oer_pipeline.studies.jobs import Outcome, Status
from oer_pipeline.studies.kept_files import changing
from oer_pipeline.studies.results import (
    Result,
    added,
    conditions_of,
    kept,
    merged,
    planned,
    results_table,
    text_of_results,
)


def result(method: str, seed: int, per: float, **changed: Any) -> Result:
    told = {
        "grid": "mine",
        "regime": "ant_dir, medium",
        "method": method,
        "seed": seed,
        "recipe": "",
        "conditions": "",
        "tasks": 3,
        "updates": 16_000,
        "scale": "normalised",
        "data": None,
        "per": per,
        "plasticity": per + 1.0,
        "forgetting": None if method == "single_task" else 2.0,
        "commit": "0123456789",
        "date": "2026-11-27",
    }
    return Result(**(told | changed))


def finished_cells(*methods: str) -> Cells:
    """Of a grid at test size, in the project of the working directory."""
    told = {
        "suites": ["cheetah_vel_signed"],
        "qualities": ["medium"],
        "methods": list(methods),
    }
    return cells_of(from_config("mine", told), "", "test")


BEFORE = [
    result("er", 1, 50.0),
    result("er", 0, 40.0),
    result("single_task", 0, 90.0),
    result("er", 0, 70.0, grid="another"),
]


def test_a_file_keeps_them_to_the_last_digit(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    assert kept(file) == []
    third = result("er", 2, 100.0 / 3.0, data=200.0 / 3.0)
    file.write_text(text_of_results(merged(BEFORE, [])))
    assert kept(file) == merged([], BEFORE)
    file.write_text(text_of_results([third]))
    assert kept(file) == [third]


def test_a_file_from_before_the_datas_worth_was_kept_is_read(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    text = text_of_results([result("er", 2, 60.0)])
    file.write_text(text.replace(",data,", ",").replace("normalised,,", "normalised,"))
    assert kept(file) == [result("er", 2, 60.0)]


def test_a_grids_newer_results_take_the_place_of_its_older() -> None:
    now = [result("er", 0, 41.0), result("oer", 0, 60.0)]
    found = merged(BEFORE, now)
    assert found == [BEFORE[3], *now]
    assert merged([], list(reversed(found))) == found


def test_a_part_of_a_grid_adds_to_what_is_kept_of_it() -> None:
    now = [result("er", 0, 41.0), result("oer", 0, 60.0)]
    found = added(BEFORE, now)
    assert found == [BEFORE[3], now[0], BEFORE[0], now[1], BEFORE[2]]
    assert added([], list(reversed(found))) == found


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tasks": 5}, "not kept, 3 tasks, 16000 updates; now recipe new, 5 tasks"),
        ({"updates": 8}, "16000 updates; now recipe new, 3 tasks, 8 updates"),
    ],
)
def test_results_of_other_parameters_are_not_mixed(
    changed: dict[str, Any], words: str
) -> None:
    now = [result("er", 0, 41.0, recipe="new", **changed)]
    with pytest.raises(DataError, match=rf"er of grid mine .*seed 1, .*{words}"):
        added(BEFORE, now)
    whole = [*now, result("er", 1, 51.0, recipe="new", **changed)]
    cloned = [each for each in BEFORE if each.method == "er"]
    assert len(added(cloned, whole)) == 3
    other = [replace(each, seed=2, recipe="other") for each in now]
    with pytest.raises(DataError, match=r"recipe new, .*; now recipe other, "):
        added(whole, other)


@pytest.mark.parametrize("changed", [{"tasks": 5}, {"conditions": "others"}])
def test_methods_of_a_regime_are_made_under_the_same_conditions(
    changed: dict[str, Any],
) -> None:
    """Otherwise a study pairs them, order by order, as if sizes were equal."""
    before = [replace(each, conditions="these") for each in BEFORE]
    now = [result("oer", 0, 60.0, **({"conditions": "these"} | changed))]
    words = (
        r"er of grid mine on ant_dir, medium, seed 0, .* \(these, 3 tasks\) than oer"
    )
    with pytest.raises(DataError, match=words):
        added(before, now)
    elsewhere = [replace(each, regime="ant_dir, expert") for each in now]
    assert len(added(before, elsewhere)) == 5


def test_conditions_are_what_files_and_grid_say_whatever_the_method() -> None:
    configured = configuration_of(None)
    told = {
        "suites": ["cheetah_vel_signed", "ant_dir"],
        "qualities": ["medium", "expert"],
        "methods": ["er", "oer_bc"],
        "parameters": {"tasks": 2, "replay.size": [10, 30]},
    }
    plan = configured.plan({"method": "er"})

    def conditions(
        plan: Plan = plan, files: Configuration = configured, **parameters: Any
    ) -> str:
        changed = {**told["parameters"], **parameters}  # type: ignore[dict-item]
        grid = from_config("mine", {**told, "parameters": changed})
        return conditions_of(grid, plan, files)

    def files(**groups: Any) -> Configuration:
        changed = {}
        for group, values in groups.items():
            changed[group] = {**configured.parameters[group], **values}
        return configured._replace(parameters={**configured.parameters, **changed})

    these = conditions()
    assert conditions(configured.plan({"method": "oer_bc"})) == these
    suites = dict(configured.suites)
    suites["cheetah_vel_signed"] = {**suites["cheetah_vel_signed"], "horizon": 100}
    others = [
        conditions(tasks=3),
        conditions(**{"replay.size": 10}),
        conditions(configured.plan({"quality": "expert"})),
        conditions(configured.plan({"suite": "ant_dir"})),
        conditions(files=configured._replace(suites=suites)),
        conditions(files=files(learner={"updates": 77})),
        conditions(files=files(replay={"size": 77})),
    ]
    assert len({these, *others}) == 1 + len(others)
    # what no cell of the grid takes from the files does not count
    edited = files(learner={"name": "ewc", "updates": 77}, replay={"size": 77})
    fixed = {"replay.size": 10, "learner.updates": 9}
    assert conditions(files=edited, **fixed) == conditions(**fixed)


def test_the_commit_is_that_of_the_code_that_ran(
    finished: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of what was committed while a grid was at work for hours."""
    monkeypatch.chdir(finished.path)
    cells = finished_cells("oer")
    asked = [replace(each, commit="earlier") for each in planned(cells)]
    found = list(results.results_of(cells, {}, asked))
    assert {each.commit for each in found} == {"earlier"}


def test_a_recipe_has_what_results_hang_on_and_neither_order_nor_seed() -> None:
    told = {
        "suites": ["cheetah_vel_signed"],
        "qualities": ["medium"],
        "methods": ["er", "er_random"],
        "orders": "0-1",
    }

    def recipes(params: str) -> list[str]:
        cells = cells_of(from_config("mine", told), params, None)
        return [each.recipe for each in planned(cells)]

    er, er_again, er_random, er_random_again = recipes("tasks=5")
    assert er == er_again
    assert er_random == er_random_again
    assert er != er_random
    for other in ("tasks=4", "tasks=5,learner.alpha=1.0", "tasks=5,replay.size=30"):
        assert recipes(other)[0] != er
    assert recipes("tasks=5,learners.er.replay_weight=3")[0] != er
    assert recipes("tasks=5,learners.er.replay_weight=3")[2] == er_random
    assert recipes("tasks=5,checkpoint_seconds=7")[0] == er


def test_a_cell_that_was_excused_is_kept_without_values(
    finished: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished.path)
    cells = finished_cells("oer", "er")
    outcome = Outcome("er", Status.EXCUSED, 1.0, "diverged")
    found = list(results.results_of(cells, {"er": outcome}, planned(cells)))
    assert {each.method for each in found if each.per is None} == {"er"}
    assert {each.method for each in found if each.per is not None} == {"oer"}
    seeds = cells.cells[0].plan.seeds
    rows = results_table(found).splitlines()[2:]
    assert f"| {len(seeds)}, {len(seeds)} diverged |" in rows[1]
    assert rows[1].rstrip(" |").endswith("diverged")


def _add_one(file: Path) -> None:
    with changing(file):
        text = file.read_text()
        time.sleep(0.3)
        file.write_text(text + "x")


def test_grids_that_end_at_once_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reads, changes and writes the file while no other does."""
    monkeypatch.chdir(tmp_path)  # where the lock lies
    file = Path("results")
    file.write_text("")
    forked = multiprocessing.get_context("fork")
    both = [forked.Process(target=_add_one, args=(file,)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    assert [each.exitcode for each in both] == [0, 0]
    assert file.read_text() == "xx"


def test_a_file_of_another_form_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text(
        text_of_results(BEFORE).replace("normalised,,50.0", "normalised,,x")
    )
    with pytest.raises(DataError, match=r"results\.csv, line 2: no result: .*'x'"):
        kept(file)
    file.write_text("grid,method\nmine,er\n")
    with pytest.raises(DataError, match=r"line 2: no result: 'per'"):
        kept(file)


def test_the_table_has_a_row_per_cell_with_its_command() -> None:
    third = result("er", 2, 60.0)
    rows = results_table([*BEFORE[:3], third]).splitlines()[2:]
    assert len(rows) == 2
    er, alone = ([cell.strip() for cell in row.split("|")[1:-1]] for row in rows)
    assert er[:2] == ["ant_dir, medium", "er"]
    assert er[2:4] == ["`kedro grid mine --methods=er`", "2026-11-27, 0123456789"]
    assert er[4:7] == ["3", "3", "16,000"]
    assert re.fullmatch(r"50\.0 \[25\.2, 74\.8\] normalised", er[7])
    assert alone[1] == "single_task"


@pytest.mark.parametrize(
    "changed",
    [{"params": "learner.updates=10"}, {"env": "test"}],
)
def test_only_what_a_grids_file_says_is_recorded(changed: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="as the grid's file says"):
        command.run_grid("default", record=True, **changed)


def test_a_grid_without_metrics_is_not_recorded() -> None:
    with pytest.raises(ConfigurationError, match="through reporting"):
        command.run_grid("tuning", record=True)


def test_recording_reads_finished_cells(
    finished: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(finished.path)
    file = tmp_path / "results.csv"
    page = tmp_path / "page.md"
    page.write_text("# Page\n<!-- results -->\n<!-- /results -->\n")
    monkeypatch.setattr(results, "RESULTS", file)
    monkeypatch.setattr(results, "PAGE", page)
    cells = finished_cells("oer")
    [cell] = cells.cells
    results.record(cells, {}, planned(cells))
    document = places.metrics(cells.root, cell.plan)
    cards = [places.card(cells.root, cell.plan, task.name) for task in cell.plan.tasks]
    worth = [card["normalised_return"] for card in cards]
    assert [each.seed for each in kept(file)] == list(cell.plan.seeds)
    for each in kept(file):
        of_seed = document["per_seed"][str(each.seed)]
        assert each.per == of_seed["per_normalised"]
        assert each.data == pytest.approx(np.mean(worth))
        assert each.forgetting == of_seed["forgetting_normalised"]
        assert (each.regime, each.method) == ("cheetah_vel_signed, medium", "oer")
    assert "`kedro grid mine --methods=oer`" in page.read_text()
    other = result("er", 0, 50.0)
    file.write_text(text_of_results([other]))
    part = replace(cells, grid=replace(cells.grid, is_part=True))
    results.record(part, {}, planned(part))
    assert [each.method for each in kept(file)] == [
        "er",
        *["oer"] * len(cell.plan.seeds),
    ]
    results.record(cells, {}, planned(cells))
    assert {each.method for each in kept(file)} == {"oer"}
