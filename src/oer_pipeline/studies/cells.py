"""A grid's cells: their plans, and the jobs that make them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.locks import path_of
from oer_pipeline.orchestration import lock_names
from oer_pipeline.orchestration.configuration import configuration_of, data_root
from oer_pipeline.orchestration.folders import as_text, name_of
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.run_parameters import parameters_of
from oer_pipeline.studies.combinations import Combination, combinations
from oer_pipeline.studies.grid_files import read
from oer_pipeline.studies.grids import Grid
from oer_pipeline.studies.jobs import Job

SECONDS_PER_MEMBER_UPDATE = 1.3e-3
"""What an update of a 128-128 network at batch 256 takes on one core of 2026; only the
first estimate of the time left rests on it."""
DIVERGED = r"^Error: .*(losses|weights) of seed\(s\) .*(not finite|mean Q is beyond)"
"""What a run ends with when training diverges
(`learners.divergence.DivergedError`)."""


@dataclass(frozen=True)
class Cell:
    """One cell of a grid: its name there, what it is told, and the plan of that."""

    name: str
    combination: Combination
    params: str
    plan: Plan

    @property
    def data(self) -> tuple[str, str]:
        """What cells of the same data have in common."""
        return self.plan.suite_folder, self.plan.quality_folder

    @property
    def group(self) -> str:
        """What cells that can be compared have in common: data and varied
        parameters."""
        return json.dumps([*self.data, dict(self.combination.varied)])


@dataclass(frozen=True)
class Cells:
    """All cells of a grid, in its order, and where their results lie."""

    grid: Grid
    cells: tuple[Cell, ...]
    env: str | None
    params: str  # what a user says beside the grid

    @property
    def root(self) -> Path:
        """The environment's data folder, relative to the project."""
        return Path(data_root(self.env))

    @property
    def are_as_told(self) -> bool:
        """Whether they are what the grid's file says, all of it or a part."""
        return not self.params and self.env is None

    @property
    def are_whole(self) -> bool:
        """Whether they are all that the grid's file says."""
        return self.are_as_told and not self.grid.is_part

    @property
    def have_metrics(self) -> bool:
        """Whether they go through reporting."""
        return "reporting" in self.grid.stages

    @property
    def page(self) -> Path | None:
        """The page that the report rewrites; None where there is none, as beside an
        installed package, something was changed, or a part can't make it."""
        may_be_part = self.grid.kind.is_of_kept_results and self.are_as_told
        if self.grid.page is None or not (self.are_whole or may_be_part):
            return None
        page = Path(self.grid.page)
        return page if page.is_file() else None


def cells_named(
    name: str,
    *,
    env: str | None = None,
    params: str = "",
    suites: Sequence[str] | None = None,
    qualities: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    orders: Sequence[int] | None = None,
) -> Cells:
    """The cells of a grid, or of a part of it, of the project in the working directory.

    Args:
        name: of the grid.
        env: the environment; None for the default.
        params: beside what the grid says, as `kedro run --params` takes them.
        suites: a part of the grid's; None: all.
        qualities: a part of the grid's; None: all.
        methods: a part of the grid's; None: all.
        orders: a part of a study's task orders; None: all.

    Raises:
        ConfigurationError: an unknown grid or a wrong one, a name that it lacks,
            whatever `kedro run` would refuse.
    """
    whole = read(name, Path("conf"), env)
    part = whole.part(
        suites=suites, qualities=qualities, methods=methods, orders=orders
    )
    return cells_of(part, params, env)


def cells_of(
    grid: Grid,
    params: str,
    env: str | None,
) -> Cells:
    """The grid's cells with a user's parameters beside what the grid says.

    Args:
        grid: as its file says it.
        params: as `kedro run --params` takes them.
        env: the environment; None for the default.

    Raises:
        ConfigurationError: whatever `kedro run` would refuse, `params` that the grid
            says itself, an empty grid, or two cells that would write the same files.
    """
    configured = configuration_of(env)
    learners = configured.parameters["learners"]
    found: list[Cell] = []
    taken: dict[tuple[str, ...], str] = {}
    for combination in combinations(grid, configured.presets, learners):
        _check_beside(grid, combination, params)
        told = combination.params(params)
        plan = configured.plan(parameters_of(told))
        name = _named(grid, combination, combination.method)
        place = (plan.suite_folder, plan.quality_folder, plan.cell)
        if place in taken:
            raise ConfigurationError(
                f"grid {grid.name}: cells {taken[place]} and {name} are the same; leave"
                " one out"
            )
        taken[place] = name
        found.append(
            Cell(
                name,
                combination,
                told,
                plan,
            )
        )
    return Cells(
        grid,
        tuple(found),
        env,
        params,
    )


def _check_beside(
    grid: Grid,
    combination: Combination,
    params: str,
) -> None:
    """Refuse what would be of no effect, because the grid says it."""
    by_grid = {"suite", "quality", "method", "compare", *combination.parameters}
    for part in params.split(","):
        name = part.partition("=")[0].strip()
        if name in by_grid:
            raise ConfigurationError(
                f"grid {grid.name} says {name} itself; pick among its suites,"
                " qualities, methods or orders by --suites, --qualities, --methods,"
                " --orders, or write a grid of your own (docs/cluster.md)"
            )


def _named(
    grid: Grid,
    combination: Combination,
    what: str,
) -> str:
    """`what`, a method or a comparison, with all that tells it from the grid's others:
    `ant_dir-medium-oer-size=30`."""
    parts = []
    if len(grid.suites) > 1:
        parts.append(combination.suite)
    if len(grid.qualities) > 1:
        parts.append(combination.quality)
    parts.append(what)
    for name, value in combination.varied.items():
        shown = name_of(as_text(value))
        parts.append(f"{name.rpartition('.')[2]}={shown}")
    return "-".join(parts)


def jobs_of(cells: Cells) -> list[Job]:
    """Data once per suite, data sets and models once per quality, then the cells, then
    what compares them. Cells that share their first task wait for the one that makes
    it."""
    makers = _Jobs(cells)
    judging = "judging" in cells.grid.stages
    first: dict[str, str] = {}
    excused = DIVERGED if cells.grid.excuse_divergence else None
    stages = ",".join(cells.grid.stages)
    # longest chains first: those that wait for a transition model
    for cell in sorted(cells.cells, key=_uses_model, reverse=True):
        waits = [makers.data_set(cell)]
        if judging or _uses_model(cell):
            waits.append(makers.models(cell))
        leader = first.setdefault(_first_task(cell.plan), cell.name)
        if leader != cell.name:
            waits.append(leader)
        makers.add(
            cell.name,
            stages,
            cell.params,
            waits,
            cell_seconds(cell.plan),
            lock_parts=lock_names.cell(cell.plan),
            excused=excused,
        )
    if cells.grid.kind.has_comparison_pages:
        for compared in groups(cells):
            makers.comparison(compared)
    return makers.jobs


def compared_params(compared: Sequence[Cell]) -> str:
    """What the comparison pipeline is told to compare these cells."""
    methods = "+".join(cell.plan.method for cell in compared)
    return f"{compared[0].params},compare={methods}"


def groups(cells: Cells) -> list[list[Cell]]:
    """The cells by what can be compared with what, in the grid's order."""
    found: dict[str, list[Cell]] = {}
    for cell in cells.cells:
        found.setdefault(cell.group, []).append(cell)
    return list(found.values())


class _Jobs:
    """Makes jobs; what several cells share is made once."""

    def __init__(self, cells: Cells) -> None:
        self.jobs: list[Job] = []
        self._names: set[str] = set()
        self._data_tasks: dict[str, str] = {}
        self._grid = cells.grid
        self._root = str(cells.root)
        self._options = (f"--env={cells.env}",) if cells.env else ()

    def add(
        self,
        name: str,
        pipelines: str,
        params: str,
        after: Sequence[str],
        seconds: float,
        lock_parts: Sequence[str],
        excused: str | None = None,
    ) -> str:
        """A job, unless it is there already; returns its name.

        Args:
            name: of the job.
            pipelines: as `kedro run --pipelines` takes them.
            params: as `kedro run --params` takes them.
            after: names of the jobs that it waits for.
            seconds: that it is expected to take.
            lock_parts: of the name of its lock (`orchestration.lock_names`).
            excused: a pattern of the error that is a result, not a failure; None: no
                error is.
        """
        if name in self._names:
            return name
        self._names.add(name)
        told = f"--params={params}"
        job = Job(
            name,
            (f"--pipelines={pipelines}", *self._options, told),
            after=tuple(after),
            expected=seconds,
            excused=excused,
            lock=str(path_of("/".join((self._root, *lock_parts)))),
            folder=self._grid.name,
        )
        self.jobs.append(job)
        return name

    def _data_name(self, plan: Plan) -> str:
        """The suite's folder; with the tasks' numbers where these are others than the
        first cell's there."""
        suite = plan.suite_folder
        numbers = "+".join(str(task.index) for task in plan.data_tasks)
        if self._data_tasks.setdefault(suite, numbers) == numbers:
            return suite
        return f"{suite}_tasks_{name_of(numbers)}"

    def data_set(self, cell: Cell) -> str:
        """The raw data of the cell's suite, and its data sets of the cell's quality."""
        plan = cell.plan
        raw = self.add(
            f"data_{self._data_name(plan)}",
            "collection",
            cell.params,
            (),
            data_seconds(plan),
            lock_names.raw_data(plan),
        )
        name = f"data_{self._data_name(plan)}_{plan.quality}"
        return self.add(
            name,
            "ingestion",
            cell.params,
            (raw,),
            15.0,
            lock_names.data_sets(plan),
        )

    def models(self, cell: Cell) -> str:
        """The transition models of the cell's data."""
        name = f"dynamics_{self._data_name(cell.plan)}_{cell.plan.quality_folder}"
        seconds = 15.0 + 45.0 * len(cell.plan.tasks)
        waits = (self.data_set(cell),)
        return self.add(
            name,
            "dynamics",
            cell.params,
            waits,
            seconds,
            lock_names.models(cell.plan),
        )

    def comparison(self, compared: Sequence[Cell]) -> None:
        """The page that compares cells of the same data."""
        names = [cell.name for cell in compared]
        name = _named(self._grid, compared[0].combination, "comparison")
        folders = [cell.plan.cell for cell in compared]
        self.add(
            name,
            "comparison",
            compared_params(compared),
            names,
            10.0,
            lock_names.comparison(compared[0].plan, folders),
        )


def _uses_model(cell: Cell) -> bool:
    """Whether its selector asks for the transition model."""
    selector = cell.plan.selector
    return selector is not None and selector.uses_model


def _first_task(plan: Plan) -> str:
    """What makes the first task's policies: cells that agree in it share them."""
    told = plan.parameters
    recipe = {
        "data": [plan.suite_folder, plan.quality_folder, plan.data_of(plan.tasks[0])],
        "method": plan.method,
        "seeds": list(plan.seeds),
        "learner": told["learner"],
        "first": told["chosen"]["first_learner"],
    }
    return json.dumps(recipe, sort_keys=True)


def data_seconds(plan: Plan) -> float:
    """About how long collection takes on one core."""
    return float(
        15 + len(plan.tasks) * plan.parameters["collection"]["transitions"] / 2500
    )


def cell_seconds(plan: Plan) -> float:
    """About how long a cell takes on one core."""
    updates = len(plan.tasks) * len(plan.seeds) * plan.parameters["learner"]["updates"]
    return float(20 + SECONDS_PER_MEMBER_UPDATE * updates)
