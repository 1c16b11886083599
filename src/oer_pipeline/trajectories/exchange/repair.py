"""What foreign data need before they are a table of ours, and what may be mended only
when the suite says so.

Shapes: N rows, A action.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.types import BoolArray, FloatArray
from oer_pipeline.trajectories.exchange.draft import Draft, numbered
from oer_pipeline.trajectories.validate import shown, span


def split_episodes(draft: Draft, horizon: int) -> None:
    """Number rows that come without episodes: one ends at a terminal, at a time-out, or
    at the horizon.

    The horizon ends episodes of a file without any time-out, and becomes one; not where
    the next observation shows that the episode went on.
    """
    columns = draft.columns
    timeout = columns.setdefault(
        "timeout", np.zeros(len(columns["terminal"]), dtype=bool)
    )
    if not timeout.any():
        _, step = numbered(columns["terminal"])
        at_horizon = (step % horizon == horizon - 1) & ~columns["terminal"]
        if not _goes_on(draft, at_horizon):
            timeout |= at_horizon
            draft.mended["split_at_horizon"] = int(np.count_nonzero(at_horizon))
    columns["episode"], columns["step"] = numbered(columns["terminal"] | timeout)


def end_episodes(draft: Draft) -> None:
    """Where a file knows its episodes but no time-outs, the end of one that is not
    terminal is one."""
    columns = draft.columns
    if "timeout" in columns:
        return
    last = np.append(columns["episode"][1:] != columns["episode"][:-1], True)
    columns["timeout"] = last & ~columns["terminal"]
    draft.mended["ends_to_timeouts"] = int(np.count_nonzero(columns["timeout"]))


def reverse(draft: Draft) -> None:
    """Turn the rows round: the file's last row came first."""
    for name, column in draft.columns.items():
        draft.columns[name] = np.ascontiguousarray(column[::-1])
    draft.mended["reversed"] = len(draft.columns["terminal"])


def refuse_backwards(draft: Draft) -> None:
    """A flaw where what follows a row stands before it, throughout: the file runs
    backwards."""
    columns = draft.columns
    if draft.ours or "next_observation" not in columns or len(columns["terminal"]) < 3:
        return
    before = (columns["next_observation"][1:] == columns["observation"][:-1]).all(
        axis=1
    )
    after = (columns["next_observation"][:-1] == columns["observation"][1:]).all(axis=1)
    if before.mean() > 0.5 > after.mean():
        turned = "reversed" in draft.mended
        remedy = (
            "leave reversed out: the file's first row came first"
            if turned
            else "say reversed: true for a file whose last row came first"
        )
        draft.flaws.append(
            f"column {draft.name('next_observation')}, row"
            f" {int(np.argmax(before)) + 1}: must be followed by what it holds; found"
            f" it in the row before ({int(before.sum())} such rows): {remedy}"
        )


def choose_dimensions(draft: Draft, chosen: Sequence[int]) -> None:
    """Keep the chosen dimensions of observations, in this order; one that is not there
    is a flaw."""
    observed = ("observation", "next_observation")
    width = draft.columns["observation"].shape[1]
    odd = [dimension for dimension in chosen if dimension >= width]
    if odd:
        draft.flaws.append(
            f"column {draft.name('observation')}: found dimensions 0 to {width - 1};"
            f" observation_dimensions asks for {odd[0]}"
        )
        return
    for name in observed:
        if name in draft.columns:
            draft.columns[name] = np.ascontiguousarray(
                draft.columns[name][:, list(chosen)]
            )
    draft.mended["observation_dimensions"] = {"kept": list(chosen), "of": width}


def _goes_on(draft: Draft, ends: BoolArray) -> bool:
    rows = np.flatnonzero(ends[:-1])
    if "next_observation" not in draft.columns:
        return False
    following, observation = (
        draft.columns["next_observation"][rows],
        draft.columns["observation"][rows + 1],
    )
    return bool((following == observation).all(axis=1).any())


def check_lengths(draft: Draft, horizon: int) -> None:
    """No episode is longer than the suite's horizon."""
    step = draft.columns["step"]
    rows = np.flatnonzero(step == horizon)
    if rows.size:
        following = np.flatnonzero(step[rows[0] :] == 0)
        length = horizon + int(following[0] if following.size else len(step) - rows[0])
        draft.flaws.append(
            f"column {draft.name('terminal')}, row {rows[0] - horizon}: must start an"
            f" episode of at most {horizon} steps, the suite's horizon; found {length}"
            f" steps ({rows.size} such episodes); set the suite's horizon to that of"
            " the data"
        )


def clip_actions(
    draft: Draft, low: FloatArray, high: FloatArray, allowed: bool
) -> None:
    """Actions beyond the bounds, (A,) each, are clipped where the suite allows it,
    otherwise a flaw."""
    action = draft.columns["action"]
    rows = np.flatnonzero(((action < low) | (action > high)).any(axis=1))
    if not rows.size:
        return
    excess = np.maximum(low - action[rows], action[rows] - high)
    at, dimension = np.unravel_index(np.nanargmax(excess), excess.shape)
    if allowed:
        draft.mended |= {
            "clipped_actions": int(rows.size),
            "largest_excess": float(excess[at, dimension]),
        }
        np.clip(action, low, high, out=action)
        return
    draft.flaws.append(
        f"column {draft.name('action')}, row {rows[0]}: must lie within {span(low)} and"
        f" {span(high)}; found {shown(action[rows[0]])} ({rows.size} such rows, the"
        f" worst {action[rows[at], dimension]:g} in row {rows[at]}); set clip_actions:"
        " true to clip them"
    )


def terminals_to_timeouts(draft: Draft, horizon: int, told: str | None) -> None:
    """Terminal flags at the horizon become time-outs where the suite says so, otherwise
    a flaw of a foreign file."""
    columns = draft.columns
    at_horizon = columns["terminal"] & (columns["step"] == horizon - 1)
    rows = np.flatnonzero(at_horizon)
    if told == "timeout":
        columns["terminal"] &= ~at_horizon
        columns["timeout"] |= at_horizon
        draft.mended["terminals_to_timeouts"] = int(rows.size)
    elif rows.size and told is None and not draft.ours:
        draft.flaws.append(
            f"column {draft.name('terminal')}, row {rows[0]}: must be false on step"
            f" {horizon}, where the suite's horizon ends an episode; found true"
            f" ({rows.size} such rows); set terminals_at_horizon: timeout if the clock"
            " ended these episodes, keep if it did not"
        )


def derive_next_observations(draft: Draft, where: str) -> None:
    """Take missing next observations from the next row (protocol, section 2).

    An episode's last row has none: it is dropped, and its time-out with it goes to the
    row before. A terminal row stays, as critics learn nothing from what follows it; its
    own observation fills the place, and `next_known` marks it for whoever would learn
    from that.

    Raises:
        DataError: no row is left.
    """
    columns = draft.columns
    if "next_observation" in columns:
        return
    episode, observation = columns["episode"], columns["observation"]
    last = np.append(episode[1:] != episode[:-1], True)
    dropped = last & ~columns["terminal"]
    moved = np.flatnonzero(dropped & columns["timeout"] & (columns["step"] > 0))
    columns["timeout"][moved - 1] = True
    columns["next_observation"] = np.concatenate((observation[1:], observation[-1:]))
    columns["next_observation"][last] = observation[last]
    del observation  # a million rows are 80 MB, and each column is copied below
    kept = ~dropped
    if not kept.any():
        raise DataError(
            f"{where}: found {len(kept)} rows; none has a next observation, in the file"
            " or in a next row"
        )
    columns["next_known"] = ~last
    for name in columns:
        columns[name] = columns[name][kept]
    draft.number(columns["episode"])
    draft.mended |= {
        "rows_dropped": int(np.count_nonzero(dropped)),
        "next_observations_derived": int(np.count_nonzero(columns["next_known"])),
    }
