"""`make study`: every selector's buffer, judged on several suites and qualities; the tables of docs/selection.md.

Nothing is trained on the buffers: task policies come from fine-tuning, where they depend on no buffer (method, section
4, trunk start `self`). What is up to date is kept, so a stopped study goes on where it was.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from oer_pipeline.context import data_root
from oer_pipeline.errors import OERError
from oer_pipeline.grid import Job, run_all
from oer_pipeline.metrics.judging import outside
from oer_pipeline.plan import Plan
from oer_pipeline.trajectories.table import Trajectories, read_trajectories

if TYPE_CHECKING:
    import pandas as pd

    from oer_pipeline.suites.suite import Task

SUITES = ("cheetah_vel_signed", "ant_dir", "walker_par")
QUALITIES = ("medium", "medium_random")
FOLLOWED = ("oracle", "mbes", "uniform")
DIRECTIONS = {
    "visits_to_buffer": "From what the policy visits to the buffer",
    "buffer_to_visits": "From the buffer back",
}


def jobs_of(params: str, options: Sequence[str]) -> list[Job]:
    """One job a suite for its raw data, then one a quality for all the rest."""
    more = f",{params}" if params else ""
    jobs = []
    for suite in SUITES:
        given = [f"--params=suite={suite}{more}", *options]
        jobs.append(Job(f"data_{suite}", ["--pipelines=collection", *given], (), 100.0))
        for quality in QUALITIES:
            rest = [f"--params=suite={suite},quality={quality},method=finetune{more}", *options]
            stages = "--pipelines=ingestion,dynamics,continual,judging"
            jobs.append(Job(f"{suite}_{quality}", [stages, *rest], (f"data_{suite}",), 500.0))
    return jobs


def tables(plans: Sequence[Plan], root: Path) -> str:
    """Markdown: two rows a task, then a table a suite, quality and direction, selectors by rows, sizes by columns."""
    import pandas as pd

    from oer_pipeline.reports.judging_table import fidelity_table

    parts, rows, followed = [], [], []
    for plan in plans:
        folder = root / "07_model_output" / plan.suite_folder / plan.quality_folder / plan.cell
        judged = {
            t.name: [pd.read_parquet(folder / f"seed_{s}" / f"{t.name}_judged.parquet") for s in plan.seeds]
            for t in plan.tasks
        }
        for task in plan.tasks:
            data = read_trajectories(root / "03_primary" / plan.suite_folder / plan.quality / f"{task.name}.parquet")
            visits = [
                read_trajectories(folder / f"seed_{s}" / f"{task.name}_learned_visits.parquet") for s in plan.seeds
            ]
            begin = (f"{plan.suite.name}, {plan.quality}", str(task.index))
            rows.append((*begin, *_of_task(plan, task, data, visits, judged[task.name])))
            followed.append((*begin, *_followed(plan, data.scaled(), visits, root, folder, task.name)))
        parts.append(f"### {plan.suite.name}, {plan.quality}\n")
        parts += [f"{title}:\n\n{fidelity_table(judged, key)}" for key, title in DIRECTIONS.items()]
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
    return "\n".join([_markdown(titles, rows), _markdown(quarters, followed), *parts])


def _markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ("---", *["---:"] * (len(titles) - 1)), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _followed(
    plan: Plan, data: Trajectories, visits: Sequence[Trajectories], root: Path, folder: Path, task: str
) -> tuple[str, ...]:
    """Distances from visits to the largest buffers by quarters of an episode, means over seeds: `a, b, c, d`."""
    import numpy as np
    import pandas as pd

    from oer_pipeline.datasets import SafetensorsDataset
    from oer_pipeline.dynamics.model import TransitionModel
    from oer_pipeline.reports.following import following

    fitted = root / "06_models" / plan.suite_folder / plan.quality_folder / "dynamics" / f"{task}.safetensors"
    model = TransitionModel.from_tensors(*SafetensorsDataset(str(fitted)).load())
    found = []
    for seed, visited in zip(plan.seeds, visits, strict=True):
        chosen = pd.read_parquet(folder / f"seed_{seed}" / f"{task}_chosen_rows.parquet")
        largest = chosen[chosen["size"] == max(plan.parameters["judging"]["sizes"])]
        rows = {name: largest[largest["selector"] == name]["row"].to_numpy() for name in FOLLOWED}
        found.append(following(data, visited, rows, model, plan.suite.distance_dimensions, plan.suite.horizon))
    means = {n: np.ma.masked_invalid([f[n] for f in found]).mean(axis=0).filled(np.nan) for n in found[0]}
    return tuple(", ".join("-" if np.isnan(v) else f"{v:.2f}" for v in values) for values in means.values())


def _of_task(
    plan: Plan,
    task: Task,
    data: Trajectories,
    visits: Sequence[Trajectories],
    judged: Sequence[pd.DataFrame],
) -> tuple[str, ...]:
    """How far a task's policies stay with the data, and what that means for buffers of the size on the page."""
    from oer_pipeline.trajectories.behaviour_data import rolled_out_returns

    away = [outside(data.observation, v.observation, plan.suite.distance_dimensions) for v in visits]
    shown = [t[t["size"] == plan.parameters["judging"]["shown"]].set_index("selector") for t in judged]
    ours = [mean(float(t.loc[name, "visits_to_buffer"]) for t in shown) for name in FOLLOWED]
    return (
        f"{data.returns.mean():.0f}",
        f"{mean(float(rolled_out_returns(task, v).mean()) for v in visits):.0f}",
        f"{100 * mean(away):.0f} %",
        *(f"{value:.2f}" for value in (mean(float(t["visits_to_data"].iloc[0]) for t in judged), *ours)),
    )


def main() -> None:
    """Command line: `--jobs`, `--params` and `--env` as `kedro run` takes them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes at once")
    parser.add_argument("--params", default="tasks=2")
    parser.add_argument("--env")
    given = parser.parse_args()

    from oer_pipeline.context import plans_of

    options = [f"--env={given.env}"] if given.env else []
    runs = [f"suite={s},quality={q},method=finetune,{given.params}" for s in SUITES for q in QUALITIES]
    try:
        plans = plans_of(runs, given.env)
    except OERError as error:
        raise SystemExit(f"Error: {error}") from error
    run_all(jobs_of(given.params, options), given.jobs)
    text = tables(plans, Path(data_root(given.env)))
    path = Path(data_root(given.env)) / "08_reporting" / "selection.md"
    path.write_text(text, encoding="utf-8")
    print(f"{text}\nin {path}; a page with pictures a task: *_selectors.html beside it")


if __name__ == "__main__":
    main()
