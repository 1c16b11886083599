"""The words say what the numbers do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from oer_pipeline.reports.verdict import verdict

Make = Callable[..., dict[str, Any]]
NOISE = (0.0, 3.0, -1.0, 2.0, 1.0)


def noisy(cell: Make, name: str, ends: Sequence[float], **changes: Any) -> Any:
    """A cell of two tasks whose first return at the end is given for each seed."""
    matrices = {
        seed: np.array([[-20.0, np.nan], [end, -10.0]]) for seed, end in enumerate(ends)
    }
    return cell(name, matrices=matrices, **({"fidelity": None} | changes))


def around(mean: float, share: float, seeds: int = 5) -> list[float]:
    """Ends whose spread differs from method to method."""
    return [mean + share * noise for noise in NOISE[:seeds]]


def test_the_best_that_nothing_comes_near(cell: Make) -> None:
    first, *others = verdict(
        [noisy(cell, "oer", around(-20, 1)), noisy(cell, "finetune", around(-140, 2))]
    )
    assert first.startswith(
        "oer is ahead: it keeps 30 points more than finetune (29.8 ["
    )
    assert others[0].startswith("PER: oer 90.2 [")
    assert others[0].endswith("doing nothing 25.0.")
    assert others[1].startswith("Forgetting: most finetune, 59.")
    assert others[-1].startswith("5 seeds, on the same data and transition models;")


def test_two_that_cannot_be_told_apart_and_one_that_can(cell: Make) -> None:
    cells = [
        noisy(cell, "oer", around(-20, 4)),
        noisy(cell, "er_random", around(-21, -4)),
        noisy(cell, "finetune", around(-140, 2)),
    ]
    first, *_, basis = verdict(cells)
    assert first.startswith("oer and er_random can't be told apart (")
    # 30 is the best's alone: each is told by what it keeps itself
    assert "; both keep 28 to 30 points more than finetune (oer: 30.5 [" in first
    assert "corrected for 2 comparisons (Holm), below 0.05" in basis


def test_a_leader_that_varies_may_come_after_what_is_told_apart(cell: Make) -> None:
    cells = [
        noisy(cell, "all_data", around(-20, 1)),
        noisy(cell, "er_random", around(-40, 1.1)),
        noisy(cell, "oracle", around(-70, 30)),
    ]
    first, *_ = verdict(cells)
    assert first.startswith("all_data and oracle can't be told apart (")
    assert "; all_data keeps 5 points more than er_random (5.0 [" in first


def test_nothing_can_be_told_apart(cell: Make) -> None:
    cells = [
        noisy(cell, "a", around(-20, 4)),
        noisy(cell, "b", around(-21, -4)),
        noisy(cell, "c", around(-24, 9)),
    ]
    first, *_ = verdict(cells)
    assert first.startswith("c, a and b can't be told apart (c - b: 2.5 [-3.9, ")


def test_two_seeds_are_no_ground(cell: Make) -> None:
    cells = [
        noisy(cell, "a", around(-20, 1, seeds=2)),
        noisy(cell, "b", around(-90, 1, seeds=2)),
    ]
    first, means, *_ = verdict(cells)
    assert first == (
        "a has the highest mean PER; with fewer than 3 common seeds, chance can't be"
        " ruled out."
    )
    assert "a 90.4, b 72.9" in means


def test_who_ran_harder_seeds_is_no_worse_for_it(cell: Make) -> None:
    """Seeds are paired: the longer run's last three are bad luck, which the other's
    three did not have."""
    ends = [*around(-20, 1, seeds=3), -150.0, -151.0, -152.0]
    cells = [
        noisy(cell, "short", around(-30, 1.1, seeds=3)),
        noisy(cell, "long", ends),
    ]
    first, means, *_, basis = verdict(cells)
    assert first.startswith("long is ahead: it keeps 2 points more than short (2.5 [")
    assert basis.startswith("3 seeds, ")
    assert means.startswith("PER on the seeds that they share: long 90.")
    assert ", short 87." in means


def test_one_method_and_one_task(cell: Make) -> None:
    single = cell(tasks=["run"], matrices={0: np.array([[-20.0]])}, fidelity=None)
    first, means, basis = verdict([single])
    assert first == "oer alone: there is nothing to compare it with."
    assert means == "PER: oer 90.0, doing nothing 50.0."
    assert basis == "1 seed, on the same data and transition models."


def test_less_than_nothing_is_said(cell: Make) -> None:
    cells = [
        noisy(cell, "a", around(-20, 1)),
        noisy(cell, "b", around(-300, 1)),
    ]
    assert "Below the score of doing nothing: b." in verdict(cells)


def test_success_leads_and_its_unit_is_told_once(solving: Make) -> None:
    cells = [solving("er", 20.0), solving("oer", 80.0), solving("gem", 10.0)]
    first, *_ = verdict(cells)
    assert "keeps 30 percentage points more than er (30.0 [30.0, 30.0])" in first
    assert "and 35 more than gem (35.0 [35.0, 35.0])." in first


def test_many_methods_stay_readable(cell: Make) -> None:
    cells = [noisy(cell, f"m{n}", around(-20 - 5 * n, 1)) for n in range(12)]
    for sentence in verdict(cells):
        assert len(sentence) < 400, sentence
    assert verdict(cells)[0].endswith("and more than 6 others.")


def test_without_common_seeds_nothing_is_said_of_them(cell: Make) -> None:
    a = noisy(cell, "a", around(-20, 1, seeds=3))
    matrices = {s: np.array([[-20.0, np.nan], [-30.0 - s, -10.0]]) for s in range(5, 9)}
    b = cell("b", matrices=matrices, fidelity=None)
    sentences = verdict([a, b])
    assert not [text for text in sentences if "seeds that they share" in text]


def test_all_are_ranked_and_tested_on_the_seeds_that_all_have(cell: Make) -> None:
    """a leads on the first three seeds, b on those that c lacks."""
    late = (-200.0, -201.0, -203.0, -202.0, -204.0, -200.5, -201.5)
    cells = [
        noisy(cell, "a", (*around(-20, 1, seeds=3), *late)),
        noisy(cell, "b", around(-21, -4, seeds=3) + [end + 150 for end in late]),
        noisy(cell, "c", around(-140, 2, seeds=3)),
    ]
    first, *_ = verdict(cells)
    assert first.startswith("a and b can't be told apart (")
    assert " points more than c (" in first


def test_who_shares_too_few_seeds_with_the_best_is_no_leader(cell: Make) -> None:
    matrices = {7: np.array([[-20.0, np.nan], [-90.0, -10.0]])}
    cells = [
        noisy(cell, "a", around(-20, 1)),
        noisy(cell, "b", around(-60, 1.1)),
        cell("c", matrices=matrices, fidelity=None),
    ]
    first, *others = verdict(cells)
    assert first.startswith("a is ahead: it keeps 10 points more than b (")
    assert "Not compared, with fewer than 3 seeds in common with a: c." in others


def test_where_nobody_forgets_nobody_forgets_most(cell: Make) -> None:
    cells = [noisy(cell, "a", [-20.0] * 3), noisy(cell, "b", [-20.0] * 3)]
    assert "Forgetting: 0.0 [0.0, 0.0], the same for all methods." in verdict(cells)


@pytest.mark.parametrize("end", [-10.0, -60.0])
def test_one_seed_of_a_third_method_takes_no_test_from_two(
    cell: Make, end: float
) -> None:
    """However lucky it was."""
    cells = [
        noisy(cell, "c", [end]),
        noisy(cell, "a", around(-20, 1)),
        noisy(cell, "b", around(-60, 1.1)),
    ]
    first, *others = verdict(cells)
    assert first.startswith("a is ahead: it keeps 10 points more than b (")
    assert "Not compared, with fewer than 3 seeds in common with a: c." in others
    assert others[-1].startswith("1 to 5 seeds")


def test_who_is_above_on_the_seeds_of_a_pair_is_not_called_alike(cell: Make) -> None:
    """Only seeds that all share are compared, here none."""
    ends = {"x": (range(9), -40.0), "y": (range(3), -45.0), "z": (range(20, 23), -50.0)}
    cells = []
    for name, (seeds, end) in ends.items():
        matrices = {}
        for seed in seeds:
            late = 30.0 * (seed > 2)
            matrices[seed] = np.array([[-20.0, np.nan], [end + late, -10.0 + seed % 3]])
        cells.append(cell(name, matrices=matrices, fidelity=None))
    first, *_ = verdict(cells)
    assert first == (
        "x has the highest mean PER; with fewer than 3 common seeds, chance can't be"
        " ruled out."
    )
