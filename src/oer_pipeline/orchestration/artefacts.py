"""The files behind a dataset, this package's or a stock one of Kedro's, and where
MLflow has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from oer_pipeline.orchestration.internals import Catalog, local_file

Owner = int | None
"""Whose a file is: a seed, or None for what all seeds share."""
EXTERNAL = "external"
"""`metadata: {provenance: external}` of a dataset: the user's own file."""
LISTING = "artefacts.json"
"""The document of a run in MLflow that has every artefact with its hash."""
BUNDLE = "plotly"
"""The dataset that pages share; MLflow gets it within each."""


def files_of(dataset: Any) -> Mapping[Owner, Path] | None:
    """Owner -> file; None of a dataset that lies in no file of this machine, so that
    nobody can tell whether it changed."""
    if hasattr(dataset, "paths"):
        files: Mapping[Owner, Path] = dataset.paths()
        return files
    file = local_file(dataset)
    return None if file is None else {None: file}


def files_there(
    catalog: Catalog, names: Iterable[str]
) -> Iterator[tuple[str, Owner, Path]]:
    """Dataset, owner and path of every file of these datasets that lies there.

    Args:
        catalog: Kedro's.
        names: of datasets, in this order.
    """
    for name in names:
        files = files_of(catalog[name]) or {}
        for owner, path in files.items():
            if path.is_file():
                yield name, owner, path


def artefact_folder(dataset: str, owner: Owner) -> str:
    """`seed_0/task_1/policies`: where a run in MLflow has a dataset's file."""
    folder = dataset.replace(".", "/")
    return folder if owner is None else f"seed_{owner}/{folder}"


def is_external(dataset: Any) -> bool:
    """Whether a dataset's files are somebody's own, so that no record says what they
    are."""
    metadata = getattr(dataset, "metadata", None)
    says_so = isinstance(metadata, Mapping) and metadata.get("provenance") == EXTERNAL
    return bool(getattr(dataset, "is_external", False)) or says_so


def writer_of(dataset: Any) -> str:
    """`module:Class` of what writes and reads a dataset's files: code that decides
    their bytes, and what becomes of them."""
    written_by = getattr(dataset, "inner_class", type(dataset))
    return f"{written_by.__module__}:{written_by.__qualname__}"
