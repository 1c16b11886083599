"""What MLflow is told of a cell: parameters and tags at the start; metrics, curves,
timing and artefacts at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oer_pipeline.orchestration import circumstances
from oer_pipeline.orchestration.artefacts import (
    BUNDLE,
    LISTING,
    artefact_folder,
    files_there,
)
from oer_pipeline.orchestration.cell_run import (
    CellRun,
    log_document,
    log_metrics,
    log_parameters,
    metric,
)
from oer_pipeline.orchestration.flat_parameters import by_dotted_name
from oer_pipeline.orchestration.machine_metrics import MachineMetrics
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.records import file_sha256
from oer_pipeline.orchestration.run_lock import LOCK_TAG, PROJECT_TAG, RunLock
from oer_pipeline.orchestration.timeouts import WatchedClient
from oer_pipeline.orchestration.tracked_data import data_files, data_sets
from oer_pipeline.orchestration.tracked_seeds import FINISHED, SeedOutputs, log_seed
from oer_pipeline.orchestration.tracked_view import METRICS, experiment_tags

if TYPE_CHECKING:
    from kedro.pipeline import Pipeline

    from oer_pipeline.orchestration.internals import Catalog

KILLED = "KILLED"
NODE_SECONDS_FILE = "seconds.json"
"""What each node took; as metrics they would hide those that matter."""
CELL_STAGES = {"__default__", "continual", "evaluation", "reporting", "judging"}
"""Stages that belong to a cell; what the others make is shared by all methods."""
DATA = (".transitions", "visits")
"""Data sets are DVC's: MLflow is told their hash, not given a copy."""
PAGE = ".html"


def start(
    experiment: str,
    plan: Plan,
    run_params: Mapping[str, Any],
    project: Path,
    accelerator: str,
) -> CellRun:
    """Open the cell's run with its tags and all its parameters, and close those that
    killed runs of this project left open.

    Args:
        experiment: its name; kedro-mlflow has made it.
        plan: of the run.
        run_params: as Kedro's hooks get them, with `conf_source`.
        project: its folder.
        accelerator: in force.
    """
    from mlflow import MlflowClient

    client = WatchedClient(MlflowClient())
    found = client.get_experiment_by_name(experiment)
    if found is None:
        raise LookupError(f"there is no experiment {experiment}")
    experiment_id = found.experiment_id
    lock = RunLock(project)
    try:
        close_abandoned(client, experiment_id, lock)
        for key, value in experiment_tags(experiment_id).items():
            if key not in found.tags:  # whoever has changed one keeps it
                client.set_experiment_tag(experiment_id, key, value)
        tags = _tags(plan, run_params, accelerator) | lock.tags
        tags |= circumstances.tags(project, run_params)
        tags |= circumstances.source(tags["git_commit"], run_params)
        name = tags.get("cell", tags["stages"])
        run = client.create_run(experiment_id, tags=tags, run_name=name)
        run_id = run.info.run_id
        log_parameters(client, run_id, logged_parameters(plan))
        machine = MachineMetrics()
        cell = CellRun(client, experiment_id, run_id, plan, project, lock, machine)
        log_document(cell, circumstances.command(run_params), circumstances.COMMAND)
    except BaseException:
        lock.end()
        raise
    return cell


def _tags(
    plan: Plan, run_params: Mapping[str, Any], accelerator: str
) -> dict[str, str]:
    stages = sorted(run_params.get("pipeline_names") or ["__default__"])
    tags = {
        "suite": plan.suite_folder,
        "quality": plan.quality_folder,
        "stages": "+".join(stages),
        "accelerator": accelerator,
    }
    if set(stages) & CELL_STAGES:
        tags |= {
            "method": plan.method,
            "cell": plan.cell,
            "seeds": "+".join(map(str, plan.seeds)),
        }
    return tags


def close_abandoned(client: WatchedClient, experiment: str, lock: RunLock) -> None:
    """End the runs that processes of this project left open when they were killed."""
    mine = f"tags.{PROJECT_TAG} = '{lock.tags[PROJECT_TAG]}'"
    still_open = client.search_runs(
        [experiment], f"attributes.status = 'RUNNING' and {mine}"
    )
    for run in still_open:
        if not lock.is_at_work(run.data.tags.get(LOCK_TAG, "")):
            client.set_terminated(run.info.run_id, KILLED)


def interrupt(cell: CellRun) -> None:
    """End a run whose process is told to end, with all below it."""
    cell.machine.end()
    for run in (*cell.children, cell.run):
        cell.client.set_terminated(run, KILLED)
    log_metrics(cell.client, cell.run, cell.machine.metrics())


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
    yield from by_dotted_name(logged)


def finish(
    cell: CellRun,
    status: str,
    pipeline: Pipeline,
    catalog: Catalog,
    seconds: Mapping[str, float],
) -> None:
    """Log everything that the pipeline's outputs hold by now, and close the run.

    Of a run that failed its machine, times and inputs: what lies in the cell's folders
    may be an earlier run's.
    """
    produced = sorted(pipeline.all_outputs())
    if status != FINISHED:
        produced = []
    cell.machine.end()
    values: dict[str, float] = {}
    if "metrics" in produced:
        values["seeds"] = len(cell.plan.seeds)
        values |= _aggregates(catalog)
    values["seconds"] = sum(seconds.values())
    first = [name for name in METRICS if name in values]
    ordered = dict.fromkeys([*first, *values])  # pages that compare show the first one
    metrics = [metric(name, values[name]) for name in ordered]
    log_metrics(cell.client, cell.run, metrics + cell.machine.metrics())
    log_document(cell, seconds, NODE_SECONDS_FILE)
    _log_artefacts(cell, catalog, produced)
    _tag_data(cell, catalog, pipeline)
    taken = circumstances.inputs(pipeline, catalog, cell.project)
    log_document(cell, taken, circumstances.INPUTS)
    used = data_sets(pipeline, catalog, cell.plan, cell.project)
    if used:
        cell.client.log_inputs(cell.run, used)
    for seed in cell.plan.seeds:
        log_seed(cell, SeedOutputs(seed, catalog, produced), status)
    cell.client.set_terminated(cell.run, status)


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
    """Upload every file, and a list of all of them with their hashes."""
    listing = {}
    names = [name for name in produced if name != BUNDLE]
    for name, owner, path in files_there(catalog, names):
        folder = artefact_folder(name, owner)
        listing[f"{folder}/{path.name}"] = {
            "sha256": file_sha256(path),
            "bytes": path.stat().st_size,
        }
        _upload(cell, name, path, folder)
    log_document(cell, listing, LISTING)


def _upload(cell: CellRun, name: str, path: Path, folder: str) -> None:
    """A dataset's file, unless it is data.

    Pages go whole, as MLflow shows each by itself, and with the film that `kedro film`
    may have put beside one.
    """
    from oer_pipeline.reports.page import standalone
    from oer_pipeline.reports.repeat import FILM

    if path.suffix == PAGE:
        whole = standalone(path.read_text(encoding="utf-8"))
        cell.client.log_text(cell.run, whole, f"{folder}/{path.name}")
        film = path.with_name(FILM)
        if film.is_file():
            cell.client.log_artifact(cell.run, str(film), folder)
    elif not (name.endswith(DATA) or ".raw_" in name):
        cell.client.log_artifact(cell.run, str(path), folder)


def _tag_data(cell: CellRun, catalog: Catalog, pipeline: Pipeline) -> None:
    """The hash of every data set that the run made or took."""
    for name, path in data_files(pipeline, catalog):
        cell.client.set_tag(cell.run, f"data.{name}", file_sha256(path))
