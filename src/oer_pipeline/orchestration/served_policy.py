"""The deployed policy of a seed as MLflow loads it: a copy of this file lies in every
model and runs there, which MLflow calls models from code.

The installed package acts, with the pipeline's own file of weights: the actions are
those of its evaluation, bit for bit. Nothing is unpickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import (  # type: ignore[attr-defined]  # names that it documents
    PythonModel,
    PythonModelContext,
)

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.types import FloatArray
from oer_pipeline.datasets import SafetensorsDataset
from oer_pipeline.learners.policies import Policies
from oer_pipeline.suites.rollout import in_blocks

WEIGHTS = "policy"
"""Name of the artefact that the weights are."""
TASK = "task"
"""The parameter of a prediction that says whose head and statistics act."""


class ServedPolicy(PythonModel):
    """The deployed policy after the last task, on every task that it learned."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the weights.

        Args:
            context: MLflow's; it knows where the artefact lies.
        """
        path = Path(context.artifacts[WEIGHTS])
        weights = SafetensorsDataset(filepath=str(path)).read(path)
        self._policies = Policies.from_tensors(*weights)

    def predict(
        self,
        context: PythonModelContext,
        model_input: np.ndarray,  # MLflow knows no other name for arrays
        params: dict[str, Any] | None = None,
    ) -> FloatArray:
        """Actions (N, A), float32, within -1 and 1.

        Args:
            context: MLflow's.
            model_input: observations (N, D), as recorded.
            params: `task`, its number from 1; the newest if there is none.

        Raises:
            ConfigurationError: the policy has not learned the task.
        """
        learned = self._policies.tasks
        task = (params or {}).get(TASK, learned)
        if not 1 <= task <= learned:
            raise ConfigurationError(
                f"{TASK} is {task}; the policy has learned tasks 1 to {learned}"
            )

        def act(observation_BD: FloatArray) -> FloatArray:
            action_MBA = self._policies.deployed_action(task, observation_BD[None])
            return np.asarray(action_MBA[0])

        return in_blocks(act, np.asarray(model_input, np.float32))


set_model(ServedPolicy())
