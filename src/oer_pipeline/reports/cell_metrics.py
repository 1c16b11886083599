"""What tables and figures read from a cell's metrics (layout:
`oer_pipeline.metrics.report`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.metrics.continual import (
    SUCCESS,
    References,
    forward_transfer,
    normalise,
    possible,
)
from oer_pipeline.metrics.intervals import FEWEST, Estimate, interval

Cell = Mapping[str, Any]
SINGLE_TASK = "single_task"
"""The method that forward transfer is measured against."""
UNITS = {
    "success": "success (% of episodes)",
    "normalised": "normalised return (random 0, expert 100)",
    "raw": "undiscounted return",
}
TITLES = {"success": "success (%)", "normalised": "normalised", "raw": "raw"}
"""What a scale is called where there is little room."""
SHORT_UNITS = {
    "success": "success (%)",
    "normalised": "normalised return",
    "raw": "return",
}
"""Of axes of small panels."""
MEASURED = {"success": "success", "normalised": "return", "raw": "return"}
"""What the matrix of a scale holds."""
SUFFIXES = {"success": SUCCESS, "normalised": "_normalised", "raw": ""}


def scales(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Every scale that some cell has, what leads first: success, normalised, raw."""
    found = []
    if any("success" in cell for cell in cells):
        found.append("success")
    if any(cell["references"] for cell in cells):
        found.append("normalised")
    return (*found, "raw")


def scale(cells: Sequence[Cell]) -> str:
    """The first that every cell has: `success`, `normalised` with references, else
    `raw`."""
    return common_scales(cells)[0]


def common_scales(cells: Sequence[Cell]) -> tuple[str, ...]:
    """The scales that every cell has, what leads first; `raw` is always among them."""
    common = set(SUFFIXES)
    for cell in cells:
        common &= set(scales([cell]))
    return tuple(name for name in SUFFIXES if name in common)


def drawn_scales(cells: Sequence[Cell]) -> tuple[str, ...]:
    """What figures show of cells: success where all have it, and return, normalised
    where all have references."""
    common = common_scales(cells)
    returns = "normalised" if "normalised" in common else "raw"
    return ("success", returns) if "success" in common else (returns,)


def matrices(
    cell: Cell,
    in_scale: str | None = None,
) -> FloatArray:
    """The matrices R (S, N, N) in a scale; NaN where not evaluated.

    Args:
        cell: a metrics document.
        in_scale: `success`, `normalised` or `raw`; None: the one that leads.
    """
    name = in_scale or scale([cell])
    found = [_matrix(cell, str(seed), name, cell) for seed in cell["seeds"]]
    return np.array(found)


def seed_values(
    cell: Cell,
    metric: str,
    in_scale: str,
) -> dict[str, float | None]:
    """A metric's value per seed; fidelity is the same in every scale, a scale that the
    cell lacks gives None."""
    full = _full(metric, in_scale)
    found = {}
    for seed in map(str, cell["seeds"]):
        found[seed] = cell["per_seed"][seed].get(full)
    return found


def _full(metric: str, in_scale: str) -> str:
    """A metric's name with its scale; distances have none."""
    return metric if metric.startswith("fidelity") else metric + SUFFIXES[in_scale]


def estimate(
    cell: Cell,
    metric: str,
    in_scale: str,
) -> Estimate | None:
    """A metric's estimate over the seeds that define it; None where none does.

    Args:
        cell: a metrics document.
        metric: its name without the scale, such as `per`.
        in_scale: `success`, `normalised` or `raw`.
    """
    by_seed = seed_values(cell, metric, in_scale)
    values = [value for value in by_seed.values() if value is not None]
    if not values:
        return None
    return interval(values, possible=possible(_full(metric, in_scale)))


def ranked(cells: Sequence[Cell]) -> list[Cell]:
    """The cells by mean PER in the scale that leads, best first.

    Of equal ones the next scale decides, for all may succeed; else they stay in their
    order. Cells of different seeds are ranked on the seeds that all of them have; those
    with too few for a test come last.

    Raises:
        DataError: nothing to compare, or cells that may not be compared: suite,
            quality, tasks or references differ.
    """
    if not cells:
        raise DataError("there are no cells to compare; at least one is needed")
    for cell in cells[1:]:
        _check_comparable(cells[0], cell)
    names = [cell["cell"] for cell in cells]
    if len(set(names)) < len(names):
        raise DataError(f"cells to compare are {names}; their names have to differ")
    common = common_scales(cells)
    enough = [cell["cell"] for cell in _with_enough_seeds(cells)]
    places = {}
    for cell in on_shared_seeds(cells):
        name = cell["cell"]
        negative = [_negative_per(cell, in_scale) for in_scale in common]
        places[name] = (name not in enough, negative)
    return sorted(cells, key=lambda cell: places[cell["cell"]])


def _negative_per(cell: Cell, in_scale: str) -> float:
    """What sorts the highest mean PER first; cells without one last."""
    found = estimate(cell, "per", in_scale)
    return inf if found is None else -found.mean


def on_shared_seeds(cells: Sequence[Cell]) -> list[Cell]:
    """The cells with the shared seeds alone; one that has none of them as it is."""
    shared = shared_seeds(cells)
    found: list[Cell] = []
    for cell in cells:
        seeds = [seed for seed in cell["seeds"] if str(seed) in shared]
        found.append({**cell, "seeds": seeds or cell["seeds"]})
    return found


def shared_values(
    cells: Sequence[Cell],
    metric: str,
    in_scale: str,
) -> dict[str, dict[str, float | None]]:
    """Cell -> shared seed -> a metric's value: what differences and tests rest on."""
    shared = shared_seeds(cells)
    found = {}
    for cell in cells:
        values = seed_values(cell, metric, in_scale)
        found[cell["cell"]] = {seed: values[seed] for seed in values if seed in shared}
    return found


def shared_seeds(cells: Sequence[Cell]) -> set[str]:
    """The seeds that all cells have, but for those with too few for a test: one such
    cell takes nothing from the others."""
    first, *others = _with_enough_seeds(cells)
    seeds = set(map(str, first["seeds"]))
    for cell in others:
        seeds &= set(map(str, cell["seeds"]))
    return seeds


def _with_enough_seeds(cells: Sequence[Cell]) -> Sequence[Cell]:
    """The cells with seeds enough for a test; all where none has."""
    enough = [cell for cell in cells if len(cell["seeds"]) >= FEWEST]
    return enough or cells


def with_forward_transfer(cells: Sequence[Cell]) -> list[Cell]:
    """The cells with `forward_transfer` per seed, against the same seed of the
    single-task cell, if one is there."""
    alone = [cell for cell in cells if cell["method"] == SINGLE_TASK]
    if not alone:
        return list(cells)
    found = []
    for cell in cells:
        if cell is not alone[0]:
            cell = {**cell, "per_seed": _with_transfer(cell, alone[0])}
        found.append(cell)
    return found


def _with_transfer(
    cell: Cell,
    alone: Cell,
) -> dict[str, Any]:
    """The cell's metrics per seed, with forward transfer in every scale that both
    have."""
    extended = dict(cell["per_seed"])
    for seed in extended.keys() & alone["matrix"].keys():
        for name in scales([cell]):
            if name == "success" and "success" not in alone:
                continue
            own = _matrix(cell, seed, name, cell)
            independent = np.diagonal(_matrix(alone, seed, name, cell))
            metric = f"forward_transfer{SUFFIXES[name]}"
            transfer = forward_transfer(own, independent)
            extended[seed] = extended[seed] | {metric: transfer}
    return extended


def _matrix(
    cell: Cell,
    seed: str,
    in_scale: str,
    measure: Cell,
) -> FloatArray:
    """One seed's R (N, N) in a scale, normalised by the references of `measure`."""
    if in_scale == "success":
        return np.array(cell["success"]["matrix"][seed], np.float64)
    returns = np.array(cell["matrix"][seed], np.float64)
    references = References.of(measure["tasks"], measure["references"])
    if in_scale == "raw" or references is None:
        return returns
    return normalise(returns, references.random, references.expert)


def _check_comparable(
    first: Cell,
    other: Cell,
) -> None:
    names = f"cells {first['cell']} and {other['cell']}"
    for key in ("suite", "quality", "tasks"):
        if first[key] != other[key]:
            raise DataError(
                f"{names} cannot be compared: {key} is {first[key]} and {other[key]};"
                " it has to be the same"
            )
    both = first["references"] and other["references"]
    if both and first["references"] != other["references"]:
        raise DataError(
            f"{names} were normalised by different references; evaluate again"
        )
