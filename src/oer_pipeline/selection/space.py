"""Where states are compared: L2 on standardised observations or on standardised
features of a network (method, section 5, "Selection").

Selectors compare in float32 on the device of the transition model; metrics in float64,
with the mean and standard deviation that they are handed. Shapes: N rows of the data,
B batch, O observation, F features, D features that are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from oer_pipeline.common.errors import DataError
from oer_pipeline.common.standardisation import CONSTANT, EPSILON
from oer_pipeline.common.types import FloatArray
from oer_pipeline.selection.protocol import Features

CHUNK = 16_384
"""Rows embedded or summed at once."""
Embed = Callable[[Tensor], Tensor]
"""Raw observations (B, O) -> features (B, F), on the same device."""


def raw(observation: Tensor) -> Tensor:
    """The observation itself."""
    return observation


def network(features: Features) -> Embed:
    """A policy's or critic's features; these take and give arrays on the host."""

    def embed(observation: Tensor) -> Tensor:
        values = features(observation.cpu().numpy())
        contiguous = np.ascontiguousarray(values, dtype=np.float32)
        return torch.from_numpy(contiguous).to(observation.device)

    return embed


@dataclass(frozen=True)
class StateSpace:
    """Features standardised with the data's statistics; those that are constant in the
    data do not count."""

    embed: Embed
    columns: Tensor  # (D,) int64
    mean: Tensor  # (D,)
    scale: Tensor  # (D,)

    @classmethod
    def of_data(
        cls,
        observation: Tensor,
        columns: Sequence[int] | None = None,
        embed: Embed = raw,
    ) -> StateSpace:
        """The space of the data's own statistics, float32.

        Args:
            observation: of all data, (N, O).
            columns: of the features, those that distances are measured on; None: all.
            embed: makes the features.

        Raises:
            DataError: features that are not finite, or none of the columns varies.
        """
        mean, std = _moments(observation, embed)
        chosen = torch.arange(len(mean))
        if columns is not None:
            chosen = torch.as_tensor(columns)
        chosen = chosen.to(observation.device)
        varying = chosen[std[chosen] >= CONSTANT]
        if len(varying) == 0:
            raise DataError(
                f"no distance between states: none of the dimensions {chosen.tolist()}"
                " varies in the data"
            )
        scale = std[varying].float() + EPSILON
        return cls(
            embed,
            varying,
            mean[varying].float(),
            scale,
        )

    @classmethod
    def of_moments(
        cls,
        mean: FloatArray,
        std: FloatArray,
        columns: Sequence[int],
    ) -> StateSpace:
        """The space of raw observations with these statistics, float64.

        Args:
            mean: of the data's observations, (O,).
            std: of the data's observations, (O,).
            columns: those that distances are measured on.

        Raises:
            DataError: none of the columns varies.
        """
        varying = [column for column in columns if std[column] >= CONSTANT]
        if not varying:
            named = f"distance dimensions {list(columns)}"
            raise DataError(f"none of the {named} varies in the data set")
        centre = np.asarray(mean, np.float64)[varying]
        scale = np.asarray(std, np.float64)[varying] + EPSILON
        return cls(
            raw,
            torch.tensor(varying),
            torch.from_numpy(centre),
            torch.from_numpy(scale),
        )

    def points(self, observation: Tensor) -> Tensor:
        """Points (B, D) of raw observations (B, O)."""
        parts = []
        for part in torch.split(observation, CHUNK):
            features = self.embed(part)
            parts.append(features[:, self.columns])
        return (torch.cat(parts).to(self.mean.dtype) - self.mean) / self.scale


def _moments(
    observation: Tensor,
    embed: Embed,
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (F,) of the features, float64, in bounded memory.

    Raises:
        DataError: features that are not finite.
    """

    def features(part: Tensor) -> Tensor:
        return embed(part).double()

    def squared_deviations(part: Tensor) -> Tensor:
        return (features(part) - mean).square()

    mean = _average(features, observation)
    std = _average(squared_deviations, observation).sqrt()
    bad = (~std.isfinite()).nonzero().flatten().tolist()
    if bad:
        raise DataError(f"feature {bad[0]} of the data's observations is not finite")
    return mean, std


def _average(
    measure: Embed,
    observation: Tensor,
) -> Tensor:
    """The mean (F,) of what `measure` makes of the rows (N, O), chunk by chunk."""
    sums = [measure(part).sum(dim=0) for part in torch.split(observation, CHUNK)]
    return torch.stack(sums).sum(dim=0) / len(observation)
