"""Tasks, learned or not, to run a stored policy on besides a cell's own: what the
parameters `transfer_evaluation` ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.ranges import parse_numbers
from oer_pipeline.orchestration.asked import Asked
from oer_pipeline.orchestration.chosen import LearnerChoice
from oer_pipeline.suites.suite import Suite, Task


@dataclass(frozen=True)
class TransferEvaluation:
    """Tasks, in the cell's sequence or out of it, to run a stored policy on: the one
    `after` so many tasks."""

    tasks: tuple[Task, ...]
    after: int

    @property
    def name(self) -> str:
        """`after_3_on_2+4`, for files."""
        numbers = "+".join(str(task.index) for task in self.tasks)
        return f"after_{self.after}_on_{numbers}"


def transfer_evaluation(
    asked: Asked, suite: Suite, learned: Sequence[Task], learner: LearnerChoice
) -> TransferEvaluation | None:
    """What is asked for; None where nothing is.

    Args:
        asked: the parameters.
        suite: the suite, of whose tasks any can be asked for.
        learned: the tasks of the run.
        learner: the one in force.

    Raises:
        ConfigurationError: a task that the suite lacks, or a policy that the cell does
            not have.
    """
    given = asked["transfer_evaluation"]
    if given["tasks"] is None:
        return None
    every = suite.sequence(len(suite.tasks), asked["order_seed"])
    forms = "a range 1-5, numbers 2+4, or a YAML list of numbers"
    numbers = parse_numbers("transfer_evaluation.tasks", given["tasks"], forms)
    if not all(1 <= number <= len(every) for number in numbers):
        raise ConfigurationError(
            f"transfer_evaluation.tasks are {numbers}; suite {suite.name} has tasks 1"
            f" to {len(every)}"
        )
    after = len(learned) if given["after"] is None else given["after"]
    if learner.together and after != len(learned):
        raise ConfigurationError(
            f"transfer_evaluation.after is {after!r}; learner {learner.name} learns all"
            " tasks at once: leave it out"
        )
    is_whole = isinstance(after, int) and not isinstance(after, bool)
    if not is_whole or not 1 <= after <= len(learned):
        raise ConfigurationError(
            f"transfer_evaluation.after is {after!r}; this cell learns tasks 1 to"
            f" {len(learned)}"
        )
    return TransferEvaluation(tuple(every[number - 1] for number in numbers), after)
