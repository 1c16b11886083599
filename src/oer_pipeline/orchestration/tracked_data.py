"""The data sets of a run as MLflow's inputs: its column `Dataset`, with digest and
source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from oer_pipeline.orchestration.artefacts import files_there
from oer_pipeline.orchestration.plan import Plan
from oer_pipeline.orchestration.records import file_sha256, place_of

if TYPE_CHECKING:
    from kedro.pipeline import Pipeline
    from mlflow.entities import DatasetInput

    from oer_pipeline.orchestration.internals import Catalog

ENDING = ".transitions"
LONGEST_DIGEST = 36
"""Characters of a digest that MLflow takes."""
CONTEXT = "mlflow.data.context"
"""Tag of an input whose value MLflow shows beside the data set's name."""


def data_sets(
    pipeline: Pipeline,
    catalog: Catalog,
    plan: Plan,
    project: Path,
) -> list[DatasetInput]:
    """Every data set that the pipeline takes or makes, as it lies there.

    Args:
        pipeline: of the run.
        catalog: Kedro's.
        plan: of the run.
        project: the folder that sources are told from.
    """
    found = []
    for name, path in data_files(pipeline, catalog):
        title = f"{plan.suite_folder}/{plan.quality}/{name.removesuffix(ENDING)}"
        found.append(_input(title, path, project))
    return found


def data_files(pipeline: Pipeline, catalog: Catalog) -> Iterator[tuple[str, Path]]:
    """Name and file of every data set that the pipeline takes or makes, of those that
    lie there."""
    names = [name for name in pipeline.datasets() if name.endswith(ENDING)]
    for name, _, path in files_there(catalog, sorted(names)):
        yield name, path


def _input(title: str, path: Path, project: Path) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    sha256 = file_sha256(path)
    source = {"uri": place_of(path, project)}
    profile = {"bytes": path.stat().st_size, "sha256": sha256}
    dataset = Dataset(
        name=title,
        digest=sha256[:LONGEST_DIGEST],
        source_type="local",
        source=json.dumps(source),
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset, [InputTag(CONTEXT, "training")])
