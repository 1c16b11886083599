"""Roll-outs of many episodes in lock step: one policy call a step for all of them.
Collection and evaluation share it.

Shapes: B episodes, T steps, O observation, A action.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from oer_pipeline.common.types import BoolArray, FloatArray, IntArray
from oer_pipeline.suites.physics import Physics

Act = Callable[[FloatArray, int], FloatArray]
"""(observations of all episodes (B, O), step) -> actions (B, A); they are clipped to
+-1 before use."""

BLOCK = 32
AT_ONCE = 1024
"""Episodes in lock step: a MuJoCo state takes half a megabyte."""


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
    diverged: BoolArray  # (B,) the step after the last left the finite numbers
    length: IntArray  # (B,)
    success: BoolArray  # (B,) some step solved the task; False where nothing says so

    def take(self, episodes: slice) -> Episodes:
        """Some of the episodes."""
        taken = {}
        for field in fields(self):
            array = getattr(self, field.name)
            taken[field.name] = array[episodes]
        return Episodes(**taken)

    @classmethod
    def joined(cls, parts: Sequence[Episodes]) -> Episodes:
        """The episodes of all parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        arrays = {}
        for field in fields(cls):
            arrays[field.name] = np.concatenate([getattr(p, field.name) for p in parts])
        return cls(**arrays)

    @property
    def returns(self) -> FloatArray:
        """Undiscounted return of each episode as far as it went, (B,) float64.

        Returns to judge a policy by are `diverged_returns.full_returns`.
        """
        returns = self.reward.sum(axis=1, dtype=np.float64)
        return np.asarray(returns)


def rollout(
    physics: Sequence[Physics],
    generators: Sequence[np.random.Generator],
    act: Act,
    horizon: int,
) -> Episodes:
    """Run one episode per entry of `physics`, each from its own generator's start
    state, for at most `horizon` steps.

    An episode's start depends on its generator alone, never on what runs beside it. An
    episode whose actions or physics leave the finite numbers ends before the step that
    did it and is marked, so that callers can count it.

    Args:
        physics: B simulators; episodes of one task may share one.
        generators: B, of the episodes' starts.
        act: the policy, of all episodes at once.
        horizon: T.

    Raises:
        ValueError: `physics` and `generators` differ in length.
    """
    batch = len(physics)
    if batch != len(generators):
        raise ValueError(
            f"{batch} simulators but {len(generators)} generators; one of each per"
            " episode"
        )
    observation_size = physics[0].observation_size
    action_size = physics[0].action_size
    observation = np.zeros((batch, horizon + 1, observation_size), np.float32)
    action = np.zeros((batch, horizon, action_size), np.float32)
    reward = np.zeros((batch, horizon), np.float32)
    terminal = np.zeros(batch, bool)
    diverged = np.zeros(batch, bool)
    success = np.zeros(batch, bool)
    length = np.full(batch, horizon, np.int32)
    states = [simulator.new_state() for simulator in physics]
    for b, simulator in enumerate(physics):
        state = states[b]
        simulator.reset(state, generators[b])
        observation[b, 0] = simulator.observe(state)
    running = list(range(batch))
    for t in range(horizon):
        chosen = act(observation[:, t], t)
        action[:, t] = np.clip(chosen, -1.0, 1.0)
        applied = action[:, t].astype(np.float64)
        is_number = np.asarray(np.isfinite(applied).all(axis=1))
        going_on = []
        for b in running:
            if not is_number[b]:
                diverged[b] = True
                length[b] = t
                continue
            simulator = physics[b]
            state = states[b]
            outcome = simulator.step(state, applied[b])
            if not simulator.is_sound(state):
                diverged[b] = True
                length[b] = t
                continue
            success[b] |= outcome.success
            observation[b, t + 1] = simulator.observe(state)
            reward[b, t] = outcome.reward
            if outcome.terminal or outcome.truncated:
                terminal[b] = outcome.terminal
                length[b] = t + 1
            else:
                going_on.append(b)
        running = going_on
        if not running:
            break
    steps = np.arange(horizon)
    not_taken = steps >= length[:, None]
    action[not_taken] = 0.0
    return Episodes(
        observation,
        action,
        reward,
        terminal,
        diverged,
        length,
        success,
    )


def in_parts(numbers: range, at_once: int) -> Iterator[range]:
    """Numbers of episodes in parts of at most `at_once`."""
    for first in range(numbers.start, numbers.stop, at_once):
        yield range(first, min(first + at_once, numbers.stop))


def in_blocks(policy: Callable[..., FloatArray], *batch: FloatArray) -> FloatArray:
    """`policy` on rows of the arrays (B, ...), always `BLOCK` rows a call, the last
    ones padded with zeros.

    Matrix products round by the shapes they get: with one shape, a row's action does
    not depend on the batch's size.
    """
    rows = len(batch[0])
    missing = -rows % BLOCK
    padded = []
    for array in batch:
        row_shape = array.shape[1:]
        zeros = np.zeros((missing, *row_shape), array.dtype)
        padded.append(np.concatenate((array, zeros)))
    results = []
    for first in range(0, rows + missing, BLOCK):
        rows_of_block = slice(first, first + BLOCK)
        block = [array[rows_of_block] for array in padded]
        results.append(policy(*block))
    return np.concatenate(results)[:rows]


def episode_generators(
    purpose: str,
    seed: int,
    task: int,
    episodes: int,
    first: int = 0,
) -> list[np.random.Generator]:
    """One generator per episode, a function of (purpose, seed, task, number): no two
    purposes share start states.

    Args:
        purpose: what the episodes are for, such as `collect random`.
        seed: of the data.
        task: the task's index.
        episodes: how many.
        first: number of the first one.
    """
    key = zlib.crc32(purpose.encode())
    generators = []
    for number in range(first, first + episodes):
        entropy = (key, seed, task, number)
        generators.append(np.random.default_rng(entropy))
    return generators
