"""What tables and figures read from cell metrics (layout: `oer_pipeline.metrics.report`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oer_pipeline.errors import DataError
from oer_pipeline.metrics.continual import References, forward_transfer, normalise
from oer_pipeline.metrics.intervals import Estimate, interval
from oer_pipeline.types import FloatArray

Cell = Mapping[str, Any]
SINGLE_TASK = "single_task"
"""The method that forward transfer is measured against."""
UNITS = {"normalised": "normalised return (random 0, expert 100)", "raw": "undiscounted return"}


def scale(cells: Sequence[Cell]) -> str:
    """`normalised` where every cell has references, else `raw`."""
    return "normalised" if all(cell["references"] for cell in cells) else "raw"


def matrices(cell: Cell) -> FloatArray:
    """The matrices of returns (S, N, N) in the cell's scale, NaN where not evaluated."""
    returns = np.array([cell["matrix"][str(seed)] for seed in cell["seeds"]], np.float64)
    references = References.of(cell["tasks"], cell["references"])
    return returns if references is None else normalise(returns, references.random, references.expert)


def seed_values(cell: Cell, metric: str, in_scale: str) -> dict[str, float | None]:
    """A metric's value per seed; fidelity is the same in every scale, a scale that the cell lacks gives None."""
    name = f"{metric}_normalised" if in_scale == "normalised" and not metric.startswith("fidelity") else metric
    return {str(seed): cell["per_seed"][str(seed)].get(name) for seed in cell["seeds"]}


def estimate(cell: Cell, metric: str, in_scale: str) -> Estimate | None:
    """A metric's estimate over the seeds that define it; None where none does."""
    values = [v for v in seed_values(cell, metric, in_scale).values() if v is not None]
    return interval(values) if values else None


def ranked(cells: Sequence[Cell]) -> list[Cell]:
    """The cells by mean PER, best first; equal ones stay in their order.

    Raises:
        DataError: nothing to compare, or cells that may not be compared: suite, quality, tasks or references differ.
    """
    if not cells:
        raise DataError("there are no cells to compare; at least one is needed")
    for cell in cells[1:]:
        _check_comparable(cells[0], cell)
    names = [cell["cell"] for cell in cells]
    if len(set(names)) < len(names):
        raise DataError(f"cells to compare are {names}; their names have to differ")
    metric = "per_normalised" if scale(cells) == "normalised" else "per"
    return sorted(cells, key=lambda cell: -float(cell["aggregate"][metric]["mean"]))


def with_forward_transfer(cells: Sequence[Cell]) -> list[Cell]:
    """The cells with `forward_transfer` per seed, against the same seed of the single-task cell, if one is there."""
    alone = next((cell for cell in cells if cell["method"] == SINGLE_TASK), None)
    if alone is None:
        return list(cells)
    return [cell if cell is alone else {**cell, "per_seed": _with_transfer(cell, alone)} for cell in cells]


def _with_transfer(cell: Cell, alone: Cell) -> dict[str, Any]:
    references = References.of(cell["tasks"], cell["references"])
    extended = dict(cell["per_seed"])
    for seed in extended.keys() & alone["matrix"].keys():
        pair = [np.array(c["matrix"][seed], np.float64) for c in (cell, alone)]
        found = {"forward_transfer": _transfer(*pair)}
        if references is not None:
            scaled = [normalise(R, references.random, references.expert) for R in pair]
            found["forward_transfer_normalised"] = _transfer(*scaled)
        extended[seed] = extended[seed] | found
    return extended


def _transfer(R: FloatArray, alone: FloatArray) -> float | None:
    return forward_transfer(R, np.diagonal(alone))


def _check_comparable(first: Cell, other: Cell) -> None:
    for key in ("suite", "quality", "tasks"):
        if first[key] != other[key]:
            raise DataError(
                f"cells {first['cell']} and {other['cell']} cannot be compared: "
                f"{key} is {first[key]} and {other[key]}; it has to be the same"
            )
    if first["references"] and other["references"] and first["references"] != other["references"]:
        raise DataError(
            f"cells {first['cell']} and {other['cell']} were normalised by different references; evaluate again"
        )
