"""Small golden tables of metrics."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from oer_pipeline.common.errors import ConfigurationError, DataError
from oer_pipeline.metrics.fidelity import Fidelity
from oer_pipeline.reports.cell_metrics import estimate
from oer_pipeline.reports.tables import cell_table, comparison_table

Make = Callable[..., dict[str, Any]]

TEXT = """\
method                    PER           BWT      plasticity    forgetting        visits        buffer
                                (+ forgets)                                   to buffer     to visits
-----------------------------------------------------------------------------------------------------
normalised:
oer                      84.5          10.0            89.5          10.0          0.50          0.25
                 [83.3, 85.7]  [10.0, 10.0]    [88.3, 90.7]  [10.0, 10.0]  [0.50, 0.50]  [0.25, 0.25]
finetune           49.5, 49.0    80.0, 80.0      89.5, 89.0    80.0, 80.0             -             -
doing nothing            25.0             -               -             -             -             -
"""  # noqa: E501

MARKDOWN = """\
| method | scale | PER | BWT (+ forgets) | plasticity | forgetting |
| --- | --- | ---: | ---: | ---: | ---: |
| fine\\|tune | raw | -25.0 | 20.0 | -15.0 | 20.0 |
| fine\\|tune, seed 0 | raw | -25.0 | 20.0 | -15.0 | 20.0 |

"""


def rows(table: Any) -> dict[tuple[str, str], tuple[str, ...]]:
    return {row[:2]: row[2:] for row in table.rows}


def test_terminal_text(cell: Make) -> None:
    matrices = {
        s: np.array([[-20.0 - 2 * s, np.nan], [-180.0 - 2 * s, -11.0]])
        for s in range(2)
    }
    finetune = cell("finetune", seeds=2, fidelity=None, matrices=matrices)
    text = comparison_table([finetune, cell()]).text()
    assert text.startswith(TEXT)


def test_terminal_columns_are_aligned_and_fit(cell: Make) -> None:
    lines = (
        comparison_table([cell("finetune", 160.0), cell()], "finetune")
        .text()
        .split("\n")
    )
    rule = lines[2]
    table = lines[: max(n for n, line in enumerate(lines) if line == rule)]
    assert set(rule) == {"-"}
    assert max(map(len, table)) == len(rule) <= 132
    ends = {line.rfind("]") for line in table if line.rstrip().endswith("]")}
    assert ends == {len(rule) - 1}


def test_markdown(cell: Make) -> None:
    table = cell_table(
        cell("fine|tune", seeds=1, references=None, fidelity=None)
    ).markdown()
    assert table.startswith(MARKDOWN)
    assert "normalised" not in table
    assert table.count("\n- **") == 4 + 4


def test_every_column_is_explained_in_one_line(cell: Make) -> None:
    table = cell_table(cell())
    explained = dict(table.notes)
    assert set(table.titles[2:]) < set(explained)
    assert not [text for text in explained.values() if "\n" in text]


def test_html_holds_the_same_rows_escaped_and_a_body_per_scale(cell: Make) -> None:
    html = comparison_table([cell("<b>"), cell("finetune", 160.0)]).html()
    names = re.findall(r'<tr><th scope="row">(.*?)</th>', html)
    assert names == 2 * ["&lt;b&gt;", "finetune", "doing nothing"]
    assert html.count("<tbody>") == 2


def test_methods_are_ranked_by_per(cell: Make) -> None:
    table = comparison_table(
        [cell("worst", 160.0), cell("best", 0.0), cell("middle", 20.0)]
    )
    assert [row[0] for row in table.rows if row[1] == "raw"] == [
        "best",
        "middle",
        "worst",
        "doing nothing",
    ]


def test_paired_differences_use_common_seeds(cell: Make) -> None:
    found = rows(
        comparison_table(
            [cell("oer", 20.0, seeds=5), cell("finetune", 60.0, seeds=3)], "finetune"
        )
    )
    difference = found["oer - finetune", "normalised, paired by seed"]
    assert difference[:2] == (
        "10.0\n[10.0, 10.0]",
        "-20.0\n[-20.0, -20.0]",
    )  # no spread: it is common to both
    assert difference[4] == "0.00\n[0.00, 0.00]"


def test_cell_table_lists_every_seed(cell: Make) -> None:
    found = rows(cell_table(cell()))
    assert [found[f"oer, seed {s}", "raw"][0] for s in range(3)] == [
        "-25.0",
        "-26.0",
        "-27.0",
    ]
    assert found["doing nothing", "normalised"][0] == "25.0"


def test_one_task_has_dashes(cell: Make) -> None:
    single = cell(tasks=["run"], matrices={0: np.array([[-20.0]])}, fidelity=None)
    assert rows(cell_table(single))["oer", "normalised"] == ("90.0", "-", "90.0", "-")


def test_a_cell_without_references_is_compared_raw(cell: Make) -> None:
    found = rows(comparison_table([cell("a"), cell("b", references=None)], "a"))
    assert set(found["b", "normalised"][:4]) == {"-"}
    assert ("b - a", "raw, paired by seed") in found


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"suite": "ant"}, "suite is cheetah and ant"),
        ({"quality": "expert"}, "quality is medium and expert"),
        ({"cell": "oer"}, "names have to differ"),
        (
            {
                "references": {
                    t: {"random": -1.0, "expert": 0.0} for t in ("run", "back")
                }
            },
            "different references",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(
    cell: Make, change: dict[str, Any], named: str
) -> None:
    with pytest.raises(DataError, match=named):
        comparison_table([cell("oer"), cell("other", **change)])


def test_an_unknown_reference_is_refused(cell: Make) -> None:
    with pytest.raises(ConfigurationError, match="did you mean oer"):
        comparison_table([cell("oer")], reference="oerr")
    with pytest.raises(DataError, match="no cells"):
        comparison_table([])


def shown(table: Any, column: str) -> dict[tuple[str, str], str]:
    place = table.titles.index(column)
    return {row[:2]: row[place] for row in table.rows}


def test_forward_transfer_is_paired_with_the_single_task_cell(cell: Make) -> None:
    alone = {s: np.array([[-40.0, np.nan], [-40.0, -10.0 - s]]) for s in range(2)}
    cells = [cell("oer"), cell("single_task", matrices=alone, fidelity=None)]
    found = shown(comparison_table(cells, "oer"), "forward\ntransfer")
    assert (
        found["oer", "raw"] == "10.0, 9.5"
    )  # ((-20 - 2 s) - -40 + -10 - (-10 - s)) / 2 for seeds 0 and 1
    assert found["oer", "normalised"] == "5.0, 5.0"
    assert found["single_task", "raw"] == "-"
    assert found["single_task - oer", "normalised, paired by seed"] == "-"
    assert "forward\ntransfer" not in comparison_table([cell("oer")]).titles


def test_zero_shot_is_a_column_where_it_was_measured(cell: Make) -> None:
    cells = [
        cell("oer", next_task_returns={s: [-90.0 - s] for s in range(3)}),
        cell("multitask"),
    ]
    found = shown(comparison_table(cells), "zero\nshot")
    assert found["oer", "raw"].startswith("9.0\n[")
    assert found["oer", "normalised"].startswith("9.0\n[")
    assert found["multitask", "raw"] == "-"
    assert "zero\nshot" not in comparison_table([cell("oer")]).titles


def test_the_brief_form_has_one_scale_and_fits_a_terminal_with_fifteen_methods(
    cell: Make,
) -> None:
    ahead = {s: [-90.0 - s] for s in range(3)}
    alone = cell("single_task", next_task_returns=ahead)
    cells = [
        alone,
        *(
            cell(f"a_long_name_{n}", 20.0 + 5 * n, next_task_returns=ahead)
            for n in range(14)
        ),
    ]
    brief = comparison_table(cells, "single_task", brief=True)
    assert not {"zero\nshot", "forward\ntransfer"} & set(brief.titles)
    assert {row[1] for row in brief.rows} == {
        "normalised",
        "normalised, paired by seed",
    }
    assert len(brief.rows) == 15 + 1 + 14
    assert (
        max(len(line) for line in brief.text().splitlines() if set(line) == {"-"})
        <= 132
    )
    assert "table.md" in dict(brief.notes)["in full"]


def test_a_learner_of_all_tasks_at_once_has_per_alone(cell: Make) -> None:
    multitask = cell(
        "multitask",
        matrices={0: np.array([[np.nan, np.nan], [-20.0, -10.0]])},
        fidelity=None,
    )
    found = rows(comparison_table([cell("oer"), multitask, cell("single_task")], "oer"))
    assert found["multitask", "raw"] == ("-15.0", "-", "-", "-", "-", "-", "-")
    assert found["multitask - oer", "normalised, paired by seed"][0] == "5.0"


def test_success_leads_and_returns_stand_beside(solving: Make) -> None:
    table = cell_table(solving())
    assert list(dict.fromkeys(row[1] for row in table.rows)) == [
        "success (%)",
        "normalised",
        "raw",
    ]
    found = rows(table)
    assert (
        found["oer", "success (%)"][0] == "75.5\n[74.3, 76.7]"
    )  # (60 + 90) / 2 and half a point a seed
    assert found["oer, seed 2", "success (%)"][:2] == ("76.0", "30.0")
    assert found["doing nothing", "success (%)"][0] == "5.0"
    without = rows(cell_table(solving(success=None)))
    assert found["oer", "normalised"][:4] == without["oer", "normalised"][:4]
    notes = dict(table.notes)
    assert "some step solved the task" in notes["success (%)"]
    assert "normalised" in notes
    assert table.html().count("<tbody>") == 3
    assert table.html().index("success (%)") < table.html().index("normalised")


def test_methods_are_ranked_by_success_where_all_have_it(
    solving: Make, cell: Make
) -> None:
    able = solving("able", 80.0, lost=160.0)  # worse in return
    cells = [solving("er", 20.0, lost=0.0), able]
    table = comparison_table(cells, "er")
    assert [row[0] for row in table.rows if row[1] == "raw"] == [
        "able",
        "er",
        "doing nothing",
    ]
    found = rows(table)
    assert found["able - er", "success (%), paired by seed"][0] == "30.0\n[30.0, 30.0]"
    mixed = comparison_table([*cells, cell("before", 20.0)], "er")
    assert [row[0] for row in mixed.rows if row[1] == "raw"] == [
        "er",
        "before",
        "able",
        "doing nothing",
    ]
    assert rows(mixed)["before", "success (%)"][0] == "-"
    assert ("able - er", "normalised, paired by seed") in rows(mixed)


def test_transfer_is_told_in_success_too(solving: Make) -> None:
    alone = solving("single_task", 90.0)
    table = comparison_table([solving("oer", 60.0), alone], "oer")
    assert shown(table, "zero\nshot")["oer", "success (%)"] == "21.0\n[18.5, 23.5]"
    assert shown(table, "forward\ntransfer")["oer", "success (%)"] == "0.0\n[0.0, 0.0]"
    assert shown(table, "forward\ntransfer")["single_task", "success (%)"] == "-"


def test_the_brief_form_is_in_success_and_says_where_returns_are(solving: Make) -> None:
    brief = comparison_table([solving("oer"), solving("er", 20.0)], "oer", brief=True)
    assert {row[1] for row in brief.rows} == {
        "success (%)",
        "success (%), paired by seed",
    }
    assert "returns too, normalised and raw" in dict(brief.notes)["in full"]
    assert "success (%):\n" in brief.text()


def test_where_all_succeed_alike_returns_decide_the_rank(solving: Make) -> None:
    table = comparison_table(
        [solving("slow", 90.0, lost=40.0), solving("fast", 90.0, lost=10.0)]
    )
    assert [row[0] for row in table.rows if row[1] == "success (%)"][:2] == [
        "fast",
        "slow",
    ]


def test_distances_do_not_end_where_success_does(solving: Any) -> None:
    far = {seed: [Fidelity(150.0 + 10 * seed, 1.0), None] for seed in range(3)}
    found = estimate(solving(fidelity=far), "fidelity_visits_to_buffer", "success")
    assert found is not None
    assert (found.mean, found.high) == (160.0, pytest.approx(184.8, abs=0.1))
