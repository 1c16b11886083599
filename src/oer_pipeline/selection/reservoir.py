"""Distribution matching by reservoir sampling.

Isele & Cosgun 2018, "Selective Experience Replay for Lifelong Learning": every
transition has a random key, and those with the largest stay. That is a uniform sample
of a stream whose end need not be known.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from oer_pipeline.selection.order import content_order
from oer_pipeline.selection.protocol import Selection, SelectionRequest, Selector


@dataclass(frozen=True)
class Reservoir(Selector):
    """The transitions with the largest random keys, the largest first (method, section
    6)."""

    def select(self, request: SelectionRequest) -> Selection:
        keys = torch.rand(
            len(request.data), dtype=torch.float64, generator=request.generator
        )
        kept = keys.argsort(descending=True, stable=True)[: request.size]
        return Selection.unwalked(content_order(request.data)[kept.numpy()])
