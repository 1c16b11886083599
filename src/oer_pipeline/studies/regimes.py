"""Regimes of a study: the results of one suite and quality in one grid, looked up by
method and task order.

A regime is named after its grid, its suite and quality and what varies within the grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from statistics import fmean

from oer_pipeline.metrics.intervals import Estimate
from oer_pipeline.studies.results import Result, Results, estimated

WORTHLESS = 0.0
"""The most that PER and plasticity can be where training diverged, which left no
policy: no task is solved, or what random actions earn."""


@dataclass(frozen=True)
class Regime:
    """What its methods came to.

    Attributes:
        name: grid, suite, quality and what varies.
        results: of all its methods, one per method and task order.
    """

    name: str
    results: Results

    @property
    def without_grid(self) -> str:
        """Suite, quality and what varies."""
        _, _, found = self.name.partition(": ")
        return found

    @property
    def data(self) -> float | None:
        """PER of the data's own episodes; None where no result has it."""
        for result in self.results:
            if result.data is not None:
                return result.data
        return None

    def of(self, method: str) -> list[Result]:
        """A method's results, one per order that it was run on, to the end or until it
        diverged."""
        return [result for result in self.results if result.method == method]

    def orders(self, method: str) -> set[int]:
        """The orders that a method was run on."""
        return {result.seed for result in self.of(method)}

    def diverged(self, method: str) -> set[int]:
        """The orders on which its training diverged."""
        return {result.seed for result in self.of(method) if result.per is None}

    def values(self, method: str, metric: str) -> dict[int, float]:
        """A metric by task order.

        Where training diverged, PER and plasticity are the least that any method came
        to on that order, or 0 if that is less; of forgetting and raw returns nothing is
        said, nor of what the method does not have where it did not diverge.
        """
        found = {}
        worst = self._worst(metric)
        of_method = self.of(method)
        for result in of_method:
            value = getattr(result, metric)
            if result.per is None and _has_floor(of_method, metric):
                value = min(WORTHLESS, worst.get(result.seed, WORTHLESS))
            if value is not None:
                found[result.seed] = value
        return found

    def estimate(self, method: str, metric: str) -> Estimate | None:
        """A metric over task orders; None where no order has it."""
        by_order = self.values(method, metric)
        if not by_order:
            return None
        scale = self.of(method)[0].scale
        return estimated(list(by_order.values()), metric, scale)

    def ranked(self) -> list[str]:
        """Its methods, best mean PER first."""
        means = {}
        for method in {result.method for result in self.results}:
            values = self.values(method, "per").values()
            means[method] = fmean(values) if values else -inf
        return sorted(means, key=lambda method: (-means[method], method))

    def _worst(self, metric: str) -> dict[int, float]:
        """The least that any method came to, by task order."""
        found: dict[int, float] = {}
        for result in self.results:
            value = getattr(result, metric)
            if result.per is None or value is None:
                continue
            least = found.get(result.seed, value)
            found[result.seed] = min(value, least)
        return found


def regimes_of(results: Results) -> list[Regime]:
    """The regimes that there are results of, by name."""
    by_name: dict[str, list[Result]] = {}
    for result in results:
        name = f"{result.grid.removeprefix('study_')}: {result.regime}"
        by_name.setdefault(name, []).append(result)
    return [Regime(name, by_name[name]) for name in sorted(by_name)]


def _has_floor(of_method: Results, metric: str) -> bool:
    """Whether it is known what the metric is worth where training diverged."""
    if metric == "forgetting" or of_method[0].scale == "raw":
        return False
    finished = [result for result in of_method if result.per is not None]
    if not finished:
        return True
    return any(getattr(result, metric) is not None for result in finished)


def orders_text(orders: int, diverged: int) -> str:
    """`8`, or `8, 1 diverged`."""
    return f"{orders}, {diverged} diverged" if diverged else str(orders)
