"""Trainings that leave the finite numbers, or the values that any return can have.

Shapes: M members.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from oer_pipeline.common.errors import OERError
from oer_pipeline.learners.state import TrainingState
from oer_pipeline.networks.flat import FlatParameters

logger = logging.getLogger(__name__)

EXPLODED = 100.0
"""A mean Q value may be so many times the largest discounted return that the rewards
allow, or 1 where that is less: an untrained critic's values know nothing of rewards."""


class DivergedError(OERError):
    """Training left the finite numbers, or the values that any return can have."""


class Watch:
    """Looks at what a block of updates came to.

    Args:
        task: its number, for messages.
        seeds: one per member.
        largest_reward: absolute, of the data.
        discount: of returns.
        ought_to_be_zero: curves that mean something where they are not 0, see
            `Learner`.
    """

    def __init__(
        self,
        task: int,
        seeds: Sequence[int],
        largest_reward: float,
        discount: float,
        ought_to_be_zero: Mapping[str, str],
    ) -> None:
        self._task = task
        self._seeds = seeds
        largest_return = largest_reward / (1.0 - discount + 1e-6)
        self._largest_value = EXPLODED * max(1.0, largest_return)
        self._ought_to_be_zero = ought_to_be_zero
        self._warned: set[tuple[str, int]] = set()

    def check(self, means: Mapping[str, Tensor], state: TrainingState) -> None:
        """Refuse mean losses of a block, or warn of what they mean.

        Args:
            means: by name, (M,) each; `q`, where it is there, is the mean of Q.
            state: whose updates they are of.

        Raises:
            DivergedError: names task, seeds and update.
        """
        if not means:  # a block shorter than the policies' delay, without critics
            return
        finite_M = torch.stack(list(means.values())).isfinite().all(dim=0)
        bounded_M = finite_M
        if "q" in means:
            bounded_M = means["q"].abs() <= self._largest_value
        watched = [name for name in self._ought_to_be_zero if name in means]
        zeros = [means[name] == 0.0 for name in watched]
        # the only wait for the device in a block
        finite, bounded, *good = torch.stack((finite_M, bounded_M, *zeros)).tolist()
        self._refuse(finite, "not finite", means, state)
        beyond = f"finite, but mean Q is beyond {self._largest_value:.3g}"
        self._refuse(bounded, beyond, means, state)
        for name, is_zero in zip(watched, good, strict=True):
            self._warn(name, self._failing(is_zero), state)

    def check_weights(self, state: TrainingState) -> None:
        """Refuse networks whose weights are not finite.

        Args:
            state: whose networks are looked at.

        Raises:
            DivergedError: names task, seeds, update and network.
        """
        sound = {}
        for name, network in state.networks.items():
            sound[name] = _finite(network)
        twins = torch.tensor(_finite(state.critic))
        of_members = twins.view(-1, len(self._seeds), 2)
        sound["critic"] = of_members.all(dim=2).all(dim=0).tolist()
        for name, of_network in sound.items():
            lost = self._failing(of_network)
            if lost:
                what = f"the weights of seed(s) {lost} are not finite"
                when = f"after update {state.updates}"
                raise DivergedError(
                    f"task {self._task}: {what} {when} (network {name})"
                )

    def _refuse(
        self,
        sound: Sequence[bool],
        what: str,
        means: Mapping[str, Tensor],
        state: TrainingState,
    ) -> None:
        lost = self._failing(sound)
        if not lost:
            return
        curves = []
        for name, mean in means.items():
            if not bool(mean.isfinite().all()):
                curves.append(name)
        where = f" (curves {', '.join(curves)})" if curves else ""
        raise DivergedError(
            f"task {self._task}: the losses of seed(s) {lost} are {what}{where} at"
            f" update {state.updates}"
        )

    def _warn(
        self,
        curve: str,
        seeds: Sequence[int],
        state: TrainingState,
    ) -> None:
        """Say what a curve that is not 0 means, once per seed."""
        new = [seed for seed in seeds if (curve, seed) not in self._warned]
        if not new:
            return
        self._warned.update((curve, seed) for seed in new)
        logger.warning(
            "task %d: seed(s) %s, by update %d: %s (curve %s)",
            self._task,
            new,
            state.updates,
            self._ought_to_be_zero[curve],
            curve,
        )

    def _failing(self, sound: Sequence[bool]) -> list[int]:
        """The seeds of the members that are not sound."""
        pairs = zip(self._seeds, sound, strict=True)
        return [seed for seed, is_sound in pairs if not is_sound]


def _finite(network: FlatParameters) -> list[bool]:
    finite: list[bool] = network.buffer.isfinite().all(dim=1).tolist()
    return finite
