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

from oer_pipeline.common.atomic import atomic_path
from oer_pipeline.metrics.judging import share_outside
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.reports.markdown import markdown
from oer_pipeline.studies.cells import Cells
from oer_pipeline.studies.jobs import Outcome
from oer_pipeline.trajectories.table import Trajectories, read_trajectories

if TYPE_CHECKING:
    import pandas as pd

    from oer_pipeline.suites.suite import Task

FOLLOWED = ("oracle", "mbes", "uniform")
DIRECTIONS = {
    "visits_to_buffer": "From what the policy visits to the buffer",
    "buffer_to_visits": "From the buffer back",
}


def report(cells: Cells, outcomes: Mapping[str, Outcome]) -> str:
    """The tables, also in `08_reporting/selection.md` of the environment's data."""
    del outcomes
    text = tables([cell.plan for cell in cells.cells], cells.root)
    path = cells.root / "08_reporting" / "selection.md"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return (
        f"{text}\nin {path}; a page with pictures per task: *_selectors.html beside it"
    )


def tables(plans: Sequence[Plan], root: Path) -> str:
    """Markdown: two rows a task, then a table a suite, quality and direction, selectors
    by rows, sizes by columns."""
    import pandas as pd

    from oer_pipeline.reports.judging_table import fidelity_table

    parts, rows, followed = [], [], []
    for plan in plans:
        folder = (
            root
            / "07_model_output"
            / plan.suite_folder
            / plan.quality_folder
            / plan.cell
        )
        judged = {
            t.name: [
                pd.read_parquet(folder / f"seed_{s}" / f"{t.name}_judged.parquet")
                for s in plan.seeds
            ]
            for t in plan.tasks
        }
        for task in plan.tasks:
            data = read_trajectories(
                root
                / "03_primary"
                / plan.suite_folder
                / plan.quality
                / f"{task.name}.parquet"
            )
            visits = [
                read_trajectories(
                    folder / f"seed_{s}" / f"{task.name}_learned_visits.parquet"
                )
                for s in plan.seeds
            ]
            begin = (f"{plan.suite.name}, {plan.quality}", str(task.index))
            rows.append(
                (*begin, *_of_task(plan, task, data, visits, judged[task.name]))
            )
            followed.append(
                (
                    *begin,
                    *_followed(plan, data.scaled(), visits, root, folder, task.name),
                )
            )
        parts.append(f"### {plan.suite.name}, {plan.quality}\n")
        parts += [
            f"{title}:\n\n{fidelity_table(judged, key)}"
            for key, title in DIRECTIONS.items()
        ]
    titles = (
        "suite, quality",
        "task",
        "return in data",
        "of policy",
        "outside",
        "all data",
        *FOLLOWED,
    )
    quarters = ("suite, quality", "task", *FOLLOWED, "model error")
    return "\n".join([markdown(titles, rows), markdown(quarters, followed), *parts])


def _followed(
    plan: Plan,
    data: Trajectories,
    visits: Sequence[Trajectories],
    root: Path,
    folder: Path,
    task: str,
) -> tuple[str, ...]:
    """Distances from visits to the largest buffers by quarters of an episode, means
    over seeds: `a, b, c, d`."""
    import numpy as np
    import pandas as pd

    from oer_pipeline.datasets import SafetensorsDataset
    from oer_pipeline.dynamics.model import TransitionModel
    from oer_pipeline.metrics.fidelity_by_quarter import fidelity_by_quarter

    fitted = (
        root
        / "06_models"
        / plan.suite_folder
        / plan.quality_folder
        / "dynamics"
        / f"{task}.safetensors"
    )
    model = TransitionModel.from_tensors(*SafetensorsDataset(str(fitted)).load())
    found = []
    for seed, visited in zip(plan.seeds, visits, strict=True):
        chosen = pd.read_parquet(
            folder / f"seed_{seed}" / f"{task}_chosen_rows.parquet"
        )
        largest = chosen[chosen["size"] == max(plan.parameters["judging"]["sizes"])]
        rows = {
            name: largest[largest["selector"] == name]["row"].to_numpy()
            for name in FOLLOWED
        }
        found.append(
            fidelity_by_quarter(
                data,
                visited,
                rows,
                model,
                plan.suite.distance_dimensions,
                plan.suite.horizon,
            )
        )
    means = {
        n: np.ma.masked_invalid([f[n] for f in found]).mean(axis=0).filled(np.nan)
        for n in found[0]
    }
    return tuple(
        ", ".join("-" if np.isnan(v) else f"{v:.2f}" for v in values)
        for values in means.values()
    )


def _of_task(
    plan: Plan,
    task: Task,
    data: Trajectories,
    visits: Sequence[Trajectories],
    judged: Sequence[pd.DataFrame],
) -> tuple[str, ...]:
    """How far a task's policies stay with the data, and what that means for buffers of
    the size on the page."""
    from oer_pipeline.suites.behaviour_data import rolled_out_returns

    away = [
        share_outside(data.observation, v.observation, plan.suite.distance_dimensions)
        for v in visits
    ]
    shown = [
        t[t["size"] == plan.parameters["judging"]["shown"]].set_index("selector")
        for t in judged
    ]
    ours = [
        mean(float(t.loc[name, "visits_to_buffer"]) for t in shown) for name in FOLLOWED
    ]
    return (
        f"{data.returns.mean():.0f}",
        f"{mean(float(rolled_out_returns(task, v).mean()) for v in visits):.0f}",
        f"{100 * mean(away):.0f} %",
        *(
            f"{value:.2f}"
            for value in (
                mean(float(t["visits_to_data"].iloc[0]) for t in judged),
                *ours,
            )
        ),
    )
