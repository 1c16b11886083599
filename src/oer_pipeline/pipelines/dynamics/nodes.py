"""Nodes of the dynamics pipeline."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from oer_pipeline.trajectories.table import Trajectories

logger = logging.getLogger(__name__)


def fit_dynamics(
    data: Trajectories, task: dict[str, Any], dynamics: dict[str, Any], data_seed: int
) -> tuple[tuple[dict[str, Tensor], dict[str, Any]], dict[str, Any]]:
    """The transition model of one task, as tensors and header, and its report."""
    from oer_pipeline.dynamics.fit import fit
    from oer_pipeline.dynamics.settings import DynamicsSettings

    model, report = fit(
        data.scaled(),
        DynamicsSettings(**dynamics),
        data_seed,
        task["index"],
        lambda line: logger.info("task %d, %s", task["index"], line),
    )
    return (model.tensors(), model.header()), report
