"""What a run has to be repeated with: the code's commit, the command, the machine, and
the files that no run of this project makes.

MLflow is told of it; `kedro replicate` asks for it.
"""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oer_pipeline.orchestration.artefacts import files_there
from oer_pipeline.orchestration.configuration import DEFAULT_ENVIRONMENT
from oer_pipeline.orchestration.inputs import is_parameter
from oer_pipeline.orchestration.processor import processor_kind
from oer_pipeline.orchestration.records import file_sha256, place_of

if TYPE_CHECKING:
    from kedro.pipeline import Pipeline

    from oer_pipeline.orchestration.internals import Catalog

COMMAND, INPUTS = "command.json", "inputs.json"
"""Names of the documents that MLflow holds of a run."""
LIBRARIES = ("mujoco", "numpy", "pyarrow", "torch")
"""What people are shown of the versions; an artefact's record has all that its code
imports."""
OPTIONS = (
    "env",
    "pipeline_names",
    "runtime_params",
    "tags",
    "node_names",
    "from_nodes",
    "to_nodes",
    "from_inputs",
    "to_outputs",
    "namespaces",
)
"""Options of `kedro run` that say what is run."""
VERSIONED = ("conf", "plugins", "src", "pyproject.toml")
"""What results hang on of the files that git has."""
UNKNOWN = "unknown"
"""Value of the tag `git_commit` outside of a repository."""
NONE = "none"
"""Value of the tag `git_changes` where there are none."""
NO_MATTER = ("credentials", "logging", "mlflow", ".")
"""Beginnings of the names of files of conf/local that no result hangs on."""


def tags(project: Path, run_params: Mapping[str, Any]) -> dict[str, str]:
    """Commit, what differs from it, processor and versions.

    Args:
        project: its folder.
        run_params: as Kedro's hooks get them, with `conf_source`.
    """
    return {
        "git_commit": git(project, "rev-parse", "HEAD") or UNKNOWN,
        "git_changes": _listed(_changes(project, run_params)),
        "processor": processor_kind(),
        "versions": versions(),
    }


def source(commit: str, run_params: Mapping[str, Any]) -> dict[str, str]:
    """MLflow's own tags of where a run comes from: its columns Source and Version.

    Args:
        commit: of the project; `unknown` outside of a repository.
        run_params: as Kedro's hooks get them.
    """
    pipelines = run_params.get("pipeline_names") or []
    asked = f" --pipelines={','.join(pipelines)}" if pipelines else ""
    found = {
        "mlflow.source.name": f"kedro run{asked}",
        "mlflow.source.type": "PROJECT",
    }
    if commit != UNKNOWN:
        found["mlflow.source.git.commit"] = commit
    return found


def versions() -> str:
    """Python's and those of the libraries that results hang on."""
    found = [f"python {platform.python_version()}"]
    for name in LIBRARIES:
        found.append(f"{name} {version(name)}")
    return ", ".join(found)


def command(run_params: Mapping[str, Any]) -> dict[str, Any]:
    """The options of `kedro run` that were given."""
    return {name: run_params[name] for name in OPTIONS if run_params.get(name)}


def inputs(pipeline: Pipeline, catalog: Catalog, project: Path) -> dict[str, str]:
    """Place and hash of every file that the pipeline takes as it lies there."""
    found = {}
    names = [name for name in pipeline.inputs() if not is_parameter(name)]
    for _, _, path in files_there(catalog, sorted(names)):
        found[place_of(path, project)] = file_sha256(path)
    return found


def git(project: Path, *words: str) -> str | None:
    """What git says; None where it fails, or there is no repository."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *words],
            cwd=project,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip("\n")


def _changes(project: Path, run_params: Mapping[str, Any]) -> list[str]:
    """Files that the run may have used, and that are not as the commit has them."""
    environment = run_params.get("env")
    source = Path(run_params.get("conf_source") or project / "conf")
    changed = []
    if source.resolve() != (project / "conf").resolve():
        changed.append(f"configuration in {source}")
    status = git(project, "status", "--porcelain", "--", *VERSIONED) or ""
    for line in status.splitlines():
        changed.append(line.split(maxsplit=1)[1])
    if environment in (None, DEFAULT_ENVIRONMENT):
        local = project / "conf" / DEFAULT_ENVIRONMENT
        for path in sorted(local.rglob("*")):
            if path.is_file() and not path.name.startswith(NO_MATTER):
                changed.append(path.relative_to(project).as_posix())
    return list(dict.fromkeys(changed))


def _listed(names: list[str]) -> str:
    """The first names, and how many more there are."""
    if not names:
        return NONE
    shown = ", ".join(names[:5])
    if len(names) > 5:
        shown += f" and {len(names) - 5} more"
    return shown
