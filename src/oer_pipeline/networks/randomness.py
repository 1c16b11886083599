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
    """A generator that is a function of (purpose, seed, task) alone.

    Args:
        purpose: of the draws; those of two purposes have nothing in common.
        seed: of the member.
        task: its number, from 1.
        device: that the draws are made on.
    """
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
    """One generator per seed.

    Args:
        purpose: of the draws; those of two purposes have nothing in common.
        seeds: one per member.
        task: its number, from 1.
        device: that the draws are made on.
    """
    return [generator(purpose, seed, task, device) for seed in seeds]
