"""Every row: replay of all old data, the ceiling of any selection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from oer_pipeline.selection.order import content_order
from oer_pipeline.selection.protocol import Selection, SelectionRequest, Selector


@dataclass(frozen=True)
class Everything(Selector):
    """All N rows of D_n, whatever `replay.size` says. A reference, no buffer: it keeps
    what a buffer is there to save."""

    takes_all: ClassVar[bool] = True

    def select(self, request: SelectionRequest) -> Selection:
        """Exactly `request.size` distinct rows, in an order that depends on their
        content alone."""
        return Selection.unwalked(content_order(request.data)[: request.size])
