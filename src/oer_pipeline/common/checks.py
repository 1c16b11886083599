"""Bounds of the values that a run is configured with, checked before any work.

Each check raises a ConfigurationError of one line that names the parameter, its value
and what would be right. Upper bounds are far above what anybody trains with: they catch
slips of the keyboard before these take a machine's memory or a year.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from math import inf
from numbers import Integral, Real
from typing import TypeGuard

from oer_pipeline.common.errors import ConfigurationError, choices

LARGEST = 1e12
"""Of a coefficient."""
MOST_UPDATES = 10**9
MOST_ROWS = 10**7
"""Of a task's data, and of a buffer."""
MOST_EPISODES = 10**5
LARGEST_BATCH = 2**20
WIDEST = 8192
"""Units of a hidden layer."""
DEEPEST = 16
"""Hidden layers."""
MOST_WEIGHTS = 2**27
"""Between the hidden layers of networks that are held at once: 0.5 GiB."""
MOST_ACTIVATIONS = 2**31
"""Of the hidden layers for one batch: 8 GiB."""


def is_whole(value: object) -> TypeGuard[int]:
    """Whether it is a whole number; true and false are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a real number, infinite ones included; true and false are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def known(name: str, value: object, good: Collection[str]) -> None:
    """Raise a ConfigurationError unless `value` is one of `good`."""
    if value not in good:
        raise ConfigurationError(f"{name} is {value!r}; {choices(good, str(value))}")


def at_least(name: str, value: object, low: float) -> None:
    """Raise a ConfigurationError unless `value` is a number from `low` to LARGEST."""
    between(name, value, low, LARGEST)


def between(
    name: str,
    value: object,
    low: float,
    high: float,
    low_excluded: bool = False,
    high_excluded: bool = False,
) -> None:
    """Raise a ConfigurationError unless `value` is a number from `low` to `high`.

    Args:
        name: of the parameter.
        value: what is checked.
        low: the least.
        high: the most.
        low_excluded: `low` itself is too low.
        high_excluded: `high` itself is too high.
    """
    if not is_number(value):
        raise ConfigurationError(f"{name} is {value!r}; it has to be a number")
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        number = inf
    high_enough = number > low if low_excluded else number >= low
    low_enough = number < high if high_excluded else number <= high
    if high_enough and low_enough:
        return
    least = f"above {low:g}" if low_excluded else f"at least {low:g}"
    most = f"below {high:g}" if high_excluded else f"at most {high:g}"
    raise ConfigurationError(f"{name} is {value}; it has to be {least} and {most}")


def whole(name: str, value: object, low: int, high: int) -> None:
    """Raise a ConfigurationError unless `value` is a whole number, `low` to `high`.

    Args:
        name: of the parameter, for the error.
        value: as a user gave it.
        low: the least that is right.
        high: the largest.
    """
    if not is_whole(value):
        raise ConfigurationError(f"{name} is {value!r}; it has to be a whole number")
    if not low <= int(value) <= high:
        raise ConfigurationError(
            f"{name} is {value}; it has to be at least {low} and at most {high}"
        )


def layers(
    name: str,
    widths: object,
    networks: int = 1,
) -> tuple[int, ...]:
    """The widths of hidden layers as a tuple.

    Args:
        name: of the parameter.
        widths: units of each layer.
        networks: how many are held at once.

    Raises:
        ConfigurationError: no list, no layer or too many, a width that is none, or more
            weights between them than `MOST_WEIGHTS`.
    """
    if isinstance(widths, str) or not isinstance(widths, Sequence):
        raise ConfigurationError(
            f"{name} is {widths!r}; it takes a list of widths such as [256, 256]"
        )
    if not 1 <= len(widths) <= DEEPEST:
        raise ConfigurationError(
            f"{name} has {len(widths)} layers; it has to have 1 to {DEEPEST}"
        )
    for width in widths:
        whole(f"{name}: a width", width, 1, WIDEST)
    weights = 0
    for inputs, outputs in pairwise(widths):
        weights += networks * inputs * outputs
    if weights > MOST_WEIGHTS:
        raise ConfigurationError(
            f"{name} is {list(widths)}, {gib(weights)} of weights in {networks}"
            f" network(s); it may have {gib(MOST_WEIGHTS)}"
        )
    return tuple(widths)


def activations(
    name: str,
    batch: int,
    widths: Sequence[int],
    networks: int = 1,
) -> None:
    """Raise a ConfigurationError if a batch's hidden layers take too much memory.

    Args:
        name: of the group of parameters.
        batch: rows.
        widths: of the hidden layers.
        networks: how many see the batch at once.
    """
    floats = batch * sum(widths) * networks
    if floats > MOST_ACTIVATIONS:
        raise ConfigurationError(
            f"{name}: batch_size {batch} of hidden {list(widths)} takes"
            f" {gib(floats)} of hidden units; it may take {gib(MOST_ACTIVATIONS)}"
        )


def gib(floats: int) -> str:
    """The memory of so many float32."""
    gib = 4 * floats / 2**30
    return f"{gib:.1f} GiB"
