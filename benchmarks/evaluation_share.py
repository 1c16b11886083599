"""Share of a default-size cell's time that evaluation takes: fine-tuning, three tasks,
three seeds.

Measured is the CPU time of the cell's own nodes, the second time that they run in a
process, in a project of its own in a temporary folder. Training runs for a tenth of the
default's updates and its time counts ten times (with that of capturing them, some
hundredths); the data are a fifth of the default's, on which neither time depends.
Evaluation is what rolls a policy out: on all tasks learned and the next one after each
task, and the visits at the end. Kedro's own time is left out, which makes the share
larger.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl

from benchmarks.figure import Figure
from benchmarks.made_up import one_thread
from oer_pipeline.orchestration.runner import FreshRunner

ROOT = Path(__file__).parents[1]
FEWER = 10
DATA = {"transitions": 4_000, "reference_episodes": 10}
CELL = ["continual", "evaluation", "reporting"]


class NodeTimes:
    """A hook that keeps every node's CPU seconds; the work is one thread's."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @hook_impl
    def before_node_run(self, node: Any) -> None:
        self.seconds[node.name] = -time.process_time()

    @hook_impl
    def after_node_run(self, node: Any) -> None:
        self.seconds[node.name] += time.process_time()


class TimedRunner(FreshRunner):
    """Runs every node, fresh or not, and keeps the time of each."""

    def __init__(self) -> None:
        super().__init__(force=True)
        self.times = NodeTimes()

    def _run(
        self,
        pipeline: Any,
        catalog: Any,
        hook_manager: Any = None,
        run_id: str | None = None,
    ) -> None:
        hook_manager.register(self.times)
        super()._run(pipeline, catalog, hook_manager, run_id)


def measure() -> Figure:
    one_thread()
    with _project() as project:
        _run(project, ["collection", "ingestion", *CELL])
        times = _run(project, CELL)
    training = FEWER * sum(
        seconds for name, seconds in times.items() if name.endswith(".train")
    )
    evaluation = sum(
        s
        for name, s in times.items()
        if name.endswith(".evaluate") or ".visit_" in name
    )
    rest = sum(times.values()) - training / FEWER - evaluation
    print(
        f"evaluation_share: {training:.1f} s training, {evaluation:.1f} s evaluation,"
        f" {rest:.1f} s reports"
    )
    return Figure(
        "evaluation_share", evaluation / (training + evaluation + rest), 0.10, "lower"
    )


@contextmanager
def _project() -> Iterator[Path]:
    """This configuration in a temporary folder, entered."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        shutil.copytree(ROOT / "conf", path / "conf")
        shutil.copy(ROOT / "pyproject.toml", path)
        (path / "src").mkdir()
        os.chdir(path)
        try:
            yield path
        finally:
            os.chdir(before)


def _run(project: Path, pipelines: list[str]) -> dict[str, float]:
    """Run the cell's pipelines; every node's CPU seconds."""
    from kedro.framework.startup import bootstrap_project

    from oer_pipeline.orchestration.configuration import plans_of
    from oer_pipeline.orchestration.session import PlanSession

    bootstrap_project(project)
    [default] = plans_of(["method=finetune"], None)
    updates = default.parameters["learner"]["updates"] // FEWER
    given = {"method": "finetune", "learner": {"updates": updates}, "collection": DATA}
    runner = TimedRunner()
    session: Any = PlanSession.create(project, runtime_params=given)
    with session:
        session.run(pipeline_names=pipelines, runner=runner)
    return runner.times.seconds
