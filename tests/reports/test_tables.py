"""Small golden tables: the same rows as terminal text, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from oer_pipeline.errors import ConfigurationError, DataError
from oer_pipeline.reports.tables import COLUMNS, cell_table, comparison_table

Make = Callable[..., dict[str, Any]]

TEXT = """\
method                    PER           BWT      plasticity    forgetting  cloning        visits        buffer
                                (+ forgets)                                    gap     to buffer     to visits
--------------------------------------------------------------------------------------------------------------
normalised:
oer                      84.5          10.0            89.5          10.0        -          0.50          0.25
                 [83.3, 85.7]  [10.0, 10.0]    [88.3, 90.7]  [10.0, 10.0]           [0.50, 0.50]  [0.25, 0.25]
finetune           49.5, 49.0    80.0, 80.0      89.5, 89.0    80.0, 80.0        -             -             -
doing nothing            25.0             -               -             -        -             -             -
"""

MARKDOWN = """\
| method | scale | PER | BWT (+ forgets) | plasticity | forgetting | cloning gap | visits to buffer | buffer to visits |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| fine\\|tune | raw | -25.0 | 20.0 | -15.0 | 20.0 | - | - | - |
| fine\\|tune, seed 0 | raw | -25.0 | 20.0 | -15.0 | 20.0 | - | - | - |

"""


def rows(table: Any) -> dict[tuple[str, str], tuple[str, ...]]:
    return {row[:2]: row[2:] for row in table.rows}


def test_terminal_text(cell: Make) -> None:
    matrices = {s: np.array([[-20.0 - 2 * s, np.nan], [-180.0 - 2 * s, -11.0]]) for s in range(2)}
    finetune = cell("finetune", seeds=2, fidelity=None, matrices=matrices)
    text = comparison_table([finetune, cell()]).text()
    assert text.startswith(TEXT)


def test_terminal_columns_are_aligned_and_fit(cell: Make) -> None:
    lines = comparison_table([cell("finetune", 160.0), cell()], "finetune").text().split("\n")
    rule = lines[2]
    table = lines[: max(n for n, line in enumerate(lines) if line == rule)]
    assert set(rule) == {"-"}
    assert max(map(len, table)) == len(rule) <= 132
    ends = {line.rfind("]") for line in table if line.rstrip().endswith("]")}
    assert ends == {len(rule) - 1}


def test_markdown(cell: Make) -> None:
    table = cell_table(cell("fine|tune", seeds=1, references=None, fidelity=None)).markdown()
    assert table.startswith(MARKDOWN)
    assert "normalised" not in table
    assert table.count("\n- **") >= len(COLUMNS)


def test_every_column_is_explained_in_one_line(cell: Make) -> None:
    table = cell_table(cell())
    explained = dict(table.notes)
    assert set(table.titles[2:]) < set(explained)
    assert not [text for text in explained.values() if "\n" in text]


def test_html_holds_the_same_rows_escaped(cell: Make) -> None:
    class Rows(HTMLParser):
        found: list[list[str]] = []  # noqa: RUF012 - one parser

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag == "tr":
                self.found.append([])
            if tag in ("td", "th"):
                self.found[-1].append("")

        def handle_data(self, data: str) -> None:
            if self.found and self.lasttag in ("td", "th") and data.strip():
                self.found[-1][-1] += data

    table = comparison_table([cell("<b>"), cell("finetune", 160.0)])
    parser = Rows()
    parser.feed(table.html())
    wanted = [[text.replace("\n", " ") for text in row] for row in (table.titles, *table.rows)]
    assert parser.found == wanted
    assert table.html().count("<tbody>") == 2


def test_methods_are_ranked_by_per(cell: Make) -> None:
    table = comparison_table([cell("worst", 160.0), cell("best", 0.0), cell("middle", 20.0)])
    assert [row[0] for row in table.rows if row[1] == "raw"] == ["best", "middle", "worst", "doing nothing"]


def test_paired_differences_use_common_seeds(cell: Make) -> None:
    found = rows(comparison_table([cell("oer", 20.0, seeds=5), cell("finetune", 60.0, seeds=3)], "finetune"))
    difference = found["oer - finetune", "normalised, paired by seed"]
    assert difference[:2] == ("10.0\n[10.0, 10.0]", "-20.0\n[-20.0, -20.0]")  # no spread: it is common to both
    assert difference[4] == "-"
    assert difference[5] == "0.00\n[0.00, 0.00]"


def test_cell_table_lists_every_seed(cell: Make) -> None:
    found = rows(cell_table(cell()))
    assert [found[f"oer, seed {s}", "raw"][0] for s in range(3)] == ["-25.0", "-26.0", "-27.0"]
    assert found["doing nothing", "normalised"][0] == "25.0"


def test_one_task_has_dashes(cell: Make) -> None:
    single = cell(tasks=["run"], matrices={0: np.array([[-20.0]])}, fidelity=None)
    assert rows(cell_table(single))["oer", "normalised"] == ("90.0", "-", "90.0", "-", "-", "-", "-")


def test_a_cell_without_references_is_compared_raw(cell: Make) -> None:
    found = rows(comparison_table([cell("a"), cell("b", references=None)], "a"))
    assert set(found["b", "normalised"][:5]) == {"-"}
    assert ("b - a", "raw, paired by seed") in found


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"suite": "ant"}, "suite is cheetah and ant"),
        ({"quality": "expert"}, "quality is medium and expert"),
        ({"cell": "oer"}, "names have to differ"),
        ({"references": {t: {"random": -1.0, "expert": 0.0} for t in ("run", "back")}}, "different references"),
    ],
)
def test_what_cannot_be_compared_is_refused(cell: Make, change: dict[str, Any], named: str) -> None:
    with pytest.raises(DataError, match=named):
        comparison_table([cell("oer"), cell("other", **change)])


def test_an_unknown_reference_is_refused(cell: Make) -> None:
    with pytest.raises(ConfigurationError, match="did you mean oer"):
        comparison_table([cell("oer")], reference="oerr")
    with pytest.raises(DataError, match="no cells"):
        comparison_table([])
