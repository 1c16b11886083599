"""Collection: behaviour policies, or files of somebody else's -> raw trajectories and
references."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from kedro.pipeline import Node, Pipeline

from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.pipelines.collection.nodes import (
    import_data,
    measure_random_references,
    measure_references,
    roll_out,
    roll_out_random,
)
from oer_pipeline.suites.behaviour_data import REFERENCES, kinds_of
from oer_pipeline.suites.suite import Task


def create_pipeline(plan: Plan) -> Pipeline:
    """One roll-out and one reference node a task; one import node where the data come
    from a file."""
    return Pipeline([node for task in plan.distinct for node in _nodes(plan, task)])


def _nodes(plan: Plan, task: Task) -> list[Node]:
    if task.source:
        return _imported(task.name)
    if task.name in plan.untrained:
        return _collected_random(task.name)
    return _collected(task.name, kinds_of(task.family))


def _collected_random(task: str) -> list[Node]:
    settings = [f"params:sequence.{task}", "params:collection", "params:data_seed"]
    raw, measured = f"{task}.raw_random", f"{task}.references"
    named = partial(Node, namespace=task, tags=[task])
    return [
        named(roll_out_random, settings, raw, name="roll_out"),
        named(measure_random_references, [raw, *settings], measured, name="references"),
    ]


def _collected(task: str, kinds: Sequence[str]) -> list[Node]:
    raw = [f"{task}.raw_{kind}" for kind in kinds]
    settings = [f"params:sequence.{task}", "params:collection", "params:data_seed"]
    measured = [f"{task}.raw_{kind}" for kind in REFERENCES]
    return [
        Node(
            roll_out,
            [f"{task}.behaviours", *settings],
            raw,
            name="roll_out",
            namespace=task,
            tags=[task],
        ),
        Node(
            measure_references,
            [*measured, *settings],
            f"{task}.references",
            name="references",
            namespace=task,
            tags=[task],
        ),
    ]


def _imported(task: str) -> list[Node]:
    inputs, outputs = (
        [f"{task}.source", f"params:sequence.{task}"],
        [f"{task}.raw_imported", f"{task}.references"],
    )
    return [
        Node(import_data, inputs, outputs, name="import", namespace=task, tags=[task])
    ]
