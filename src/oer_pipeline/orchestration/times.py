"""How long a cell's steps took, beside the logs: results hold no wall times, and equal
runs give equal bytes."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline.node import Node

logger = logging.getLogger(__name__)

STEPS = ("train", "select", "evaluate")
"""What a cell costs; data and transition models are shared."""
DATASET = "times"
Spent = Mapping[str, float]
"""`seconds` of the clock and `cpu_seconds` of the processor."""


class Times:
    """A Kedro hook: after each step of a cell, what it took goes into the cell's
    file."""

    def __init__(self) -> None:
        self._started: dict[str, tuple[float, float]] = {}

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        self._started[node.name] = (time.monotonic(), time.process_time())

    @hook_impl
    def after_node_run(
        self,
        node: Node,
        catalog: CatalogProtocol[Any, Any],
        inputs: dict[str, Any],
    ) -> None:
        seeds = inputs.get("seeds")
        if node.name.rpartition(".")[2] not in STEPS or not seeds:
            return
        begun, begun_cpu = self._started[node.name]
        spent = {
            "seconds": round(time.monotonic() - begun, 3),
            "cpu_seconds": round(time.process_time() - begun_cpu, 3),
        }
        try:
            dataset: Any = catalog[DATASET]
            dataset.save(with_step(dataset.load(), node.name, seeds, spent))
        except OSError as error:
            logger.warning("the times of %s are not kept: %s", node.name, error)


def with_step(
    times: Mapping[str, Mapping[str, Spent]],
    node: str,
    seeds: list[int],
    spent: Spent,
) -> dict[str, dict[str, Spent]]:
    """The times with a step that was run for some seeds; what these took before is
    replaced.

    Args:
        times: node -> seeds, such as `0+1` -> what it took.
        node: the step's name.
        seeds: that it was run for.
        spent: what it took now.
    """
    found = {}
    for name, by_seeds in times.items():
        if isinstance(by_seeds, Mapping):  # anything else is damage
            found[name] = dict(by_seeds)
    own = {}
    for key, before in found.get(node, {}).items():
        if not set(key.split("+")) & set(map(str, seeds)):
            own[key] = before
    own["+".join(map(str, seeds))] = spent
    found[node] = own
    return found
