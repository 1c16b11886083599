"""Uniform episodes: whole trajectories, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from oer_pipeline.selection.episodes import rows_of
from oer_pipeline.selection.order import in_content_order
from oer_pipeline.selection.protocol import Selection, SelectionRequest, Selector


@dataclass(frozen=True)
class UniformEpisodes(Selector):
    """Whole episodes drawn uniformly, without replacement; the last one is cut (method,
    section 6)."""

    def select(self, request: SelectionRequest) -> Selection:
        (request,), rows = in_content_order([request])
        order = torch.randperm(len(request.data.starts), generator=request.generator)
        chosen = rows_of(request.data, order.tolist(), request.size)
        return Selection.unwalked(rows[chosen])
