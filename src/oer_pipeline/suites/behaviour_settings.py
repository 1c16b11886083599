"""Bounds of what trainings of behaviour policies have in common, checked before any
work."""

from __future__ import annotations

from typing import Any

from oer_pipeline.common.checks import (
    LARGEST_BATCH,
    MOST_UPDATES,
    WIDEST,
    between,
    whole,
)

MOST_AT_ONCE = 10_000
"""Environments, steps of a roll-out, epochs and snapshots."""
LARGEST_SEED = 2**32 - 1


def check_common(settings: Any) -> None:
    """Refuse steps, sizes and rates that nobody trains with.

    Args:
        settings: of PPO or SAC.

    Raises:
        ConfigurationError: names the setting, its value and what it takes.
    """
    whole("steps", settings.steps, 1, MOST_UPDATES)
    whole("hidden", settings.hidden, 1, WIDEST)
    whole("batch", settings.batch, 2, LARGEST_BATCH)
    between("learning_rate", settings.learning_rate, 0.0, 1.0, low_excluded=True)
    between("discount", settings.discount, 0.0, 1.0, high_excluded=True)
    whole("snapshots", settings.snapshots, 1, MOST_AT_ONCE)
    whole("seed", settings.seed, 0, LARGEST_SEED)
