"""What foreign data need before they are a transition table, and what may be repaired
only when the suite says so.

Shapes: N rows, A action.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import BoolArray, FloatArray
from oer_pipeline.trajectories.exchange.draft import (
    Draft,
    episodes_and_steps,
    last_rows,
)
from oer_pipeline.trajectories.metadata import KEPT
from oer_pipeline.trajectories.rules import bound_text, value_text


def split_episodes(draft: Draft, horizon: int) -> None:
    """Number rows that come without episodes: one ends at a terminal, at a time-out, or
    at the horizon.

    The horizon ends episodes of a file without any time-out, and becomes one; not where
    the next observation shows that the episode went on.
    """
    columns = draft.columns
    terminal = columns["terminal"]
    no_timeouts = np.zeros(len(terminal), dtype=bool)
    timeout = columns.setdefault("timeout", no_timeouts)
    if not timeout.any():
        _, step = episodes_and_steps(terminal)
        is_last = step % horizon == horizon - 1
        at_horizon = is_last & ~terminal
        if not _goes_on(draft, at_horizon):
            timeout |= at_horizon
            split = np.count_nonzero(at_horizon)
            draft.repairs["split_at_horizon"] = int(split)
    ends = terminal | timeout
    columns["episode"], columns["step"] = episodes_and_steps(ends)


def end_episodes(draft: Draft) -> None:
    """Where a file knows its episodes but no time-outs, the end of one that is not
    terminal is one."""
    columns = draft.columns
    if "timeout" in columns:
        return
    ends = last_rows(columns["episode"])
    timeout = ends & ~columns["terminal"]
    columns["timeout"] = timeout
    draft.repairs["ends_to_timeouts"] = int(np.count_nonzero(timeout))


def reverse(draft: Draft) -> None:
    """Turn the rows round: the file's last row came first."""
    for name, column in draft.columns.items():
        turned = column[::-1]
        draft.columns[name] = np.ascontiguousarray(turned)
    draft.repairs["reversed"] = len(draft.columns["terminal"])


def refuse_backwards(draft: Draft) -> None:
    """A flaw where most next observations are those of the row before: the file runs
    backwards."""
    columns = draft.columns
    if draft.native or "next_observation" not in columns:
        return
    observation = columns["observation"]
    next_observation = columns["next_observation"]
    if len(observation) < 3:
        return
    equal_before = next_observation[1:] == observation[:-1]
    equal_after = next_observation[:-1] == observation[1:]
    backwards = equal_before.all(axis=1)
    forwards = equal_after.all(axis=1)
    if backwards.mean() <= 0.5 or forwards.mean() >= 0.5:
        return
    remedy = "say reversed: true for a file whose last row came first"
    if "reversed" in draft.repairs:
        remedy = "leave reversed out: the file's first row came first"
    row = int(np.argmax(backwards)) + 1
    count = int(backwards.sum())
    draft.flaws.append(
        f"{draft.place('next_observation', row)}: must be followed by what"
        f" it holds; found it in the row before ({count} such rows): {remedy}"
    )


def choose_dimensions(draft: Draft, chosen: Sequence[int]) -> None:
    """Keep the chosen dimensions of observations, in this order; one that is not there
    is a flaw."""
    width = draft.columns["observation"].shape[1]
    for dimension in chosen:
        if dimension >= width:
            draft.flaws.append(
                f"column {draft.name('observation')}: found dimensions 0 to"
                f" {width - 1}; observation_dimensions asks for {dimension}"
            )
            return
    dimensions = list(chosen)
    for name in ("observation", "next_observation"):
        if name in draft.columns:
            kept = draft.columns[name][:, dimensions]
            draft.columns[name] = np.ascontiguousarray(kept)
    draft.repairs["observation_dimensions"] = {"kept": dimensions, "of": width}


def _goes_on(draft: Draft, ends: BoolArray) -> bool:
    """Whether a next observation shows that an episode goes on after its end, (N,)."""
    if "next_observation" not in draft.columns:
        return False
    rows = np.flatnonzero(ends[:-1])
    next_observation = draft.columns["next_observation"][rows]
    observation = draft.columns["observation"][rows + 1]
    same = (next_observation == observation).all(axis=1)
    return bool(same.any())


def check_lengths(draft: Draft, horizon: int) -> None:
    """No episode is longer than the suite's horizon."""
    step = draft.columns["step"]
    rows = np.flatnonzero(step == horizon)
    if not rows.size:
        return
    first = rows[0]
    rest = step[first:]  # of the first such episode, and all that come after it
    next_starts = np.flatnonzero(rest == 0)
    beyond = next_starts[0] if next_starts.size else len(rest)
    length = horizon + int(beyond)
    draft.flaws.append(
        f"{draft.place('terminal', first - horizon)}: must start an"
        f" episode of at most {horizon} steps, the suite's horizon; found {length}"
        f" steps ({rows.size} such episodes); set the suite's horizon to that of"
        " the data"
    )


def clip_actions(
    draft: Draft,
    low: FloatArray,
    high: FloatArray,
    allowed: bool,
) -> None:
    """Actions beyond the bounds are clipped where the suite allows it, otherwise a
    flaw.

    Args:
        draft: is repaired in place.
        low: the least that each dimension takes, (A,).
        high: the most, (A,).
        allowed: whether the suite says `clip_actions`.
    """
    action = draft.columns["action"]
    too_low = action < low
    too_high = action > high
    # What is not finite is no action beyond bounds: another rule names it.
    outside = (too_low | too_high).any(axis=1) & np.isfinite(action).all(axis=1)
    rows = np.flatnonzero(outside)
    if not rows.size:
        return
    beyond = action[rows]
    excess = np.maximum(low - beyond, beyond - high)
    place = np.nanargmax(excess)
    worst, dimension = np.unravel_index(place, excess.shape)
    if allowed:
        draft.repairs["clipped_actions"] = int(rows.size)
        largest = excess[worst, dimension]
        draft.repairs["largest_excess"] = float(largest)
        action[rows] = np.clip(beyond, low, high)
        return
    limits = f"{bound_text(low)} and {bound_text(high)}"
    first = rows[0]
    value = value_text(action[first])
    worst_row = rows[worst]
    worst_value = action[worst_row, dimension]
    draft.flaws.append(
        f"{draft.place('action', first)}: must lie within {limits}; found"
        f" {value} ({rows.size} such rows, the worst {worst_value:g} in"
        f" {draft.rows(worst_row)}); set clip_actions: true to clip them"
    )


def terminals_to_timeouts(
    draft: Draft,
    horizon: int,
    choice: str | None,
) -> None:
    """Terminal flags at the horizon become time-outs where the suite says so, otherwise
    a flaw of a foreign file.

    Args:
        draft: what is changed.
        horizon: the suite's, in steps.
        choice: `Source.terminals_at_horizon`.
    """
    columns = draft.columns
    terminal = columns["terminal"]
    last_step = columns["step"] == horizon - 1
    at_horizon = terminal & last_step
    rows = np.flatnonzero(at_horizon)
    if choice == "timeout":
        terminal &= ~at_horizon
        columns["timeout"] |= at_horizon
        draft.repairs["terminals_to_timeouts"] = int(rows.size)
    elif choice == "keep":
        draft.repairs[KEPT] = int(rows.size)
    elif rows.size and choice is None and not draft.native:
        draft.flaws.append(
            f"{draft.place('terminal', rows[0])}: must be false on step"
            f" {horizon}, where the suite's horizon ends an episode; found true"
            f" ({rows.size} such rows); set terminals_at_horizon: timeout if the clock"
            " ended these episodes, keep if it did not"
        )


def derive_next_observations(draft: Draft, where: str) -> None:
    """Take missing next observations from the next row (protocol, section 2).

    An episode's last row has none: it is dropped, and its time-out goes to the row
    before. A terminal row stays, as critics learn nothing from the state after it; its
    own observation fills the place, and `next_known` marks it, so that nothing else
    learns from that.

    Args:
        draft: is repaired in place.
        where: the file, as errors call it.

    Raises:
        DataError: no row is left.
    """
    columns = draft.columns
    if "next_observation" in columns:
        return
    observation = columns["observation"]
    last = last_rows(columns["episode"])
    timeout = columns["timeout"]
    dropped = last & ~columns["terminal"]
    has_row_before = columns["step"] > 0
    moved = np.flatnonzero(dropped & timeout & has_row_before)
    timeout[moved - 1] = True
    next_observation = np.concatenate((observation[1:], observation[-1:]))
    next_observation[last] = observation[last]
    columns["next_observation"] = next_observation
    # A million rows are 80 MB, and each column is copied below.
    del observation, next_observation, timeout
    kept = ~dropped
    if not kept.any():
        raise DataError(
            f"{where}: found {len(kept)} rows; none has a next observation, in the file"
            " or in a next row"
        )
    columns["next_known"] = ~last
    for name in columns:
        columns[name] = columns[name][kept]
    draft.number_steps(columns["episode"])
    rows_dropped = np.count_nonzero(dropped)
    derived = np.count_nonzero(columns["next_known"])
    draft.repairs["rows_dropped"] = int(rows_dropped)
    draft.repairs["next_observations_derived"] = int(derived)
