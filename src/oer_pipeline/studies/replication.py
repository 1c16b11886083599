"""`kedro replicate`: a run that MLflow knows is made again in a fresh clone at its
commit, and what differs is said.

Data are compared by bytes; so is what was trained, on the same kind of processor.
Elsewhere float32 sums round otherwise, and metrics are compared by their intervals.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.errors import ConfigurationError, OERError
from oer_pipeline.orchestration.circumstances import git
from oer_pipeline.orchestration.configuration import DEFAULT_ENVIRONMENT
from oer_pipeline.orchestration.records import file_sha256, record_path
from oer_pipeline.studies.command import say
from oer_pipeline.studies.recorded import Recorded, recorded
from oer_pipeline.studies.verdict import Verdict, compared

TRACKING = "server: { mlflow_tracking_uri: 'sqlite:///${globals:project}/mlflow.db' }\n"
"""The clone's own, so that nothing is written where the run is."""
LISTS = {
    "pipeline_names": "pipelines",
    "tags": "tags",
    "node_names": "node_names",
    "from_nodes": "from_nodes",
    "to_nodes": "to_nodes",
    "from_inputs": "from_inputs",
    "to_outputs": "to_outputs",
    "namespaces": "namespaces",
}
"""What is recorded of a command -> the option of `kedro run`."""
LOG = "replication.log"
SECONDS_TO_END = 3.0


def replicate(run: str, env: str | None = None, keep: Path | None = None) -> Verdict:
    """Make a run of the project in the working directory again, and compare.

    Args:
        run: its id in MLflow.
        env: the environment whose configuration says where MLflow is.
        keep: a new folder to make it in; None: one that is removed afterwards.

    Raises:
        ConfigurationError: a run that cannot be made again, and why.
        OERError: making it again fails.
    """
    project = Path.cwd()
    known = recorded(run, env)
    _check_folder(keep)
    _check_commit(known, project)
    _check_inputs(known, project)
    with _place(keep) as place:
        say(f"run {known.run}: commit {known.commit[:10]}, in {place}")
        copy = _clone(known, project, place / "clone")
        _copy_inputs(known, project, copy)
        _run(known, copy, place)
        return compared(known, copy)


def _check_folder(keep: Path | None) -> None:
    if keep is not None and keep.exists():
        raise ConfigurationError(f"--keep is {keep}, which exists; give a new folder")


def _check_commit(known: Recorded, project: Path) -> None:
    if not git(project, "cat-file", "-t", f"{known.commit}^{{commit}}"):
        raise ConfigurationError(
            f"run {known.run} is of commit {known.commit}, which this repository does"
            " not have; fetch it"
        )


def _check_inputs(known: Recorded, project: Path) -> None:
    """Refuse inputs that no longer lie there as the run took them."""
    for place, wanted in known.inputs.items():
        if place.startswith(".../"):
            raise ConfigurationError(
                f"run {known.run} took {place}, a file outside of the project; put it"
                " into the project and run again"
            )
        path = project / place
        if not path.is_file() or file_sha256(path) != wanted:
            state = "has changed since" if path.is_file() else "is missing"
            raise ConfigurationError(
                f"run {known.run} took {place}, which {state}; it had the SHA-256"
                f" {wanted}. Replicate the run that made it first"
            )


@contextmanager
def _place(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep.absolute()
        return
    with TemporaryDirectory(prefix="replication-") as folder:
        yield Path(folder)


def _clone(known: Recorded, project: Path, folder: Path) -> Path:
    """The project at the run's commit, in a fresh clone of its repository."""
    root = git(project, "rev-parse", "--show-toplevel") or ""
    below = git(project, "rev-parse", "--show-prefix") or ""
    for words in (
        ("clone", "--quiet", "--shared", "--no-checkout", root, str(folder)),
        ("-C", str(folder), "checkout", "--quiet", "--detach", known.commit),
    ):
        if git(project, *words) is None:
            raise OERError(f"git {words[0]} of {root} into {folder} fails")
    copy = folder / below
    environment = known.environment or DEFAULT_ENVIRONMENT
    write_atomic(copy / "conf" / environment / "mlflow.yml", TRACKING)
    return copy


def _copy_inputs(known: Recorded, project: Path, copy: Path) -> None:
    """Files that the run took as they lay there, with the records of what made them."""
    for place in known.inputs:
        for source in (project / place, record_path(project / place)):
            target = copy / source.relative_to(project)
            if source.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)


def _run(known: Recorded, copy: Path, place: Path) -> None:
    """`kedro run` as it was given, in the copy."""
    options = place / "run.yml"
    options.write_text(yaml.safe_dump({"run": _options(known.command)}))
    words = [sys.executable, "-m", "kedro", "run", f"--config={options}"]
    environment = {**os.environ, "PYTHONPATH": f"{copy / 'src'}"}
    log = place / LOG
    with log.open("w") as file:
        process = subprocess.Popen(
            words, cwd=copy, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            status = process.wait()
        finally:
            _end(process)
    if status:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
        last = [line.strip() for line in lines if line.strip()][-1:]
        raise OERError(
            f"run {known.run} cannot be made again: kedro run ends with {status}:"
            f" {' '.join(last)[:300]}"
        )


def _options(command: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded command as `kedro run --config` takes it."""
    options: dict[str, Any] = {}
    for name, value in command.items():
        if name in LISTS:
            options[LISTS[name]] = ",".join(value)
    options["params"] = dict(command.get("runtime_params", {}))
    if command.get("env"):
        options["env"] = command["env"]
    return options


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop it, if it still runs; politely first."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
