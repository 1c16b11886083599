"""The rules of a transition table, each over whole columns; every broken one is named
with its first row."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import BoolArray, FloatArray
from oer_pipeline.trajectories.schema import TRANSITIONS, Array, check_arrays

if TYPE_CHECKING:
    from oer_pipeline.trajectories.table import Trajectories

logger = logging.getLogger(__name__)
LOW, HIGH = "action_low", "action_high"
"""Metadata of a table whose actions are in an environment's own units."""
DIVERGED = "diverged_episodes"
"""How many episodes the physics broke off; metadata of every table that we rolled out,
and of no other."""
ONE = np.ones(1, dtype=np.float32)


@dataclass(frozen=True)
class Rule:
    """`broken` marks the rows (N,) of the table's columns that break the rule `text`,
    which is about `column`."""

    column: str
    text: str
    broken: Callable[[Mapping[str, Array]], BoolArray]


def finite(column: str) -> Rule:
    """Neither NaN nor infinite."""

    def broken(c: Mapping[str, Array]) -> BoolArray:
        odd = ~np.isfinite(c[column])
        return odd if odd.ndim == 1 else np.asarray(odd.any(axis=1))

    return Rule(column, "must be finite", broken)


def bounded(column: str, low: FloatArray = -ONE, high: FloatArray = ONE) -> Rule:
    """Every action dimension within its bounds, (A,) each; +-1 without them."""

    lowest, highest = (
        bound[0] if len(np.unique(bound)) == 1 else bound for bound in (low, high)
    )  # numbers are faster

    def broken(c: Mapping[str, Array]) -> BoolArray:
        return np.asarray(((c[column] < lowest) | (c[column] > highest)).any(axis=1))

    return Rule(column, f"must lie within {span(low)} and {span(high)}", broken)


def span(bound: FloatArray) -> str:
    """A bound as errors say it: one number where all dimensions agree."""
    values = np.unique(bound)
    return f"{values[0]:g}" if len(values) == 1 else shown(bound)


def shown(value: Array) -> str:
    """A row's value on one line, long vectors cut."""
    return np.array2string(np.asarray(value), threshold=8, max_line_width=1_000)


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


FINITE = tuple(
    finite(column) for column in ("observation", "action", "next_observation", "reward")
)
ORDER = (
    Rule("episode", "must not be negative", lambda c: np.asarray(c["episode"] < 0)),
    Rule("episode", "must be contiguous; this episode was left before", _reopened),
    Rule("step", "must count 0, 1, 2, ... inside an episode", _out_of_step),
    Rule(
        "terminal",
        "must be false before an episode's last row",
        lambda c: c["terminal"] & _inside(c),
    ),
    Rule(
        "timeout",
        "must be false before an episode's last row",
        lambda c: c["timeout"] & _inside(c),
    ),
    Rule(
        "next_observation",
        "must equal the next row's observation inside an episode",
        _torn,
    ),
)


def _unknown_but_needed(c: Mapping[str, Array]) -> BoolArray:
    if "next_known" not in c:
        return np.zeros(len(c["terminal"]), dtype=bool)
    return np.asarray(~c["next_known"] & ~c["terminal"])


def _of_two_minds(c: Mapping[str, Array]) -> BoolArray:
    if "success" not in c:
        return np.zeros(len(c["episode"]), dtype=bool)
    differs = np.append(c["success"][:-1] != c["success"][1:], False)
    return np.asarray(differs & _inside(c))


SOLVED = (Rule("success", "must be the same in all rows of an episode", _of_two_minds),)
"""It is the episode's: solved at any step."""
KNOWN = (
    Rule(
        "next_known", "must be true where the row is not terminal", _unknown_but_needed
    ),
)
"""Critics bootstrap from what follows; only behind a terminal row they do not."""


def within(horizon: int | None) -> tuple[Rule, ...]:
    """No episode goes on beyond the horizon, if there is one."""
    if horizon is None:
        return ()
    return (
        Rule(
            "step",
            f"must be below the horizon of {horizon} steps",
            lambda c: np.asarray(c["step"] >= horizon),
        ),
    )


def flaws(
    rules: Sequence[Rule],
    columns: Mapping[str, Array],
    names: Mapping[str, str] | None = None,
) -> list[str]:
    """One sentence a broken rule: column, first row, rule, value found, how many rows;
    one rule a column is enough.

    Rules about columns that are not there do not count: whether they have to be is the
    schema's. `names` are what the columns are called where they come from.
    """
    told: dict[str, str] = {}
    for rule in rules:
        if rule.column in told or rule.column not in columns:
            continue
        rows = np.flatnonzero(rule.broken(columns))
        if rows.size:
            name = (names or {}).get(rule.column, rule.column)
            value = shown(columns[rule.column][rows[0]])
            more = f" ({rows.size} such rows)" if rows.size > 1 else ""
            told[rule.column] = (
                f"column {name}, row {rows[0]}: {rule.text}; found {value}{more}"
            )
    return list(told.values())


def check_rules(
    rules: Sequence[Rule], columns: Mapping[str, Array], where: str
) -> None:
    """Hold the columns against the rules, in order.

    Raises:
        DataError: names `where` and every flaw.
    """
    found = flaws(rules, columns)
    if found:
        raise DataError(f"{where}: {'; '.join(found)}")


def check_widths(
    columns: Mapping[str, Array], first: str, second: str, where: str
) -> None:
    """Two vector columns have as many dimensions.

    Raises:
        DataError: they have not.
    """
    wanted, found = columns[first].shape[1], columns[second].shape[1]
    if wanted != found:
        raise DataError(
            f"{where}: column {second}: found {found} dimensions; column {first} has"
            f" {wanted}"
        )


def validate(trajectories: Trajectories, where: str) -> None:
    """Hold a table against every rule; a terminal flag at the horizon is no fault, but
    logged.

    Not of tables that we rolled out: there the environment itself said that the MDP
    ended.

    Raises:
        DataError: names `where`, column, row and rule; action bounds or a horizon in
            the metadata that are none.
    """
    columns = trajectories.arrays()
    check_arrays(TRANSITIONS, columns, where)
    check_widths(columns, "observation", "next_observation", where)
    low, high = action_bounds(trajectories.metadata, columns["action"].shape[1], where)
    horizon = _horizon(trajectories.metadata, where)
    rules = (
        *FINITE,
        bounded("action", low, high),
        *ORDER,
        *KNOWN,
        *SOLVED,
        *within(horizon),
    )
    check_rules(rules, columns, where)
    at_horizon = terminal_at_horizon(trajectories)
    if at_horizon and DIVERGED not in trajectories.metadata:
        logger.warning(
            "%s: %d episodes are terminal at the horizon; a time-out was probably"
            " meant",
            where,
            at_horizon,
        )


def action_bounds(
    metadata: Mapping[str, Any], actions: int, where: str
) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest action, (A,) float32 each, as `action_low` and `action_high`
    say; +-1 without them.

    Raises:
        DataError: they are not A finite numbers each, low below high.
    """
    if LOW not in metadata and HIGH not in metadata:
        return np.full(actions, -1.0, np.float32), np.full(actions, 1.0, np.float32)
    given = [metadata.get(LOW), metadata.get(HIGH)]
    try:
        low, high = np.array(given, dtype=np.float32)
        if (
            low.shape == (actions,)
            and np.isfinite(low).all()
            and np.isfinite(high).all()
            and (low < high).all()
        ):
            return low, high
    except (TypeError, ValueError, OverflowError):
        pass
    raise DataError(
        f"{where}: metadata {LOW} and {HIGH} are {given}; they take {actions} numbers"
        " each, low below high"
    )


def _horizon(metadata: Mapping[str, Any], where: str) -> int | None:
    horizon = metadata.get("horizon")
    if horizon is not None and (
        isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1
    ):
        raise DataError(
            f"{where}: metadata horizon is {horizon!r}; it takes a number of steps"
        )
    return horizon


def terminal_at_horizon(trajectories: Trajectories) -> int | None:
    """Number of rows flagged terminal at the horizon that the metadata give; None when
    they give none."""
    horizon = trajectories.metadata.get("horizon")
    if horizon is None:
        return None
    return int(
        np.count_nonzero(trajectories.terminal & (trajectories.step == horizon - 1))
    )
