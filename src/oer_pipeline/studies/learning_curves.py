"""Return against updates of base learners, task by task: what `make bases` shows, and
what alpha is chosen by.

The result of each trial (`studies.trial`) is a file of its own; what was stopped goes
on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from oer_pipeline.common.atomic import write_atomic
from oer_pipeline.common.storage import check_places
from oer_pipeline.orchestration.fingerprints import recipe
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.records import file_sha256
from oer_pipeline.studies.places import REPORTS, data_file
from oer_pipeline.studies.trial import Trial, perform

POINTS = (1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
"""After how many updates a policy is rolled out."""


def curves_folder(root: Path) -> Path:
    """Where the results of trials lie, a file each.

    Args:
        root: of the environment's data.
    """
    return root / REPORTS / "learning_curves"


def trials_of(
    plan: Plan,
    variant: str,
    root: Path,
    points: Sequence[int] = POINTS,
) -> list[Trial]:
    """A plan's tasks with its base learner, each learned by itself as the first one.

    Args:
        plan: of the run whose data are there.
        variant: what the trials are called.
        root: of the environment's data.
        points: numbers of updates after which a policy is rolled out.
    """
    chosen = plan.parameters["chosen"]["learner"]["base"]
    settings = {**plan.parameters["learner"], "updates": max(points)}
    found = []
    for task in plan.tasks:
        data = data_file(root, plan, plan.data_of(task))
        trial = Trial(
            suite=plan.suite.name,
            quality=plan.quality,
            task_name=task.name,
            variant=variant,
            settings=settings,
            base={"class": chosen["class"], "options": chosen["options"]},
            task=asdict(task),
            seeds=plan.seeds,
            episodes=plan.parameters["evaluation"]["episodes"],
            points=tuple(points),
            data=str(data),
        )
        found.append(trial)
    return found


def fingerprint_of(trial: Trial) -> str:
    """A hash of what makes a trial's result what it is."""
    told = asdict(trial)
    file = told.pop("data")
    data = {"all": file_sha256(Path(file))}
    code = (trial.base["class"],)
    made = recipe(perform, {"trial": told}, {"data": data}, code=code)
    return made.fingerprint


def kept_result(file: Path, fingerprint: str) -> dict[str, Any] | None:
    """A finished trial's result; None where there is none of this fingerprint."""
    try:
        kept = json.loads(file.read_text())
        if kept["fingerprint"] == fingerprint:
            return dict(kept["result"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def perform_all(
    trials: Sequence[Trial],
    folder: Path,
    client: Any,
    tell: Callable[[str], None],
) -> dict[str, dict[str, Any]]:
    """Every trial's result; those that are kept already are not done again.

    Args:
        trials: of different names.
        folder: of the results, a file each.
        client: of Dask; its workers perform them.
        tell: is told of each result, in a line.
    """
    from distributed import as_completed

    found: dict[str, dict[str, Any]] = {}
    missing = []
    fingerprints = {}
    files = {}
    for trial in trials:
        fingerprint = fingerprint_of(trial)
        file = folder / f"{trial.name}-{fingerprint[:12]}.json"
        fingerprints[trial.name] = fingerprint
        files[trial.name] = file
        kept = kept_result(file, fingerprint)
        if kept is None:
            missing.append(trial)
        else:
            found[trial.name] = kept
    check_places(files[trial.name] for trial in missing)
    tell(f"{len(trials)} trials, {len(found)} of them kept")
    running = {}
    for number, trial in enumerate(missing):
        future = client.submit(perform, trial, pure=False, priority=-number)
        running[future] = trial
    for number, future in enumerate(as_completed(running), start=1):
        trial = running[future]
        result = future.result()
        found[trial.name] = result
        document = {"fingerprint": fingerprints[trial.name], "result": result}
        text = json.dumps(document)
        write_atomic(files[trial.name], f"{text}\n")
        tell(f"{number}/{len(missing)} {trial.name}: {_last_returns(result)}")
    return {trial.name: found[trial.name] for trial in trials}


def _last_returns(result: Mapping[str, Any]) -> str:
    """After the last number of updates, seed by seed."""
    last = []
    for returns in result["returns"].values():
        last.append(f"{returns[-1]:.0f}" if returns else "-")
    return ", ".join(last)
