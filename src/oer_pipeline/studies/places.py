"""Where a plan's files lie below an environment's data folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from oer_pipeline.orchestration.plan import Plan

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
    return _read(data_file(root, plan, task).with_name(f"{task}_card.json"))


def references(
    root: Path,
    plan: Plan,
    task: str,
) -> dict[str, Any]:
    """Returns on a task of the policies that its returns are normalised by."""
    return _read(root / RAW / plan.suite_folder / task / "references.json")


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
    return _read(cell_folder(root, REPORTS, plan) / "metrics.json")


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
