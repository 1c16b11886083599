"""Continual metrics against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.metrics import continual
from oer_pipeline.metrics.continual import References

NAN = np.nan
R = np.array([[80.0, NAN, NAN], [90.0, 60.0, NAN], [50.0, 70.0, 100.0]])
NEGATIVE = np.array([[-20.0, NAN], [-200.0, -50.0]])


def test_hand_computed_three_tasks() -> None:
    assert continual.per(R) == pytest.approx(220 / 3)
    assert continual.bwt_paper(R) == pytest.approx(
        (30 - 10) / 2
    )  # positive: 30 forgotten, 10 gained
    assert continual.backward_transfer(R) == pytest.approx(-10)
    assert continual.plasticity(R) == pytest.approx(80)
    assert continual.forgetting(R) == pytest.approx(
        (40 + 0) / 2
    )  # task 1 was best, 90, after task 2
    assert continual.cloning_gap(R, [85.0, 60.0, 103.0]) == pytest.approx(8 / 3)
    assert continual.forward_transfer(R, [70.0, 70.0, 70.0]) == pytest.approx(10)
    assert continual.zero_shot([5.0, 25.0], [-1000.0, 1.0, 3.0]) == pytest.approx(
        (4 + 22) / 2
    )


def test_negative_returns() -> None:
    assert continual.per(NEGATIVE) == pytest.approx(-125)
    assert (
        continual.bwt_paper(NEGATIVE)
        == continual.forgetting(NEGATIVE)
        == pytest.approx(180)
    )
    assert continual.plasticity(NEGATIVE) == pytest.approx(-35)


def test_one_task_has_no_transfer() -> None:
    found = continual.summary(
        [[-3.0]], References(np.array([-5.0]), np.array([-1.0])), [-2.0]
    )
    assert found["per"] == found["plasticity"] == -3.0
    assert found["per_normalised"] == pytest.approx(50)
    assert found["cloning_gap"] == 1.0
    undefined = ("bwt_paper", "backward_transfer", "forgetting")
    assert [found[name] for name in undefined] == [None] * 3
    assert [found[f"{name}_normalised"] for name in undefined] == [None] * 3
    assert continual.zero_shot([], [-5.0]) is None


def test_whatever_stands_above_the_diagonal_is_not_read() -> None:
    full = np.where(np.isnan(R), 1e6, R)
    assert continual.summary(full) == continual.summary(R)
    assert full[0, 1] == 1e6  # and the caller's array is left alone


def test_a_learner_of_all_tasks_at_once_has_per_alone() -> None:
    last_row = np.array([[NAN, NAN], [3.0, 5.0]])
    found = continual.summary(last_row, task_policy_returns=[1.0, 2.0])
    assert found.pop("per") == 4.0
    assert set(found.values()) == {None}


def test_no_forgetting_is_plain_zero() -> None:
    assert str(continual.backward_transfer([[1.0, NAN], [1.0, 1.0]])) == "0.0"


def test_normalised_differences_scale_with_each_task() -> None:
    references = References(np.array([-300.0, -100.0]), np.array([-100.0, 0.0]))
    found = continual.summary(NEGATIVE, references, [-20.0, -40.0])
    assert found["per_normalised"] == pytest.approx((50 + 50) / 2)
    assert found["bwt_paper_normalised"] == pytest.approx(100 * 180 / 200)
    assert found["cloning_gap_normalised"] == pytest.approx((0 + 10) / 2)


def test_zero_shot_is_over_the_random_policy_in_both_scales() -> None:
    references = References(np.array([7.0, -100.0, -50.0]), np.array([8.0, 0.0, 150.0]))
    found = continual.summary(R, references, next_task_returns=[-90.0, 0.0])
    assert found["zero_shot"] == pytest.approx((10 + 50) / 2)
    assert found["zero_shot_normalised"] == pytest.approx((10 + 25) / 2)
    assert continual.summary(R, references)["zero_shot"] is None
    unmeasured = continual.summary(R, references, next_task_returns=[NAN, 0.0])
    assert unmeasured["zero_shot"] is unmeasured["zero_shot_normalised"] is None


def test_without_references_normalised_forms_are_absent() -> None:
    found = continual.summary(R, next_task_returns=[1.0, 2.0])
    assert not [name for name in found if "normalised" in name]
    assert found["cloning_gap"] is None
    assert found["zero_shot"] is None  # it is measured from the random policy


def test_references_of_a_table() -> None:
    table = {
        "b": {"random": -1.0, "expert": 2.0},
        "a": {"random": 0.0, "expert": 3.0, "zero": None},
    }
    found = References.of(["a", "b"], table)
    assert found is not None
    assert found.random.tolist() == [0.0, -1.0]
    assert found.expert.tolist() == [3.0, 2.0]
    assert References.of(["a"], None) is None


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"random": 1.0}, "expert return is None"),
        ({"random": 1.0, "expert": 1.0}, "both 1.0"),
        ({}, "random return"),
    ],
)
def test_incomplete_references_are_refused(entry: dict[str, float], named: str) -> None:
    with pytest.raises(DataError, match=f"references of run: .*{named}"):
        References.of(["run"], {"run": entry})


@pytest.mark.parametrize(
    ("matrix", "named"),
    [
        (np.zeros((2, 3)), r"shape \(2, 3\)"),
        (np.zeros((0, 0)), r"shape \(0, 0\)"),
        ([[1.0, NAN], [np.inf, 1.0]], "inf at row 1, column 0"),
        ([[1.0, NAN], [NAN, 1.0]], r"lacks columns \[0\]"),
    ],
)
def test_broken_matrices_are_refused(matrix: object, named: str) -> None:
    with pytest.raises(DataError, match=named):
        continual.summary(matrix)  # type: ignore[arg-type]


def test_wrong_lengths_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"task_policy_returns has shape \(2,\); it has to be \(3,\)"
    ):
        continual.summary(R, task_policy_returns=[1.0, 2.0])
    with pytest.raises(
        DataError, match=r"next_task_returns has shape \(3,\); it has to be \(2,\)"
    ):
        continual.summary(
            R, References(np.zeros(3), np.ones(3)), next_task_returns=[1.0, 2.0, 3.0]
        )
    with pytest.raises(DataError, match="references has shape"):
        continual.summary(R, References(np.zeros(1), np.ones(1)))


def test_success_has_the_same_metrics_in_per_cent_under_names_of_its_own() -> None:
    found = continual.success_summary(
        R, [5.0, 10.0, 0.0], [85.0, 60.0, 100.0], [30.0, 40.0]
    )
    assert found["per_success"] == pytest.approx(220 / 3)
    assert found["bwt_paper_success"] == pytest.approx(10)
    assert found["plasticity_success"] == pytest.approx(80)
    assert found["forgetting_success"] == pytest.approx(20)
    assert found["cloning_gap_success"] == pytest.approx(5 / 3)
    assert found["zero_shot_success"] == pytest.approx((20 + 40) / 2)
    assert {name.removesuffix("_success") for name in found} == set(
        continual.summary(R)
    )


def test_zero_shot_success_needs_the_random_policys() -> None:
    assert (
        continual.success_summary(R, None, None, [30.0, 40.0])["zero_shot_success"]
        is None
    )
    assert continual.success_summary(R, [0.0] * 3)["zero_shot_success"] is None


@pytest.mark.parametrize("value", [-0.1, 100.5])
def test_success_beyond_what_a_share_can_be_is_refused(value: float) -> None:
    wrong = R.copy()
    wrong[2, 1] = value
    with pytest.raises(
        DataError, match=rf"success has {value} at row 2, column 1; .*between 0 and 100"
    ):
        continual.success_summary(wrong)


def test_success_has_ends_and_returns_have_none() -> None:
    assert continual.possible("per_success") == (0.0, 100.0)
    assert continual.possible("bwt_paper_success") == (-100.0, 100.0)
    assert continual.possible("per_normalised") == (-np.inf, np.inf)
