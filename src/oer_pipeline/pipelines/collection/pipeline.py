"""Collection: behaviour policies or foreign files -> raw trajectories, references.

Nodes of data are named after their task and stand outside of its namespace: Kedro-Viz
shows no layers where a namespace takes models and gives raw data.
"""

from __future__ import annotations

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
    """One roll-out and one reference node per task; one import node where the data come
    from a file."""
    nodes = []
    for task in plan.data_tasks:
        if task.source:
            nodes.append(_import(task.name))
        elif task.name in plan.untrained:
            nodes += _collect_random(task.name)
        else:
            nodes += _collect(task)
    return Pipeline(nodes)


def _import(task: str) -> Node:
    return Node(
        import_data,
        [f"{task}.source", f"params:sequence.{task}"],
        [f"{task}.raw_imported", f"{task}.references"],
        name=f"{task}.import",
        tags=[task],
    )


def _collect_random(task: str) -> list[Node]:
    return [
        Node(
            roll_out_random,
            _told(task, "transitions"),
            f"{task}.raw_random",
            name=f"{task}.roll_out",
            tags=[task],
        ),
        Node(
            measure_random_references,
            [f"{task}.raw_random", *_told(task, "reference_episodes")],
            f"{task}.references",
            name=f"{task}.references",
            tags=[task],
        ),
    ]


def _collect(task: Task) -> list[Node]:
    name = task.name
    return [
        Node(
            roll_out,
            [f"{name}.behaviours", *_told(name, "transitions")],
            [f"{name}.raw_{kind}" for kind in kinds_of(task.family)],
            name=f"{name}.roll_out",
            tags=[name],
        ),
        Node(
            measure_references,
            [
                *(f"{name}.raw_{kind}" for kind in REFERENCES),
                *_told(name, "reference_episodes"),
            ],
            f"{name}.references",
            name=f"{name}.references",
            tags=[name],
        ),
    ]


def _told(task: str, size: str) -> list[str]:
    return [f"params:sequence.{task}", f"params:collection.{size}", "params:data_seed"]
