"""What this project adds to `kedro`: grids of cells, and the studies made of them.

Kedro reads `cli` and `run` from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from kedro.framework.cli.project import run

from oer_pipeline.common.errors import OERError

__all__ = ["cli", "run"]


@click.group(name="oer_pipeline")
def cli() -> None:
    """Grids of cells, and the studies made of them."""


def _workers(command: Callable[..., None]) -> Callable[..., None]:
    """Where jobs run."""
    options = (
        click.option(
            "--jobs",
            "-j",
            type=click.IntRange(1, 1_024),
            help="Processes of this machine; as many as it can take without.",
        ),
        click.option(
            "--scheduler",
            help=(
                "A Dask scheduler's address or file, such as tcp://host:8786; this"
                " machine without."
            ),
        ),
    )
    return _with(options, command)


def _told(command: Callable[..., None]) -> Callable[..., None]:
    """What all cells are told."""
    options = (
        click.option(
            "--env", "-e", help="Another environment than local, such as test."
        ),
        click.option(
            "--params",
            default="",
            help="What is left open, such as learner.updates=4000,seeds=0-4.",
        ),
    )
    return _with(options, command)


def _parts(command: Callable[..., None]) -> Callable[..., None]:
    """Some of the suites and qualities that there are."""
    options = (
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
    )
    return _with(options, command)


def _with(
    options: Sequence[Callable[..., Any]], command: Callable[..., None]
) -> Callable[..., None]:
    for option in reversed(options):
        command = option(command)
    return command


def _names(
    _: click.Context, __: click.Parameter, given: str | None
) -> list[str] | None:
    """`a+b` as a list."""
    return None if given is None else given.split("+")


@contextmanager
def _one_line() -> Iterator[None]:
    """The project's own errors are one line and exit status 1, without a traceback."""
    try:
        yield
    except OERError as error:
        raise click.ClickException(str(error)) from error


@cli.command()
@click.argument("name", default="default")
@_told
@_workers
@_parts
@click.option(
    "--methods", callback=_names, help="Some of the grid's, such as finetune+oer."
)
def grid(name: str, **given: Any) -> None:
    """Run a grid, conf/*/grids/NAME.yml, and print its report.

    What is up to date is kept, so a grid that was stopped goes on where it was.

    \b
    Example: kedro grid default --env=test --methods=finetune+oer
    """
    from oer_pipeline.studies.command import run_grid

    with _one_line():
        click.echo(run_grid(name, **given))


@cli.command()
@_told
@_workers
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
@_told
@_workers
@_parts
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
