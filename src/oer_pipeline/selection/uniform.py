"""Uniform transitions: what MBES is compared with."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from oer_pipeline.selection.order import content_order
from oer_pipeline.selection.protocol import Selection, SelectionRequest, Selector


@dataclass(frozen=True)
class Uniform(Selector):
    """Transitions drawn uniformly, without replacement (method, section 6)."""

    def select(self, request: SelectionRequest) -> Selection:
        order = torch.randperm(len(request.data), generator=request.generator)
        chosen = order[: request.size].numpy()
        return Selection.unwalked(content_order(request.data)[chosen])
