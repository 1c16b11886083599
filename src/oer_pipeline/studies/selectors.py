"""The report of every selector's buffer, judged on several suites and qualities: the
tables of docs/selection.md.

Nothing is trained on the buffers: task policies come from fine-tuning, where they
depend on no buffer (method, section 4, trunk start `self`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.terminal import Line, summary
from oer_pipeline.metrics.judging import share_outside
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.reports.markdown import markdown
from oer_pipeline.studies.cells import Cells
from oer_pipeline.studies.jobs import Outcome
from oer_pipeline.studies.kept_files import rewrite_page
from oer_pipeline.studies.places import (
    OUTPUT,
    REPORTS,
    cell_folder,
    data_file,
    dynamics_file,
    table_of,
)
from oer_pipeline.trajectories.table import Trajectories, read_trajectories

if TYPE_CHECKING:
    import pandas as pd

    from oer_pipeline.suites.suite import Task

SHOWN_SELECTORS = ("oracle", "mbes", "imagined", "uniform")
DIRECTIONS = {
    "visits_to_buffer": "From what the policy visits to the buffer",
    "buffer_to_visits": "From the buffer back",
}


def report(cells: Cells, outcomes: Mapping[str, Outcome]) -> str:
    """The tables, also in `08_reporting/selection.md` of the environment's data, and on
    the grid's page."""
    del outcomes
    blocks = tables([cell.plan for cell in cells.cells], cells.root)
    text = "\n".join(blocks.values())
    path = cells.root / REPORTS / "selection.md"
    write_atomic(path, text)
    lines: list[Line] = [("table", path)]
    if cells.page is not None:
        rewrite_page(cells.page, blocks)
        lines.append(("docs", cells.page))
    for cell in cells.cells:
        folder = cell_folder(cells.root, REPORTS, cell.plan)
        lines += [("page", page) for page in sorted(folder.glob("*_selectors.html"))]
    return f"{text}\n{summary('Judged selectors', lines)}"


def tables(plans: Sequence[Plan], root: Path) -> dict[str, str]:
    """Blocks of Markdown by name: `policies` and `quarters`, a row per task; `tables`,
    one per suite, quality and direction, selectors by rows, sizes by columns."""
    from oer_pipeline.reports.judging_table import fidelity_table

    parts = []
    rows = []
    followed = []
    for plan in plans:
        title = f"{plan.suite.name}, {plan.quality}"
        judged = {}
        for task in plan.tasks:
            judged[task.name] = _tables_of(plan, root, f"{task.name}_judged")
            data = read_trajectories(data_file(root, plan, plan.data_of(task)))
            visits = _visits(plan, root, task.name)
            begin = (title, str(task.index))
            found = _policy_row(
                plan,
                task,
                data,
                visits,
                judged[task.name],
            )
            rows.append((*begin, *found))
            by_quarter = _distances_by_quarter(
                plan,
                data.scaled(),
                visits,
                root,
                task,
            )
            followed.append((*begin, *by_quarter))
        parts.append(f"### {title}\n")
        for key, direction in DIRECTIONS.items():
            parts.append(f"{direction}:\n\n{fidelity_table(judged, key)}")
    titles = (
        "suite, quality",
        "task",
        "return in data",
        "of policy",
        "outside",
        "all data",
        *SHOWN_SELECTORS,
    )
    quarters = ("suite, quality", "task", *SHOWN_SELECTORS, "model error")
    return {
        "policies": markdown(titles, rows),
        "quarters": markdown(quarters, followed),
        "tables": "\n".join(parts),
    }


def _tables_of(
    plan: Plan,
    root: Path,
    name: str,
) -> list[pd.DataFrame]:
    """A table of the cell's output, one per seed."""
    folder = cell_folder(root, OUTPUT, plan)
    return [table_of(folder, seed, name) for seed in plan.seeds]


def _visits(
    plan: Plan,
    root: Path,
    task: str,
) -> list[Trajectories]:
    """What each seed's policy of a task visits."""
    folder = cell_folder(root, OUTPUT, plan)
    found = []
    for seed in plan.seeds:
        path = folder / f"seed_{seed}" / f"{task}_learned_visits.parquet"
        found.append(read_trajectories(path))
    return found


def _distances_by_quarter(
    plan: Plan,
    data: Trajectories,
    visits: Sequence[Trajectories],
    root: Path,
    task: Task,
) -> list[str]:
    """Distances from visits to the largest buffers by quarters of an episode, means
    over seeds: `a, b, c, d`."""
    import numpy as np

    from oer_pipeline.datasets import SafetensorsDataset
    from oer_pipeline.dynamics.model import TransitionModel
    from oer_pipeline.metrics.fidelity_by_quarter import fidelity_by_quarter

    fitted = str(dynamics_file(root, plan, plan.data_of(task)))
    model = TransitionModel.from_tensors(*SafetensorsDataset(fitted).load())
    largest = max(plan.parameters["judging"]["sizes"])
    found = []
    chosen_rows = _tables_of(plan, root, f"{task.name}_chosen_rows")
    for chosen, visited in zip(chosen_rows, visits, strict=True):
        of_size = chosen[chosen["size"] == largest]
        rows = {}
        for name in SHOWN_SELECTORS:
            rows[name] = of_size[of_size["selector"] == name]["row"].to_numpy()
        distances = fidelity_by_quarter(
            data,
            visited,
            rows,
            model,
            plan.suite.distance_dimensions,
            plan.suite.horizon,
        )
        found.append(distances)
    texts = []
    for name in found[0]:
        per_seed = np.ma.masked_invalid([distances[name] for distances in found])
        means = per_seed.mean(axis=0).filled(np.nan)
        shown = ["-" if np.isnan(value) else f"{value:.2f}" for value in means]
        texts.append(", ".join(shown))
    return texts


def _policy_row(
    plan: Plan,
    task: Task,
    data: Trajectories,
    visits: Sequence[Trajectories],
    judged: Sequence[pd.DataFrame],
) -> list[str]:
    """How far a task's policies stay with the data, and what that means for buffers of
    the size on the page."""
    from oer_pipeline.suites.behaviour_data import rolled_out_returns

    size = plan.parameters["judging"]["shown"]
    dimensions = plan.suite.distance_dimensions
    earned = [float(rolled_out_returns(task, v).mean()) for v in visits]
    away = [share_outside(data.observation, v.observation, dimensions) for v in visits]
    to_data = [float(table["visits_to_data"].iloc[0]) for table in judged]
    shown = [t[t["size"] == size].set_index("selector") for t in judged]
    row = [
        f"{data.returns.mean():.0f}",
        f"{mean(earned):.0f}",
        f"{100 * mean(away):.0f} %",
        f"{mean(to_data):.2f}",
    ]
    for name in SHOWN_SELECTORS:
        distances = [float(table.loc[name, "visits_to_buffer"]) for table in shown]
        row.append(f"{mean(distances):.2f}")
    return row
