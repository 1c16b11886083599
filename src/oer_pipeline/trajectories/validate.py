"""The rules of a transition table, each over whole columns; the first broken one is named with its row."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oer_pipeline.errors import DataError
from oer_pipeline.trajectories.schema import TRANSITIONS, Array, check_arrays
from oer_pipeline.types import BoolArray

if TYPE_CHECKING:
    from oer_pipeline.trajectories.table import Trajectories

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rule:
    """`broken` marks the rows (N,) of the table's columns that break the rule `text`, which is about `column`."""

    column: str
    text: str
    broken: Callable[[Mapping[str, Array]], BoolArray]


def finite(column: str) -> Rule:
    """Neither NaN nor infinite."""

    def broken(c: Mapping[str, Array]) -> BoolArray:
        odd = ~np.isfinite(c[column])
        return odd if odd.ndim == 1 else np.asarray(odd.any(axis=1))

    return Rule(column, "must be finite", broken)


def bounded(column: str) -> Rule:
    """Every action dimension within +-1."""
    return Rule(column, "must lie within -1 and 1", lambda c: np.asarray((np.abs(c[column]) > 1.0).any(axis=1)))


def _inside(c: Mapping[str, Array]) -> BoolArray:
    """(N,) the row has a successor in its own episode."""
    return np.append(c["episode"][:-1] == c["episode"][1:], False)


def _reopened(c: Mapping[str, Array]) -> BoolArray:
    starts = np.flatnonzero(~np.insert(_inside(c)[:-1], 0, False))
    _, first = np.unique(c["episode"][starts], return_index=True)
    broken = np.zeros(len(c["episode"]), dtype=bool)
    broken[np.delete(starts, first)] = True
    return broken


def _out_of_step(c: Mapping[str, Array]) -> BoolArray:
    follows = np.insert(_inside(c)[:-1], 0, False)
    expected = np.where(follows, np.roll(c["step"], 1) + 1, 0)
    return np.asarray(c["step"] != expected)


def _torn(c: Mapping[str, Array]) -> BoolArray:
    differs = np.any(c["next_observation"][:-1] != c["observation"][1:], axis=1)
    return np.append(differs, False) & _inside(c)


RULES = (
    finite("observation"),
    finite("action"),
    finite("next_observation"),
    finite("reward"),
    bounded("action"),
    Rule("episode", "must be contiguous; this episode was left before", _reopened),
    Rule("step", "must count 0, 1, 2, ... inside an episode", _out_of_step),
    Rule("terminal", "must be false before an episode's last row", lambda c: c["terminal"] & _inside(c)),
    Rule("timeout", "must be false before an episode's last row", lambda c: c["timeout"] & _inside(c)),
    Rule("next_observation", "must equal the next row's observation inside an episode", _torn),
)


def check_rules(rules: Sequence[Rule], columns: Mapping[str, Array], where: str) -> None:
    """Hold the columns against the rules, in order.

    Raises:
        DataError: names `where`, the column, the first row that breaks the rule, the rule and the value found.
    """
    for rule in rules:
        rows = np.flatnonzero(rule.broken(columns))
        if rows.size:
            value = np.array2string(np.asarray(columns[rule.column][rows[0]]), threshold=8)
            more = f" ({rows.size} such rows)" if rows.size > 1 else ""
            raise DataError(f"{where}: column {rule.column}, row {rows[0]}: {rule.text}; found {value}{more}")


def check_widths(columns: Mapping[str, Array], first: str, second: str, where: str) -> None:
    """Two vector columns have as many dimensions.

    Raises:
        DataError: they have not.
    """
    wanted, found = columns[first].shape[1], columns[second].shape[1]
    if wanted != found:
        raise DataError(f"{where}: column {second}: found {found} dimensions; column {first} has {wanted}")


def validate(trajectories: Trajectories, where: str) -> None:
    """Hold a table against every rule; a terminal flag at the horizon is no fault, but logged.

    Raises:
        DataError: names `where`, column, row and rule.
    """
    columns = trajectories.arrays()
    check_arrays(TRANSITIONS, columns, where)
    check_widths(columns, "observation", "next_observation", where)
    check_rules(RULES, columns, where)
    at_horizon = terminal_at_horizon(trajectories)
    if at_horizon:
        logger.warning("%s: %d episodes are terminal at the horizon; a time-out was probably meant", where, at_horizon)


def terminal_at_horizon(trajectories: Trajectories) -> int | None:
    """Number of rows flagged terminal at the horizon that the metadata give; None when they give none."""
    horizon = trajectories.metadata.get("horizon")
    if horizon is None:
        return None
    return int(np.count_nonzero(trajectories.terminal & (trajectories.step == horizon - 1)))
