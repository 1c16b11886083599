"""An open MLflow run of a cell, and how metrics and documents get there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oer_pipeline.orchestration.machine_metrics import MachineMetrics
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.run_lock import RunLock
from oer_pipeline.orchestration.timeouts import WatchedClient

if TYPE_CHECKING:
    from mlflow.entities import Metric

MOST_METRICS, MOST_PARAMETERS = 1000, 100
"""So many MLflow takes at once."""
PARENT_TAG = "mlflow.parentRunId"
"""Tag of a seed's run: the id of its cell's."""


@dataclass(frozen=True)
class CellRun:
    """An open MLflow run.

    Attributes:
        client: of MLflow.
        experiment: its number.
        run: its id.
        plan: of the run.
        project: its folder.
        lock: the run's lock, and the tags that name it.
        machine: samples the machine meanwhile.
        children: ids of runs below it that are open.
    """

    client: WatchedClient
    experiment: str
    run: str
    plan: Plan
    project: Path
    lock: RunLock
    machine: MachineMetrics
    children: set[str] = field(default_factory=set)


def metric(name: str, value: float, step: int = 0, model: str | None = None) -> Metric:
    """One value as MLflow takes it.

    Args:
        name: of the metric.
        value: of any kind of number.
        step: on the metric's axis.
        model: id of the LoggedModel that it is about, if any.
    """
    from mlflow.entities import Metric

    return Metric(name, float(value), timestamp=0, step=step, model_id=model)


def log_metrics(client: WatchedClient, run: str, metrics: Sequence[Metric]) -> None:
    """Send any number of them.

    Args:
        client: of MLflow.
        run: its id.
        metrics: as `metric` makes them.
    """
    for first in range(0, len(metrics), MOST_METRICS):
        some = metrics[first : first + MOST_METRICS]
        client.log_batch(run, metrics=list(some))


def log_parameters(
    client: WatchedClient, run: str, parameters: Iterable[tuple[str, Any]]
) -> None:
    """Send any number of them.

    Args:
        client: of MLflow.
        run: its id.
        parameters: names and values.
    """
    from mlflow.entities import Param

    params = [Param(name, str(value)) for name, value in parameters]
    for first in range(0, len(params), MOST_PARAMETERS):
        some = params[first : first + MOST_PARAMETERS]
        client.log_batch(run, params=some)


def log_document(cell: CellRun, document: Mapping[str, Any], name: str) -> None:
    """A JSON file of the cell's run.

    Args:
        cell: the open run.
        document: what it says.
        name: of the file.
    """
    text = json.dumps(document, indent=2, sort_keys=True, default=str)
    cell.client.log_text(cell.run, text, name)
