"""Collection: behaviour policies, or files of somebody else's -> raw trajectories and references."""

from __future__ import annotations

from collections.abc import Sequence

from kedro.pipeline import Node, Pipeline

from oer_pipeline.pipelines.collection.nodes import import_data, measure_references, roll_out
from oer_pipeline.plan import Plan
from oer_pipeline.trajectories.behaviour_data import REFERENCES, kinds_of


def create_pipeline(plan: Plan) -> Pipeline:
    """One roll-out and one reference node a task; one import node where the data come from a file."""
    made = [_imported(t.name) if t.source else _collected(t.name, kinds_of(t.family)) for t in plan.distinct]
    return Pipeline([node for nodes in made for node in nodes])


def _collected(task: str, kinds: Sequence[str]) -> list[Node]:
    raw = [f"{task}.raw_{kind}" for kind in kinds]
    settings = [f"params:sequence.{task}", "params:collection", "params:data_seed"]
    measured = [f"{task}.raw_{kind}" for kind in REFERENCES]
    return [
        Node(roll_out, [f"{task}.behaviours", *settings], raw, name="roll_out", namespace=task, tags=[task]),
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
    inputs, outputs = [f"{task}.source", f"params:sequence.{task}"], [f"{task}.raw_imported", f"{task}.references"]
    return [Node(import_data, inputs, outputs, name="import", namespace=task, tags=[task])]
