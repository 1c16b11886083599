"""What a stage takes from an earlier one is held against its record before any work:
no file is used that is damaged, another's, or nobody knows whose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline

from oer_pipeline.common.errors import OERError
from oer_pipeline.orchestration.artefacts import Owner, files_of, is_external
from oer_pipeline.orchestration.changes import what_is_wrong
from oer_pipeline.orchestration.records import (
    Record,
    file_sha256,
    has_old_record,
    read_record,
)

RUN_IT = "run the stage that makes it first"
THEIRS = "of a file of your own, say metadata: {provenance: external} in the catalog"


def check_inputs(
    pipeline: Pipeline,
    catalog: Any,
    project: Path,
    stages: Mapping[str, str],
) -> str:
    """Hold every file that no node of the pipeline makes against its record.

    Args:
        pipeline: what is to run.
        catalog: Kedro's.
        project: the folder that records' places start from.
        stages: output -> the pipeline that makes it.

    Returns:
        A line about files that were made from something else than lies there now;
        empty where there are none.

    Raises:
        OERError: names the file, what it should be, and the remedy.
    """
    records: dict[Path, Record] = {}
    made = pipeline.all_outputs()
    for node in pipeline.nodes:
        for name in node.inputs:
            if name in made or is_parameter(name):
                continue
            dataset = catalog[name]
            remedy = getattr(dataset, "remedy", None) or _remedy(name, stages)
            needs_record = _needs_record(name, dataset, stages)
            for owner, path in (files_of(dataset) or {}).items():
                wanted = f"{node.name} needs {name}{_of_seed(owner)}"
                if not path.is_file():
                    raise OERError(f"{wanted}, but {path} is missing; {remedy}")
                if needs_record:
                    records[path] = checked(path, project, wanted, remedy)
    return _stale(records, project, stages)


def is_parameter(name: str) -> bool:
    """Whether a node's input is a parameter."""
    return name.startswith("params:") or name == "parameters"


def _needs_record(name: str, dataset: Any, stages: Mapping[str, str]) -> bool:
    """Whether a stage made the dataset's files.

    Those of this package's datasets are, unless they say that they are external; those
    of a stock one where a node of the project makes them.
    """
    if is_external(dataset):
        return False
    return name in stages or hasattr(dataset, "paths")


def checked(path: Path, project: Path, wanted: str, remedy: str) -> Record:
    """The record of a file that is there, once it has been held against it.

    Args:
        path: the file.
        project: the folder that records' places start from.
        wanted: who needs it and what it is to be, for an error.
        remedy: what to do, for an error.

    Raises:
        OERError: no record, or one of another file.
    """
    record = read_record(path)
    if record is not None and record.is_of(path, project):
        return record
    if record is not None:
        wrong = f"is {what_is_wrong(record, path, project)}"
    elif has_old_record(path):
        wrong = "has a record of an older form, which counts as none"
    else:
        wrong = f"has no record of what made it; {THEIRS}"
    raise OERError(f"{wanted}, but {path} {wrong}; {remedy}")


def _remedy(name: str, stages: Mapping[str, str]) -> str:
    stage = stages.get(name)
    return RUN_IT if stage is None else f"{RUN_IT}: kedro run --pipelines={stage}"


def _of_seed(owner: Owner) -> str:
    return "" if owner is None else f" of seed {owner}"


def _stale(
    records: Mapping[Path, Record], project: Path, stages: Mapping[str, str]
) -> str:
    """A line about the files that were made from something else than lies there now,
    directly or through one another."""
    lines = set()
    todo = list(records.values())
    seen = set(records)
    while todo:
        record = todo.pop()
        for place, sha256 in _files_behind(record).items():
            source = project / place
            if not source.is_file():
                continue
            if file_sha256(source) != sha256:
                lines.add(_stale_line(record, place, stages))
            upstream = read_record(source)
            if upstream is not None and source not in seen:
                seen.add(source)
                todo.append(upstream)
    return first_and_more(sorted(lines))


def first_and_more(lines: Sequence[str]) -> str:
    """The first line and how many more there are; empty where there is none."""
    if not lines:
        return ""
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return lines[0] + more


def _files_behind(record: Record) -> dict[str, str]:
    """Place -> SHA-256 of everything that a file was made from."""
    found: dict[str, str] = {}
    for files in record.inputs.values():
        found.update(files)
    return found


def _stale_line(record: Record, source: str, stages: Mapping[str, str]) -> str:
    stage = stages.get(record.dataset)
    again = f"; kedro run --pipelines={stage} makes it again" if stage else ""
    return (
        f"{record.file} is stale: it was made from another {source} than lies there"
        f" now{again}"
    )
