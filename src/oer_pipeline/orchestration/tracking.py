"""What MLflow is told of a cell: parameters and tags at the start; metrics, curves,
timing and artefacts at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.records import file_sha256

if TYPE_CHECKING:
    import pandas as pd
    from kedro.io import CatalogProtocol
    from kedro.pipeline import Pipeline
    from mlflow import MlflowClient
    from mlflow.entities import Metric

CURVE_POINTS = 200
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
    """Open the cell's run with its tags and all its parameters."""
    from mlflow import MlflowClient
    from mlflow.entities import Param

    client = MlflowClient()
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
    run = client.create_run(
        experiment, tags=tags, run_name=plan.cell if of_cell else tags["stages"]
    ).info.run_id
    hidden = (
        "learners.",
        "selectors.",
        "sequence.",
        "chosen.first_learner.",
        "hardware.",
        "cell.",
        "heads.",
        "transfer_evaluation_tasks.",
        "judging_selectors.",
    )
    flat = [(k, v) for k, v in _flat(plan.parameters) if not k.startswith(hidden)]
    client.log_batch(run, params=[Param(key, str(value)) for key, value in flat[:100]])
    return CellRun(client, experiment, run, plan)


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
    curves = [
        (n, t)
        for n in produced
        if n.endswith(".curves")
        for t in _of_seed(catalog, n, seed)
    ]
    returns = [
        (n, t)
        for n in produced
        if n.endswith(".returns")
        for t in _of_seed(catalog, n, seed)
    ]
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
    metrics = [
        m for name, table in curves for m in _curve_metrics(name.split(".")[0], table)
    ]
    metrics += [
        m
        for name, table in returns
        for m in _return_metrics(int(name.split(".")[0].split("_")[1]), table)
    ]
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
        for member, path in catalog[name].paths().items():
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


def _of_seed(catalog: CatalogProtocol[Any, Any], name: str, seed: int) -> list[Any]:
    """The seed's table, if it is there."""
    dataset: Any = catalog[name]
    path: Path = dataset.paths()[seed]
    return [dataset.of(seed).load()] if path.is_file() else []


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
