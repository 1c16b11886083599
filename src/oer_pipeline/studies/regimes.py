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
        found = []
        for result in self.results:
            if result.method == method:
                found.append(result)
        return found

    def orders(self, method: str) -> set[int]:
        """The orders that a method was run on."""
        return {result.seed for result in self.of(method)}

    def diverged(self, method: str) -> set[int]:
        """The orders on which its training diverged."""
        found = set()
        for result in self.of(method):
            if result.per is None:
                found.add(result.seed)
        return found

    def values(self, method: str, metric: str) -> dict[int, float]:
        """A metric by task order.

        Where training diverged, PER and plasticity are the least that any method came
        to on that order, or 0 if that is less; of forgetting and raw returns nothing is
        said, nor of what the method does not have where it did not diverge.
        """
        found: dict[int, float] = {}
        of_method = self.of(method)
        if not of_method:
            return found
        worst = self._worst(metric)
        has_floor = _has_floor(of_method, metric)
        for result in of_method:
            value = getattr(result, metric)
            if result.per is None and has_floor:
                least = worst.get(result.seed, WORTHLESS)
                value = min(WORTHLESS, least)
            if value is not None:
                found[result.seed] = value
        return found

    def estimate(self, method: str, metric: str) -> Estimate | None:
        """A metric over task orders; None where no order has it."""
        by_order = self.values(method, metric)
        if not by_order:
            return None
        values = list(by_order.values())
        first, *_ = self.of(method)
        return estimated(values, metric, first.scale)

    def ranked(self) -> list[str]:
        """Its methods, best mean PER first."""
        means = {}
        methods = {result.method for result in self.results}
        for method in methods:
            by_order = self.values(method, "per")
            values = by_order.values()
            means[method] = fmean(values) if values else -inf
        by_name = sorted(methods)
        return sorted(by_name, key=means.__getitem__, reverse=True)

    def _worst(self, metric: str) -> dict[int, float]:
        """The least that any method came to, by task order."""
        found: dict[int, float] = {}
        for result in self.results:
            value = getattr(result, metric)
            if result.per is None:
                continue
            if value is None:
                continue
            least = found.get(result.seed, value)
            found[result.seed] = min(value, least)
        return found


def regimes_of(results: Results) -> list[Regime]:
    """The regimes that there are results of, by name."""
    by_name: dict[str, list[Result]] = {}
    for result in results:
        grid = result.grid.removeprefix("study_")
        name = f"{grid}: {result.regime}"
        of_regime = by_name.setdefault(name, [])
        of_regime.append(result)
    return [Regime(name, by_name[name]) for name in sorted(by_name)]


def _has_floor(of_method: Results, metric: str) -> bool:
    """Whether it is known what the metric is worth where training diverged."""
    if metric == "forgetting" or of_method[0].scale == "raw":
        return False
    finished = [result for result in of_method if result.per is not None]
    known = [getattr(result, metric) for result in finished]
    if not known:
        return True
    return any(value is not None for value in known)


def orders_text(orders: int, diverged: int) -> str:
    """`8`, or `8, 1 diverged`."""
    return f"{orders}, {diverged} diverged" if diverged else str(orders)
