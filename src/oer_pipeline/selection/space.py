"""Where states are compared: L2 on standardised observations or on standardised
features of a network.

Shapes: N rows of the data, B batch, O observation, F features, D features that are
compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.errors import DataError
from oer_pipeline.dynamics.statistics import CONSTANT
from oer_pipeline.networks.policy import EPSILON
from oer_pipeline.selection.protocol import Features

CHUNK = 16_384  # rows embedded or summed at once
Embed = Callable[[Tensor], Tensor]
"""Raw observations (B, O) -> features (B, F), on the same device."""


@dataclass(frozen=True)
class Space:
    """Features standardised with the data's statistics; those that are constant in the
    data do not count."""

    embed: Embed
    columns: Tensor  # (D,) int64
    mean: Tensor  # (D,)
    scale: Tensor  # (D,)

    @classmethod
    def of(
        cls, observation: Tensor, embed: Embed, columns: Sequence[int] | None = None
    ) -> Space:
        """The space of `columns` (all by default) of what `embed` makes of the data's
        observations (N, O).

        Raises:
            DataError: features that are not finite, or none of the columns varies.
        """
        mean, std = _moments(observation, embed)
        chosen = (
            torch.arange(len(mean)) if columns is None else torch.as_tensor(columns)
        )
        chosen = chosen.to(observation.device)
        varying = chosen[std[chosen] >= CONSTANT]
        if len(varying) == 0:
            raise DataError(
                f"no distance between states: none of the dimensions {chosen.tolist()}"
                " varies in the data"
            )
        return cls(
            embed, varying, mean[varying].float(), std[varying].float() + EPSILON
        )

    def __call__(self, observation: Tensor) -> Tensor:
        """Points (B, D) of raw observations (B, O)."""
        parts = [
            self.embed(part)[:, self.columns]
            for part in torch.split(observation, CHUNK)
        ]
        return (torch.cat(parts) - self.mean) / self.scale


def raw(observation: Tensor) -> Tensor:
    """The observation itself."""
    return observation


def network(features: Features) -> Embed:
    """A policy's or critic's features; these take and give arrays on the host."""

    def embed(observation: Tensor) -> Tensor:
        found = np.ascontiguousarray(
            features(observation.cpu().numpy()), dtype=np.float32
        )
        return torch.from_numpy(found).to(observation.device)

    return embed


def _moments(observation: Tensor, embed: Embed) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (F,) of the features, float64, in bounded memory.

    Raises:
        DataError: features that are not finite.
    """

    def average(of: Callable[[Tensor], Tensor]) -> Tensor:
        sums = [
            of(embed(part).double()).sum(dim=0)
            for part in torch.split(observation, CHUNK)
        ]
        return torch.stack(sums).sum(dim=0) / len(observation)

    mean = average(lambda features: features)
    std = average(lambda features: (features - mean).square()).sqrt()
    bad = (~std.isfinite()).nonzero().flatten().tolist()
    if bad:
        raise DataError(f"feature {bad[0]} of the data's observations is not finite")
    return mean, std
