"""What the transition model finds most likely."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi

import numpy as np
import torch

from oer_pipeline.common.types import BoolArray, FloatArray, IntArray
from oer_pipeline.dynamics.inputs_and_targets import targets_of
from oer_pipeline.selection.protocol import SelectionRequest, needed
from oer_pipeline.selection.scores import ScoreSelector
from oer_pipeline.trajectories.table import Trajectories


@dataclass(frozen=True)
class Likelihood(ScoreSelector):
    """Highest log-likelihood of (s' - s, r) under the mixture of the ensemble's members
    (method, section 6).

    Over the outputs that the model predicts; E members, B rows, D outputs. Rows whose
    s' is not known have no likelihood and come last.
    """

    name = "likelihood"

    def check(self, request: SelectionRequest) -> None:
        needed(request.model, self.name, "a transition model")

    def scored(self, data: Trajectories) -> BoolArray:
        return data.known

    def scores(
        self,
        request: SelectionRequest,
        rows: IntArray,
    ) -> FloatArray:
        model = needed(request.model, self.name, "a transition model")
        data = request.data.select(rows)
        device = request.device
        s = torch.from_numpy(data.observation).to(device)
        a = torch.from_numpy(data.action).to(device)
        mean, std = model.predict(s, a)
        mean_EBD = mean.double()
        std_EBD = std.double()
        error_EBD = torch.from_numpy(targets_of(data)).to(device) - mean_EBD
        squared_EBD = (error_EBD / std_EBD).square()
        density_EBD = -0.5 * squared_EBD - std_EBD.log() - 0.5 * log(2.0 * pi)
        # A constant output has no density.
        density_EB = density_EBD.where(std_EBD != 0, 0.0).sum(dim=2)
        mixture_B = density_EB.logsumexp(dim=0) - log(len(density_EB))
        return np.asarray(mixture_B.cpu().numpy())
