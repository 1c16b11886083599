"""Where a plan's files lie below an environment's data folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.json_text import read_json
from oer_pipeline.datasets import TableDataset
from oer_pipeline.orchestration.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

RAW = "01_raw"
PRIMARY = "03_primary"
MODELS = "06_models"
OUTPUT = "07_model_output"
REPORTS = "08_reporting"


def cell_folder(
    root: Path,
    layer: str,
    plan: Plan,
) -> Path:
    """What a cell has in one of the layers above."""
    return root / layer / plan.suite_folder / plan.quality_folder / plan.cell


def data_file(
    root: Path,
    plan: Plan,
    task: str,
) -> Path:
    """A task's data set."""
    return root / PRIMARY / plan.suite_folder / plan.quality / f"{task}.parquet"


def card(
    root: Path,
    plan: Plan,
    task: str,
) -> dict[str, Any]:
    """A task's data card."""
    file = data_file(root, plan, task).with_name(f"{task}_card.json")
    return _read(file, "coverage")


def references(
    root: Path,
    plan: Plan,
    task: str,
) -> dict[str, Any]:
    """Returns on a task of the policies that its returns are normalised by."""
    file = root / RAW / plan.suite_folder / task / "references.json"
    document = _read(file)
    for name, measured in document.items():
        if not isinstance(measured, dict) or "mean" not in measured:
            raise _another(file, f"its {name!r} has no mean")
    return document


def dynamics_file(
    root: Path,
    plan: Plan,
    task: str,
) -> Path:
    """A task's transition model."""
    folder = root / MODELS / plan.suite_folder / plan.quality_folder
    return folder / "dynamics" / f"{task}.safetensors"


def metrics(root: Path, plan: Plan) -> dict[str, Any]:
    """A finished cell's metrics."""
    return metrics_in(cell_folder(root, REPORTS, plan))


def metrics_in(folder: Path) -> dict[str, Any]:
    """The metrics in a finished cell's folder of reports."""
    return _read(folder / "metrics.json", "aggregate")


def spent(root: Path, plan: Plan) -> dict[str, Any]:
    """What a cell's steps took on this machine (`orchestration.times`); empty where
    they ran elsewhere."""
    file = cell_folder(Path("logs") / root, "", plan) / "times.json"
    return _read(file) if file.is_file() else {}


def table_of(folder: Path, seed: int, name: str) -> pd.DataFrame:
    """A seed's table in a cell's folder of outputs."""
    file = folder / f"seed_{seed}" / f"{name}.parquet"
    table: pd.DataFrame = TableDataset(str(file)).load()
    return table


def _read(path: Path, needed: str = "") -> dict[str, Any]:
    """A document, and whether it has a name that no other one has.

    Raises:
        DataError: it is not readable, or another one lies in its place.
    """
    document = read_json(path)
    if not isinstance(document, dict) or (needed and needed not in document):
        raise _another(path, f"it has no {needed!r}")
    return document


def _another(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: {why}, so another document lies there; remove it, and run the stage"
        " that makes it"
    )
