"""The commands that make results again, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oer_pipeline.reports.cell_metrics import Cell
from oer_pipeline.trajectories.qualities import IMPORTED

FILM = "film.mp4"
"""Beside a cell's page, once `film_command` has drawn it."""


def run_command(
    cell: Cell,
    told: str,
    suite: str,
    quality: str,
    environment: str,
) -> str:
    """`kedro run` of a cell, seeds as they were.

    Args:
        cell: its metrics document.
        told: the parameters that it changes of its method, `a=1,b.c=x`.
        suite, quality: names, without what `told` changes of them.
        environment: of the configuration; empty for the default.
    """
    parameters = _cell_params(cell["method"], cell["seeds"], told, suite, quality)
    return f"kedro run{_env(environment)} --params={parameters}"


def film_command(
    cell: Cell,
    told: str,
    suite: str,
    quality: str,
    environment: str,
) -> str:
    """`kedro film` of the cell's first seed; arguments as of `run_command`."""
    parameters = _cell_params(cell["method"], cell["seeds"][:1], told, suite, quality)
    return f"kedro film{_env(environment)} --params={parameters}"


def _cell_params(
    method: str,
    seeds: Sequence[int],
    told: str,
    suite: str,
    quality: str,
) -> str:
    parameters = [*_where(suite, quality), f"method={method}"]
    parameters += [f"seeds={_seeds(seeds)}", *_parts(told)]
    return ",".join(parameters)


def compare_command(
    methods: Sequence[str],
    shared: str,
    suite: str,
    quality: str,
    environment: str,
    seeds: Sequence[int],
) -> str:
    """`kedro run` of the comparison itself.

    Args:
        methods: names of the presets that are compared.
        shared: the parameters that all cells change, `a=1,b.c=x`.
        suite: its name, without what `shared` changes of it.
        quality: likewise.
        environment: of the configuration; empty for the default.
        seeds: as they were.
    """
    parameters = [*_where(suite, quality), f"seeds={_seeds(seeds)}", *_parts(shared)]
    parameters.append(f"compare={'+'.join(methods)}")
    told = ",".join(parameters)
    return f"kedro run{_env(environment)} --pipelines=comparison --params={told}"


def _env(environment: str) -> str:
    return f" --env={environment}" if environment else ""


def _where(suite: str, quality: str) -> list[str]:
    if quality == IMPORTED:  # no choice, and so not told
        return [f"suite={suite}"]
    return [f"suite={suite}", f"quality={quality}"]


def _parts(told: Any) -> list[str]:
    return [part for part in str(told).split(",") if part]


def _seeds(seeds: Sequence[int]) -> str:
    """`0-4`, or `0+3+7`."""
    first, last = seeds[0], seeds[-1]
    if len(seeds) > 1 and list(seeds) == list(range(first, last + 1)):
        return f"{first}-{last}"
    return "+".join(map(str, seeds))
