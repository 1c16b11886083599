"""What tables and figures read from cell metrics (layout:
`oer_pipeline.metrics.report`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from oer_pipeline.metrics.intervals import Estimate, interval

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
MEASURED = {"success": "success", "normalised": "return", "raw": "return"}
"""What the matrix of a scale holds."""
SUFFIXES = {"success": SUCCESS, "normalised": "_normalised", "raw": ""}


def scales(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Every scale that some cell has, what leads first: success, normalised, raw."""
    success = ("success",) if any("success" in cell for cell in cells) else ()
    normalised = ("normalised",) if any(cell["references"] for cell in cells) else ()
    return (*success, *normalised, "raw")


def scale(cells: Sequence[Cell]) -> str:
    """The first that every cell has: `success`, `normalised` with references, else
    `raw`."""
    return common_scales(cells)[0]


def common_scales(cells: Sequence[Cell]) -> tuple[str, ...]:
    """The scales that every cell has, what leads first; `raw` is always among them."""
    own = [scales([cell]) for cell in cells]
    return tuple(name for name in SUFFIXES if all(name in have for have in own))


def drawn_scales(cell: Cell) -> tuple[str, ...]:
    """What figures show of a cell: success, if there is any, and return as its scale
    has it."""
    with_success = ("success",) if "success" in cell else ()
    return (*with_success, "normalised" if cell["references"] else "raw")


def matrices(cell: Cell, in_scale: str | None = None) -> FloatArray:
    """The matrices R (S, N, N) in a scale, the one that leads if none is given; NaN
    where not evaluated."""
    name = in_scale or scale([cell])
    return np.array([_matrix(cell, str(seed), name, cell) for seed in cell["seeds"]])


def seed_values(cell: Cell, metric: str, in_scale: str) -> dict[str, float | None]:
    """A metric's value per seed; fidelity is the same in every scale, a scale that the
    cell lacks gives None."""
    name = metric if metric.startswith("fidelity") else metric + SUFFIXES[in_scale]
    return {str(seed): cell["per_seed"][str(seed)].get(name) for seed in cell["seeds"]}


def estimate(cell: Cell, metric: str, in_scale: str) -> Estimate | None:
    """A metric's estimate over the seeds that define it; None where none does."""
    values = [v for v in seed_values(cell, metric, in_scale).values() if v is not None]
    if not values:
        return None
    return interval(values, possible=possible(metric + SUFFIXES[in_scale]))


def ranked(cells: Sequence[Cell]) -> list[Cell]:
    """The cells by mean PER in the scale that leads, best first.

    Of equal ones the next scale decides, for all may succeed; else they stay in their
    order.

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
    metrics = ["per" + SUFFIXES[name] for name in common_scales(cells)]

    def place(cell: Cell) -> list[float]:
        return [-float(cell["aggregate"][metric]["mean"]) for metric in metrics]

    return sorted(cells, key=place)


def with_forward_transfer(cells: Sequence[Cell]) -> list[Cell]:
    """The cells with `forward_transfer` per seed, against the same seed of the
    single-task cell, if one is there."""
    alone = next((cell for cell in cells if cell["method"] == SINGLE_TASK), None)
    if alone is None:
        return list(cells)
    return [
        cell if cell is alone else {**cell, "per_seed": _with_transfer(cell, alone)}
        for cell in cells
    ]


def _with_transfer(cell: Cell, alone: Cell) -> dict[str, Any]:
    extended = dict(cell["per_seed"])
    shown = [name for name in scales([cell]) if name != "success" or "success" in alone]
    for seed in extended.keys() & alone["matrix"].keys():
        for name in shown:
            own, other = (_matrix(c, seed, name, cell) for c in (cell, alone))
            found = forward_transfer(own, np.diagonal(other))
            extended[seed] = extended[seed] | {
                f"forward_transfer{SUFFIXES[name]}": found
            }
    return extended


def _matrix(cell: Cell, seed: str, in_scale: str, measure: Cell) -> FloatArray:
    """One seed's R (N, N) in a scale, normalised by the references of `measure`."""
    if in_scale == "success":
        return np.array(cell["success"]["matrix"][seed], np.float64)
    returns = np.array(cell["matrix"][seed], np.float64)
    references = References.of(measure["tasks"], measure["references"])
    if in_scale == "raw" or references is None:
        return returns
    return normalise(returns, references.random, references.expert)


def _check_comparable(first: Cell, other: Cell) -> None:
    for key in ("suite", "quality", "tasks"):
        if first[key] != other[key]:
            raise DataError(
                f"cells {first['cell']} and {other['cell']} cannot be compared: "
                f"{key} is {first[key]} and {other[key]}; it has to be the same"
            )
    if (
        first["references"]
        and other["references"]
        and first["references"] != other["references"]
    ):
        raise DataError(
            f"cells {first['cell']} and {other['cell']} were normalised by different"
            " references; evaluate again"
        )
