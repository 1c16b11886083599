"""What a stage that is run alone takes from earlier ones is asked for its parameters:
were they the ones of this run?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kedro.pipeline import Pipeline

from oer_pipeline.orchestration.changes import different
from oer_pipeline.orchestration.fingerprints import digests_of
from oer_pipeline.orchestration.inputs import first_and_more, is_parameter
from oer_pipeline.orchestration.records import read_record
from oer_pipeline.orchestration.step import Step


def made_otherwise(
    pipeline: Pipeline,
    catalog: Any,
    pipelines: Mapping[str, Pipeline],
    stages: Mapping[str, str],
) -> str:
    """A line about what earlier stages made with other parameters than this run has.

    Args:
        pipeline: what is to run.
        catalog: Kedro's.
        pipelines: all of them, by name.
        stages: output -> the pipeline that makes it.

    Returns:
        The first such file and how many more there are; empty where there is none.
    """
    lines: list[str] = []
    for step in _steps_before(pipeline, catalog, pipelines):
        lines += _lines(step, stages)
    return first_and_more(lines)


def _steps_before(
    pipeline: Pipeline, catalog: Any, pipelines: Mapping[str, Pipeline]
) -> Iterator[Step]:
    """What makes the pipeline's inputs, directly or through one another, in order."""
    everything = sum(pipelines.values(), Pipeline([]))
    made = everything.all_outputs()
    needed = []
    for name in sorted(pipeline.inputs()):
        if name in made and not is_parameter(name):
            needed.append(name)
    if not needed:
        return
    own = {node.name for node in pipeline.nodes}
    for node in everything.to_outputs(*needed).nodes:
        if node.name not in own:
            yield Step(node, catalog)


def _lines(step: Step, stages: Mapping[str, str]) -> Iterator[str]:
    """One for each file of a step with other parameters."""
    now = digests_of(step.parameters)
    for owner in step.owners():
        for name, path in step.outputs(owner).items():
            record = read_record(path)
            if record is None:
                continue
            changed = different(record.recipe.get("parameters"), now)
            if changed:
                words = ", ".join(each.removeprefix("params:") for each in changed)
                yield (
                    f"{record.file} was made with other values of {words} than this"
                    f" run has; kedro run --pipelines={stages[name]} makes it again"
                )
