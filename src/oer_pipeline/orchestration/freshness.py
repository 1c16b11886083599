"""Which files of a run are up to date, found without running anything.

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

from kedro.pipeline import Pipeline

from oer_pipeline.common.errors import OERError
from oer_pipeline.orchestration import internals
from oer_pipeline.orchestration.artefacts import Owner
from oer_pipeline.orchestration.configuration import loader_of
from oer_pipeline.orchestration.context import PlanContext
from oer_pipeline.orchestration.records import is_fresh
from oer_pipeline.orchestration.step import Step


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
    runtime: Any = dict(parameters)
    # No hooks: whether files are fresh is no matter of MLflow's, which is slow to ask.
    context = PlanContext(
        package_name="oer_pipeline",
        project_path=Path.cwd(),
        config_loader=loader_of(env, parameters),
        env=env,
        hook_manager=internals.no_hooks(),
        runtime_params=runtime,
    )
    chosen = sum((context.pipelines[name] for name in names), Pipeline([]))
    catalog = context.catalog  # Kedro makes a new one every time
    outputs: list[Output] = []
    behind: set[tuple[str, Owner]] = set()
    for node in chosen.nodes:
        step = Step(node, catalog)
        outputs += _of_step(step, context.project_path, behind)
    return outputs


def _of_step(
    step: Step, project: Path, behind: set[tuple[str, Owner]]
) -> Iterator[Output]:
    """A step's files; what is made from a stale file is stale.

    Args:
        step: of a pipeline, after those that make its inputs.
        project: the folder that records name files from.
        behind: names and seeds of what is stale; this step's are added.
    """
    for owner in step.owners():
        wanted = _fingerprint(step, owner)
        has_stale_input = _has_stale_input(step, owner, behind)
        for name, path in step.outputs(owner).items():
            state = _state(path, wanted, project)
            if state is State.FRESH and has_stale_input:
                state = State.STALE
            if state is State.STALE:
                behind.add((name, owner))
            yield Output(path, state, step.name, owner)


def _fingerprint(step: Step, owner: Owner) -> str | None:
    """What a run would record now; None where an input is missing."""
    try:
        return step.recipe_of(owner).fingerprint
    except OERError:
        return None


def _has_stale_input(step: Step, owner: Owner, behind: set[tuple[str, Owner]]) -> bool:
    """Whether an input is stale: of the same seed, or shared; a shared output is made
    from all seeds' inputs."""
    for name, seed in behind:
        if name in step.node.inputs and (owner is None or seed in (owner, None)):
            return True
    return False


def _state(path: Path, wanted: str | None, project: Path) -> State:
    if not path.is_file():
        return State.MISSING
    if wanted is None:
        return State.UNKNOWN
    return State.FRESH if is_fresh(path, wanted, project) else State.STALE
