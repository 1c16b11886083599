"""What a study's results come to, looked up by regime, method and task order.

A regime is named after its grid, its suite and quality and what varies within the grid.
"""

from __future__ import annotations

from oer_pipeline.metrics.intervals import Estimate
from oer_pipeline.studies.results import Result, Results, estimated

WORTHLESS = 0.0
"""The most that PER and plasticity can be where training diverged, which left no
policy: no task is solved, or what random actions earn."""


def regimes_of(results: Results) -> list[str]:
    return sorted({name_of(result) for result in results})


def name_of(result: Result) -> str:
    """A regime's name; grids of one suite differ in parameters that it does not say."""
    return f"{result.grid.removeprefix('study_')}: {result.regime}"


def results_of_method(results: Results, regime: str, method: str) -> list[Result]:
    """A method's results in a regime, one per order that it was run on, to the end or
    until it diverged."""
    found = []
    for result in results:
        if result.method != method:
            continue
        if name_of(result) == regime:
            found.append(result)
    return found


def orders_of(of_method: Results) -> set[int]:
    """The orders that a method was run on."""
    return {result.seed for result in of_method}


def diverged_of(of_method: Results) -> set[int]:
    """Those on which its training diverged."""
    found = set()
    for result in of_method:
        if result.per is None:
            found.add(result.seed)
    return found


def orders_told(orders: int, diverged: int) -> str:
    """`8`, or `8, 1 diverged`."""
    return f"{orders}, {diverged} diverged" if diverged else str(orders)


def values_of(
    results: Results,
    regime: str,
    method: str,
    metric: str,
) -> dict[int, float]:
    """A metric by task order.

    Where training diverged, PER and plasticity are the least that any method came to on
    that order, or 0 if that is less; of forgetting and raw returns nothing is said, nor
    of what the method does not have where it did not diverge.
    """
    found = {}
    worst = _worst(results, regime, metric)
    of_method = results_of_method(results, regime, method)
    for result in of_method:
        value = getattr(result, metric)
        if result.per is None and _has_floor(of_method, metric):
            value = min(WORTHLESS, worst.get(result.seed, WORTHLESS))
        if value is not None:
            found[result.seed] = value
    return found


def _has_floor(of_method: Results, metric: str) -> bool:
    """Whether it is known what the metric is worth where training diverged."""
    if metric == "forgetting" or of_method[0].scale == "raw":
        return False
    finished = [result for result in of_method if result.per is not None]
    if not finished:
        return True
    return any(getattr(result, metric) is not None for result in finished)


def _worst(results: Results, regime: str, metric: str) -> dict[int, float]:
    """The least that any method came to, by task order."""
    found: dict[int, float] = {}
    for result in results:
        value = getattr(result, metric)
        if result.per is None or value is None:
            continue
        if name_of(result) == regime:
            least = found.get(result.seed, value)
            found[result.seed] = min(value, least)
    return found


def estimate_of(
    results: Results,
    regime: str,
    method: str,
    metric: str,
) -> Estimate | None:
    """A metric over task orders; None where no order has it."""
    by_order = values_of(
        results,
        regime,
        method,
        metric,
    )
    if not by_order:
        return None
    values = list(by_order.values())
    first, *_ = results_of_method(results, regime, method)
    return estimated(values, metric, first.scale)
