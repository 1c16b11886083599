"""`make clones`: what clones of the scripted behaviours' `medium` data do on goals that were not collected.

Behaviour cloning, 256-256, 4,000 updates a task, three seeds. The results lie beside the
behaviours, and `python -m oer_pipeline.suites.behaviour_table` shows them beside the data.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from oer_pipeline.atomic import atomic_path
from oer_pipeline.bounds import whole
from oer_pipeline.context import data_root, plans_of
from oer_pipeline.errors import OERError
from oer_pipeline.grid import Job, data_seconds, run_all, say
from oer_pipeline.learning_curves import Trial, perform_all, trials_of
from oer_pipeline.plan import Plan
from oer_pipeline.suites.behaviour_table import CLONES, SCRIPTED

UPDATES = 4_000
HIDDEN = (256, 256)
EPISODES = 50
MOST_PROCESSES = 1_024


def run_of(suite: str) -> str:
    """What `kedro run --params` is told of all tasks of a suite."""
    tasks = SCRIPTED[suite]
    return f"suite={suite},tasks={tasks},quality=medium,method=bc,seeds=0-2,evaluation.episodes={EPISODES}"


def job_of(suite: str, plan: Plan) -> Job:
    """Collection and ingestion of a suite."""
    arguments = ["--pipelines=collection,ingestion", f"--params={run_of(suite)}"]
    return Job(f"data_{suite}", arguments, (), 4 * data_seconds(plan))


def clones_of(plan: Plan, root: Path) -> list[Trial]:
    """A clone of each task's data."""
    trials = trials_of(plan, "clone", root, [UPDATES])
    return [replace(trial, settings={**trial.settings, "hidden": HIDDEN}) for trial in trials]


def record_of(trials: Sequence[Trial], results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Each task's clone: mean return and success over its seeds, and of how many seeds."""
    found = {}
    for trial in trials:
        result = results[trial.name]
        returns, success = ([values[-1] for values in result[what].values()] for what in ("returns", "success"))
        task = str(trial.place["parameters"]["env_name"])
        found[task] = {
            "return": sum(returns) / len(returns),
            "success": sum(success) / len(success),
            "seeds": len(returns),
            "updates": UPDATES,
        }
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes at once")
    given = parser.parse_args()
    try:
        whole("--jobs", given.jobs, 1, MOST_PROCESSES)
        plans = dict(zip(SCRIPTED, plans_of([run_of(suite) for suite in SCRIPTED], None), strict=True))
        run_all([job_of(suite, plan) for suite, plan in plans.items()], given.jobs)
        root = Path(data_root(None))
        trials = [trial for plan in plans.values() for trial in clones_of(plan, root)]
        results = perform_all(trials, root / "08_reporting" / "learning_curves", given.jobs, say)
    except OERError as error:
        raise SystemExit(f"Error: {error}") from error
    with atomic_path(CLONES) as temporary:
        temporary.write_text(json.dumps(record_of(trials, results), indent=1, sort_keys=True) + "\n")
    say(f"{CLONES}")


if __name__ == "__main__":
    main()
