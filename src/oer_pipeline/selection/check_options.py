"""Options of selectors, refused when a selector is built; each error names the
selector, the option, its value and what is right."""

from __future__ import annotations

from collections.abc import Collection

from oer_pipeline.common import checks
from oer_pipeline.common.errors import ConfigurationError, choices


def one_of(
    selector: str,
    option: str,
    value: object,
    known: Collection[str],
) -> None:
    """Raise a ConfigurationError unless `value` is one of `known`.

    Args:
        selector: its name, for the error.
        option: its name.
        value: as a user gave it.
        known: the values that are right.
    """
    if value not in known:
        wanted = choices(known, str(value))
        raise ConfigurationError(f"{selector}: {option} is {value!r}; {wanted}")


def count(
    selector: str,
    option: str,
    value: object,
    most: int = checks.MOST_ROWS,
) -> None:
    """Raise a ConfigurationError unless `value` is a whole number from 1 to `most`.

    Args:
        selector: its name, for the error.
        option: its name.
        value: as a user gave it.
        most: the largest that is right.
    """
    checks.whole(f"{selector}: {option}", value, 1, most)


def fraction(
    selector: str,
    option: str,
    value: object,
) -> None:
    """Raise a ConfigurationError unless `value` is a number between 0 and 1.

    Args:
        selector: its name, for the error.
        option: its name.
        value: as a user gave it.
    """
    checks.between(f"{selector}: {option}", value, 0.0, 1.0)


def positive(
    selector: str,
    option: str,
    value: object,
) -> None:
    """Raise a ConfigurationError unless `value` is a number above 0.

    Args:
        selector: its name, for the error.
        option: its name.
        value: as a user gave it.
    """
    name = f"{selector}: {option}"
    checks.between(name, value, 0.0, checks.LARGEST, low_excluded=True)
