"""Roll-outs of many episodes in lock step: one policy call a step for all of them.
Collection and evaluation share it.

Shapes: B episodes, T steps, O observation, A action.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from oer_pipeline.common.types import BoolArray, FloatArray, IntArray
from oer_pipeline.suites.physics import Physics

Act = Callable[[FloatArray, int], FloatArray]
"""(observations of all episodes (B, O), step) -> actions (B, A); they are clipped to
+-1 before use."""

BLOCK = 32


@dataclass(frozen=True)
class Episodes:
    """Padded episodes: everything after `length` in an episode is zero. Actions are the
    applied, clipped ones.

    An episode that neither ended terminal nor diverged timed out: at the horizon, or
    before it where the environment truncated it (`Transition.truncated`).
    """

    observation: FloatArray  # (B, T + 1, O)
    action: FloatArray  # (B, T, A)
    reward: FloatArray  # (B, T)
    terminal: BoolArray  # (B,) the last step ended the MDP
    diverged: (
        BoolArray  # (B,) the last step left the finite numbers; that step is dropped
    )
    length: IntArray  # (B,)
    success: (
        BoolArray  # (B,) some step solved the task; False where the family does not say
    )

    def take(self, episodes: slice) -> Episodes:
        """Some of the episodes."""
        return Episodes(
            *(getattr(self, field.name)[episodes] for field in fields(self))
        )

    @property
    def returns(self) -> FloatArray:
        """Undiscounted return of each episode as far as it went, (B,) float64.

        Returns to judge a policy by are `broken_off.full_returns`.
        """
        return np.asarray(self.reward.sum(axis=1, dtype=np.float64))


def rollout(
    physics: Sequence[Physics],
    generators: Sequence[np.random.Generator],
    act: Act,
    horizon: int,
) -> Episodes:
    """Run one episode per entry of `physics`, each from its own generator's start
    state, for at most `horizon` steps.

    An episode's start depends on its generator alone, never on what runs beside it. An
    episode whose physics diverge ends before the step that did it and is marked, so
    that callers can count it.

    Raises:
        ValueError: `physics` and `generators` differ in length.
    """
    batch = len(physics)
    if batch != len(generators):
        raise ValueError(
            f"{batch} simulators but {len(generators)} generators; one of each per"
            " episode"
        )
    states = [p.new_state() for p in physics]
    observation = np.zeros(
        (batch, horizon + 1, physics[0].observation_size), dtype=np.float32
    )
    action = np.zeros((batch, horizon, physics[0].action_size), dtype=np.float32)
    reward = np.zeros((batch, horizon), dtype=np.float32)
    terminal, diverged = np.zeros(batch, dtype=bool), np.zeros(batch, dtype=bool)
    success = np.zeros(batch, dtype=bool)
    length = np.full(batch, horizon, dtype=np.int32)
    for b in range(batch):
        physics[b].reset(states[b], generators[b])
        observation[b, 0] = physics[b].observe(states[b])
    running = list(range(batch))
    for t in range(horizon):
        action[:, t] = np.clip(act(observation[:, t], t), -1.0, 1.0)
        applied = action[:, t].astype(np.float64)
        for b in running:
            outcome = physics[b].step(states[b], applied[b])
            diverged[b] = not physics[b].is_sound(states[b])
            if diverged[b]:
                length[b] = t
                continue
            success[b] |= outcome.success
            observation[b, t + 1], reward[b, t] = (
                physics[b].observe(states[b]),
                outcome.reward,
            )
            if outcome.terminal or outcome.truncated:
                terminal[b], length[b] = outcome.terminal, t + 1
        running = [b for b in running if length[b] > t + 1]
        if not running:
            break
    ended = np.arange(horizon)[None, :] >= length[:, None]
    action[ended] = 0.0
    return Episodes(observation, action, reward, terminal, diverged, length, success)


def in_blocks(policy: Callable[..., FloatArray], *batch: FloatArray) -> FloatArray:
    """`policy` on rows of the arrays (B, ...), always `BLOCK` rows a call, the last
    ones padded with zeros.

    Matrix products round by the shapes they get: with one shape, a row's action does
    not depend on the batch's size.
    """
    rows = len(batch[0])
    padded = [
        np.concatenate((a, np.zeros((-rows % BLOCK, *a.shape[1:]), a.dtype)))
        for a in batch
    ]
    blocks = range(0, len(padded[0]), BLOCK)
    return np.concatenate(
        [policy(*(a[b : b + BLOCK] for a in padded)) for b in blocks]
    )[:rows]


def episode_generators(
    purpose: str, seed: int, task: int, episodes: int, first: int = 0
) -> list[np.random.Generator]:
    """One generator per episode, a function of (purpose, seed, task, number): no two
    purposes share start states."""
    key = zlib.crc32(purpose.encode())
    return [
        np.random.default_rng((key, seed, task, first + number))
        for number in range(episodes)
    ]
