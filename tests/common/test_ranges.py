"""Numbers as people write them; seeds, tasks, sizes and ids share it."""

from __future__ import annotations

from typing import Any

import pytest

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.common.ranges import parse_numbers, parse_seeds, read_ranges


@pytest.mark.parametrize(
    ("given", "numbers"),
    [
        ("0-2", (0, 1, 2)),
        (" 0 + 3 ", (0, 3)),
        ("0-1+7", (0, 1, 7)),
        (4, (4,)),
        ([2, "5-6"], (2, 5, 6)),
        ((3,), (3,)),
    ],
)
def test_forms(given: Any, numbers: tuple[int, ...]) -> None:
    assert parse_seeds(given) == numbers


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("a-b", "seeds are 'a-b'; give a range 0-2"),
        ("-1", "seeds are '-1'; give"),
        (1.5, "seeds are 1.5; give"),
        ([True], r"seeds are \[True\]; give"),
        (None, "seeds are None; give"),
        ("²", "give a range"),
        ("0-99999999999999999999", "give a range"),
        ("0+0", "one twice"),
        ("2-1", "seeds are '2-1'; give a range 0-2"),
        ("3-", "seeds are '3-'; give a range 0-2"),
        ("0-+2", "give a range 0-2"),
        (["3-"], "give a range 0-2"),
        ("-3", "give a range 0-2"),
        ("+3", "give a range 0-2"),
        ("1-2-3", "give a range 0-2"),
        ([], "none; each once, at least one"),
        ("0-999999999", "more than 1000; give fewer"),
    ],
)
def test_what_is_none_is_refused_by_name(given: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        parse_seeds(given)
    assert "\n" not in str(caught.value)


def test_the_caller_says_what_they_are() -> None:
    with pytest.raises(ConfigurationError, match="sizes are 'x'; give numbers 3"):
        parse_numbers("sizes", "x", "numbers 3")


def test_a_long_range_is_cut_off_after_one_more() -> None:
    assert read_ranges("5-999999999", 2) == [5, 6, 7]
