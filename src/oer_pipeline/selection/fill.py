"""A selection turned into the replay buffer that training reads."""

from __future__ import annotations

import numpy as np

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.selection.check_selection import check_selection
from oer_pipeline.selection.protocol import Selection, SelectionRequest
from oer_pipeline.trajectories.buffer import ReplayBuffer

TARGETS = ("policy", "data")


def fill(
    request: SelectionRequest,
    selection: Selection,
    target: str,
) -> ReplayBuffer:
    """The chosen transitions with the action that cloning aims at (method, section 5).

    Args:
        request: what was asked for.
        selection: what was chosen; its notes become the buffer's metadata.
        target: `policy` for a_hat = pi_n(s), `data` for the data's action.

    Raises:
        ConfigurationError: another `target`.
        DataError: the selection is none of the request's size, distinct rows of its
            data; the policy's actions have the wrong shape or are not finite.
    """
    check_selection("of this buffer", selection, request)
    if target not in TARGETS:
        wanted = choices(TARGETS, target)
        raise ConfigurationError(f"replay.target_action is {target!r}; {wanted}")
    chosen = request.data.select(selection.rows)
    target_action = chosen.action
    if target == "policy":
        target_action = request.actions(chosen.observation, selection.rows)
    return ReplayBuffer(
        observation=chosen.observation,
        action=chosen.action,
        next_observation=chosen.next_observation,
        reward=chosen.reward,
        terminal=chosen.terminal,
        timeout=chosen.timeout,
        target_action=np.ascontiguousarray(target_action, np.float32),
        row=selection.rows.astype(np.int64),
        metadata=selection.notes,
        next_known=chosen.next_known,
        **selection.record,
    )
