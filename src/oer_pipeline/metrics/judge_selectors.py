"""Judgements of many selectors' buffers of one task, at several sizes, as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oer_pipeline.common.types import FloatArray
from oer_pipeline.dynamics.model import TransitionModel
from oer_pipeline.learners.policies import Policies
from oer_pipeline.metrics.judging import BufferJudge
from oer_pipeline.selection.check_selection import checked_selections
from oer_pipeline.selection.fill import fill
from oer_pipeline.selection.protocol import Selector
from oer_pipeline.selection.request import requests_of
from oer_pipeline.trajectories.buffer import ReplayBuffer
from oer_pipeline.trajectories.table import Trajectories

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class JudgedTask:
    """A learned task whose buffers are judged.

    Args:
        data: scaled, to choose from.
        policies: of each seed, after learning the task.
        visits: of each seed's policy, raw observations (V, O).
        model: the task's.
        facts: the suite's `horizon` and `distance_dimensions`.
        number: the task's, from 1.
        discount: that the critics were trained with.
    """

    data: Trajectories
    policies: Mapping[int, Policies]
    visits: Mapping[int, FloatArray]
    model: TransitionModel
    facts: Mapping[str, Any]
    number: int
    discount: float

    def buffers(
        self, name: str, selector: Selector, size: int
    ) -> dict[int, ReplayBuffer]:
        """Seed -> the buffer that a selector fills.

        Args:
            name: the selector's, for errors.
            selector: chooses for every seed.
            size: of each buffer, M.
        """
        requests = requests_of(
            self.policies,
            self.data,
            size,
            self.model,
            self.facts,
            self.number,
            self.discount,
            self.visits,
        )
        selections = checked_selections(name, selector, list(requests.values()))
        found = {}
        for seed, selection in zip(requests, selections, strict=True):
            found[seed] = fill(requests[seed], selection, "policy")
        return found

    def judges(self) -> dict[int, BufferJudge]:
        """Seed -> who judges its buffers."""
        dimensions = self.facts["distance_dimensions"]
        judges = {}
        for seed, visits in self.visits.items():
            judges[seed] = BufferJudge(self.data, visits, dimensions)
        return judges


def judge_selectors(
    task: JudgedTask,
    selectors: Mapping[str, Selector],
    sizes: Sequence[int],
    tell: Callable[[str], None],
) -> tuple[dict[int, pd.DataFrame], dict[int, pd.DataFrame]]:
    """Seed -> a row of judgements per selector and size M; and seed -> the rows of D_n
    that each chose; both tables with the columns `selector` and `size`.

    Args:
        task: whose buffers are judged.
        selectors: by name.
        sizes: of the buffers.
        tell: is told the name of each selector that has been judged.
    """
    import pandas as pd

    judges = task.judges()
    judged: dict[int, list[dict[str, Any]]] = {seed: [] for seed in task.policies}
    chosen: dict[int, list[pd.DataFrame]] = {seed: [] for seed in task.policies}
    for name, selector in selectors.items():
        for size in sizes:
            about = {"selector": name, "size": size}
            for seed, buffer in task.buffers(name, selector, size).items():
                verdict = judges[seed].judge(buffer, buffer.target_action)
                judged[seed].append({**about, **verdict})
                chosen[seed].append(pd.DataFrame({**about, "row": buffer.row}))
        tell(name)
    judgements = {seed: pd.DataFrame(rows) for seed, rows in judged.items()}
    rows = {}
    for seed, tables in chosen.items():
        rows[seed] = pd.concat(tables, ignore_index=True)
    return judgements, rows
