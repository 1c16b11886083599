"""Bounds of the values that a run is told, checked before any work.

Each check raises a ConfigurationError of one line that names the parameter, its value
and what would be right. Upper bounds are far above what anybody trains with: they catch
slips of the keyboard before these take a machine's memory or a year.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from math import inf
from numbers import Integral, Real

from oer_pipeline.common.errors import ConfigurationError, choices

LARGEST = 1e12
"""Of a coefficient."""
MOST_UPDATES = 10**9
MOST_ROWS = 10**7
"""Of a task's data, and of a buffer."""
MOST_EPISODES = 10**5
LARGEST_BATCH = 2**20
WIDEST, DEEPEST = 8192, 16
"""Units of a hidden layer; hidden layers."""
MOST_WEIGHTS = 2**27
"""Between the hidden layers of networks that are held at once: 0.5 GiB."""
MOST_ACTIVATIONS = 2**31
"""Of the hidden layers for one batch: 8 GiB."""


def known(name: str, value: object, good: Collection[str]) -> None:
    """Raise a ConfigurationError unless `value` is one of `good`."""
    if value not in good:
        raise ConfigurationError(f"{name} is {value!r}; {choices(good)}")


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
    """Raise a ConfigurationError unless `value` is a number from `low` to `high`."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise ConfigurationError(f"{name} is {value!r}; it has to be a number")
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        number = inf
    too_low = not number >= low or (low_excluded and number == low)
    too_high = number > high or (high_excluded and number == high)
    if too_low or too_high:
        least = f"{'above' if low_excluded else 'at least'} {low:g}"
        most = f"{'below' if high_excluded else 'at most'} {high:g}"
        raise ConfigurationError(f"{name} is {value}; it has to be {least} and {most}")


def whole(name: str, value: object, low: int, high: int) -> None:
    """Raise a ConfigurationError unless `value` is a whole number, `low` to `high`."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ConfigurationError(f"{name} is {value!r}; it has to be a whole number")
    if not low <= int(value) <= high:
        wanted = f"at least {low} and at most {high}"
        raise ConfigurationError(f"{name} is {value}; it has to be {wanted}")


def layers(name: str, widths: object, networks: int = 1) -> tuple[int, ...]:
    """The widths of hidden layers as a tuple; `networks` are held at once.

    Raises:
        ConfigurationError: no list, no layer or too many, a width that is none, or more
            weights between them than `MOST_WEIGHTS`.
    """
    if not isinstance(widths, Sequence) or isinstance(widths, str):
        wanted = "it takes a list of widths such as [256, 256]"
        raise ConfigurationError(f"{name} is {widths!r}; {wanted}")
    if not 1 <= len(widths) <= DEEPEST:
        wanted = f"it has to have 1 to {DEEPEST}"
        raise ConfigurationError(f"{name} has {len(widths)} layers; {wanted}")
    for width in widths:
        whole(f"{name}: a width", width, 1, WIDEST)
    weights = networks * sum(one * other for one, other in pairwise(widths))
    if weights > MOST_WEIGHTS:
        takes = f"{list(widths)}, {_gib(weights)} of weights in {networks} network(s)"
        raise ConfigurationError(f"{name} is {takes}; it may have {_gib(MOST_WEIGHTS)}")
    return tuple(widths)


def activations(
    name: str, batch: int, widths: Sequence[int], networks: int = 1
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
        given = f"batch_size {batch} of hidden {list(widths)}"
        takes = f"takes {_gib(floats)} of hidden units"
        most = f"it may take {_gib(MOST_ACTIVATIONS)}"
        raise ConfigurationError(f"{name}: {given} {takes}; {most}")


def _gib(floats: int) -> str:
    """The memory of so many float32."""
    return f"{4 * floats / 2**30:.1f} GiB"
