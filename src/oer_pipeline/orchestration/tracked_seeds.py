"""The run of a seed below its cell's: returns and success by task, metrics, curves, and
the policy that it deploys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oer_pipeline.orchestration.cell_run import PARENT_TAG, CellRun, log_metrics, metric
from oer_pipeline.orchestration.tracked_models import log_policy

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Metric

    from oer_pipeline.orchestration.internals import Catalog

CURVE_POINTS = 200
FINISHED = "FINISHED"


@dataclass(frozen=True)
class SeedOutputs:
    """What the pipeline made for one seed, as far as it lies there.

    Attributes:
        seed: its number.
        catalog: Kedro's.
        produced: names of what the pipeline makes.
    """

    seed: int
    catalog: Catalog
    produced: Sequence[str]

    def tables(
        self,
        ending: str,
    ) -> dict[str, pd.DataFrame]:
        """Tables by the name of the task.

        Args:
            ending: of their datasets' names.
        """
        found = {}
        for name in self.produced:
            dataset: Any = self.catalog[name]
            if name.endswith(ending) and self._path(dataset).is_file():
                task = name.removesuffix(ending)
                found[task] = dataset.of(self.seed).load()
        return found

    def policies(
        self,
        task: str,
    ) -> Path | None:
        """The file of its policies after a task; None where there is none.

        Args:
            task: its name.
        """
        name = f"{task}.policies"
        if name not in self.produced:
            return None
        path = self._path(self.catalog[name])
        return path if path.is_file() else None

    def metrics(self) -> dict[str, float]:
        """What `metrics.json` says of the seed."""
        if "metrics" not in self.produced or not self.catalog.exists("metrics"):
            return {}
        document = self.catalog.load("metrics")
        found = {}
        for name, value in document["per_seed"].get(str(self.seed), {}).items():
            if value is not None:
                found[name] = value
        return found

    def _path(
        self,
        dataset: Any,
    ) -> Path:
        path: Path = dataset.paths()[self.seed]
        return path


def log_seed(
    cell: CellRun,
    made: SeedOutputs,
    status: str,
) -> None:
    """A child run with the seed's success and returns by task (step: tasks learned),
    metrics, curves and policy.

    Args:
        cell: the open run of the cell.
        made: for the seed.
        status: that the run ends with.
    """
    curves = made.tables(".curves")
    returns = made.tables(".returns")
    if not curves and not returns:
        return
    plan = cell.plan
    client = cell.client
    tags = {
        PARENT_TAG: cell.run,
        "seed": str(made.seed),
        "method": plan.method,
        "cell": plan.cell,
        **cell.lock.tags,
    }
    title = f"{plan.cell} seed {made.seed}"
    run = client.create_run(cell.experiment, tags=tags, run_name=title)
    child = run.info.run_id
    cell.children.add(child)
    metrics: list[Metric] = []
    for task, table in curves.items():
        metrics.extend(_curve_metrics(task, table))
    for task, table in returns.items():
        learned = int(task.removeprefix("task_"))
        metrics.extend(_return_metrics(learned, table))
    model = None
    deployed = made.policies(plan.tasks[-1].name)
    if deployed is not None:
        model = log_policy(cell, child, made.seed, deployed)
    for name, value in made.metrics().items():
        metrics.append(metric(name, value, model=model))
    log_metrics(client, child, metrics)
    client.set_terminated(child, status)
    cell.children.remove(child)


def _curve_metrics(
    task: str,
    table: pd.DataFrame,
) -> Iterator[Metric]:
    every = ceil(len(table) / CURVE_POINTS)
    losses = table.columns.drop("update")
    shown = table.iloc[::every]
    for _, row in shown.iterrows():
        update = int(row["update"])
        for loss in losses:
            name = f"{task}.curves.{loss}"
            yield metric(name, row[loss], update)


def _return_metrics(
    learned: int,
    table: pd.DataFrame,
) -> Iterator[Metric]:
    from oer_pipeline.metrics.returns_table import task_means

    policies = sorted(set(table["policy"]))
    for policy, column in product(policies, ("success", "return")):
        if column not in table:
            continue
        means = task_means(table, policy, column)
        for task, value in means.items():
            name = f"{column}_{policy}.task_{task}"
            yield metric(name, value, learned)
