"""Which rows of a cell's buffers a walk led to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oer_pipeline.reports.buffer_table import buffer_table
from oer_pipeline.reports.table import Table

Make = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("walked", "said", "shown"),
    [
        (2, "the others were drawn uniformly", "2 / 3"),
        (0, "no walk in the transition model led to any", "3"),
    ],
)
def test_only_what_walked_is_said_to_be_filled_uniformly(
    cell: Make, walked: int, said: str, shown: str
) -> None:
    metrics = cell("er", buffers={0: [{"rows": 3, "walked": walked}] * 2})
    text, table = buffer_table(metrics)
    assert isinstance(text, str)
    assert said in text
    assert isinstance(table, Table)
    assert table.rows == (("seed 0", shown, shown),)


def test_a_learner_without_buffers(cell: Make) -> None:
    assert buffer_table(cell("finetune")) == ["This learner keeps no buffer."]
