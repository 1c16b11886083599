"""What a study of base learners came to, kept as a file: a part of the study adds to
what is there."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from oer_pipeline.common.errors import DataError

COLUMNS = ("suite", "quality", "variant", "task", "seed", "updates", "return")
OF_LEVELS = "mean"
"""In the place of a task's number: the row is a level, not a return of training."""

Key = tuple[str, str, str]
"""Suite, quality and variant."""
Pair = tuple[str, str]
"""Suite and quality."""
Curve = dict[str, Any]
"""Of one task, as `trial.perform` gives it."""
Curves = Mapping[Key, Sequence[Curve]]
"""Each variant's results, one per task."""
Means = Mapping[Pair, Mapping[str, float]]
"""What is beside them: the data's mean return, doing nothing, expert."""


@dataclass(frozen=True)
class Row:
    """A return of the file, or a level; its columns in order.

    Attributes:
        suite: its name.
        quality: of the data.
        variant: of the base learner; of a level its name.
        task: its number, from 1; `OF_LEVELS`.
        seed: empty for a level.
        updates: after which the policy was rolled out; empty for a level.
        value: the return; empty where training had diverged.
    """

    suite: str
    quality: str
    variant: str
    task: str
    seed: str
    updates: str
    value: str


def text_of(curves: Curves, means: Means) -> str:
    """CSV, a row per return that tables and figure are made of, then the levels."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in _of_curves(curves):
        writer.writerow(asdict(row).values())
    for row in _of_levels(means):
        writer.writerow(asdict(row).values())
    return out.getvalue()


def _of_curves(curves: Curves) -> Iterator[Row]:
    for (suite, quality, variant), results in curves.items():
        for task, result in enumerate(results, start=1):
            for seed, returns in result["returns"].items():
                reached = zip_longest(result["points"], returns)
                for updates, value in reached:
                    yield Row(
                        suite,
                        quality,
                        variant,
                        str(task),
                        seed,
                        str(updates),
                        "" if value is None else f"{value:.3f}",
                    )


def _of_levels(means: Means) -> Iterator[Row]:
    for (suite, quality), levels in means.items():
        for name, value in levels.items():
            yield Row(
                suite,
                quality,
                name,
                OF_LEVELS,
                seed="",
                updates="",
                value=f"{value:.3f}",
            )


def kept(path: Path) -> tuple[Curves, Means]:
    """The curves and levels in a file of them; none where there is no file.

    Raises:
        DataError: a file of another form.
    """
    found = _Kept()
    if not path.is_file():
        return found.curves, found.means
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        titles = tuple(next(lines, ()))
        if titles != COLUMNS:
            raise DataError(
                f"{path}: its columns are {', '.join(titles)}; they have to be"
                f" {', '.join(COLUMNS)}"
            )
        for number, cells in enumerate(lines, start=2):
            try:
                found.add(Row(*cells))
            except (TypeError, ValueError, IndexError) as error:
                raise DataError(f"{path}, line {number}: no return: {error}") from error
    return found.curves, found.means


class _Kept:
    """What the rows read so far come to."""

    def __init__(self) -> None:
        self.curves: dict[Key, list[Curve]] = {}
        self.means: dict[Pair, dict[str, float]] = {}

    def add(self, row: Row) -> None:
        """A row's return or level.

        Raises:
            ValueError: what should be a number is none.
            IndexError: a task whose predecessor has no row before it.
        """
        pair = (row.suite, row.quality)
        if row.task == OF_LEVELS:
            levels = self.means.setdefault(pair, {})
            levels[row.variant] = float(row.value)
            return
        key = (row.suite, row.quality, row.variant)
        results = self.curves.setdefault(key, [])
        task = int(row.task)
        if task < 1:
            raise ValueError(f"task {task}; tasks count from 1")
        if task > len(results):
            results.append({"points": [], "returns": {}, "diverged": ""})
        _add(row, results[task - 1])


def _add(row: Row, result: Curve) -> None:
    """A row's return to its task's result."""
    points = result["points"]
    updates = int(row.updates)
    if updates not in points:
        points.append(updates)
    returns = result["returns"].setdefault(row.seed, [])
    if row.value:
        returns.append(float(row.value))


def points_of(curves: Curves) -> list[int]:
    """The numbers of updates after which every result has a place for returns,
    ascending."""
    shared: set[int] | None = None
    for results in curves.values():
        for result in results:
            points = set(result["points"])
            shared = points if shared is None else shared & points
    return sorted(shared or ())
