"""What this project adds to `kedro`: grids of cells, and the studies made of them.

Kedro reads `cli` and `run` from here. Exit statuses: 0 all is done, 1 something failed
or is not finished, 2 what was asked for cannot be, and nothing was done, 130 stopped by
Ctrl-C, 143 by SIGTERM.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run

from oer_pipeline.common.errors import ConfigurationError, OERError
from oer_pipeline.common.stopping import ends_on_signals
from oer_pipeline.common.terminal import (
    CYAN,
    GREEN,
    RED,
    YELLOW,
    Line,
    linked,
    painted,
)
from oer_pipeline.orchestration.cli_errors import Refused, as_one_line
from oer_pipeline.orchestration.run_parameters import guard_parameters

__all__ = ["cli", "run"]

guard_parameters()

FAILED = 1
MOST_JOBS = 1_024
BEHAVIOURS = Path("data/01_raw/behaviours")
BEHAVIOUR_WORDS = ("SUITE", "TASK", "STAGE", "OUT")
"""What `kedro film` of a behaviour takes."""
COLOURS = {"finished": GREEN, "running": CYAN, "stale": YELLOW, "missing": RED}
"""Of the lines of `kedro status`."""


@click.group(name="oer_pipeline")
def cli() -> None:
    """Grids of cells, and the studies made of them."""


@contextmanager
def _one_line() -> Iterator[None]:
    """The project's own errors are one line and an exit status, without a traceback;
    so are Ctrl-C and SIGTERM."""
    try:
        with ends_on_signals():
            yield
    except OERError as error:
        raise as_one_line(error) from error
    except OSError as error:
        raise click.ClickException(" ".join(str(error).split())) from error


def _number_of_jobs(
    _: click.Context, __: click.Parameter, given: str | None
) -> int | None:
    if given is None:
        return None
    is_number = given.isascii() and given.isdecimal() and len(given) <= 5
    if is_number and 1 <= int(given) <= MOST_JOBS:
        return int(given)
    raise Refused(f"--jobs is {given!r}; it takes a number from 1 to {MOST_JOBS}")


def _names(
    _: click.Context, __: click.Parameter, given: str | None
) -> list[str] | None:
    """`a+b` as a list."""
    return None if given is None else given.split("+")


def _numbers(
    _: click.Context, parameter: click.Parameter, given: str | None
) -> tuple[int, ...] | None:
    """`0-2+5` as numbers."""
    from oer_pipeline.common.ranges import parse_numbers

    if given is None:
        return None
    with _one_line():
        return parse_numbers(f"--{parameter.name}", given, "a range 0-3 or numbers 0+3")


def _grid_names(context: click.Context, __: click.Parameter, begun: str) -> list[str]:
    """Grids to complete what was begun to type."""
    from oer_pipeline.studies.grid_files import names

    known = names(Path("conf"), context.params.get("env"))
    return [name for name in known if name.startswith(begun)]


def _with(
    options: Sequence[Callable[..., Any]],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that adds options to a command."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_env = _with(
    [click.option("--env", "-e", help="Another environment than local, such as test.")]
)
_params = _with(
    [
        click.option(
            "--params",
            default="",
            help="What is left open, such as learner.updates=4000,seeds=0-4.",
        )
    ]
)
_workers = _with(
    [
        click.option(
            "--jobs",
            "-j",
            callback=_number_of_jobs,
            help="Processes of this machine; as many as it can take without.",
        ),
        click.option(
            "--scheduler",
            help=(
                "A Dask scheduler's address or file, such as tcp://host:8786; this"
                " machine without."
            ),
        ),
    ]
)
_parts = _with(
    [
        click.option(
            "--suites",
            callback=_names,
            help="Some of those that it is about, +-joined.",
        ),
        click.option(
            "--qualities",
            callback=_names,
            help="Some of those that it is about, +-joined.",
        ),
    ]
)
_methods = _with(
    [
        click.option(
            "--methods",
            callback=_names,
            help="Some of the grid's, such as finetune+oer.",
        )
    ]
)
_orders = _with(
    [
        click.option(
            "--orders",
            callback=_numbers,
            help="Some of a study's task orders, such as 0-3.",
        )
    ]
)
_grid = click.argument("name", default="default", shell_complete=_grid_names)
_folder = click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=BEHAVIOURS,
    show_default=True,
    help="Of behaviour files.",
)


@cli.command()
@_grid
@_env
@_params
@_workers
@_parts
@_methods
@_orders
@click.option(
    "--record",
    is_flag=True,
    help="Keep what it came to in docs/results and docs/reproducibility.md.",
)
def grid(name: str, **given: Any) -> None:
    """Run a grid, conf/*/grids/NAME.yml, and print its report.

    What is up to date is kept, so a grid that was stopped goes on where it was.

    \b
    Example: kedro grid default --env=test --methods=bc+oer_bc
    """
    from oer_pipeline.studies.command import run_grid

    with _one_line():
        click.echo(run_grid(name, **given))


@cli.command()
@_grid
@_env
@_params
@_parts
@_methods
@_orders
@click.pass_context
def status(context: click.Context, /, name: str, **given: Any) -> None:
    """Say what of a grid is finished, running, stale or missing.

    A line per job. The exit status is 0 if all is finished, 1 otherwise. Stale is what
    was made by other code, parameters, libraries or inputs: `kedro grid` makes it
    again.

    \b
    Example: kedro status learners --env=test
    """
    from oer_pipeline.studies.cells import cells_named
    from oer_pipeline.studies.status import JobState, statuses, summary

    with _one_line():
        found = statuses(cells_named(name, **given))
    for job in found:
        click.echo(painted(job.line, COLOURS[job.state.value]))
    click.echo(summary(found))
    if any(job.state is not JobState.FINISHED for job in found):
        context.exit(FAILED)


@cli.command()
@click.argument("run")
@_env
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    help="A new folder for the run that is made again; nothing stays without.",
)
@click.pass_context
def replicate(
    context: click.Context, /, run: str, env: str | None, keep: Path | None
) -> None:
    """Make RUN again, an MLflow run of a cell, and say what differs.

    In a fresh clone at the run's commit, with its command and its inputs. Data are
    compared by bytes, trained results by bytes where it was run on a processor of the
    same kind, and by intervals elsewhere. --env says where MLflow is, if environments
    differ in that. The exit status is 0 if it is the same, 1 otherwise.

    \b
    Example: kedro replicate 3f1c9d2e8b7a4c5d9e6f0a1b2c3d4e5f
    """
    from oer_pipeline.studies.replication import replicate as make_again

    with _one_line():
        verdict = make_again(run, env, keep)
    click.echo(verdict.report())
    if not verdict.is_same:
        context.exit(FAILED)


@cli.command()
@_env
@click.option("--yes", is_flag=True, help="Remove what is listed.")
@click.option(
    "--data", is_flag=True, help="Raw and primary data and behaviour policies, too."
)
def prune(env: str | None, yes: bool, data: bool) -> None:
    """List what no result needs any more, with its size; remove it with --yes.

    Folders that no suite, quality or method of the configuration names, files that were
    made by other code, parameters, libraries or inputs, what killed runs left (so that
    a stopped training begins anew), logs.

    \b
    Example: kedro prune --env=test --yes
    """
    from oer_pipeline.studies.prune import find, listing, remove

    with _one_line():
        found = find(env, data)
        click.echo(listing(found))
        if yes:
            remove(found)
            click.echo(painted("removed", GREEN))
        elif found:
            click.echo(painted("nothing was removed; --yes removes it", YELLOW))


@cli.command()
@_env
@_params
@_workers
@_parts
@_methods
def tune(**given: Any) -> None:
    """Tune every method's coefficient: `kedro grid tuning`.

    \b
    Example: kedro tune --params=learner.updates=4000 --env=test
    """
    from oer_pipeline.studies.command import run_grid

    with _one_line():
        click.echo(run_grid("tuning", **given))


@cli.command()
@click.argument("study", default="bases")
@_env
@_params
@_workers
@_parts
@click.option(
    "--variants",
    callback=_names,
    help="Some of the study's, such as bc+td3bc; bc is always among them.",
)
@click.option("--points", default="", help="Numbers of updates, such as 1000+4000.")
def bases(study: str, **given: Any) -> None:
    """Compare base learners: return against updates (docs/base_learners.md).

    STUDY is bases, on reported suites, or choice, of alpha and critic normalisation on
    suites and seeds of its own. What is done is kept; hours at default size.

    \b
    Example: kedro bases choice --suites=ant_dir_tuning --points=1000+8000
    """
    from oer_pipeline.studies.bases import run_study

    with _one_line():
        click.echo(run_study(study, **given))


@cli.command()
@_workers
def clones(**given: Any) -> None:
    """Clone the scripted behaviours' medium data (Continual World) and evaluate the
    clones.

    Their success on goals that were not collected stands beside the data's in
    docs/data.md.

    \b
    Example: kedro clones --jobs=2
    """
    from oer_pipeline.studies.clones import run_clones

    with _one_line():
        click.echo(run_clones(**given))


@cli.command()
@click.argument("suites", nargs=-1)
@_env
@_workers
@_folder
@click.option("--again", is_flag=True, help="Train also what is there, and replace it.")
@click.option(
    "--table",
    is_flag=True,
    help="Train nothing; print what the package's policies earn, as in docs/data.md.",
)
def behaviours(suites: tuple[str, ...], table: bool, **given: Any) -> None:
    """Train the behaviour policies that SUITES lack: some minutes a task.

    A task whose file is there is kept, so a command that was stopped goes on where it
    was.

    \b
    Example: kedro behaviours ant_dir walker_par --jobs=2
    """
    with _one_line():
        if table:
            from oer_pipeline.reports.behaviour_table import NAMED, SCRIPTED, tables
            from oer_pipeline.studies.behaviours import suites_of

            shown = suites or (*NAMED, *SCRIPTED)
            click.echo(tables(suites_of(shown, given["env"])), nl=False)
            return
        if not suites:
            raise ConfigurationError("which suites? such as kedro behaviours ant_dir")
        from oer_pipeline.studies.behaviours import train_behaviours

        click.echo(train_behaviours(suites, **given))


@cli.command()
@click.argument("words", nargs=-1, metavar="[SUITE TASK STAGE] [OUT]")
@_env
@_params
@_folder
@click.option("--after", help="Policies after these tasks, such as 1+3; all without.")
@click.option("--tasks", help="On these tasks, such as 1-3; all without.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the episodes.")
def film(words: tuple[str, ...], **given: Any) -> None:
    """Draw the deployed policies of a finished cell, or a behaviour policy.

    A cell is told by --params, as for `kedro run`; of several seeds the first is shown:
    a row of panels after each task, a panel per task learned by then. Without OUT it
    lies beside the cell's page, which shows it. With SUITE TASK STAGE, one episode of a
    behaviour: TASK is its number in the suite, from 1; STAGE is medium or final, or
    random or zero, which need no behaviour file. OUT is an .mp4 or .webm, a .webp
    or .gif, or a .png of a few moments. Drawing takes EGL or a screen.

    \b
    Example: kedro film --params=method=oer,seeds=0
    """
    from oer_pipeline.common.terminal import summary

    with _one_line():
        film = _drawn(words, **given)
        lines: list[Line] = [("film", film)]
        page = film.parent / "report.html"
        if page.is_file():
            lines.append(("page", page))
        click.echo(summary("Done: drawn", lines))


def _drawn(
    words: Sequence[str],
    env: str | None,
    params: str,
    folder: Path,
    after: str | None,
    tasks: str | None,
    seed: int,
) -> Path:
    """Draw what the words of `kedro film` ask for."""
    if len(words) <= 1:
        from oer_pipeline.studies.films import film_cell

        out = Path(words[0]) if words else None
        return film_cell(params, env, out, after=after, tasks=tasks, seed=seed)
    if len(words) != len(BEHAVIOUR_WORDS) or not words[1].isdecimal():
        raise ConfigurationError(
            f"film of {' '.join(words)!r}; it takes {' '.join(BEHAVIOUR_WORDS)}, TASK a"
            " number, for a behaviour, and --params and at most OUT for a cell"
        )
    if params or after or tasks:
        raise ConfigurationError(
            "--params, --after and --tasks are of a cell's film; leave them out, or"
            f" leave out {' '.join(words[:3])}"
        )
    from oer_pipeline.reports.film import draw
    from oer_pipeline.studies.behaviours import task_of

    suite, number, stage, name = words
    draw(task_of(suite, int(number), env), stage, Path(name), folder, seed)
    return Path(name)


@cli.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=5000,
    show_default=True,
    help="To listen on.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="To listen on.")
def ui(port: int, host: str) -> None:
    """Show the runs of this project in MLflow, until Ctrl-C.

    First it prints a link per suite and quality, to the cells with the best PER on top:
    a browser that follows it leaves MLflow's GenAI view.

    \b
    Example: kedro ui --port=5001
    """
    from oer_pipeline.orchestration.tracked_view import links_at

    with _one_line():
        for link in links_at(f"http://{host}:{port}"):
            click.echo(link)
    programs = Path(sys.executable).parent  # `mlflow` is there, activated or not
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "kedro", "mlflow", "ui"]
    os.execv(sys.executable, [*command, f"--port={port}", f"--host={host}"])


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Choice(("d4rl", "minari")),
    help="The format, where the ending of OUT does not tell.",
)
def export(file: Path, out: Path, to: str | None) -> None:
    """Write a data set or a replay buffer, FILE.parquet, in a format that others read.

    OUT.hdf5 is D4RL's layout; --to=minari makes a folder that Minari reads.

    \b
    Example: kedro export data/03_primary/ant_dir/medium/task_1.parquet ant.hdf5
    """
    from oer_pipeline.trajectories.exchange.export import export as write

    with _one_line():
        write(file, out, to)
        click.echo(linked(out))
