"""What the package's behaviour policies earn and cost, as the table of docs/data.md.

`python -m oer_pipeline.suites.behaviour_table [SUITE ...]` prints it from the records in the behaviour files.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from oer_pipeline.errors import OERError
from oer_pipeline.suites.behaviour import BehaviourFile, behaviour_path
from oer_pipeline.suites.behaviour_training import configured_suites
from oer_pipeline.suites.suite import Suite, Task

NAMED = ("cheetah_vel_signed", "cheetah_vel", "cheetah_vel_spread", "ant_dir", "walker_par")
TITLES = ("suite", "task", "MDP", "random", "zero action", "medium (after steps)", "final", "steps", "seconds")


def behaviour_table(suites: Sequence[Suite]) -> str:
    """A Markdown table, one row a task: mean undiscounted returns, environment steps, seconds of training."""
    rows = [_row(task) for suite in suites for task in suite.tasks]
    lines = [TITLES, ("---", "---", "---", *["---:"] * (len(TITLES) - 3)), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _row(task: Task) -> tuple[str, ...]:
    record: Mapping[str, Any] = BehaviourFile.load(behaviour_path(task.family, task.key)).record
    returns = {name: f"{value:.0f}" for name, value in record["returns"].items()}
    medium = f"{returns['medium']} ({record['medium_steps']:,})"
    cost = f"{record['settings']['steps']:,}", str(record["seconds"])
    return (task.suite, str(task.index), task.key, returns["random"], returns["zero"], medium, returns["final"], *cost)


def main(names: Sequence[str]) -> None:
    """Print the table of the suites `names`; of the named suites without any."""
    try:
        print(behaviour_table(configured_suites(names or NAMED)), end="")
    except OERError as error:
        raise SystemExit(f"Error: {error}") from error


if __name__ == "__main__":
    main(sys.argv[1:])
