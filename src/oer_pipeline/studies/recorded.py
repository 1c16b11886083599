"""What MLflow holds of a run, as far as the run is made again from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from oer_pipeline.common.errors import ConfigurationError, OERError
from oer_pipeline.common.json_text import read_json
from oer_pipeline.orchestration.artefacts import LISTING, artefact_folder
from oer_pipeline.orchestration.cell_run import PARENT_TAG
from oer_pipeline.orchestration.circumstances import COMMAND, INPUTS, NONE
from oer_pipeline.orchestration.redaction import hide
from oer_pipeline.orchestration.timeouts import within

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

METRICS = f"{artefact_folder('metrics', None)}/metrics.json"
NO_SUCH_RUN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
SECONDS = 10.0
"""How long MLflow may take to answer."""
OF_PACKAGE = "src/"
"""Inputs that lie there are part of the commit."""


@dataclass(frozen=True)
class Recorded:
    """A finished run.

    Attributes:
        run: its id.
        commit: of the code.
        command: the options of `kedro run` (`circumstances.command`).
        environment: Kedro's; None for the default.
        processor: its kind.
        versions: of the libraries.
        accelerator: `cpu` or `gpu`, whichever it came to; `auto` where an older version
            of this package made the run, which did not keep that.
        asked_accelerator: as it was asked for.
        inputs: place -> SHA-256 of the files that it took as they lay there.
        artefacts: name -> SHA-256 of all that it left.
        metrics: its document of metrics, if it made one.
    """

    run: str
    commit: str
    command: Mapping[str, Any]
    environment: str | None
    processor: str
    versions: str
    accelerator: str
    asked_accelerator: str
    inputs: Mapping[str, str]
    artefacts: Mapping[str, str]
    metrics: Mapping[str, Any] | None


def recorded(run: str, env: str | None) -> Recorded:
    """What MLflow holds of a run.

    Args:
        run: its id.
        env: the environment whose configuration says where MLflow is.

    Raises:
        ConfigurationError: an unknown run, or one that cannot be made again.
        OERError: MLflow can't be asked.
    """
    client = _client(env)
    found = _run(client, run)
    tags = found.data.tags
    _check(run, found.info.status, tags)
    documents = {}
    for name in (COMMAND, INPUTS, LISTING, METRICS):
        documents[name] = _document(client, run, name)
    for name in (COMMAND, INPUTS, LISTING):
        if documents[name] is None:
            raise ConfigurationError(
                f"run {run} has no {name}, without which it cannot be made again"
            )
    asked = found.data.params.get("accelerator", "cpu")
    inputs = {}
    for place, sha256 in documents[INPUTS].items():
        if not place.startswith(OF_PACKAGE):
            inputs[place] = sha256
    artefacts = {}
    for name, told in documents[LISTING].items():
        artefacts[name] = told["sha256"]
    return Recorded(
        run=run,
        commit=tags["git_commit"],
        command=documents[COMMAND],
        environment=documents[COMMAND].get("env"),
        processor=tags["processor"],
        versions=tags["versions"],
        accelerator=tags.get("accelerator", asked),
        asked_accelerator=asked,
        inputs=inputs,
        artefacts=artefacts,
        metrics=documents[METRICS],
    )


def _check(run: str, status: str, tags: Mapping[str, str]) -> None:
    """Refuse what cannot be made again."""
    if PARENT_TAG in tags:
        raise ConfigurationError(
            f"run {run} is a seed of run {tags[PARENT_TAG]}; replicate that one"
        )
    if status != "FINISHED":
        raise ConfigurationError(
            f"run {run} is {status}; only a FINISHED run is replicated"
        )
    if "git_changes" not in tags:
        raise ConfigurationError(
            f"run {run} says nothing of its command: an older version made it; run it"
            " again"
        )
    if tags["git_commit"] == "unknown":
        raise ConfigurationError(
            f"run {run} was made outside of a git repository: which code it used is"
            " not known"
        )
    if tags["git_changes"] != NONE:
        raise ConfigurationError(
            f"run {run} used files that no commit has: {tags['git_changes']}; commit"
            " them and run again"
        )


def _client(env: str | None) -> MlflowClient:
    """MLflow's, where the project in the working directory is tracked."""
    from kedro.framework.startup import bootstrap_project
    from mlflow import MlflowClient

    from oer_pipeline.orchestration.session import PlanSession

    bootstrap_project(Path.cwd())
    session: Any = PlanSession.create(Path.cwd(), env=env)
    with session:
        session.load_context()  # tells MLflow
    return MlflowClient()


def _run(client: MlflowClient, run: str) -> Run:
    """What MLflow says of a run.

    Raises:
        ConfigurationError: it has none of this id.
        OERError: it can't be asked.
    """
    from mlflow.exceptions import MlflowException

    try:
        return within(SECONDS, partial(client.get_run, run))
    except Exception as error:  # whatever a server's or a database's failure is like
        code = getattr(error, "error_code", "")
        if isinstance(error, MlflowException) and code in NO_SUCH_RUN:
            raise ConfigurationError(
                f"MLflow has no run {run!r} here; kedro mlflow ui lists those that it"
                " has"
            ) from error
        raise _cannot_be_asked(f"run {run!r}", error) from error


def _document(client: MlflowClient, run: str, name: str) -> Any:
    """A run's JSON document; None where it has none.

    Raises:
        OERError: MLflow can't be asked for it.
    """
    folder, _, _ = name.rpartition("/")
    with TemporaryDirectory() as copies:
        try:
            # A missing file and a failing server raise the same when it is fetched.
            listed = within(SECONDS, partial(client.list_artifacts, run, folder))
            if name not in [file.path for file in listed]:
                return None
            fetch = partial(client.download_artifacts, run, name, copies)
            path = within(SECONDS, fetch)
        except Exception as error:
            raise _cannot_be_asked(f"{name} of run {run!r}", error) from error
        return read_json(Path(path))


def _cannot_be_asked(what: str, error: Exception) -> OERError:
    said = hide(" ".join(str(error).split()))
    return OERError(f"MLflow can't be asked for {what}: {said[:300]}")
