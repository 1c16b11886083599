"""`kedro behaviours`: behaviour policies of suites' tasks, a job per task.

A task whose file is there is kept, so that a stopped command goes on where it was. Of
scripted families, which train nothing, a job finds the levels of `medium`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from oer_pipeline.common.atomic import sweep
from oer_pipeline.common.checks import whole
from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.common.locks import path_of
from oer_pipeline.common.storage import check_places
from oer_pipeline.common.terminal import summary
from oer_pipeline.orchestration.configuration import behaviours_of, configuration_of
from oer_pipeline.studies.command import run_all, say, workers
from oer_pipeline.studies.jobs import Job
from oer_pipeline.suites.behaviour import behaviour_name, behaviour_path
from oer_pipeline.suites.behaviour_training import Training, make
from oer_pipeline.suites.suite import Suite, Task

FOLDER = Path("data/01_raw/behaviours")
SECONDS_PER_TRAINING = 400.0
"""On one core, roughly; the first estimate of the time left."""


def suites_of(names: Sequence[str], env: str | None = None) -> list[Suite]:
    """The suites of these names in the project's configuration.

    Args:
        names: of suites.
        env: the environment; None for the default.

    Raises:
        ConfigurationError: a name that is not there, or a suite that is wrong.
    """
    configured = configuration_of(env).suites
    found = []
    for name in names:
        if name not in configured:
            raise ConfigurationError(
                f"unknown suite {name!r}; {choices(configured, name)}"
            )
        found.append(Suite.from_config(name, configured[name]))
    return found


def task_of(
    suite: str,
    number: int,
    env: str | None = None,
) -> Task:
    """A suite's task by its number, from 1.

    Args:
        suite: its name.
        number: of the task, from 1.
        env: the environment; None for the default.

    Raises:
        ConfigurationError: an unknown suite, or a number that it has no task for.
    """
    [found] = suites_of([suite], env)
    whole(
        f"task of suite {suite}",
        number,
        1,
        len(found.tasks),
    )
    return found.tasks[number - 1]


def train_behaviours(
    suites: Sequence[str],
    *,
    folder: Path = FOLDER,
    again: bool = False,
    env: str | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
) -> str:
    """Train what the folder and the package lack of the suites' tasks.

    Args:
        suites: their names.
        folder: of behaviour files.
        again: all of them, each in the place of the file that is there.
        env: the environment; None for the default.
        jobs: workers on this machine; None: as many as it can take.
        scheduler: of a Dask cluster that runs already; None: this machine works.

    Raises:
        ConfigurationError: an unknown suite or setting, before any work.
        SystemExit: a training failed; all others are done by then.
    """
    settings = behaviours_of(env)
    missing: list[Job] = []
    kept = 0
    known: set[Path] = set()
    for suite in suites_of(suites, env):
        Training.from_config(suite.family, settings.get(suite.family, {}))
        for task in suite.tasks:
            path = behaviour_path(task.family, task.key, folder)
            if task.source is not None or path in known:
                continue
            known.add(path)
            if path.is_file() and not again:
                kept += 1
            else:
                missing.append(_job(task, folder, env))
    say(f"{len(missing)} tasks to train, {kept} are there")
    if missing:
        with workers(jobs, scheduler) as client:
            run_all(missing, client)
    title = f"Done: behaviour policies of tasks trained {len(missing)}, kept {kept}"
    return summary(title, [("folder", folder)])


def _job(
    task: Task,
    folder: Path,
    env: str | None,
) -> Job:
    path = folder / behaviour_name(task.family, task.key)
    return Job(
        f"behaviours_{task.family}_{task.key}".replace("/", "_"),
        (task.suite, str(task.index), str(folder), env or ""),
        expected=SECONDS_PER_TRAINING,
        call=f"{__name__}:train_one",
        lock=str(path_of(str(path))),
    )


def train_one(
    suite: str,
    number: str,
    folder: str,
    env: str,
) -> None:
    """Train a task's behaviour policies and write their file: what a job calls.

    Args:
        suite: its name.
        number: of the task, from 1, as text.
        folder: of behaviour files.
        env: the environment; empty for the default.

    Raises:
        ConfigurationError: an unknown suite or setting.
        DataError: the policies do not clearly leave the floor.
    """
    task = task_of(suite, int(number), env or None)
    settings = behaviours_of(env or None).get(task.family, {})
    training = Training.from_config(task.family, settings)
    path = Path(folder) / behaviour_name(task.family, task.key)
    sweep(path.parent)
    check_places([path])
    print(make(task, training, path), flush=True)
