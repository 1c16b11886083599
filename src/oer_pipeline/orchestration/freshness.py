"""Which files of a run are up to date, told without running anything.

It asks what the runner asks before each node (`orchestration.runner`): whether a file
is there, is the one that was recorded, and was made by today's code, parameters,
libraries and inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from kedro.framework.hooks.manager import _create_hook_manager
from kedro.framework.project import pipelines
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from oer_pipeline.common.errors import OERError
from oer_pipeline.orchestration.context import PlanContext, loader_of
from oer_pipeline.orchestration.records import is_fresh
from oer_pipeline.orchestration.runner import _fingerprints, _narrowed


class State(Enum):
    """What a file is, compared with what a run would make now."""

    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"
    UNKNOWN = "unknown"
    """There, but what it is made from is not."""


@dataclass(frozen=True)
class Output:
    """A file that a run makes; `seed` is None for what all seeds share."""

    path: Path
    state: State
    node: str
    seed: int | None


def outputs_of(
    names: Sequence[str], env: str | None, parameters: Mapping[str, Any]
) -> list[Output]:
    """Every file of a run of the project in the working directory.

    Args:
        names: of pipelines.
        env: the environment of the configuration.
        parameters: as `kedro run --params` gets them, nested.

    Raises:
        ConfigurationError: whatever `kedro run` would refuse.
    """
    told: Any = dict(parameters)
    # No hooks: whether files are fresh is no matter of MLflow's, which is slow to ask.
    context = PlanContext(
        package_name="oer_pipeline",
        project_path=Path.cwd(),
        config_loader=loader_of(env, parameters),
        env=env,
        hook_manager=_create_hook_manager(),
        runtime_params=told,
    )
    chosen = sum((pipelines[name] for name in names), Pipeline([]))
    found: list[Output] = []
    behind: set[tuple[str, int | None]] = set()
    for node in chosen.nodes:
        found += _of_node(node, context.catalog, behind)
    return found


def _of_node(
    node: Node,
    catalog: CatalogProtocol[Any, Any],
    behind: set[tuple[str, int | None]],
) -> Iterator[Output]:
    """A node's files; what is made from a stale file is stale.

    Args:
        node: of a pipeline, after those that make its inputs.
        catalog: that says where its files are.
        behind: names and seeds of what is stale; this node's are added.
    """
    paths = {name: catalog[name].paths() for name in node.outputs}
    members = {member for of_name in paths.values() for member in of_name}
    for member in sorted(members, key=str):
        wanted = _fingerprint(node, catalog, member)
        waits = _waits(node, member, behind)
        for name, of_name in paths.items():
            state = _state(of_name[member], wanted)
            if state is State.FRESH and waits:
                state = State.STALE
            if state is State.STALE:
                behind.add((name, member))
            yield Output(of_name[member], state, node.name, member)


def _fingerprint(
    node: Node, catalog: CatalogProtocol[Any, Any], member: int | None
) -> str | None:
    """What a run would record now; None where an input is missing."""
    try:
        with _narrowed(node, catalog, [member]):
            return _fingerprints(node, catalog)[member]
    except OERError:
        return None


def _waits(node: Node, member: int | None, behind: set[tuple[str, int | None]]) -> bool:
    """Whether an input is stale: of the same seed, or shared; a shared output is made
    from all seeds' inputs."""
    for name, seed in behind:
        if name in node.inputs and (member is None or seed in (member, None)):
            return True
    return False


def _state(path: Path, wanted: str | None) -> State:
    if not path.is_file():
        return State.MISSING
    if wanted is None:
        return State.UNKNOWN
    return State.FRESH if is_fresh(path, wanted) else State.STALE
