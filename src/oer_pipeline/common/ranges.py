"""Numbers as people write them: a range `0-2`, `+`-joined numbers `0+3`, both
`0-2+7`, or a YAML list."""

from __future__ import annotations

from typing import Any

from oer_pipeline.common.errors import ConfigurationError

NUMBERS = "a range 0-2, numbers 0+3, or a YAML list of numbers"
"""What would have been right, for errors."""
MOST_NUMBERS = 1_000
LONGEST_NUMBER = 18
"""In digits."""


def parse_seeds(given: Any) -> tuple[int, ...]:
    """Seeds from an int, a list, or a string such as `0-2+7`.

    Args:
        given: of a command line or of YAML.

    Raises:
        ConfigurationError: anything else, nothing, or a seed twice.
    """
    return parse_numbers("seeds", given, NUMBERS)


def parse_numbers(
    what: str,
    given: Any,
    forms: str,
) -> tuple[int, ...]:
    """Distinct numbers, at least one of them.

    Args:
        what: the numbers' name, for errors.
        given: as the configuration has it.
        forms: what would have been right.

    Raises:
        ConfigurationError: names `what`, the value and what would be right.
    """
    said = f"{what} are {given!r}"
    numbers = read_ranges(given, MOST_NUMBERS)
    if numbers is None:
        raise ConfigurationError(f"{said}; give {forms}")
    if len(numbers) > MOST_NUMBERS:
        raise ConfigurationError(f"{said}: more than {MOST_NUMBERS}; give fewer")
    if not numbers:
        raise ConfigurationError(f"{said}: none; each once, at least one")
    if len(set(numbers)) != len(numbers):
        raise ConfigurationError(f"{said}: one twice; each once, at least one")
    return tuple(numbers)


def read_ranges(
    given: Any,
    most: int,
) -> list[int] | None:
    """The numbers in the order given; None where it is not of this form: a sign, a
    range without an end, or one that ends below its start.

    A range that has more than `most` numbers is cut off after one more.
    """
    parts = given
    if not isinstance(given, list | tuple):
        parts = str(given).split("+")
    numbers: list[int] = []
    for part in parts:
        text = str(part).strip()
        first, dash, last = text.partition("-")
        if not dash:
            last = first
        if not is_number(first) or not is_number(last):
            return None
        low = int(first)
        high = int(last)
        if high < low:
            return None
        high = min(high, low + most)
        numbers.extend(range(low, high + 1))
    return numbers


def is_number(text: str) -> bool:
    """Whether it is 0, 1, ... in plain digits, up to 18 of them."""
    return text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER
