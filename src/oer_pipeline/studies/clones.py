"""`kedro clones`: what clones of the scripted behaviours' `medium` data do on goals
that were not collected.

Behaviour cloning, 256-256, 4,000 updates a task, three seeds. The results lie beside
the behaviours, and `kedro behaviours --table` shows them beside the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.errors import DataError
from oer_pipeline.common.terminal import summary
from oer_pipeline.orchestration.configuration import data_root, plans_of
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.reports.behaviour_table import CLONES, SCRIPTED
from oer_pipeline.studies.cells import data_seconds
from oer_pipeline.studies.command import run_all, say, workers
from oer_pipeline.studies.jobs import Job
from oer_pipeline.studies.learning_curves import curves_folder, perform_all, trials_of
from oer_pipeline.studies.trial import Trial

UPDATES = 4_000
EPISODES = 50


def run_of(suite: str) -> str:
    """What `kedro run --params` is told of all tasks of a suite."""
    tasks = SCRIPTED[suite]
    told = f"suite={suite},tasks={tasks},quality=medium,method=bc,seeds=0-2"
    return f"{told},learner.hidden=256+256,evaluation.episodes={EPISODES}"


def job_of(suite: str, plan: Plan) -> Job:
    """Collection and ingestion of a suite."""
    arguments = ("--pipelines=collection,ingestion", f"--params={run_of(suite)}")
    return Job(
        f"data_{suite}",
        arguments,
        (),
        4 * data_seconds(plan),
    )


def record_of(
    trials: Sequence[Trial], results: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Each task's clone: mean return and success over its seeds, and of how many
    seeds."""
    found = {}
    for trial in trials:
        result = results[trial.name]
        returns = _last(result["returns"])
        if not returns:
            raise DataError(f"{trial.name}: the training of every seed diverged")
        success = _last(result["success"])
        task = str(trial.task["parameters"]["env_name"])
        found[task] = {
            "return": sum(returns) / len(returns),
            "success": sum(success) / len(success),
            "seeds": len(returns),
            "updates": UPDATES,
        }
    return found


def _last(values: Mapping[str, Sequence[float]]) -> list[float]:
    """Of each seed's values the last one; a seed that diverged has none."""
    return [of_seed[-1] for of_seed in values.values() if of_seed]


def run_clones(jobs: int | None = None, scheduler: str | None = None) -> str:
    """Train and evaluate all clones, and write their record; returns a summary.

    Args:
        jobs: workers on this machine; None: as many as it can take.
        scheduler: of a Dask cluster that runs already; None: this machine works.

    Raises:
        ConfigurationError: whatever `kedro run` would refuse, before any work.
        SystemExit: data could not be made.
    """
    runs = [run_of(suite) for suite in SCRIPTED]
    plans = dict(zip(SCRIPTED, plans_of(runs, None), strict=True))
    root = Path(data_root(None))
    with workers(jobs, scheduler) as client:
        run_all([job_of(suite, plan) for suite, plan in plans.items()], client)
        trials = []
        for plan in plans.values():
            trials += trials_of(plan, "clone", root, [UPDATES])
        results = perform_all(
            trials,
            curves_folder(root),
            client,
            say,
        )
    text = json.dumps(record_of(trials, results), indent=1, sort_keys=True)
    write_atomic(CLONES, text + "\n")
    return summary(
        f"Done: {len(trials)} clones",
        [("record", CLONES), ("shown by", "kedro behaviours --table")],
    )
