"""The report of the weights of old tasks for a study's regime (docs/study.md): the same
values for every method's coefficient, on tasks and seeds that are never reported.

It changes no configuration: a study's grid says the weights itself, in
`method_parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from oer_pipeline.common.terminal import Line, summary
from oer_pipeline.reports.learners import tuning_table
from oer_pipeline.studies.cells import Cells
from oer_pipeline.studies.jobs import Outcome
from oer_pipeline.studies.kept_files import rewrite_page
from oer_pipeline.studies.tuning import Score, chosen, options_of, scores_of, tuned


def report(cells: Cells, outcomes: Mapping[str, Outcome]) -> str:
    """The PER of every value, on the page's block of the grid's name, too; then what a
    study's grid would say."""
    scores = scores_of(cells, outcomes)
    options = options_of(cells)
    table = tuning_table(tuned(scores, options, cells.cells[0].plan, cells.params))
    lines: list[Line] = []
    if cells.page is not None:
        rewrite_page(cells.page, {cells.grid.name: table})
        lines.append(("docs", cells.page))
    text = "\n".join([table, "", *_entry(options, scores)])
    return f"{text}\n{summary('Weights', lines)}"


def _entry(
    options: Mapping[str, str], scores: Mapping[str, Sequence[Score]]
) -> list[str]:
    """Lines of YAML; a method all of whose values diverged has none."""
    lines = ["method_parameters:"]
    for method, of_method in scores.items():
        value = chosen(of_method)
        if value is not None:
            lines.append(f"  {method}: {{{options[method]}: {value:g}}}")
    return lines
