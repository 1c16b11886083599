"""What MLflow is told of a cell: parameters and tags at the start; metrics, curves,
timing and artefacts at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oer_pipeline.orchestration import circumstances
from oer_pipeline.orchestration.alive import LOCK, PLACE, Alive
from oer_pipeline.orchestration.artefacts import files_of
from oer_pipeline.orchestration.patience import Watched
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.records import file_sha256
from oer_pipeline.orchestration.tracked_data import data_sets

if TYPE_CHECKING:
    import pandas as pd
    from kedro.pipeline import Pipeline
    from mlflow.entities import Metric

    from oer_pipeline.orchestration.internals import Catalog

CURVE_POINTS = 200
KILLED = "KILLED"
MOST_PARAMETERS, MOST_METRICS = 100, 1000
"""That MLflow takes at once."""
CELL_STAGES = {"__default__", "continual", "evaluation", "reporting", "judging"}
"""Stages that belong to a cell; what the others make is shared by all methods."""
DATA = (".transitions", "visits")
"""Data sets are DVC's: MLflow is told their hash, not given a copy."""

EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",
    "mlflow.experiment.primaryMetric.name": "per",
    "mlflow.experiment.primaryMetric.greaterIsBetter": "True",
}
"""An experiment is about training models, not about GenAI, and PER comes first; whoever
has changed one of them keeps it."""
PAGE = ".html"
BUNDLE = "plotly"
"""The dataset that pages share; MLflow gets it within each."""


@dataclass(frozen=True)
class CellRun:
    """An open MLflow run.

    Attributes:
        client: of MLflow.
        experiment: its number.
        run: its id.
        plan: of the run.
        project: its folder.
        alive: the tags that say whose it is, and by which lock that lives.
        children: ids of runs below it that are open.
    """

    client: Watched
    experiment: str
    run: str
    plan: Plan
    project: Path
    alive: Alive
    children: set[str] = field(default_factory=set)


def start(
    experiment: str, plan: Plan, run_params: Mapping[str, Any], project: Path
) -> CellRun:
    """Open the cell's run with its tags and all its parameters, and close those that
    killed runs of this project left open.

    Args:
        experiment: its name; kedro-mlflow has made it.
        plan: of the run.
        run_params: as Kedro's hooks get them, with `conf_source`.
        project: its folder.
    """
    from mlflow import MlflowClient
    from mlflow.entities import Param

    client = Watched(MlflowClient())
    found = client.get_experiment_by_name(experiment)
    if found is None:
        raise LookupError(f"there is no experiment {experiment}")
    alive = Alive(project)
    try:
        close_abandoned(client, found.experiment_id, alive)
        for key, value in EXPERIMENT_TAGS.items():
            if key not in found.tags:
                client.set_experiment_tag(found.experiment_id, key, value)
        tags = _tags(plan, run_params) | alive.tags
        tags |= circumstances.tags(project, run_params)
        tags |= circumstances.source(tags["git_commit"], run_params)
        name = tags.get("cell", tags["stages"])
        run = client.create_run(found.experiment_id, tags=tags, run_name=name)
        parameters = []
        for key, value in logged_parameters(plan):
            parameters.append(Param(key, str(value)))
        client.log_batch(run.info.run_id, params=parameters[:MOST_PARAMETERS])
        number = found.experiment_id
        cell = CellRun(client, number, run.info.run_id, plan, project, alive)
        _log_document(cell, circumstances.command(run_params), circumstances.COMMAND)
    except BaseException:
        alive.end()
        raise
    return cell


def _tags(plan: Plan, run_params: Mapping[str, Any]) -> dict[str, str]:
    stages = sorted(run_params.get("pipeline_names") or ["__default__"])
    tags = {
        "suite": plan.suite_folder,
        "quality": plan.quality_folder,
        "stages": "+".join(stages),
    }
    if set(stages) & CELL_STAGES:
        tags |= {
            "method": plan.method,
            "cell": plan.cell,
            "seeds": "+".join(map(str, plan.seeds)),
        }
    return tags


def close_abandoned(client: Watched, experiment: str, alive: Alive) -> None:
    """End the runs that processes of this project left open when they were killed."""
    mine = f"tags.{PLACE} = '{alive.tags[PLACE]}'"
    still_open = client.search_runs(
        [experiment], f"attributes.status = 'RUNNING' and {mine}"
    )
    for run in still_open:
        if not alive.is_at_work(run.data.tags.get(LOCK, "")):
            client.set_terminated(run.info.run_id, KILLED)


def interrupt(cell: CellRun) -> None:
    """End a run whose process is told to end, with all below it."""
    for run in (*cell.children, cell.run):
        cell.client.set_terminated(run, KILLED)


def logged_parameters(plan: Plan) -> Iterator[tuple[str, Any]]:
    """Dotted names and values: what was asked, and which learner, base and selector
    were chosen."""
    logged = plan.asked.settings
    logged["seeds"] = list(plan.seeds)
    logged["quality"] = plan.quality
    chosen = plan.chosen.as_parameters()
    for name in ("learner", "selector"):
        if chosen[name] is not None:
            logged[f"chosen.{name}"] = chosen[name]
    yield from _flat(logged)


def finish(
    cell: CellRun,
    status: str,
    pipeline: Pipeline,
    catalog: Catalog,
    seconds: Mapping[str, float],
) -> None:
    """Log everything that the pipeline's outputs hold by now, and close the run."""
    produced = sorted(pipeline.all_outputs())
    values = {"seconds.total": sum(seconds.values())}
    for name, spent in seconds.items():
        values[f"seconds.{name}"] = spent
    if "metrics" in produced:
        values["seeds"] = len(cell.plan.seeds)
        values |= _aggregates(catalog)
    metrics = [_metric(name, value) for name, value in values.items()]
    _log(cell.client, cell.run, metrics)
    _log_artefacts(cell, catalog, produced)
    taken = circumstances.inputs(pipeline, catalog, cell.project)
    _log_document(cell, taken, circumstances.INPUTS)
    used = data_sets(pipeline, catalog, cell.plan, cell.project)
    if used:
        cell.client.log_inputs(cell.run, used)
    for seed in cell.plan.seeds:
        _log_seed(cell, seed, catalog, produced, status)
    cell.client.set_terminated(cell.run, status)


def _log_seed(
    cell: CellRun,
    seed: int,
    catalog: Catalog,
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
    if "metrics" in produced and catalog.exists("metrics"):
        document = catalog.load("metrics")
        own = document["per_seed"].get(str(seed), {})
        for name, value in own.items():
            if value is not None:
                metrics.append(_metric(name, value))
    _log(cell.client, child, metrics)
    cell.client.set_terminated(child, status)
    cell.children.remove(child)


def _curve_metrics(task: str, table: pd.DataFrame) -> Iterator[Metric]:
    every = ceil(len(table) / CURVE_POINTS)
    losses = table.columns.drop("update")
    shown = table.iloc[::every]
    for _, row in shown.iterrows():
        update = int(row["update"])
        for name in losses:
            yield _metric(f"{task}.curves.{name}", row[name], update)


def _return_metrics(learned: int, table: pd.DataFrame) -> Iterator[Metric]:
    from oer_pipeline.metrics.returns_table import task_means

    columns = [name for name in ("success", "return") if name in table]
    policies = sorted(set(table["policy"]))
    for policy, column in product(policies, columns):
        means = task_means(table, policy, column)
        for task, value in means.items():
            yield _metric(f"{column}_{policy}.task_{task}", value, learned)


def _aggregates(catalog: Catalog) -> dict[str, float]:
    if not catalog.exists("metrics"):
        return {}
    document = catalog.load("metrics")
    found = {}
    for name, estimate in document["aggregate"].items():
        if estimate is not None:
            found[name] = estimate["mean"]
    for name, value in document["cost"].items():
        found[f"cost.{name}"] = float(value)
    return found


def _log_artefacts(cell: CellRun, catalog: Catalog, produced: Sequence[str]) -> None:
    """Every artefact: the files but for data sets, all of them with their hash in
    `artefacts.json`; pages whole, as MLflow shows each by itself."""
    from oer_pipeline.reports.page import standalone

    listing = {}
    for name in produced:
        if name == BUNDLE:
            continue
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
            if path.suffix == PAGE:
                whole = standalone(path.read_text(encoding="utf-8"))
                cell.client.log_text(cell.run, whole, f"{folder}/{path.name}")
            elif not (name.endswith(DATA) or ".raw_" in name):
                cell.client.log_artifact(cell.run, str(path), folder)
            if name.endswith(".transitions"):
                cell.client.set_tag(cell.run, f"data.{name}", file_sha256(path))
    _log_document(cell, listing, "artefacts.json")


def _log_document(cell: CellRun, document: Mapping[str, Any], name: str) -> None:
    text = json.dumps(document, indent=2, sort_keys=True, default=str)
    cell.client.log_text(cell.run, text, name)


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


def _metric(name: str, value: float, step: int = 0) -> Metric:
    from mlflow.entities import Metric

    return Metric(name, float(value), timestamp=0, step=step)


def _log(client: Watched, run: str, metrics: Sequence[Metric]) -> None:
    for first in range(0, len(metrics), MOST_METRICS):
        some = metrics[first : first + MOST_METRICS]
        client.log_batch(run, metrics=list(some))


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{path}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            yield name, value
