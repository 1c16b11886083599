"""The run of a seed below its cell's: returns and success by task, metrics, curves, and
the policy that it deploys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import ceil
from typing import TYPE_CHECKING, Any

from oer_pipeline.orchestration.cell_run import CellRun, log_metrics, metric
from oer_pipeline.orchestration.tracked_models import log_policy

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Metric

    from oer_pipeline.orchestration.internals import Catalog

CURVE_POINTS = 200
FINISHED = "FINISHED"


def log_seed(
    cell: CellRun,
    seed: int,
    catalog: Catalog,
    produced: Sequence[str],
    status: str,
) -> None:
    """A child run with the seed's success and returns by task (step: tasks learned),
    metrics, curves and policy.

    Args:
        cell: the open run of the cell.
        seed: its number.
        catalog: Kedro's.
        produced: names of what the pipeline makes.
        status: that the run ends with.
    """
    curves = _tables(catalog, produced, ".curves", seed)
    returns = _tables(catalog, produced, ".returns", seed)
    if not curves and not returns:
        return
    tags = {
        "mlflow.parentRunId": cell.run,
        "seed": str(seed),
        "method": cell.plan.method,
        "cell": cell.plan.cell,
        **cell.alive.tags,
    }
    title = f"{cell.plan.cell} seed {seed}"
    run = cell.client.create_run(cell.experiment, tags=tags, run_name=title)
    child = run.info.run_id
    cell.children.add(child)
    metrics: list[Metric] = []
    for name, table in curves.items():
        task, _, _ = name.partition(".")
        metrics.extend(_curve_metrics(task, table))
    for name, table in returns.items():
        task, _, _ = name.partition(".")
        learned = int(task.removeprefix("task_"))
        metrics.extend(_return_metrics(learned, table))
    model = None
    if status == FINISHED:
        model = _deployed(cell, child, seed, catalog, produced)
    metrics.extend(_own_metrics(catalog, produced, seed, model))
    log_metrics(cell.client, child, metrics)
    cell.client.set_terminated(child, status)
    cell.children.remove(child)


def _deployed(
    cell: CellRun, run: str, seed: int, catalog: Catalog, produced: Sequence[str]
) -> str | None:
    """The id of the model that the policy after the last task is; None without it."""
    name = f"{cell.plan.tasks[-1].name}.policies"
    if name not in produced:
        return None
    dataset: Any = catalog[name]
    path = dataset.paths()[seed]
    return log_policy(cell, run, seed, path) if path.is_file() else None


def _own_metrics(
    catalog: Catalog, produced: Sequence[str], seed: int, model: str | None
) -> Iterator[Metric]:
    """What `metrics.json` says of the seed, of its model too."""
    if "metrics" not in produced or not catalog.exists("metrics"):
        return
    document = catalog.load("metrics")
    for name, value in document["per_seed"].get(str(seed), {}).items():
        if value is not None:
            yield metric(name, value, model=model)


def _curve_metrics(task: str, table: pd.DataFrame) -> Iterator[Metric]:
    every = ceil(len(table) / CURVE_POINTS)
    losses = table.columns.drop("update")
    shown = table.iloc[::every]
    for _, row in shown.iterrows():
        update = int(row["update"])
        for name in losses:
            yield metric(f"{task}.curves.{name}", row[name], update)


def _return_metrics(learned: int, table: pd.DataFrame) -> Iterator[Metric]:
    from oer_pipeline.metrics.returns_table import task_means

    columns = [name for name in ("success", "return") if name in table]
    policies = sorted(set(table["policy"]))
    for policy, column in product(policies, columns):
        means = task_means(table, policy, column)
        for task, value in means.items():
            yield metric(f"{column}_{policy}.task_{task}", value, learned)


def _tables(
    catalog: Catalog, produced: Sequence[str], ending: str, seed: int
) -> dict[str, Any]:
    """The seed's tables that are there, by the name of their dataset."""
    found = {}
    for name in produced:
        dataset: Any = catalog[name]
        if name.endswith(ending) and dataset.paths()[seed].is_file():
            found[name] = dataset.of(seed).load()
    return found
