"""Equal facts have equal digests, in every process; anything that differs, counts."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from oer_pipeline.common.digest import digest


@dataclass
class Options:
    """Of a learner, say."""

    weights: list[float] = field(default_factory=lambda: [1.0])
    share: float | None = None


class Plain:
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


class Other(Plain):
    pass


PAIRS = [
    (None, 0),
    (True, 1),
    (1, 1.0),
    ([1, 2], [2, 1]),
    ([1], [1, None]),
    ({"a": None}, {}),
    ({"a": [1]}, {"a": [2]}),
    ({1: "a"}, {"1": "a"}),
    ({1, 2}, {1, 3}),
    (Path("a/b"), "a/b"),
    (np.zeros(2, np.float32), np.zeros(2, np.float64)),
    (np.zeros((1, 2)), np.zeros((2, 1))),
    (torch.zeros(2), torch.ones(2)),
    (np.array(["a", 1], object), np.array(["a", 2], object)),
    (np.array([["a"]], object), np.array(["a"], object)),
    (np.array(["a"], object), np.array(["a"])),
    (Options(), Options(weights=[1.0, 2.0])),
    (Options(), Options(share=0.5)),
    (Plain(a=[1]), Plain(a=[2])),
    (Plain(a=1), Other(a=1)),
    (len, max),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_what_differs_counts(one: Any, other: Any) -> None:
    assert digest({"x": one}) != digest({"x": other})


def test_equal_facts_are_equal_whatever_their_order_and_objects() -> None:
    assert digest({"a": 1, "b": {2: 3, "c": 4}}) == digest(
        {"b": {"c": 4, 2: 3}, "a": 1}
    )
    assert digest(Options()) == digest(Options())
    assert digest([(1, 2)]) == digest(((1, 2),))
    assert digest(torch.arange(3)) == digest(torch.arange(3))
    assert digest({"a", "b", "c"}) == digest({"c", "b", "a"})


def test_an_object_that_refers_to_itself_has_a_digest() -> None:
    around = Plain(a=1)
    around.me = around  # type: ignore[attr-defined]
    again = Plain(a=1)
    again.me = again  # type: ignore[attr-defined]
    assert digest(around) == digest(again) != digest(Plain(a=1))


def test_arrays_of_objects_are_equal_by_what_they_hold() -> None:
    first = np.array([Plain(a=[1]), None], object)
    second = np.array([Plain(a=[1]), None], object)
    assert digest(first) == digest(second)
    assert digest(np.array(Plain(a=1))) == digest(np.array(Plain(a=1)))


def test_arrays_with_fields_of_objects_are_equal_by_what_they_hold() -> None:
    fields = np.dtype([("name", object), ("size", int)])
    one = np.array([(Plain(a=1), 1)], fields)
    other = np.array([(Plain(a=1), 1)], fields)
    assert digest(one) == digest(other) != digest(np.array([(Plain(a=2), 1)], fields))


def test_an_array_that_holds_itself_has_a_digest() -> None:
    around = np.array([None, 1], object)
    around[0] = around
    again = np.array([None, 1], object)
    again[0] = again
    assert digest(around) == digest(again) != digest(np.array([None, 1], object))


def test_the_digest_of_plain_facts_stays_what_records_have() -> None:
    facts = {
        "numbers": np.arange(3, dtype=np.int64),
        "flag": np.bool_(True),
        "text": np.array(["a", "b"]),
        "list": [1.5, None],
    }
    known = "2ffda5d75711479f12e4cf781683bf2067b441b682fdae0a447903641cd19c94"
    assert digest(facts) == known


def test_another_process_finds_the_same() -> None:
    words = np.array(["a" * 100, None, 2.5], object)
    facts = {
        "set": {"a", "b", "c", "d"},
        "list": [1.5, None],
        "code": len,
        "array": words,
    }
    program = (
        "import numpy as np\n"
        "from oer_pipeline.common.digest import digest\n"
        "words = np.array(['a' * 100, None, 2.5], object)\n"
        "print(digest({'set': {'d', 'c', 'b', 'a'}, 'list': [1.5, None],"
        " 'code': len, 'array': words}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest(facts)
