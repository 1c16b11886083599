"""What a training runs on, and how exactly it computes there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch

from oer_pipeline.common.checks import known
from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.networks import products

Precision = Literal["highest", "high", "medium"]


@dataclass(frozen=True)
class Hardware:
    """`accelerator`: `cpu`, `gpu`, or `auto`, the GPU where there is one.

    `graphs`: updates are captured once and replayed. `precision` of float32 matrix
    products on a GPU: `highest`, `high` (tf32) or `medium`.
    """

    accelerator: str = "cpu"
    graphs: bool = True
    precision: Precision = "highest"

    def __post_init__(self) -> None:
        known("precision", self.precision, get_args(Precision))
        known("accelerator", self.accelerator, ("cpu", "gpu", "auto"))

    def device(self) -> torch.device:
        """The device, with threads and precision set for it.

        Raises:
            ConfigurationError: `gpu` is asked for and there is none.
        """
        # two OpenMP threads on two busy cores make an update many times slower
        torch.set_num_threads(1)
        products.library_in_use()  # says in the log which products run
        if self.accelerator == "cpu":
            return torch.device("cpu")
        is_gpu_there = torch.cuda.is_available()
        if self.accelerator == "auto" and not is_gpu_there:
            return torch.device("cpu")
        if not is_gpu_there:
            raise ConfigurationError(
                f"accelerator is {self.accelerator!r}, but torch sees no GPU; set"
                " accelerator: cpu"
            )
        torch.set_float32_matmul_precision(self.precision)
        return torch.device("cuda")
