"""Which rows the buffers of a grid hold, and how near they are to what policies visit.

`python -m benchmarks.buffer_rows GRID [ORDERS]`, such as `study_continual_world 0-7`,
once its cells are finished here. Per method, means over all tasks but the last, with 95
% intervals over seeds or task orders: of how many episodes the rows are, which share of
them lies in each quarter of the horizon, and the distances from visits to the buffer
and back.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from oer_pipeline.common.errors import OERError
from oer_pipeline.common.json_text import read_json
from oer_pipeline.common.ranges import NUMBERS, parse_numbers
from oer_pipeline.common.types import IntArray
from oer_pipeline.metrics.intervals import interval
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.reports.markdown import markdown
from oer_pipeline.reports.tables import number
from oer_pipeline.studies.cells import cells_named
from oer_pipeline.studies.places import OUTPUT, cell_folder, data_file
from oer_pipeline.trajectories.buffer import read_buffer
from oer_pipeline.trajectories.table import read_trajectories

TITLES = (
    "method",
    "episodes",
    "1st quarter, %",
    "2nd",
    "3rd",
    "last",
    "visits to buffer",
    "buffer to visits",
)
Figures = tuple[float, ...]
"""One per title but the first."""


def main(grid: str, orders: str | None) -> None:
    """Print the table.

    Args:
        grid: its name.
        orders: the task orders whose cells are finished; None: the grid has none.
    """
    chosen = None if orders is None else parse_numbers("orders", orders, NUMBERS)
    cells = cells_named(grid, orders=chosen)
    by_method: dict[str, list[Figures]] = {}
    for cell in cells.cells:
        if len(cell.plan.tasks) == 1:
            sys.exit(f"{cell.name} has one task: no buffer of it is ever replayed")
        if cell.plan.selector is not None:
            of_method = by_method.setdefault(cell.plan.method, [])
            of_method += of_seeds(cells.root, cell.plan)
    rows = []
    for method, of_seed in by_method.items():
        columns = zip(*of_seed, strict=True)
        rows.append([method, *(number(interval(values), 1) for values in columns)])
    print(markdown(TITLES, rows), end="")


def of_seeds(root: Path, plan: Plan) -> Iterator[Figures]:
    """Means over a cell's tasks, per seed."""
    for seed in plan.seeds:
        folder = cell_folder(root, OUTPUT, plan) / f"seed_{seed}"
        of_tasks = []
        for task in plan.tasks[:-1]:
            data = read_trajectories(data_file(root, plan, plan.data_of(task)))
            rows = read_buffer(folder / f"{task.name}_buffer.parquet").row
            near = read_json(folder / f"{task.name}_fidelity.json")
            first = data.starts[np.searchsorted(data.starts, rows, side="right") - 1]
            of_tasks.append(
                (
                    float(len(set(first))),
                    *in_quarters(rows - first, plan.suite.horizon),
                    near["visits_to_buffer"],
                    near["buffer_to_visits"],
                )
            )
        yield tuple(np.mean(of_tasks, axis=0).tolist())


def in_quarters(steps: IntArray, horizon: int) -> list[float]:
    """Which share of the steps lies in each quarter of an episode, in per cent."""
    quarter = np.minimum(4 * steps // horizon, 3)
    counts = np.bincount(quarter, minlength=4)
    return [100.0 * float(count) / len(steps) for count in counts]


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python -m benchmarks.buffer_rows GRID [ORDERS]")
    try:
        main(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else None)
    except OERError as error:
        sys.exit(f"Error: {error}")
