"""What MLflow is told of a cell: parameters and tags at the start; metrics, curves,
timing and artefacts at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oer_pipeline.orchestration.artefacts import files_of
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.records import file_sha256

if TYPE_CHECKING:
    import pandas as pd
    from kedro.io import CatalogProtocol
    from kedro.pipeline import Pipeline
    from mlflow import MlflowClient
    from mlflow.entities import Metric

CURVE_POINTS = 200
MOST_PARAMETERS = 100
"""That MLflow takes at once."""
CELL_STAGES = {"__default__", "continual", "evaluation", "reporting", "judging"}
"""Stages that belong to a cell; what the others make is shared by all methods."""
DATA = (".transitions", "visits")
"""Data sets are DVC's: MLflow is told their hash, not given a copy."""


@dataclass(frozen=True)
class CellRun:
    """An open MLflow run."""

    client: MlflowClient
    experiment: str
    run: str
    plan: Plan


def start(experiment: str, plan: Plan, run_params: Mapping[str, Any]) -> CellRun:
    """Open the cell's run with its tags and all its parameters.

    Args:
        experiment: its name; kedro-mlflow has made it.
        plan: of the run.
        run_params: as Kedro's hooks get them.
    """
    from mlflow import MlflowClient
    from mlflow.entities import Param

    client = MlflowClient()
    found = client.get_experiment_by_name(experiment)
    if found is None:
        raise LookupError(f"there is no experiment {experiment}")
    number = found.experiment_id
    stages = sorted(run_params.get("pipeline_names") or ["__default__"])
    of_cell = bool(set(stages) & CELL_STAGES)
    tags = {
        "suite": plan.suite_folder,
        "quality": plan.quality_folder,
        "stages": "+".join(stages),
    }
    if of_cell:
        tags |= {
            "method": plan.method,
            "cell": plan.cell,
            "seeds": "+".join(map(str, plan.seeds)),
        }
    tags["git_commit"] = _git_commit()
    name = plan.cell if of_cell else tags["stages"]
    run = client.create_run(number, tags=tags, run_name=name).info.run_id
    parameters = [Param(key, str(value)) for key, value in logged_parameters(plan)]
    client.log_batch(run, params=parameters[:MOST_PARAMETERS])
    return CellRun(client, number, run, plan)


def logged_parameters(plan: Plan) -> Iterator[tuple[str, Any]]:
    """Dotted names and values: what was asked, and which learner, base and selector
    were chosen."""
    asked = plan.asked.settings | {"seeds": list(plan.seeds), "quality": plan.quality}
    chosen: dict[str, Any] = {"learner": plan.chosen.learner.as_parameters()}
    if plan.selector is not None:
        chosen["selector"] = plan.selector.as_parameters()
    yield from _flat(asked | {"chosen": chosen})


def finish(
    cell: CellRun,
    status: str,
    pipeline: Pipeline,
    catalog: CatalogProtocol[Any, Any],
    seconds: Mapping[str, float],
) -> None:
    """Log everything that the pipeline's outputs hold by now, and close the run."""
    produced = sorted(pipeline.all_outputs())
    values = {f"seconds.{name}": s for name, s in seconds.items()} | {
        "seconds.total": sum(seconds.values())
    }
    values.update(_aggregates(catalog) if "metrics" in produced else {})
    _log(
        cell.client, cell.run, [_metric(name, value) for name, value in values.items()]
    )
    _log_artefacts(cell, catalog, produced)
    for seed in cell.plan.seeds:
        _log_seed(cell, seed, catalog, produced, status)
    cell.client.set_terminated(cell.run, status)


def _log_seed(
    cell: CellRun,
    seed: int,
    catalog: CatalogProtocol[Any, Any],
    produced: Sequence[str],
    status: str,
) -> None:
    """A child run with the seed's success and returns by task (step: tasks learned),
    metrics and curves."""
    curves = _tables(catalog, produced, ".curves", seed)
    returns = _tables(catalog, produced, ".returns", seed)
    if not curves and not returns:
        return
    tags = {
        "mlflow.parentRunId": cell.run,
        "seed": str(seed),
        "method": cell.plan.method,
        "cell": cell.plan.cell,
    }
    child = cell.client.create_run(
        cell.experiment, tags=tags, run_name=f"{cell.plan.cell} seed {seed}"
    ).info.run_id
    metrics: list[Metric] = []
    for name, table in curves.items():
        metrics.extend(_curve_metrics(name.split(".")[0], table))
    for name, table in returns.items():
        learned = int(name.split(".")[0].split("_")[1])
        metrics.extend(_return_metrics(learned, table))
    if "metrics" in produced and catalog.exists("metrics"):
        own = catalog.load("metrics")["per_seed"].get(str(seed), {})
        metrics += [
            _metric(name, value) for name, value in own.items() if value is not None
        ]
    _log(cell.client, child, metrics)
    cell.client.set_terminated(child, status)


def _curve_metrics(task: str, table: pd.DataFrame) -> Iterator[Metric]:
    every = -(-len(table) // CURVE_POINTS)
    for _, row in table.iloc[::every].iterrows():
        for name in table.columns.drop("update"):
            yield _metric(f"{task}.curves.{name}", row[name], int(row["update"]))


def _return_metrics(learned: int, table: pd.DataFrame) -> Iterator[Metric]:
    from oer_pipeline.metrics.returns_table import task_means

    columns = [name for name in ("success", "return") if name in table]
    for policy in sorted(set(table["policy"])):
        for column in columns:
            for task, value in task_means(table, policy, column).items():
                yield _metric(f"{column}_{policy}.task_{task}", value, learned)


def _aggregates(catalog: CatalogProtocol[Any, Any]) -> dict[str, float]:
    if not catalog.exists("metrics"):
        return {}
    document = catalog.load("metrics")
    means = {
        name: estimate["mean"]
        for name, estimate in document["aggregate"].items()
        if estimate is not None
    }
    return means | {
        f"cost.{name}": float(value) for name, value in document["cost"].items()
    }


def _log_artefacts(
    cell: CellRun, catalog: CatalogProtocol[Any, Any], produced: Sequence[str]
) -> None:
    """Every artefact: the files but for data sets, all of them with their hash in
    `artefacts.json`."""
    listing = {}
    for name in produced:
        for member, path in (files_of(catalog[name]) or {}).items():
            if not path.is_file():
                continue
            folder = (
                name.replace(".", "/")
                if member is None
                else f"seed_{member}/{name.replace('.', '/')}"
            )
            listing[f"{folder}/{path.name}"] = {
                "sha256": file_sha256(path),
                "bytes": path.stat().st_size,
            }
            if not (name.endswith(DATA) or ".raw_" in name):
                cell.client.log_artifact(cell.run, str(path), folder)
            if name.endswith(".transitions"):
                cell.client.set_tag(cell.run, f"data.{name}", file_sha256(path))
    cell.client.log_text(
        cell.run, json.dumps(listing, indent=2, sort_keys=True), "artefacts.json"
    )


def _tables(
    catalog: CatalogProtocol[Any, Any], produced: Sequence[str], ending: str, seed: int
) -> dict[str, Any]:
    """The seed's tables that are there, by the name of their dataset."""
    found = {}
    for name in produced:
        dataset: Any = catalog[name]
        if name.endswith(ending) and dataset.paths()[seed].is_file():
            found[name] = dataset.of(seed).load()
    return found


def _metric(name: str, value: float, step: int = 0) -> Metric:
    from mlflow.entities import Metric

    return Metric(name, float(value), timestamp=0, step=step)


def _log(client: MlflowClient, run: str, metrics: Sequence[Metric]) -> None:
    for first in range(0, len(metrics), 1000):
        client.log_batch(run, metrics=list(metrics[first : first + 1000]))


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _git_commit() -> str:
    import subprocess

    try:
        return subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
