"""Imported data are held against the environment: what fits, what does not, and what
cannot be tried."""

from __future__ import annotations

import json
import logging
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oer_pipeline.reports.card_page import card_page
from oer_pipeline.suites.behaviour import BehaviourFile, behaviour_path
from oer_pipeline.suites.behaviour_data import collect
from oer_pipeline.suites.importing import import_source
from oer_pipeline.suites.physics import Bounds
from oer_pipeline.suites.plausibility import (
    REWARD_THRESHOLD,
    THRESHOLD,
    plausibility,
    space_difference,
)
from oer_pipeline.suites.suite import Task
from oer_pipeline.suites.task_lists import listed
from oer_pipeline.trajectories.card import data_card
from oer_pipeline.trajectories.exchange.source import Source
from oer_pipeline.trajectories.table import Trajectories, write_trajectories
from tests.trajectories.foreign import imported, minari_episodes, write_minari_folder

FILES = Path(__file__).parents[1] / "data" / "d4rl_layout"
ANT = {"id": "Ant-v5", "kwargs": {"include_cfrc_ext_in_observation": False}}
WALKER_V4 = {"id": "Walker2d-v5", "kwargs": {"xml_file": "walker2d.xml"}}


def gymnasium_task(parameters: dict[str, Any]) -> Task:
    return Task("v4", 1, "gymnasium", parameters, 1000)


def v4(name: str, parameters: dict[str, Any]) -> Trajectories:
    """A public recording, imported as data of a task of these parameters."""
    source = Source(
        str(FILES / f"{name}_expert_v4.hdf5"),
        "d4rl",
        clip_actions=True,
        terminals_at_horizon="timeout",
    )
    return import_source(source, gymnasium_task(parameters))


@cache
def collected(family: str, number: int = 0) -> Trajectories:
    task = ours(family, number)
    file = behaviour_path(task.family, task.key)
    return collect(task, BehaviourFile.load(file), "medium", 400, 0)


def ours(family: str, number: int) -> Task:
    ids = {"cheetah_vel": (0, 4)}.get(family, (0, 1))
    [parameters] = listed(family, [ids[number]], "test")
    return Task("test", number + 1, family, parameters, 200)


RIGHT: list[tuple[str, dict[str, Any]]] = [
    ("ant", ANT),
    ("halfcheetah", {"id": "HalfCheetah-v5"}),
    ("hopper", {"id": "Hopper-v5"}),
    ("walker2d", WALKER_V4),
]


@pytest.mark.parametrize(("name", "parameters"), RIGHT)
def test_public_files_fit(
    name: str,
    parameters: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = v4(name, parameters).metadata["plausibility"]
    assert found["error"] < 1e-5
    assert found["reward_error"] < 0.1
    assert found["rows"] > 20
    assert not [
        r
        for r in caplog.records
        if r.levelno >= logging.WARNING and "fit" in r.getMessage()
    ]


@pytest.mark.parametrize("family", ["ant_dir", "walker_par", "cheetah_vel"])
def test_our_own_data_fit(family: str) -> None:
    found = plausibility(collected(family), ours(family, 0).physics())
    assert found["error"] < 1e-5
    assert found["reward_error"] < 0.01


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("walker2d", {"id": "Walker2d-v5"}),  # v5's walker has another friction at one foot
    ("walker2d", {"id": "HalfCheetah-v5"}),  # of equal widths
    ("halfcheetah", {"id": "Walker2d-v5"}),
    ("hopper", {"id": "Hopper-v5", "kwargs": {"frame_skip": 5}}),
    ("halfcheetah", {"id": "HalfCheetah-v5", "kwargs": {"frame_skip": 4}}),
]


@pytest.mark.parametrize(("name", "parameters"), WRONG)
def test_files_of_another_environment_do_not(
    name: str,
    parameters: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = v4(name, parameters).metadata["plausibility"]
    assert found["error"] > 0.03 > THRESHOLD
    [line] = [
        r.getMessage() for r in caplog.records if "does not fit" in r.getMessage()
    ]
    assert line.startswith(
        f"{FILES / name}_expert_v4.hdf5: it does not fit environment"
        f" {parameters['id']}: "
    )
    assert "\n" not in line


def test_another_body_does_not_fit() -> None:
    assert (
        plausibility(collected("walker_par"), ours("walker_par", 1).physics())["error"]
        > 0.03
    )


@pytest.mark.parametrize("family", ["ant_dir", "cheetah_vel"])
def test_rewards_of_another_task_do_not(family: str) -> None:
    """These tasks differ in their rewards alone."""
    found = plausibility(collected(family), ours(family, 1).physics())
    assert found["error"] < 1e-5
    assert found["reward_error"] > 0.5 > REWARD_THRESHOLD


def test_other_rewards_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    twice = {"id": "Hopper-v5", "kwargs": {"forward_reward_weight": 2.0}}
    assert v4("hopper", twice).metadata["plausibility"]["reward_error"] > 0.5
    [line] = [
        r.getMessage()
        for r in caplog.records
        if "rewards are not those" in r.getMessage()
    ]
    assert "not those of environment Hopper-v5" in line


def test_the_card_says_it(tmp_path: Path) -> None:
    write_trajectories(tmp_path / "a.parquet", collected("cheetah_vel"))
    table = import_source(
        Source(str(tmp_path / "a.parquet"), "parquet"), ours("cheetah_vel", 0)
    )
    card = json.loads(json.dumps(data_card(table)))
    assert card["plausibility"] == table.metadata["plausibility"]
    page = unescape(card_page(card, "a"))
    assert "Does it fit the environment?" in page
    assert "rows were set into the task's environment" in page


def test_what_cannot_be_tried_is_said(
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """A pendulum observes sines and cosines."""
    task = Task("own", 1, "gymnasium", {"id": "Pendulum-v1"}, 200)
    draw = np.random.default_rng(0)
    columns = {
        "observations": draw.normal(size=(11, 3)),
        "actions": draw.uniform(-2, 2, (11, 1)),
    }
    np.savez(
        tmp_path / "a.npz",
        **columns,
        rewards=np.zeros(11),
        terminals=np.zeros(11, bool),
    )
    with caplog.at_level(logging.INFO):
        table = import_source(Source(str(tmp_path / "a.npz"), "npz"), task)
    assert table.metadata["plausibility"] == {
        "skipped": "observations of this environment do not tell its state"
    }
    assert "not tried whether it fits environment Pendulum-v1" in caplog.text
    assert "Not tried" in card_page(data_card(table), "a")


def test_what_does_not_move_does_not_tell() -> None:
    table = collected("walker_par")
    still = np.zeros_like(table.observation)
    frozen = {"observation": still, "next_observation": still}
    odd = Trajectories(**{**table.arrays(), **frozen}, metadata=table.metadata)
    found = plausibility(odd, ours("walker_par", 0).physics())
    assert found == {"skipped": "no state of the sampled rows moves"}


def test_clipped_velocities_do_not_tell() -> None:
    table = collected("walker_par")
    fast = table.observation.copy()
    fast[:, 8:] = 10.0
    odd = Trajectories(
        **{**table.arrays(), "observation": fast}, metadata=table.metadata
    )
    found = plausibility(odd, ours("walker_par", 0).physics())
    assert "velocities stand where they are clipped" in found["skipped"]


def test_an_action_space_of_their_own_is_named(
    table: Trajectories,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def folder(name: str, low: float, high: float) -> Path:
        box = {
            "type": "Box",
            "dtype": "float32",
            "shape": [2],
            "low": [low] * 2,
            "high": [high] * 2,
        }
        return write_minari_folder(
            tmp_path / name, minari_episodes(table), action_space=json.dumps(box)
        )

    imported(folder("same", -1.0, 1.0), "minari")
    assert "action space" not in caplog.text
    found = imported(folder("other", -2.0, 2.0), "minari")
    says = "[-2.0, -2.0] to [2.0, 2.0]; the environment's is [-1.0, -1.0] to [1.0, 1.0]"
    assert found.metadata["plausibility"]["action_space"] == says
    assert f"it says that its action space is {says}" in caplog.text
    assert "The file says that its action space is [-2.0" in card_page(
        data_card(found), "a"
    )


def test_spaces_of_another_shape() -> None:
    bounds = Bounds(np.full(2, -1, np.float32), np.full(2, 1, np.float32))
    assert space_difference(None, bounds) is None
    assert space_difference(([-1.0], [1.0]), bounds) is not None


def test_a_space_of_numbers_that_nothing_holds_is_no_space(
    table: Trajectories,
    tmp_path: Path,
) -> None:
    box = json.dumps({"type": "Box", "low": [-(10**400), -1], "high": [1, 1]})
    episodes = minari_episodes(table)
    folder = write_minari_folder(tmp_path / "a", episodes, action_space=box)
    found = imported(folder, "minari")
    assert "action_space" not in found.metadata["plausibility"]
