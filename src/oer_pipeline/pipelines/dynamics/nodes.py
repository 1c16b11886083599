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

    Args:
        data: of the task.
        task: of the plan's sequence.
        dynamics: of the parameters, as `DynamicsSettings` takes them.
        data_seed: of the parameters.
        accelerator: as `Hardware` takes it.
        precision: of float32 products on a GPU.

    Raises:
        DataError: the task, and why no model can be fitted to its data.
    """
    from oer_pipeline.common.errors import DataError
    from oer_pipeline.dynamics.assessment.report import report
    from oer_pipeline.dynamics.fit import fit_transition_model, heldout_rows
    from oer_pipeline.dynamics.settings import DynamicsSettings
    from oer_pipeline.training.hardware import Hardware

    number = task["index"]
    settings = DynamicsSettings(**dynamics)
    scaled = data.scaled()
    device = Hardware(accelerator, precision=precision).device()

    def tell(line: str) -> None:
        logger.info("task %d, %s", number, line)

    try:
        model, record = fit_transition_model(
            scaled, settings, data_seed, number, tell, device
        )
    except DataError as error:
        raise DataError(
            f"suite {task['suite']}, task {number}: {error}; selectors without a model"
            " need none"
        ) from error
    heldout = heldout_rows(scaled, settings, data_seed, number)
    assessed = report(model, scaled, heldout, data_seed)
    return (model.tensors(), model.header()), {**record, **assessed}


def draw_dynamics(
    suite: str, quality: str, **reports: dict[str, Any]
) -> tuple[str, bytes]:
    """Page and picture of all tasks' reports."""
    from oer_pipeline.reports.dynamics_page import dynamics_page, dynamics_png

    page = dynamics_page(reports, suite, quality)
    return page, dynamics_png(reports)
