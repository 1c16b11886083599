"""Files as somebody else writes them, and a task that their data belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest

from oer_pipeline.common.errors import DataError
from oer_pipeline.suites.importing import import_source
from oer_pipeline.suites.suite import Task
from oer_pipeline.trajectories.exchange.source import Source
from oer_pipeline.trajectories.table import Trajectories

Columns = dict[str, Any]


class SmallTask(Task):
    """Five observation dimensions, two action dimensions within +-1, horizon 4, as
    `make_table` has them."""

    def physics(self) -> Any:
        return SimpleNamespace(
            observation_size=5, action_size=2, bounds=None, state_dimensions=()
        )


TASK = SmallTask("own", 2, "gymnasium", {"id": "Own-v0"}, 4)


def d4rl_columns(table: Trajectories) -> Columns:
    """The table's columns as D4RL calls them."""
    return {
        "observations": table.observation,
        "actions": table.action,
        "next_observations": table.next_observation,
        "rewards": table.reward,
        "terminals": table.terminal,
        "timeouts": table.timeout,
    }


def write_d4rl_file(path: Path, columns: Mapping[str, Any], **attributes: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in columns.items():
            file[name] = array
        file.attrs.update(attributes)
    return path


def minari_episodes(table: Trajectories) -> list[Columns]:
    """The table's episodes as Minari keeps them."""
    episodes = []
    for start, length in zip(table.starts, table.lengths, strict=True):
        rows = slice(start, start + length)
        episodes.append(
            {
                "observations": np.concatenate(
                    (table.observation[rows], table.next_observation[rows][-1:])
                ),
                "actions": table.action[rows],
                "rewards": table.reward[rows],
                "terminations": table.terminal[rows],
                "truncations": table.timeout[rows],
            }
        )
    return episodes


def write_minari_folder(folder: Path, episodes: list[Columns], **metadata: Any) -> Path:
    (folder / "data").mkdir(parents=True)
    with h5py.File(folder / "data" / "main_data.hdf5", "w") as file:
        for number, columns in enumerate(episodes):
            for name, array in columns.items():
                file[f"episode_{number}/{name}"] = array
    said = {
        "total_episodes": len(episodes),
        "total_steps": sum(len(e["rewards"]) for e in episodes),
    }
    (folder / "data" / "metadata.json").write_text(
        json.dumps({**said, "data_format": "hdf5", **metadata})
    )
    return folder


def imported(path: Path, format: str, **allowed: Any) -> Trajectories:
    return import_source(Source(str(path), format, **allowed), TASK)


def refused(path: Path, format: str, **allowed: Any) -> str:
    """What the import of `path` says: one line that names it, and nothing was
    written."""
    before = files_below(path.parent)
    with pytest.raises(DataError) as caught:
        imported(path, format, **allowed)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 1_000
    assert files_below(path.parent) == before
    return message


def files_below(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def same(found: Trajectories, expected: Trajectories) -> None:
    """Equal columns, bit for bit, and no others."""
    assert set(found.arrays()) == set(expected.arrays())
    for name, array in expected.arrays().items():
        assert getattr(found, name).dtype == array.dtype, name
        np.testing.assert_array_equal(getattr(found, name), array, err_msg=name)
