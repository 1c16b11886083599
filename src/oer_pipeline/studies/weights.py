"""The report of the weights of old tasks for a study's regime (docs/study.md): the same
values for every method's coefficient, on tasks and seeds that are never reported.

It changes no configuration: a study's grid says the weights itself, in
`method_parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oer_pipeline.common.terminal import Line, summary
from oer_pipeline.orchestration.flat_parameters import by_dotted_name
from oer_pipeline.reports.learners import tuning_table
from oer_pipeline.studies.cells import Cells
from oer_pipeline.studies.jobs import Outcome
from oer_pipeline.studies.kept_files import rewrite_page
from oer_pipeline.studies.tuning import document_of


def report(cells: Cells, outcomes: Mapping[str, Outcome]) -> str:
    """The PER of every value, on the page's block of the grid's name, too; then what a
    study's grid would say."""
    document = document_of(cells, outcomes)
    table = tuning_table(document)
    lines: list[Line] = []
    if cells.page is not None:
        rewrite_page(cells.page, {cells.grid.name: table})
        lines.append(("docs", cells.page))
    told = summary("Weights", lines)
    return f"{table}\n\n{_entry(document)}\n{told}"


def _entry(document: Mapping[str, Any]) -> str:
    """Lines of YAML; a method all of whose values diverged has none."""
    lines = ["method_parameters:"]
    for method, found in document.items():
        for option, value in by_dotted_name(found["parameters"]):
            weight = f"{option}: {value:g}"
            lines.append(f"  {method}: {{{weight}}}")
    return "\n".join(lines)
