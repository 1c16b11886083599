"""A selection turned into the replay buffer that training reads."""

from __future__ import annotations

import numpy as np

from oer_pipeline.common.errors import ConfigurationError, choices
from oer_pipeline.selection.answers import check_selection
from oer_pipeline.selection.protocol import Selection, SelectionRequest
from oer_pipeline.trajectories.buffer import ReplayBuffer

TARGETS = ("policy", "data")


def fill(request: SelectionRequest, selection: Selection, target: str) -> ReplayBuffer:
    """The chosen transitions with a_hat = pi_n(s) (`policy`) or the data's action
    (`data`).

    What it is for: (method, section 5). The selection's notes become the buffer's
    metadata.

    Raises:
        ConfigurationError: another `target`.
        DataError: the selection is none of the request's size, distinct rows of its
            data; the policy's actions have the wrong shape or are not finite.
    """
    check_selection("of this buffer", selection, request)
    if target not in TARGETS:
        raise ConfigurationError(
            f"replay.target_action is {target!r}; {choices(TARGETS, target)}"
        )
    chosen = request.data.select(selection.rows)
    wanted = (
        request.actions(chosen.observation, selection.rows)
        if target == "policy"
        else chosen.action
    )
    return ReplayBuffer(
        observation=chosen.observation,
        action=chosen.action,
        next_observation=chosen.next_observation,
        reward=chosen.reward,
        terminal=chosen.terminal,
        timeout=chosen.timeout,
        target_action=np.ascontiguousarray(wanted, np.float32),
        row=selection.rows.astype(np.int64),
        metadata=selection.notes,
        next_known=chosen.next_known,
        **selection.record,
    )
