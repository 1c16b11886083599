"""Nodes of the dynamics pipeline."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from oer_pipeline.trajectories.table import Trajectories

logger = logging.getLogger(__name__)


def fit_dynamics(
    data: Trajectories,
    task: dict[str, Any],
    dynamics: dict[str, Any],
    data_seed: int,
    accelerator: str,
    precision: Literal["highest", "high", "medium"],
) -> tuple[tuple[dict[str, Tensor], dict[str, Any]], dict[str, Any]]:
    """The transition model of one task, as tensors and header, and its report.

    Raises:
        DataError: the task, and why no model can be fitted to its data.
    """
    from oer_pipeline.common.errors import DataError
    from oer_pipeline.dynamics.assessment.report import report
    from oer_pipeline.dynamics.fit import fit_transition_model, heldout_rows
    from oer_pipeline.dynamics.settings import DynamicsSettings
    from oer_pipeline.training.hardware import Hardware

    settings, scaled = DynamicsSettings(**dynamics), data.scaled()

    def tell(line: str) -> None:
        logger.info("task %d, %s", task["index"], line)

    device = Hardware(accelerator, precision=precision).device()
    try:
        model, record = fit_transition_model(
            scaled, settings, data_seed, task["index"], tell, device
        )
    except DataError as error:
        name = f"suite {task['suite']}, task {task['index']}"
        raise DataError(
            f"{name}: {error}; selectors without a model need none"
        ) from error
    judged = report(
        model,
        scaled,
        heldout_rows(scaled, settings, data_seed, task["index"]),
        data_seed,
    )
    return (model.tensors(), model.header()), {**record, **judged}


def draw_dynamics(**reports: dict[str, Any]) -> tuple[str, bytes]:
    """Page and picture of all tasks' reports."""
    from oer_pipeline.reports.dynamics_page import page_of, png

    return page_of(reports), png(reports)
