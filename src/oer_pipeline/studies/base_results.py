"""What a study of base learners came to, kept as a file: a part of the study adds to
what is there."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from oer_pipeline.common.errors import DataError

COLUMNS = ("suite", "quality", "variant", "task", "seed", "updates", "return")
OF_LEVELS = "mean"
"""In the place of a task's number: the row is a level, not a return of training."""

Curves = Mapping[tuple[str, str, str], Sequence[Mapping[str, Any]]]
"""Per (suite, quality, variant), the result of each task
(`learning_curves.perform`)."""
Means = Mapping[tuple[str, str], Mapping[str, float]]
"""Per (suite, quality), what is beside them: the data's mean, doing nothing, expert."""


def text_of(curves: Curves, means: Means) -> str:
    """CSV, a row per return that tables and figure are made of; without a return where
    training had diverged. Levels have no seed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for pair, results in curves.items():
        for task, result in enumerate(results, start=1):
            for seed, returns in result["returns"].items():
                for updates, value in zip_longest(result["points"], returns):
                    shown = "" if value is None else f"{value:.3f}"
                    writer.writerow((*pair, task, seed, updates, shown))
    for place, levels in means.items():
        for name, value in levels.items():
            writer.writerow((*place, name, OF_LEVELS, "", "", f"{value:.3f}"))
    return out.getvalue()


def kept(path: Path) -> tuple[Curves, Means]:
    """The curves and levels in a file of them; none where there is no file.

    Raises:
        DataError: a file of another form.
    """
    curves: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    means: dict[tuple[str, str], dict[str, float]] = {}
    if not path.is_file():
        return curves, means
    with path.open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            try:
                _add(row, curves, means)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise DataError(f"{path}, line {line}: no return: {error}") from error
    return curves, means


def _add(
    row: Mapping[str, str],
    curves: dict[tuple[str, str, str], list[dict[str, Any]]],
    means: dict[tuple[str, str], dict[str, float]],
) -> None:
    """A row's return to its task's result, or its level to the others."""
    suite, quality, variant = row["suite"], row["quality"], row["variant"]
    if row["task"] == OF_LEVELS:
        levels = means.setdefault((suite, quality), {})
        levels[variant] = float(row["return"])
        return
    results = curves.setdefault((suite, quality, variant), [])
    if int(row["task"]) > len(results):
        results.append({"points": [], "returns": {}, "diverged": ""})
    result = results[int(row["task"]) - 1]
    returns = result["returns"].setdefault(row["seed"], [])
    updates = int(row["updates"])
    if updates not in result["points"]:
        result["points"].append(updates)
    if row["return"]:
        returns.append(float(row["return"]))


def points_of(curves: Curves) -> list[int]:
    """The numbers of updates after which every result has a place for returns,
    ascending."""
    of_results = []
    for results in curves.values():
        of_results += [set(result["points"]) for result in results]
    return sorted(set.intersection(*of_results)) if of_results else []
