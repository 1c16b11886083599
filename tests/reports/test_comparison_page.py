"""The page of a comparison: everything that is asked of it, from plain data."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from oer_pipeline.reports.comparison_page import (
    MATRICES,
    Compared,
    comparison_page,
)
from oer_pipeline.reports.comparison_tables import (
    cost_table,
    data_table,
    pairs_table,
    standings_table,
    versions_table,
)
from oer_pipeline.reports.palette import SCALE
from oer_pipeline.reports.repeat import FILM

Make = Callable[..., dict[str, Any]]
HASHED = "er_random-df57e961a2"
TOLD = "learner.heads=single,learner.updates=100"
CARD = {
    "transitions": 20_000,
    "episodes": 100,
    "returns": {"mean": -50.0},
    "references": {"random": {"mean": -200.0}, "zero": {"mean": -100.0}},
    "versions": {"mujoco": "3.3.7"},
}
TIMES = {
    "task_1.train": {
        "0+1": {"seconds": 10.0, "cpu_seconds": 9.0},
        "2": {"seconds": 5.0, "cpu_seconds": 4.0},
    },
    "task_2.select": {"0+1+2": {"seconds": 2.0, "cpu_seconds": 1.0}},
    "task_2.evaluate": {"0+1+2": {"seconds": 3.0, "cpu_seconds": 2.0}},
}


@pytest.fixture
def compared(cell: Make) -> Compared:
    cells = [
        cell("oer", cell="oer-aaaaaaaaaa", buffers={0: [{"rows": 3, "walked": 2}]}),
        cell("er_random", 60.0, cell=HASHED),
    ]
    return Compared(
        cells,
        "comparison-compare=oer+er_random",
        {"oer-aaaaaaaaaa": TOLD, HASHED: TOLD},
        "cheetah",
        "medium",
        "test",
        {"run": CARD, "back": CARD},
        {"oer-aaaaaaaaaa": {"torch": "2.13.0"}, HASHED: {"torch": "2.12.0"}},
        {"run": "run", "back": "back"},
    )


def test_sections_stand_in_the_order_of_a_readers_questions(compared: Compared) -> None:
    html, _ = comparison_page(compared)
    assert re.findall("<h2>(.*?)</h2>", html) == [
        "What it comes to",
        "Performance and forgetting",
        "Methods by rank",
        "Return over the sequence",
        "Matrix R of return, all methods",
        "Forgetting per task, return",
        "Performance profiles",
        "Buffers",
        "The deployed policies at work",
        "Data",
        "Cost",
        "To repeat it",
        "Pages and files",
    ]


def test_names_are_short_and_what_is_shared_is_in_the_title(compared: Compared) -> None:
    html, markdown = comparison_page(compared)
    visible = re.sub(r'(href|src|data-film)="[^"]*"', "", html)
    assert "learner.heads=single; learner.updates=100" in visible
    assert visible.count(HASHED) == 1  # the folder, among the files at the end
    assert visible.index(HASHED) > visible.index("Pages and files")
    assert "er_random" in re.findall('"figures">(.*?)</script>', html)[0]
    assert markdown.startswith("# cheetah, medium: 2 methods\n\n2 tasks, seeds 0, 1, 2")


def test_links_lead_down_and_say_from_where(compared: Compared) -> None:
    html, _ = comparison_page(compared)
    found = re.findall(r'(?:href|src|data-film)="([^"]*)"', html)
    links = {unescape(link) for link in found}
    came = "#from=comparison-compare=oer+er_random"
    assert f"../{HASHED}/report.html{came}" in links
    assert "../oer-aaaaaaaaaa/projection.png" in links
    assert f"../{HASHED}/projection.png" not in links  # it keeps no buffer here
    assert f"../{HASHED}/{FILM}" in links
    assert "../../medium/data/run_card.html" in links
    models = f"../data/dynamics.html{came}"
    assert models in links
    beside = ("table.md", "report.md", "episodes.parquet", "comparison.png")
    assert links.issuperset(beside)
    assert not [link for link in links if link.startswith(("http", "/"))]


def test_commands_repeat_it(compared: Compared) -> None:
    _, markdown = comparison_page(compared)
    where = "suite=cheetah,quality=medium"
    for method in ("oer", "er_random"):
        told = f"{where},method={method},seeds=0-2,{TOLD}"
        assert f"    kedro run --env=test --params={told}\n" in markdown
    told = f"{where},seeds=0-2,{TOLD},compare=oer+er_random"
    assert f"--env=test --pipelines=comparison --params={told}\n" in markdown


def test_films_come_with_the_commands_that_draw_them(compared: Compared) -> None:
    html, markdown = comparison_page(compared)
    for cell, method in (("oer-aaaaaaaaaa", "oer"), (HASHED, "er_random")):
        told = f"suite=cheetah,quality=medium,method={method},seeds=0,{TOLD}"
        command = f"kedro film --env=test --params={told}"
        assert command in unescape(html)
        assert f"[{method}, seed 0](../{cell}/{FILM}), drawn by" in markdown
        assert f"\n    {command}\n" in markdown


def test_no_link_to_models_that_no_selector_walked_in(cell: Make) -> None:
    uniform = cell("er", buffers={0: [{"rows": 3, "walked": 0}]})
    known = {"cards": {"run": CARD}, "data": {"run": "run"}}
    bare = Compared([uniform], "comparison", {}, "s", "q", **known)
    html, _ = comparison_page(bare)
    assert "run_card.html" in html
    assert "dynamics.html" not in html


def test_the_markdown_shows_the_main_figure(compared: Compared) -> None:
    _, markdown = comparison_page(compared)
    assert re.search(
        r"## Performance and forgetting\n\n!\[.*\]\(comparison.png\)", markdown
    )
    assert "*(figure on [the page](comparison.html): " in markdown


def test_matrices_darken_where_less_is_left() -> None:
    least, most = plt.get_cmap(SCALE)([0.0, 1.0])[:, :3].mean(axis=1)
    assert least < most
    assert "darkens" in MATRICES


def test_success_stands_before_return(solving: Make) -> None:
    cells = [solving("er"), solving("oer", 80.0)]
    bare = Compared(cells, "comparison", {}, "s", "q")
    html, _ = comparison_page(bare)
    headings = re.findall("<h2>(.*?)</h2>", html)
    success = headings.index("Matrix R of success, all methods")
    assert success < headings.index("Matrix R of return, all methods")
    assert not {"Buffers", "Data"} & set(headings)


def test_one_task_has_nothing_to_forget(cell: Make) -> None:
    single = cell(tasks=["run"], matrices={0: [[-20.0]]}, fidelity=None)
    html, _ = comparison_page(Compared([single], "comparison", {}, "s", "q"))
    assert "Forgetting per task" not in html
    assert "seed" in html


def test_equal_input_gives_equal_pages(compared: Compared) -> None:
    assert comparison_page(compared) == comparison_page(replace(compared))


def test_the_short_table_ranks_and_compares_with_the_best(cell: Make) -> None:
    table = standings_table([cell("er", 60.0), cell()], {"oer": "oer.html"})
    assert table.sortable
    assert [row[0] for row in table.rows] == ["oer", "er"]
    assert table.rows[0][0].href == "oer.html"  # type: ignore[attr-defined]
    assert table.titles[-1] == "PER - oer's"
    assert [row[-1] for row in table.rows] == ["-", "-10.0\n[-10.0, -10.0]"]


def test_pairs_come_with_their_probabilities(cell: Make) -> None:
    table = pairs_table([cell("er", 60.0), cell()])
    assert table.rows == (("oer - er", "10.0\n[10.0, 10.0]", "< 0.001", "< 0.001"),)
    two = pairs_table([cell("er", 60.0, seeds=2), cell(seeds=2)])
    assert two.rows[0][2:] == ("-", "-")


def test_tables_rest_on_the_seeds_that_methods_share(cell: Make) -> None:
    """er's last three seeds are bad luck, which oer did not have."""
    matrices = {}
    for seed in range(6):
        lost = 80.0 if seed > 2 else 10.0
        matrices[seed] = np.array([[-20.0, np.nan], [-20.0 - lost - seed, -10.0]])
    er = cell("er", matrices=matrices, fidelity=None)
    cells = [cell("gem", 90.0, seeds=1), cell(), er]
    standings = standings_table(cells, {})
    assert [row[0] for row in standings.rows] == ["er", "oer", "gem"]
    assert standings.rows[0][1] == "87.2\n[86.6, 87.9]"
    assert standings.rows[1][-1].startswith("-2.")
    pairs = pairs_table(cells)
    assert [row[0] for row in pairs.rows] == ["er - oer", "er - gem", "oer - gem"]
    assert [row[2] == "-" for row in pairs.rows] == [False, True, True]


def test_costs_add_up_over_tasks_and_seeds(cell: Make) -> None:
    cells = [cell(), cell("er", 60.0)]
    table = cost_table(cells, {"oer": TIMES})
    assert table.titles[1:] == (
        "updates per seed",
        "parameters",
        "replay, kB",
        "training, s",
        "selection, s",
        "evaluation, s",
        "CPU, s",
        "trainings timed",
    )
    assert table.rows[0][4:] == ("15", "2", "3", "16", "1 of 2")
    assert table.rows[1][4:] == ("-",) * 5
    assert len(cost_table(cells, {}).titles) == 4


def test_a_shuffled_run_tells_which_data_its_tasks_have() -> None:
    cards = {"task_1": CARD, "task_2": {**CARD, "episodes": 7}}
    data = {"task_1": "task_2", "task_2": "task_1", "task_3": "task_1"}
    rows = data_table(data, cards, {"task_2": "card.html"}).rows
    titles = [row[0] for row in rows]
    assert titles[0] == "task_1 (in the suite task_2)"
    assert titles[0].href == "card.html"
    assert titles[1:] == [
        "task_2 (in the suite task_1)",
        "task_3 (in the suite task_1)",
    ]
    assert [row[2] for row in rows] == ["7", "100", "100"]


def test_data_and_versions_are_told() -> None:
    table = data_table({"run": "run"}, {"run": CARD}, {"run": "card.html"})
    assert table.titles[4:] == ("random policy", "doing nothing")
    assert table.rows[0] == ("run", "20,000", "100", "-50.0", "-200.0", "-100.0")
    made = versions_table({"a": {"torch": "1"}, "b": {"torch": "2"}}, {"run": CARD})
    assert made is not None
    assert made.rows == (("mujoco (data)", "3.3.7"), ("torch", "1, 2"))
    assert versions_table({}, {}) is None
