"""What a checkpoint has to hold, so that a training goes on from it bit for bit."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from oer_pipeline.common.errors import DataError
from oer_pipeline.learners.bases.protocol import Base
from oer_pipeline.learners.protocol import Learner
from oer_pipeline.learners.state import TrainingState
from oer_pipeline.networks.flat import Adam, FlatParameters


class CheckpointState:
    """The state of a training, its learner and its base as tensors by name.

    The counter of updates is not among them, nor what never changes.
    """

    def __init__(
        self,
        state: TrainingState,
        learner: Learner,
        base: Base,
    ) -> None:
        self._state = state
        self._learner = learner
        self._base = base

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that updates change, themselves."""
        state = self._state
        tensors = {
            "target_critic": state.target_critic.buffer,
            "target_policy": state.target_policy.buffer,
        }
        tensors |= _optimised("critic", state.critic, state.critic_optimiser)
        for name, network in state.networks.items():
            tensors |= _optimised(name, network, state.optimisers[name])
        for name, tensor in self._base.running().items():
            tensors[f"base.{name}"] = tensor
        for name, tensor in self._learner.running().items():
            tensors[f"learner.{name}"] = tensor
        return tensors

    def take(self) -> dict[str, Tensor]:
        """Copies on the CPU, the generators' states among them."""
        copies = {name: tensor.cpu().clone() for name, tensor in self.tensors().items()}
        for name, generator in self._generators().items():
            copies[name] = generator.get_state()
        return copies

    def put_back(self, copies: Mapping[str, Tensor]) -> None:
        """The inverse of `take`, in place.

        Raises:
            DataError: the copies are not those of such a training; nothing is put
                back.
        """
        self._check(copies)
        for name, tensor in self.tensors().items():
            tensor.copy_(copies[name])
        for name, generator in self._generators().items():
            generator.set_state(copies[name])

    def _check(self, copies: Mapping[str, Tensor]) -> None:
        wanted = self.take()
        different = wanted.keys() ^ copies.keys()
        if different:
            names = ", ".join(sorted(different))
            raise DataError(f"it is not of this training: {names} in one of them alone")
        for name, tensor in wanted.items():
            found = copies[name]
            if found.shape != tensor.shape or found.dtype != tensor.dtype:
                raise DataError(
                    f"it is not of this training: {name} is"
                    f" {found.dtype} {list(found.shape)}, here it is"
                    f" {tensor.dtype} {list(tensor.shape)}"
                )

    def _generators(self) -> dict[str, torch.Generator]:
        named = {}
        for purpose, generators in self._state.generators.items():
            for number, generator in enumerate(generators):
                named[f"{purpose}.{number}"] = generator
        return named


def _optimised(
    name: str, network: FlatParameters, optimiser: Adam
) -> dict[str, Tensor]:
    tensors = {name: network.buffer}
    for part, tensor in optimiser.state.items():
        tensors[f"{name}.adam_{part}"] = tensor
    return tensors
