"""Shared fixtures: Kedro projects in temporary folders with this configuration."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[1]
torch.set_num_threads(1)
ROUND = 5
"""Episodes that runs of these tests roll out together, instead of 25: the 1,000 rows of
each kind that conf/test asks for. Records do not tell them from those of other
processes, so that only data of such runs have the same bytes."""
os.environ.pop("MLFLOW_TRACKING_URI", None)  # tests track into their own folders


FIGURES = pytest.StashKey[dict[str, dict[str, int]]]()
Count = Callable[[str, str, int], None]


@pytest.fixture
def count(pytestconfig: pytest.Config) -> Count:
    """Counts trials, `(what, of which kind, how many)`; the sums are printed at the
    end."""
    counts = pytestconfig.stash.setdefault(FIGURES, {})

    def add(what: str, kind: str, number: int) -> None:
        kinds = counts.setdefault(what, {})
        kinds[kind] = kinds.get(kind, 0) + number

    return add


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The figures of docs/guarantees.md, of the trials that were just made."""
    for what, kinds in config.stash.get(FIGURES, {}).items():
        terminalreporter.section(f"{what}: {sum(kinds.values())}")
        for kind, number in kinds.items():
            terminalreporter.line(f"{number:>5} {kind}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Of several processes, each hands its figures to the one that prints."""
    if hasattr(session.config, "workeroutput"):
        figures = session.config.stash.get(FIGURES, {})
        session.config.workeroutput["figures"] = figures


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take them."""
    total = node.config.stash.setdefault(FIGURES, {})
    for what, kinds in getattr(node, "workeroutput", {}).get("figures", {}).items():
        sums = total.setdefault(what, {})
        for kind, number in kinds.items():
            sums[kind] = sums.get(kind, 0) + number


@cache
def _empty_database() -> Path:
    """A tracking database without experiments: making one takes seconds, copying it
    none."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path = Path(tempfile.mkdtemp()) / "mlflow.db"
    SqlAlchemyStore(f"sqlite:///{path}", str(path.parent / "artefacts"))
    return path


class Project:
    """A copy of the project's configuration, with no data and a tracking database of
    its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        shutil.copytree(ROOT / "conf", path / "conf")
        shutil.copy(ROOT / "pyproject.toml", path)
        (
            path / "src"
        ).mkdir()  # Kedro wants the folder; the package is the installed one
        shutil.copy(_empty_database(), path / "mlflow.db")

    @classmethod
    def at(cls, path: Path) -> Project:
        """The project that lies there."""
        project = object.__new__(cls)
        project.path = path
        return project

    def run(self, *pipelines: str, env: str = "test", **how: Any) -> list[str]:
        """`kedro run` inside this process; the names of the nodes that ran. `how`:
        parameters, `tags`, `from_nodes`."""
        from kedro.framework.startup import bootstrap_project

        from oer_pipeline.orchestration.runner import FreshRunner
        from oer_pipeline.orchestration.session import PlanSession
        from oer_pipeline.suites import behaviour_data

        selected = {key: how.pop(key) for key in ("tags", "from_nodes") if key in how}
        runner = FreshRunner(force=bool(how.get("force", False)))
        before = Path.cwd()
        os.chdir(self.path)
        try:
            bootstrap_project(self.path)
            with (
                pytest.MonkeyPatch.context() as patch,
                PlanSession.create(self.path, env=env, runtime_params=how) as session,
            ):
                patch.setattr(behaviour_data, "ROUND", ROUND)
                session.run(pipeline_names=list(pipelines), runner=runner, **selected)
        finally:
            os.chdir(before)
        return runner.ran

    def files(self, below: str = "data") -> dict[str, bytes]:
        """Every file that runs made, by its path below `below`; not their locks."""
        root = self.path / below
        found = {}
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix != ".lock":
                found[path.relative_to(root).as_posix()] = path.read_bytes()
        return found


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return Project(tmp_path / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with one finished OER cell at test size; read it, do not change it."""
    made = Project(tmp_path_factory.mktemp("finished") / "project")
    made.run()
    return made


@pytest.fixture
def collected(finished: Project, project: Project) -> Project:
    """An empty project but for the finished one's raw data."""
    raw = Path("data/test/01_raw")
    shutil.copytree(finished.path / raw, project.path / raw)
    return project


@pytest.fixture
def resumed(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project to change."""
    copy = Project(tmp_path / "copy")
    shutil.copytree(finished.path / "data", copy.path / "data")
    return copy
