"""One random generator per member and purpose, so that a member's result does not
depend on its company."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch


def generator(
    purpose: str,
    seed: int,
    task: int,
    device: torch.device | str = "cpu",
) -> torch.Generator:
    """A generator that is a function of (purpose, seed, task) alone, on `device`."""
    key = f"{purpose}/{seed}/{task}"
    digest = hashlib.sha256(key.encode()).digest()
    number = int.from_bytes(digest[:8], "little")
    return torch.Generator(device).manual_seed(number >> 1)


def generators(
    purpose: str,
    seeds: Sequence[int],
    task: int,
    device: torch.device | str = "cpu",
) -> list[torch.Generator]:
    """One generator per seed."""
    return [generator(purpose, seed, task, device) for seed in seeds]
