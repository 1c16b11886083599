"""An order of the data that depends on their content alone.

A draw is a draw of positions, and a tie goes to the lower one. Both are counted in this
order, so that permuting the episodes of D_n permutes the indices of a selection and
changes nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from oer_pipeline.common.types import IntArray
from oer_pipeline.selection.protocol import SelectionRequest
from oer_pipeline.trajectories.table import Trajectories


def content_order(data: Trajectories) -> IntArray:
    """Rows (N,) int64 of `data`, its episodes ordered by a hash of what they hold;
    equal episodes keep their order."""
    starts = data.starts
    ends = data.starts + data.lengths
    columns = []
    for name, column in data.arrays().items():
        if name != "episode":
            columns.append(np.ascontiguousarray(column))

    def digest(episode: int) -> bytes:
        content = blake2b(digest_size=16)
        for column in columns:
            content.update(column[starts[episode] : ends[episode]].data)
        return content.digest()

    parts = []
    for episode in sorted(range(len(starts)), key=digest):
        parts.append(np.arange(starts[episode], ends[episode], dtype=np.int64))
    return np.concatenate(parts)


def in_content_order(
    requests: Sequence[SelectionRequest],
) -> tuple[list[SelectionRequest], IntArray]:
    """Requests with their data, the same for all, reordered; and which row of the data
    each row was before, (N,)."""
    rows = content_order(requests[0].data)
    data = requests[0].data.select(rows)
    return [replace(request, data=data) for request in requests], rows
