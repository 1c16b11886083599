"""The rules of tables and buffers, each over whole columns; every broken one is named
with its first row.

Shapes: N rows, A action.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import BoolArray, FloatArray
from oer_pipeline.trajectories.schema import Array

Columns = Mapping[str, Array]
RowName = Callable[[int, str], str]
"""What errors call a row of a column."""
ONE = np.ones(1, dtype=np.float32)


@dataclass(frozen=True)
class Rule:
    """`broken` marks the rows (N,) of the table's columns that break the rule `text`,
    which is about `column`."""

    column: str
    text: str
    broken: Callable[[Columns], BoolArray]


def finite(column: str) -> Rule:
    """Neither NaN nor infinite."""

    def broken(columns: Columns) -> BoolArray:
        odd = ~np.isfinite(columns[column])
        return odd if odd.ndim == 1 else np.asarray(odd.any(axis=1))

    return Rule(column, "must be finite", broken)


def not_negative(column: str) -> Rule:
    """0 or more."""

    def broken(columns: Columns) -> BoolArray:
        return np.asarray(columns[column] < 0)

    return Rule(column, "must not be negative", broken)


def bounded(
    column: str,
    low: FloatArray = -ONE,
    high: FloatArray = ONE,
) -> Rule:
    """Every action dimension within its bounds.

    Args:
        column: that holds actions.
        low: the least, (A,); without it -1.
        high: the most, (A,); without it +1.
    """
    lowest = _scalar_if_equal(low)
    highest = _scalar_if_equal(high)

    def broken(columns: Columns) -> BoolArray:
        action = columns[column]
        return np.asarray(((action < lowest) | (action > highest)).any(axis=1))

    text = f"must lie within {bound_text(low)} and {bound_text(high)}"
    return Rule(column, text, broken)


def _scalar_if_equal(bound: FloatArray) -> FloatArray:
    """One number where all dimensions agree: numpy compares with it faster."""
    return bound[0] if len(np.unique(bound)) == 1 else bound


def bound_text(bound: FloatArray) -> str:
    """A bound as errors say it: one number where all dimensions agree."""
    values = np.unique(bound)
    return f"{values[0]:g}" if len(values) == 1 else value_text(bound)


def value_text(value: Array) -> str:
    """A row's value on one line, long vectors cut."""
    return np.array2string(np.asarray(value), threshold=8, max_line_width=1_000)


def _has_successor(columns: Columns) -> BoolArray:
    """(N,) the next row belongs to the same episode."""
    episode = columns["episode"]
    return np.append(episode[:-1] == episode[1:], False)


def _has_predecessor(columns: Columns) -> BoolArray:
    """(N,) the row before belongs to the same episode."""
    return np.insert(_has_successor(columns)[:-1], 0, False)


def _reopened(columns: Columns) -> BoolArray:
    """Rows that go back to an episode which another one has interrupted."""
    episode = columns["episode"]
    starts = np.flatnonzero(~_has_predecessor(columns))
    _, first = np.unique(episode[starts], return_index=True)
    broken = np.zeros(len(episode), dtype=bool)
    broken[np.delete(starts, first)] = True
    return broken


def _out_of_step(columns: Columns) -> BoolArray:
    step = columns["step"]
    expected = np.where(_has_predecessor(columns), np.roll(step, 1) + 1, 0)
    return np.asarray(step != expected)


def _torn(columns: Columns) -> BoolArray:
    """Rows whose next observation is not that of the next row."""
    next_observation = columns["next_observation"][:-1]
    differs = np.any(next_observation != columns["observation"][1:], axis=1)
    return np.append(differs, False) & _has_successor(columns)


def _terminal_too_early(columns: Columns) -> BoolArray:
    return np.asarray(columns["terminal"] & _has_successor(columns))


def _timeout_too_early(columns: Columns) -> BoolArray:
    return np.asarray(columns["timeout"] & _has_successor(columns))


def _unknown_but_needed(columns: Columns) -> BoolArray:
    if "next_known" not in columns:
        return np.zeros(len(columns["terminal"]), dtype=bool)
    return np.asarray(~columns["next_known"] & ~columns["terminal"])


def _success_differs(columns: Columns) -> BoolArray:
    if "success" not in columns:
        return np.zeros(len(columns["episode"]), dtype=bool)
    success = columns["success"]
    differs = np.append(success[:-1] != success[1:], False)
    return np.asarray(differs & _has_successor(columns))


FINITE = (
    finite("observation"),
    finite("action"),
    finite("next_observation"),
    finite("reward"),
)
ORDER = (
    not_negative("episode"),
    Rule("episode", "must be contiguous; this episode was left before", _reopened),
    Rule("step", "must count 0, 1, 2, ... inside an episode", _out_of_step),
    Rule("terminal", "must be false before an episode's last row", _terminal_too_early),
    Rule("timeout", "must be false before an episode's last row", _timeout_too_early),
    Rule(
        "next_observation",
        "must equal the next row's observation inside an episode",
        _torn,
    ),
)
SUCCESS_RULE = Rule(
    "success", "must be the same in all rows of an episode", _success_differs
)
"""It is the episode's: solved at any step."""
NEXT_KNOWN_RULE = Rule(
    "next_known", "must be true where the row is not terminal", _unknown_but_needed
)
"""Critics bootstrap from what comes after a row; only behind a terminal row they do
not."""


def below_horizon(horizon: int) -> Rule:
    """No episode goes on beyond the horizon (steps)."""

    def broken(columns: Columns) -> BoolArray:
        return np.asarray(columns["step"] >= horizon)

    return Rule("step", f"must be below the horizon of {horizon} steps", broken)


def plain_row(row: int, _: str) -> str:
    """A row by its number in the table."""
    return f"row {row}"


def find_flaws(
    rules: Sequence[Rule],
    columns: Columns,
    names: Mapping[str, str] | None = None,
    row_name: RowName = plain_row,
) -> list[str]:
    """One sentence per broken rule: column, first row, rule, value, how many rows; one
    rule per column is enough.

    Rules about columns that are not there do not count: whether they have to be is the
    schema's matter.

    Args:
        rules: in the order that they are tried in.
        columns: (N,) or (N, D) each.
        names: column -> what the file that it comes from calls it.
        row_name: what that file calls a row.
    """
    names = names or {}
    flaws: dict[str, str] = {}
    for rule in rules:
        if rule.column in flaws or rule.column not in columns:
            continue
        rows = np.flatnonzero(rule.broken(columns))
        if not rows.size:
            continue
        name = names.get(rule.column, rule.column)
        value = value_text(columns[rule.column][rows[0]])
        more = f" ({rows.size} such rows)" if rows.size > 1 else ""
        row = row_name(int(rows[0]), rule.column)
        sentence = f"column {name}, {row}: {rule.text}; found {value}{more}"
        flaws[rule.column] = sentence
    return list(flaws.values())


def check_rules(
    rules: Sequence[Rule],
    columns: Columns,
    where: str,
) -> None:
    """Hold the columns against the rules, in order.

    Raises:
        DataError: names `where` and every flaw.
    """
    flaws = find_flaws(rules, columns)
    if flaws:
        raise DataError(f"{where}: {'; '.join(flaws)}")


def check_widths(
    columns: Columns,
    first: str,
    second: str,
    where: str,
) -> None:
    """Two vector columns have as many dimensions.

    Args:
        columns: arrays by name, (N, dimensions) each.
        first: name of one.
        second: name of the other.
        where: the file, as errors call it.

    Raises:
        DataError: they have not.
    """
    wanted = columns[first].shape[1]
    width = columns[second].shape[1]
    if width != wanted:
        raise DataError(
            f"{where}: column {second}: found {width} dimensions; column {first} has"
            f" {wanted}"
        )
