"""`make learners`: the numbers of its tables, and the page that holds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.metrics.report import Success, cell_metrics
from oer_pipeline.reports.document_blocks import rewrite, with_block
from oer_pipeline.reports.learners import METRICS, tuning_table
from oer_pipeline.reports.learners import learners_table as table_of
from oer_pipeline.studies import learners
from oer_pipeline.studies.grid_files import read

ROOT = Path(__file__).parents[2]
METHODS = yaml.safe_load((ROOT / "conf/base/methods.yml").read_text())
BASE = yaml.safe_load((ROOT / "conf/base/parameters.yml").read_text())
TASKS = ("task_1", "task_2")


def cell(
    method: str,
    ends: list[list[float]],
    name: str | None = None,
    success: Success | None = None,
) -> dict[str, Any]:
    """A cell of seeds 0, 1, ...: right after learning every task is at 60, at the end
    at `ends[seed]`; 100 kB."""
    matrices = {
        s: np.array([[60.0, np.nan], [first, second]])
        for s, (first, second) in enumerate(ends)
    }
    references = {task: {"random": 0.0, "expert": 200.0, "zero": 1.0} for task in TASKS}
    cost = {"updates": 10, "parameters": 12_345, "replay_bytes": 100_400}
    about = {
        "suite": "cheetah_vel_signed",
        "quality": "medium",
        "method": method,
        "cell": name or method,
    }
    ahead = {seed: [20.0] for seed in matrices}
    return cell_metrics(
        **about,
        tasks=TASKS,
        matrices=matrices,
        cost=cost,
        references=references,
        next_task_returns=ahead,
        success=success,
    )


CELLS = [
    cell("finetune", [[0.0, 60.0], [20.0, 80.0], [40.0, 100.0]]),
    cell("ewc", [[20.0, 60.0], [42.0, 80.0], [64.0, 100.0]]),
    cell("single_task", [[60.0, 60.0]] * 3),
]


def row(table: str, method: str) -> list[str]:
    [line] = [line for line in table.splitlines() if line.startswith(f"| {method} |")]
    return [part.strip() for part in line.strip("|").split("|")]


def test_a_row_holds_normalised_metrics_the_paired_difference_and_cost() -> None:
    table = table_of(CELLS, "finetune")
    titles = row(table, "method")
    assert titles == [
        "method",
        *METRICS.values(),
        "PER - finetune",
        "parameters",
        "replay kB",
    ]
    ewc = dict(zip(titles, row(table, "ewc"), strict=True))
    assert ewc["PER"].startswith("30.5 [")  # (20 + 60 + 42 + 80 + 64 + 100) / 6 / 2
    assert ewc["BWT (+ forgets)"].startswith("9.0 [")
    assert ewc["zero-shot"].startswith("10.0 [")
    assert ewc["forward transfer"].startswith(
        "5.0 ["
    )  # the second task ends at 60, 80, 100 against 60
    # Paired, the differences are 5.0, 5.5 and 6.0, and half a Student's t interval is
    # 4.303 * 0.5 / sqrt(3).
    assert ewc["PER - finetune"] == "5.5 [4.3, 6.7]"
    assert (ewc["parameters"], ewc["replay kB"]) == ("12,345", "100")
    assert row(table, "finetune")[7] == "-"
    order = [
        line.split("|")[1].strip()
        for line in table.splitlines()
        if line.startswith("| ")
    ]
    assert order == ["method", "---", "ewc", "single_task", "finetune"]
    assert "cheetah_vel_signed, medium, 2 tasks, seeds 0, 1, 2; normalised" in table


def test_a_learner_that_no_cell_is_of_cannot_be_the_reference() -> None:
    with pytest.raises(ConfigurationError, match=r"'finetun'; did you mean finetune"):
        table_of(CELLS, "finetun")


def entry(
    option: str, chosen: float | None, per_seed: dict[float, list[float]]
) -> dict[str, Any]:
    """A tuned method's document; a value without seeds has diverged."""
    group, learner, key = option.split(".")
    values = {
        v: sum(pers) / len(pers) if pers else None for v, pers in per_seed.items()
    }
    provenance = {
        "suite": "s",
        "tasks": 3,
        "quality": "medium",
        "seeds": [
            1000 + seed for seed in range(max(len(p) for p in per_seed.values()))
        ],
        "updates": 8000,
        "option": option,
        "values": values,
        "per_seed": {value: pers for value, pers in per_seed.items() if pers},
    }
    parameters = {} if chosen is None else {group: {learner: {key: chosen}}}
    return {"parameters": parameters, "provenance": provenance}


def test_the_tuned_table_marks_chosen_diverged_and_within_noise() -> None:
    best = [30.0, 40.0, 50.0]
    near, far = [29.0, 41.0, 48.0], [20.0, 29.0, 41.0]
    tuned = {
        "ewc": entry(
            "learners.ewc.penalty", 10.0, {0.1: far, 1.0: near, 10.0: best, 100.0: []}
        ),
        "lwf": entry(
            "learners.lwf.distillation_weight",
            0.1,
            {0.1: best, 1.0: far, 10.0: far, 100.0: []},
        ),
        "gem": entry(
            "learners.gem.margin", 1.0, {0.1: near, 1.0: best, 10.0: near, 100.0: near}
        ),
        "si": entry(
            "learners.si.penalty", None, {0.1: [], 1.0: [], 10.0: [], 100.0: best}
        ),
        "own": {"parameters": {}},
    }
    table = tuning_table(tuned)
    assert row(table, "method")[2:] == [
        "0.1",
        "1",
        "10",
        "100",
        "within noise of the best",
    ]
    assert row(table, "ewc")[1:] == [
        "`learners.ewc.penalty`",
        "30.0",
        "39.3",
        "**40.0**",
        "diverged",
        "1",
    ]
    assert row(table, "lwf")[2:] == [
        "**40.0**",
        "30.0",
        "30.0",
        "diverged",
        "none; at the grid's edge",
    ]
    assert row(table, "gem")[-1] == "all"
    assert row(table, "si")[2:] == [
        "diverged",
        "diverged",
        "diverged",
        "40.0",
        "all diverged",
    ]
    assert "| own |" not in table
    assert (
        "s, medium, 3 tasks, 8,000 updates per task, seeds 1000, 1001, 1002." in table
    )
    assert "make tune" in tuning_table({})


def test_methods_tuned_by_themselves_have_a_table_of_their_own() -> None:
    """Another size or other values can't stand in the columns of the first."""
    shorter = entry("learners.si.penalty", 1.0, {1.0: [50.0], 10.0: [40.0]})
    shorter["provenance"]["updates"] = 400
    same = entry("learners.ewc.penalty", 1.0, {1.0: [60.0], 10.0: [40.0]})
    other = entry("learners.gem.margin", 1.0, {1.0: [70.0], 100.0: [40.0]})
    lwf = entry("learners.lwf.distillation_weight", 10.0, {1.0: [1.0], 10.0: [80.0]})
    table = tuning_table({"si": shorter, "ewc": same, "gem": other, "lwf": lwf})
    first, second, third = table.split("PER on ")[1:]
    assert "400 updates" in first
    assert ("| si |" in first, "| ewc |" in first) == (True, False)
    assert "8,000 updates" in second
    assert row(second, "method")[2:4] == ["1", "10"]
    assert row(second, "ewc")[2:4] == ["**60.0**", "40.0"]
    assert row(second, "lwf")[2:4] == ["1.0", "**80.0**"]
    assert row(third, "method")[2:4] == ["1", "100"]
    assert row(third, "gem")[2] == "**70.0**"


def test_two_seeds_say_nothing_about_noise() -> None:
    table = tuning_table(
        {"ewc": entry("learners.ewc.penalty", 1.0, {1.0: [5.0, 6.0], 2.0: [1.0, 1.0]})}
    )
    assert row(table, "ewc")[-1] == "not known: too few seeds"


def test_only_what_stands_between_the_markers_changes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- table -->\nold\n<!-- /table -->\nbetween\n<!-- tuned --><!--"
        " /tuned -->\nafter\n"
    )
    rewrite(page, {"table": "| new |\n", "tuned": "none"})
    text = page.read_text()
    assert [
        part in text
        for part in ("before\n", "| new |", "\nbetween\n", "none", "after\n", "old")
    ] == [True] * 5 + [False]
    rewrite(page, {"table": "| new |\n", "tuned": "none"})
    assert page.read_text() == text
    with pytest.raises(DataError, match="<!-- lost -->"):
        rewrite(page, {"table": "x", "lost": "y"})
    assert page.read_text() == text
    with pytest.raises(DataError, match="each once"):
        with_block("<!-- a --><!-- /a --><!-- a -->", "a", "")


def test_the_tables_are_made_of_the_cells_documents(tmp_path: Path) -> None:
    for document in CELLS:
        folder = tmp_path / document["cell"]
        folder.mkdir()
        (folder / "metrics.json").write_text(json.dumps(document))
    blocks = learners.tables(tmp_path, ("finetune", "ewc", "single_task"), {})
    assert blocks["table"] == table_of(CELLS, "finetune")


def test_the_page_knows_every_method_and_learner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    told = read("learners", ROOT / "conf", None).page
    assert told is not None
    page = (ROOT / told).read_text()
    for block in ("table", "tuned"):
        with_block(page, block, "")
    assert [
        name for name in {*METHODS, *BASE["learners"]} if f"`{name}`" not in page
    ] == []
    options = {
        o
        for learner in BASE["learners"].values()
        for o in set(learner) - {"class", "later", "tuned"}
    }
    assert [option for option in options if option not in page] == []


def test_success_leads_with_returns_beside() -> None:
    def solving(method: str, kept: float) -> dict[str, Any]:
        ends = [[0.0, 60.0], [20.0, 80.0], [40.0, 100.0]]
        rates = {s: np.array([[100.0, np.nan], [kept, 80.0 + s]]) for s in range(3)}
        return cell(method, ends, success=Success(rates, {}))

    table = table_of([solving("finetune", 20.0), solving("er", 60.0)], "finetune")
    assert "success (% of episodes)." in table
    titles = row(table, "method")
    er = dict(zip(titles, row(table, "er"), strict=True))
    assert er["PER"] == "70.5 [69.3, 71.7]"
    assert er["PER, normalised return"].startswith("25.0 [")
    assert er["PER - finetune"] == "20.0 [20.0, 20.0]"
    assert table.index("| er |") < table.index("| finetune |")


def test_tuning_on_success_says_so() -> None:
    plain = entry("learners.er.replay_weight", 1.0, {1.0: [55.0, 60.0]})
    told = {**plain, "provenance": {**plain["provenance"], "scale": "success"}}
    assert tuning_table({"er": told}).startswith(
        "PER (success, %) on s, medium, 3 tasks,"
    )
    assert "success" not in tuning_table({"er": plain})
