"""The literature's task lists: how many, and entries copied by hand from MACAW's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from oer_pipeline.common.errors import ConfigurationError
from oer_pipeline.suites.task_lists import list_id, listed, task_lists


def test_there_are_50_angles_40_velocities_and_50_walkers() -> None:
    assert {family: len(tasks) for family, tasks in task_lists().items()} == {
        "ant_dir": 50,
        "cheetah_vel": 40,
        "walker_par": 50,
    }


def test_angles_and_velocities_are_the_literatures() -> None:
    angles = [task["goal_angle"] for task in task_lists()["ant_dir"]]
    assert angles[:5] == pytest.approx(
        [1.2033605945, 0.4266305329, 4.9447754792, 4.1238651406, 4.0056619270]
    )
    assert angles[18] == pytest.approx(1.87066585880318)
    assert all(0 <= angle < 2 * np.pi for angle in angles)
    velocities = [task["target_velocity"] for task in task_lists()["cheetah_vel"]]
    np.testing.assert_allclose(velocities, 0.075 * np.arange(1, 41))


def test_walkers_have_the_literatures_bodies() -> None:
    walkers = task_lists()["walker_par"]
    assert walkers[0]["body_mass"] == pytest.approx(
        [
            0.0,
            5.965683295,
            5.042364997,
            3.027504745,
            2.442099678,
            5.600205375,
            2.331962358,
            7.626978590,
        ]
    )
    shapes = {name: {np.shape(w[name]) for w in walkers} for name in walkers[0]}
    assert shapes["body_mass"] == {(8,)}
    assert shapes["dof_damping"] == {(9,)}
    assert shapes["body_inertia"] == shapes["geom_friction"] == {(8, 3)}
    assert len({tuple(w["body_mass"]) for w in walkers}) == 50


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ("0-4", [0, 1, 2, 3, 4]),
        ("3+1+7-9", [3, 1, 7, 8, 9]),
        ([5, 2], [5, 2]),
        (["1-2", 0], [1, 2, 0]),
        (39, [39]),
        (" 0 + 2 ", [0, 2]),
    ],
)
def test_ids_are_taken_in_the_order_given(ids: Any, expected: list[int]) -> None:
    chosen = [task["target_velocity"] for task in listed("cheetah_vel", ids, "here")]
    np.testing.assert_allclose(chosen, 0.075 * (1 + np.array(expected)))


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ("40", r"here: ids \[40\] of '40'; each of 0 to 39 at most once"),
        ("38-41", r"ids \[40, 41\] of '38-41'"),
        ("0-99999999999", "each of 0 to 39 at most once"),
        ([0, 3, 3], r"ids \[3\] of \[0, 3, 3\]; each of 0 to 39 at most once"),
        ("3-1", "here: ids are '3-1'; give a range 0-4"),
        ("3-", "here: ids are '3-'; give a range 0-4"),
        ([], "each of 0 to 39 at most once"),
        (-1, "here: ids are -1; give a range 0-4, numbers 3.1, or a list of numbers"),
        ("one", "ids are 'one'"),
        ("²", "ids are '²'"),
        (None, "ids are None"),
        (1.5, "ids are 1.5"),
        ([True], r"ids are \[True\]"),
    ],
)
def test_ids_that_are_none_are_named(ids: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        listed("cheetah_vel", ids, "here")


def test_a_family_without_a_list_says_what_to_do_instead() -> None:
    with pytest.raises(
        ConfigurationError,
        match="'gymnasium' has no list of tasks; list the tasks' parameters",
    ):
        listed("gymnasium", "0", "here")


def test_a_task_knows_its_id() -> None:
    assert list_id("ant_dir", task_lists()["ant_dir"][30]) == 30
    assert list_id("cheetah_vel", {"target_velocity": 1.55}) is None
    assert list_id("gymnasium", {"id": "Pendulum-v1"}) is None


def test_what_a_caller_does_to_parameters_stays_with_the_caller() -> None:
    [mine] = listed("cheetah_vel", 0, "here")
    mine["target_velocity"] = 99.0
    assert listed("cheetah_vel", 0, "here") == [{"target_velocity": 0.075}]
