"""Minari's data sets of dictionaries of observations, such as those of mazes."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from oer_pipeline.trajectories.table import Trajectories
from tests.trajectories.foreign import (
    imported,
    minari_episodes,
    refused,
    same,
    write_minari_folder,
)

KEYS = ["goal", "observation"]


@pytest.fixture
def maze(table: Trajectories, tmp_path: Path) -> Path:
    """The table as Minari has it, its first dimension told as `goal`, the others as
    `observation`."""
    episodes = minari_episodes(table)
    for episode in episodes:
        values = episode.pop("observations")
        episode["observations/goal"] = values[:, :1]
        episode["observations/observation"] = values[:, 1:]
    folder = tmp_path / "maze"
    write_minari_folder(folder, episodes)
    return folder


def test_what_is_chosen_is_joined_in_that_order(
    maze: Path, table: Trajectories
) -> None:
    same(imported(maze, "minari", observation_keys=KEYS), table)
    turned = imported(maze, "minari", observation_keys=KEYS[::-1])
    wanted = np.roll(table.observation, -1, axis=1)
    np.testing.assert_array_equal(turned.observation, wanted)
    wanted = np.roll(table.next_observation, -1, axis=1)
    np.testing.assert_array_equal(turned.next_observation, wanted)


def test_without_a_choice_the_names_are_told(maze: Path) -> None:
    said = refused(maze, "minari")
    assert "episode_0: column observations: it is a group; it holds goal" in said
    assert "choose by observation_keys" in said


def test_a_name_that_is_not_there_and_another_length_are_named(maze: Path) -> None:
    said = refused(maze, "minari", observation_keys=["goal", "position"])
    assert "column observations: 'position' is missing" in said
    with h5py.File(maze / "data" / "main_data.hdf5", "r+") as file:
        values = file["episode_0/observations/goal"][...]
        del file["episode_0/observations/goal"]
        file["episode_0/observations/goal"] = values[:-1]
    said = refused(maze, "minari", observation_keys=KEYS)
    assert "episode_0: column observations: found" in said


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_it_is_how_minari_lays_them_out(
    table: Trajectories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minari = pytest.importorskip("minari")
    from gymnasium.spaces import Box, Dict
    from minari.data_collector import EpisodeBuffer

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    buffers = []
    for start, length in zip(table.starts, table.lengths, strict=True):
        rows = slice(start, start + length)
        last = table.next_observation[rows][-1:]
        states = np.concatenate((table.observation[rows], last))
        buffers.append(
            EpisodeBuffer(
                observations={"goal": states[:, :1], "observation": states[:, 1:]},
                actions=table.action[rows],
                rewards=table.reward[rows],
                terminations=table.terminal[rows],
                truncations=table.timeout[rows],
            )
        )
    width = table.observation.shape[1]
    everywhere = Dict(
        goal=Box(-np.inf, np.inf, (1,), np.float32),
        observation=Box(-np.inf, np.inf, (width - 1,), np.float32),
    )
    actions = Box(-1.0, 1.0, (table.action.shape[1],), np.float32)
    minari.create_dataset_from_buffers(
        "maze/mine-v0",
        buffers,
        observation_space=everywhere,
        action_space=actions,
        data_format="hdf5",
    )
    found = imported(tmp_path / "maze/mine-v0", "minari", observation_keys=KEYS)
    same(found, table)
