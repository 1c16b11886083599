"""`kedro film` of a finished cell: its deployed policies, read from where the cell's
run left them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from oer_pipeline.common.checks import known
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.ranges import parse_numbers
from oer_pipeline.datasets import SafetensorsDataset
from oer_pipeline.learners.policies import Policies
from oer_pipeline.orchestration.configuration import configuration_of, data_root
from oer_pipeline.orchestration.inputs import checked
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.run_parameters import parameters_of
from oer_pipeline.reports.cell_film import panels_of, write
from oer_pipeline.reports.film import ENDINGS
from oer_pipeline.reports.repeat import FILM
from oer_pipeline.studies.places import MODELS, REPORTS, cell_folder
from oer_pipeline.suites.suite import Task

MOST_PANELS = 36
FORMS = "a range 1-3, or numbers 1+3"


def film_cell(
    params: str,
    env: str | None = None,
    out: Path | None = None,
    *,
    after: str | None = None,
    tasks: str | None = None,
    seed: int = 0,
) -> Path:
    """Draw the deployed policies of a cell's first seed, and return the file.

    Args:
        params: of the cell, as `kedro run --params` takes them.
        env: the environment of the configuration.
        out: the file; None: `FILM` beside the cell's page.
        after: numbers of tasks after which policies are shown; None: all there are.
        tasks: numbers of the tasks that they are shown on; None: all.
        seed: of the episodes.

    Raises:
        ConfigurationError: what the cell does not have, an ending that is none, or too
            many panels.
        OERError: policies that are missing or damaged, or nothing that can draw.
    """
    plan = configuration_of(env).plan(parameters_of(params))
    root = Path(data_root(env))
    path = out or cell_folder(root, REPORTS, plan) / FILM
    known("the file's ending", path.suffix, ENDINGS)
    rows = _picked("--after", after, plan.stops)
    columns = _picked("--tasks", tasks, plan.tasks)
    _check_number(rows, columns)
    policies = [_policies(plan, root, stop, params) for stop in rows]
    panels = panels_of(policies, columns, seed)
    title = f"{plan.cell} on {plan.suite_folder}, {plan.quality_folder}"
    write(panels, path, f"{title}, seed {plan.seeds[0]}")
    return path


def _picked(option: str, given: str | None, there: Sequence[Task]) -> list[Task]:
    """The tasks of these numbers, in the order of the sequence."""
    if given is None:
        return list(there)
    numbers = parse_numbers(option, given, FORMS)
    indices = {task.index for task in there}
    if not indices.issuperset(numbers):
        has = "+".join(map(str, sorted(indices)))
        raise ConfigurationError(f"{option} is {given!r}; this cell has {has}")
    return [task for task in there if task.index in numbers]


def _check_number(rows: Sequence[Task], columns: Sequence[Task]) -> None:
    """Refuse no panel at all, and more than one can look at."""
    count = 0
    for stop in rows:
        count += sum(task.index <= stop.index for task in columns)
    if count == 0:
        raise ConfigurationError(
            f"--tasks are from {columns[0].index}, which is not learned after task"
            f" {rows[-1].index}; give tasks learned by then"
        )
    if count > MOST_PANELS:
        raise ConfigurationError(
            f"the film has {count} panels, at most {MOST_PANELS} can be told apart;"
            " choose some with --after and --tasks, such as --after=1+5"
        )


def _policies(plan: Plan, root: Path, stop: Task, params: str) -> Policies:
    """The policies of the first seed after a task, as the run recorded them."""
    seed = plan.seeds[0]
    folder = cell_folder(root, MODELS, plan) / f"seed_{seed}"
    path = folder / f"{stop.name}_policies.safetensors"
    env = f" --env={plan.environment}" if plan.environment else ""
    told = f" --params={params}" if params else ""
    remedy = f"kedro run{env}{told} makes it"
    if not path.is_file():
        raise ConfigurationError(
            f"{path} is missing: cell {plan.cell} has no policies after"
            f" {stop.name}, seed {seed}; {remedy}"
        )
    wanted = f"the film needs the policies after {stop.name}, seed {seed}"
    checked(path, Path.cwd(), wanted, remedy)
    return Policies.from_tensors(*SafetensorsDataset(str(path)).load())
