"""What evaluation keeps of every episode: one row of the table of returns."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from oer_pipeline.suites.diverged_returns import full_returns
from oer_pipeline.suites.rollout import Episodes
from oer_pipeline.suites.suite import Task


def episode_results(task: Task, episodes: Episodes) -> dict[str, NDArray[Any]]:
    """Columns of B episodes, (B,) each.

    `return`, undiscounted, of `diverged` episodes as continued
    (`suites.diverged_returns`); `length` in steps; where the task has it `success`,
    that some step solved the task. An episode that diverged succeeded if it had been
    solved before.
    """
    columns = {
        "return": full_returns(task, episodes),
        "length": episodes.length,
        "diverged": episodes.diverged,
    }
    if task.has_success:
        columns["success"] = episodes.success
    return columns
